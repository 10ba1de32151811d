//! Volume descriptors, which describe the whole disc.

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::number::complete::be_u32;

use super::date::{Date, long_date};
use super::directory::LOGICAL_SECTOR;
use super::joliet;
use crate::error::{Error, Result};
use crate::image::Region;
use crate::parse::{Parsed, both16, both32, field, little32, parse, uint8};

/// The logical sector of the first volume descriptor. Those before it are the system area (ECMA-119 §6.2.1).
const FIRST_SECTOR: u64 = 16;

/// Limit for volume descriptors. Discs have three to five.
const MAX_DESCRIPTORS: u64 = 64;

/// Offset of the root's directory record in a volume descriptor (§8.4.18).
const ROOT_RECORD: u64 = 156;

/// The volume descriptors of a disc (§6.7.1).
#[derive(Clone, Debug)]
pub struct VolumeDescriptors {
    /// The first primary volume descriptor (§8.4).
    pub primary: VolumeDescriptor,
    /// Supplementary volume descriptors, including those of Joliet (§8.5).
    pub supplementary: Vec<VolumeDescriptor>,
    /// Volume descriptors of type 2 and version 2: enhanced ones, of ISO 9660:1999 (its §8.5).
    pub enhanced: Vec<VolumeDescriptor>,
    /// Boot records (§8.2).
    pub boot_records: Vec<BootRecord>,
    /// Whether a set terminator ends them, as required (§8.3).
    pub terminated: bool,
}

/// A volume descriptor with a directory tree: primary, supplementary or enhanced (§8.4, §8.5).
///
/// Texts are UTF-8 without the spaces that fill their fields. Invalid bytes are replaced by U+FFFD.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeDescriptor {
    /// First byte, counted from the start of the volume.
    pub offset: u64,
    /// The system that may use the system area (§8.4.5).
    pub system: String,
    /// The volume's name, which Linux finds the disc by (§8.4.6).
    pub volume: String,
    /// Length of the volume in logical blocks (§8.4.8).
    pub blocks: u32,
    /// The character sets of a supplementary volume descriptor (§8.5.6). Zeros in other descriptors.
    pub(super) escape_sequences: [u8; 32],
    /// Size of a logical block in bytes (§8.4.12).
    pub block_size: u16,
    /// The name of the set that the volume belongs to (§8.4.19).
    pub volume_set: String,
    /// The publisher (§8.4.20).
    pub publisher: String,
    /// The preparer: `xorriso` writes its version here (§8.4.21).
    pub preparer: String,
    /// The application (§8.4.22): `genisoimage` writes its version here.
    pub application: String,
    /// When the volume was made (§8.4.26).
    pub created: Option<Date>,
    /// When it was last changed (§8.4.27).
    pub modified: Option<Date>,
    /// When it becomes obsolete (§8.4.28).
    pub expires: Option<Date>,
    /// When it may first be used (§8.4.29).
    pub effective: Option<Date>,
}

/// A boot record: data for the boot system with that name (§8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootRecord {
    /// First byte, counted from the start of the volume.
    pub offset: u64,
    /// The boot system (§8.2.4).
    pub system: String,
    /// For El Torito, the logical sector of the boot catalog (El Torito 1.0, figure 7). For others, the first bytes of
    /// boot system use.
    pub catalog: u32,
}

impl VolumeDescriptor {
    /// First byte of the root's directory record, counted from the start of the volume.
    pub(super) fn root(&self) -> u64 {
        self.offset + ROOT_RECORD
    }

    /// Whether the names in its tree are Joliet names.
    #[must_use]
    pub fn is_joliet(&self) -> bool {
        joliet::is_escape(&self.escape_sequences)
    }

    /// Length of the volume in bytes, according to the descriptor. A written disc may be longer.
    #[must_use]
    pub fn length(&self) -> u64 {
        u64::from(self.blocks) * u64::from(self.block_size)
    }
}

/// The first bytes of every volume descriptor (§8.1): type and version.
fn heading(input: &[u8]) -> Parsed<'_, (u8, u8)> {
    let (rest, (kind, _, version)) = (
        field("volume descriptor type", uint8),           // §8.1.1
        field("standard identifier", tag(&b"CD001"[..])), // §8.1.2
        field("volume descriptor version", uint8),        // §8.1.3
    )
        .parse(input)?;
    Ok((rest, (kind, version)))
}

