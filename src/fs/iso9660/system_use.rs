//! System use entries in directory records (SUSP 1.12), with their continuation areas.

use std::borrow::Cow;

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::verify;

use super::directory::DirectoryRecord;
use crate::error::{Error, Place, Result, Work};
use crate::image::Region;
use crate::parse::{Parsed, both32, field, parse, uint8};

/// Limit for the continuation areas of one record. It is the same in Linux.
const MAX_CONTINUATIONS: usize = 32;

/// The longest continuation area, in bytes. They are confined to one logical sector (SUSP §5.1).
const MAX_CONTINUATION: u32 = 2048;

/// A system use entry (SUSP §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SystemUseEntry<'s> {
    /// Two characters for the kind of entry (SUSP §4.1).
    pub(super) signature: [u8; 2],
    /// Version of this kind of entry (SUSP §4.3).
    pub(super) version: u8,
    /// The bytes after the version (SUSP §4.4).
    pub(super) data: &'s [u8],
    /// Where the data begins.
    pub(super) place: Place,
}

impl<'s> SystemUseEntry<'s> {
    /// Parses the data. Errors name the entry `structure`.
    pub(super) fn parse<T>(&self, structure: &'static str, parser: impl Fn(&'s [u8]) -> Parsed<'s, T>) -> Result<T> {
        parse(structure, &self.place, self.data, parser)
    }
}

/// Parses the header and data of an entry: signature, length, version.
fn system_use_entry(input: &[u8]) -> Parsed<'_, ([u8; 2], u8, &[u8])> {
    let (data, (first, second, length, version)) = (
        field("signature", uint8), // SUSP §4.1
        field("signature", uint8),
        field("length", verify(uint8, |length| *length >= 4)), // SUSP §4.2, counts these four bytes
        field("version", uint8),                               // SUSP §4.3
    )
        .parse(input)?;
    let (rest, data) = field("length", take(length.saturating_sub(4))).parse(data)?;
    Ok((rest, ([first, second], version, data)))
}

/// A continuation area (SUSP §5.1).
struct Continuation {
    /// Logical block, counted from the start of the volume.
    location: u32,
    /// First byte in that block.
    offset: u32,
    /// Length in bytes.
    length: u32,
}

fn continuation(input: &[u8]) -> Parsed<'_, Continuation> {
    let (rest, (location, offset, length)) = (
        field("block location", both32), // SUSP §5.1, BP 5
        field("offset", both32),         // BP 13
        field("length", both32),         // BP 21
    )
        .parse(input)?;
    Ok((rest, Continuation { location, offset, length }))
}

/// Passes the system use entries of a record to `visitor`: first those in its system use field, after `skip` bytes that belong
/// to others (SUSP §5.3), then those in its continuation areas.
///
/// # Errors
/// [`Error::Limit`] if continuation areas form a loop or are too long, [`Error::Truncated`]
/// if one ends past the volume, [`Error::Malformed`] if an entry does not fit its area. Earlier entries have
/// already been passed.
pub(super) fn each_entry(
    volume: &Region<'_>,
    block_size: u64,
    (record, skip): (&DirectoryRecord<'_>, u8),
    mut visitor: impl FnMut(&SystemUseEntry<'_>) -> Result<()>,
) -> Result<()> {
    let mut bytes = Cow::Borrowed(record.system_use.get(usize::from(skip)..).unwrap_or_default());
    let mut place = volume.place(record.system_use_offset().saturating_add(u64::from(skip)));
    for _ in 0..=MAX_CONTINUATIONS {
        let mut next = None;
        for entry in (Entries { rest: &bytes, place: place.clone() }) {
            let entry = entry?;
            match &entry.signature {
                b"CE" => next = Some(entry.parse("continuation entry", continuation)?),
                _ => visitor(&entry)?,
            }
        }
        // Only one entry of an area may name the next area, and the rest of the area comes first (SUSP §5.1).
        let Some(next) = next else { return Ok(()) };
        let start = u64::from(next.location) * block_size + u64::from(next.offset);
        place = volume.place(start);
        if next.length > MAX_CONTINUATION {
            return Err(Error::Limit { what: "continuation area", place });
        }
        // Entries of four bytes cost as much to parse as longer ones.
        volume.charge((Work::Metadata, 8 * u64::from(next.length)), &|| place.clone())?;
        bytes = volume.bytes("continuation area", start, u64::from(next.length))?;
    }
    Err(Error::Limit { what: "continuation areas", place })
}

/// The entries of one area.
#[derive(Debug)]
struct Entries<'s> {
    rest: &'s [u8],
    place: Place,
}

impl<'s> Iterator for Entries<'s> {
    type Item = Result<SystemUseEntry<'s>>;

    /// Fewer than four bytes are not an entry (SUSP §4). A signature of zeros is padding that some writers leave.
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.len() < 4 || self.rest.starts_with(&[0, 0]) || self.rest.starts_with(b"ST") {
            return None;
        }
        let parsed = parse("system use entry", &self.place, self.rest, system_use_entry);
        let entry = parsed.map(|(signature, version, data)| SystemUseEntry {
            signature,
            version,
            data,
            place: self.place.advance(4),
        });
        let length = entry.as_ref().map_or(self.rest.len(), |entry| entry.data.len() + 4);
        self.rest = self.rest.get(length..).unwrap_or_default();
        self.place = self.place.advance(u64::try_from(length).unwrap_or(0));
        Some(entry)
    }
}

