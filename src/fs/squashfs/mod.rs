//! SquashFS 4.0, read in place.
//!
//! The fields have the names used by Linux (`fs/squashfs/squashfs_fs.h`). Little is read at a time: looking up
//! a path decompresses only the metadata blocks on the way to it.

mod attribute;
mod cache;
mod compression;
mod data;
mod directory;
mod inode;
mod layout;
mod metadata;
mod reader;
mod superblock;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::ops::Range;
use std::sync::{Mutex, OnceLock};

pub use self::compression::Compression;
pub use self::data::{Blocks, DataBlock, FileData, Fragment, Stored};
pub use self::superblock::Superblock;

use self::cache::Cache;
use self::data::Known;
use self::directory::DirectoryTable;
use self::inode::{Body, Inode};
use self::metadata::{Metadata, Table};
use self::reader::FileReader;
use crate::error::{Error, Place, Result};
use crate::fs::{Entry, Kind, Listing, Node, NodeId, Tree};
use crate::image::Region;
use crate::parse::{little32, little64};

/// Limit for the decompressed fragment blocks kept, in bytes: 32 of the largest size. For each system, `access` reads some thirty
/// small files, which are spread over the whole store.
const FRAGMENTS_KEPT: u32 = 32 << 20;

/// Limit for the entries of the id table kept.
const IDS_KEPT: usize = 16;

/// A squashfs archive. A [`NodeId`] in it is an inode reference: the offset of a metadata block from the start of
/// the inode table, times 2¹⁶, plus the offset of the inode in the decompressed block.
#[derive(Debug)]
pub struct Archive<'a> {
    region: Region<'a>,
    superblock: Superblock,
    metadata: Metadata<'a>,
    fragments: Cache<Mutex<Known>>,
    /// Entries of the id table. Every node needs two of them, mostly the same.
    ids: Cache<u32>,
    /// The metadata blocks of the directory table, once a walk has needed them.
    listings: OnceLock<Vec<u64>>,
}

impl<'a> Archive<'a> {
    /// Opens the archive at the start of `region`. This reads only the superblock.
    ///
    /// # Errors
    /// If there is no superblock, or its version is not 4.0.
    pub fn open(region: Region<'a>) -> Result<Self> {
        let superblock = Superblock::read(&region)?;
        let metadata = Metadata::new(region.clone(), superblock.compression);
        let fragments = Cache::small((FRAGMENTS_KEPT / superblock.block_size) as usize);
        Ok(Self { region, superblock, metadata, fragments, ids: Cache::small(IDS_KEPT), listings: OnceLock::new() })
    }

    /// The superblock.
    #[must_use]
    pub fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// The bytes of the region that the archive is in, the part of them with data blocks, and the bytes that the archive uses of
    /// them. All are within the region, whatever the superblock says.
    #[must_use]
    pub fn extents(&self) -> (u64, Range<u64>, u64) {
        let total = self.region.length();
        let used = self.superblock.bytes_used.clamp(Superblock::LENGTH.min(total), total);
        let data = Superblock::LENGTH.min(used);
        (total, data..self.superblock.inode_table.clamp(data, used), used)
    }

    /// The place of an archive's byte in the image.
    #[must_use]
    pub fn place(&self, offset: u64) -> Place {
        self.region.place(offset)
    }

    /// The node with an inode number, from the export table. `None` if the archive has no such table.
    ///
    /// # Errors
    /// If the table cannot be read.
    pub fn exported(&self, inode_number: u32) -> Result<Option<NodeId>> {
        let (start, count) = (self.superblock.export_table, self.superblock.inodes);
        if start == u64::MAX {
            return Ok(None);
        }
        // Inode numbers begin at 1.
        let Some(number) = inode_number.checked_sub(1) else { return Ok(None) };
        let table = Table { name: "export table", start, count, record: 8 };
        Ok(self.metadata.lookup(table, number, little64)?.map(NodeId))
    }

    fn inode(&self, id: NodeId) -> Result<Inode<'_>> {
        let table = self.superblock.inode_table;
        let (block, offset) = (id.0 >> 16, id.0 & 0xffff);
        if block > u64::from(u32::MAX) {
            let place = self.region.place(table);
            return Err(Error::Malformed { structure: "inode table", field: "reference of over 48 bits", place });
        }
        let start = table.saturating_add(block);
        let cursor = self.metadata.cursor(start, self.superblock.end_of(table), u16::try_from(offset).unwrap_or(0))?;
        Inode::read(cursor)
    }

    /// The id of a user or group.
    fn id(&self, index: u16) -> Result<u32> {
        let (start, count) = (self.superblock.id_table, u32::from(self.superblock.ids));
        let table = Table { name: "id table", start, count, record: 4 };
        let read = || {
            self.metadata.lookup(table, u32::from(index), little32)?.ok_or_else(|| {
                let place = self.region.place(start);
                Error::Malformed { structure: "id table", field: "index, used by an inode", place }
            })
        };
        self.ids.get(u64::from(index), read).map(|id| *id)
    }

    fn directories(&self) -> DirectoryTable<'_> {
        let start = self.superblock.directory_table;
        DirectoryTable { metadata: &self.metadata, start, end: self.superblock.end_of(start), blocks: &self.listings }
    }
}

impl Tree for Archive<'_> {
    fn root(&self) -> NodeId {
        NodeId(self.superblock.root)
    }

    fn node(&self, id: NodeId) -> Result<Node> {
        let inode = self.inode(id)?;
        let header = inode.header;
        let kind = match inode.body {
            Body::Directory(_) => Kind::Directory,
            Body::File(file) => Kind::File { size: file.size },
            Body::Symlink(length) => Kind::Symlink { target: inode.target(length)? },
            Body::BlockDevice(device) => Kind::BlockDevice(device),
            Body::CharDevice(device) => Kind::CharDevice(device),
            Body::Fifo => Kind::Fifo,
            Body::Socket => Kind::Socket,
        };
        let uid = self.id(header.uid)?;
        let gid = if header.gid == header.uid { uid } else { self.id(header.gid)? };
        Ok(Node { kind, mode: header.mode, uid, gid, mtime: i64::from(header.mtime) })
    }

    fn entries(&self, directory: NodeId) -> Result<Vec<Entry>> {
        let inode = self.inode(directory)?;
        let Body::Directory(directory) = inode.body else { return Err(inode.mistyped("type, not a directory")) };
        self.directories().entries(directory)
    }

    fn listing(&self, directory: NodeId) -> Result<Listing> {
        match self.inode(directory)?.body {
            Body::Directory(directory) => self.directories().place(directory),
            _ => Ok(Listing { start: 0, end: 0 }),
        }
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        let inode = self.inode(directory)?;
        let Body::Directory(directory) = inode.body else { return Err(inode.mistyped("type, not a directory")) };
        self.directories().lookup(directory, inode.tail, name)
    }

    fn capabilities(&self, file: NodeId) -> Result<Option<Vec<u8>>> {
        self.capabilities_of(file)
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(FileReader::new(self, self.blocks(file)?)))
    }
}
