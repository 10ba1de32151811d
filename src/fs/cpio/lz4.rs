//! The legacy frame of lz4 (lz4_Frame_format.md, "Legacy frame"): blocks behind their lengths, up to one that is short.

use std::io::{self, BufRead, Read};

/// The magic number, little-endian.
const MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// Bytes of a block, decompressed, and the most that it can have compressed.
const BLOCK: usize = 8 << 20;
const MOST: usize = BLOCK + BLOCK / 255 + 16;

/// Decompresses a legacy frame.
pub(super) struct Lz4<'i> {
    input: &'i mut dyn BufRead,
    block: Vec<u8>,
    at: usize,
    last: bool,
}

impl<'i> Lz4<'i> {
    pub(super) fn new(input: &'i mut dyn BufRead) -> io::Result<Self> {
        let mut magic = [0; 4];
        input.read_exact(&mut magic)?;
        Ok(Self { input, block: Vec::new(), at: 0, last: false })
    }

    fn next_block(&mut self) -> io::Result<()> {
        (self.at, self.last) = (0, true);
        self.block.clear();
        let buffer = self.input.fill_buf()?;
        // Padding or the next archive ends the frame; another frame goes on.
        if buffer.is_empty() || buffer.starts_with(&[0]) && buffer.iter().take(4).all(|&byte| byte == 0) {
            return Ok(());
        }
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        if length == MAGIC {
            self.input.read_exact(&mut length)?;
        }
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > MOST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut stored = vec![0; length];
        self.input.read_exact(&mut stored)?;
        self.block.resize(BLOCK, 0);
        let made = lz4_flex::block::decompress_into(&stored, &mut self.block).map_err(io::Error::other)?;
        self.block.truncate(made);
        self.last = made < BLOCK;
        Ok(())
    }
}

impl Read for Lz4<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && !self.last {
            self.next_block()?;
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.at += read;
        Ok(read)
    }
}
