//! The contents of a store: its paths, and their registrations.

use super::graph::Graph;
use super::registration::{Record, Registration};
use super::{StorePath, registration};
use crate::error::{Result, Troubles};
use crate::fs::{Entry, FileType, NodeId};
use crate::store::Store;

/// The objects of a store and the references between them.
#[derive(Debug, Default)]
pub struct Contents {
    /// Every path that is present, registered or referred to, sorted by path.
    pub objects: Vec<Object>,
    /// References between `objects`, as registered.
    pub graph: Graph,
    /// Whether the store has a registration.
    pub registered: bool,
    /// Whether the whole registration could be read. If not, store paths after that point count as unregistered.
    pub complete: bool,
    /// Names in the store directory that are not store paths.
    pub strays: Vec<Vec<u8>>,
}

/// A store path, and what the image records of it.
#[derive(Debug)]
pub struct Object {
    /// The path.
    pub path: StorePath,
    /// Where it is. `None` if it is only registered or referred to.
    pub node: Option<Place>,
    /// Its registration. Its references are in the [`Graph`].
    pub record: Option<Record>,
}

/// A store path's node in the store's own tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The node.
    pub id: NodeId,
    /// Its type: a store path may be a file or a link itself.
    pub file_type: FileType,
}

impl Contents {
    /// Lists the store and reads its registration. An error that ends the registration early is added to `troubles`.
    ///
    /// # Errors
    /// If the store cannot be listed, or its registration cannot be opened.
    pub fn read(store: &Store<'_>, troubles: &mut Troubles) -> Result<Self> {
        let entries = store.tree().entries(store.root())?;
        let mut registration = match store.registration() {
            Some(file) => Some(Registration::read(store.tree().open(file)?)),
            None => None,
        };
        let trouble = registration.as_mut().and_then(|registration| registration.trouble.take());
        let complete = trouble.is_none();
        troubles.extend(trouble);
        Ok(Self { complete, ..Self::merge(entries, registration) })
    }

    fn merge(entries: Vec<Entry>, registration: Option<Registration>) -> Self {
        let mut contents = Self { registered: registration.is_some(), complete: true, ..Self::default() };
        for Entry { name, id, file_type } in entries {
            match StorePath::from_base(&name) {
                Some(path) => contents.objects.push(Object { path, node: Some(Place { id, file_type }), record: None }),
                None if name != registration::FILE.as_bytes() => contents.strays.push(name),
                None => {}
            }
        }
        let Registration { paths, records, .. } = registration.unwrap_or_default();
        let present = contents.objects.len();
        // Where the object of each registered path is: among those present, or appended to them and sorted in later.
        let mut place: Vec<usize> = Vec::with_capacity(paths.len());
        for path in paths {
            let found =
                contents.objects.get(..present).unwrap_or_default().binary_search_by(|object| object.path.cmp(&path));
            place.push(found.unwrap_or_else(|_| {
                contents.objects.push(Object { path, node: None, record: None });
                contents.objects.len() - 1
            }));
        }
        contents.graph.references = vec![Vec::new(); contents.objects.len()];
        for (index, record) in records.into_iter().enumerate() {
            let (Some(mut record), Some(&object)) = (record, place.get(index)) else { continue };
            let references = std::mem::take(&mut record.references);
            let target =
                |index: u32| place.get(usize::try_from(index).ok()?).and_then(|&object| u32::try_from(object).ok());
            if let Some(known) = contents.graph.references.get_mut(object) {
                *known = references.into_iter().filter_map(target).collect();
            }
            if let Some(object) = contents.objects.get_mut(object) {
                object.record = Some(record);
            }
        }
        if contents.objects.len() > present {
            contents.sort();
        }
        for references in &mut contents.graph.references {
            references.sort_unstable();
            references.dedup();
        }
        contents
    }

    /// Sorts the objects, and renumbers the graph to match.
    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.objects.len()).collect();
        order.sort_by(|&one, &other| {
            self.objects.get(one).map(|object| &object.path).cmp(&self.objects.get(other).map(|object| &object.path))
        });
        let mut moved = vec![0u32; order.len()];
        for (new, &old) in order.iter().enumerate() {
            if let (Some(moved), Ok(new)) = (moved.get_mut(old), u32::try_from(new)) {
                *moved = new;
            }
        }
        let target = |old: &u32| usize::try_from(*old).ok().and_then(|old| moved.get(old).copied());
        let mut references: Vec<Vec<u32>> = vec![Vec::new(); order.len()];
        for (new, &old) in order.iter().enumerate() {
            if let (Some(row), Some(known)) = (references.get_mut(new), self.graph.references.get(old)) {
                *row = known.iter().filter_map(target).collect();
            }
        }
        self.graph.references = references;
        self.objects.sort_by(|one, other| one.path.cmp(&other.path));
    }

    /// The index of a path's object.
    #[must_use]
    pub fn index(&self, path: &StorePath) -> Option<usize> {
        self.objects.binary_search_by(|object| object.path.cmp(path)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_there_and_paths_that_are_registered_become_one_order() {
        let base = |letter: char| format!("{}-{letter}", letter.to_string().repeat(32));
        let full = |letter: char| format!("/nix/store/{}", base(letter));
        let zeros = "0".repeat(64);
        let text =
            format!("{}\n{zeros}\n0\n\n2\n{}\n{}\n{}\n{zeros}\n0\n\n0\n", full('b'), full('a'), full('d'), full('d'));
        let entries = ["nix-path-registration", &base('b'), &base('c'), "lost"].map(|name| Entry {
            name: name.as_bytes().to_vec(),
            id: NodeId(1),
            file_type: FileType::Directory,
        });
        let contents = Contents::merge(entries.to_vec(), Some(Registration::read(text.as_bytes())));
        let facts: Vec<_> = contents
            .objects
            .iter()
            .map(|object| (object.path.name(), object.node.is_some(), object.record.is_some()))
            .collect();
        assert_eq!(facts, [("a", false, false), ("b", true, true), ("c", true, false), ("d", false, true)]);
        assert_eq!(contents.graph.references, [vec![], vec![0, 3], vec![], vec![]]);
        assert_eq!(contents.strays, [b"lost".to_vec()]);
    }
}
