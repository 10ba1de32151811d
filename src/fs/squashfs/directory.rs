//! Directories: runs of entries that share a header. In extended directories, an index of the runs follows the inode.

use std::sync::OnceLock;

use nom::Parser;
use nom::combinator::verify;

use super::inode::Directory;
use super::metadata::{BLOCK_LENGTH, Cursor, Metadata};
use crate::error::{Error, Result};
use crate::fs::{Entry, FileType, Listing, NodeId};
use crate::parse::{Parsed, field, little16, little32, refuse};

/// Limit for entries after one header (`SQUASHFS_DIR_COUNT`).
const ENTRIES_OF_A_RUN: u32 = 256;

/// Longest name in bytes (`SQUASHFS_NAME_LEN`).
const NAME_LIMIT: u16 = 256;

/// Longest listing in bytes: 200,000 store paths in one directory. Only a crafted image has more.
const LISTING_LIMIT: u32 = 16 << 20;

/// Numbers for metadata blocks that cannot be counted begin here. Real tables have fewer blocks.
const AFTER_DAMAGE: u64 = 1 << 40;

/// The amount that `file_size` counts for `.` and `..`, which are not stored.
const DOTS: u32 = 3;

/// The metadata blocks that hold the listings of all directories.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirectoryTable<'m> {
    pub(super) metadata: &'m Metadata<'m>,
    /// First metadata block, counted in bytes from the start of the archive.
    pub(super) start: u64,
    /// End of the table, counted likewise.
    pub(super) end: u64,
    /// The starts of its metadata blocks, once listed.
    pub(super) blocks: &'m OnceLock<Vec<u64>>,
}

