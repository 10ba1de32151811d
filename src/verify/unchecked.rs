//! What could not be checked, so that no problem there would have been noticed.

use crate::fs::iso9660::{BootCatalog, Volume};
use crate::nixos::menu::GapKind;
use crate::nixos::{Disc, Medium};

/// Something that could not be checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unchecked {
    /// What it is about: a file, or the image.
    pub path: Vec<u8>,
    /// One line for people.
    pub message: String,
}

/// The boot menus and programs that cannot be read.
pub(super) fn menus(disc: &Disc<'_>) -> Vec<Unchecked> {
    let Medium::Volume(volume) = &disc.carrier else { return Vec::new() };
    let unified = disc.menu_gaps.iter().filter(|gap| gap.kind == GapKind::Unified).map(|gap| {
        let message = "a unified kernel image: the kernel, initrd and parameters in it are not read";
        Unchecked { path: gap.file.clone(), message: message.to_owned() }
    });
    let mut unchecked: Vec<Unchecked> = unified.collect();
    let offers = disc.menu.iter().any(|entry| entry.linux.is_some());
    if !offers && unchecked.is_empty() && boots(volume) {
        let message = "the image boots, but has no boot menu that can be read: its kernels, initrds and systems are unchecked";
        unchecked.push(Unchecked { path: super::own_path(disc), message: message.to_owned() });
    }
    unchecked
}

fn boots(volume: &Volume<'_>) -> bool {
    let catalog = volume.boot_catalog().ok().flatten();
    catalog.is_some_and(|BootCatalog { images, .. }| images.iter().any(|image| image.bootable))
}
