//! Inodes: what a file is, and where its contents are.

use nom::Parser;
use nom::bytes::complete::take;

use crate::fs::{Device, FileType};
use crate::parse::{Parsed, field, little16, little32};

/// The contents are in extents. Otherwise they are in the blocks of a map.
const EXTENTS: u32 = 0x8_0000;

/// The contents are encrypted.
const ENCRYPTED: u32 = 0x800;

/// The contents are in the inode.
const INLINE: u32 = 0x1000_0000;

/// Offset of the field with the more precise time, and the length of an inode that has it.
const PRECISE: (usize, u16) = (0x88, 12);

/// An inode without its times, except that of the last modification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    /// `None` for a type that does not exist.
    pub(super) file_type: Option<FileType>,
    /// The twelve permission bits.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: i64,
    /// Length of the contents in bytes.
    pub(super) size: u64,
    flags: u32,
    /// The start of the map of blocks, the root of the extents, the target of a link, or a device.
    pub(super) block: [u8; 60],
}

/// How the contents of a file are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    /// In extents.
    Extents,
    /// In the blocks of a map, as in ext2 and ext3.
    Map,
    /// In a way that cannot be read.
    Refused(&'static str),
}

impl Inode {
    pub(super) fn storage(&self) -> Storage {
        match self.flags {
            flags if flags & ENCRYPTED != 0 => Storage::Refused("an encrypted file"),
            flags if flags & INLINE != 0 => Storage::Refused("a file inside its inode"),
            flags if flags & EXTENTS != 0 => Storage::Extents,
            _ => Storage::Map,
        }
    }

    /// The target of a link that is short enough to be in the inode.
    pub(super) fn short_target(&self) -> Option<&[u8]> {
        // The last byte ends the text.
        let length = usize::try_from(self.size).ok().filter(|length| *length < self.block.len())?;
        (self.storage() == Storage::Map).then(|| self.block.get(..length))?
    }

    /// The numbers of a device node. The second word has the newer form.
    pub(super) fn device(&self) -> Device {
        let words = self.block.as_chunks::<4>().0;
        let word = |index: usize| words.get(index).map_or(0, |word| u32::from_le_bytes(*word));
        match (word(0), word(1)) {
            (0, new) => Device { major: new >> 8 & 0xfff, minor: new & 0xff | new >> 12 & 0xf_ff00 },
            (old, _) => Device { major: old >> 8 & 0xff, minor: old & 0xff },
        }
    }
}

/// Parses an inode. The input is as long as inodes are on the volume.
pub(super) fn inode(input: &[u8]) -> Parsed<'_, Inode> {
    let whole = input;
    let (input, (mode, uid, size, _, mtime, _, gid, _, flags, _)) = (
        field("mode", little16),                 // 0x0
        field("owner", little16),                // 0x2
        field("size", little32),                 // 0x4
        field("other times", take(8usize)),      // 0x8
        field("modification time", little32),    // 0x10
        field("deletion time", take(4usize)),    // 0x14
        field("group", little16),                // 0x18
        field("links and blocks", take(6usize)), // 0x1a
        field("flags", little32),                // 0x20
        field("version", take(4usize)),          // 0x24
    )
        .parse(input)?;
    let (rest, (block, _, size_high, _, uid_high, gid_high, _)) = (
        field("blocks", take(60usize)),             // 0x28
        field("generation", take(8usize)),          // 0x64
        field("size", little32),                    // 0x6c
        field("fragment and blocks", take(8usize)), // 0x70
        field("owner", little16),                   // 0x78
        field("group", little16),                   // 0x7a
        field("checksum", take(4usize)),            // 0x7c
    )
        .parse(input)?;
    let file_type = file_type(mode);
    let wide = |low: u16, high: u16| u32::from(high) << 16 | u32::from(low);
    // Elsewhere the field has had other uses.
    let size_high = if file_type == Some(FileType::File) { size_high } else { 0 };
    let inode = Inode {
        file_type,
        mode: mode & 0o7777,
        uid: wide(uid, uid_high),
        gid: wide(gid, gid_high),
        mtime: time(mtime, whole),
        size: u64::from(size_high) << 32 | u64::from(size),
        flags,
        block: block.first_chunk().copied().unwrap_or([0; 60]),
    };
    Ok((rest, inode))
}

fn file_type(mode: u16) -> Option<FileType> {
    Some(match mode >> 12 {
        0o01 => FileType::Fifo,
        0o02 => FileType::CharDevice,
        0o04 => FileType::Directory,
        0o06 => FileType::BlockDevice,
        0o10 => FileType::File,
        0o12 => FileType::Symlink,
        0o14 => FileType::Socket,
        _ => return None,
    })
}

/// A time in seconds. Larger inodes have two more bits of it, which lead to the year 2446.
fn time(low: u32, inode: &[u8]) -> i64 {
    let signed = i64::from(low.cast_signed());
    let extra =
        inode.get(0x80..0x82).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u16::from_le_bytes(*bytes));
    if extra < PRECISE.1 {
        return signed;
    }
    let precise =
        inode.get(PRECISE.0..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes));
    signed + (i64::from(precise & 3) << 32)
}
