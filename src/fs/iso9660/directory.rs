//! Directories: records in logical sectors.

use std::borrow::Cow;

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::{cond, opt};
use nom::multi::length_data;
use nom::number::complete::be_u32;

use super::date::{Date, short_date};
use crate::error::{Error, Place, Result};
use crate::image::Region;
use crate::parse::{Parsed, both16, both32, field, little32, parse, uint8};

/// Size of a logical sector in bytes (ECMA-119 §6.1.2). A directory record never crosses into the next sector.
pub(super) const LOGICAL_SECTOR: u64 = 2048;

/// The longest directory that is read, in bytes. It holds some half a million Rock Ridge names.
const MAX_DIRECTORY: u64 = 64 << 20;

/// A contiguous run of logical blocks (§6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// First block, counted in logical blocks from the start of the volume (§9.1.3).
    pub(super) location: u32,
    /// Length in bytes, not blocks. The last block may be partly used (§9.1.4).
    pub(super) length: u32,
}

/// A directory record, which describes a file section (§9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DirectoryRecord<'a> {
    /// First byte, counted from the start of the volume.
    pub(super) offset: u64,
    /// Length in bytes, including this field (§9.1.1).
    pub(super) length: u8,
    /// Logical blocks of the extended attribute record, which is at the beginning of the extent (§9.1.2).
    pub(super) extended_attributes: u8,
    /// The file section (§9.1.3, §9.1.4).
    pub(super) extent: Extent,
    /// Whether one of these numbers differs between the two byte orders.
    pub(super) halves_differ: bool,
    /// When it was recorded (§9.1.5).
    pub(super) recorded: Option<Date>,
    /// One bit per property (§9.1.6).
    pub(super) flags: u8,
    /// File unit size and gap size in logical blocks. Zeros if not interleaved (§9.1.7, §9.1.8).
    pub(super) interleaving: [u8; 2],
    /// The name in the volume's character set. A single byte 0 or 1 means this directory or its parent (§9.1.11).
    pub(super) identifier: &'a [u8],
    /// The bytes after the name, for use by other standards (§9.1.13).
    pub(super) system_use: &'a [u8],
}

impl DirectoryRecord<'_> {
    /// File flag: identifies a directory (§9.1.6).
    pub(super) const DIRECTORY: u8 = 0x02;
    /// File flag: an associated file, recorded beside the file of the same name (§6.5.4).
    pub(super) const ASSOCIATED: u8 = 0x04;
    /// File flag: not the last section of the file.
    pub(super) const MULTI_EXTENT: u8 = 0x80;

    /// Whether the file flag is set.
    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether this is the record of the directory itself, or of its parent (§6.8.2.2).
    pub(super) fn is_dot(&self) -> bool {
        matches!(self.identifier, [0 | 1])
    }

    /// First byte of the system use field, counted from the start of the volume.
    pub(super) fn system_use_offset(&self) -> u64 {
        let length = u64::try_from(self.system_use.len()).unwrap_or(0);
        self.offset.saturating_add(u64::from(self.length).saturating_sub(length))
    }
}

/// A number in both byte orders, as [`both32`] reads it, and whether the halves differ.
fn halves(input: &[u8]) -> Parsed<'_, (u32, bool)> {
    let (_, (_, other)) = (little32, be_u32).parse(input)?;
    let (rest, number) = both32(input)?;
    Ok((rest, (number, number != other)))
}

/// Parses one record. The caller has checked that its length byte is not zero (§6.8.1), and knows the offset.
fn directory_record(input: &[u8]) -> Parsed<'_, DirectoryRecord<'_>> {
    let (_, length) = field("length", uint8).parse(input)?; // §9.1.1
    let (next, record) = field("length", take(length)).parse(input)?;
    let (record, (_, extended_attributes, location, data_length, recorded, flags, unit, gap, _, identifier)) = (
        uint8,
        field("extended attribute record length", uint8), // §9.1.2
        field("location of extent", halves),              // §9.1.3
        field("data length", halves),                     // §9.1.4
        field("recording date", short_date),              // §9.1.5
        field("file flags", uint8),                       // §9.1.6
        field("file unit size", uint8),                   // §9.1.7
        field("interleave gap size", uint8),              // §9.1.8
        field("volume sequence number", both16),          // §9.1.9
        field("identifier", length_data(uint8)),          // §9.1.10, §9.1.11
    )
        .parse(record)?;
    // A record that ends without its padding is accepted, as in Linux.
    let (system_use, _) = cond(identifier.len() % 2 == 0, opt(uint8)).parse(record)?; // §9.1.12
    let ((location, location_differs), (data_length, length_differs)) = (location, data_length);
    let extent = Extent { location, length: data_length };
    let interleaving = [unit, gap];
    let record = DirectoryRecord {
        offset: 0,
        length,
        extended_attributes,
        extent,
        halves_differ: location_differs || length_differs,
        recorded,
        flags,
        interleaving,
        identifier,
        system_use,
    };
    Ok((next, record))
}

/// A logical sector of a directory, or the part of one after some record.
#[derive(Debug)]
pub(super) struct Sector<'a> {
    bytes: Cow<'a, [u8]>,
    offset: u64,
    place: Place,
}

impl<'a> Sector<'a> {
    /// Reads from `offset`, counted from the start of the volume, to the end of the logical sector or to `end`.
    fn read(volume: &Region<'a>, offset: u64, end: u64) -> Result<Self> {
        let length = (LOGICAL_SECTOR - offset % LOGICAL_SECTOR).min(end.saturating_sub(offset));
        let bytes = volume.bytes("directory", offset, length)?;
        Ok(Self { bytes, offset, place: volume.place(offset) })
    }

