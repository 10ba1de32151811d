//! Which objects to read, and in which order.

use std::collections::HashMap;

use rayon::prelude::*;

use super::object::Damage;
use super::{LARGEST, too_much};
use crate::error::{self, Result};
use crate::fs::NodeId;
use crate::fs::squashfs::Fragment;
use crate::store::contents::Object;
use crate::store::nar::{self, Piece, Pieces};
use crate::store::{Carrier, Contents, Store};

/// Whether the hash of an object is wanted. The others are only read.
type Wanted<'w> = dyn Fn(&Object) -> bool + Sync + 'w;

/// The objects to read.
#[derive(Default)]
pub(super) struct Plan {
    /// In the order in which they are begun.
    pub(super) items: Vec<Item>,
    /// Objects that will not be read, and why.
    pub(super) refused: Vec<(usize, Damage)>,
    /// Total size of their NARs, in bytes.
    pub(super) total: u64,
    /// How many files use each fragment.
    pub(super) fragments: HashMap<Fragment, u64>,
    /// How many files begin with the data block stored at each address.
    pub(super) files: HashMap<u64, u64>,
}

/// An object to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Item {
    /// Index in [`Contents::objects`].
    pub(super) object: usize,
    /// Its node.
    pub(super) node: NodeId,
    /// Size of the readable part of its NAR, in bytes.
    pub(super) size: u64,
    /// The highest address of its contents. Contents shared with another object are stored earlier.
    pub(super) last: u64,
    /// Whether its hash is wanted.
    pub(super) hashed: bool,
}

impl Plan {
    /// Measures the registered objects that are present. This reads only inodes and directories. `at_once` objects are hashed at the
    /// same time.
    pub(super) fn of(store: &Store<'_>, contents: &Contents, wanted: &Wanted<'_>, at_once: usize) -> Self {
        let measured: Vec<(Item, Parts)> = contents
            .objects
            .par_iter()
            .enumerate()
            .filter_map(|(index, object)| measure(store, wanted, (index, object)))
            .collect();
        let mut plan = Self::default();
        for (item, parts) in measured {
            match plan.total.checked_add(item.size).filter(|&total| total <= LARGEST) {
                Some(total) => {
                    plan.total = total;
                    plan.items.push(item);
                    parts.fragments.into_iter().for_each(|part| *plan.fragments.entry(part).or_default() += 1);
                    parts.starts.into_iter().for_each(|start| *plan.files.entry(start).or_default() += 1);
                }
                None => {
                    plan.refused.push((item.object, Damage::of(&too_much())));
                }
            }
        }
        plan.order(at_once);
        plan
    }

    /// Large objects come first, so that no large one is begun last. The others follow in their order on the disc, where objects
    /// that share a fragment block are neighbours.
    fn order(&mut self, at_once: usize) {
        let share = self.total / u64::try_from(at_once).unwrap_or(u64::MAX).max(1);
        let rank = |item: &Item| match item.size > share {
            true => (0, u64::MAX - item.size, item.object),
            false => (1, item.last, item.object),
        };
        self.items.sort_by_key(rank);
    }
}

/// What files of an object may share with other files.
#[derive(Default)]
struct Parts {
    fragments: Vec<Fragment>,
    /// Where the first data block of a file is stored.
    starts: Vec<u64>,
}

/// An object with the parts of its files.
fn measure(store: &Store<'_>, wanted: &Wanted<'_>, (index, object): (usize, &Object)) -> Option<(Item, Parts)> {
    let place = object.node.filter(|_| object.record.is_some())?;
    let mut item = Item { object: index, node: place.id, size: 0, last: 0, hashed: wanted(object) };
    let mut parts = Parts::default();
    for piece in Pieces::new(store.tree(), place.id) {
        let added = match piece {
            Ok(Piece::Text(text)) => u64::try_from(text.len()).unwrap_or(u64::MAX),
            Ok(Piece::Contents(contents)) => {
                // Errors are reported when the file is hashed.
                let start = start(store, &contents, &mut parts).ok().flatten();
                item.last = item.last.max(start.unwrap_or(0));
                contents.size
            }
            Err(_) => 0,
        };
        item.size = item.size.saturating_add(added);
    }
    Some((item, parts))
}

/// Where the contents of a file begin, if any are stored.
fn start(store: &Store<'_>, contents: &nar::Contents, parts: &mut Parts) -> Result<Option<u64>> {
    match &store.carrier {
        Carrier::Squashfs { archive, .. } => {
            let mut data = archive.blocks(contents.id)?;
            let fragment = data.fragment;
            parts.fragments.extend(fragment);
            match (data.blocks.next(), fragment) {
                (Some(block), _) => {
                    let stored = block?.stored;
                    if stored.compressed && stored.length > 0 {
                        parts.starts.push(stored.start);
                    }
                    Ok(Some(stored.start))
                }
                (None, Some(fragment)) => Ok(Some(archive.fragment(fragment.number)?.start)),
                (None, None) => Ok(None),
            }
        }
        Carrier::Directory(volume) => match volume.file_region(contents.id)?.place(0) {
            error::Place::Byte(start) => Ok(Some(start)),
            _ => Ok(None),
        },
        Carrier::Tree(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_objects_come_first_and_the_others_as_they_lie() {
        let item = |object, size, last| Item { object, size, last, ..Item::default() };
        let items = vec![item(0, 10, 500), item(1, 60, 400), item(2, 10, 300), item(3, 70, 600), item(4, 10, 500)];
        let mut plan = Plan { total: items.iter().map(|item| item.size).sum(), items, ..Plan::default() };
        plan.order(4);
        assert_eq!(plan.items.iter().map(|item| item.object).collect::<Vec<_>>(), [3, 1, 2, 0, 4]);
        plan.order(1);
        assert_eq!(plan.items.iter().map(|item| item.object).collect::<Vec<_>>(), [2, 1, 0, 4, 3]);
    }
}
