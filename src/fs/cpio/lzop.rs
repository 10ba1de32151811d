//! lzop files: a header, then blocks of LZO with their lengths and checksums, all numbers big-endian.

use std::io::{self, BufRead};

use super::blocks::{Blocks, Source};

/// Length of the magic number in bytes.
const MAGIC: usize = 9;

/// Beginning with this version, the header has more fields.
const LATER: u16 = 0x0940;

/// Flags: checksums of the decompressed and of the compressed bytes (Adler-32, CRC-32), and a filter.
const DECOMPRESSED: [u32; 2] = [0x1, 0x100];
const COMPRESSED: [u32; 2] = [0x2, 0x200];
const FILTER: u32 = 0x800;

/// The longest block, in bytes. lzop writes at most 256 KiB and reads up to 64 MiB. 16 MiB is more than any real file uses.
const LONGEST: u32 = 16 << 20;

/// An lzop file.
pub(super) struct Lzop<'i> {
    input: &'i mut dyn BufRead,
    flags: u32,
}

impl<'i> Lzop<'i> {
    /// The decompressed bytes of a file.
    pub(super) fn open(input: &'i mut dyn BufRead) -> io::Result<Blocks<Self>> {
        let mut lzop = Self { input, flags: 0 };
        lzop.skip(MAGIC)?;
        let version = lzop.number16()?;
        lzop.skip(2)?; // the library's version
        if version >= LATER {
            lzop.skip(2)?; // the required version
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
            lzop.skip(4)?; // the high half of the time
        }
        let mut length = [0];
        lzop.input.read_exact(&mut length)?;
        lzop.skip(usize::from(length[0]))?; // the name
        lzop.skip(4)?; // checksum of the header
        Ok(Blocks::of(lzop))
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
}

impl Source for Lzop<'_> {
    fn fill(&mut self, block: &mut Vec<u8>) -> io::Result<()> {
        let made = self.number32()?;
        if made == 0 {
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
            *block = bytes;
            return Ok(());
        }
        block.resize(size(made), 0);
        let done = lzokay::decompress::decompress(&bytes, block);
        match done {
            Ok(done) if done == size(made) => Ok(()),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}
