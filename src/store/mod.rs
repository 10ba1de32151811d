//! The Nix store of an image: where it is, its paths, the registration and the reference graph.

mod closure;
pub mod contents;
pub mod disk;
mod dominators;
pub mod graph;
pub mod hashing;
pub mod mentions;
pub mod name;
pub mod nar;
pub mod nix32;
mod path;
mod reach;
pub mod registration;
pub mod sha256;
pub mod version;

use std::sync::Arc;

pub use closure::{Closure, Member};
pub use contents::Contents;
pub use path::{STORE, StorePath};

use crate::error::{Error, Place, Result, Troubles};
use crate::fs::iso9660::Volume;
use crate::fs::path::find;
use crate::fs::squashfs::Archive;
use crate::fs::walk::Walk;
use crate::fs::{FileType, NodeId, Tree};

/// Path of the squashfs on every image since 2009 that `isoImage` made.
const USUAL: &[u8] = b"/nix-store.squashfs";

/// Limit for the files of a disc that are checked for a squashfs. Real discs have at most a hundred besides a store.
const MOST_FILES: usize = 10_000;

/// A store that has been found but not read yet.
pub struct Store<'i> {
    tree: Arc<dyn Tree + 'i>,
    root: NodeId,
    registration: Option<NodeId>,
    /// Where the store is.
    pub carrier: Carrier<'i>,
}

/// Where a store can be.
pub enum Carrier<'i> {
    /// A squashfs: a file of the disc, or the whole image.
    Squashfs {
        /// The file, by its path on the disc. `None` if it is the whole image.
        path: Option<Vec<u8>>,
        /// The archive.
        archive: Arc<Archive<'i>>,
    },
    /// A directory of the disc itself, as before 2009.
    Directory(Arc<Volume<'i>>),
    /// A directory of a file system that is written to: that of a disk, or of this machine.
    Tree(Arc<dyn Tree + 'i>),
}

impl<'i> Store<'i> {
    /// The store in a squashfs that is the whole image, if it has one.
    ///
    /// # Errors
    /// If its root cannot be read.
    pub fn in_archive(archive: &Arc<Archive<'i>>) -> Result<Option<Self>> {
        Self::in_squashfs(Arc::clone(archive), None)
    }

    /// The store of a disc: in a squashfs with a registration, wherever that is, or in the disc's own `/nix/store`.
    /// Errors on the way are added to `troubles`. If no store is found, one of them may be the reason.
    pub fn on_disc(volume: &Arc<Volume<'i>>, troubles: &mut Troubles) -> Option<Self> {
        let usual = find(&**volume, USUAL).and_then(|found| match found {
            Some(found) => Self::in_file(volume, found.id, USUAL),
            None => Ok(None),
        });
        match usual {
            Ok(Some(store)) => return Some(store),
            Ok(None) => {}
            Err(error) => troubles.push(error),
        }
        let directory = Self::in_directory(volume).unwrap_or_else(|error| {
            troubles.push(error);
            None
        });
        if directory.as_ref().is_some_and(|store| store.registration.is_some()) {
            return directory;
        }
        let store = Self::search(volume, troubles).or(directory);
        if store.is_none() {
            troubles.extend(Self::no_squashfs(volume));
        }
        store
    }

    /// Why the file with the usual name of a store is not one.
    fn no_squashfs(volume: &Volume<'i>) -> Option<Error> {
        let found = find(volume, USUAL).ok()??;
        let region = volume.file_region(found.id).ok()?;
        let mut magic = [0; 4];
        let read = region.read_at(0, &mut magic).ok()?;
        let place = region.place(0);
        (read < magic.len() || magic != *b"hsqs").then_some(Error::Malformed {
            structure: "squashfs superblock",
            field: "magic: the store is damaged",
            place,
        })
    }

    /// Checks every file of the disc that begins like a squashfs. Errors are reported only if no later file has a store.
    fn search(volume: &Arc<Volume<'i>>, troubles: &mut Troubles) -> Option<Self> {
        let mut walk = Walk::new(&**volume, volume.root(), b"/");
        let (mut files, mut kept) = (0, Troubles::default());
        while let Some(visit) = walk.next() {
            let found = visit.and_then(|visit| match visit.file_type {
                FileType::Directory if visit.path == STORE.as_bytes() => {
                    walk.prune();
                    Ok(None)
                }
                FileType::File if visit.path != USUAL => {
                    files += 1;
                    Self::in_file(volume, visit.id, &visit.path)
                }
                _ => Ok(None),
            });
            match found {
                Ok(Some(store)) => return Some(store),
                Ok(None) => {}
                Err(error) => kept.push(error),
            }
            if files > MOST_FILES {
                kept.push(Error::Limit {
                    what: "search for a store in 10,000 files",
                    place: Place::File(b"/".to_vec()),
                });
                break;
            }
        }
        troubles.append(kept);
        None
    }

    /// The store in a file, if the file begins like a squashfs and has a registration.
    fn in_file(volume: &Volume<'i>, file: NodeId, path: &[u8]) -> Result<Option<Self>> {
        let region = match volume.file_region(file) {
            // A compressed file cannot be mounted, so it is not a store.
            Err(Error::Unsupported { .. }) => return Ok(None),
            other => other?,
        };
        let mut magic = [0; 4];
        if region.read_at(0, &mut magic)? < magic.len() || magic != *b"hsqs" {
            return Ok(None);
        }
        Self::in_squashfs(Arc::new(Archive::open(region)?), Some(path.to_vec()))
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

    /// The store of a disk or machine, in `/nix/store`. Images that have not booted yet also have a registration.
    ///
    /// # Errors
    /// If a directory on the way cannot be read.
    pub fn in_tree(tree: &Arc<dyn Tree + 'i>) -> Result<Option<Self>> {
        let Some(found) = find(&**tree, STORE.as_bytes())? else { return Ok(None) };
        let registration = tree.lookup(tree.root(), registration::FILE.as_bytes())?;
        let carrier = Carrier::Tree(Arc::clone(tree));
        Ok(Some(Self { tree: Arc::clone(tree), root: found.id, registration, carrier }))
    }

    fn in_directory(volume: &Arc<Volume<'i>>) -> Result<Option<Self>> {
        let Some(found) = find(&**volume, STORE.as_bytes())? else { return Ok(None) };
        // Images of 2009 to 2014 have an empty directory there, as the mount point of the squashfs.
        if volume.entries(found.id)?.is_empty() {
            return Ok(None);
        }
        let registration = volume.lookup(volume.root(), registration::FILE.as_bytes())?;
        let tree = Arc::clone(volume) as Arc<dyn Tree + 'i>;
        Ok(Some(Self { tree, root: found.id, registration, carrier: Carrier::Directory(Arc::clone(volume)) }))
    }

    /// The tree that contains the store.
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

    /// Lists the store and reads its registration. An error that ends the registration early is added to `troubles`.
    ///
    /// # Errors
    /// If the store cannot be listed, or its registration cannot be opened.
    pub fn contents(&self, troubles: &mut Troubles) -> Result<Contents> {
        Contents::read(self, troubles)
    }
}
