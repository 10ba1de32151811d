//! ext2, ext3 and ext4, read only (the kernel's documentation, `filesystems/ext4`): the root of NixOS disk images.
//!
//! A [`Volume`] is a [`Tree`]. Changes that are only in the journal are not read; [`Volume::needs_recovery`] tells whether there
//! are any.

mod directory;
mod inode;
mod runs;
mod superblock;

#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::ops::ControlFlow;

use directory::{DirectoryEntry, Entries};
use inode::{Inode, inode};
use runs::{Run, Runs};
use superblock::Superblock;

use crate::error::{Error, Place, Result};
use crate::fs::{Entry, FileType, Kind, Node, NodeId, Tree};
use crate::image::Region;
use crate::parse::parse;

/// The magic number of the superblock.
pub const MAGIC: [u8; 2] = [0x53, 0xef];

/// Offset of the magic number in the volume.
pub const MAGIC_OFFSET: u64 = 0x438;

/// The inode of the root directory.
const ROOT: NodeId = NodeId(2);

/// Limit for the target of a link in bytes. Linux has the same.
const LONGEST_TARGET: u64 = 4096;

/// Limit for the entries of a directory. The store of a large machine has a tenth.
const MOST_ENTRIES: usize = 1 << 20;

/// A volume and its directory tree.
///
/// A [`NodeId`] is the number of an inode.
#[derive(Clone, Debug)]
pub struct Volume<'a> {
    region: Region<'a>,
    layout: Superblock,
}

impl<'a> Volume<'a> {
    /// Whether a volume may begin at the start of the region.
    ///
    /// # Errors
    /// If the region cannot be read.
    pub fn is_in(region: &Region<'_>) -> Result<bool> {
        let mut magic = [0; 2];
        Ok(region.read_at(MAGIC_OFFSET, &mut magic)? == magic.len() && magic == MAGIC)
    }

    /// Reads the superblock.
    ///
    /// # Errors
    /// [`Error::Malformed`] if the region is not such a volume, [`Error::Unsupported`] if it needs a feature that is not known.
    pub fn open(region: Region<'a>) -> Result<Self> {
        let layout = Superblock::read(&region)?;
        Ok(Self { region, layout })
    }

    /// The name of the volume, such as `NIXOS_SD`.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.layout.label
    }

    /// Length in bytes, as the superblock states it.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.layout.length()
    }

    /// Length of the part of the image that should hold it, in bytes.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.region.length()
    }

    /// Where it begins.
    #[must_use]
    pub fn start(&self) -> Place {
        self.region.place(0)
    }

    /// Whether it was not unmounted, so that the latest changes are only in its journal.
    #[must_use]
    pub fn needs_recovery(&self) -> bool {
        self.layout.needs_recovery
    }

    /// Where an inode is, for messages.
    fn place(&self, number: u64) -> Place {
        let offset = self.layout.inode(&self.region, number).ok().flatten();
        self.region.place(offset.unwrap_or_default())
    }

    fn wrong(&self, field: &'static str, id: NodeId) -> Error {
        Error::Malformed { structure: "ext4 inode", field, place: self.place(id.0) }
    }

    fn inode(&self, id: NodeId) -> Result<Inode> {
        let offset = self.layout.inode(&self.region, id.0)?;
        let offset = offset.ok_or_else(|| self.wrong("number", id))?;
        let bytes = self.region.bytes("ext4 inode", offset, self.layout.inode_size)?;
        parse("ext4 inode", &self.region.place(offset), &bytes, inode)
    }

    /// Reads the contents of an inode.
    fn contents(&self, id: NodeId, inode: &Inode) -> Result<Contents<'_, 'a>> {
        let runs = Runs::new(self, id.0, inode)?;
        Ok(Contents { volume: self, runs, run: None, at: 0, size: inode.size })
    }

    /// Calls `visit` for each entry of a directory, until it breaks.
    fn visit<B>(
        &self,
        directory: NodeId,
        mut visit: impl FnMut(DirectoryEntry<'_>) -> Result<ControlFlow<B>>,
    ) -> Result<Option<B>> {
        let inode = self.inode(directory)?;
        if inode.file_type != Some(FileType::Directory) {
            return Err(self.wrong("mode: not a directory", directory));
        }
        let mut seen = 0usize;
        for run in Runs::new(self, directory.0, &inode)? {
            let Run { blocks, stored, .. } = run?;
            let Some(stored) = stored else { continue };
            for block in 0..blocks {
                // Runs are on the volume.
                let offset = stored.saturating_add(block).saturating_mul(self.layout.block_size);
                let bytes = self.region.bytes("ext4 directory", offset, self.layout.block_size)?;
                for entry in Entries::new(&bytes, self.region.place(offset)) {
                    seen += 1;
                    if seen > MOST_ENTRIES {
                        return Err(Error::Limit {
                            what: "a million directory entries",
                            place: self.place(directory.0),
                        });
                    }
                    if let ControlFlow::Break(found) = visit(entry?)? {
                        return Ok(Some(found));
                    }
                }
            }
        }
        Ok(None)
    }

    fn entry(&self, found: DirectoryEntry<'_>) -> Result<Entry> {
        let id = NodeId(found.inode.into());
        let recorded = found.file_type.filter(|_| self.layout.file_types);
        let file_type = match recorded {
            Some(file_type) => file_type,
            None => self.inode(id)?.file_type.ok_or_else(|| self.wrong("mode", id))?,
        };
        Ok(Entry { name: found.name.to_vec(), id, file_type })
    }

    fn target(&self, id: NodeId, inode: &Inode) -> Result<Vec<u8>> {
        if let Some(target) = inode.short_target() {
            return Ok(target.to_vec());
        }
        if inode.size > LONGEST_TARGET {
            return Err(self.wrong("size of a link", id));
        }
        let mut target = Vec::new();
        let read = self.contents(id, inode)?.read_to_end(&mut target);
        read.map_err(|error| Error::from_read(error, std::path::Path::new("link")))?;
        Ok(target)
    }
}

