//! Extensions of a disc beyond ECMA-119.

use std::fmt;

use super::{Names, Volume};
use crate::fs::partitions::{PartitionKind, Partitions};

/// A standard beyond ECMA-119 that a disc uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extension {
    /// POSIX names and attributes in the primary tree.
    RockRidge,
    /// A second tree with names in UCS-2.
    Joliet,
    /// A boot catalog for optical drives.
    ElTorito,
    /// A master boot record, to boot from sticks.
    IsohybridMbr,
    /// A GUID partition table, to boot from sticks.
    IsohybridGpt,
}

impl fmt::Display for Extension {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::RockRidge => "rock-ridge",
            Self::Joliet => "joliet",
            Self::ElTorito => "el-torito",
            Self::IsohybridMbr => "isohybrid-mbr",
            Self::IsohybridGpt => "isohybrid-gpt",
        })
    }
}

impl Volume<'_> {
    /// The extensions of the disc. `partitions` are those of its image.
    #[must_use]
    pub fn extensions(&self, partitions: &Partitions) -> Vec<Extension> {
        let rock_ridge = matches!(self.names, Names::RockRidge { .. });
        let joliet = self.descriptors.supplementary.iter().any(super::VolumeDescriptor::is_joliet);
        let el_torito = self.descriptors.boot_records.iter().any(super::BootRecord::is_el_torito);
        // A partition of type 0xee only protects a GUID partition table.
        let mbr = partitions.mbr.iter().flatten().any(|partition| partition.kind != PartitionKind::Mbr(0xee));
        let found = [
            (Extension::RockRidge, rock_ridge),
            (Extension::Joliet, joliet),
            (Extension::ElTorito, el_torito),
            (Extension::IsohybridMbr, mbr),
            (Extension::IsohybridGpt, partitions.gpt.is_some()),
        ];
        found.into_iter().filter_map(|(extension, present)| present.then_some(extension)).collect()
    }
}
