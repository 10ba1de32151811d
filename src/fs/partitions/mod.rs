//! Partition tables: MBR and GPT (UEFI 2.10, chapter 5). Disk images have them, and ISO images that boot from a USB stick.

mod gpt;
mod mbr;

pub use mbr::Mbr;

use std::fmt;

use crate::error::Result;
use crate::image::Region;

/// Bytes in a sector, as partition tables count them. The sectors of a disc are four times as long.
const SECTOR: u64 = 512;

/// The partitions of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitions {
    /// The partitions of the master boot record, if there is one.
    pub mbr: Option<Vec<Partition>>,
    /// The GUID partition table, if there is one.
    pub gpt: Option<GuidTable>,
}

/// A GUID partition table (UEFI 2.10 §5.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuidTable {
    /// Identifies the disk. Recent nixpkgs derives it from the store path of the image.
    pub disk: Guid,
    /// Whether the header has the CRC-32 that it records. Firmware ignores the table otherwise.
    pub header_holds: bool,
    /// The same for the entries. `None` if they are too long to read, or the image ends before.
    pub entries_hold: Option<bool>,
    /// The used entries.
    pub partitions: Vec<Partition>,
}

/// A partition of either table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number in the table, counted from 1.
    pub index: u32,
    /// Its purpose.
    pub kind: PartitionKind,
    /// First byte, counted from the start of the image.
    pub start: u64,
    /// Length in bytes.
    pub length: u64,
    /// Whether it is marked active for the BIOS. Always false in a GUID partition table.
    pub active: bool,
    /// Its name in a GUID partition table. Empty in other tables.
    pub name: String,
}

/// The purpose of a partition: `0xef`, `ebd0a0a2-b9e5-4433-87c0-68b6b72699c7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionKind {
    /// The system id of an MBR partition.
    Mbr(u8),
    /// The type GUID of a GPT partition.
    Gpt(Guid),
}

impl fmt::Display for PartitionKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mbr(id) => write!(formatter, "{id:#04x}"),
            Self::Gpt(guid) => guid.fmt(formatter),
        }
    }
}

/// A GUID as recorded: its first three groups are little-endian (UEFI 2.10, appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Guid(pub [u8; 16]);

impl fmt::Display for Guid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f, g, h, rest @ ..] = self.0;
        for byte in [d, c, b, a] {
            write!(formatter, "{byte:02x}")?;
        }
        write!(formatter, "-{f:02x}{e:02x}-{h:02x}{g:02x}-")?;
        for (place, byte) in rest.iter().enumerate() {
            let dash = if place == 2 { "-" } else { "" };
            write!(formatter, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

/// The system id of an EFI system partition (UEFI 2.10 §5.2.2).
pub const MBR_ESP: PartitionKind = PartitionKind::Mbr(0xef);

/// The type of an EFI system partition (UEFI 2.10, table 5-7): `c12a7328-f81f-11d2-ba4b-00a0c93ec93b`.
const GPT_ESP: PartitionKind = PartitionKind::Gpt(Guid([
    0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b,
]));

impl Partition {
    /// Whether it is an EFI system partition.
    #[must_use]
    pub fn is_esp(&self) -> bool {
        [MBR_ESP, GPT_ESP].contains(&self.kind)
    }
}

impl Partitions {
    /// Reads the tables of an image.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error) and [`Error::Truncated`](crate::Error) if a GUID partition table begins
    /// but cannot be read.
    pub fn read(image: &Region<'_>) -> Result<Self> {
        Ok(Self { mbr: mbr::read(image)?, gpt: gpt::read(image)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_written_as_tools_write_them() {
        let guid =
            Guid([0xa2, 0xa0, 0xd0, 0xeb, 0xe5, 0xb9, 0x33, 0x44, 0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7]);
        assert_eq!(PartitionKind::Gpt(guid).to_string(), "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7");
        assert_eq!(PartitionKind::Mbr(0).to_string(), "0x00");
    }

    #[test]
    fn an_image_without_tables_has_none() {
        let source = crate::image::Source::memory(vec![0; 100]);
        assert_eq!(Partitions::read(&Region::whole(&source)).unwrap(), Partitions::default());
    }
}
