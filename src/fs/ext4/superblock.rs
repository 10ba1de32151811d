//! The superblock, which describes the layout of the volume, and the group descriptors.

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;

use crate::error::{Error, Result};
use crate::image::Region;
use crate::parse::{Parsed, field, little16, little32, parse};

/// Offset in the volume, whatever the block size is.
const OFFSET: u64 = 1024;

/// Length in bytes.
const LENGTH: u64 = 1024;

/// Inodes have at least this length, and this one before revision 1.
const OLD_INODE: u16 = 128;

/// Directory entries have the type of the file.
const FILE_TYPES: u32 = 0x2;

/// The journal holds changes that are not in their place yet.
const RECOVER: u32 = 0x4;

/// Group descriptors have more than 32 bytes, and numbers of blocks more than 32 bits.
const WIDE: u32 = 0x80;

/// Features that change nothing for a reader: extents, protection against double mounts, flexible groups, large extended
/// attributes, a separate seed for checksums, large directories, and data in inodes, encryption and folded case, which inodes state.
const UNDERSTOOD: u32 =
    FILE_TYPES | RECOVER | WIDE | 0x40 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x8000 | 0x1_0000 | 0x2_0000;

/// The names of features that cannot be read.
const REFUSED: [(u32, &str); 4] = [
    (0x1, "an ext4 volume with compression"),
    (0x8, "a journal of another ext4 volume"),
    (0x10, "an ext4 volume with group descriptors in meta groups"),
    (0x1000, "an ext4 volume with data in directory entries"),
];

/// The layout of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) block_size: u64,
    /// Number of blocks.
    pub(super) blocks: u64,
    /// Number of inodes.
    pub(super) inodes: u32,
    pub(super) inode_size: u64,
    /// Whether directory entries have the type of the file.
    pub(super) file_types: bool,
    /// Whether changes in the journal are missing elsewhere.
    pub(super) needs_recovery: bool,
    pub(super) label: String,
    inodes_per_group: u32,
    /// Offset of the group descriptors.
    groups: u64,
    /// Length of a group descriptor.
    group_size: u64,
}

/// The fields of the superblock, with their offsets.
struct Fields {
    inodes: u32,
    blocks_low: u32,
    first_block: u32,
    block_size: u32,
    inodes_per_group: u32,
    revision: u32,
    inode_size: u16,
    incompatible: u32,
    label: String,
    group_size: u16,
    blocks_high: u32,
}

fn fields(input: &[u8]) -> Parsed<'_, Fields> {
    let (input, (inodes, blocks_low, _, first_block, block_size, _, inodes_per_group, _)) = (
        field("number of inodes", little32),                                // 0x0
        field("number of blocks", little32),                                // 0x4
        field("free blocks", take(12usize)),                                // 0x8
        field("first block", verify(little32, |&first| first < 2)),         // 0x14
        field("block size", verify(little32, |&power| power <= 6)),         // 0x18
        field("groups", take(12usize)),                                     // 0x1c
        field("inodes of a group", verify(little32, |&inodes| inodes > 0)), // 0x28
        field("mounts", take(12usize)),                                     // 0x2c
    )
        .parse(input)?;
    let (input, (_, _, revision, _, inode_size, _, incompatible, _, label, _, group_size)) = (
        field("magic", tag(&super::MAGIC[..])),     // 0x38
        field("state", take(18usize)),              // 0x3a
        field("revision", little32),                // 0x4c
        field("first inode", take(8usize)),         // 0x50
        field("inode size", little16),              // 0x58
        field("compatible features", take(6usize)), // 0x5a
        field("incompatible features", little32),   // 0x60
        field("UUID", take(20usize)),               // 0x64
        field("label", take(16usize)),              // 0x78
        field("journal", take(118usize)),           // 0x88
        field("group descriptor size", little16),   // 0xfe
    )
        .parse(input)?;
    let (rest, (_, blocks_high)) = (
        field("options", take(80usize)),     // 0x100
        field("number of blocks", little32), // 0x150
    )
        .parse(input)?;
    let label = label.split(|&byte| byte == 0).next().unwrap_or_default();
    let label = String::from_utf8_lossy(label).into_owned();
    let fields = Fields {
        inodes,
        blocks_low,
        first_block,
        block_size,
        inodes_per_group,
        revision,
        inode_size,
        incompatible,
        label,
        group_size,
        blocks_high,
    };
    Ok((rest, fields))
}

