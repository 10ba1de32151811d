//! The POSIX attributes of a file, which ECMA-119 lacks (RRIP 1.12, and 1.09 as `RRIP_1991A`).

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::rest;

use super::date::{Date, long_date, short_date};
use super::directory::DirectoryRecord;
use super::symbolic_link::Target;
use super::system_use::SystemUseEntry;
use super::zisofs::Compressed;
use crate::error::Result;
use crate::fs::{Device, FileType};
use crate::parse::{Parsed, both32, field, uint8};

/// The Rock Ridge entries of one directory record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RockRidge {
    /// The alternate name (NM).
    pub(super) name: Option<Vec<u8>>,
    /// Whether the name continues in another entry.
    name_goes_on: bool,
    /// Type, permissions and owner (PX).
    pub(super) attributes: Option<Attributes>,
    /// The numbers of a device (PN).
    pub(super) device: Option<Device>,
    /// The target of a symbolic link (SL).
    pub(super) target: Option<Target>,
    /// Time of last modification (TF).
    pub(super) modified: Option<Date>,
    /// The logical block of a directory that belongs here but is recorded elsewhere (CL).
    pub(super) child_link: Option<u32>,
    /// This directory belongs elsewhere (RE).
    pub(super) relocated: bool,
    /// How the contents are compressed (ZF).
    pub(super) compressed: Option<Compressed>,
}

/// POSIX file attributes (RRIP §4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attributes {
    /// Type and permissions as in `st_mode`.
    pub(super) mode: u32,
    /// Numeric owner.
    pub(super) uid: u32,
    /// Numeric group.
    pub(super) gid: u32,
}

impl Attributes {
    /// The file type of the mode (RRIP table 2). `None` if it is unknown.
    pub(super) fn file_type(&self) -> Option<FileType> {
        match self.mode & 0o170_000 {
            0o010_000 => Some(FileType::Fifo),
            0o020_000 => Some(FileType::CharDevice),
            0o040_000 => Some(FileType::Directory),
            0o060_000 => Some(FileType::BlockDevice),
            0o100_000 => Some(FileType::File),
            0o120_000 => Some(FileType::Symlink),
            0o140_000 => Some(FileType::Socket),
            _ => None,
        }
    }

    /// The twelve permission bits.
    pub(super) fn permissions(&self) -> u16 {
        u16::try_from(self.mode & 0o7777).unwrap_or(0)
    }
}

impl RockRidge {
    /// Adds an entry. Entries of other standards are skipped. If an entry is recorded twice without a continuation,
    /// the first one counts.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error) if the entry is shorter than its fields.
    pub(super) fn take(&mut self, entry: &SystemUseEntry<'_>) -> Result<()> {
        match &entry.signature {
            b"PX" => keep(&mut self.attributes, entry.parse("POSIX attributes", attributes)?),
            b"PN" => keep(&mut self.device, entry.parse("device number", device)?),
            b"SL" => self.target.get_or_insert_default().append(entry)?,
            b"CL" => keep(&mut self.child_link, entry.parse("child link", both32)?),
            b"RE" => self.relocated = true,
            b"ZF" => keep(&mut self.compressed, entry.parse("zisofs entry", Compressed::parse)?),
            b"NM" if self.name.is_none() || self.name_goes_on => {
                let (flags, part) = entry.parse("alternate name", alternate_name)?;
                self.name.get_or_insert_default().extend_from_slice(part);
                self.name_goes_on = flags & 0x01 != 0; // CONTINUE
            }
            b"TF" if self.modified.is_none() => self.modified = entry.parse("time stamps", modified)?,
            _ => {}
        }
        Ok(())
    }

    /// The type of the record's node. The file mode decides, as in Linux. A link to a relocated directory
    /// counts as that directory. Without a mode, only the file flag is left.
    pub(super) fn file_type(&self, record: &DirectoryRecord<'_>) -> FileType {
        let flagged = match record.has(DirectoryRecord::DIRECTORY) {
            true => FileType::Directory,
            false => FileType::File,
        };
        match self.child_link {
            Some(_) => FileType::Directory,
            None => self.attributes.and_then(|attributes| attributes.file_type()).unwrap_or(flagged),
        }
    }
}

