//! El Torito: the boot catalog, and the boot images that it names (El Torito 1.0, 1995).

use std::fmt;

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;

use super::directory::LOGICAL_SECTOR;
use super::{BootRecord, Volume};
use crate::error::{Error, Result};
use crate::image::Region;
use crate::parse::{Parsed, field, little16, little32, parse, uint8};

/// The boot system named in the boot record of El Torito (figure 7).
const BOOT_SYSTEM: &str = "EL TORITO SPECIFICATION";

/// Size of an entry of the boot catalog in bytes.
const ENTRY: u64 = 32;

/// The longest boot catalog that is read, in bytes: 64 logical sectors. Writers fill at most one.
const MAX_CATALOG: u64 = 64 * LOGICAL_SECTOR;

/// The boot catalog (§2.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootCatalog {
    /// First byte, counted from the start of the volume.
    pub offset: u64,
    /// The maker of the disc, according to the validation entry (§2.1).
    pub id: String,
    /// Whether the words of the validation entry add up to zero, as required (§2.1).
    pub checksum_holds: bool,
    /// The boot images, beginning with the default one.
    pub images: Vec<BootImage>,
}

/// A boot image, from the default entry or from a section's entry (§2.2, §2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootImage {
    /// The platform of its section. For the default image, that of the validation entry.
    pub platform: Platform,
    /// Whether the firmware may boot it.
    pub bootable: bool,
    /// The kind of drive that the BIOS emulates for it.
    pub emulation: Emulation,
    /// The segment that a BIOS loads it to, divided by 16; 0 means the usual 0x7c0.
    pub load_segment: u16,
    /// How much of it a BIOS loads, in sectors of 512 bytes. Sixteen bits are too few for some: for UEFI, 0 and 1 mean nothing, and
    /// the file that [`Volume::file_at`] finds has the true length.
    pub load_sectors: u16,
    /// First byte, counted from the start of the volume.
    pub offset: u64,
}

/// The firmware that a boot image is for (§2.1; UEFI 2.10 §13.3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// 0x00: the BIOS of a PC.
    Bios,
    /// 0x01: Power PC.
    PowerPc,
    /// 0x02: Macintosh.
    Mac,
    /// 0xef: UEFI.
    Uefi,
    /// Any other number.
    Other(u8),
}

/// The kind of drive that is emulated for a boot image (§2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emulation {
    /// 0: no emulation, the image is loaded as it is.
    None,
    /// 1: a floppy disk of 1.2 MB.
    Floppy1200,
    /// 2: a floppy disk of 1.44 MB.
    Floppy1440,
    /// 3: a floppy disk of 2.88 MB.
    Floppy2880,
    /// 4: a hard disk.
    HardDisk,
    /// Any other number.
    Other(u8),
}

impl Platform {
    fn of(number: u8) -> Self {
        match number {
            0x00 => Self::Bios,
            0x01 => Self::PowerPc,
            0x02 => Self::Mac,
            0xef => Self::Uefi,
            other => Self::Other(other),
        }
    }
}

impl Emulation {
    /// The upper four bits concern drivers and continuation entries.
    fn of(media_type: u8) -> Self {
        match media_type & 0x0f {
            0 => Self::None,
            1 => Self::Floppy1200,
            2 => Self::Floppy1440,
            3 => Self::Floppy2880,
            4 => Self::HardDisk,
            other => Self::Other(other),
        }
    }
}

/// One word: `bios`, `powerpc`, `mac`, `uefi`. Other numbers as `0x10`.
impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bios => formatter.pad("bios"),
            Self::PowerPc => formatter.pad("powerpc"),
            Self::Mac => formatter.pad("mac"),
            Self::Uefi => formatter.pad("uefi"),
            Self::Other(number) => write!(formatter, "{number:#04x}"),
        }
    }
}

/// One word: `none`, `floppy-1.2`, `floppy-1.44`, `floppy-2.88`, `hard-disk`. Other numbers as `0x07`.
impl fmt::Display for Emulation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.pad("none"),
            Self::Floppy1200 => formatter.pad("floppy-1.2"),
            Self::Floppy1440 => formatter.pad("floppy-1.44"),
            Self::Floppy2880 => formatter.pad("floppy-2.88"),
            Self::HardDisk => formatter.pad("hard-disk"),
            Self::Other(number) => write!(formatter, "{number:#04x}"),
        }
    }
}

