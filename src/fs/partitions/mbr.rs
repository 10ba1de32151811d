//! The master boot record.

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::multi::count;

use super::{Partition, PartitionKind, SECTOR};
use crate::error::Result;
use crate::image::Region;
use crate::parse::{Parsed, field, little32, parse, uint8};

/// A row of the partition table (UEFI 2.10, table 5-1).
struct Row {
    active: bool,
    system: u8,
    /// First sector.
    start: u32,
    /// Length in sectors. 0 if the row is unused.
    length: u32,
}

fn row(input: &[u8]) -> Parsed<'_, Row> {
    let (rest, (indicator, _, system, _, start, length)) = (
        field("boot indicator", uint8),          // byte 0
        field("starting address", take(3usize)), // byte 1, in cylinders, heads and sectors
        field("system id", uint8),               // byte 4
        field("ending address", take(3usize)),   // byte 5
        field("starting sector", little32),      // byte 8
        field("size in sectors", little32),      // byte 12
    )
        .parse(input)?;
    Ok((rest, Row { active: indicator == 0x80, system, start, length }))
}

fn table(input: &[u8]) -> Parsed<'_, Vec<Row>> {
    let (input, _) = field("boot code", take(446usize)).parse(input)?; // byte 0
    let (input, rows) = count(row, 4).parse(input)?; // byte 446
    let (rest, _) = field("signature", tag(&[0x55, 0xaa][..])).parse(input)?; // byte 510
    Ok((rest, rows))
}

/// The boot code of a master boot record, which a BIOS runs from a stick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mbr {
    /// The sector of 512 bytes where ISOLINUX starts, if this is the code that starts it.
    pub isolinux: Option<u64>,
    /// Whether there is any boot code.
    pub has_code: bool,
}

/// The message in SYSLINUX's boot code for isohybrid images if ISOLINUX is missing.
const ISOLINUX_MISSING: &[u8] = b"isolinux.bin missing or corrupt";

impl Mbr {
    /// Reads the boot code. `None` without the signature of a master boot record.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn read(image: &Region<'_>) -> Result<Option<Self>> {
        if image.length() < SECTOR {
            return Ok(None);
        }
        let bytes = image.bytes("master boot record", 0, SECTOR)?;
        if !bytes.ends_with(&[0x55, 0xaa]) {
            return Ok(None);
        }
        let code = bytes.get(..440).unwrap_or_default();
        // `isohybrid` and xorriso write the address into the last bytes of the code.
        let address = code.last_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        let is_isolinux = memchr::memmem::find(code, ISOLINUX_MISSING).is_some();
        Ok(Some(Self { isolinux: address.filter(|_| is_isolinux), has_code: code.iter().any(|byte| *byte != 0) }))
    }
}

/// The partitions of the master boot record. Without its signature, the first sector is something else.
pub(super) fn read(image: &Region<'_>) -> Result<Option<Vec<Partition>>> {
    if image.length() < SECTOR {
        return Ok(None);
    }
    let bytes = image.bytes("master boot record", 0, SECTOR)?;
    let Ok(rows) = parse("master boot record", &image.place(0), &bytes, table) else { return Ok(None) };
    let used = (1..).zip(rows).filter(|(_, row)| row.length > 0);
    let partitions = used.map(|(index, row)| Partition {
        index,
        kind: PartitionKind::Mbr(row.system),
        start: u64::from(row.start) * SECTOR,
        length: u64::from(row.length) * SECTOR,
        active: row.active,
        name: String::new(),
    });
    Ok(Some(partitions.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Source;

    #[test]
    fn the_rows_of_an_isohybrid_image_overlap() {
        let mut sector = vec![0; 512];
        sector[446..462].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0, 0]);
        sector[478..494].copy_from_slice(&[0, 0, 0, 0, 0xef, 0, 0, 0, 0x40, 0, 0, 0, 0x10, 0, 0, 0]);
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        let source = Source::memory(sector);
        let partitions = read(&Region::whole(&source)).unwrap().unwrap();
        let rows = partitions.iter().map(|found| (found.index, found.kind, found.start, found.length, found.active));
        let expected = [
            (1, PartitionKind::Mbr(0), 0, 0x2000 * 512, true),
            (3, PartitionKind::Mbr(0xef), 0x40 * 512, 0x10 * 512, false),
        ];
        assert!(rows.eq(expected));
    }

    #[test]
    fn a_first_sector_without_the_signature_is_no_master_boot_record() {
        let source = Source::memory(vec![0; 512]);
        assert_eq!(read(&Region::whole(&source)).unwrap(), None);
    }
}
