//! The file allocation table: the successor of each cluster (section 4).

use super::boot_sector::BootSector;
use crate::error::{Error, Result};
use crate::image::Region;

/// Bits of an entry in the table. Only the number of clusters decides it (section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Bits12,
    Bits16,
    /// The upper four bits are reserved.
    Bits32,
}

impl Width {
    pub(super) fn of(clusters: u32) -> Self {
        match clusters {
            0..4085 => Self::Bits12,
            4085..65525 => Self::Bits16,
            _ => Self::Bits32,
        }
    }

    /// The first value that ends a chain.
    fn end(self) -> u32 {
        match self {
            Self::Bits12 => 0xff8,
            Self::Bits16 => 0xfff8,
            Self::Bits32 => 0x0fff_fff8,
        }
    }
}

/// The clusters of one chain. A chain that loops ends with an error, because it has more clusters than the volume.
#[derive(Clone, Debug)]
pub(super) struct Clusters<'v, 'a> {
    region: &'v Region<'a>,
    layout: &'v BootSector,
    next: Option<u32>,
    /// How many more clusters there can be.
    left: u32,
}

impl<'v, 'a> Clusters<'v, 'a> {
    /// The chain that begins with `first`. 0 is an empty chain.
    pub(super) fn new(region: &'v Region<'a>, layout: &'v BootSector, first: u32) -> Self {
        Self { region, layout, next: (first != 0).then_some(first), left: layout.clusters }
    }

    /// The table's entry for a cluster, and its offset.
    fn entry(&self, cluster: u32) -> Result<u32> {
        let number = u64::from(cluster);
        let (at, length) = match self.layout.width {
            Width::Bits12 => (number + number / 2, 2),
            Width::Bits16 => (number * 2, 2),
            Width::Bits32 => (number * 4, 4),
        };
        let table = self.region.slice("FAT", self.layout.table_offset, self.layout.table_length)?;
        let bytes = table.bytes("FAT", at, length)?;
        let value = bytes.iter().rev().fold(0, |value, &byte| value << 8 | u32::from(byte));
        Ok(match self.layout.width {
            Width::Bits12 if cluster % 2 == 1 => value >> 4,
            Width::Bits12 => value & 0xfff,
            Width::Bits16 => value,
            Width::Bits32 => value & 0x0fff_ffff,
        })
    }

    fn wrong(&self, field: &'static str) -> Error {
        Error::Malformed { structure: "FAT", field, place: self.region.place(self.layout.table_offset) }
    }
}

impl Iterator for Clusters<'_, '_> {
    type Item = Result<u32>;

    fn next(&mut self) -> Option<Self::Item> {
        let cluster = self.next.take()?;
        if cluster < 2 || cluster - 2 >= self.layout.clusters {
            return Some(Err(self.wrong("cluster number")));
        }
        let Some(left) = self.left.checked_sub(1) else { return Some(Err(self.wrong("chain, which goes round"))) };
        self.left = left;
        match self.entry(cluster) {
            Ok(next) => {
                self.next = (next < self.layout.width.end()).then_some(next);
                Some(Ok(cluster))
            }
            Err(error) => Some(Err(error)),
        }
    }
}