impl Volume<'_> {
    /// The boot catalog. `None` if no boot record names one.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no catalog at the named place, [`Error::Truncated`] if that is past the end,
    /// [`Error::Limit`] if its sections have more entries than any real catalog.
    pub fn boot_catalog(&self) -> Result<Option<BootCatalog>> {
        let record = self.descriptors.boot_records.iter().find(|record| record.is_el_torito());
        record.map(|record| catalog(&self.region, u64::from(record.catalog) * LOGICAL_SECTOR)).transpose()
    }
}

impl BootRecord {
    /// Whether it names a boot catalog.
    #[must_use]
    pub fn is_el_torito(&self) -> bool {
        self.system == BOOT_SYSTEM
    }
}

/// Fields of the validation entry (§2.1).
struct Validation {
    platform: Platform,
    id: String,
    checksum_holds: bool,
}

fn validation_entry(input: &[u8]) -> Parsed<'_, Validation> {
    let words = input.as_chunks::<2>().0.iter().take(16).map(|word| u16::from_le_bytes(*word));
    let checksum_holds = words.fold(0, u16::wrapping_add) == 0;
    let (rest, (_, platform, _, id, _, _)) = (
        field("header id", tag(&[1][..])),          // byte 0
        field("platform", uint8),                   // byte 1
        field("reserved", take(2usize)),            // byte 2
        field("id", take(24usize)),                 // byte 4
        field("checksum", little16),                // byte 28
        field("key bytes", tag(&[0x55, 0xaa][..])), // byte 30
    )
        .parse(input)?;
    let id = String::from_utf8_lossy(id).trim_end_matches([' ', '\0']).to_owned();
    Ok((rest, Validation { platform: Platform::of(platform), id, checksum_holds }))
}

/// Parses the default entry, or an entry in a section of that platform. Also returns its media type byte.
fn boot_entry(input: &[u8], platform: Platform) -> Parsed<'_, (BootImage, u8)> {
    let (rest, (indicator, media_type, load_segment, _, _, load_sectors, location, _)) = (
        field("boot indicator", uint8),             // byte 0
        field("media type", uint8),                 // byte 1
        field("load segment", little16),            // byte 2
        field("system type", uint8),                // byte 4
        field("unused", uint8),                     // byte 5
        field("sector count", little16),            // byte 6
        field("load address", little32),            // byte 8, in logical sectors
        field("selection criteria", take(20usize)), // byte 12
    )
        .parse(input)?;
    let image = BootImage {
        platform,
        bootable: indicator == 0x88,
        emulation: Emulation::of(media_type),
        load_segment,
        load_sectors,
        offset: u64::from(location) * LOGICAL_SECTOR,
    };
    Ok((rest, (image, media_type)))
}

/// Fields of a section header (§2.3).
struct SectionHeader {
    /// Whether another header follows the section's entries.
    more: bool,
    platform: Platform,
    entries: u16,
}

fn section_header(input: &[u8]) -> Parsed<'_, SectionHeader> {
    let (rest, (indicator, platform, entries, _)) = (
        field("header indicator", verify(uint8, |byte| matches!(byte, 0x90 | 0x91))), // byte 0
        field("platform", uint8),                                                     // byte 1
        field("number of entries", little16),                                         // byte 2
        field("id", take(28usize)),                                                   // byte 4
    )
        .parse(input)?;
    Ok((rest, SectionHeader { more: indicator == 0x90, platform: Platform::of(platform), entries }))
}

/// Reads the catalog entry by entry.
struct Entries<'s> {
    rest: &'s [u8],
    place: crate::Place,
}

impl<'s> Entries<'s> {
    fn next<T>(&mut self, structure: &'static str, parser: impl Fn(&'s [u8]) -> Parsed<'s, T>) -> Result<T> {
        let Some((entry, rest)) = self.rest.split_at_checked(32) else {
            return Err(Error::Limit { what: "boot catalog", place: self.place.clone() });
        };
        let value = parse(structure, &self.place, entry, parser)?;
        (self.rest, self.place) = (rest, self.place.advance(ENTRY));
        Ok(value)
    }

    /// Whether the next entry begins with one of these bytes.
    fn begins(&self, indicators: &[u8]) -> bool {
        self.rest.first().is_some_and(|byte| indicators.contains(byte))
    }

    /// Skips the extensions of a section entry, which contain only selection criteria (§2.5).
    fn skip_extensions(&mut self) -> Result<()> {
        while self.begins(&[0x44]) {
            self.next("section entry extension", |input| take(ENTRY).parse(input))?;
        }
        Ok(())
    }
}

