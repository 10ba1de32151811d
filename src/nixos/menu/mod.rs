//! Boot menus: the kernels that a disc offers to start, and their systems.

mod files;
mod grub;
mod include;
mod isolinux;
mod legacy;
mod limine;
mod loader;
mod refind;
mod submenus;
mod volume;

pub(super) use files::Menus;
pub use files::{Gap, GapKind};
pub use volume::{BootFile, BootLoader};
pub(super) use volume::{BootPartition, loaders};
pub(crate) use volume::{Lookup, is_loader};

use std::sync::Arc;

use crate::error::Result;
use crate::fs::iso9660::{Platform, Volume};
use crate::image::Region;
use crate::nixos::Root;

/// Limit for a menu, in bytes. The menu of a graphical installer with four specialisations has some 60 KiB.
const LONGEST: u64 = 1 << 20;

/// Limit for entry files.
const MOST_FILES: usize = 1000;

/// The program that shows a menu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loader {
    /// ISOLINUX.
    #[default]
    Isolinux,
    /// GRUB 2, by the menu on the EFI partition.
    GrubEfi,
    /// GRUB 2, by the menu in `/boot/grub`.
    Grub,
    /// GRUB 0.97.
    GrubLegacy,
    /// systemd-boot, or its predecessor gummiboot.
    SystemdBoot,
    /// Limine.
    Limine,
    /// rEFInd.
    Refind,
    /// U-Boot, or EXTLINUX.
    Extlinux,
    /// GRUB 2 on another disc, which starts the image from a file.
    Loopback,
}

impl Loader {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Isolinux => "isolinux",
            Self::GrubEfi => "grub-efi",
            Self::Grub => "grub",
            Self::GrubLegacy => "grub-legacy",
            Self::SystemdBoot => "systemd-boot",
            Self::Limine => "limine",
            Self::Refind => "refind",
            Self::Extlinux => "extlinux",
            Self::Loopback => "grub-loopback",
        }
    }

    /// The name of its menu, for people.
    #[must_use]
    pub fn menu(self) -> &'static str {
        match self {
            Self::Isolinux => "the BIOS menu (isolinux)",
            Self::GrubEfi => "the UEFI menu (GRUB)",
            Self::Grub => "the menu of GRUB",
            Self::GrubLegacy => "the BIOS menu (GRUB 0.97)",
            Self::SystemdBoot => "the UEFI menu (systemd-boot)",
            Self::Limine => "the menu of Limine",
            Self::Refind => "the UEFI menu (rEFInd)",
            Self::Extlinux => "the menu of U-Boot (extlinux)",
            Self::Loopback => "the loopback menu of GRUB",
        }
    }

    /// The firmware that starts it, if only one does.
    #[must_use]
    pub fn firmware(self) -> Option<Platform> {
        match self {
            Self::Isolinux | Self::GrubLegacy => Some(Platform::Bios),
            Self::GrubEfi | Self::SystemdBoot | Self::Refind => Some(Platform::Uefi),
            Self::Grub | Self::Limine | Self::Extlinux | Self::Loopback => None,
        }
    }
}

/// An entry of a boot menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MenuEntry {
    /// The program that shows the menu.
    pub loader: Loader,
    /// The menu file, by its path on the disc.
    pub file: Vec<u8>,
    /// The submenus that lead to it, outermost first.
    pub submenus: Vec<Arc<str>>,
    /// The title that the menu shows.
    pub title: String,
    /// The kernel, by its path on the disc. `None` for entries that start no kernel.
    pub linux: Option<String>,
    /// The initrd, by its path on the disc.
    pub initrd: Option<String>,
    /// The value of `init=`.
    pub init: Option<String>,
    /// The other kernel parameters.
    pub params: Vec<String>,
    /// Whether it starts if nobody chooses.
    pub default: bool,
    /// Where the loader looks for kernel and initrd.
    pub(crate) lookup: Lookup,
}

impl MenuEntry {
    /// The parameters that the system itself asks for (`boot.kernelParams`). `None` without a list.
    ///
    /// # Errors
    /// If the list exists but cannot be read.
    pub(super) fn of_system(root: &Root<'_>) -> Result<Option<Self>> {
        let file = root.own("kernel-params");
        let Some(text) = root.text(&file)? else { return Ok(None) };
        let mut entry = Self { file: file.into_bytes(), ..Self::default() };
        entry.parameters(text.split_ascii_whitespace());
        Ok(Some(entry))
    }

    /// Whether another entry in the same submenus starts the same.
    fn is_same(&self, other: &Self) -> bool {
        let what = |entry: &Self| (entry.linux.clone(), entry.initrd.clone(), entry.init.clone(), entry.params.clone());
        self.title == other.title && self.submenus == other.submenus && what(self) == what(other)
    }

    /// Parses the words after the kernel's path.
    fn parameters<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) {
        for word in words {
            if let Some(init) = word.strip_prefix("init=") {
                self.init = Some(init.to_owned());
            } else if let Some(initrd) = word.strip_prefix("initrd=") {
                self.initrd = Some(on_disc(initrd));
            } else {
                self.params.push(word.to_owned());
            }
        }
    }
}

/// A path as a boot loader reads it: repeated slashes count once, and a prefix such as `(cd)` means the disc itself.
fn on_disc(path: &str) -> String {
    let path = path.rsplit_once(')').map_or(path, |(_, path)| path);
    if !has(path, b"//") && !path.ends_with('/') {
        return path.to_owned();
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// A path without `.` and `..`, from the root. A relative path starts in the directory of the menu.
fn located(path: &str, menu: &[u8]) -> String {
    let path = on_disc(path);
    if path.starts_with('/') && !has(&path, b"/.") {
        return path;
    }
    let menu = String::from_utf8_lossy(menu);
    let base = if path.starts_with('/') { "" } else { menu.rsplit_once('/').map_or("", |(directory, _)| directory) };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    format!("/{}", parts.join("/"))
}

fn has(path: &str, pair: &[u8; 2]) -> bool {
    path.as_bytes().windows(2).any(|window| window == pair)
}

/// Finds the partitions of an image from which firmware boots. `volume` is its ISO 9660 volume, if it has one.
pub(super) fn partitions<'i>(volume: Option<&Volume<'i>>, image: &Region<'i>) -> Vec<BootPartition<'i>> {
    volume::partitions(volume, image)
}
