//! The space that store paths take up on the disc.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::contents::Place;
use super::{Carrier, Contents, Store};
use crate::error::{self, Error, Result};
use crate::fs::{FileType, Listings, NodeId};

/// Limit for counted data blocks and fragments. An image of 10 GB has some 200,000.
const MOST_USES: usize = 8_000_000;

/// Bytes of the disc that an object uses, possibly shared with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    /// First byte. It is the same for all objects that share these bytes.
    start: u64,
    /// Length on the disc, in bytes.
    length: u64,
    /// The object.
    object: usize,
    /// Bytes of the object's contents that are stored here.
    weight: u64,
}

/// Compressed size on the disc of each object's files, in bytes. Files may share a fragment block, or a block that is stored once
/// for equal ones. Its size is divided in proportion to the bytes that each file has in it, so that the sum is what the disc holds.
/// Inodes and directories are not counted.
///
/// # Errors
/// If an inode or a directory cannot be read.
pub fn sizes(store: &Store<'_>, contents: &Contents) -> Result<Vec<u64>> {
    let counted = AtomicUsize::new(0);
    let used = contents.objects.par_iter().enumerate().map(|(index, object)| match object.node {
        Some(place) => uses(store, index, place, &counted),
        None => Ok(Vec::new()),
    });
    let mut uses: Vec<Use> = used.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    uses.par_sort_unstable();
    let mut sizes = vec![0u64; contents.objects.len()];
    for shared in uses.chunk_by(|one, other| one.start == other.start) {
        let length = shared.iter().map(|used| used.length).max().unwrap_or(0);
        let total: u128 = shared.iter().map(|used| u128::from(used.weight)).sum();
        // Each share lies between two marks on the length, so that rounding loses nothing.
        let mark = |weight: u128| u64::try_from(u128::from(length) * weight / total.max(1)).unwrap_or(length);
        let mut before = 0u128;
        for used in shared {
            let after = before + u128::from(used.weight);
            if let Some(size) = sizes.get_mut(used.object) {
                *size = size.saturating_add(mark(after) - mark(before));
            }
            before = after;
        }
    }
    Ok(sizes)
}

/// What one object's files use.
fn uses(store: &Store<'_>, object: usize, place: Place, counted: &AtomicUsize) -> Result<Vec<Use>> {
    let mut uses = Vec::new();
    let (mut entered, mut listings) = (HashSet::new(), Listings::default());
    let mut ahead = vec![place];
    while let Some(Place { id, file_type }) = ahead.pop() {
        match file_type {
            FileType::Directory => {
                if !listings.insert(store.tree().listing(id)?) {
                    continue;
                }
                let entries = store.tree().entries(id)?;
                ahead.extend(entries.into_iter().map(|entry| Place { id: entry.id, file_type: entry.file_type }));
            }
            FileType::File if entered.insert(id) => {
                let before = uses.len();
                file(store, object, id, &mut uses)?;
                if counted.fetch_add(uses.len() - before, Ordering::Relaxed) > MOST_USES {
                    return Err(Error::Limit { what: "8 million blocks in use", place: error::Place::Byte(0) });
                }
            }
            _ => {}
        }
    }
    Ok(uses)
}

fn file(store: &Store<'_>, object: usize, id: NodeId, uses: &mut Vec<Use>) -> Result<()> {
    match &store.carrier {
        Carrier::Squashfs { archive, .. } => {
            let data = archive.blocks(id)?;
            if let Some(fragment) = data.fragment {
                let stored = archive.fragment(fragment.number)?;
                let (start, length) = (stored.start, u64::from(stored.length));
                uses.push(Use { start, length, object, weight: u64::from(fragment.size) });
            }
            for block in data.blocks {
                let block = block?;
                let (start, length) = (block.stored.start, u64::from(block.stored.length));
                if length > 0 {
                    uses.push(Use { start, length, object, weight: u64::from(block.size) });
                }
            }
        }
        Carrier::Directory(volume) => {
            let region = volume.file_region(id)?;
            if let (error::Place::Byte(start), length @ 1..) = (region.place(0), region.length()) {
                uses.push(Use { start, length, object, weight: length });
            }
        }
    }
    Ok(())
}
