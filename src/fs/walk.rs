//! Visits every file below a directory, without recursion. Every walk ends, even in a hostile image.

use std::sync::{Arc, Mutex, PoisonError};
use std::vec;

use super::path::join;
use super::{Entry, FileType, Listings, NodeId, Tree};
use crate::error::{Error, Place, Result, Work};

/// Limit for entries held at once: those of all open directories that are still to be visited. The largest
/// directories have some 50,000.
const MOST_HELD: usize = 2_000_000;

/// Visits everything below a directory: parents before children, names sorted by their bytes.
///
/// If a directory cannot be read, its visit is an error, and the walk continues. The same happens if its listing
/// overlaps one that has been entered. No writer makes such listings, and this way no entry is read twice.
pub struct Walk<'t> {
    tree: &'t dyn Tree,
    levels: Vec<Level>,
    /// The path of the current directory. The paths of all levels above are prefixes of it.
    path: Vec<u8>,
    entered: Entered,
    held: usize,
    /// The directory of the last visit. The next step enters it.
    pending: Option<(NodeId, Vec<u8>)>,
}

/// Listings that walks have entered. Walks on several threads can share it, and then enter each listing once between them. Which of
/// two overlapping listings comes first is then left to chance.
pub type Entered = Arc<Mutex<Listings>>;

struct Level {
    /// Length of the directory's path in bytes.
    path: usize,
    entries: vec::IntoIter<Entry>,
}

/// One file of a [`Walk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// From the root of the tree, beginning with `/`.
    pub path: Vec<u8>,
    /// The node.
    pub id: NodeId,
    /// Its type.
    pub file_type: FileType,
}

impl<'t> Walk<'t> {
    /// Begins below `directory`, whose path is `path`. The directory itself is not visited.
    #[must_use]
    pub fn new(tree: &'t dyn Tree, directory: NodeId, path: &[u8]) -> Self {
        let pending = Some((directory, path.to_vec()));
        Self { tree, levels: Vec::new(), path: Vec::new(), entered: Entered::default(), held: 0, pending }
    }

    /// Skips every listing that another walk has entered.
    #[must_use]
    pub fn sharing(self, entered: Entered) -> Self {
        Self { entered, ..self }
    }

    /// Skips everything below the directory of the last visit.
    pub fn prune(&mut self) {
        self.pending = None;
    }

    fn enter(&mut self, directory: NodeId, path: Vec<u8>) -> Result<()> {
        let listing = self.tree.listing(directory)?;
        if !self.entered.lock().unwrap_or_else(PoisonError::into_inner).insert(listing) {
            let field = "place: it shares entries with another directory";
            return Err(Error::Malformed { structure: "directory", field, place: Place::File(path) });
        }
        let entries = self.tree.entries(directory)?;
        let names: usize = entries.iter().map(|entry| path.len() + 1 + entry.name.len()).sum();
        let paths = u64::try_from(names).unwrap_or(u64::MAX);
        self.tree.charge((Work::Paths, paths), &|| Place::File(path.clone()))?;
        let entries = entries.into_iter();
        self.held += entries.len();
        if self.held > MOST_HELD {
            self.held -= entries.len();
            return Err(Error::Limit { what: "2 million entries to visit", place: Place::File(path) });
        }
        self.levels.push(Level { path: path.len(), entries });
        self.path = path;
        Ok(())
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Visit>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((directory, path)) = self.pending.take()
            && let Err(error) = self.enter(directory, path)
        {
            return Some(Err(error));
        }
        loop {
            let level = self.levels.last_mut()?;
            self.path.truncate(level.path);
            let Some(entry) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            self.held -= 1;
            let visit = Visit { path: join(&self.path, &entry.name), id: entry.id, file_type: entry.file_type };
            if visit.file_type == FileType::Directory {
                self.pending = Some((visit.id, visit.path.clone()));
            }
            return Some(Ok(visit));
        }
    }
}