/// Parses a descriptor with a directory tree, beginning with its first byte.
fn volume_descriptor(input: &[u8]) -> Parsed<'_, VolumeDescriptor> {
    let (input, (_, _, system, volume, _, blocks, escape_sequences, _, _, block_size)) = (
        heading,                                     // §8.4.1 to §8.4.3
        field("volume flags", uint8),                // §8.5.3; unused in a primary descriptor
        field("system identifier", take(32usize)),   // §8.4.5
        field("volume identifier", take(32usize)),   // §8.4.6
        field("unused", take(8usize)),               // §8.4.7
        field("volume space size", both32),          // §8.4.8
        field("escape sequences", escape_sequences), // §8.5.6; unused in a primary descriptor
        field("volume set size", both16),            // §8.4.10
        field("volume sequence number", both16),     // §8.4.11
        field("logical block size", both16),         // §8.4.12
    )
        .parse(input)?;
    let (input, _) = (
        field("path table size", both32),                      // §8.4.13
        field("location of path table", (little32, little32)), // §8.4.14, §8.4.15
        field("location of path table", (be_u32, be_u32)),     // §8.4.16, §8.4.17
        field("root directory record", take(34usize)),         // §8.4.18
    )
        .parse(input)?;
    let (rest, (volume_set, publisher, preparer, application, _, created, modified, expires, effective)) = (
        field("volume set identifier", take(128usize)),    // §8.4.19
        field("publisher identifier", take(128usize)),     // §8.4.20
        field("data preparer identifier", take(128usize)), // §8.4.21
        field("application identifier", take(128usize)),   // §8.4.22
        field("file identifiers", take(111usize)),         // §8.4.23 to §8.4.25: copyright, abstract, bibliography
        field("creation date", long_date),                 // §8.4.26
        field("modification date", long_date),             // §8.4.27
        field("expiration date", long_date),               // §8.4.28
        field("effective date", long_date),                // §8.4.29
    )
        .parse(input)?;
    let text = if joliet::is_escape(&escape_sequences) { joliet::text } else { plain_text };
    let trimmed = |bytes: &[u8]| text(bytes).trim_end_matches([' ', '\0']).to_owned();
    let descriptor = VolumeDescriptor {
        offset: 0,
        system: trimmed(system),
        volume: trimmed(volume),
        blocks,
        escape_sequences,
        block_size,
        volume_set: trimmed(volume_set),
        publisher: trimmed(publisher),
        preparer: trimmed(preparer),
        application: trimmed(application),
        created,
        modified,
        expires,
        effective,
    };
    Ok((rest, descriptor))
}

fn escape_sequences(input: &[u8]) -> Parsed<'_, [u8; 32]> {
    take(32usize).map_opt(|bytes: &[u8]| bytes.first_chunk().copied()).parse(input)
}

fn boot_record(input: &[u8]) -> Parsed<'_, BootRecord> {
    let (rest, (_, system, _, catalog)) = (
        heading,                                        // §8.2.1 to §8.2.3
        field("boot system identifier", take(32usize)), // §8.2.4
        field("boot identifier", take(32usize)),        // §8.2.5
        field("boot system use", little32),             // §8.2.6
    )
        .parse(input)?;
    let system = plain_text(system).trim_end_matches([' ', '\0']).to_owned();
    Ok((rest, BootRecord { offset: 0, system, catalog }))
}

