//! The GUID partition table.

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;

use super::{Guid, GuidTable, Partition, PartitionKind, SECTOR};
use crate::error::Result;
use crate::image::Region;
use crate::parse::{Parsed, field, little32, little64, parse};

/// Limit for the entries of a table. All tools write this many.
const MAX_ENTRIES: u32 = 128;

/// The longest entry that is read, in bytes. The length is 128 times a power of two.
const MAX_ENTRY: u32 = 4096;

/// Limit for the entries together, in bytes. 128 entries have 16 KiB.
const LONGEST_ENTRIES: u64 = 1 << 20;

/// The CRC of the header is computed over its length, with zeros in place of the CRC itself (UEFI 2.10, table 5-5).
const CRC: std::ops::Range<usize> = 16..20;

/// Fields of the header (UEFI 2.10, table 5-5).
struct Header {
    /// Its length in bytes.
    length: u32,
    crc: u32,
    disk: Guid,
    /// First sector of the entries.
    entries: u64,
    count: u32,
    /// Bytes of an entry.
    entry_size: u32,
    entries_crc: u32,
}

fn header(input: &[u8]) -> Parsed<'_, Header> {
    let entry_size = verify(little32, |size| (128..=MAX_ENTRY).contains(size) && size.is_power_of_two());
    let (rest, (_, _, length, crc, _, _, _, _, _, disk, entries, count, entry_size, entries_crc)) = (
        field("signature", tag(SIGNATURE)),       // byte 0
        field("revision", little32),              // byte 8
        field("header size", little32),           // byte 12
        field("header CRC", little32),            // byte 16
        field("reserved", little32),              // byte 20
        field("sector of the header", little64),  // byte 24
        field("sector of the other", little64),   // byte 32
        field("first usable sector", little64),   // byte 40
        field("last usable sector", little64),    // byte 48
        field("disk GUID", guid),                 // byte 56
        field("sector of the entries", little64), // byte 72
        field("number of entries", little32),     // byte 80
        field("size of an entry", entry_size),    // byte 84
        field("entries CRC", little32),           // byte 88
    )
        .parse(input)?;
    Ok((rest, Header { length, crc, disk, entries, count, entry_size, entries_crc }))
}

const SIGNATURE: &[u8] = b"EFI PART";

fn guid(input: &[u8]) -> Parsed<'_, Guid> {
    take(16usize).map_opt(|bytes: &[u8]| bytes.first_chunk().copied().map(Guid)).parse(input)
}

/// An entry of the table (UEFI 2.10, table 5-6).
struct Row {
    kind: Guid,
    /// First sector.
    first: u64,
    /// Last sector, inclusive.
    last: u64,
    name: String,
}

fn row(input: &[u8]) -> Parsed<'_, Row> {
    let (rest, (kind, _, first, last, _, name)) = (
        field("partition type", guid),   // byte 0
        field("partition GUID", guid),   // byte 16
        field("first sector", little64), // byte 32
        field("last sector", little64),  // byte 40
        field("attributes", little64),   // byte 48
        field("name", take(72usize)),    // byte 56
    )
        .parse(input)?;
    let units = name.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let name: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    Ok((rest, Row { kind, first, last, name: String::from_utf16_lossy(&name) }))
}

/// The table whose header is in the sector after the master boot record. `None` if there is no header.
pub(super) fn read(image: &Region<'_>) -> Result<Option<GuidTable>> {
    let sector = image.clamp(SECTOR, SECTOR);
    let bytes = sector.bytes("partition table header", 0, sector.length())?;
    if !bytes.starts_with(SIGNATURE) {
        return Ok(None);
    }
    let header = parse("partition table header", &sector.place(0), &bytes, header)?;
    let start = header.entries.saturating_mul(SECTOR);
    let mut partitions = Vec::new();
    for (index, place) in (1..=header.count.min(MAX_ENTRIES)).zip(0..) {
        let offset = start.saturating_add(place * u64::from(header.entry_size));
        let bytes = image.bytes("partition entry", offset, 128)?;
        let row = parse("partition entry", &image.place(offset), &bytes, row)?;
        if row.kind == Guid([0; 16]) {
            continue; // unused entry
        }
        let sectors = row.last.saturating_sub(row.first).saturating_add(1);
        partitions.push(Partition {
            index,
            kind: PartitionKind::Gpt(row.kind),
            start: row.first.saturating_mul(SECTOR),
            length: sectors.saturating_mul(SECTOR),
            active: false,
            name: row.name,
        });
    }
    let (header_holds, entries_hold) = (header.holds(&bytes), header.entries_hold(image));
    Ok(Some(GuidTable { disk: header.disk, header_holds, entries_hold, partitions }))
}

