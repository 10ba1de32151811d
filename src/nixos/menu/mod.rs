//! Boot menus: the kernels that a disc offers to start, and their systems.

mod grub;
mod isolinux;
mod legacy;
mod loader;
mod submenus;

use std::sync::Arc;

use crate::error::{Error, Place, Result, Troubles};
use crate::fs::path::{any_case, join};
use crate::fs::{FileType, Tree, path};
use crate::nixos::Root;

/// Limit for a menu, in bytes. That of a graphical installer with four specialisations has some 60 KiB.
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
    /// systemd-boot, or gummiboot before it.
    SystemdBoot,
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
        }
    }

    /// Its menu, for people.
    #[must_use]
    pub fn menu(self) -> &'static str {
        match self {
            Self::Isolinux => "the BIOS menu (isolinux)",
            Self::GrubEfi => "the UEFI menu (GRUB)",
            Self::Grub => "the menu of GRUB",
            Self::GrubLegacy => "the BIOS menu (GRUB 0.97)",
            Self::SystemdBoot => "the UEFI menu (systemd-boot)",
        }
    }
}

/// An entry of a boot menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MenuEntry {
    /// The program whose menu it is in.
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
    /// The kernel's other parameters.
    pub params: Vec<String>,
    /// Whether it starts if nobody chooses.
    pub default: bool,
}

impl MenuEntry {
    /// The parameters that a system itself asks for (`boot.kernelParams`). `None` if it has no list of them.
    ///
    /// # Errors
    /// If the list is there but cannot be read.
    pub(super) fn of_system(root: &Root<'_>) -> Result<Option<Self>> {
        let file = root.own("kernel-params");
        let Some(text) = root.text(&file)? else { return Ok(None) };
        let mut entry = Self { file: file.into_bytes(), ..Self::default() };
        entry.parameters(text.split_ascii_whitespace());
        Ok(Some(entry))
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

/// A path as a boot loader reads it: doubled slashes count once, and the prefix `(cd)` means the disc itself.
fn on_disc(path: &str) -> String {
    let path = path.rsplit_once(')').map_or(path, |(_, path)| path);
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    format!("/{}", parts.join("/"))
}

/// Reads one menu format. Returns the entries without their `file`.
type Reader = fn(&str) -> Vec<MenuEntry>;

/// Where the eras keep their menus, the one that a BIOS would show first. Names are found in any case: `EFI/boot` became
/// `EFI/BOOT` in 2024, and loaders do not care.
const MENUS: [(Loader, &[&str], Reader); 4] = [
    (Loader::Isolinux, &["isolinux", "isolinux.cfg"], isolinux::read),
    (Loader::GrubEfi, &["EFI", "BOOT", "grub.cfg"], grub::read),
    (Loader::Grub, &["boot", "grub", "grub.cfg"], grub::read),
    (Loader::GrubLegacy, &["boot", "grub", "menu.lst"], legacy::read),
];

/// The entries of all menus on the disc, in their order. What cannot be read of them is added to `troubles`.
pub fn read(disc: &dyn Tree, troubles: &mut Troubles) -> Vec<MenuEntry> {
    let mut all = Vec::new();
    for (loader, names, reader) in MENUS {
        match text(disc, names) {
            Ok(Some((file, text))) => {
                all.extend(reader(&text).into_iter().map(|entry| MenuEntry { loader, file: file.clone(), ..entry }));
            }
            Ok(None) => {}
            Err(error) => troubles.push(error),
        }
    }
    if let Err(error) = loader_entries(disc, &mut all) {
        troubles.push(error);
    }
    all
}

fn loader_entries(disc: &dyn Tree, all: &mut Vec<MenuEntry>) -> Result<()> {
    let default = text(disc, &["loader", "loader.conf"])?.and_then(|(_, text)| loader::default(&text));
    let Some((id, directory)) = any_case(disc, &[b"loader", b"entries"])? else { return Ok(()) };
    let files = disc.entries(id)?.into_iter().filter(|entry| entry.file_type == FileType::File);
    for (index, entry) in files.enumerate() {
        if index == MOST_FILES {
            return Err(Error::Limit { what: "1,000 loader entries", place: Place::File(directory) });
        }
        let Some(name) = std::str::from_utf8(&entry.name).ok().and_then(|name| name.strip_suffix(".conf")) else {
            continue;
        };
        let file = join(&directory, &entry.name);
        let text = String::from_utf8_lossy(&path::read(disc, &file, LONGEST)?).into_owned();
        let default = default.as_ref().is_some_and(|default| loader::matches(default, name));
        all.push(MenuEntry { loader: Loader::SystemdBoot, file, default, ..loader::read(&text) });
    }
    Ok(())
}

fn text(disc: &dyn Tree, names: &[&str]) -> Result<Option<(Vec<u8>, String)>> {
    let Some((_, path)) = any_case(disc, &bytes(names))? else { return Ok(None) };
    let bytes = match path::read(disc, &path, LONGEST) {
        Err(Error::WrongType { .. } | Error::NotFound { .. }) => return Ok(None),
        other => other?,
    };
    Ok(Some((path, String::from_utf8_lossy(&bytes).into_owned())))
}

fn bytes<'n>(names: &[&'n str]) -> Vec<&'n [u8]> {
    names.iter().map(|name| name.as_bytes()).collect()
}