impl Superblock {
    pub(super) fn read(region: &Region<'_>) -> Result<Self> {
        let bytes = region.bytes("ext4 superblock", OFFSET, LENGTH)?;
        let place = region.place(OFFSET);
        let fields = parse("ext4 superblock", &place, &bytes, fields)?;
        let wrong = |field| Error::Malformed { structure: "ext4 superblock", field, place: place.clone() };
        let incompatible = if fields.revision == 0 { 0 } else { fields.incompatible };
        if let Some((_, what)) = REFUSED.iter().find(|(bit, _)| incompatible & bit != 0) {
            return Err(Error::Unsupported { what: (*what).into(), place });
        }
        if incompatible & !UNDERSTOOD != 0 {
            let what = format!("an ext4 volume with the unknown features {:#x}", incompatible & !UNDERSTOOD);
            return Err(Error::Unsupported { what: what.into(), place });
        }
        let block_size = 1024u64 << fields.block_size;
        let inode_size = if fields.revision == 0 { OLD_INODE } else { fields.inode_size };
        if inode_size < OLD_INODE || !inode_size.is_power_of_two() || u64::from(inode_size) > block_size {
            return Err(wrong("inode size"));
        }
        let is_wide = incompatible & WIDE != 0;
        let group_size = if is_wide { fields.group_size } else { 32 };
        if is_wide && (group_size < 64 || !group_size.is_power_of_two() || u64::from(group_size) > block_size) {
            return Err(wrong("group descriptor size"));
        }
        let high = if is_wide { u64::from(fields.blocks_high) << 32 } else { 0 };
        Ok(Self {
            block_size,
            blocks: high | u64::from(fields.blocks_low),
            inodes: fields.inodes,
            inode_size: inode_size.into(),
            file_types: incompatible & FILE_TYPES != 0,
            needs_recovery: incompatible & RECOVER != 0,
            label: fields.label,
            inodes_per_group: fields.inodes_per_group,
            groups: (u64::from(fields.first_block) + 1) * block_size,
            group_size: group_size.into(),
        })
    }

    /// Length of the volume in bytes.
    pub(super) fn length(&self) -> u64 {
        self.blocks.saturating_mul(self.block_size)
    }

    /// Offset of an inode. `None` if there is no such inode.
    pub(super) fn inode(&self, region: &Region<'_>, number: u64) -> Result<Option<u64>> {
        let Some(index) = number.checked_sub(1).filter(|_| number <= u64::from(self.inodes)) else { return Ok(None) };
        let (group, index) = (index / u64::from(self.inodes_per_group), index % u64::from(self.inodes_per_group));
        // Neither product overflows: 32 bits by 16 bits.
        let offset = self.groups + group * self.group_size;
        let bytes = region.bytes("ext4 group descriptor", offset, self.group_size)?;
        let table = parse("ext4 group descriptor", &region.place(offset), &bytes, inode_table)?;
        let offset = table.checked_mul(self.block_size).and_then(|start| start.checked_add(index * self.inode_size));
        Ok(Some(offset.unwrap_or(u64::MAX)))
    }
}

/// The first block of a group's inodes.
fn inode_table(input: &[u8]) -> Parsed<'_, u64> {
    let (input, (_, low, _)) = (
        field("bitmaps", take(8usize)),      // 0x0
        field("inode table", little32),      // 0x8
        field("free blocks", take(20usize)), // 0xc
    )
        .parse(input)?;
    if input.is_empty() {
        return Ok((input, low.into()));
    }
    let (rest, (_, high)) = (
        field("bitmaps", take(8usize)), // 0x20
        field("inode table", little32), // 0x28
    )
        .parse(input)?;
    Ok((rest, u64::from(high) << 32 | u64::from(low)))
}