/// The SP entry in the root's own record, which applies to all records (SUSP §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SharedUse {
    /// Bytes before the system use entries in the root's own record.
    pub(super) start: u8,
    /// Bytes before the system use entries in every other record.
    pub(super) skip: u8,
}

impl SharedUse {
    /// Finds the entry in the root's own record. `None` if the volume has no system use entries.
    pub(super) fn find(record: &DirectoryRecord<'_>) -> Option<Self> {
        // A CD-ROM XA record begins with fourteen bytes of its own.
        [0, 14].into_iter().find_map(|start| match record.system_use.get(usize::from(start)..)? {
            [b'S', b'P', 7, _, 0xbe, 0xef, skip, ..] => Some(Self { start, skip: *skip }),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::{both32, record_with, system_use};
    use super::super::directory::Sector;
    use super::*;
    use crate::image::Source;

    fn continuation_entry(location: u32, offset: u32, length: u32) -> Vec<u8> {
        system_use(b"CE", &[both32(location), both32(offset), both32(length)].concat())
    }

    /// An image with a record that has this system use field in its first block, and `area` in the second.
    fn signatures(field: &[u8], area: &[u8], skip: u8) -> Result<Vec<String>> {
        let mut image = vec![0; 4096];
        let record = record_with(b"A", 0, 0, 0, field);
        image[..record.len()].copy_from_slice(&record);
        image[2048..2048 + area.len()].copy_from_slice(area);
        let source = Source::memory(image);
        let volume = Region::whole(&source);
        let sector = Sector::of_record(&volume, 0)?;
        let mut signatures = Vec::new();
        each_entry(&volume, 2048, (&sector.record()?, skip), |entry| {
            signatures.push(String::from_utf8_lossy(&entry.signature).into_owned());
            Ok(())
        })?;
        Ok(signatures)
    }

    #[test]
    fn entries_go_on_in_the_continuation_area_after_the_last_of_their_own() {
        let field = [continuation_entry(1, 4, 10), system_use(b"PX", &[])].concat();
        let area = [vec![0; 4], system_use(b"NM", b"ab"), system_use(b"TF", b"")].concat();
        assert_eq!(signatures(&field, &area, 0).unwrap(), ["PX", "NM", "TF"]);
    }

    #[test]
    fn bytes_of_others_are_skipped_and_a_terminator_ends_the_entries() {
        let field = [b"xyz".to_vec(), system_use(b"PD", b"12"), system_use(b"ST", b""), vec![7; 9]].concat();
        assert_eq!(signatures(&field, &[], 3).unwrap(), ["PD"]);
    }

    #[test]
    fn a_continuation_that_leads_to_itself_reaches_the_limit() {
        let area = continuation_entry(1, 0, 28);
        let error = signatures(&area, &area, 0).unwrap_err();
        assert_eq!(error.to_string(), "continuation areas at 0x800: over the limit");
    }

    #[test]
    fn a_continuation_past_the_end_is_truncated() {
        let error = signatures(&continuation_entry(9, 0, 28), &[], 0).unwrap_err();
        assert_eq!(error.to_string(), "continuation area at 0x4800: truncated, needs 28 bytes, 0 are there");
    }

    #[test]
    fn an_entry_longer_than_its_area_is_malformed() {
        let error = signatures(b"NM\x30\x01abc", &[], 0).unwrap_err();
        assert_eq!(error.to_string(), "system use entry at 0x26: invalid length");
    }

    #[test]
    fn the_shared_use_entry_stands_first_or_behind_the_fields_of_xa() {
        let entry = system_use(b"SP", &[0xbe, 0xef, 5]);
        for (before, expected) in [(0, true), (14, true), (3, false)] {
            let bytes = record_with(&[0], 0, 0, 2, &[vec![0; before.into()], entry.clone()].concat());
            let source = Source::memory(bytes);
            let sector = Sector::of_record(&Region::whole(&source), 0).unwrap();
            let found = SharedUse::find(&sector.record().unwrap());
            assert_eq!(found, expected.then_some(SharedUse { start: before, skip: 5 }));
        }
    }
}
