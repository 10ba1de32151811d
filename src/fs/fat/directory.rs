//! Directory entries, with short and with long names (sections 6 and 7).

use nom::Parser;
use nom::bytes::complete::take;

use crate::error::{Error, Result};
use crate::fs::{Entry, FileType, NodeId};
use crate::image::Region;
use crate::parse::{Parsed, field, little16, little32, parse, uint8};

/// Size of an entry in bytes.
const ENTRY: u64 = 32;

/// Size of the longest directory in bytes (section 6.2).
pub(super) const LONGEST: u64 = 65_536 * ENTRY;

/// Attribute bits (section 6, `DIR_Attr`).
const READ_ONLY: u8 = 0x01;
const VOLUME_ID: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
/// All attribute bits, and the value that marks an entry of a long name.
const LONG_NAME: u8 = 0x0f;
const LONG_NAME_MASK: u8 = 0x3f;

/// UTF-16 units in one entry of a long name, and entries of the longest name.
const UNITS: usize = 13;
const MOST_PARTS: usize = 20;

/// A directory entry as recorded (section 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DirectoryEntry {
    /// The short name: eight bytes, then three for the extension.
    short: [u8; 11],
    attributes: u8,
    /// Whether the base (0x08) and the extension (0x10) are lower case, as Windows NT and mtools record it.
    case: u8,
    /// First cluster. 0 for an empty file.
    pub(super) cluster: u32,
    /// Time of the last change, in seconds since 1970. FAT has no time zone. mtools and Linux use UTC.
    pub(super) written: i64,
    /// Length of a file in bytes.
    pub(super) size: u32,
}

impl DirectoryEntry {
    pub(super) fn is_directory(&self) -> bool {
        self.attributes & DIRECTORY != 0
    }

    pub(super) fn mode(&self) -> u16 {
        if self.attributes & READ_ONLY != 0 { 0o444 } else { 0o644 }
    }

    fn is_long_name(&self) -> bool {
        self.attributes & LONG_NAME_MASK == LONG_NAME
    }

    /// The short name as displayed: `GRUB.CFG`.
    fn name(&self) -> Vec<u8> {
        let (base, extension) = self.short.split_at(8);
        let part = |bytes: &[u8], lower: bool| {
            let bytes = bytes.trim_ascii_end();
            if lower { bytes.to_ascii_lowercase() } else { bytes.to_vec() }
        };
        let mut name = part(base, self.case & 0x08 != 0);
        // 0x05 replaces a first byte that would mark a deleted entry.
        if let Some(first @ 0x05) = name.first_mut() {
            *first = DELETED;
        }
        let extension = part(extension, self.case & 0x10 != 0);
        if !extension.is_empty() {
            name.push(b'.');
            name.extend_from_slice(&extension);
        }
        name
    }

    /// The checksum that is repeated in the entries of its long name (section 7.2).
    fn checksum(&self) -> u8 {
        self.short.iter().fold(0u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte))
    }
}

/// First bytes that are not part of a name: after the last entry, and in a deleted one.
const LAST: u8 = 0x00;
const DELETED: u8 = 0xe5;

fn directory_entry(input: &[u8]) -> Parsed<'_, DirectoryEntry> {
    let (rest, (short, attributes, case, _, high, time, date, low, size)) = (
        field("name", take(11usize)),          // byte 0
        field("attributes", uint8),            // byte 11
        field("case", uint8),                  // byte 12
        field("creation", take(7usize)),       // byte 13, and last access at byte 18
        field("first cluster", little16),      // byte 20, the high half
        field("time of last write", little16), // byte 22
        field("date of last write", little16), // byte 24
        field("first cluster", little16),      // byte 26, the low half
        field("size", little32),               // byte 28
    )
        .parse(input)?;
    let mut name = [0; 11];
    name.iter_mut().zip(short).for_each(|(to, from)| *to = *from);
    let cluster = u32::from(high) << 16 | u32::from(low);
    Ok((rest, DirectoryEntry { short: name, attributes, case, cluster, written: seconds(date, time), size }))
}

