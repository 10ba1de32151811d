//! The space that store paths take up on the disc.

mod share;
mod volume;
mod walk;

pub use volume::{OnVolume, on_tree, on_volume};
pub use walk::Branch;

use rayon::prelude::*;

use self::share::{Use, divide, whole_blocks};
use self::walk::{Counted, Source, Walked, Walker};
use super::contents::Place;
use super::{Carrier, Contents, STORE, Store, registration};
use crate::error::Result;
use crate::fs::iso9660::Volume;
use crate::fs::path::join;
use crate::fs::squashfs::Archive;
use crate::fs::{FileType, NodeId, Tree};

/// Where the bytes went that a store takes up on the disc.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// For each object: the object itself, and the directories and files in it that are counted on their own.
    pub objects: Vec<Vec<Branch>>,
    /// The registration file and other files beside the store paths.
    pub beside: Vec<Branch>,
    /// The bytes, by what they are for.
    pub space: Space,
}

/// The bytes of a store, by what they are for. They add up to `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// All bytes: the squashfs with its padding, or the blocks that a store in the disc's own tree takes up.
    pub total: u64,
    /// Contents of store paths.
    pub store_paths: u64,
    /// Contents of the registration file.
    pub registration: u64,
    /// Contents of other files beside the store paths.
    pub other_files: u64,
    /// Inodes, directories and tables.
    pub metadata: u64,
    /// Bytes between data blocks that no file uses.
    pub unused: u64,
    /// Padding: after the squashfs, or after each file in the disc's own tree.
    pub padding: u64,
}

impl Usage {
    /// Compressed bytes of an object on the disc.
    #[must_use]
    pub fn of(&self, object: usize) -> Option<u64> {
        let branches = self.objects.get(object)?;
        Some(branches.iter().map(|branch| branch.disk_size).fold(0, u64::saturating_add))
    }
}

/// Where the bytes of a store went. Files may share a fragment block, or a block that is stored once for equal ones. Its size is
/// divided in proportion to the bytes that each file has in it. No contents are read.
///
/// Down to `depth` levels below each object, directories and files are counted on their own.
///
/// # Errors
/// If an inode or a directory cannot be read.
pub fn usage(store: &Store<'_>, contents: &Contents, depth: usize) -> Result<Usage> {
    let (counted, source) = (Counted::default(), source(store));
    let walker = Walker { source, depth, skipped: &[], counted: &counted };
    let objects = contents.objects.par_iter().map(|object| match object.node {
        Some(place) => walker.walk(place, object.path.to_string().as_bytes()),
        None => Ok(Walked::default()),
    });
    let mut walked = objects.collect::<Result<Vec<_>>>()?;
    let present = walked.len();
    walked.extend(beside(store, contents, &walker)?);
    let counted_beside = walked.len();
    if let Carrier::Directory(volume) = &store.carrier {
        // Files elsewhere on the disc may share their bytes with those of the store: boot files do.
        let skipped: Vec<NodeId> = store.registration().into_iter().chain([store.root()]).collect();
        let walker = Walker { depth: 0, skipped: &skipped, ..walker };
        walked.push(walker.walk(Place { id: volume.root(), file_type: FileType::Directory }, b"/")?);
    }
    let uses = numbered(&mut walked);
    let owners = walked.iter().map(|walked| walked.branches.len()).sum();
    let inside = walked.iter().take(counted_beside).map(|walked| walked.branches.len()).sum();
    let (owned, space) = match &store.carrier {
        Carrier::Squashfs { archive, .. } => in_archive(archive, uses, owners),
        Carrier::Directory(volume) => {
            let listings = walked.iter().take(counted_beside).flat_map(|walked| &walked.listings);
            let metadata = listings.map(|(_, length)| *length).fold(0, u64::saturating_add);
            in_directory(volume, uses, (owners, inside), metadata)
        }
        Carrier::Tree(_) => {
            let owned = divide(uses, owners, &(0..u64::MAX)).owned;
            let total = share::sum(owned.get(..inside).unwrap_or_default());
            (owned, Space { total, ..Space::default() })
        }
    };
    walked.truncate(counted_beside);
    let mut owned = owned.into_iter();
    let mut all: Vec<Vec<Branch>> = Vec::with_capacity(walked.len());
    for Walked { mut branches, .. } in walked {
        branches.iter_mut().zip(&mut owned).for_each(|(branch, bytes)| branch.disk_size = bytes);
        all.push(branches);
    }
    let beside: Vec<Vec<Branch>> = all.split_off(present);
    let sum = |branches: &[Vec<Branch>]| {
        branches.iter().flatten().map(|branch| branch.disk_size).fold(0, u64::saturating_add)
    };
    let (registration, others) = beside.split_at(beside.len().min(1));
    let (registration, other_files) = (sum(registration), sum(others));
    let space = Space { store_paths: sum(&all), registration, other_files, ..space };
    Ok(Usage { objects: all, beside: beside.into_iter().flatten().collect(), space })
}

