//! The structures that firmware starts from: the boot catalog, the master boot record, and partitions.

use super::own_path;
use super::problem::{Problem, ProblemKind};
use crate::error::Result;
use crate::fs::iso9660::{BootCatalog, Platform, Volume};
use crate::fs::partitions::{MBR_ESP, Mbr, Partitions};
use crate::fs::{Kind, Tree, fat};
use crate::nixos::{Disc, Medium};

/// Checks that everything that firmware starts leads to something that exists.
pub(super) fn check(disc: &Disc<'_>) -> Vec<Problem> {
    let volume = match &disc.carrier {
        Medium::Volume(volume) => Some(volume),
        Medium::Disk(_) => None,
        Medium::Archive(_) | Medium::Directory(_) => return Vec::new(),
    };
    let problem = |message: String| Problem::new(ProblemKind::Boot, own_path(disc), message);
    // Truncation is reported as a problem of its own.
    let whole = disc.missing_end().is_none();
    // A catalog or table that cannot be read is reported elsewhere.
    let catalog = volume.and_then(|volume| volume.boot_catalog().ok().flatten());
    let both = volume.zip(catalog.as_ref());
    let mut messages = both.map(|(volume, catalog)| el_torito(disc, volume, catalog)).unwrap_or_default();
    match Partitions::read(&disc.image().region()) {
        Ok(tables) => messages.extend(partitions(disc, &tables, catalog.as_ref())),
        Err(error) => messages.push(format!("{error}; firmware finds no partition by it")),
    }
    let isohybrid = Mbr::read(&disc.image().region()).and_then(|mbr| isohybrid(mbr.as_ref(), catalog.as_ref()));
    messages.extend(isohybrid.unwrap_or_else(|error| Some(error.to_string())));
    match whole {
        true => messages.into_iter().map(problem).collect(),
        false => Vec::new(),
    }
}

fn el_torito(disc: &Disc<'_>, volume: &Volume<'_>, catalog: &BootCatalog) -> Vec<String> {
    let mut messages = Vec::new();
    let end = disc.image().region().length();
    if !catalog.checksum_holds {
        messages.push("the checksum of the boot catalog is wrong, so firmware may ignore it".to_owned());
    }
    if !catalog.images.iter().any(|image| image.bootable) {
        messages.push("no entry of the boot catalog is marked bootable".to_owned());
    }
    for image in catalog.images.iter().filter(|image| image.bootable) {
        let platform = image.platform;
        if image.offset >= end {
            messages.push(format!("the boot image for {platform} at {:#x} is past the end of the image", image.offset));
        } else if image.offset == 0 {
            messages.push(format!("the boot catalog has no address for the boot image for {platform}"));
        } else if let Some(file) = volume.file_at(image.offset) {
            // The boot image of UEFI has its own check, and sixteen bits are not enough for its length.
            let size = volume.node(file.id).map(|node| node.kind);
            if let Ok(Kind::File { size }) = size
                && platform == Platform::Bios
                && size < u64::from(image.load_sectors) * 512
            {
                let (path, sectors) = (String::from_utf8_lossy(&file.path).into_owned(), image.load_sectors);
                messages.push(format!("the BIOS loads {sectors} sectors of {path}, which has {size} bytes"));
            }
        } else if platform == Platform::Uefi
            && let Err(error) = fat::Volume::open(disc.image().region().clamp(image.offset, u64::MAX))
        {
            messages.push(format!("the boot image for UEFI has no FAT file system: {error}"));
        }
    }
    messages
}

fn partitions(disc: &Disc<'_>, tables: &Partitions, catalog: Option<&BootCatalog>) -> Vec<String> {
    let mut messages = Vec::new();
    let end = disc.image().region().length();
    // A partition that El Torito names as well is checked as a boot image.
    let images = catalog.map(|catalog| catalog.images.as_slice()).unwrap_or_default();
    let is_image = |start: u64| images.iter().any(|image| image.platform == Platform::Uefi && image.offset == start);
    let of_mbr = tables.mbr.iter().flatten().map(|partition| ("MBR", partition));
    let of_gpt = tables.gpt.iter().flat_map(|gpt| &gpt.partitions).map(|partition| ("GPT", partition));
    for (scheme, partition) in of_mbr.chain(of_gpt) {
        let name = format!("{scheme} partition {} at {:#x}", partition.index, partition.start);
        if partition.start >= end {
            messages.push(format!("{name} is past the end of the image"));
        } else if partition.is_esp()
            && !is_image(partition.start)
            && let Err(error) = fat::Volume::open(disc.image().region().clamp(partition.start, partition.length))
        {
            messages.push(format!("{name} is an EFI system partition without a FAT file system: {error}"));
        }
    }
    if let Some(gpt) = &tables.gpt {
        let wrong = [(gpt.header_holds, "header"), (gpt.entries_hold != Some(false), "entries")];
        messages.extend(wrong.iter().filter(|(holds, _)| !holds).map(|(_, what)| {
            format!("the checksum of the GPT's {what} is wrong, so firmware and systems ignore the table")
        }));
    }
    // Firmware reads the GPT. Tools and older firmware read the MBR.
    let gpt = tables.gpt.as_ref().map(|gpt| gpt.partitions.as_slice()).unwrap_or_default();
    for partition in tables.mbr.iter().flatten().filter(|partition| partition.kind == MBR_ESP && !gpt.is_empty()) {
        if !gpt.iter().any(|other| other.start == partition.start && other.length == partition.length) {
            let (start, index) = (partition.start, partition.index);
            messages.push(format!(
                "the EFI system partition of the MBR (partition {index} at {start:#x}, {} bytes) is not in the GPT",
                partition.length
            ));
        }
    }
    messages
}

/// Checks that the boot code of an isohybrid image starts the boot image of El Torito.
fn isohybrid(mbr: Option<&Mbr>, catalog: Option<&BootCatalog>) -> Result<Option<String>> {
    let Some(sector) = mbr.and_then(|mbr| mbr.isolinux) else { return Ok(None) };
    let images = catalog.map(|catalog| catalog.images.as_slice()).unwrap_or_default();
    let found =
        images.iter().any(|image| image.platform == Platform::Bios && sector.checked_mul(512) == Some(image.offset));
    Ok((!found).then(|| {
        format!(
            "the boot code of the MBR starts ISOLINUX from sector {sector}, where the boot catalog has no boot image"
        )
    }))
}
