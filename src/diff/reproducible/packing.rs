//! Where two squashfs with the same files part.

use super::FirstDifference;
use crate::error::Place;
use crate::fs::squashfs::Archive;
use crate::fs::walk::Walk;
use crate::fs::{FileType, NodeId, Tree};
use crate::image::Region;
use crate::store::STORE;

/// What the byte at `at` belongs to, by the old archive, or by the new one where that is longer. Its offset is that in the image.
pub(super) fn of(
    (old, packed): (&Archive<'_>, &Region<'_>),
    (new, packed_new): (&Archive<'_>, &Region<'_>),
    at: u64,
) -> FirstDifference {
    let (archive, packed) = if at < packed.length() { (old, packed) } else { (new, packed_new) };
    let of_file = archive.is_data(at).then(|| block(archive, at)).flatten();
    let offset = match packed.place(at) {
        Place::Byte(offset) => Some(offset),
        _ => None,
    };
    FirstDifference {
        structure: of_file.unwrap_or_else(|| archive.structure_at(at).to_owned()),
        path: None,
        offset,
        message: format!("the files are the same, their packing is not, from byte {at} of the squashfs on"),
    }
}

/// The block that has the byte, by a file that is in it.
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

/// What of a file has a byte.
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
