//! The disc around the store: its volume and its files.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::mask::{masked, named, public};
use super::{DiscFile, VolumeFacts};
use crate::error::{Error, Result};
use crate::fs::iso9660::{Partitions, Volume};
use crate::fs::walk::Walk;
use crate::fs::{FileType, Kind, NodeId, Tree, path};
use crate::nixos::{Disc, Medium};
use crate::store::Carrier;

/// Files of the disc up to this length are compared by their contents; kernels and initrds are compared with those of their
/// systems, which have names of their own.
const SMALL: u64 = 1 << 20;

/// The bytes of isolinux.bin that say where on the disc it lies (its boot information table).
pub(in crate::diff) const BOOT_INFO: std::ops::Range<usize> = 8..64;

pub(super) fn volume(disc: &Disc<'_>, volume: &Volume<'_>) -> Result<VolumeFacts> {
    let images = volume.boot_catalog()?.map(|catalog| catalog.images).unwrap_or_default();
    let boot = images.iter().map(|image| {
        let file = volume.file_at(image.offset).map_or_else(|| b"no file".to_vec(), |file| file.path);
        format!("{}, {}, {}", image.platform, image.emulation, named(&file))
    });
    let partitions = Partitions::read(&disc.image().region())?;
    let listed = |table: &'static str| {
        move |partition: &crate::fs::iso9660::Partition| {
            format!("{table} {} {} {}", partition.index, partition.kind, partition.name).trim_end().to_owned()
        }
    };
    let mbr = partitions.mbr.iter().flatten().map(listed("MBR"));
    let gpt = partitions.gpt.iter().flat_map(|table| &table.partitions).map(listed("GPT"));
    let primary = &volume.descriptors().primary;
    Ok(VolumeFacts {
        id: primary.volume.clone(),
        system: primary.system.clone(),
        publisher: primary.publisher.clone(),
        application: primary.application.clone(),
        boot: boot.collect(),
        partitions: mbr.chain(gpt).collect(),
    })
}

/// The files of the disc: not those of a store in its tree, nor the squashfs that is one, nor the boot catalog, of which the
/// volume tells.
pub(super) fn files(disc: &Disc<'_>, troubles: &mut Vec<Error>) -> Vec<DiscFile> {
    let mut files = Vec::new();
    let tree = disc.own_tree();
    each(disc, |visited| match visited.and_then(|(path, id)| file(tree, &path, id)) {
        Ok(file) => files.push(file),
        Err(error) => troubles.push(error),
    });
    files
}

/// Visits the files of the disc.
pub(super) fn each(disc: &Disc<'_>, mut visit: impl FnMut(Result<(Vec<u8>, NodeId)>)) {
    let Medium::Volume(volume) = &disc.carrier else { return };
    let packed = disc.store.as_ref().and_then(|store| match &store.carrier {
        Carrier::Squashfs { path, .. } => path.clone(),
        Carrier::Directory(_) => None,
    });
    let catalog = volume.boot_catalog().ok().flatten().and_then(|catalog| volume.file_at(catalog.offset));
    let catalog = catalog.map(|file| file.path);
    let tree = disc.own_tree();
    let mut walk = Walk::new(tree, tree.root(), b"/");
    while let Some(found) = walk.next() {
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                visit(Err(error));
                continue;
            }
        };
        if found.path == b"/nix/store" {
            walk.prune();
        }
        let left_out = [packed.as_deref(), catalog.as_deref()].contains(&Some(&found.path));
        if found.file_type == FileType::File && !left_out && !is_of_store(&found.path) {
            visit(Ok((found.path, found.id)));
        }
    }
}

/// Kernels and initrds that lie on the disc under the names of their store paths (25.05 on) differ with every build.
fn is_of_store(path: &[u8]) -> bool {
    path.starts_with(b"/boot/nix/store/")
}

fn file(tree: &dyn Tree, place: &[u8], id: NodeId) -> Result<DiscFile> {
    let size = match tree.node(id)?.kind {
        Kind::File { size } => size,
        _ => 0,
    };
    let mut file = DiscFile { path: named(place), size, ..DiscFile::default() };
    if size < SMALL {
        let bytes = path::read(tree, place, SMALL)?;
        let mut same = public(&file.path, &bytes).into_owned();
        let has_password = same != *masked(&bytes);
        if is_isolinux(place)
            && let Some(info) = same.get_mut(BOOT_INFO)
        {
            info.fill(0);
        }
        let digest = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes));
        // Of a file with a password no digest is told by which somebody could find it.
        file.exact = (same != bytes && !has_password).then(|| digest(&bytes));
        file.sha256 = Some(digest(&same));
    }
    Ok(file)
}

/// Whether a file is isolinux's, which has a boot information table.
pub(in crate::diff) fn is_isolinux(path: &[u8]) -> bool {
    path.ends_with(b"/isolinux.bin")
}
