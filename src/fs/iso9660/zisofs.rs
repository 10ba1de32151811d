//! Transparently compressed files: zisofs, and zisofs2 with zlib.

use std::borrow::Cow;
use std::io::{self, Read};

use libdeflater::Decompressor;
use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;

use crate::error::{Error, Result};
use crate::image::Region;
use crate::parse::{Parsed, both32, field, little32, little64, parse, uint8};

/// The ZF entry of a compressed file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Compressed {
    /// Two characters: `pz`, or `PZ` for zisofs2.
    algorithm: [u8; 2],
    /// Binary logarithm of the block size.
    block_log: u8,
    /// Length of the uncompressed contents, in bytes.
    pub(super) size: u64,
}

/// How to find the blocks of a file.
struct Layout {
    /// Where the block pointers begin, in bytes.
    pointers: u64,
    /// Size of a block pointer in bytes.
    width: u64,
}

impl Compressed {
    /// Parses the data of a ZF entry. Version 2 widens the size to 64 bits, little-endian.
    pub(super) fn parse(input: &[u8]) -> Parsed<'_, Self> {
        let (input, (first, second, _, block_log)) = (
            field("algorithm", uint8), // BP 5
            field("algorithm", uint8),
            field("header size", uint8), // BP 7, in units of four bytes
            field("block size", uint8),  // BP 8
        )
            .parse(input)?;
        let algorithm = [first, second];
        let (rest, size) = match &algorithm {
            b"pz" => field("uncompressed size", both32.map(u64::from)).parse(input)?, // BP 9
            _ => field("uncompressed size", little64).parse(input)?,
        };
        Ok((rest, Self { algorithm, block_log, size }))
    }

    /// Opens the compressed `contents`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for other algorithms, [`Error::Malformed`] if the beginning of the contents contradicts the
    /// entry.
    pub(super) fn open<'a>(&self, contents: Region<'a>) -> Result<ZisofsReader<'a>> {
        let place = contents.place(0);
        let layout = match &self.algorithm {
            b"pz" => {
                let bytes = contents.bytes("zisofs header", 0, 16)?;
                parse("zisofs header", &place, &bytes, |input| self.header(input))?
            }
            b"PZ" => {
                let bytes = contents.bytes("zisofs2 header", 0, 24)?;
                parse("zisofs2 header", &place, &bytes, |input| self.second_header(input))?
            }
            other => {
                let what = Cow::Owned(format!("zisofs algorithm {}", other.escape_ascii()));
                return Err(Error::Unsupported { what, place });
            }
        };
        Ok(ZisofsReader {
            contents,
            layout,
            block_size: 1 << self.block_log,
            left: self.size,
            block: 0,
            decompressor: Decompressor::new(),
            buffer: Vec::new(),
            read: 0,
        })
    }

    /// Parses the header before the block pointers. It repeats the entry. Linux uses this block size.
    fn header<'s>(&self, input: &'s [u8]) -> Parsed<'s, Layout> {
        let block_log = |log: &u8| *log == self.block_log && (15..=17).contains(log);
        let (rest, (_, _, header_size, _, _)) = (
            field("magic", tag(&b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07"[..])), // byte 0
            field("uncompressed size", verify(little32, |size| u64::from(*size) == self.size)), // byte 8
            field("header size", uint8),                                   // byte 12, in units of four bytes
            field("block size", verify(uint8, block_log)),                 // byte 13
            field("reserved", take(2usize)),                               // byte 14
        )
            .parse(input)?;
        Ok((rest, Layout { pointers: u64::from(header_size) * 4, width: 4 }))
    }

    /// The same for zisofs2, with blocks of up to a mebibyte.
    fn second_header<'s>(&self, input: &'s [u8]) -> Parsed<'s, Layout> {
        let block_log = |log: &u8| *log == self.block_log && (15..=20).contains(log);
        let (rest, (_, _, header_size, _, _, _, _)) = (
            field("magic", tag(&b"\xef\x22\x55\xa1\xbc\x1b\x95\xa0"[..])), // byte 0
            field("reserved", uint8),                                      // byte 8
            field("header size", uint8),                                   // byte 9, in units of four bytes
            field("algorithm", verify(uint8, |number| *number == 1)),      // byte 10
            field("block size", verify(uint8, block_log)),                 // byte 11
            field("uncompressed size", verify(little64, |size| *size == self.size)), // byte 12
            field("reserved", take(4usize)),                               // byte 20
        )
            .parse(input)?;
        Ok((rest, Layout { pointers: u64::from(header_size) * 4, width: 8 }))
    }
}

impl Layout {
    fn pointer<'s>(&self, input: &'s [u8]) -> Parsed<'s, u64> {
        match self.width {
            4 => little32.map(u64::from).parse(input),
            _ => little64(input),
        }
    }
}

/// Reads a compressed file block by block.
pub(super) struct ZisofsReader<'a> {
    contents: Region<'a>,
    layout: Layout,
    /// Uncompressed size of a block in bytes. The last block may be shorter.
    block_size: u64,
    /// Uncompressed bytes not yet decompressed.
    left: u64,
    /// Number of the next block.
    block: u64,
    decompressor: Decompressor,
    buffer: Vec<u8>,
    /// Bytes already read from the buffer.
    read: usize,
}