impl<'m> DirectoryTable<'m> {
    /// All entries, sorted by name. The format requires that order, but a writer may not have kept to it.
    pub(super) fn entries(&self, directory: Directory) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let Some(mut listing) = self.listing(directory, Section::whole(directory))? else { return Ok(entries) };
        let mut name = Vec::new();
        while let Some((id, file_type)) = listing.next(&mut name)? {
            entries.push(Entry { name: name.clone(), id, file_type });
        }
        if !entries.is_sorted_by(|one, next| one.name <= next.name) {
            entries.sort_by(|one, next| one.name.cmp(&next.name));
        }
        Ok(entries)
    }

    /// The node called `wanted`. `index` is positioned at the directory's index. If there is an index, the section of the
    /// listing where the name belongs is searched first.
    ///
    /// Linux trusts the index and the order of names. But every name that [`Self::entries`] lists must be found here, even
    /// if the index is wrong. So a name is only missing if the whole listing does not have it.
    pub(super) fn lookup(&self, directory: Directory, index: Cursor<'_>, wanted: &[u8]) -> Result<Option<NodeId>> {
        if directory.index > 0 {
            let section = Section::of(wanted, directory, index);
            if let Ok(Some(id)) = section.and_then(|section| self.search(directory, section, wanted)) {
                return Ok(Some(id));
            }
        }
        self.search(directory, Section::whole(directory), wanted)
    }

    /// The location of a directory's entries in the whole decompressed table. All blocks but the last are full.
    pub(super) fn place(&self, directory: Directory) -> Result<Listing> {
        let size = directory.size.saturating_sub(DOTS);
        if size == 0 {
            return Ok(Listing { start: 0, end: 0 });
        }
        let blocks = self.blocks.get_or_init(|| self.metadata.starts(self.start, self.end));
        let block = self.start.saturating_add(u64::from(directory.block));
        let number = match blocks.binary_search(&block) {
            Ok(index) => u64::try_from(index).unwrap_or(u64::MAX),
            // After a damaged block, the number is unknown but less than the distance in bytes.
            Err(_) => AFTER_DAMAGE.saturating_add(directory.block.into()),
        };
        let start = number.saturating_mul(BLOCK_LENGTH.into()).saturating_add(directory.offset.into());
        Ok(Listing { start, end: start.saturating_add(u64::from(size)) })
    }

    fn search(&self, directory: Directory, section: Section, wanted: &[u8]) -> Result<Option<NodeId>> {
        let Some(mut listing) = self.listing(directory, section)? else { return Ok(None) };
        let mut name = Vec::new();
        while let Some((id, _)) = listing.next(&mut name)? {
            if name == wanted {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Starts reading a section. An empty directory has none: its address may be one past the last
    /// block.
    fn listing(&self, directory: Directory, section: Section) -> Result<Option<Entries<'m>>> {
        let left = section.to.saturating_sub(section.from);
        if left == 0 {
            return Ok(None);
        }
        // All blocks of a listing but the last are full, so the offset in the first block gives the offset in all others.
        let offset = (u64::from(directory.offset) + u64::from(section.from)) % u64::from(BLOCK_LENGTH);
        let block = self.start.saturating_add(u64::from(section.block));
        let cursor = self.metadata.cursor(block, self.end, u16::try_from(offset).unwrap_or(0))?;
        if left > LISTING_LIMIT {
            return Err(Error::Limit { what: "length of a directory", place: cursor.place() });
        }
        Ok(Some(Entries { cursor, left: left as usize, run: Run { entries: 0, block: 0 } }))
    }
}

/// A part of a listing that begins and ends with whole runs.
#[derive(Clone, Copy, Debug)]
struct Section {
    /// First byte and end, counted from the start of the listing.
    from: u32,
    to: u32,
    /// Metadata block of the first byte, counted in bytes from the start of the directory table.
    block: u32,
}

impl Section {
    fn whole(directory: Directory) -> Self {
        Self { from: 0, to: directory.size.saturating_sub(DOTS), block: directory.block }
    }

    /// Reads the index up to the first name after `wanted`.
    fn of(wanted: &[u8], directory: Directory, mut index: Cursor<'_>) -> Result<Self> {
        let mut section = Self::whole(directory);
        let mut name = Vec::new();
        for _ in 0..directory.index {
            let (from, block, length) = index.record("directory index", 12, index_entry)?;
            name.clear();
            index.append("directory index", usize::from(length), &mut name)?;
            if name.as_slice() > wanted {
                return Ok(Self { to: from, ..section });
            }
            section = Self { from, block, ..section };
        }
        Ok(section)
    }
}

/// Reads a listing entry by entry.
struct Entries<'m> {
    cursor: Cursor<'m>,
    /// Bytes of the listing not yet read.
    left: usize,
    run: Run,
}

/// The rest of a run: its entries have their inodes in the same metadata block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    entries: u32,
    /// Metadata block of the inodes, counted in bytes from the start of the inode table.
    block: u32,
}

impl Entries<'_> {
    /// Reads the next entry. Its name is written to `name`.
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

    /// Counts `length` bytes before they are read.
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
        field("count", verify(little32, |&count| count < ENTRIES_OF_A_RUN)), // one less than the number of entries
        field("start_block", little32),
        field("inode_number", little32),
    )
        .parse(input)?;
    Ok((rest, Run { entries: count + 1, block }))
}

/// Reads `struct squashfs_dir_entry`, 8 bytes: the offset of the inode in its metadata block, its type, the length of the name.
fn entry(input: &[u8]) -> Parsed<'_, (u16, FileType, u16)> {
    let (rest, (offset, _, file_type, size)) = (
        field("offset", little16),
        field("inode_number", little16), // relative to the header's
        field("type", file_type),
        field("size", verify(little16, |&size| size < NAME_LIMIT)), // one less than the length
    )
        .parse(input)?;
    Ok((rest, (offset, file_type, size + 1)))
}

/// Reads `struct squashfs_dir_index`, 12 bytes: the offset of a run in the listing, its metadata block, and the
/// length of its first name.
fn index_entry(input: &[u8]) -> Parsed<'_, (u32, u32, u16)> {
    let (rest, (index, block, size)) = (
        field("index", little32),
        field("start_block", little32),
        field("size", verify(little32, |&size| size < u32::from(NAME_LIMIT))), // one less than the length
    )
        .parse(input)?;
    Ok((rest, (index, block, u16::try_from(size + 1).unwrap_or(NAME_LIMIT))))
}

