//! Directories: runs of entries that share a header, and behind an extended directory's inode an index of such runs.

use nom::Parser;
use nom::combinator::verify;

use super::inode::Directory;
use super::metadata::{BLOCK_LENGTH, Cursor, Metadata};
use crate::error::{Error, Result};
use crate::fs::{Entry, FileType, NodeId};
use crate::parse::{Parsed, field, little16, little32, refuse};

/// Most entries behind one header (`SQUASHFS_DIR_COUNT`).
const ENTRIES_OF_A_RUN: u32 = 256;

/// Longest name in bytes (`SQUASHFS_NAME_LEN`).
const NAME_LIMIT: u16 = 256;

/// Longest listing in bytes: 200,000 store paths in one directory. Only a made-up image asks for more.
const LISTING_LIMIT: u32 = 16 << 20;

/// What `file_size` counts for `.` and `..`, which are not stored.
const DOTS: u32 = 3;

/// The metadata blocks that hold the listings of all directories.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirectoryTable<'m> {
    pub(super) metadata: &'m Metadata<'m>,
    /// First metadata block, counted in bytes from the start of the archive.
    pub(super) start: u64,
    /// End of the table, likewise.
    pub(super) end: u64,
}

impl<'m> DirectoryTable<'m> {
    /// All entries in the order of their names. They are stored in that order, but only if the writer kept to it.
    pub(super) fn entries(&self, directory: Directory) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let Some(mut listing) = self.listing(directory, &Section::whole(directory))? else { return Ok(entries) };
        let mut name = Vec::new();
        while let Some((id, file_type)) = listing.next(&mut name)? {
            entries.push(Entry { name: name.clone(), id, file_type });
        }
        if !entries.is_sorted_by(|one, next| one.name <= next.name) {
            entries.sort_by(|one, next| one.name.cmp(&next.name));
        }
        Ok(entries)
    }

    /// The node called `wanted`. `index` stands at the directory's index: where there is one, only the section of the
    /// listing that should have the name is read.
    ///
    /// Linux trusts the index and the order of names. An index that lies must not hide a file here that
    /// [`Self::entries`] shows: where the section read is not what the index says, the whole listing is searched.
    pub(super) fn lookup(&self, directory: Directory, index: Cursor<'_>, wanted: &[u8]) -> Result<Option<NodeId>> {
        if directory.index > 0 {
            let section = Section::of(wanted, directory, index)?;
            match self.search(directory, &section, wanted) {
                Ok(Answer::Found(id)) => return Ok(Some(id)),
                Ok(Answer::Absent) => return Ok(None),
                Ok(Answer::Misled) | Err(_) => {}
            }
        }
        match self.search(directory, &Section::whole(directory), wanted)? {
            Answer::Found(id) => Ok(Some(id)),
            Answer::Absent | Answer::Misled => Ok(None),
        }
    }

    fn search(&self, directory: Directory, section: &Section, wanted: &[u8]) -> Result<Answer> {
        let Some(mut listing) = self.listing(directory, section)? else { return Ok(Answer::Misled) };
        let mut ordered = true;
        let (mut previous, mut name) = (section.first.clone(), Vec::new());
        while let Some((id, _)) = listing.next(&mut name)? {
            if name == wanted {
                return Ok(Answer::Found(id));
            }
            ordered &= previous <= name && section.next.as_ref().is_none_or(|next| name < *next);
            std::mem::swap(&mut previous, &mut name);
        }
        Ok(if ordered { Answer::Absent } else { Answer::Misled })
    }

    /// Begins to read a section, of which there is none in an empty directory: its place may be one past the last block.
    fn listing(&self, directory: Directory, section: &Section) -> Result<Option<Listing<'m>>> {
        let left = section.to.saturating_sub(section.from);
        if left == 0 {
            return Ok(None);
        }
        // All blocks of a listing but the last are full, so the offset in any of them follows from that in the first.
        let offset = (u64::from(directory.offset) + u64::from(section.from)) % u64::from(BLOCK_LENGTH);
        let block = self.start.saturating_add(u64::from(section.block));
        let cursor = self.metadata.cursor(block, self.end, u16::try_from(offset).unwrap_or(0))?;
        if left > LISTING_LIMIT {
            return Err(Error::Limit { what: "length of a directory", place: cursor.place() });
        }
        Ok(Some(Listing { cursor, left: left as usize, run: Run { entries: 0, block: 0 } }))
    }
}

/// What the search of a section found.
enum Answer {
    Found(NodeId),
    Absent,
    /// Not there, but names are out of order: the index may have led to the wrong section.
    Misled,
}

/// A part of a listing that begins and ends with whole runs.
#[derive(Debug, PartialEq, Eq)]
struct Section {
    /// First byte and end, counted from the start of the listing.
    from: u32,
    to: u32,
    /// Metadata block of the first byte, counted in bytes from the start of the directory table.
    block: u32,
    /// The first name, or nothing at the start of the listing.
    first: Vec<u8>,
    /// The name behind the section, where there is one.
    next: Option<Vec<u8>>,
}