impl Tree for Volume<'_> {
    fn root(&self) -> NodeId {
        ROOT
    }

    fn node(&self, id: NodeId) -> Result<Node> {
        let inode = self.inode(id)?;
        let kind = match inode.file_type.ok_or_else(|| self.wrong("mode", id))? {
            FileType::File => Kind::File { size: inode.size },
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink { target: self.target(id, &inode)? },
            FileType::CharDevice => Kind::CharDevice(inode.device()),
            FileType::BlockDevice => Kind::BlockDevice(inode.device()),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
        };
        Ok(Node { kind, mode: inode.mode, uid: inode.uid, gid: inode.gid, mtime: inode.mtime })
    }

    fn entries(&self, directory: NodeId) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.visit(directory, |entry| {
            entries.push(self.entry(entry)?);
            Ok(ControlFlow::<()>::Continue(()))
        })?;
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        self.visit(directory, |entry| {
            Ok(if entry.name == name {
                ControlFlow::Break(NodeId(entry.inode.into()))
            } else {
                ControlFlow::Continue(())
            })
        })
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>> {
        let inode = self.inode(file)?;
        if inode.file_type != Some(FileType::File) {
            return Err(self.wrong("mode: not a file", file));
        }
        Ok(Box::new(self.contents(file, &inode)?))
    }
}

/// Reads a file run by run.
struct Contents<'v, 'a> {
    volume: &'v Volume<'a>,
    runs: Runs<'v, 'a>,
    /// The run that is being read, or the next one.
    run: Option<Run>,
    /// Offset of the next byte in the file.
    at: u64,
    size: u64,
}

impl Contents<'_, '_> {
    /// Where the next bytes are stored, and how many of them are there. They are zeros if they are not stored.
    fn part(&mut self) -> Result<(Option<u64>, u64)> {
        let size = self.volume.layout.block_size;
        // Neither product overflows: runs end with the file, whose length has 64 bits.
        let end = |run: &Run| (run.first + run.blocks).saturating_mul(size);
        while self.run.as_ref().is_none_or(|run| end(run) <= self.at) {
            match self.runs.next().transpose()? {
                Some(run) => self.run = Some(run),
                None => return Ok((None, self.size - self.at)),
            }
        }
        let Some(run) = self.run else { return Ok((None, self.size - self.at)) };
        let start = run.first.saturating_mul(size);
        if self.at < start {
            return Ok((None, start - self.at));
        }
        let stored = run.stored.map(|stored| stored.saturating_mul(size).saturating_add(self.at - start));
        Ok((stored, end(&run) - self.at))
    }
}

impl Read for Contents<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let (stored, part) = self.part()?;
        let most = usize::try_from(part.min(self.size - self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let wanted = buffer.get_mut(..most).unwrap_or_default();
        let read = match stored {
            Some(offset) => self.volume.region.read_at(offset, wanted)?,
            None => {
                wanted.fill(0);
                most
            }
        };
        let length = u64::try_from(read).unwrap_or(0);
        if let Some(offset) = stored.filter(|_| read < most) {
            let (structure, place) = ("ext4 file", self.volume.region.place(offset));
            return Err(Error::Truncated { structure, place, wanted: part, available: length }.into());
        }
        self.at += length;
        Ok(read)
    }
}