/// The type of an entry. It is the number of the basic inode, even if the inode is extended.
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

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::{blocks, metadata};
    use super::*;

    /// A run of files whose inodes are one byte apart, beginning at byte 16 of metadata block 96.
    fn run(names: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in [u32::try_from(names.len() - 1).unwrap(), 96, 1] {
            bytes.extend(number.to_le_bytes());
        }
        for (at, name) in (16_u16..).zip(names) {
            for number in [at, 0, 2, u16::try_from(name.len() - 1).unwrap()] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    /// An index of runs, each given by its offset in the listing and its first name. All are in the first block.
    fn index(runs: &[(u32, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (from, name) in runs {
            for number in [*from, 0, u32::try_from(name.len() - 1).unwrap()] {
                bytes.extend(number.to_le_bytes());
            }
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }

    fn directory(listing: &[u8], index: u16) -> Directory {
        Directory { block: 0, offset: 0, size: u32::try_from(listing.len()).unwrap() + DOTS, index }
    }

    fn entries(listing: &[u8]) -> std::result::Result<Vec<(String, u64)>, String> {
        let source = blocks(&[listing]);
        let table = DirectoryTable { metadata: &metadata(&source), start: 0, end: 1, blocks: &OnceLock::new() };
        let entries = table.entries(directory(listing, 0)).map_err(|error| error.to_string())?;
        Ok(entries.into_iter().map(|entry| (String::from_utf8(entry.name).unwrap(), entry.id.0)).collect())
    }

    #[test]
    fn entries_are_sorted_by_their_bytes_whatever_the_order_they_are_stored_in() {
        let listing = [run(&["a.b", "a", "B"]), run(&["\u{e9}"])].concat();
        let place = |offset: u64| 96 << 16 | offset;
        let expected = [("B", place(18)), ("a", place(17)), ("a.b", place(16)), ("\u{e9}", place(16))];
        assert_eq!(entries(&listing), Ok(expected.map(|(name, id)| (name.to_owned(), id)).to_vec()));
    }

    #[test]
    fn an_empty_directory_needs_no_block() {
        let source = blocks(&[]);
        let table = DirectoryTable { metadata: &metadata(&source), start: 0, end: 0, blocks: &OnceLock::new() };
        for size in 0..=DOTS {
            let empty = Directory { block: 0, offset: 0, size, index: 0 };
            assert_eq!(table.entries(empty).unwrap(), []);
        }
    }

    #[test]
    fn a_listing_that_no_file_system_has_is_refused_where_it_goes_wrong() {
        let long = "x".repeat(257);
        let changed = |at: usize, byte: u8| {
            let mut listing = run(&["name"]);
            listing[at] = byte;
            listing
        };
        let cases: [(Vec<u8>, &str); 9] = [
            (changed(1, 1), "directory header at 0x0+0x0: invalid count"),
            (changed(16, 0), "directory entry at 0x0+0x10: invalid type"),
            (changed(16, 8), "directory entry at 0x0+0x10: invalid type"),
            (run(&[&long]), "directory entry at 0x0+0x12: invalid size"),
            (changed(0, 1), "directory at 0x0+0x18: invalid length, its last entry is cut short"),
            (changed(18, 4), "directory at 0x0+0x14: invalid length, its last entry is cut short"),
            (run(&["a/b"]), "directory entry at 0x0+0x14: invalid name"),
            (run(&["a", ".."]), "directory entry at 0x0+0x1d: invalid name"),
            (run(&["a\0"]), "directory entry at 0x0+0x14: invalid name"),
        ];
        for (listing, message) in cases {
            assert_eq!(entries(&listing), Err(message.to_owned()));
        }
    }

    #[test]
    fn a_listing_longer_than_any_is_refused_before_it_is_read() {
        let source = blocks(&[&run(&["name"])]);
        let table = DirectoryTable { metadata: &metadata(&source), start: 0, end: 1, blocks: &OnceLock::new() };
        let endless = Directory { block: 0, offset: 0, size: u32::MAX, index: 0 };
        assert_eq!(table.entries(endless).unwrap_err().to_string(), "length of a directory at 0x0+0x0: over the limit");
    }

    /// Looks names up in a directory of three runs.
    fn look_up(runs: [&[&str]; 3], index_of: impl Fn(u32, u32) -> Vec<u8>, wanted: &str) -> Option<u64> {
        let [first, second, third] = runs.map(run);
        let (from, then) = (first.len(), first.len() + second.len());
        let listing = [first, second, third].concat();
        let index = index_of(u32::try_from(from).unwrap(), u32::try_from(then).unwrap());
        let source = blocks(&[&listing, &index]);
        let metadata = metadata(&source);
        let index = metadata.cursor(u64::try_from(listing.len()).unwrap() + 2, u64::MAX, 0).unwrap();
        let table = DirectoryTable { metadata: &metadata, start: 0, end: 1, blocks: &OnceLock::new() };
        table.lookup(directory(&listing, 2), index, wanted.as_bytes()).unwrap().map(|id| id.0 & 0xffff)
    }

    #[test]
    fn a_name_is_found_in_every_section_of_the_index_and_missed_between_them() {
        let runs: [&[&str]; 3] = [&["a", "b"], &["f", "g", "h"], &["m"]];
        let honest = |from, then| index(&[(from, "f"), (then, "m")]);
        let cases = [("a", Some(16)), ("b", Some(17)), ("f", Some(16)), ("h", Some(18)), ("m", Some(16))];
        for (name, expected) in cases.into_iter().chain(["A", "c", "ff", "i", "z", ""].map(|name| (name, None))) {
            assert_eq!(look_up(runs, honest, name), expected, "{name}");
        }
    }

    #[test]
    fn an_index_that_misleads_hides_no_name() {
        let runs: [&[&str]; 3] = [&["a", "b"], &["f", "g", "h"], &["m"]];
        let lies: [fn(u32, u32) -> Vec<u8>; 5] = [
            |from, then| index(&[(from, "a"), (then, "m")]),
            |from, then| index(&[(then, "f"), (from, "m")]),
            |from, then| index(&[(from + 1, "f"), (then, "m")]),
            |from, _| index(&[(from, "f"), (u32::MAX, "g")]),
            |from, then| index(&[(from, "b"), (then, "c")]),
        ];
        for (number, lie) in lies.into_iter().enumerate() {
            for name in ["a", "b", "f", "g", "h", "m"] {
                assert!(look_up(runs, lie, name).is_some(), "{name}, lie {number}");
            }
            assert_eq!(look_up(runs, lie, "x"), None);
        }
    }

    #[test]
    fn an_index_leads_past_a_section_that_cannot_be_read() {
        let listing = [run(&["a"]), run(&["f"])].concat();
        let mut damaged = listing.clone();
        damaged[16] = 0; // the type of "a"
        let source = blocks(&[&damaged, &index(&[(21, "f")])]);
        let metadata = metadata(&source);
        let table = DirectoryTable { metadata: &metadata, start: 0, end: 1, blocks: &OnceLock::new() };
        let look_up = |name: &[u8]| table.lookup(directory(&damaged, 1), metadata.cursor(44, 99, 0).unwrap(), name);
        assert!(look_up(b"f").unwrap().is_some());
        assert_eq!(look_up(b"g").unwrap_err().to_string(), "directory entry at 0x0+0x10: invalid type");
    }

    #[test]
    fn names_out_of_order_are_found_all_the_same() {
        let runs: [&[&str]; 3] = [&["b", "a"], &["h", "m", "f"], &["g"]];
        let honest = |from, then| index(&[(from, "h"), (then, "g")]);
        for name in ["a", "b", "f", "g", "h", "m"] {
            assert!(look_up(runs, honest, name).is_some(), "{name}");
        }
    }
}