/// Whether a volume whose root has this entry uses Rock Ridge: the entry names the extension (ER), or is one of its own
/// (some writers forget the name).
pub(super) fn is_rock_ridge(entry: &SystemUseEntry<'_>) -> Result<bool> {
    match &entry.signature {
        b"RR" | b"PX" | b"NM" => Ok(true),
        b"ER" => {
            let identifier = entry.parse("extensions reference", extension_identifier)?;
            Ok(matches!(identifier, b"RRIP_1991A" | b"IEEE_P1282" | b"IEEE_1282"))
        }
        _ => Ok(false),
    }
}

fn keep<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}

/// The identifier of an ER entry (SUSP §5.5).
fn extension_identifier(input: &[u8]) -> Parsed<'_, &[u8]> {
    let (input, (length, _, _, _)) = (
        field("identifier length", uint8), // SUSP §5.5, BP 5
        field("descriptor length", uint8), // BP 6
        field("source length", uint8),     // BP 7
        field("extension version", uint8), // BP 8
    )
        .parse(input)?;
    field("identifier", take(length)).parse(input) // BP 9
}

/// The edition of 1991 has no serial number after the group. Nothing here needs it.
fn attributes(input: &[u8]) -> Parsed<'_, Attributes> {
    let (rest, (mode, _, uid, gid)) = (
        field("file mode", both32), // RRIP §4.1.1, BP 5
        field("links", both32),     // BP 13
        field("user", both32),      // BP 21
        field("group", both32),     // BP 29
    )
        .parse(input)?;
    Ok((rest, Attributes { mode, uid, gid }))
}

/// The two halves of a device number (RRIP §4.1.2): major and minor as `genisoimage` writes them. If the high half
/// is empty and the low one exceeds a minor number of eight bits, it is a `dev_t` as `xorriso` writes it.
fn device(input: &[u8]) -> Parsed<'_, Device> {
    let (rest, (high, low)) = (field("high half", both32), field("low half", both32)).parse(input)?;
    let device = match (high, low) {
        (0, 0x100..) => Device { major: low >> 8 & 0xfff, minor: low >> 12 & 0xf_ff00 | low & 0xff },
        (major, minor) => Device { major, minor },
    };
    Ok((rest, device))
}

/// Flags and part of the name (RRIP §4.1.4). The flags CURRENT and PARENT replace the names `.` and `..`.
fn alternate_name(input: &[u8]) -> Parsed<'_, (u8, &[u8])> {
    let (empty, (flags, part)) = (field("flags", uint8), rest).parse(input)?;
    let name = match flags & 0x06 {
        0x02 => &b"."[..],
        0x04 => b"..",
        _ => part,
    };
    Ok((empty, (flags, name)))
}

/// The second of the recorded time stamps. They are in the order of their flags' bits (RRIP §4.1.6).
fn modified(input: &[u8]) -> Parsed<'_, Option<Date>> {
    const CREATION: u8 = 0x01;
    const MODIFY: u8 = 0x02;
    const LONG_FORM: u8 = 0x80;
    let (mut input, flags) = field("flags", uint8).parse(input)?; // BP 5
    let stamp = if flags & LONG_FORM == 0 { short_date } else { long_date };
    if flags & CREATION != 0 {
        (input, _) = field("creation", stamp).parse(input)?;
    }
    if flags & MODIFY == 0 {
        return Ok((input, None));
    }
    field("modify", stamp).parse(input)
}

#[cfg(test)]
mod tests {
    use super::super::build::{both32 as number, record_with, system_use as entry};
    use super::super::directory::Sector;
    use super::super::system_use::each_entry;
    use super::*;
    use crate::image::{Region, Source};

    fn read(entries: &[Vec<u8>]) -> Result<RockRidge> {
        let mut found = RockRidge::default();
        each(entries, |entry| found.take(entry))?;
        Ok(found)
    }