fn source<'s, 'i>(store: &'s Store<'i>) -> Source<'s, 'i> {
    match &store.carrier {
        Carrier::Squashfs { archive, .. } => Source::Squashfs(archive),
        Carrier::Directory(volume) => Source::Volume(volume),
        Carrier::Tree(tree) => Source::Tree(&**tree),
    }
}

/// The registration file, and then everything else that lies beside the store paths.
fn beside(store: &Store<'_>, contents: &Contents, walker: &Walker<'_, '_>) -> Result<Vec<Walked>> {
    let mut beside = Vec::new();
    beside.push(match store.registration() {
        Some(id) => walker
            .walk(Place { id, file_type: FileType::File }, &join(STORE.as_bytes(), registration::FILE.as_bytes()))?,
        None => Walked::default(),
    });
    if !contents.strays.is_empty() {
        for entry in store.tree().entries(store.root())? {
            if contents.strays.contains(&entry.name) {
                let place = Place { id: entry.id, file_type: entry.file_type };
                beside.push(walker.walk(place, &join(STORE.as_bytes(), &entry.name))?);
            }
        }
    }
    Ok(beside)
}

/// Takes the uses of all walks. Their owners are numbered through.
fn numbered(walked: &mut [Walked]) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut first = 0;
    for walked in walked {
        uses.extend(walked.uses.drain(..).map(|used| Use { owner: first + used.owner, ..used }));
        first += walked.branches.len();
    }
    uses
}

/// Divides the contents of files in the disc's own tree. The first `inside` of the owners belong to the store.
fn in_directory(
    volume: &Volume<'_>,
    uses: Vec<Use>,
    (owners, inside): (usize, usize),
    metadata: u64,
) -> (Vec<u64>, Space) {
    let block = u64::from(volume.descriptors().primary.block_size).max(1);
    let of_store = |owned: &[u64]| share::sum(owned.get(..inside).unwrap_or_default());
    let rounded = of_store(&divide(whole_blocks(&uses, block), owners, &(0..u64::MAX)).owned);
    let owned = divide(uses, owners, &(0..u64::MAX)).owned;
    let padding = rounded.saturating_sub(of_store(&owned));
    (owned, Space { total: rounded.saturating_add(metadata), metadata, padding, ..Space::default() })
}

/// Divides the data of an archive. The rest is not data.
fn in_archive(archive: &Archive<'_>, uses: Vec<Use>, owners: usize) -> (Vec<u64>, Space) {
    let (total, data, used) = archive.extents();
    let shares = divide(uses, owners, &data);
    let files = shares.owned.iter().copied().fold(0, u64::saturating_add);
    // Options of the compressor may come before the first block.
    let first = shares.first.unwrap_or(data.end).clamp(data.start, data.end);
    let unused = (data.end - first).saturating_sub(files);
    let metadata = (used - (data.end - data.start)).saturating_add(first - data.start);
    let space = Space { total, metadata, unused, padding: total - used, ..Space::default() };
    (shares.owned, space)
}
