//! Directory entries. A directory with an index has the same entries; the index looks like unused ones.

use nom::Parser;

use crate::error::{Error, Place, Result};
use crate::fs::FileType;
use crate::parse::{Parsed, field, little16, little32, parse, uint8};

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DirectoryEntry<'b> {
    pub(super) inode: u32,
    pub(super) name: &'b [u8],
    /// `None` if the volume does not record it here.
    pub(super) file_type: Option<FileType>,
}

/// The fields of an entry. Its name follows.
struct Fields {
    inode: u32,
    /// Length of the entry in bytes.
    length: u16,
    name_length: u8,
    /// The type, or the high byte of the name's length.
    file_type: u8,
}

fn fields(input: &[u8]) -> Parsed<'_, Fields> {
    let (rest, (inode, length, name_length, file_type)) = (
        field("inode", little32),        // byte 0
        field("entry length", little16), // byte 4
        field("name length", uint8),     // byte 6
        field("file type", uint8),       // byte 7
    )
        .parse(input)?;
    Ok((rest, Fields { inode, length, name_length, file_type }))
}

/// The entries in one block of a directory, without `.` and `..`.
pub(super) struct Entries<'b> {
    block: &'b [u8],
    place: Place,
    at: usize,
}

impl<'b> Entries<'b> {
    /// Reads the block that begins at `place`.
    pub(super) fn new(block: &'b [u8], place: Place) -> Self {
        Self { block, place, at: 0 }
    }

    fn place(&self) -> Place {
        self.place.advance(u64::try_from(self.at).unwrap_or(0))
    }

    fn wrong(&self, field: &'static str) -> Error {
        Error::Malformed { structure: "ext4 directory entry", field, place: self.place() }
    }

    /// The next entry, which may be an unused one. `None` at the end of the block.
    fn entry(&mut self) -> Result<Option<DirectoryEntry<'b>>> {
        let rest = self.block.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let found = parse("ext4 directory entry", &self.place(), rest, fields)?;
        // Blocks of 64 KiB are longer than the field can say.
        let length = match found.length {
            0 | u16::MAX => 1 << 16,
            length => usize::from(length),
        };
        let entry = rest.get(..length).filter(|entry| entry.len() >= 8).ok_or_else(|| self.wrong("entry length"))?;
        let name = entry.get(8..).and_then(|name| name.get(..usize::from(found.name_length)));
        let name = match name {
            Some(name) => name,
            // The end of the block may be a checksum in the form of an unused entry.
            None if found.inode == 0 => &[],
            None => return Err(self.wrong("name length")),
        };
        let is_wrong = name.is_empty() || name.iter().any(|byte| matches!(byte, 0 | b'/'));
        if found.inode != 0 && is_wrong {
            return Err(self.wrong("name"));
        }
        self.at += length;
        Ok(Some(DirectoryEntry { inode: found.inode, name, file_type: file_type(found.file_type) }))
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = Result<DirectoryEntry<'b>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.entry() {
                Ok(None) => return None,
                Ok(Some(entry)) if entry.inode == 0 || matches!(entry.name, b"." | b"..") => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(error) => {
                    self.at = self.block.len();
                    return Some(Err(error));
                }
            }
        }
    }
}

fn file_type(number: u8) -> Option<FileType> {
    Some(match number {
        1 => FileType::File,
        2 => FileType::Directory,
        3 => FileType::CharDevice,
        4 => FileType::BlockDevice,
        5 => FileType::Fifo,
        6 => FileType::Socket,
        7 => FileType::Symlink,
        _ => return None,
    })
}
