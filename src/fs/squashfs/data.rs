//! The contents of files: consecutive data blocks, and a tail that may share a fragment block with other
//! files.

use std::borrow::Cow;
use std::sync::{Mutex, PoisonError};

use nom::Parser;
use nom::combinator::verify;

use super::Archive;
use super::inode::{Body, File};
use super::metadata::{Cursor, Table};
use crate::error::{Error, Result};
use crate::fs::NodeId;
use crate::parse::{Parsed, field, little32, little64};

/// The bit of a block's size that marks the block as stored uncompressed (`SQUASHFS_COMPRESSED_BIT_BLOCK`).
const UNCOMPRESSED: u32 = 1 << 24;

/// How the contents of a file are stored.
#[derive(Clone, Debug)]
pub struct FileData<'s> {
    /// Length of the contents in bytes.
    pub size: u64,
    /// The data blocks, in the order of the contents.
    pub blocks: Blocks<'s>,
    /// The rest of the contents after the data blocks.
    pub fragment: Option<Fragment>,
}

/// A range of bytes in the archive that is decompressed as a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// First byte, counted from the start of the archive. [`Archive::place`] converts it to a place in the image.
    pub start: u64,
    /// Length in bytes in the archive.
    pub length: u32,
    /// Whether they are compressed.
    pub compressed: bool,
}

/// A block of a file's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataBlock {
    /// Where it is stored. A block with length zero is sparse: all zeros, and not stored.
    pub stored: Stored,
    /// Length of the contents in bytes.
    pub size: u32,
}

/// The decompressed part of a fragment block. Many are read for one small file. The second request decompresses the whole block.
#[derive(Debug, Default)]
pub(super) enum Known {
    #[default]
    Nothing,
    Part(Fragment, Vec<u8>),
    Whole(Vec<u8>),
}

impl Known {
    fn find(&self, fragment: Fragment) -> Option<&[u8]> {
        match self {
            Self::Part(known, part) if *known == fragment => Some(part),
            Self::Nothing | Self::Part(..) => None,
            Self::Whole(block) => {
                let start = fragment.offset as usize;
                block.get(start..start.saturating_add(fragment.size as usize))
            }
        }
    }
}

/// A part of a fragment block: the end of a file, or all of a small file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fragment {
    /// Number of the fragment block in the fragment table.
    pub number: u32,
    /// First byte in the decompressed block.
    pub offset: u32,
    /// Length in bytes, less than that of a data block.
    pub size: u32,
}