impl ZisofsReader<'_> {
    /// Decompresses the next block into the buffer. One pointer gives its beginning, the next one its end.
    fn fill(&mut self) -> Result<()> {
        let wanted = self.left.min(self.block_size);
        let at = self.layout.pointers + self.block * self.layout.width;
        let pair = self.contents.bytes("zisofs block pointers", at, 2 * self.layout.width)?;
        let place = self.contents.place(at);
        let pointer = |input| self.layout.pointer(input);
        let (start, end) = parse("zisofs block pointers", &place, &pair, (pointer, pointer))?;
        let malformed = |field, place| Error::Malformed { structure: "zisofs block", field, place };
        let length = end.checked_sub(start).filter(|length| *length <= 2 * self.block_size);
        let Some(length) = length else { return Err(malformed("length", place)) };
        self.buffer.resize(usize::try_from(wanted).unwrap_or(0), 0);
        if length > 0 {
            // An empty block means zeros.
            let packed = self.contents.bytes("zisofs block", start, length)?;
            let filled = self.decompressor.zlib_decompress(&packed, &mut self.buffer);
            if filled != Ok(self.buffer.len()) {
                return Err(malformed("compressed data", self.contents.place(start)));
            }
        }
        self.block += 1;
        self.left -= wanted;
        Ok(())
    }
}

impl Read for ZisofsReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.buffer.len() && self.left > 0 {
            self.buffer.clear();
            self.read = 0;
            if let Err(error) = self.fill() {
                self.buffer.clear();
                self.left = 0;
                return Err(error.into());
            }
        }
        let mut rest = self.buffer.get(self.read..).unwrap_or_default();
        let length = rest.read(buffer)?;
        self.read += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use libdeflater::{CompressionLvl, Compressor};

    use super::*;
    use crate::image::Source;

    /// A file with a block of letters, a block of zeros, and a short block of digits.
    fn file() -> (Vec<u8>, Vec<u8>) {
        let plain = [vec![b'a'; 32768], vec![0; 32768], b"0123456789".to_vec()].concat();
        let pack = |bytes: &[u8]| {
            let mut compressor = Compressor::new(CompressionLvl::default());
            let mut packed = vec![0; compressor.zlib_compress_bound(bytes.len())];
            let length = compressor.zlib_compress(bytes, &mut packed).unwrap();
            packed.truncate(length);
            packed
        };
        let (first, last) = (pack(&plain[..32768]), pack(&plain[65536..]));
        let start = 32;
        let middle = start + u32::try_from(first.len()).unwrap();
        let end = middle + u32::try_from(last.len()).unwrap();
        let mut file = b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07".to_vec();
        file.extend(u32::try_from(plain.len()).unwrap().to_le_bytes());
        file.extend([4, 15, 0, 0]);
        file.extend([start, middle, middle, end].map(u32::to_le_bytes).concat());
        (plain, [file, first, last].concat())
    }

    fn entry(algorithm: [u8; 2], size: u64) -> Compressed {
        Compressed { algorithm, block_log: 15, size }
    }

    fn read(packed: Vec<u8>, entry: &Compressed) -> std::result::Result<Vec<u8>, String> {
        let source = Source::memory(packed);
        let mut reader = entry.open(Region::whole(&source)).map_err(|error| error.to_string())?;
        let mut plain = Vec::new();
        reader.read_to_end(&mut plain).map_err(|error| error.to_string())?;
        Ok(plain)
    }

    #[test]
    fn blocks_are_decompressed_and_a_block_without_bytes_is_one_of_zeros() {
        let (plain, packed) = file();
        assert_eq!(read(packed, &entry(*b"pz", 65546)), Ok(plain));
    }

    #[test]
    fn contents_that_do_not_fit_their_entry_are_malformed() {
        let (_, packed) = file();
        let wrong_size = read(packed.clone(), &entry(*b"pz", 65547));
        assert_eq!(wrong_size.unwrap_err(), "zisofs header at 0x8: invalid uncompressed size");
        let mut plain = packed.clone();
        plain[0] = 0;
        assert_eq!(read(plain, &entry(*b"pz", 65546)).unwrap_err(), "zisofs header at 0x0: invalid magic");
        let mut broken = packed.clone();
        broken[40] ^= 0xff;
        assert_eq!(read(broken, &entry(*b"pz", 65546)).unwrap_err(), "zisofs block at 0x20: invalid compressed data");
        let mut backwards = packed;
        backwards[20..24].copy_from_slice(&[0; 4]);
        assert_eq!(read(backwards, &entry(*b"pz", 65546)).unwrap_err(), "zisofs block at 0x10: invalid length");
    }

    #[test]
    fn other_algorithms_are_not_supported() {
        let error = read(file().1, &entry(*b"XZ", 65546)).unwrap_err();
        assert_eq!(error, "zisofs algorithm XZ at 0x0: not supported");
    }

    #[test]
    fn the_second_version_counts_in_64_bits() {
        let (_, entry) = Compressed::parse(b"PZ\x06\x0f\0\0\0\0\x01\0\0\0").unwrap();
        assert_eq!(entry.size, 1 << 32);
        let (plain, packed) = file();
        let mut wide = b"\xef\x22\x55\xa1\xbc\x1b\x95\xa0\0\x06\x01\x0f".to_vec();
        wide.extend(65546u64.to_le_bytes());
        wide.extend([0; 4]);
        for pointer in packed[16..32].as_chunks::<4>().0 {
            wide.extend((u64::from(u32::from_le_bytes(*pointer)) + 24).to_le_bytes());
        }
        wide.extend(&packed[32..]);
        assert_eq!(read(wide, &self::entry(*b"PZ", 65546)), Ok(plain));
    }
}
