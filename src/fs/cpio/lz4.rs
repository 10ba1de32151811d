//! The legacy frame of lz4 (lz4_Frame_format.md, "Legacy frame"): each block follows its length, and the first short block is the
//! last.

use std::io::{self, BufRead};

use super::blocks::{Blocks, Source};

/// The magic number, little-endian.
const MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// Decompressed size of a block in bytes, and the limit for its compressed size.
const BLOCK: usize = 8 << 20;
const MOST: usize = BLOCK + BLOCK / 255 + 16;

/// A legacy frame.
pub(super) struct Lz4<'i> {
    input: &'i mut dyn BufRead,
    /// Whether the last block has been read.
    last: bool,
}

impl<'i> Lz4<'i> {
    /// The decompressed bytes of a frame.
    pub(super) fn open(input: &'i mut dyn BufRead) -> io::Result<Blocks<Self>> {
        let mut magic = [0; 4];
        input.read_exact(&mut magic)?;
        Ok(Blocks::of(Self { input, last: false }))
    }
}

impl Source for Lz4<'_> {
    fn fill(&mut self, block: &mut Vec<u8>) -> io::Result<()> {
        if self.last {
            return Ok(());
        }
        let buffer = self.input.fill_buf()?;
        // Padding or the next archive ends the frame. Another frame continues it.
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
        block.resize(BLOCK, 0);
        let made = lz4_flex::block::decompress_into(&stored, block).map_err(io::Error::other)?;
        block.truncate(made);
        self.last = made < BLOCK;
        Ok(())
    }
}
