//! ISO 9660 (ECMA-119, 2nd edition 1987), with Rock Ridge, Joliet and El Torito.
//!
//! A [`Volume`] is a [`Tree`](crate::fs::Tree). It uses Rock Ridge unless that tree is empty, otherwise Joliet, otherwise the plain
//! identifiers. Everything is read only when needed.

mod date;
mod directory;
mod el_torito;
mod extension;
mod identifier;
mod implanted;
mod joliet;
mod other_tree;
mod rock_ridge;
mod search;
mod section;
mod symbolic_link;
mod system_use;
mod tree;
mod volume;
mod zisofs;

#[cfg(test)]
mod build;
#[cfg(test)]
mod damage;

pub use date::Date;
pub use el_torito::{BootCatalog, BootImage, Emulation, Platform};
pub use extension::Extension;
pub use implanted::ImplantedMd5;
pub use other_tree::OtherTree;
pub use search::FoundFile;
pub use volume::{BootRecord, VolumeDescriptor, VolumeDescriptors};

use std::mem;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result, Troubles};
use crate::fs::{FileType, NodeId};
use crate::image::Region;
use directory::{DirectoryRecord, Sector};
use rock_ridge::{RockRidge, is_rock_ridge};
use system_use::{SharedUse, each_entry};
use zisofs::Compressed;

/// A volume and its directory tree.
///
/// A [`NodeId`] is the offset of the node's first directory record in the volume, which begins at the start of the image.
/// For the root, it is the record in the volume descriptor.
#[derive(Clone, Debug)]
pub struct Volume<'a> {
    region: Region<'a>,
    descriptors: VolumeDescriptors,
    block_size: u64,
    names: Names,
    root: u64,
    /// Faults in records that were read as far as possible.
    faults: Arc<Mutex<Troubles>>,
}

/// The tree to read, and how its names are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// Alternate names in the primary tree, after `skip` bytes of system use for other purposes.
    RockRidge { skip: u8 },
    /// UCS-2 in the tree of a supplementary descriptor.
    Joliet,
    /// Identifiers according to ECMA-119 or ISO 9660:1999.
    Plain,
}

impl<'a> Volume<'a> {
    /// Reads the volume descriptors and chooses the tree.
    ///
    /// # Errors
    /// If there is no primary volume descriptor, or the root's own record cannot be read.
    pub fn open(region: Region<'a>) -> Result<Self> {
        let descriptors = VolumeDescriptors::read(&region)?;
        let block_size = u64::from(descriptors.primary.block_size);
        let root = descriptors.primary.root();
        let mut volume = Self { region, descriptors, block_size, names: Names::Plain, root, faults: Arc::default() };
        let skip = volume.rock_ridge_skip()?;
        if let Some(skip) = skip {
            volume.names = Names::RockRidge { skip };
        }
        let joliet = volume.descriptors.supplementary.iter().find(|found| found.is_joliet());
        // Linux also prefers Joliet to an empty Rock Ridge tree.
        if let Some(joliet) = joliet.map(VolumeDescriptor::root).filter(|_| skip.is_none() || volume.is_empty()) {
            (volume.names, volume.root) = (Names::Joliet, joliet);
        }
        Ok(volume)
    }

    /// Whether the root directory is readable and has no entries.
    fn is_empty(&self) -> bool {
        matches!(self.visit(NodeId(self.root), |_, _| ControlFlow::Break(())), Ok(None))
    }

    /// The volume descriptors.
    #[must_use]
    pub fn descriptors(&self) -> &VolumeDescriptors {
        &self.descriptors
    }

    /// The bytes of a regular file, uncopied, if they are stored uncompressed.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a compressed or interleaved file, [`Error::Truncated`] if the image ends before
    /// the file does, [`Error::Malformed`] if the node is not a regular file.
    pub fn file_region(&self, id: NodeId) -> Result<Region<'a>> {
        match self.contents(id)? {
            (region, None) => Ok(region),
            (region, Some(_)) => {
                Err(Error::Unsupported { what: "compressed file in place".into(), place: region.place(0) })
            }
        }
    }

    /// The recorded bytes of a regular file, and how they are compressed.
    fn contents(&self, id: NodeId) -> Result<(Region<'a>, Option<Compressed>)> {
        let sector = self.sector(id.0)?;
        let record = sector.record()?;
        let rock_ridge = self.rock_ridge(&record);
        if rock_ridge.file_type(&record) != FileType::File {
            return Err(self.wrong("file type: not a regular file", id));
        }
        Ok((section::contents(&self.region, self.block_size, &record)?, rock_ridge.compressed))
    }

    /// The number of system use bytes to skip in each record, if the primary tree has Rock Ridge.
    fn rock_ridge_skip(&self) -> Result<Option<u8>> {
        let sector = self.described(NodeId(self.root))?;
        let record = sector.record()?;
        let Some(SharedUse { start, skip }) = SharedUse::find(&record) else { return Ok(None) };
        let mut used = false;
        let read = each_entry(&self.region, self.block_size, (&record, start), |entry| {
            used |= is_rock_ridge(entry)?;
            Ok(())
        });
        read.unwrap_or_else(|error| self.fault(error));
        Ok(used.then_some(skip))
    }

    /// The record at `offset`, and the rest of its logical sector.
    fn sector(&self, offset: u64) -> Result<Sector<'a>> {
        Sector::of_record(&self.region, offset)
    }

    /// The record with the most information about a node. For the root, and for a relocated directory, this is the record
    /// in which the directory describes itself.
    fn described(&self, id: NodeId) -> Result<Sector<'a>> {
        let sector = self.sector(id.0)?;
        let record = sector.record()?;
        let elsewhere = match self.rock_ridge(&record).child_link {
            Some(location) => u64::from(location) * self.block_size,
            None if id.0 == self.root => section::start(&self.region, self.block_size, &record)?,
            None => return Ok(sector),
        };
        let own = self.sector(elsewhere)?;
        match own.record()?.identifier {
            [0] => Ok(own),
            _ => Err(Error::Malformed {
                structure: "directory",
                field: "record of itself",
                place: self.region.place(elsewhere),
            }),
        }
    }

    /// The Rock Ridge entries of a record, up to the first fault. Empty if the volume has no Rock Ridge.
    fn rock_ridge(&self, record: &DirectoryRecord<'_>) -> RockRidge {
        let mut found = RockRidge::default();
        self.take_rock_ridge(record, &mut found).unwrap_or_else(|error| self.fault(error));
        found
    }

    /// Records a fault that does not stop the reading.
    fn fault(&self, error: Error) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(error);
    }

    /// Takes the faults of the records read since the last call. Everything before each fault was read.
    #[must_use]
    pub fn take_faults(&self) -> Troubles {
        let mut faults = mem::take(&mut *self.faults.lock().unwrap_or_else(PoisonError::into_inner));
        faults.sort(); // threads meet them in any order
        faults
    }

    /// Adds the Rock Ridge entries of a record to `found`, up to the first error.
    fn take_rock_ridge(&self, record: &DirectoryRecord<'_>, found: &mut RockRidge) -> Result<()> {
        let Names::RockRidge { skip } = self.names else { return Ok(()) };
        let skip = SharedUse::find(record).map_or(skip, |shared| shared.start);
        each_entry(&self.region, self.block_size, (record, skip), |entry| found.take(entry))
    }

    fn wrong(&self, field: &'static str, id: NodeId) -> Error {
        Error::Malformed { structure: "directory record", field, place: self.region.place(id.0) }
    }
}