impl Section {
    fn whole(directory: Directory) -> Self {
        let to = directory.size.saturating_sub(DOTS);
        Self { from: 0, to, block: directory.block, first: Vec::new(), next: None }
    }

    /// Reads the index up to the first name that comes after `wanted`.
    fn of(wanted: &[u8], directory: Directory, mut index: Cursor<'_>) -> Result<Self> {
        let mut section = Self::whole(directory);
        for _ in 0..directory.index {
            let (from, block, length) = index.record("directory index", 12, index_entry)?;
            let mut name = Vec::new();
            index.append("directory index", usize::from(length), &mut name)?;
            if name.as_slice() > wanted {
                return Ok(Self { to: from, next: Some(name), ..section });
            }
            section = Self { from, block, first: name, ..section };
        }
        Ok(section)
    }
}

/// Reads a listing entry by entry.
struct Listing<'m> {
    cursor: Cursor<'m>,
    /// Bytes of the listing not yet read.
    left: usize,
    run: Run,
}

/// What is left of a run: entries whose inodes are in the same metadata block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    entries: u32,
    /// Metadata block of the inodes, counted in bytes from the start of the inode table.
    block: u32,
}

impl Listing<'_> {
    /// The next entry, whose name it puts into `name`.
    fn next(&mut self, name: &mut Vec<u8>) -> Result<Option<(NodeId, FileType)>> {
        if self.run.entries == 0 {
            if self.left == 0 {
                return Ok(None);
            }
            self.take(12)?;
            self.run = self.cursor.record("directory header", 12, header)?;
        }
        self.run.entries -= 1;
        self.take(8)?;
        let (offset, file_type, length) = self.cursor.record("directory entry", 8, entry)?;
        self.take(usize::from(length))?;
        let place = self.cursor.place();
        name.clear();
        self.cursor.append("directory entry", usize::from(length), name)?;
        if matches!(name.as_slice(), b"." | b"..") || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
            return Err(Error::Malformed { structure: "directory entry", field: "name", place });
        }
        Ok(Some((NodeId(u64::from(self.run.block) << 16 | u64::from(offset)), file_type)))
    }

    /// Counts `length` bytes that are about to be read.
    fn take(&mut self, length: usize) -> Result<()> {
        match self.left.checked_sub(length) {
            Some(left) => self.left = left,
            None => {
                let (structure, field) = ("directory", "length, its last entry is cut short");
                return Err(Error::Malformed { structure, field, place: self.cursor.place() });
            }
        }
        Ok(())
    }
}

/// Reads `struct squashfs_dir_header`, 12 bytes.
fn header(input: &[u8]) -> Parsed<'_, Run> {
    let (rest, (count, block, _)) = (
        field("count", verify(little32, |&count| count < ENTRIES_OF_A_RUN)), // one less than there are
        field("start_block", little32),
        field("inode_number", little32),
    )
        .parse(input)?;
    Ok((rest, Run { entries: count + 1, block }))
}

/// Reads `struct squashfs_dir_entry`, 8 bytes: where the inode is in its metadata block, its type, the name's length.
fn entry(input: &[u8]) -> Parsed<'_, (u16, FileType, u16)> {
    let (rest, (offset, _, file_type, size)) = (
        field("offset", little16),
        field("inode_number", little16), // relative to the header's
        field("type", file_type),
        field("size", verify(little16, |&size| size < NAME_LIMIT)), // one less than it is
    )
        .parse(input)?;
    Ok((rest, (offset, file_type, size + 1)))
}

/// Reads `struct squashfs_dir_index`, 12 bytes: where in the listing a run begins, in which metadata block, and the
/// length of the run's first name.
fn index_entry(input: &[u8]) -> Parsed<'_, (u32, u32, u16)> {
    let (rest, (index, block, size)) = (
        field("index", little32),
        field("start_block", little32),
        field("size", verify(little32, |&size| size < u32::from(NAME_LIMIT))), // one less than it is
    )
        .parse(input)?;
    Ok((rest, (index, block, u16::try_from(size + 1).unwrap_or(NAME_LIMIT))))
}

/// The type in an entry is the number of the basic inode, whatever form the inode has.
fn file_type(input: &[u8]) -> Parsed<'_, FileType> {
    let (rest, number) = little16(input)?;
    let file_type = match number {
        1 => FileType::Directory,
        2 => FileType::File,
        3 => FileType::Symlink,
        4 => FileType::BlockDevice,
        5 => FileType::CharDevice,
        6 => FileType::Fifo,
        7 => FileType::Socket,
        _ => return refuse(input),
    };
    Ok((rest, file_type))
}
