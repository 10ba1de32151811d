//! Every file below a directory, without recursion and without an end that an image could put off.

use std::collections::HashSet;
use std::vec;

use super::path::join;
use super::{Entry, FileType, NodeId, Tree};
use crate::error::{Error, Place, Result};

/// No image holds more files; the largest closures have some 5 million.
const MOST_VISITS: u64 = 50_000_000;

/// Visits all that lies below a directory: parents before their children, names by their bytes.
///
/// A directory that cannot be read is an error among the visits; the walk goes on behind it. A directory that is met
/// again, which no writer makes and a hostile image may, is such an error too.
pub struct Walk<'t> {
    tree: &'t dyn Tree,
    levels: Vec<Level>,
    entered: HashSet<NodeId>,
    visits: u64,
    /// The directory of the last visit, which the next step enters.
    pending: Option<(NodeId, Vec<u8>)>,
}

struct Level {
    path: Vec<u8>,
    entries: vec::IntoIter<Entry>,
}

/// One file of a [`Walk`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// From the root of the tree on, beginning with `/`.
    pub path: Vec<u8>,
    /// The node.
    pub id: NodeId,
    /// Its type.
    pub file_type: FileType,
}

impl<'t> Walk<'t> {
    /// Begins below `directory`, which itself is not visited and lies at `path`.
    #[must_use]
    pub fn new(tree: &'t dyn Tree, directory: NodeId, path: &[u8]) -> Self {
        Self { tree, levels: Vec::new(), entered: HashSet::new(), visits: 0, pending: Some((directory, path.to_vec())) }
    }

    /// Leaves out what lies below the directory of the last visit.
    pub fn prune(&mut self) {
        self.pending = None;
    }

    fn enter(&mut self, directory: NodeId, path: Vec<u8>) -> Result<()> {
        if !self.entered.insert(directory) {
            return Err(Error::Malformed {
                structure: "directory",
                field: "place: it lies in itself",
                place: Place::File(path),
            });
        }
        let entries = self.tree.entries(directory)?.into_iter();
        self.levels.push(Level { path, entries });
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
            let Some(entry) = level.entries.next() else {
                self.levels.pop();
                continue;
            };
            self.visits += 1;
            if self.visits > MOST_VISITS {
                let place = Place::File(std::mem::take(&mut level.path));
                self.levels.clear();
                return Some(Err(Error::Limit { what: "50 million files", place }));
            }
            let visit = Visit { path: join(&level.path, &entry.name), id: entry.id, file_type: entry.file_type };
            if visit.file_type == FileType::Directory {
                self.pending = Some((visit.id, visit.path.clone()));
            }
            return Some(Ok(visit));
        }
    }
}