impl Archive<'_> {
    /// How the contents of the regular file at `file` are stored. This reads no data.
    ///
    /// # Errors
    /// If the node is not a regular file, or its inode cannot be read.
    pub fn blocks(&self, file: NodeId) -> Result<FileData<'_>> {
        let inode = self.inode(file)?;
        let Body::File(File { start, size, fragment, .. }) = inode.body else {
            return Err(inode.mistyped("type, not a regular file"));
        };
        let block_size = self.superblock.block_size;
        // The remainder is less than a block size, which is a u32.
        let end = u32::try_from(size % u64::from(block_size)).unwrap_or(0);
        let fragment = fragment.filter(|_| end > 0).map(|(number, offset)| Fragment { number, offset, size: end });
        let left = size - fragment.map_or(0, |fragment| u64::from(fragment.size));
        Ok(FileData { size, blocks: Blocks { sizes: inode.tail, start, left, block_size }, fragment })
    }

    /// Where the fragment block with this number is stored.
    ///
    /// # Errors
    /// If there is no such block, or the fragment table cannot be read.
    pub fn fragment(&self, number: u32) -> Result<Stored> {
        let (start, count) = (self.superblock.fragment_table, self.superblock.fragments);
        let table = Table { name: "fragment table", start, count, record: 16 };
        let stored = self.metadata.lookup(table, number, |input| fragment_entry(input, self.superblock.block_size))?;
        stored.ok_or_else(|| {
            let place = self.region.place(start);
            Error::Malformed { structure: "fragment table", field: "index, used by an inode", place }
        })
    }

    /// Decompresses a data block. Uncompressed bytes are borrowed from the image if possible. Others are written
    /// to `buffer`, which is best reused.
    ///
    /// # Errors
    /// If it cannot be read or decompressed, or has the wrong length.
    pub fn data_block<'b>(&'b self, block: DataBlock, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]> {
        Ok(self.lend_or_fill(block, buffer)?.unwrap_or(buffer))
    }

    /// As [`Self::data_block`]. `None` means that the contents are in the buffer.
    pub(super) fn lend_or_fill(&self, block: DataBlock, buffer: &mut Vec<u8>) -> Result<Option<&[u8]>> {
        let DataBlock { stored, size } = block;
        if stored.length == 0 {
            buffer.clear();
            buffer.resize(size as usize, 0);
            return Ok(None);
        }
        let lent = self.decompress("data block", stored, size, buffer)?;
        if lent.map_or(buffer.len(), <[u8]>::len) == size as usize {
            return Ok(lent);
        }
        let place = self.region.place(stored.start);
        Err(Error::Malformed { structure: "data block", field: "length", place })
    }

    /// Decompresses a fragment block, as [`Self::data_block`] does.
    ///
    /// # Errors
    /// If it cannot be read or decompressed.
    pub fn fragment_block<'b>(&'b self, stored: Stored, buffer: &'b mut Vec<u8>) -> Result<&'b [u8]> {
        let lent = self.decompress("fragment block", stored, self.superblock.block_size, buffer)?;
        Ok(lent.unwrap_or(buffer))
    }

    /// The bytes of a fragment in an uncompressed block, borrowed from the image if possible. The rest of the
    /// block is not read.
    ///
    /// # Errors
    /// If the fragment ends past its block, or cannot be read.
    pub fn fragment_part(&self, stored: Stored, fragment: Fragment) -> Result<Cow<'_, [u8]>> {
        let (offset, size) = (u64::from(fragment.offset), u64::from(fragment.size));
        if offset.saturating_add(size) > u64::from(stored.length) {
            let place = self.region.place(stored.start);
            return Err(Error::Malformed { structure: "fragment block", field: "length, a file ends past it", place });
        }
        self.region.bytes("fragment block", stored.start.saturating_add(offset), size)
    }

    /// The bytes of a fragment, from a cache of the last few blocks. If several threads need the same block at the same time, all
    /// but the first wait: a block may be 1 MiB.
    ///
    /// # Errors
    /// If the block cannot be read or decompressed, or the fragment ends past it.
    pub(super) fn cached_fragment(&self, fragment: Fragment) -> Result<Vec<u8>> {
        let known = self.fragments.get(u64::from(fragment.number), || Ok(Mutex::default()))?;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = known.find(fragment) {
            return Ok(part.to_vec());
        }
        let stored = self.fragment(fragment.number)?;
        if let Known::Nothing = *known
            && let Some(part) = self.first_part(stored, fragment)?
        {
            *known = Known::Part(fragment, part.clone());
            return Ok(part);
        }
        let mut block = Vec::new();
        if let Some(lent) = self.decompress("fragment block", stored, self.superblock.block_size, &mut block)? {
            block.extend_from_slice(lent);
        }
        *known = Known::Whole(block);
        known.find(fragment).map(<[u8]>::to_vec).ok_or_else(|| {
            let place = self.region.place(stored.start);
            Error::Malformed { structure: "fragment block", field: "length, a file ends past it", place }
        })
    }

    /// A fragment without the rest of its block, if that is cheaper.
    fn first_part(&self, stored: Stored, fragment: Fragment) -> Result<Option<Vec<u8>>> {
        if !stored.compressed {
            return self.fragment_part(stored, fragment).map(|part| Some(part.into_owned()));
        }
        let packed = self.region.bytes("fragment block", stored.start, u64::from(stored.length))?;
        let mut part = vec![0; fragment.size as usize];
        let there = self.superblock.compression.decompress_part(&packed, fragment.offset as usize, &mut part);
        Ok(there.then_some(part))
    }

    /// Decompresses up to `limit` bytes into `buffer`, or borrows them if they are uncompressed.
    fn decompress(
        &self,
        structure: &'static str,
        stored: Stored,
        limit: u32,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<&[u8]>> {
        let bytes = self.region.bytes(structure, stored.start, u64::from(stored.length))?;
        if stored.compressed {
            buffer.resize(limit as usize, 0);
            let place = self.region.place(stored.start);
            let length = self.superblock.compression.decompress((structure, place), &bytes, buffer)?;
            buffer.truncate(length);
            return Ok(None);
        }
        match bytes {
            Cow::Borrowed(lent) => Ok(Some(lent)),
            Cow::Owned(read) => {
                *buffer = read;
                Ok(None)
            }
        }
    }
}

/// The data blocks of a file, read one by one from the list that follows its inode.
#[derive(Clone, Debug)]
pub struct Blocks<'s> {
    /// Positioned at the next size in the list.
    sizes: Cursor<'s>,
    /// First byte of the next block, counted from the start of the archive.
    start: u64,
    /// Bytes of the file's contents in the remaining blocks.
    left: u64,
    block_size: u32,
}

impl Blocks<'_> {
    /// Ends the iteration.
    pub(super) fn stop(&mut self) {
        self.left = 0;
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<DataBlock>;

    fn next(&mut self) -> Option<Self::Item> {
        let size = match u32::try_from(self.left) {
            Ok(0) => return None,
            Ok(left) => left.min(self.block_size),
            Err(_) => self.block_size,
        };
        self.left -= u64::from(size);
        let (start, block_size) = (self.start, self.block_size);
        let stored = self.sizes.record("block list", 4, |input| stored(input, start, block_size));
        match &stored {
            Ok(stored) => self.start = start.saturating_add(u64::from(stored.length)),
            Err(_) => self.left = 0, // the start of the next blocks is unknown
        }
        Some(stored.map(|stored| DataBlock { stored, size }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let blocks = self.left.div_ceil(u64::from(self.block_size));
        // A truncated list has fewer blocks, so even the first may be missing.
        (usize::try_from(blocks).unwrap_or(usize::MAX).min(1), usize::try_from(blocks).ok())
    }
}

/// Reads `struct squashfs_fragment_entry`, 16 bytes.
fn fragment_entry(input: &[u8], block_size: u32) -> Parsed<'_, Stored> {
    let (rest, start) = field("start_block", little64).parse(input)?;
    field("size", |input| stored(input, start, block_size)).parse(rest) // four unused bytes follow
}

/// Reads the size of a data block or fragment block that begins at `start`. No block is longer than it was
/// uncompressed.
fn stored(input: &[u8], start: u64, block_size: u32) -> Parsed<'_, Stored> {
    let (rest, size) = verify(little32, |size| size & !UNCOMPRESSED <= block_size).parse(input)?;
    Ok((rest, Stored { start, length: size & !UNCOMPRESSED, compressed: size & UNCOMPRESSED == 0 }))
}
