//! Remarks: what could not be checked, and facts that are worth knowing but are not problems.

use crate::fs::iso9660::{BootCatalog, Volume};
use crate::nixos::menu::GapKind;
use crate::nixos::{Disc, Medium};

/// Something to know about an image that is not a problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remark {
    /// What it is about: a file, or the image.
    pub path: Vec<u8>,
    /// One line for the reader.
    pub message: String,
}

impl Remark {
    pub(super) fn new(path: impl Into<Vec<u8>>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// The boot menus and programs that cannot be read.
pub(super) fn menus(disc: &Disc<'_>) -> Vec<Remark> {
    let Medium::Volume(volume) = &disc.carrier else { return Vec::new() };
    let unified = disc.menu_gaps.iter().filter(|gap| gap.kind == GapKind::Unified).map(|gap| {
        let message = "a unified kernel image: the kernel, initrd and parameters in it are not read";
        Remark::new(gap.file.clone(), message)
    });
    let mut unchecked: Vec<Remark> = unified.collect();
    let offers = disc.menu.iter().any(|entry| entry.linux.is_some());
    if !offers && unchecked.is_empty() && boots(volume) {
        let message =
            "the image boots, but has no boot menu that can be read: its kernels, initrds and systems are unchecked";
        unchecked.push(Remark::new(super::own_path(disc), message));
    }
    unchecked
}

fn boots(volume: &Volume<'_>) -> bool {
    let catalog = volume.boot_catalog().ok().flatten();
    catalog.is_some_and(|BootCatalog { images, .. }| images.iter().any(|image| image.bootable))
}
