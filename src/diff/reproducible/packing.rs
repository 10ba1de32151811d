//! Where two squashfs archives with the same files differ.

use std::borrow::Cow;

use super::{FirstDifference, Reason, Structure};
use crate::diff::Pair;
use crate::error::Place;
use crate::fs::squashfs::Archive;
use crate::fs::walk::Walk;
use crate::fs::{FileType, NodeId, Tree};
use crate::image::Region;
use crate::store::STORE;

/// What the byte at `at` belongs to in the old archive, or in the new one if that is longer. The offset of the result is one in
/// the image.
pub(super) fn of(archives: Pair<(&Archive<'_>, &Region<'_>)>, at: u64) -> FirstDifference {
    let (archive, packed) = if at < archives.old.1.length() { archives.old } else { archives.new };
    let of_file = archive.is_data(at).then(|| block(archive, at)).flatten();
    let offset = match packed.place(at) {
        Place::Byte(offset) => Some(offset),
        _ => None,
    };
    FirstDifference {
        structure: Structure::Named(of_file.map_or_else(|| archive.structure_at(at).into(), Cow::Owned)),
        path: None,
        offset,
        reason: Reason::Packing(at),
    }
}

/// The block that has the byte, named after a file in it.
fn block(archive: &Archive<'_>, at: u64) -> Option<String> {
    let files = Walk::new(archive, archive.root(), STORE.as_bytes())
        .flatten()
        .filter(|visit| visit.file_type == FileType::File);
    let mut fragment = None;
    for visit in files {
        match part(archive, visit.id, at) {
            Some(Part::Block) => return Some(format!("squashfs data block of {}", visit.path.escape_ascii())),
            Some(Part::Fragment) if fragment.is_none() => {
                fragment = Some(format!("squashfs fragment block, with {}", visit.path.escape_ascii()));
            }
            _ => {}
        }
    }
    fragment
}

/// The part of a file that has a byte.
enum Part {
    Block,
    Fragment,
}

fn part(archive: &Archive<'_>, file: NodeId, at: u64) -> Option<Part> {
    let data = archive.blocks(file).ok()?;
    let has = |start: u64, length: u32| at.checked_sub(start).is_some_and(|distance| distance < u64::from(length));
    if data.blocks.map_while(Result::ok).any(|block| has(block.stored.start, block.stored.length)) {
        return Some(Part::Block);
    }
    let stored = archive.fragment(data.fragment?.number).ok()?;
    has(stored.start, stored.length).then_some(Part::Fragment)
}
