//! What the files below a directory use of the bytes of the disc.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::contents::Place;
use super::share::Use;
use crate::error::{self, Error, Result};
use crate::fs::iso9660::Volume;
use crate::fs::path::join;
use crate::fs::squashfs::Archive;
use crate::fs::{FileType, Kind, Listings, NodeId, Tree};

/// Limit for counted data blocks and fragments. An image of 10 GB has some 200,000.
const MOST_USES: usize = 8_000_000;

/// Limit for directories and files that are counted on their own.
const MOST_BRANCHES: usize = 2_000_000;

/// The distance of the made-up addresses of files that are not known by theirs. A number of an inode has 32 bits.
const APART: u64 = 1 << 32;

/// A file system whose files are counted.
#[derive(Clone, Copy)]
pub(super) enum Source<'s, 'i> {
    Squashfs(&'s Archive<'i>),
    Volume(&'s Volume<'i>),
    /// Any other file system. Its files share no bytes.
    Tree(&'s (dyn Tree + 'i)),
}

/// A directory or file, counted with everything below it that is not a branch of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Branch {
    /// Its path.
    pub path: Vec<u8>,
    /// Compressed bytes on the disc.
    pub disk_size: u64,
    /// Bytes of the contents of its files.
    pub size: u64,
    /// Number of its files that are not directories.
    pub files: u64,
}

/// The branches of a directory, the directory itself first, and what they use. The owner of a use is the number of its branch.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) branches: Vec<Branch>,
    pub(super) uses: Vec<Use>,
    /// Where the listings of the directories are, for formats that have one for each.
    pub(super) listings: Vec<(u64, u64)>,
}

/// What several walks may do together.
#[derive(Debug, Default)]
pub(super) struct Counted {
    uses: AtomicUsize,
    branches: AtomicUsize,
}

/// Walks from `place`, whose path is `path`. Down to `depth` levels below it, each directory and file is a branch of its own.
/// Those in `skipped` are left out.
pub(super) struct Walker<'s, 'i> {
    pub(super) source: Source<'s, 'i>,
    pub(super) depth: usize,
    pub(super) skipped: &'s [NodeId],
    pub(super) counted: &'s Counted,
}

struct Step {
    place: Place,
    branch: usize,
    level: usize,
}

impl<'s, 'i> Source<'s, 'i> {
    fn tree(self) -> &'s (dyn Tree + 'i) {
        match self {
            Self::Squashfs(archive) => archive,
            Self::Volume(volume) => volume,
            Self::Tree(tree) => tree,
        }
    }
}

impl Walker<'_, '_> {
    pub(super) fn walk(&self, place: Place, path: &[u8]) -> Result<Walked> {
        let mut walked = Walked::default();
        walked.branches.push(Branch { path: path.to_vec(), ..Branch::default() });
        let (mut entered, mut listings) = (HashSet::new(), Listings::default());
        let mut ahead = vec![Step { place, branch: 0, level: 0 }];
        while let Some(step) = ahead.pop() {
            let id = step.place.id;
            if self.skipped.contains(&id) {
                continue;
            }
            match step.place.file_type {
                FileType::Directory => {
                    let listing = self.source.tree().listing(id)?;
                    if !listings.insert(listing) {
                        continue;
                    }
                    self.enter(&step, &mut walked, &mut ahead)?;
                }
                file_type => {
                    let size = match file_type {
                        FileType::File if entered.insert(id) => self.file(id, step.branch, &mut walked)?,
                        _ => 0,
                    };
                    if let Some(branch) = walked.branches.get_mut(step.branch) {
                        branch.size = branch.size.saturating_add(size);
                        branch.files += 1;
                    }
                }
            }
        }
        Ok(walked)
    }

    fn enter(&self, step: &Step, walked: &mut Walked, ahead: &mut Vec<Step>) -> Result<()> {
        if let Source::Volume(volume) = self.source {
            walked.listings.push(volume.extent(step.place.id)?);
        }
        let level = step.level + 1;
        for entry in self.source.tree().entries(step.place.id)? {
            let place = Place { id: entry.id, file_type: entry.file_type };
            let mut branch = step.branch;
            if level <= self.depth && !self.skipped.contains(&entry.id) {
                if self.counted.branches.fetch_add(1, Ordering::Relaxed) > MOST_BRANCHES {
                    return Err(Error::Limit { what: "2 million directories and files", place: error::Place::Byte(0) });
                }
                branch = walked.branches.len();
                let above = walked.branches.get(step.branch).map_or(&[][..], |above| &above.path);
                walked.branches.push(Branch { path: join(above, &entry.name), ..Branch::default() });
            }
            ahead.push(Step { place, branch, level });
        }
        Ok(())
    }

    /// Adds what a file uses, and returns its length in bytes.
    fn file(&self, id: NodeId, owner: usize, walked: &mut Walked) -> Result<u64> {
        let before = walked.uses.len();
        let uses = &mut walked.uses;
        let size = match self.source {
            Source::Squashfs(archive) => {
                let data = archive.blocks(id)?;
                if let Some(fragment) = data.fragment {
                    let stored = archive.fragment(fragment.number)?;
                    let (start, length) = (stored.start, u64::from(stored.length));
                    uses.push(Use { start, length, owner, weight: u64::from(fragment.size) });
                }
                for block in data.blocks {
                    let block = block?;
                    let (start, length) = (block.stored.start, u64::from(block.stored.length));
                    if length > 0 {
                        uses.push(Use { start, length, owner, weight: u64::from(block.size) });
                    }
                }
                data.size
            }
            Source::Volume(volume) => {
                let (start, length) = volume.extent(id)?;
                if length > 0 {
                    uses.push(Use { start, length, owner, weight: length });
                }
                length
            }
            Source::Tree(tree) => {
                let Kind::File { size } = tree.node(id)?.kind else { return Ok(0) };
                if size > 0 {
                    // Hard links have the same number, and count once.
                    uses.push(Use { start: id.0.saturating_mul(APART), length: size.min(APART), owner, weight: size });
                }
                size
            }
        };
        if self.counted.uses.fetch_add(uses.len() - before, Ordering::Relaxed) > MOST_USES {
            return Err(Error::Limit { what: "8 million blocks in use", place: error::Place::Byte(0) });
        }
        Ok(size)
    }
}
