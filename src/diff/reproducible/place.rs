//! What a byte of an image belongs to.

use std::ops::Range;

use super::FirstDifference;
use crate::fs::FileType;
use crate::fs::iso9660::Volume;
use crate::fs::walk::Walk;
use crate::nixos::{Disc, Medium};
use crate::store::Carrier;

/// Bytes before the volume descriptors (ECMA-119 §6.2.1), in which hybrid images have their partition tables.
const SYSTEM_AREA: u64 = 32 << 10;

/// Bytes of a volume descriptor.
const DESCRIPTOR: u64 = 2048;

/// Fields of a primary volume descriptor (ECMA-119 §8.4), as far as builds differ in them.
const FIELDS: [(Range<u64>, &str); 12] = [
    (8..40, "system identifier"),
    (40..72, "volume identifier"),
    (80..88, "volume space size"),
    (132..156, "path tables"),
    (156..190, "directory record of the root"),
    (318..446, "publisher identifier"),
    (446..574, "data preparer identifier"),
    (574..702, "application identifier"),
    (813..830, "creation date"),
    (830..847, "modification date"),
    (847..864, "expiration date"),
    (864..881, "effective date"),
];

/// What the first differing byte belongs to, by the old image, or by the new one where that is longer.
pub(super) fn of(old: &Disc<'_>, new: &Disc<'_>, offset: u64) -> FirstDifference {
    let disc = if offset < old.image().region().length() { old } else { new };
    let found = |structure: &str| FirstDifference {
        structure: structure.to_owned(),
        path: None,
        offset: Some(offset),
        message: "the first byte that differs".to_owned(),
    };
    let volume = match &disc.carrier {
        Medium::Volume(volume) => volume,
        Medium::Archive(archive) => return found(archive.structure_at(offset)),
    };
    let first = volume.descriptors().primary.offset;
    let descriptors = volume.descriptors();
    let count = 1 + descriptors.supplementary.len() + descriptors.enhanced.len() + descriptors.boot_records.len();
    let behind = first.saturating_add(DESCRIPTOR.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX)));
    match offset {
        0..440 => found("code of the master boot record"),
        440..446 => found("signature of the master boot record"),
        446..512 => found("partition table of the master boot record"),
        512..1024 => found("header of the GUID partition table"),
        1024..SYSTEM_AREA => found("system area: GUID partition table, or what boots"),
        _ if (first..first.saturating_add(DESCRIPTOR)).contains(&offset) => {
            let field = FIELDS.iter().find(|(range, _)| range.contains(&(offset - first)));
            found(&format!("volume descriptor, {}", field.map_or("other fields", |(_, name)| name)))
        }
        _ if (first..behind).contains(&offset) => found("volume descriptors behind the first"),
        _ => match file_with(volume, offset) {
            Some((path, at)) => {
                let structure = match disc.store.as_ref().map(|store| &store.carrier) {
                    Some(Carrier::Squashfs { archive, path: Some(packed) }) if *packed == path => {
                        archive.structure_at(at)
                    }
                    _ => "data of a file",
                };
                FirstDifference { path: Some(path), offset: Some(at), ..found(structure) }
            }
            None if offset >= descriptors.primary.length() => found("bytes behind the volume"),
            None => found("path tables, directory records, or padding"),
        },
    }
}

/// The file that has the byte, and its place in the file.
fn file_with(volume: &Volume<'_>, offset: u64) -> Option<(Vec<u8>, u64)> {
    use crate::error::Place;
    use crate::fs::Tree;

    for visit in Walk::new(volume, volume.root(), b"/").flatten().filter(|visit| visit.file_type == FileType::File) {
        let Ok(region) = volume.file_region(visit.id) else { continue };
        // All sections but the last are whole multiples of a block, so that a place is found by its distance.
        if let Place::Byte(start) = region.place(0)
            && let Some(at) = offset.checked_sub(start).filter(|&at| at < region.length())
            && region.place(at) == Place::Byte(offset)
        {
            return Some((visit.path, at));
        }
    }
    None
}
