//! The first 96 bytes of an archive.

use nom::Parser;
use nom::bytes::complete::tag;
use nom::combinator::verify;

use super::compression::Compression;
use crate::error::{Error, Result};
use crate::image::Region;
use crate::parse::{Parsed, field, little16, little32, little64, parse};

/// The superblock: general facts about an archive, and where its tables are. All positions are counted in bytes from
/// the start of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Number of inodes (`inodes`).
    pub inodes: u32,
    /// When the archive was made, in seconds since 1970-01-01 UTC (`mkfs_time`).
    pub mkfs_time: u32,
    /// Length of a data block in bytes, a power of two from 4 KiB to 1 MiB (`block_size`).
    pub block_size: u32,
    /// Number of entries in the fragment table (`fragments`).
    pub fragments: u32,
    /// How blocks are compressed (`compression`).
    pub compression: Compression,
    /// Number of entries in the id table (`no_ids`).
    pub ids: u16,
    /// Length of the archive in bytes, without the padding after it (`bytes_used`).
    pub bytes_used: u64,
    /// Reference of the root directory's inode (`root_inode`).
    pub(super) root: u64,
    /// Index of the id table (`id_table_start`).
    pub(super) id_table: u64,
    /// Index of the table of extended attributes. All ones if there is no table (`xattr_id_table_start`).
    pub(super) xattr_table: u64,
    /// First metadata block of the inodes (`inode_table_start`).
    pub(super) inode_table: u64,
    /// First metadata block of the directories (`directory_table_start`).
    pub(super) directory_table: u64,
    /// Index of the fragment table (`fragment_table_start`).
    pub(super) fragment_table: u64,
    /// Index of the export table. All ones if there is no table (`lookup_table_start`).
    pub(super) export_table: u64,
}

impl Superblock {
    /// Length in bytes (`struct squashfs_super_block`).
    pub(super) const LENGTH: u64 = 96;

    /// Reads the superblock of the archive that fills `region`. The positions of its tables are only checked when they are
    /// needed: a truncated archive still opens.
    ///
    /// # Errors
    /// [`Error::Malformed`] if there is no superblock, [`Error::Unsupported`] if its version is not 4.0.
    pub(super) fn read(region: &Region<'_>) -> Result<Self> {
        let bytes = region.bytes("squashfs superblock", 0, Self::LENGTH)?;
        if let Some(what) = other_version(&bytes) {
            return Err(Error::Unsupported { what: what.into(), place: region.place(0) });
        }
        parse("squashfs superblock", &region.place(0), &bytes, superblock)
    }

    /// The upper bound for the end of the table at `start`: every table ends where the next begins.
    pub(super) fn end_of(&self, start: u64) -> u64 {
        let tables = [
            self.inode_table,
            self.directory_table,
            self.fragment_table,
            self.export_table,
            self.id_table,
            self.xattr_table,
        ];
        tables.into_iter().filter(|&table| table > start).fold(self.bytes_used, u64::min)
    }
}

fn superblock(input: &[u8]) -> Parsed<'_, Superblock> {
    let power_of_two = |size: &u32| size.is_power_of_two() && (1 << 12..=1 << 20).contains(size);
    let (input, (_, inodes, mkfs_time, block_size, fragments, compression)) = (
        field("magic", tag(&b"hsqs"[..])),
        field("inodes", little32),
        field("mkfs_time", little32),
        field("block_size", verify(little32, power_of_two)),
        field("fragments", little32),
        field("compression", little16),
    )
        .parse(input)?;
    let (input, (_, _, ids, _, root, bytes_used)) = (
        field("block_log", verify(little16, |&log| u32::from(log) == block_size.ilog2())),
        field("flags", little16), // repeats the block headers
        field("no_ids", little16),
        field("version", little32), // checked by the caller
        field("root_inode", verify(little64, |&root| root < 1 << 48)),
        field("bytes_used", little64),
    )
        .parse(input)?;
    let (input, (id_table, xattr_table, inode_table, directory_table, fragment_table, export_table)) = (
        field("id_table_start", little64),
        field("xattr_id_table_start", little64),
        field("inode_table_start", little64),
        field("directory_table_start", little64),
        field("fragment_table_start", little64),
        field("lookup_table_start", little64),
    )
        .parse(input)?;
    let superblock = Superblock {
        inodes,
        mkfs_time,
        block_size,
        fragments,
        compression: Compression::from_id(compression),
        ids,
        bytes_used,
        root,
        id_table,
        xattr_table,
        inode_table,
        directory_table,
        fragment_table,
        export_table,
    };
    Ok((input, superblock))
}