fn catalog(volume: &Region<'_>, offset: u64) -> Result<BootCatalog> {
    let length = volume.length().saturating_sub(offset).clamp(2 * ENTRY, MAX_CATALOG);
    let bytes = volume.bytes("boot catalog", offset, length)?;
    let mut entries = Entries { rest: &bytes, place: volume.place(offset) };
    let validation = entries.next("validation entry", validation_entry)?;
    let (default, _) = entries.next("default entry", |input| boot_entry(input, validation.platform))?;
    let mut images = vec![default];
    let mut more = entries.begins(&[0x90, 0x91]);
    while more {
        let header = entries.next("section header", section_header)?;
        for _ in 0..header.entries {
            let (image, media_type) = entries.next("section entry", |input| boot_entry(input, header.platform))?;
            images.push(image);
            if media_type & 0x20 != 0 {
                entries.skip_extensions()?;
            }
        }
        more = header.more && entries.begins(&[0x90, 0x91]);
    }
    Ok(BootCatalog { offset, id: validation.id, checksum_holds: validation.checksum_holds, images })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Source;

    fn validation(platform: u8) -> Vec<u8> {
        let mut entry = vec![0; 32];
        entry[..2].copy_from_slice(&[1, platform]);
        entry[4..9].copy_from_slice(b"NIXOS");
        entry[30..].copy_from_slice(&[0x55, 0xaa]);
        let sum = entry.as_chunks::<2>().0.iter().fold(0u16, |sum, word| sum.wrapping_add(u16::from_le_bytes(*word)));
        entry[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
        entry
    }

    fn entry(media_type: u8, sectors: u16, location: u32) -> Vec<u8> {
        let mut entry = vec![0; 32];
        entry[..2].copy_from_slice(&[0x88, media_type]);
        entry[6..8].copy_from_slice(&sectors.to_le_bytes());
        entry[8..12].copy_from_slice(&location.to_le_bytes());
        entry
    }

    fn header(indicator: u8, platform: u8, entries: u8) -> Vec<u8> {
        [&[indicator, platform, entries, 0][..], &[0; 28]].concat()
    }

    fn read(entries: &[Vec<u8>]) -> Result<BootCatalog> {
        let source = Source::memory(entries.concat());
        catalog(&Region::whole(&source), 0)
    }

    #[test]
    fn the_default_entry_and_every_section_give_boot_images() {
        let sections = [header(0x90, 0xef, 1), entry(0x20, 0, 50), vec![0x44; 32], header(0x91, 2, 2), entry(4, 1, 60)];
        let catalog =
            read(&[&[validation(0), entry(0, 4, 40)], &sections[..], &[entry(2, 1, 61), vec![0; 32]]].concat());
        let catalog = catalog.unwrap();
        assert_eq!((catalog.id.as_str(), catalog.checksum_holds), ("NIXOS", true));
        let images =
            catalog.images.iter().map(|image| (image.platform, image.emulation, image.load_sectors, image.offset));
        let expected = [
            (Platform::Bios, Emulation::None, 4, 40 * 2048),
            (Platform::Uefi, Emulation::None, 0, 50 * 2048),
            (Platform::Mac, Emulation::HardDisk, 1, 60 * 2048),
            (Platform::Mac, Emulation::Floppy1440, 1, 61 * 2048),
        ];
        assert!(images.eq(expected));
    }

    #[test]
    fn a_catalog_of_the_default_entry_alone_has_the_platform_of_the_validation_entry() {
        let images = read(&[validation(0xef), entry(0, 0, 9), vec![0; 32]]).unwrap().images;
        assert_eq!((images.len(), images[0].platform, images[0].bootable), (1, Platform::Uefi, true));
        assert_eq!((images[0].platform.to_string(), images[0].emulation.to_string()), ("uefi".into(), "none".into()));
    }

    #[test]
    fn a_wrong_checksum_is_told_and_wrong_key_bytes_are_refused() {
        let mut catalog = [validation(0), entry(0, 4, 40)];
        catalog[0][5] ^= 1;
        assert!(!read(&catalog).unwrap().checksum_holds);
        catalog[0][31] = 0;
        assert_eq!(read(&catalog).unwrap_err().to_string(), "validation entry at 0x1e: invalid key bytes");
    }

    #[test]
    fn more_entries_than_the_catalog_holds_are_an_error() {
        let error = read(&[validation(0), entry(0, 4, 40), header(0x91, 0, 200), entry(0, 0, 0)]).unwrap_err();
        assert_eq!(error.to_string(), "boot catalog at 0x80: over the limit");
        assert_eq!(read(&[]).unwrap_err().to_string(), "boot catalog at 0x0: truncated, needs 64 bytes, 0 are there");
    }
}
