//! Extended attributes. Only file capabilities are read: a program with them may do what its user may not.

use nom::Parser;

use super::Archive;
use super::inode::Body;
use super::metadata::{Cursor, Table};
use crate::error::{Error, Place, Result};
use crate::fs::NodeId;
use crate::parse::{Parsed, field, little16, little32, little64, parse};

/// Length in bytes of the table's header, which the index follows (`struct squashfs_xattr_id_table`).
const HEADER_LENGTH: u64 = 16;

/// The number of the prefix `security.` (`SQUASHFS_XATTR_SECURITY`), and the name after it.
const CAPABILITY: (u16, &[u8]) = (2, b"capability");

/// The bit of a type that stores the value elsewhere, since several files have it (`SQUASHFS_XATTR_VALUE_OOL`).
const ELSEWHERE: u16 = 1 << 8;

/// Limit for the attributes of one file, in bytes. Files may share them, and each file reads them anew.
const MOST: usize = 16 << 10;

/// The attributes of one or more inodes (`struct squashfs_xattr_id`).
struct Group {
    /// Reference of the first attribute, relative to the start of all attributes (`xattr`).
    first: u64,
    /// Number of attributes (`count`).
    count: u32,
}

impl Archive<'_> {
    /// The file capabilities of a regular file, as stored.
    pub(super) fn capabilities_of(&self, file: NodeId) -> Result<Option<Vec<u8>>> {
        let table = self.superblock.xattr_table;
        if table == u64::MAX {
            return Ok(None);
        }
        let Body::File(file) = self.inode(file)?.body else { return Ok(None) };
        let Some(number) = file.attributes else { return Ok(None) };
        let place = self.region.place(table);
        let header = self.region.bytes("extended attributes", table, HEADER_LENGTH)?;
        let (start, count) = parse("extended attributes", &place, &header, header_of_table)?;
        let index =
            Table { name: "extended attribute table", start: table.saturating_add(HEADER_LENGTH), count, record: 16 };
        let group = self.metadata.lookup(index, number, group)?;
        let field = "index, used by an inode";
        let group = group.ok_or(Error::Malformed { structure: "extended attribute table", field, place })?;
        self.capability(start, &group)
    }

    /// The value of the attribute, if it is in the group.
    fn capability(&self, start: u64, group: &Group) -> Result<Option<Vec<u8>>> {
        let mut cursor = self.attribute(start, group.first)?;
        let mut left = MOST;
        for _ in 0..group.count {
            let (kind, length) = cursor.record("extended attribute", 4, kind_and_length)?;
            let name = take(&mut cursor, u32::from(length), &mut left)?;
            let length = cursor.record("extended attribute", 4, value_length)?;
            let value = take(&mut cursor, length, &mut left)?;
            if (kind & !ELSEWHERE, name.as_slice()) != CAPABILITY {
                continue;
            }
            if kind & ELSEWHERE == 0 {
                return Ok(Some(value));
            }
            let reference = parse("extended attribute", &cursor.place(), &value, field("value", little64))?;
            let mut cursor = self.attribute(start, reference)?;
            let length = cursor.record("extended attribute", 4, value_length)?;
            return take(&mut cursor, length, &mut left).map(Some);
        }
        Ok(None)
    }

    /// Starts reading at a reference to an attribute or a value.
    fn attribute(&self, start: u64, reference: u64) -> Result<Cursor<'_>> {
        let (block, offset) = (reference >> 16, u16::try_from(reference & 0xffff).unwrap_or(0));
        self.metadata.cursor(start.saturating_add(block), self.superblock.xattr_table, offset)
    }
}

fn take(cursor: &mut Cursor<'_>, length: u32, left: &mut usize) -> Result<Vec<u8>> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let place: Place = cursor.place();
    *left = left.checked_sub(length).ok_or(Error::Limit { what: "16 KiB of extended attributes of a file", place })?;
    let mut bytes = Vec::new();
    cursor.append("extended attribute", length, &mut bytes)?;
    Ok(bytes)
}

/// The start of all attributes, and the number of groups.
fn header_of_table(input: &[u8]) -> Parsed<'_, (u64, u32)> {
    let (rest, (start, count, _)) =
        (field("xattr_table_start", little64), field("xattr_ids", little32), field("unused", little32)).parse(input)?;
    Ok((rest, (start, count)))
}

fn group(input: &[u8]) -> Parsed<'_, Group> {
    let (rest, (first, count, _)) =
        (field("xattr", little64), field("count", little32), field("size", little32)).parse(input)?;
    Ok((rest, Group { first, count }))
}

fn kind_and_length(input: &[u8]) -> Parsed<'_, (u16, u16)> {
    (field("type", little16), field("size", little16)).parse(input)
}

fn value_length(input: &[u8]) -> Parsed<'_, u32> {
    field("vsize", little32).parse(input)
}
