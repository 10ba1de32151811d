//! FAT12, FAT16 and FAT32 (Microsoft FAT Specification, 2005), read only: the file system of a UEFI boot image.
//!
//! A [`Volume`] is a [`Tree`]. An entry with a long name goes by that name. As the format requires, lookups ignore
//! case.

mod boot_sector;
mod chain;
mod directory;

#[cfg(test)]
mod tests;

use std::io::{self, Read};

use boot_sector::BootSector;
use chain::Clusters;
use directory::{DirectoryEntry, listed};

use crate::error::{Error, Result};
use crate::fs::{Entry, Kind, Listing, Node, NodeId, Tree};
use crate::image::Region;

/// Neither the root nor the boot sector has a directory entry.
const ROOT: NodeId = NodeId(0);

/// A volume and its directory tree.
///
/// A [`NodeId`] is the offset of the node's directory entry in the volume. The root is 0.
#[derive(Clone, Debug)]
pub struct Volume<'a> {
    region: Region<'a>,
    layout: BootSector,
}

impl<'a> Volume<'a> {
    /// Reads the boot sector.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the region is not a FAT volume.
    pub fn open(region: Region<'a>) -> Result<Self> {
        let layout = BootSector::read(&region)?;
        Ok(Self { region, layout })
    }

    /// The entry at `id`.
    fn entry(&self, id: NodeId) -> Result<DirectoryEntry> {
        directory::entry_at(&self.region, id.0)
    }

    /// The clusters of a file or directory that begins with `first`.
    fn clusters(&self, first: u32) -> Clusters<'_, 'a> {
        Clusters::new(&self.region, &self.layout, first)
    }

    /// The parts of the volume that a directory occupies, each given by its offset.
    fn parts(&self, directory: NodeId) -> Result<Vec<u64>> {
        let first = match directory {
            ROOT if self.layout.root_cluster == 0 => return Ok(Vec::new()),
            ROOT => self.layout.root_cluster,
            id => {
                let entry = self.entry(id)?;
                if !entry.is_directory() {
                    return Err(self.wrong("attributes: not a directory", id));
                }
                entry.cluster
            }
        };
        let mut parts = Vec::new();
        for cluster in self.clusters(first) {
            parts.push(self.layout.offset(cluster?));
            if u64::try_from(parts.len()).unwrap_or(u64::MAX) * self.layout.cluster_size > directory::LONGEST {
                return Err(Error::Limit { what: "65,536 directory entries", place: self.region.place(directory.0) });
            }
        }
        Ok(parts)
    }

    /// The entries of a directory as recorded, with their offsets.
    fn list(&self, directory: NodeId) -> Result<Vec<Entry>> {
        let fixed = directory == ROOT && self.layout.root_cluster == 0;
        if fixed {
            return listed(&self.region, &[self.layout.root_offset], self.layout.root_length);
        }
        listed(&self.region, &self.parts(directory)?, self.layout.cluster_size)
    }

    fn wrong(&self, field: &'static str, id: NodeId) -> Error {
        Error::Malformed { structure: "FAT directory entry", field, place: self.region.place(id.0) }
    }
}

impl Tree for Volume<'_> {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn node(&self, id: NodeId) -> Result<Node> {
        let (kind, mode, mtime) = if id == ROOT {
            (Kind::Directory, 0o755, 0)
        } else {
            let entry = self.entry(id)?;
            match entry.is_directory() {
                true => (Kind::Directory, 0o755, entry.written),
                false => (Kind::File { size: u64::from(entry.size) }, entry.mode(), entry.written),
            }
        };
        Ok(Node { kind, mode, uid: 0, gid: 0, mtime })
    }

    fn entries(&self, directory: NodeId) -> Result<Vec<Entry>> {
        let mut entries = self.list(directory)?;
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        let found = self.list(directory)?.into_iter().find(|entry| entry.name.eq_ignore_ascii_case(name));
        Ok(found.map(|entry| entry.id))
    }

    fn listing(&self, directory: NodeId) -> Result<Listing> {
        // A cluster chain is not a range, so its first cluster represents it.
        let start = match directory {
            ROOT => 0,
            id => u64::from(self.entry(id)?.cluster),
        };
        Ok(Listing { start, end: start.saturating_add(1) })
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>> {
        if file == ROOT {
            return Err(self.wrong("attributes: not a file", file));
        }
        let entry = self.entry(file)?;
        if entry.is_directory() {
            return Err(self.wrong("attributes: not a file", file));
        }
        let size = u64::from(entry.size);
        if size > u64::from(self.layout.clusters) * self.layout.cluster_size {
            return Err(self.wrong("size", file));
        }
        Ok(Box::new(Reader { volume: self, file, clusters: self.clusters(entry.cluster), part: 0, at: 0, left: size }))
    }
}

/// Reads a file cluster by cluster.
struct Reader<'v, 'a> {
    volume: &'v Volume<'a>,
    file: NodeId,
    clusters: Clusters<'v, 'a>,
    /// Unread bytes of the current cluster.
    part: u64,
    /// Their offset.
    at: u64,
    /// Unread bytes of the file.
    left: u64,
}

impl Read for Reader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        if self.part == 0 {
            let next = self.clusters.next().unwrap_or_else(|| Err(self.volume.wrong("size", self.file)))?;
            (self.at, self.part) = (self.volume.layout.offset(next), self.volume.layout.cluster_size);
        }
        let most = usize::try_from(self.part.min(self.left)).unwrap_or(usize::MAX).min(buffer.len());
        let wanted = buffer.get_mut(..most).unwrap_or_default();
        let read = self.volume.region.read_at(self.at, wanted)?;
        let length = u64::try_from(read).unwrap_or(0);
        if read < most {
            let (structure, place) = ("FAT cluster", self.volume.region.place(self.at));
            return Err(Error::Truncated { structure, place, wanted: self.part, available: length }.into());
        }
        self.at += length;
        self.part -= length;
        self.left -= length;
        Ok(read)
    }
}
