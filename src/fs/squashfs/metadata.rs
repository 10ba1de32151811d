//! Metadata blocks: inodes, directories and lookup tables are divided into blocks of 8 KiB, each compressed separately.

use std::sync::Arc;

use super::cache::Cache;
use super::compression::Compression;
use crate::error::{Error, Place, Result, Work};
use crate::image::Region;
use crate::parse::{Parsed, little16, little64, parse};

/// Length of a decompressed metadata block in bytes (`SQUASHFS_METADATA_SIZE`). Only the last block of a table is shorter.
pub(super) const BLOCK_LENGTH: u16 = 8192;

/// The bit of a metadata block's header that marks the block as stored uncompressed.
const UNCOMPRESSED: u16 = 1 << 15;

/// Limit for the records that [`Cursor::record`] reads, in bytes. The inode of an extended file has 40.
const RECORD_LIMIT: usize = 64;

/// Limit for decompressed blocks kept. Their 8 MiB hold all metadata of more than 100,000 files.
const BLOCKS_KEPT: usize = 1024;

/// The metadata blocks of an archive, decompressed when first needed.
#[derive(Debug)]
pub(super) struct Metadata<'a> {
    region: Region<'a>,
    compression: Compression,
    cache: Cache<Block>,
}

/// A decompressed metadata block.
#[derive(Debug)]
struct Block {
    /// First byte of the next block, counted from the start of the archive.
    next: u64,
    /// First byte, counted from the start of the image. Used in messages.
    address: u64,
    bytes: Vec<u8>,
}

/// A lookup table: records of the same length in metadata blocks, and an index of those blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Its name in errors.
    pub(super) name: &'static str,
    /// First byte of the index, counted from the start of the archive.
    pub(super) start: u64,
    /// Number of records.
    pub(super) count: u32,
    /// Length of a record in bytes, a divisor of [`BLOCK_LENGTH`].
    pub(super) record: u16,
}

impl<'a> Metadata<'a> {
    pub(super) fn new(region: Region<'a>, compression: Compression) -> Self {
        Self { region, compression, cache: Cache::sharded(BLOCKS_KEPT) }
    }

    /// Starts reading at byte `offset` of the metadata block at `start`. Reading continues in the following blocks up to
    /// `end`, the end of the table.
    pub(super) fn cursor(&self, start: u64, end: u64, offset: u16) -> Result<Cursor<'_>> {
        let malformed = |place| Error::Malformed { structure: "metadata block", field: "reference", place };
        if start >= end {
            return Err(malformed(self.region.place(start)));
        }
        let block = self.block(start)?;
        let cursor = Cursor { metadata: self, offset: usize::from(offset), end, block };
        if cursor.offset > cursor.block.bytes.len() {
            return Err(malformed(cursor.place()));
        }
        Ok(cursor)
    }

    /// Reads one record of a lookup table: eight bytes of its index, and one metadata block. `None`
    /// if the number is past the last record.
    pub(super) fn lookup<T>(
        &self,
        table: Table,
        number: u32,
        record: impl Fn(&[u8]) -> Parsed<'_, T>,
    ) -> Result<Option<T>> {
        if number >= table.count {
            return Ok(None);
        }
        let at = u64::from(number) * u64::from(table.record);
        let block = at / u64::from(BLOCK_LENGTH);
        let offset = u16::try_from(at % u64::from(BLOCK_LENGTH)).unwrap_or(0);
        let entry = table.start.saturating_add(8 * block);
        let bytes = self.region.bytes(table.name, entry, 8)?;
        let start = parse(table.name, &self.region.place(entry), &bytes, little64)?;
        // A lookup table ends where its index begins.
        let mut cursor = self.cursor(start, table.start, offset)?;
        cursor.record(table.name, usize::from(table.record), record).map(Some)
    }

    /// Number of blocks in the cache.
    #[cfg(test)]
    pub(super) fn decompressed(&self) -> usize {
        self.cache.len()
    }

    /// The starts of the metadata blocks from `start` to `end`. Only their headers are read, up to the first damaged one.
    pub(super) fn starts(&self, mut start: u64, end: u64) -> Vec<u64> {
        let mut starts = Vec::new();
        while start < end {
            let mut header = [0; 2];
            if self.region.read_at(start, &mut header).ok() != Some(header.len()) {
                break;
            }
            starts.push(start);
            let length = u16::from_le_bytes(header) & !UNCOMPRESSED;
            if length == 0 || length > BLOCK_LENGTH {
                break;
            }
            start = start.saturating_add(2 + u64::from(length));
        }
        starts
    }

    /// The block at `start`.
    fn block(&self, start: u64) -> Result<Arc<Block>> {
        self.cache.get(start, || self.read(start))
    }

    fn read(&self, start: u64) -> Result<Block> {
        let place = self.region.place(start);
        let malformed = |field| Error::Malformed { structure: "metadata block", field, place: place.clone() };
        self.region.charge((Work::Metadata, BLOCK_LENGTH.into()), &|| place.clone())?;
        let header = self.region.bytes("metadata block", start, 2)?;
        let header = parse("metadata block", &place, &header, little16)?;
        let length = header & !UNCOMPRESSED;
        if length == 0 || length > BLOCK_LENGTH {
            return Err(malformed("length"));
        }
        let stored = self.region.bytes("metadata block", start.saturating_add(2), u64::from(length))?;
        let bytes = if header & UNCOMPRESSED == 0 {
            let mut bytes = vec![0; usize::from(BLOCK_LENGTH)];
            let length = self.compression.decompress(("metadata block", place.clone()), &stored, &mut bytes)?;
            bytes.truncate(length);
            bytes
        } else {
            stored.into_owned()
        };
        if bytes.is_empty() {
            return Err(malformed("compressed data")); // a chain of these would lead nowhere
        }
        let address = if let Place::Byte(address) = place { address } else { start };
        Ok(Block { next: start.saturating_add(2 + u64::from(length)), address, bytes })
    }
}

