//! The structure that a byte of an image is part of.

use std::ops::Range;

use super::{FirstDifference, Reason, Structure};
use crate::diff::Pair;
use crate::error::Place;
use crate::fs::iso9660::Volume;
use crate::fs::walk::Walk;
use crate::fs::{FileType, Tree};
use crate::nixos::{Disc, Medium};
use crate::store::Carrier;

/// Bytes before the volume descriptors (ECMA-119 §6.2.1). Hybrid images have their partition tables there.
const SYSTEM_AREA: u64 = 32 << 10;

/// Bytes of a volume descriptor.
const DESCRIPTOR: u64 = 2048;

/// The fields of a primary volume descriptor (ECMA-119 §8.4) that builds differ in.
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

/// What the first differing byte belongs to in the old image, or in the new one if that is longer.
pub(super) fn of(discs: Pair<&Disc<'_>>, offset: u64) -> FirstDifference {
    let disc = if offset < discs.old.image().region().length() { discs.old } else { discs.new };
    let found = |structure| FirstDifference { structure, path: None, offset: Some(offset), reason: Reason::FirstByte };
    let volume = match &disc.carrier {
        Medium::Volume(volume) => volume,
        Medium::Archive(archive) => return found(Structure::Named(archive.structure_at(offset).into())),
        Medium::Disk(_) | Medium::Directory(_) => return found(Structure::Named("the disk".into())),
    };
    if let Some(structure) = around_files(volume, offset) {
        return found(structure);
    }
    match file_with(volume, offset) {
        Some((path, at)) => {
            let structure = match disc.store.as_ref().map(|store| &store.carrier) {
                Some(Carrier::Squashfs { archive, path: Some(packed) }) if *packed == path => {
                    Structure::Named(archive.structure_at(at).into())
                }
                _ => Structure::FileData,
            };
            FirstDifference { path: Some(path), offset: Some(at), ..found(structure) }
        }
        None if offset >= volume.descriptors().primary.length() => {
            found(Structure::Named("bytes after the end of the volume".into()))
        }
        None => found(Structure::Named("path tables, directory records, or padding".into())),
    }
}

/// The structure of the system area or the volume descriptors that has the byte.
fn around_files(volume: &Volume<'_>, offset: u64) -> Option<Structure> {
    let descriptors = volume.descriptors();
    let first = descriptors.primary.offset;
    let count = 1 + descriptors.supplementary.len() + descriptors.enhanced.len() + descriptors.boot_records.len();
    let end = first.saturating_add(DESCRIPTOR.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX)));
    let name = match offset {
        0..440 => "code of the master boot record",
        440..446 => "signature of the master boot record",
        446..512 => "partition table of the master boot record",
        512..1024 => "header of the GUID partition table",
        1024..SYSTEM_AREA => "system area: GUID partition table or boot code",
        _ if (first..first.saturating_add(DESCRIPTOR)).contains(&offset) => {
            let field = FIELDS.iter().find(|(range, _)| range.contains(&(offset - first)));
            let field = field.map_or("other fields", |(_, name)| name);
            return Some(Structure::Named(format!("volume descriptor, {field}").into()));
        }
        _ if (first..end).contains(&offset) => "volume descriptors after the first",
        _ => return None,
    };
    Some(Structure::Named(name.into()))
}

/// The file that has the byte, and the offset in it.
fn file_with(volume: &Volume<'_>, offset: u64) -> Option<(Vec<u8>, u64)> {
    for visit in Walk::new(volume, volume.root(), b"/").flatten().filter(|visit| visit.file_type == FileType::File) {
        let Ok(region) = volume.file_region(visit.id) else { continue };
        // Every section but the last fills its blocks, so the distance from the start is the offset.
        if let Place::Byte(start) = region.place(0)
            && let Some(at) = offset.checked_sub(start).filter(|&at| at < region.length())
            && region.place(at) == Place::Byte(offset)
        {
            return Some((visit.path, at));
        }
    }
    None
}
