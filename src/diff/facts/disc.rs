//! The disc outside the store: its volume and its files.

use std::io::Read;
use std::path::Path;

use data_encoding::HEXLOWER;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::mask::{masked, named, public};
use crate::error::{Error, Result, Troubles};
use crate::fs::iso9660::Volume;
use crate::fs::partitions::{Partition, Partitions};
use crate::fs::walk::{Visit, Walk};
use crate::fs::{FileType, Kind, NodeId, Tree};
use crate::nixos::{Disc, Medium};
use crate::store::Carrier;

/// Files shorter than this are always hashed. Longer ones are hashed only if both images have one with the same path and length.
const SMALL: u64 = 1 << 20;

/// The boot information table of isolinux.bin, which holds addresses on the disc.
pub(in crate::diff) const BOOT_INFO: std::ops::Range<usize> = 8..64;

/// The volume.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeFacts {
    /// Volume identifier.
    pub id: String,
    /// System identifier.
    #[serde(default)]
    pub system: String,
    /// Publisher identifier.
    #[serde(default)]
    pub publisher: String,
    /// Application identifier.
    #[serde(default)]
    pub application: String,
    /// Boot images of El Torito: platform, emulation, file.
    pub boot: Vec<String>,
    /// Partitions: table, number, kind, name.
    #[serde(default)]
    pub partitions: Vec<String>,
}

/// A file of the disc.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscFile {
    /// Its path.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, with hashes of store paths masked. `None` for a large file that has not been read.
    pub sha256: Option<String>,
    /// SHA-256 of the unmasked file, if that differs.
    #[serde(default)]
    pub exact: Option<String>,
    /// Its node, if the disc is at hand.
    #[serde(skip)]
    pub(super) node: Option<NodeId>,
}

impl VolumeFacts {
    pub(in crate::diff) fn of(disc: &Disc<'_>, volume: &Volume<'_>) -> Result<Self> {
        let images = volume.boot_catalog()?.map(|catalog| catalog.images).unwrap_or_default();
        let boot = images.iter().map(|image| {
            let file = volume.file_at(image.offset).map_or_else(|| b"no file".to_vec(), |file| file.path);
            format!("{}, {}, {}", image.platform, image.emulation, named(&file))
        });
        let partitions = Partitions::read(&disc.image().region())?;
        let listed = |table: &'static str| {
            move |partition: &Partition| {
                format!("{table} {} {} {}", partition.index, partition.kind, partition.name).trim_end().to_owned()
            }
        };
        let mbr = partitions.mbr.iter().flatten().map(listed("MBR"));
        let gpt = partitions.gpt.iter().flat_map(|table| &table.partitions).map(listed("GPT"));
        let primary = &volume.descriptors().primary;
        Ok(Self {
            id: primary.volume.clone(),
            system: primary.system.clone(),
            publisher: primary.publisher.clone(),
            application: primary.application.clone(),
            boot: boot.collect(),
            partitions: mbr.chain(gpt).collect(),
        })
    }
}

/// A file of the disc.
pub(in crate::diff) struct Listed {
    pub(super) path: Vec<u8>,
    pub(super) id: NodeId,
}

/// Lists the files of the disc, except for the store and the boot catalog. A store is compared by itself, and the catalog with the
/// volume.
pub(in crate::diff) fn list(disc: &Disc<'_>, troubles: &mut Troubles) -> Vec<Listed> {
    let mut listed = Vec::new();
    let Medium::Volume(volume) = &disc.carrier else { return listed };
    let packed = disc.store.as_ref().and_then(|store| match &store.carrier {
        Carrier::Squashfs { path, .. } => path.clone(),
        Carrier::Directory(_) | Carrier::Tree(_) => None,
    });
    let catalog = volume.boot_catalog().ok().flatten().and_then(|catalog| volume.file_at(catalog.offset));
    let catalog = catalog.map(|file| file.path);
    let tree = disc.own_tree();
    let mut walk = Walk::new(tree, tree.root(), b"/");
    while let Some(found) = walk.next() {
        match found {
            Ok(Visit { path, id, file_type }) => {
                if path == b"/nix/store" {
                    walk.prune();
                }
                let left_out = [packed.as_deref(), catalog.as_deref()].contains(&Some(&path));
                if file_type == FileType::File && !left_out {
                    listed.push(Listed { path, id });
                }
            }
            Err(error) => troubles.push(error),
        }
    }
    listed
}

/// Describes the files of the disc.
pub(in crate::diff) fn files(disc: &Disc<'_>, listed: &[Listed], troubles: &mut Troubles) -> Vec<DiscFile> {
    let described: Vec<Result<DiscFile>> = listed.par_iter().map(|file| describe(disc.own_tree(), file)).collect();
    described.into_iter().filter_map(|file| file.map_err(|error| troubles.push(error)).ok()).collect()
}

/// Whether a file is a kernel or initrd named after its store path, as since 25.05. It comes and goes with that path.
pub(in crate::diff) fn is_of_store(path: &[u8]) -> bool {
    path.starts_with(b"/boot/nix/store/")
}

fn describe(tree: &dyn Tree, &Listed { ref path, id }: &Listed) -> Result<DiscFile> {
    let size = match tree.node(id)?.kind {
        Kind::File { size } => size,
        _ => 0,
    };
    let mut file = DiscFile { path: named(path), size, node: Some(id), ..DiscFile::default() };
    if size < SMALL {
        let mut bytes = Vec::new();
        let read = tree.open(id)?.take(SMALL).read_to_end(&mut bytes);
        read.map_err(|error| Error::from_read(error, Path::new(&file.path)))?;
        let mut same = public(&file.path, &bytes).into_owned();
        let has_password = same != *masked(&bytes);
        if is_isolinux(path)
            && let Some(info) = same.get_mut(BOOT_INFO)
        {
            info.fill(0);
        }
        let digest = |bytes: &[u8]| HEXLOWER.encode(&Sha256::digest(bytes));
        // The exact digest of a file with a password would let somebody guess it.
        file.exact = (same != bytes && !has_password).then(|| digest(&bytes));
        file.sha256 = Some(digest(&same));
    }
    Ok(file)
}

/// Whether a file is isolinux.bin, which has a boot information table.
pub(in crate::diff) fn is_isolinux(path: &[u8]) -> bool {
    path.ends_with(b"/isolinux.bin")
}