/// Reads from a byte of a metadata block, across block boundaries, to the end of the table.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'m> {
    metadata: &'m Metadata<'m>,
    block: Arc<Block>,
    /// How many bytes of the block have been read.
    offset: usize,
    /// End of the table, counted from the start of the archive.
    end: u64,
}

impl Cursor<'_> {
    /// The place of the next byte.
    pub(super) fn place(&self) -> Place {
        Place::Metadata { block: self.block.address, offset: u64::try_from(self.offset).unwrap_or(u64::MAX) }
    }

    /// Reads a record of fixed length. If an error names a field past the end of the record's first metadata block, the field
    /// is in the next block.
    pub(super) fn record<T>(
        &mut self,
        structure: &'static str,
        length: usize,
        record: impl Fn(&[u8]) -> Parsed<'_, T>,
    ) -> Result<T> {
        if let Some(bytes) = self.block.bytes.get(self.offset..self.offset.saturating_add(length)) {
            let value = parse(structure, &self.place(), bytes, record)?;
            self.offset += length;
            return Ok(value);
        }
        let place = self.place();
        let mut joined = Vec::with_capacity(RECORD_LIMIT);
        self.append(structure, length, &mut joined)?;
        parse(structure, &place, &joined, record)
    }

    /// Appends `length` bytes to `output`. The buffer grows only as bytes are found.
    pub(super) fn append(&mut self, structure: &'static str, length: usize, output: &mut Vec<u8>) -> Result<()> {
        let place = self.place();
        let mut wanted = length;
        loop {
            let rest = self.block.bytes.get(self.offset..).unwrap_or_default();
            let part = rest.get(..wanted).unwrap_or(rest);
            output.extend_from_slice(part);
            self.offset += part.len();
            wanted -= part.len();
            if wanted == 0 {
                return Ok(());
            }
            if self.block.next >= self.end {
                return Err(Error::Malformed { structure, field: "length, past the end of its table", place });
            }
            self.block = self.metadata.block(self.block.next)?;
            self.offset = 0;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::image::Source;
    use crate::parse::{little32, uint8};

    /// Stores each part as an uncompressed metadata block.
    pub(in crate::fs::squashfs) fn blocks(parts: &[&[u8]]) -> Source {
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend((UNCOMPRESSED | u16::try_from(part.len()).unwrap()).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        Source::memory(bytes)
    }

    pub(in crate::fs::squashfs) fn metadata(source: &Source) -> Metadata<'_> {
        Metadata::new(Region::whole(source), Compression::Unknown(0))
    }

    fn message<T>(result: Result<T>) -> String {
        result.err().map_or_else(|| "no error".to_owned(), |error| error.to_string())
    }

    #[test]
    fn a_record_reads_on_in_the_next_block() {
        let source = blocks(&[&[1, 2, 3], &[4, 5, 6, 7]]);
        let metadata = metadata(&source);
        let mut cursor = metadata.cursor(0, 11, 1).unwrap();
        assert_eq!(cursor.record("record", 4, little32).unwrap(), 0x0504_0302);
        assert_eq!(cursor.place(), Place::Metadata { block: 5, offset: 2 });
        assert_eq!(cursor.record("record", 1, uint8).unwrap(), 6);
        assert_eq!(metadata.cache.len(), 2);
    }

    #[test]
    fn a_chain_ends_with_its_table() {
        let source = blocks(&[&[1, 2, 3], &[4, 5, 6, 7]]);
        let metadata = metadata(&source);
        let mut cursor = metadata.cursor(0, 5, 1).unwrap();
        assert_eq!(
            message(cursor.record("record", 4, little32)),
            "record at 0x0+0x1: invalid length, past the end of its table"
        );
        assert_eq!(message(metadata.cursor(5, 5, 0)), "metadata block at 0x5: invalid reference");
        assert_eq!(message(metadata.cursor(5, 11, 5)), "metadata block at 0x5+0x5: invalid reference");
    }

    #[test]
    fn a_length_that_no_table_has_allocates_nothing() {
        let source = blocks(&[&[1, 2, 3]]);
        let metadata = metadata(&source);
        let mut output = Vec::new();
        assert!(metadata.cursor(0, 5, 0).unwrap().append("name", usize::MAX, &mut output).is_err());
        assert_eq!(output, [1, 2, 3]);
    }

    #[test]
    fn a_block_that_cannot_be_one_is_refused() {
        let cases: [(&[u8], &str); 6] = [
            (&[0, 0, 1], "metadata block at 0x0: invalid length"),
            (&[0, 0x80, 1], "metadata block at 0x0: invalid length"),
            (&[1, 0xa0, 1], "metadata block at 0x0: invalid length"),
            (&[4, 0x80, 1], "metadata block at 0x2: truncated, needs 4 bytes, 1 are there"),
            (&[1], "metadata block at 0x0: truncated, needs 2 bytes, 1 are there"),
            (&[1, 0, 1], "squashfs compression 0 at 0x0: not supported"),
        ];
        for (bytes, expected) in cases {
            let source = Source::memory(bytes.to_vec());
            assert_eq!(message(metadata(&source).cursor(0, 9, 0)), expected);
        }
        let source = Source::memory(vec![1, 0, 1]);
        let gzip = Metadata::new(Region::whole(&source), Compression::Gzip);
        assert_eq!(message(gzip.cursor(0, 9, 0)), "metadata block at 0x0: invalid compressed data");
    }

    #[test]
    fn a_lookup_table_is_read_at_one_block_of_its_index() {
        let first: Vec<u8> = (0..2048_u32).flat_map(u32::to_le_bytes).collect();
        let second: Vec<u8> = (2048..2050_u32).flat_map(u32::to_le_bytes).collect();
        let blocks = blocks(&[&first, &second]);
        let mut bytes = Region::whole(&blocks).bytes("blocks", 0, blocks.length()).unwrap().into_owned();
        bytes.extend([0_u64, 8194].into_iter().flat_map(u64::to_le_bytes));
        let source = Source::memory(bytes);
        let metadata = metadata(&source);
        let table = Table { name: "id table", start: blocks.length(), count: 2050, record: 4 };
        assert_eq!(metadata.lookup(table, 2049, little32).unwrap(), Some(2049));
        assert_eq!(metadata.cache.len(), 1);
        assert_eq!(metadata.lookup(table, 2047, little32).unwrap(), Some(2047));
        assert_eq!(metadata.lookup(table, 2050, little32).unwrap(), None);
        let truncated = Table { count: 9999, ..table };
        assert_eq!(
            message(metadata.lookup(truncated, 4096, little32)),
            "id table at 0x201c: truncated, needs 8 bytes, 0 are there"
        );
    }
}
