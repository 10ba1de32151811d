//! Remembers what lookups found: most paths of a system begin with the same few directories and links.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::NodeId;
use crate::error::Result;

/// Names that are remembered. Whoever asks for more has them looked up each time.
const MOST: usize = 20_000;

/// What the names in some directories lead to.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    directories: HashMap<NodeId, HashMap<Box<[u8]>, Option<NodeId>>>,
    names: usize,
}

impl Lookups {
    /// What `name` leads to in `directory`: remembered, or asked of `lookup`.
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
        if found.names < MOST {
            found.names += 1;
            found.directories.entry(directory).or_default().insert(name.into(), id);
        }
        Ok(id)
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
