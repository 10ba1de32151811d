//! Files of lzop: a header, then blocks of LZO with their lengths and checksums, most significant byte first.

use std::io::{self, BufRead, Read};

/// Bytes of the magic number.
const MAGIC: usize = 9;

/// From this version on, the header has more fields.
const LATER: u16 = 0x0940;

/// Flags: checksums of the decompressed and of the compressed bytes (Adler-32, CRC-32), and a filter.
const DECOMPRESSED: [u32; 2] = [0x1, 0x100];
const COMPRESSED: [u32; 2] = [0x2, 0x200];
const FILTER: u32 = 0x800;

/// The longest block that lzop writes has 256 KiB, the longest that it reads 64 MiB; 16 MiB is more than anybody asks for.
const LONGEST: u32 = 16 << 20;

/// Decompresses a file of lzop.
pub(super) struct Lzop<'i> {
    input: &'i mut dyn BufRead,
    flags: u32,
    block: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'i> Lzop<'i> {
    pub(super) fn new(input: &'i mut dyn BufRead) -> io::Result<Self> {
        let mut lzop = Self { input, flags: 0, block: Vec::new(), at: 0, ended: false };
        lzop.skip(MAGIC)?;
        let version = lzop.number16()?;
        lzop.skip(2)?; // the library's version
        if version >= LATER {
            lzop.skip(2)?; // the version that is needed
        }
        lzop.skip(1)?; // the method
        if version >= LATER {
            lzop.skip(1)?; // the level
        }
        lzop.flags = lzop.number32()?;
        if lzop.flags & FILTER != 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        lzop.skip(8)?; // mode and time
        if version >= LATER {
            lzop.skip(4)?; // the time's higher half
        }
        let mut length = [0];
        lzop.input.read_exact(&mut length)?;
        lzop.skip(usize::from(length[0]))?; // the name
        lzop.skip(4)?; // checksum of the header
        Ok(lzop)
    }

    fn skip(&mut self, count: usize) -> io::Result<()> {
        let mut skipped = vec![0; count];
        self.input.read_exact(&mut skipped)
    }

    fn number16(&mut self) -> io::Result<u16> {
        let mut bytes = [0; 2];
        self.input.read_exact(&mut bytes)?;
        Ok(u16::from_be_bytes(bytes))
    }

    fn number32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.input.read_exact(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn next_block(&mut self) -> io::Result<()> {
        self.at = 0;
        self.block.clear();
        let made = self.number32()?;
        if made == 0 {
            self.ended = true;
            return Ok(());
        }
        let stored = self.number32()?;
        if made > LONGEST || stored > made {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let has = |flags: [u32; 2]| flags.into_iter().filter(|flag| self.flags & flag != 0).count();
        let sums = has(DECOMPRESSED) + if stored < made { has(COMPRESSED) } else { 0 };
        self.skip(4 * sums)?;
        let size = |length: u32| usize::try_from(length).unwrap_or(usize::MAX);
        let mut bytes = vec![0; size(stored)];
        self.input.read_exact(&mut bytes)?;
        if stored == made {
            self.block = bytes;
            return Ok(());
        }
        self.block.resize(size(made), 0);
        let done = lzokay::decompress::decompress(&bytes, &mut self.block);
        match done {
            Ok(done) if done == size(made) => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Read for Lzop<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && !self.ended {
            self.next_block()?;
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.at += read;
        Ok(read)
    }
}
