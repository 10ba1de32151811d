//! The Nix store of an image: where it lies, its paths, the registration and the reference graph.

pub mod contents;
pub mod disk;
pub mod graph;
pub mod name;
pub mod nar;
pub mod nix32;
mod path;
pub mod registration;
pub mod version;

use std::sync::Arc;

pub use contents::Contents;
pub use path::{STORE, StorePath};

use crate::error::Result;
use crate::fs::iso9660::Volume;
use crate::fs::path::find;
use crate::fs::squashfs::Archive;
use crate::fs::walk::Walk;
use crate::fs::{FileType, NodeId, Tree};

/// Where the squashfs lies on every image since 2009 that `isoImage` made.
const USUAL: &[u8] = b"/nix-store.squashfs";

/// Files of a disc that are looked at for a squashfs; none has more than a hundred besides a store.
const MOST_FILES: usize = 10_000;

/// A store that has been found, not yet read.
pub struct Store<'i> {
    tree: Arc<dyn Tree + 'i>,
    root: NodeId,
    registration: Option<NodeId>,
    /// What carries it.
    pub carrier: Carrier<'i>,
}

/// What carries a store.
pub enum Carrier<'i> {
    /// A squashfs: a file of the disc, or the whole image.
    Squashfs {
        /// The file, by its path on the disc; none if it is the whole image.
        path: Option<Vec<u8>>,
        /// The archive.
        archive: Arc<Archive<'i>>,
    },
    /// A directory of the disc itself, as before 2009.
    Directory(Arc<Volume<'i>>),
}

impl<'i> Store<'i> {
    /// A squashfs that is the whole image, if it is a store.
    ///
    /// # Errors
    /// Where its root cannot be read.
    pub fn in_archive(archive: &Arc<Archive<'i>>) -> Result<Option<Self>> {
        Self::in_squashfs(Arc::clone(archive), None)
    }

    /// The store of a disc: in a squashfs with a registration, wherever that lies, or in the disc's own `/nix/store`.
    ///
    /// # Errors
    /// Where the usual squashfs is there and cannot be read, or the disc's directories cannot.
    pub fn on_disc(volume: &Arc<Volume<'i>>) -> Result<Option<Self>> {
        if let Some(found) = find(&**volume, USUAL)? {
            let archive = Archive::open(volume.file_region(found.id)?)?;
            if let Some(store) = Self::in_squashfs(Arc::new(archive), Some(USUAL.to_vec()))? {
                return Ok(Some(store));
            }
        }
        let directory = Self::in_directory(volume)?;
        if directory.as_ref().is_some_and(|store| store.registration.is_some()) {
            return Ok(directory);
        }
        Ok(Self::search(volume)?.or(directory))
    }

    /// Looks into every file of the disc that begins as a squashfs does.
    fn search(volume: &Arc<Volume<'i>>) -> Result<Option<Self>> {
        let mut walk = Walk::new(&**volume, volume.root(), b"/");
        let mut files = 0;
        while let Some(visit) = walk.next() {
            let visit = visit?;
            match visit.file_type {
                FileType::Directory if visit.path == STORE.as_bytes() => walk.prune(),
                FileType::File if files < MOST_FILES => {
                    files += 1;
                    let Ok(region) = volume.file_region(visit.id) else { continue };
                    let mut magic = [0; 4];
                    if region.read_at(0, &mut magic)? == magic.len() && magic == *b"hsqs" {
                        let Ok(archive) = Archive::open(region) else { continue };
                        let found = Self::in_squashfs(Arc::new(archive), Some(visit.path))?;
                        if found.is_some() {
                            return Ok(found);
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    fn in_squashfs(archive: Arc<Archive<'i>>, path: Option<Vec<u8>>) -> Result<Option<Self>> {
        let root = archive.root();
        let registration = archive.lookup(root, registration::FILE.as_bytes())?;
        Ok(registration.is_some().then(|| Self {
            tree: Arc::clone(&archive) as Arc<dyn Tree + 'i>,
            root,
            registration,
            carrier: Carrier::Squashfs { path, archive },
        }))
    }

    fn in_directory(volume: &Arc<Volume<'i>>) -> Result<Option<Self>> {
        let Some(found) = find(&**volume, STORE.as_bytes())? else { return Ok(None) };
        // Images of 2009 to 2014 have an empty directory there, to mount the squashfs on.
        if volume.entries(found.id)?.is_empty() {
            return Ok(None);
        }
        let registration = volume.lookup(volume.root(), registration::FILE.as_bytes())?;
        let tree = Arc::clone(volume) as Arc<dyn Tree + 'i>;
        Ok(Some(Self { tree, root: found.id, registration, carrier: Carrier::Directory(Arc::clone(volume)) }))
    }

    /// The tree that the store lies in.
    #[must_use]
    pub fn tree(&self) -> &dyn Tree {
        &*self.tree
    }

    /// The directory of the store in that tree.
    #[must_use]
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// The registration file in that tree.
    #[must_use]
    pub fn registration(&self) -> Option<NodeId> {
        self.registration
    }

    /// Lists the store and reads its registration.
    ///
    /// # Errors
    /// Where either cannot be read whole.
    pub fn contents(&self) -> Result<Contents> {
        Contents::read(self)
    }
}