    /// Reads the record at `offset`, and the rest of its logical sector.
    pub(super) fn of_record(volume: &Region<'a>, offset: u64) -> Result<Self> {
        Self::read(volume, offset, volume.length().max(offset.saturating_add(1)))
    }

    /// The first record of the sector.
    pub(super) fn record(&self) -> Result<DirectoryRecord<'_>> {
        let place = || self.place.clone();
        let malformed = || Error::Malformed { structure: "directory record", field: "length", place: place() };
        self.records().next().unwrap_or_else(|| Err(malformed()))
    }

    /// The records up to the zero length byte that ends them (§6.8.1.1).
    pub(super) fn records(&self) -> Records<'_> {
        Records { rest: &self.bytes, offset: self.offset, place: self.place.clone() }
    }
}

/// The length of the shortest record in bytes, which has an identifier of one byte (§9.1).
const SHORTEST: u8 = 34;

/// The records of a [`Sector`]. After a malformed record, reading continues at its end, unless its length is too short for a
/// record.
#[derive(Debug)]
pub(super) struct Records<'s> {
    rest: &'s [u8],
    offset: u64,
    place: Place,
}

impl<'s> Iterator for Records<'s> {
    type Item = Result<DirectoryRecord<'s>>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = self.rest.first().copied().filter(|length| *length > 0)?;
        let record = parse("directory record", &self.place, self.rest, directory_record);
        let record = record.map(|record| DirectoryRecord { offset: self.offset, ..record });
        let leads_on = record.is_ok() || length >= SHORTEST;
        self.rest = self.rest.get(usize::from(length)..).filter(|_| leads_on).unwrap_or_default();
        self.offset = self.offset.saturating_add(u64::from(length));
        self.place = self.place.advance(u64::from(length));
        Some(record)
    }
}

/// The sectors of a directory, read one at a time. The first error ends them.
#[derive(Debug)]
pub(super) struct Sectors<'a> {
    volume: Region<'a>,
    offset: u64,
    end: u64,
}

impl<'a> Sectors<'a> {
    /// The sectors from `offset` on, counted from the start of the volume, with `length` bytes in all.
    ///
    /// # Errors
    /// [`Error::Limit`] if the directory is longer than any real one.
    pub(super) fn new(volume: &Region<'a>, offset: u64, length: u64) -> Result<Self> {
        if length > MAX_DIRECTORY {
            return Err(Error::Limit { what: "directory length", place: volume.place(offset) });
        }
        Ok(Self { volume: volume.clone(), offset, end: offset.saturating_add(length) })
    }
}

impl<'a> Iterator for Sectors<'a> {
    type Item = Result<Sector<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.offset >= self.end {
            return None;
        }
        let sector = Sector::read(&self.volume, self.offset, self.end);
        self.offset = match &sector {
            Ok(_) => (self.offset / LOGICAL_SECTOR + 1) * LOGICAL_SECTOR,
            Err(_) => self.end,
        };
        Some(sector)
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::record;
    use super::*;
    use crate::image::Source;

    #[test]
    fn a_record_is_read_by_the_table_of_the_standard() {
        let bytes = [&record(b"A.TXT;1", 0x123, 0x4567, 0x80)[..], b"NM"].concat();
        let bytes = [&[40 + 2], &bytes[1..], &[9, 9]].concat();
        let (next, record) = directory_record(&bytes).unwrap();
        assert_eq!((next, record.length, record.identifier), (&[9, 9][..], 42, &b"A.TXT;1"[..]));
        assert_eq!(record.extent, Extent { location: 0x123, length: 0x4567 });
        assert_eq!(record.recorded.unwrap().to_string(), "1980-01-01T00:00:00Z");
        assert!(record.has(DirectoryRecord::MULTI_EXTENT) && !record.has(DirectoryRecord::DIRECTORY));
        assert_eq!((record.system_use, record.system_use_offset()), (&b"NM"[..], 40));
    }

    #[test]
    fn a_zero_length_byte_leads_to_the_next_sector() {
        let mut image = vec![0; 4096];
        let (first, second) = (record(b"A", 1, 1, 0), record(b"B", 2, 2, 0));
        image[..first.len()].copy_from_slice(&first);
        image[2048..2048 + second.len()].copy_from_slice(&second);
        let source = Source::memory(image);
        let mut names = Vec::new();
        for sector in Sectors::new(&Region::whole(&source), 0, 4096).unwrap() {
            names.extend(sector.unwrap().records().map(|record| record.unwrap().identifier.to_vec()));
        }
        assert_eq!(names, [b"A", b"B"]);
    }

    #[test]
    fn a_record_that_crosses_its_sector_is_malformed_where_it_begins() {
        let source = Source::memory([vec![0; 2000], vec![60; 2096]].concat());
        let sector = Sector::of_record(&Region::whole(&source), 2000).unwrap();
        assert_eq!(sector.record().unwrap_err().to_string(), "directory record at 0x7d0: invalid length");
    }

    #[test]
    fn a_directory_past_the_end_gives_its_first_sectors_and_then_an_error() {
        let source = Source::memory(vec![0; 3000]);
        let mut sectors = Sectors::new(&Region::whole(&source), 0, 8192).unwrap();
        assert!(sectors.next().unwrap().is_ok());
        let error = sectors.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "directory at 0x800: truncated, needs 2048 bytes, 952 are there");
        assert!(sectors.next().is_none());
    }
}