/// Names the version of an archive that is not of version 4.0. All versions have their number at byte 28, in the byte
/// order that the magic indicates. Versions before 4 existed in both orders.
fn other_version(bytes: &[u8]) -> Option<String> {
    let number = |at: usize| bytes.get(at..at + 2).and_then(|pair| <[u8; 2]>::try_from(pair).ok());
    let (major, minor) = (number(28)?, number(30)?);
    let little = (u16::from_le_bytes(major), u16::from_le_bytes(minor));
    let big = (u16::from_be_bytes(major), u16::from_be_bytes(minor));
    match (bytes.get(..4)?, little, big) {
        (b"hsqs", (4, 0), _) => None,
        (b"hsqs", (major, minor), _) => Some(format!("squashfs version {major}.{minor}")),
        (b"sqsh", _, (major, minor)) => Some(format!("big-endian squashfs version {major}.{minor}")),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::image::Source;

    /// A superblock in which all fields have different values.
    pub(in crate::fs::squashfs) fn example() -> Vec<u8> {
        let mut bytes = b"hsqs".to_vec();
        for number in [7_u32, 315_532_800, 131_072, 3] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [6_u16, 17, 0x0440, 2, 4, 0] {
            bytes.extend(number.to_le_bytes());
        }
        for number in [0x60_u64, 1000, 900, u64::MAX, 500, 600, 700, 800] {
            bytes.extend(number.to_le_bytes());
        }
        bytes
    }

    fn read(bytes: &[u8]) -> std::result::Result<Superblock, String> {
        let source = Source::memory(bytes.to_vec());
        Superblock::read(&Region::whole(&source)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let expected = Superblock {
            inodes: 7,
            mkfs_time: 315_532_800,
            block_size: 131_072,
            fragments: 3,
            compression: Compression::Zstd,
            ids: 2,
            bytes_used: 1000,
            root: 0x60,
            id_table: 900,
            xattr_table: u64::MAX,
            inode_table: 500,
            directory_table: 600,
            fragment_table: 700,
            export_table: 800,
        };
        assert_eq!(read(&example()), Ok(expected));
    }

    #[test]
    fn a_table_ends_where_the_next_begins_and_the_last_with_the_archive() {
        let superblock = read(&example()).unwrap();
        assert_eq!([500, 600, 800, 900].map(|start| superblock.end_of(start)), [600, 700, 900, 1000]);
    }

    #[test]
    fn a_superblock_that_cannot_be_read_says_why() {
        let cases: [(usize, &[u8], &str); 8] = [
            (0, b"xsqs", "squashfs superblock at 0x0: invalid magic"),
            (28, &[3, 0, 1, 0], "squashfs version 3.1 at 0x0: not supported"),
            (28, &[4, 0, 1, 0], "squashfs version 4.1 at 0x0: not supported"),
            (12, &[0, 0x20, 0, 1], "squashfs superblock at 0xc: invalid block_size"),
            (12, &[0, 0, 0x20, 0], "squashfs superblock at 0xc: invalid block_size"),
            (12, &[0, 8, 0, 0], "squashfs superblock at 0xc: invalid block_size"),
            (22, &[16, 0], "squashfs superblock at 0x16: invalid block_log"),
            (38, &[1, 0], "squashfs superblock at 0x20: invalid root_inode"),
        ];
        for (at, change, message) in cases {
            let mut bytes = example();
            bytes[at..at + change.len()].copy_from_slice(change);
            assert_eq!(read(&bytes), Err(message.to_owned()));
        }
    }

    #[test]
    fn the_byte_order_of_old_archives_is_named() {
        let mut bytes = example();
        bytes[..4].copy_from_slice(b"sqsh");
        bytes[28..32].copy_from_slice(&[0, 2, 0, 1]);
        assert_eq!(read(&bytes), Err("big-endian squashfs version 2.1 at 0x0: not supported".to_owned()));
    }

    #[test]
    fn a_region_shorter_than_a_superblock_is_truncated() {
        let message = "squashfs superblock at 0x0: truncated, needs 96 bytes, 95 are there";
        assert_eq!(read(&example()[..95]), Err(message.to_owned()));
    }
}
