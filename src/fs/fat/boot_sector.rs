//! The boot sector, which describes the layout of the volume (section 3).

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;

use super::chain::Width;
use crate::error::{Error, Result};
use crate::image::Region;
use crate::parse::{Parsed, field, little16, little32, parse, uint8};

/// Bytes that are read, regardless of the sector size.
const LENGTH: u64 = 512;

/// The layout of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BootSector {
    /// Bits of an entry in the table.
    pub(super) width: Width,
    /// Offset of the first table in bytes.
    pub(super) table_offset: u64,
    /// Length of one table, in bytes.
    pub(super) table_length: u64,
    /// Offset of the root directory of FAT12 and FAT16 in bytes.
    pub(super) root_offset: u64,
    /// Length of that root directory in bytes.
    pub(super) root_length: u64,
    /// First cluster of the root directory of FAT32. 0 for FAT12 and FAT16.
    pub(super) root_cluster: u32,
    /// Offset of cluster 2, the first one, in bytes.
    data_offset: u64,
    /// Size of a cluster in bytes.
    pub(super) cluster_size: u64,
    /// Number of clusters.
    pub(super) clusters: u32,
}

/// The fields of section 3.1 and, for FAT32, of section 3.3.
struct Fields {
    sector_size: u16,
    sectors_per_cluster: u8,
    reserved: u16,
    tables: u8,
    root_entries: u16,
    sectors16: u16,
    table_sectors16: u16,
    sectors32: u32,
    table_sectors32: u32,
    root_cluster: u32,
}

fn fields(input: &[u8]) -> Parsed<'_, Fields> {
    let (input, (_, sector_size, sectors_per_cluster, reserved, tables, root_entries, sectors16)) = (
        field("jump instruction", take(11usize)), // byte 0, and the name of the writer at byte 3
        field("bytes per sector", verify(little16, |size| matches!(size, 512 | 1024 | 2048 | 4096))), // byte 11
        field("sectors per cluster", verify(uint8, |count| count.is_power_of_two())), // byte 13
        field("reserved sectors", verify(little16, |&count| count > 0)), // byte 14
        field("number of tables", verify(uint8, |&count| count > 0)), // byte 16
        field("root entries", little16),          // byte 17
        field("total sectors", little16),         // byte 19
    )
        .parse(input)?;
    let (input, (_, table_sectors16, _, sectors32, table_sectors32, _, root_cluster)) = (
        field("media", uint8),                // byte 21
        field("sectors per table", little16), // byte 22
        field("geometry", take(8usize)),      // byte 24, and hidden sectors at byte 28
        field("total sectors", little32),     // byte 32
        field("sectors per table", little32), // byte 36, of FAT32
        field("flags", take(4usize)),         // byte 40
        field("root cluster", little32),      // byte 44, of FAT32
    )
        .parse(input)?;
    let (rest, _) = (field("boot code", take(462usize)), field("signature", tag(&[0x55, 0xaa][..]))).parse(input)?;
    let fields = Fields {
        sector_size,
        sectors_per_cluster,
        reserved,
        tables,
        root_entries,
        sectors16,
        table_sectors16,
        sectors32,
        table_sectors32,
        root_cluster,
    };
    Ok((rest, fields))
}

impl BootSector {
    pub(super) fn read(region: &Region<'_>) -> Result<Self> {
        let bytes = region.bytes("FAT boot sector", 0, LENGTH)?;
        let fields = parse("FAT boot sector", &region.place(0), &bytes, fields)?;
        let wrong = |field| Error::Malformed { structure: "FAT boot sector", field, place: region.place(0) };
        let sector = u64::from(fields.sector_size);
        let first = |short: u16, long: u32| if short == 0 { long } else { u32::from(short) };
        // No product here overflows: 32 bits by 8 bits by 12 bits.
        let table_sectors = u64::from(first(fields.table_sectors16, fields.table_sectors32));
        let root_sectors = (u64::from(fields.root_entries) * 32).div_ceil(sector);
        let before_root = u64::from(fields.reserved) + u64::from(fields.tables) * table_sectors;
        let total = u64::from(first(fields.sectors16, fields.sectors32));
        let data = total.checked_sub(before_root + root_sectors).ok_or_else(|| wrong("total sectors"))?;
        let clusters =
            u32::try_from(data / u64::from(fields.sectors_per_cluster)).map_err(|_| wrong("total sectors"))?;
        let width = Width::of(clusters);
        let root_cluster = match width {
            Width::Bits32 => fields.root_cluster,
            Width::Bits12 | Width::Bits16 => 0,
        };
        Ok(Self {
            width,
            table_offset: u64::from(fields.reserved) * sector,
            table_length: table_sectors * sector,
            root_offset: before_root * sector,
            root_length: root_sectors * sector,
            root_cluster,
            data_offset: (before_root + root_sectors) * sector,
            cluster_size: u64::from(fields.sectors_per_cluster) * sector,
            clusters,
        })
    }

    /// Offset of a cluster in bytes. The first cluster has the number 2.
    pub(super) fn offset(&self, cluster: u32) -> u64 {
        self.data_offset + u64::from(cluster.saturating_sub(2)) * self.cluster_size
    }
}
