//! Finds the structure that a byte of an archive belongs to.

use nom::Parser;

use super::Archive;
use crate::parse::little64;

/// Fields of the superblock and their offsets (`struct squashfs_super_block`).
const FIELDS: [(u64, &str); 19] = [
    (0, "squashfs superblock, magic"),
    (4, "squashfs superblock, number of inodes"),
    (8, "squashfs superblock, creation time"),
    (12, "squashfs superblock, block size"),
    (16, "squashfs superblock, number of fragment blocks"),
    (20, "squashfs superblock, compression"),
    (22, "squashfs superblock, logarithm of the block size"),
    (24, "squashfs superblock, flags"),
    (26, "squashfs superblock, number of ids"),
    (28, "squashfs superblock, version"),
    (32, "squashfs superblock, root inode"),
    (40, "squashfs superblock, length of the archive"),
    (48, "squashfs superblock, place of the id table"),
    (56, "squashfs superblock, place of the extended attributes"),
    (64, "squashfs superblock, place of the inode table"),
    (72, "squashfs superblock, place of the directory table"),
    (80, "squashfs superblock, place of the fragment table"),
    (88, "squashfs superblock, place of the export table"),
    (96, DATA),
];

/// The bytes between the superblock and the inodes. Compressor options may precede the first block.
const DATA: &str = "squashfs data";

impl Archive<'_> {
    /// The structure that contains the byte at `offset`, counted from the start of the archive.
    #[must_use]
    pub fn structure_at(&self, offset: u64) -> &'static str {
        let it = &self.superblock;
        let mut parts = FIELDS.to_vec();
        parts.push((it.inode_table, "squashfs inode table"));
        parts.push((it.directory_table, "squashfs directory table"));
        for (table, count, name) in [
            (it.fragment_table, it.fragments, "squashfs fragment table"),
            (it.export_table, it.inodes, "squashfs export table"),
            (it.id_table, u32::from(it.ids), "squashfs id table"),
            (it.xattr_table, 1, "squashfs extended attributes"),
        ] {
            // An index follows its blocks, and begins with the address of the first one. So do extended attributes.
            if table != u64::MAX {
                let first = if count > 0 { self.number_at(table) } else { None };
                parts.push((first.unwrap_or(table).min(table), name));
            }
        }
        parts.push((it.bytes_used, "padding after the squashfs"));
        let before = parts.into_iter().filter(|(start, _)| *start <= offset);
        before.max_by_key(|(start, _)| *start).map_or(DATA, |(_, name)| name)
    }

    /// Whether the byte at `offset` is data: in a file's block or a fragment block.
    #[must_use]
    pub fn is_data(&self, offset: u64) -> bool {
        self.structure_at(offset) == DATA
    }

    fn number_at(&self, offset: u64) -> Option<u64> {
        let bytes = self.region.bytes("squashfs table", offset, 8).ok()?;
        little64.parse(&*bytes).ok().map(|(_, number)| number)
    }
}