fn plain_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl VolumeDescriptors {
    /// Reads the descriptors, beginning with logical sector 16. A missing terminator is not an error: the first sector without a
    /// descriptor also ends them.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no descriptor or no primary one, [`Error::Truncated`] if the image ends
    /// before that, [`Error::Unsupported`] for a logical block size other than 512, 1024 and 2048.
    pub fn read(volume: &Region<'_>) -> Result<Self> {
        let mut primary = None;
        let (mut supplementary, mut enhanced, mut boot_records) = (Vec::new(), Vec::new(), Vec::new());
        let mut terminated = false;
        for sector in FIRST_SECTOR..FIRST_SECTOR + MAX_DESCRIPTORS {
            let offset = sector * LOGICAL_SECTOR;
            let place = volume.place(offset);
            let read = volume.bytes("volume descriptor", offset, LOGICAL_SECTOR);
            let found = read.and_then(|bytes| {
                let (kind, version) = parse("volume descriptor", &place, &bytes, heading)?;
                Ok((kind, version, bytes))
            });
            let (kind, version, bytes) = match found {
                Ok(found) => found,
                Err(error) if sector == FIRST_SECTOR => return Err(error),
                Err(_) => break,
            };
            let tree = || -> Result<VolumeDescriptor> {
                let descriptor = parse("volume descriptor", &place, &bytes, volume_descriptor)?;
                Ok(VolumeDescriptor { offset, ..descriptor })
            };
            match (kind, version) {
                (0, _) => {
                    let boot_record = parse("boot record", &place, &bytes, boot_record)?;
                    boot_records.push(BootRecord { offset, ..boot_record });
                }
                (1, _) if primary.is_none() => primary = Some(tree()?),
                (2, 2) => enhanced.push(tree()?),
                (2, _) => supplementary.push(tree()?),
                (255, _) => {
                    terminated = true;
                    break;
                }
                _ => {}
            }
        }
        let place = volume.place(FIRST_SECTOR * LOGICAL_SECTOR);
        let Some(primary) = primary else {
            let structure = "volume descriptors";
            return Err(Error::Malformed { structure, field: "set without a primary volume descriptor", place });
        };
        if !matches!(primary.block_size, 512 | 1024 | 2048) {
            let what = format!("logical block size {}", primary.block_size).into();
            return Err(Error::Unsupported { what, place: volume.place(primary.offset + 128) });
        }
        Ok(Self { primary, supplementary, enhanced, boot_records, terminated })
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::{descriptor, sectors};
    use super::*;
    use crate::image::Source;

    fn read(descriptors: &[Vec<u8>]) -> Result<VolumeDescriptors> {
        let source = Source::memory(sectors(descriptors));
        VolumeDescriptors::read(&Region::whole(&source))
    }

    #[test]
    fn the_primary_descriptor_tells_of_the_volume() {
        let found = read(&[descriptor(1, 1, b""), descriptor(255, 1, b"")]).unwrap();
        assert!(found.terminated);
        let VolumeDescriptor { offset, volume, system, publisher, blocks, block_size, created, .. } = &found.primary;
        assert_eq!(
            (*offset, volume.as_str(), system.as_str(), publisher.as_str()),
            (0x8000, "nixos-test", "LINUX", "NIXOS")
        );
        assert_eq!((*blocks, *block_size, found.primary.length()), (40, 2048, 81920));
        assert_eq!(created.unwrap().to_string(), "1980-01-01T00:00:00Z");
        assert_eq!(found.primary.expires, None);
    }

    #[test]
    fn each_kind_of_descriptor_is_put_with_its_like() {
        let kinds = [(1, 1, &b""[..]), (0, 1, b""), (2, 2, b""), (2, 1, b"%/E"), (3, 1, b""), (255, 1, b"")];
        let found = read(&kinds.map(|(kind, version, escape)| descriptor(kind, version, escape))).unwrap();
        assert_eq!((found.boot_records.len(), found.enhanced.len(), found.supplementary.len()), (1, 1, 1));
        assert_eq!(found.boot_records[0].system, "EL TORITO SPECIFICATION");
        assert!(found.supplementary[0].is_joliet() && !found.enhanced[0].is_joliet());
        assert_eq!(found.supplementary[0].volume, "nixos-test");
    }

    #[test]
    fn descriptors_without_a_terminator_end_where_the_next_is_none() {
        let found = read(&[descriptor(1, 1, b""), vec![0; 2048], descriptor(0, 1, b"")]).unwrap();
        assert!(!found.terminated && found.boot_records.is_empty());
        assert!(read(&[descriptor(1, 1, b"")]).is_ok());
    }

    #[test]
    fn what_is_no_volume_is_refused_at_the_first_descriptor() {
        let no_magic = read(&[vec![1; 2048]]).unwrap_err();
        assert_eq!(no_magic.to_string(), "volume descriptor at 0x8001: invalid standard identifier");
        let no_primary = read(&[descriptor(255, 1, b"")]).unwrap_err();
        let message = "volume descriptors at 0x8000: invalid set without a primary volume descriptor";
        assert_eq!(no_primary.to_string(), message);
        let empty = read(&[]).unwrap_err();
        assert_eq!(empty.to_string(), "volume descriptor at 0x8000: truncated, needs 2048 bytes, 0 are there");
        let mut blocks = descriptor(1, 1, b"");
        blocks[128..132].copy_from_slice(&[0, 16, 16, 0]);
        assert_eq!(read(&[blocks]).unwrap_err().to_string(), "logical block size 4096 at 0x8080: not supported");
    }
}