    fn each(entries: &[Vec<u8>], visitor: impl FnMut(&SystemUseEntry<'_>) -> Result<()>) -> Result<()> {
        let source = Source::memory(record_with(b"A", 0, 0, 0, &entries.concat()));
        let volume = Region::whole(&source);
        let sector = Sector::of_record(&volume, 0)?;
        each_entry(&volume, 2048, (&sector.record()?, 0), visitor)
    }

    #[test]
    fn attributes_are_read_with_and_without_a_serial_number() {
        let old = [number(0o100_755), number(1), number(1000), number(100)].concat();
        let new = [old.clone(), number(77)].concat();
        for data in [old, new] {
            let attributes = read(&[entry(b"PX", &data)]).unwrap().attributes.unwrap();
            assert_eq!(attributes, Attributes { mode: 0o100_755, uid: 1000, gid: 100 });
            assert_eq!((attributes.file_type(), attributes.permissions()), (Some(FileType::File), 0o755));
        }
    }

    #[test]
    fn a_name_goes_on_while_its_flag_says_so() {
        let parts = [entry(b"NM", b"\x01ab"), entry(b"NM", b"\x00cd"), entry(b"NM", b"\x00ef")];
        assert_eq!(read(&parts).unwrap().name.unwrap(), b"abcd");
        assert_eq!(read(&[entry(b"NM", b"\x04")]).unwrap().name.unwrap(), b"..");
        assert_eq!(read(&[]).unwrap().name, None);
    }

    #[test]
    fn the_modification_stands_behind_the_creation_in_both_forms() {
        let (created, changed) = ([80, 1, 1, 0, 0, 0, 0], [90, 2, 3, 4, 5, 6, 0]);
        let short = [&[0x07][..], &created, &changed, &created].concat();
        let only = [&[0x02][..], &changed].concat();
        let long = [&[0x83][..], b"1980010100000000\0", b"1990020304050600\0"].concat();
        for data in [short, only, long] {
            let found = read(&[entry(b"TF", &data)]).unwrap().modified.unwrap();
            assert_eq!(found.to_string(), "1990-02-03T04:05:06Z");
        }
        assert_eq!(read(&[entry(b"TF", b"\x01\x50\x01\x01\x00\x00\x00\x00")]).unwrap().modified, None);
    }

    #[test]
    fn device_numbers_come_in_two_halves_or_in_one() {
        for (high, low, major, minor) in
            [(8, 1, 8, 1), (0, 0x0801, 8, 1), (0, 5, 0, 5), (259, 70000, 259, 70000), (0, 0x1111_0370, 259, 70000)]
        {
            let found = read(&[entry(b"PN", &[number(high), number(low)].concat())]).unwrap();
            assert_eq!(found.device, Some(Device { major, minor }));
        }
    }

    #[test]
    fn relocation_is_told_from_both_ends() {
        let found = read(&[entry(b"CL", &number(30))]).unwrap();
        assert_eq!((found.child_link, found.relocated), (Some(30), false));
        assert!(read(&[entry(b"RE", b"")]).unwrap().relocated);
    }

    #[test]
    fn an_entry_shorter_than_its_fields_is_malformed() {
        let error = read(&[entry(b"PX", &number(0o100_755))]).unwrap_err();
        assert_eq!(error.to_string(), "POSIX attributes at 0x2e: invalid links");
    }

    #[test]
    fn rock_ridge_is_known_by_its_name_or_by_its_entries() {
        let named = |identifier: &[u8]| {
            let length = u8::try_from(identifier.len()).unwrap();
            entry(b"ER", &[&[length, 0, 0, 1], identifier].concat())
        };
        for (field, used) in [
            (named(b"RRIP_1991A"), true),
            (named(b"IEEE_P1282"), true),
            (named(b"AAIP_0200"), false),
            (entry(b"RR", b"\x81"), true),
            (entry(b"SP", b"\xbe\xef\x00"), false),
        ] {
            each(&[field], |entry| {
                assert_eq!(is_rock_ridge(entry).unwrap(), used);
                Ok(())
            })
            .unwrap();
        }
    }
}