/// Part of a long name (section 7.1): the order, the checksum of the short name, thirteen units of UTF-16.
fn long_name_part(input: &[u8]) -> Parsed<'_, (u8, u8, Vec<u16>)> {
    let units = |count| nom::multi::count(little16, count);
    let (rest, (order, first, _, sum, second, _, third)) = (
        field("order", uint8),                      // byte 0
        field("name", units(5)),                    // byte 1
        field("attributes and type", take(2usize)), // byte 11
        field("checksum", uint8),                   // byte 13
        field("name", units(6)),                    // byte 14
        field("first cluster", little16),           // byte 26
        field("name", units(2)),                    // byte 28
    )
        .parse(input)?;
    Ok((rest, (order, sum, [first, second, third].concat())))
}

/// Converts a date and time in FAT's format (section 6.3). Invalid ones become the epoch.
fn seconds(date: u16, time: u16) -> i64 {
    let bits = |value: u16, from: u32, count: u32| i8::try_from(value >> from & ((1 << count) - 1)).unwrap_or(0);
    let year = 1980 + i16::from(bits(date, 9, 7));
    let civil = jiff::civil::DateTime::new(
        year,
        bits(date, 5, 4),
        bits(date, 0, 5),
        bits(time, 11, 5),
        bits(time, 5, 6),
        bits(time, 0, 5).saturating_mul(2),
        0,
    );
    let zoned = civil.ok().and_then(|civil| civil.to_zoned(jiff::tz::TimeZone::UTC).ok());
    zoned.map_or(0, |zoned| zoned.timestamp().as_second())
}

/// The entry at an offset of the volume.
pub(super) fn entry_at(region: &Region<'_>, offset: u64) -> Result<DirectoryEntry> {
    let bytes = region.bytes("FAT directory entry", offset, ENTRY)?;
    parse("FAT directory entry", &region.place(offset), &bytes, directory_entry)
}

/// The long name read so far, in recorded order: the last part comes first.
#[derive(Default)]
struct LongName {
    parts: Vec<Vec<u16>>,
    checksum: u8,
}

impl LongName {
    fn take(&mut self, (order, checksum, units): (u8, u8, Vec<u16>)) {
        // The last part comes first, and is marked.
        if order & 0x40 != 0 {
            *self = Self { parts: Vec::new(), checksum };
        }
        if self.parts.len() < MOST_PARTS {
            self.parts.push(units);
        }
    }

    /// The name, if it belongs to the next entry.
    fn of(&mut self, entry: &DirectoryEntry) -> Option<Vec<u8>> {
        let Self { parts, checksum } = std::mem::take(self);
        if parts.is_empty() || checksum != entry.checksum() {
            return None;
        }
        let mut units = Vec::with_capacity(parts.len() * UNITS);
        parts.into_iter().rev().for_each(|part| units.extend(part));
        units.truncate(units.iter().position(|&unit| unit == 0).unwrap_or(units.len()));
        Some(String::from_utf16_lossy(&units).into_bytes())
    }
}

/// The entries of a directory that occupies `length` bytes at each of these offsets.
pub(super) fn listed(region: &Region<'_>, parts: &[u64], length: u64) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut long = LongName::default();
    for &part in parts {
        for offset in (part..part.saturating_add(length)).step_by(usize::try_from(ENTRY).unwrap_or(32)) {
            let bytes = region.bytes("FAT directory entry", offset, ENTRY)?;
            match bytes.first() {
                None | Some(&LAST) => return Ok(entries),
                Some(&DELETED) => {
                    long = LongName::default();
                    continue;
                }
                Some(_) => {}
            }
            let place = region.place(offset);
            let entry = parse("FAT directory entry", &place, &bytes, directory_entry)?;
            if entry.is_long_name() {
                long.take(parse("FAT directory entry", &place, &bytes, long_name_part)?);
                continue;
            }
            let long_name = long.of(&entry);
            if entry.attributes & VOLUME_ID != 0 {
                continue;
            }
            let name = long_name.unwrap_or_else(|| entry.name());
            if name == b"." || name == b".." {
                continue;
            }
            if name.is_empty() || name.iter().any(|&byte| byte == b'/' || byte == 0) {
                return Err(Error::Malformed { structure: "FAT directory entry", field: "name", place });
            }
            let file_type = if entry.is_directory() { FileType::Directory } else { FileType::File };
            entries.push(Entry { name, id: NodeId(offset), file_type });
        }
    }
    Ok(entries)
}
