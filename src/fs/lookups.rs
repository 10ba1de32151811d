//! Remembers lookups: most paths of a system begin with the same few directories and links.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use super::{Kind, Node, NodeId};
use crate::error::Result;

/// Limit for remembered names and nodes. Further ones are read each time.
const MOST: usize = 20_000;

/// The longest name or target that is remembered. NixOS has none that is longer.
const LONGEST: usize = 255;

/// The nodes of names in directories, and the records of nodes.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    found: Mutex<Found>,
    nodes: Mutex<BTreeMap<NodeId, Node>>,
}

/// The names in each directory. Few directories have many names, and comparing numbers is faster than hashing them.
#[derive(Debug, Default)]
struct Found {
    directories: BTreeMap<NodeId, HashMap<Box<[u8]>, Option<NodeId>>>,
    names: usize,
}

impl Lookups {
    /// The node of `name` in `directory`. `lookup` finds it the first time.
    pub(super) fn get(
        &self,
        directory: NodeId,
        name: &[u8],
        lookup: impl FnOnce() -> Result<Option<NodeId>>,
    ) -> Result<Option<NodeId>> {
        let locked = || self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&known) = locked().directories.get(&directory).and_then(|names| names.get(name)) {
            return Ok(known);
        }
        // Not while locked: a lookup may decompress a block.
        let id = lookup()?;
        let mut found = locked();
        if found.names < MOST && name.len() <= LONGEST {
            found.names += 1;
            found.directories.entry(directory).or_default().insert(name.into(), id);
        }
        Ok(id)
    }

    /// The record of a node. `read` finds it the first time.
    pub(super) fn node(&self, id: NodeId, read: impl FnOnce() -> Result<Node>) -> Result<Node> {
        let locked = || self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = locked().get(&id) {
            return Ok(known.clone());
        }
        let node = read()?;
        let mut nodes = locked();
        if nodes.len() < MOST && !matches!(&node.kind, Kind::Symlink { target } if target.len() > LONGEST) {
            nodes.insert(id, node.clone());
        }
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_up_once_in_each_directory() {
        let lookups = Lookups::default();
        let mut asked = Vec::new();
        for (directory, name) in [(1, "a"), (1, "b"), (1, "a"), (2, "a"), (1, "b")] {
            let id = Some(NodeId(directory * 10)).filter(|_| name == "a");
            let lookup = || {
                asked.push((directory, name));
                Ok(id)
            };
            assert_eq!(lookups.get(NodeId(directory), name.as_bytes(), lookup).unwrap(), id);
        }
        assert_eq!(asked, [(1, "a"), (1, "b"), (2, "a")]);
    }
}
