//! The volumes that boot loaders read: the disc's own tree, and EFI system partitions.

use super::MenuEntry;
use crate::error::Result;
use crate::fs::fat;
use crate::fs::iso9660::{Platform, Volume};
use crate::fs::partitions::{MBR_ESP, Partitions};
use crate::fs::path::{self, Found};
use crate::fs::{FileType, NodeId, Tree, path::join};
use crate::image::Region;

/// Limit for partitions that are opened. Images have one or two.
const MOST: usize = 16;

/// The word for a boot image of El Torito that is neither a partition nor a file.
const EL_TORITO: &str = "(el-torito)";

/// The volume on which a boot loader looks for the files that a menu names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Lookup {
    /// On the disc itself.
    #[default]
    Disc,
    /// On the EFI system partition with this number, which contains the menu.
    Partition(usize),
    /// On the disc if the menu searches for another volume; otherwise on the partition that contains the menu.
    DiscFirst(usize),
}

impl Lookup {
    /// The path of a file, with the word for the partition unless the disc is searched.
    pub(in crate::nixos) fn shown(self, partitions: &[BootPartition<'_>], file: &str) -> String {
        match self {
            Self::Partition(index) => {
                let device = partitions.get(index).map_or("", |partition| &partition.device);
                String::from_utf8_lossy(&shown(device, file.as_bytes())).into_owned()
            }
            Self::Disc | Self::DiscFirst(_) => file.to_owned(),
        }
    }
}

/// A file system that firmware reads: an EFI system partition, which may be a file of the disc.
pub(crate) struct BootPartition<'i> {
    /// The word for it, as GRUB writes devices: `(/boot/efi.img)` for a file, `(gpt2)` for a partition.
    pub(crate) device: String,
    /// Its file system.
    pub(crate) tree: fat::Volume<'i>,
    /// Whether it is in a partition table, so that firmware finds it on a USB stick.
    pub(crate) in_table: bool,
}

/// A program that UEFI starts by default.
pub struct BootLoader<'d> {
    /// Its path, with the word for the partition.
    pub path: String,
    /// The file system that contains it.
    pub tree: &'d dyn Tree,
    /// The file.
    pub id: NodeId,
    /// Whether that file system is in a partition table, so that firmware finds it on a USB stick.
    pub in_table: bool,
}

/// Whether firmware would start the file: `/EFI/BOOT/BOOTX64.EFI` and the like (UEFI 2.10 §3.5.1.1).
pub(crate) fn is_loader(path: &[u8]) -> bool {
    let path = path.to_ascii_uppercase();
    path.strip_prefix(b"/EFI/BOOT/BOOT").is_some_and(|rest| rest.ends_with(b".EFI") && !rest.contains(&b'/'))
}

/// Finds the programs that UEFI starts by default.
pub(in crate::nixos) fn loaders<'d>(partitions: &'d [BootPartition<'_>]) -> Result<Vec<BootLoader<'d>>> {
    let mut loaders = Vec::new();
    for BootPartition { device, tree, in_table } in partitions {
        let Some((id, directory)) = path::any_case(tree, &[b"EFI", b"BOOT"])? else { continue };
        for entry in tree.entries(id)? {
            let path = join(&directory, &entry.name);
            if is_loader(&path) && entry.file_type == FileType::File {
                let path = String::from_utf8_lossy(&shown(device, &path)).into_owned();
                loaders.push(BootLoader { path, tree, id: entry.id, in_table: *in_table });
            }
        }
    }
    Ok(loaders)
}

/// Finds the EFI system partitions: boot images of El Torito, and partitions in both tables. Those without a FAT file
/// system are left out. On a disk, boards boot from any FAT partition.
pub(super) fn partitions<'i>(volume: Option<&Volume<'i>>, image: &Region<'i>) -> Vec<BootPartition<'i>> {
    let mut places: Vec<(u64, String)> = Vec::new();
    let mut add = |offset: u64, device: String| {
        if offset > 0 && places.iter().all(|(known, _)| *known != offset) {
            places.push((offset, device));
        }
    };
    let tables = Partitions::read(image).unwrap_or_default();
    for partition in tables.gpt.into_iter().flat_map(|gpt| gpt.partitions) {
        add(partition.start, format!("(gpt{})", partition.index));
    }
    for partition in tables.mbr.into_iter().flatten().filter(|found| found.kind == MBR_ESP || volume.is_none()) {
        add(partition.start, format!("(mbr{})", partition.index));
    }
    let catalog = volume.and_then(|volume| volume.boot_catalog().ok().flatten());
    for image in catalog.into_iter().flat_map(|catalog| catalog.images) {
        if image.platform == Platform::Uefi {
            add(image.offset, EL_TORITO.to_owned());
        }
    }
    let opened = places.into_iter().take(MOST).filter_map(|(offset, device)| {
        let tree = fat::Volume::open(image.clamp(offset, u64::MAX)).ok()?;
        // A partition that is also a file of the disc is named after that file.
        let file = volume.and_then(|volume| volume.file_at(offset));
        let file = file.map(|file| format!("({})", String::from_utf8_lossy(&file.path)));
        let in_table = device != EL_TORITO;
        Some(BootPartition { device: file.unwrap_or(device), tree, in_table })
    });
    opened.collect()
}

/// A file that a menu entry names.
pub struct BootFile<'d> {
    /// The file system that contains it.
    pub tree: &'d dyn Tree,
    /// The file.
    pub found: Found,
}

impl BootFile<'_> {
    /// Finds a file as the loader of an entry would. `disc` is the disc's own tree.
    ///
    /// # Errors
    /// If a directory on the way cannot be read.
    pub(in crate::nixos) fn find<'d>(
        disc: &'d dyn Tree,
        partitions: &'d [BootPartition<'_>],
        entry: &MenuEntry,
        file: &str,
    ) -> Result<Option<BootFile<'d>>> {
        let on = |index: usize| partitions.get(index).map(|partition| &partition.tree as &dyn Tree);
        let trees = match entry.lookup {
            Lookup::Disc => [Some(disc), None],
            Lookup::Partition(index) => [on(index), None],
            Lookup::DiscFirst(index) => [Some(disc), on(index)],
        };
        for tree in trees.into_iter().flatten() {
            if let Some(found) = path::find(tree, file.as_bytes())? {
                return Ok(Some(BootFile { tree, found }));
            }
        }
        Ok(None)
    }
}

/// A path on a partition, with the word for the partition.
pub(super) fn shown(device: &str, file: &[u8]) -> Vec<u8> {
    join(device.as_bytes(), file.strip_prefix(b"/").unwrap_or(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_is_known_by_its_path() {
        for (path, is) in [
            ("/EFI/BOOT/BOOTX64.EFI", true),
            ("/efi/boot/bootia32.efi", true),
            ("/EFI/BOOT/refind_x64.efi", false),
            ("/EFI/BOOT/BOOT/X.EFI", false),
        ] {
            assert_eq!(is_loader(path.as_bytes()), is, "{path}");
        }
    }
}