impl Header {
    /// Whether the sector of the header has its CRC.
    fn holds(&self, sector: &[u8]) -> bool {
        let Some(own) = usize::try_from(self.length).ok().and_then(|length| sector.get(..length)) else { return false };
        let mut crc = flate2::Crc::new();
        crc.update(own.get(..CRC.start).unwrap_or_default());
        crc.update(&[0; 4]);
        crc.update(own.get(CRC.end..).unwrap_or_default());
        crc.sum() == self.crc
    }

    /// Whether the entries have their CRC.
    fn entries_hold(&self, image: &Region<'_>) -> Option<bool> {
        let length = u64::from(self.count).checked_mul(self.entry_size.into()).filter(|own| *own <= LONGEST_ENTRIES)?;
        let bytes = image.bytes("partition entries", self.entries.checked_mul(SECTOR)?, length).ok()?;
        let mut crc = flate2::Crc::new();
        crc.update(&bytes);
        Some(crc.sum() == self.entries_crc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Source;

    fn image(count: u32, entry_size: u32) -> Vec<u8> {
        let mut image = vec![0; 1024];
        image[512..520].copy_from_slice(SIGNATURE);
        image[568..584].copy_from_slice(&[7; 16]);
        image[584..592].copy_from_slice(&2u64.to_le_bytes());
        image[592..596].copy_from_slice(&count.to_le_bytes());
        image[596..600].copy_from_slice(&entry_size.to_le_bytes());
        image
    }

    fn entry(first: u64, last: u64, name: &str) -> Vec<u8> {
        let mut entry = vec![9; 32];
        entry.extend([first, last, 0].map(u64::to_le_bytes).concat());
        entry.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        entry.resize(128, 0);
        entry
    }

    fn read_from(bytes: Vec<u8>) -> Result<Option<GuidTable>> {
        let source = Source::memory(bytes);
        read(&Region::whole(&source))
    }

    #[test]
    fn entries_that_are_used_are_partitions() {
        let entries = [entry(0, 99, "ISOHybrid"), vec![0; 128], entry(64, 64, "ISOHybrid1")].concat();
        let table = read_from([image(3, 128), entries].concat()).unwrap().unwrap();
        assert_eq!(table.disk.to_string(), "07070707-0707-0707-0707-070707070707");
        let rows = table.partitions.iter().map(|found| (found.index, found.start, found.length, found.name.as_str()));
        assert!(rows.eq([(1, 0, 51200, "ISOHybrid"), (3, 32768, 512, "ISOHybrid1")]));
    }

    #[test]
    fn the_checksums_of_the_header_and_of_the_entries_are_compared() {
        let crc = |bytes: &[u8]| {
            let mut crc = flate2::Crc::new();
            crc.update(bytes);
            crc.sum().to_le_bytes()
        };
        let mut whole = [image(1, 128), entry(0, 99, "ISOHybrid")].concat();
        whole[524..528].copy_from_slice(&92u32.to_le_bytes());
        let entries = crc(&whole[1024..]);
        whole[600..604].copy_from_slice(&entries);
        let header = crc(&whole[512..604]);
        whole[528..532].copy_from_slice(&header);
        let holds = |bytes: &[u8]| {
            let table = read_from(bytes.to_vec()).unwrap().unwrap();
            (table.header_holds, table.entries_hold)
        };
        assert_eq!(holds(&whole), (true, Some(true)));
        for (at, expected) in [(568, (false, Some(true))), (1024 + 60, (true, Some(false))), (524, (false, Some(true)))]
        {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(holds(&changed), expected, "{at}");
        }
        assert_eq!(holds(&[image(u32::MAX, 128), vec![0; 128 * 128]].concat()), (false, None));
    }

    #[test]
    fn numbers_out_of_range_are_refused_or_bounded() {
        let error = read_from(image(1, 100)).unwrap_err();
        assert_eq!(error.to_string(), "partition table header at 0x254: invalid size of an entry");
        let error = read_from(image(u32::MAX, 128)).unwrap_err();
        assert_eq!(error.to_string(), "partition entry at 0x400: truncated, needs 128 bytes, 0 are there");
        let reversed = [image(u32::MAX, 128), entry(u64::MAX, 0, ""), vec![0; 127 * 128]].concat();
        let table = read_from(reversed).unwrap().unwrap();
        assert_eq!((table.partitions.len(), table.partitions[0].length), (1, 512));
    }
}
