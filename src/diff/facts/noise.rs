//! What differs between two builds of the same image although their contents are the same.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::disc::{BOOT_INFO, Listed, is_isolinux, is_of_store};
use crate::error::{Place, Result, Troubles};
use crate::fs::iso9660::Volume;
use crate::fs::partitions::Partitions;
use crate::fs::path;
use crate::image::Region;
use crate::nixos::{Disc, Medium};
use crate::store::Carrier;

/// Digits of a digest that are kept.
const DIGITS: usize = 12;

/// Names of noise that follows from packing the same files differently.
const PARTITIONS: &str = "places of partitions";
const SQUASHFS_LENGTH: &str = "squashfs length";
const SQUASHFS_MADE: &str = "squashfs made";
const SQUASHFS_PACKING: &str = "squashfs packing";
const VOLUME_LENGTH: &str = "volume length";
const PACKING: [&str; 5] = [PARTITIONS, SQUASHFS_LENGTH, SQUASHFS_MADE, SQUASHFS_PACKING, VOLUME_LENGTH];

/// Where noise comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseKind {
    /// The same files were packed differently.
    Packing,
    /// Every build changes it.
    Build,
}

impl NoiseKind {
    /// The kind of noise that has this name.
    pub(in crate::diff) fn of(name: &str) -> Self {
        if PACKING.contains(&name) { Self::Packing } else { Self::Build }
    }
}

/// Values by name.
pub(in crate::diff) type Noise = BTreeMap<String, String>;

/// The noise of a disc.
pub(in crate::diff) fn of(disc: &Disc<'_>, files: &[Listed], troubles: &mut Troubles) -> Noise {
    let mut noise = Noise::new();
    if let Medium::Volume(volume) = &disc.carrier {
        take_volume(&mut noise, volume);
        for taken in [take_partitions(&mut noise, disc), take_extents(&mut noise, (disc, volume), files)] {
            troubles.extend(taken.err());
        }
    }
    let archive = match (&disc.carrier, disc.store.as_ref().map(|store| &store.carrier)) {
        (Medium::Archive(archive), _) | (_, Some(Carrier::Squashfs { archive, .. })) => archive,
        _ => return noise,
    };
    let superblock = archive.superblock();
    let made = jiff::Timestamp::from_second(i64::from(superblock.mkfs_time));
    noise.insert(SQUASHFS_MADE.to_owned(), made.map(|time| time.to_string()).unwrap_or_default());
    let packing = format!("{}, blocks of {} bytes", superblock.compression, superblock.block_size);
    noise.insert(SQUASHFS_PACKING.to_owned(), packing);
    noise.insert(SQUASHFS_LENGTH.to_owned(), superblock.bytes_used.to_string());
    noise
}

fn take_volume(noise: &mut Noise, volume: &Volume<'_>) {
    let primary = &volume.descriptors().primary;
    for (name, date) in [
        ("volume created", primary.created),
        ("volume modified", primary.modified),
        ("volume expires", primary.expires),
        ("volume effective", primary.effective),
    ] {
        noise.extend(date.map(|date| (name.to_owned(), date.to_string())));
    }
    noise.insert(VOLUME_LENGTH.to_owned(), primary.length().to_string());
    noise.insert("volume preparer".to_owned(), primary.preparer.clone());
}

fn take_partitions(noise: &mut Noise, disc: &Disc<'_>) -> Result<()> {
    let partitions = Partitions::read(&disc.image().region())?;
    if let Some(gpt) = &partitions.gpt {
        noise.insert("GPT disk GUID".to_owned(), gpt.disk.to_string());
    }
    let all = partitions.mbr.iter().flatten().chain(partitions.gpt.iter().flat_map(|gpt| &gpt.partitions));
    let places: Vec<String> = all.map(|partition| format!("{}+{}", partition.start, partition.length)).collect();
    noise.insert(PARTITIONS.to_owned(), places.join(" "));
    Ok(())
}

/// The order of the files' extents, and the boot information table of isolinux, which holds addresses.
fn take_extents(noise: &mut Noise, (disc, volume): (&Disc<'_>, &Volume<'_>), files: &[Listed]) -> Result<()> {
    let mut order = Vec::new();
    for Listed { path, id } in files.iter().filter(|file| !is_of_store(&file.path)) {
        let Ok(region) = volume.file_region(*id) else { continue };
        if is_isolinux(path) {
            let table = region.bytes("isolinux.bin", 0, region.length().min(64))?;
            let digest = HEXLOWER.encode(&Sha256::digest(table.get(BOOT_INFO).unwrap_or_default()));
            noise.insert(format!("boot information table of {}", String::from_utf8_lossy(path)), short(digest));
        }
        order.extend(start(&region).map(|start| (start, path.as_slice())));
    }
    let packed = match disc.store.as_ref().map(|store| &store.carrier) {
        Some(Carrier::Squashfs { path: Some(path), .. }) => path::find(disc.own_tree(), path)?,
        _ => None,
    };
    if let Some(found) = &packed {
        let start = volume.file_region(found.id).ok().and_then(|region| start(&region));
        order.extend(start.map(|start| (start, found.path.as_slice())));
    }
    order.sort();
    let mut digest = Sha256::new();
    order.iter().for_each(|(_, path)| digest.update([path, &b"\0"[..]].concat()));
    noise.insert("order of extents".to_owned(), short(HEXLOWER.encode(&digest.finalize())));
    Ok(())
}

/// The offset in the image at which a file begins.
fn start(file: &Region<'_>) -> Option<u64> {
    match file.place(0) {
        Place::Byte(start) => Some(start),
        _ => None,
    }
}

fn short(mut digest: String) -> String {
    digest.truncate(DIGITS);
    digest
}
