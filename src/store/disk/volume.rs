//! The space that the files of a volume take up.

use super::share::{divide, sum, whole_blocks};
use super::walk::{Branch, Counted, Source, Walker};
use crate::error::Result;
use crate::fs::iso9660::Volume;
use crate::fs::{FileType, NodeId, Tree};
use crate::store::contents::Place;

/// Where the bytes of a volume went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OnVolume {
    /// The root, and the directories and files that are counted on their own.
    pub branches: Vec<Branch>,
    /// Bytes after the ends of files, up to the next block.
    pub padding: u64,
}

/// Where the bytes of a volume went. Down to `depth` levels below the root, directories and files are counted on their own. Those
/// in `skipped` are left out.
///
/// # Errors
/// If a directory cannot be read.
pub fn on_volume(volume: &Volume<'_>, depth: usize, skipped: &[NodeId]) -> Result<OnVolume> {
    let counted = Counted::default();
    let walker = Walker { source: Source::Volume(volume), depth, skipped, counted: &counted };
    let walked = walker.walk(Place { id: volume.root(), file_type: FileType::Directory }, b"/")?;
    let block = u64::from(volume.descriptors().primary.block_size).max(1);
    let mut branches = walked.branches;
    let rounded = divide(whole_blocks(&walked.uses, block), branches.len(), &(0..u64::MAX));
    let shares = divide(walked.uses, branches.len(), &(0..u64::MAX));
    branches.iter_mut().zip(&shares.owned).for_each(|(branch, bytes)| branch.disk_size = *bytes);
    Ok(OnVolume { branches, padding: sum(&rounded.owned).saturating_sub(sum(&shares.owned)) })
}

/// The files of any other tree, as [`on_volume`]. Each takes up as many bytes as it has.
///
/// # Errors
/// If a directory cannot be read.
pub fn on_tree(tree: &dyn Tree, depth: usize) -> Result<Vec<Branch>> {
    let counted = Counted::default();
    let walker = Walker { source: Source::Tree(tree), depth, skipped: &[], counted: &counted };
    let mut walked = walker.walk(Place { id: tree.root(), file_type: FileType::Directory }, b"/")?;
    let shares = divide(walked.uses, walked.branches.len(), &(0..u64::MAX));
    walked.branches.iter_mut().zip(&shares.owned).for_each(|(branch, bytes)| branch.disk_size = *bytes);
    Ok(walked.branches)
}
