//! The menu files of all loaders, and where they are.

use std::collections::HashSet;

use super::include::{self, Words};
use super::volume::{self, BootPartition, Lookup};
use super::{LONGEST, Loader, MOST_FILES, MenuEntry, grub, isolinux, legacy, limine, loader, located, refind};
use crate::error::{Error, Place, Result, Troubles};
use crate::fs::path::{AnyCase, join};
use crate::fs::{Entry, FileType, Kind, NodeId, Tree, path};

/// Reads one menu format. Returns the entries without their `file`.
type Reader = fn(&str) -> Vec<MenuEntry>;

/// The menu of one loader.
struct Format {
    loader: Loader,
    /// The paths that the file may have. The first that exists counts.
    paths: &'static [&'static str],
    reader: Reader,
    words: Words,
}

/// The menu paths of all eras. The one that a BIOS would show comes first. Names are found in any case: `EFI/boot` became
/// `EFI/BOOT` in 2024, and loaders are case-insensitive.
const FORMATS: [Format; 9] = [
    Format {
        loader: Loader::Isolinux,
        paths: &[
            "isolinux/isolinux.cfg",
            "boot/isolinux/isolinux.cfg",
            "isolinux.cfg",
            "syslinux/syslinux.cfg",
            "boot/syslinux/syslinux.cfg",
            "syslinux.cfg",
        ],
        reader: isolinux::read,
        words: Words::Syslinux,
    },
    Format { loader: Loader::GrubEfi, paths: &["EFI/BOOT/grub.cfg"], reader: grub::read, words: Words::Grub },
    Format {
        loader: Loader::Grub,
        paths: &["boot/grub/grub.cfg", "boot/grub2/grub.cfg", "grub/grub.cfg"],
        reader: grub::read,
        words: Words::Grub,
    },
    Format {
        loader: Loader::GrubLegacy,
        paths: &["boot/grub/menu.lst", "boot/grub/grub.conf"],
        reader: legacy::read,
        words: Words::None,
    },
    Format {
        loader: Loader::Limine,
        paths: &[
            "boot/limine/limine.conf",
            "boot/limine.conf",
            "limine/limine.conf",
            "limine.conf",
            "EFI/BOOT/limine.conf",
        ],
        reader: limine::read,
        words: Words::None,
    },
    Format {
        loader: Loader::Limine,
        paths: &["boot/limine/limine.cfg", "boot/limine.cfg", "limine/limine.cfg", "limine.cfg", "EFI/BOOT/limine.cfg"],
        reader: limine::read_old,
        words: Words::None,
    },
    Format {
        loader: Loader::Refind,
        paths: &["EFI/BOOT/refind.conf", "EFI/refind/refind.conf"],
        reader: refind::read,
        words: Words::None,
    },
    Format {
        loader: Loader::Extlinux,
        paths: &["extlinux/extlinux.conf", "boot/extlinux/extlinux.conf"],
        reader: isolinux::read,
        words: Words::Syslinux,
    },
    Format { loader: Loader::Loopback, paths: &["boot/grub/loopback.cfg"], reader: grub::read, words: Words::Grub },
];

/// A problem of the menus that their entries do not show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The file, by its path on the disc.
    pub file: Vec<u8>,
    /// What is missing.
    pub kind: GapKind,
}

/// The kinds of gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GapKind {
    /// The menu includes this file, but it does not exist.
    Missing(String),
    /// A unified kernel image: a program that contains kernel, initrd and parameters. It is not read.
    Unified,
}

/// The menus of an image.
#[derive(Default)]
pub(in crate::nixos) struct Menus {
    pub(in crate::nixos) entries: Vec<MenuEntry>,
    pub(in crate::nixos) gaps: Vec<Gap>,
    /// Bytes of menus read so far.
    bytes: u64,
    /// The menu files of the disc itself that have been read.
    files: HashSet<Vec<u8>>,
}

/// Limit for all menus of an image together, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// A volume whose menus are read.
struct Home<'t> {
    disc: &'t dyn Tree,
    names_of_disc: &'t AnyCase<'t>,
    /// The names of the volume itself.
    names: &'t AnyCase<'t>,
    /// The number of the partition. `None` for the disc itself.
    partition: Option<(usize, &'t BootPartition<'t>)>,
}

impl Menus {
    /// Reads all menus in order. Errors are added to `troubles`.
    pub(in crate::nixos) fn read(disc: &dyn Tree, partitions: &[BootPartition<'_>], troubles: &mut Troubles) -> Self {
        let mut menus = Self::default();
        let names_of_disc = &AnyCase::new(disc);
        let on_partitions = partitions.iter().enumerate().map(Some);
        for partition in std::iter::once(None).chain(on_partitions) {
            let names = partition.map(|(_, partition)| AnyCase::new(&partition.tree));
            let home = Home { disc, names_of_disc, names: names.as_ref().unwrap_or(names_of_disc), partition };
            for format in &FORMATS {
                troubles.extend(menus.take(&home, format).err());
            }
            troubles.extend(menus.loader_entries(&home).err());
            troubles.extend(menus.unified(&home).err());
        }
        menus
    }

    /// Counts the bytes of a menu file before it is read.
    fn spend(&mut self, home: &Home<'_>, id: NodeId, file: &[u8]) -> Result<()> {
        if let Kind::File { size } = home.tree().node(id)?.kind {
            self.bytes = self.bytes.saturating_add(size.min(LONGEST));
        }
        if self.bytes > MOST_BYTES {
            return Err(Error::Limit { what: "4 MiB of boot menus", place: Place::File(home.shown(file)) });
        }
        Ok(())
    }

    fn take(&mut self, home: &Home<'_>, format: &Format) -> Result<()> {
        let own = home.tree();
        let none = HashSet::new();
        for place in format.paths {
            let names: Vec<&[u8]> = place.split('/').map(str::as_bytes).collect();
            let Some((id, file)) = home.names.find(&names)? else { continue };
            self.spend(home, id, &file)?;
            if home.is_copy(&file)? {
                return Ok(());
            }
            let trees: &[&dyn Tree] = &[own, home.disc];
            let trees = trees.get(..if home.partition.is_some() { 2 } else { 1 }).unwrap_or(trees);
            // A loopback menu usually includes a menu that has been read already.
            let known = if format.loader == Loader::Loopback && home.partition.is_none() { &self.files } else { &none };
            let whole = match include::read(trees, own, (&file, format.words), known) {
                Err(Error::WrongType { .. } | Error::NotFound { .. }) => continue,
                other => other?,
            };
            let shown = home.shown(&file);
            let missing =
                whole.missing.into_iter().map(|path| Gap { file: shown.clone(), kind: GapKind::Missing(path) });
            self.gaps.extend(missing);
            let lookup = home.lookup(format.loader, &whole.text);
            let base: &[u8] = if format.words == Words::Syslinux { &file } else { b"/" };
            let entries = (format.reader)(&whole.text).into_iter().map(|entry| MenuEntry {
                loader: format.loader,
                file: shown.clone(),
                lookup,
                linux: entry.linux.as_ref().map(|path| located(path, base)),
                initrd: entry.initrd.as_ref().map(|path| located(path, base)),
                ..entry
            });
            let mut entries: Vec<MenuEntry> = entries.collect();
            if format.loader == Loader::Loopback {
                // It may also be a copy of one.
                entries.retain(|entry| !self.entries.iter().any(|known| known.is_same(entry)));
            }
            self.entries.extend(entries);
            if home.partition.is_none() {
                self.files.insert(file);
            }
            return Ok(());
        }
        Ok(())
    }

    fn loader_entries(&mut self, home: &Home<'_>) -> Result<()> {
        let own = home.tree();
        let default = match home.names.find(&[b"loader", b"loader.conf"])? {
            Some((_, file)) => loader::default(&text(own, &file)?),
            None => None,
        };
        let Some((id, directory)) = home.names.find(&[b"loader", b"entries"])? else { return Ok(()) };
        let files = own.entries(id)?.into_iter().filter(|entry| entry.file_type == FileType::File);
        let (mut entries, mut names) = (Vec::new(), Vec::new());
        let read = self.loader_files(home, (&directory, default.as_deref()), files, (&mut entries, &mut names));
        loader::tell_apart(&mut entries, &names);
        self.entries.append(&mut entries);
        read
    }

    /// Reads the files of loader entries, as far as the limits allow.
    fn loader_files(
        &mut self,
        home: &Home<'_>,
        (directory, default): (&[u8], Option<&str>),
        files: impl Iterator<Item = Entry>,
        (entries, names): (&mut Vec<MenuEntry>, &mut Vec<(Option<String>, String)>),
    ) -> Result<()> {
        let own = home.tree();
        for (index, entry) in files.enumerate() {
            if index == MOST_FILES {
                return Err(Error::Limit { what: "1,000 loader entries", place: Place::File(directory.to_vec()) });
            }
            let Some(name) = std::str::from_utf8(&entry.name).ok().and_then(|name| name.strip_suffix(".conf")) else {
                continue;
            };
            let file = join(directory, &entry.name);
            self.spend(home, entry.id, &file)?;
            if home.is_copy(&file)? {
                continue;
            }
            let (found, version) = loader::read(&text(own, &file)?);
            let title = if found.title.is_empty() { name.to_owned() } else { found.title };
            let (file, lookup) = (home.shown(&file), home.lookup(Loader::SystemdBoot, ""));
            let default = default.is_some_and(|default| loader::matches(default, name));
            entries.push(MenuEntry { loader: Loader::SystemdBoot, file, title, lookup, default, ..found });
            names.push((version, name.to_owned()));
        }
        Ok(())
    }

    /// Notes the unified kernel images that systemd-boot would offer.
    fn unified(&mut self, home: &Home<'_>) -> Result<()> {
        let own = home.tree();
        let Some((id, directory)) = home.names.find(&[b"EFI", b"Linux"])? else { return Ok(()) };
        let programs = own.entries(id)?.into_iter();
        let programs = programs.filter(|entry| entry.name.to_ascii_lowercase().ends_with(b".efi"));
        for (index, entry) in programs.enumerate() {
            if index == MOST_FILES {
                return Err(Error::Limit { what: "1,000 unified kernel images", place: Place::File(directory) });
            }
            self.gaps.push(Gap { file: home.shown(&join(&directory, &entry.name)), kind: GapKind::Unified });
        }
        Ok(())
    }
}

impl Home<'_> {
    fn tree(&self) -> &dyn Tree {
        self.partition.map_or(self.disc, |(_, partition)| &partition.tree)
    }

    /// The path of a file, with the word for the partition.
    fn shown(&self, file: &[u8]) -> Vec<u8> {
        self.partition.map_or_else(|| file.to_vec(), |(_, partition)| volume::shown(&partition.device, file))
    }

    /// Whether the disc has the same file: stock images keep a copy of the menu on the EFI system partition.
    fn is_copy(&self, file: &[u8]) -> Result<bool> {
        let Some((_, partition)) = self.partition else { return Ok(false) };
        let names: Vec<&[u8]> = file.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
        let Some((_, of_disc)) = self.names_of_disc.find(&names)? else { return Ok(false) };
        let read = |tree: &dyn Tree, path: &[u8]| match path::read(tree, path, LONGEST) {
            Err(Error::WrongType { .. } | Error::NotFound { .. }) => Ok(None),
            other => other.map(Some),
        };
        let own = read(&partition.tree, file)?;
        Ok(own.is_some() && own == read(self.disc, &of_disc)?)
    }

    fn lookup(&self, loader: Loader, text: &str) -> Lookup {
        let Some((index, _)) = self.partition else { return Lookup::Disc };
        let roams = match loader {
            Loader::GrubEfi | Loader::Grub | Loader::Loopback => {
                text.lines().flat_map(grub::commands).any(|words| match words.first().map(String::as_str) {
                    Some("search" | "search.file" | "search.fs_label" | "search.fs_uuid") => true,
                    Some("set") => words.get(1).is_some_and(|word| word.starts_with("root=")),
                    _ => false,
                })
            }
            // Both name the volume in each path. Limine's `boot()` is the disc if Limine starts from a disc.
            Loader::Limine | Loader::Refind => true,
            Loader::Isolinux | Loader::GrubLegacy | Loader::SystemdBoot | Loader::Extlinux => false,
        };
        if roams { Lookup::DiscFirst(index) } else { Lookup::Partition(index) }
    }
}

fn text(tree: &dyn Tree, file: &[u8]) -> Result<String> {
    match path::read(tree, file, LONGEST) {
        Err(Error::WrongType { .. } | Error::NotFound { .. }) => Ok(String::new()),
        other => other.map(path::text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn read(files: &[(&str, &str)]) -> Menus {
        let mut troubles = Troubles::default();
        let menus = Menus::read(&Made::of(files), &[], &mut troubles);
        assert!(troubles.is_empty());
        menus
    }

    fn kernels(menus: &Menus) -> Vec<(Loader, &str, Option<&str>)> {
        menus.entries.iter().map(|entry| (entry.loader, entry.title.as_str(), entry.linux.as_deref())).collect()
    }

    #[test]
    fn a_loopback_menu_adds_the_entries_that_no_other_menu_has() {
        let grub = "menuentry 'NixOS' {\n linux /k init=/i\n}\n";
        let files = [("/EFI/BOOT/grub.cfg", grub), ("/boot/grub/loopback.cfg", "source /EFI/BOOT/grub.cfg\n")];
        assert_eq!(kernels(&read(&files)), [(Loader::GrubEfi, "NixOS", Some("/k"))]);
        let files = [("/EFI/BOOT/grub.cfg", grub), ("/boot/grub/loopback.cfg", "menuentry Live {\n linux /live\n}\n")];
        let both = [(Loader::GrubEfi, "NixOS", Some("/k")), (Loader::Loopback, "Live", Some("/live"))];
        assert_eq!(kernels(&read(&files)), both);
        let gone = read(&[("/boot/grub/loopback.cfg", "source /boot/grub/grub.cfg\n")]);
        let kind = GapKind::Missing("/boot/grub/grub.cfg".to_owned());
        assert_eq!(gone.gaps, [Gap { file: b"/boot/grub/loopback.cfg".to_vec(), kind }]);
    }

    #[test]
    fn relative_paths_begin_where_the_menu_is() {
        let text = "DEFAULT nixos\nLABEL nixos\n MENU LABEL NixOS\n LINUX ../nixos/k-Image\n INITRD ../nixos/i\n";
        let menus = read(&[("/boot/extlinux/extlinux.conf", text)]);
        assert_eq!(kernels(&menus), [(Loader::Extlinux, "NixOS", Some("/boot/nixos/k-Image"))]);
        assert_eq!(menus.entries[0].initrd.as_deref(), Some("/boot/nixos/i"));
    }

    #[test]
    fn menus_are_read_up_to_a_limit_that_is_reported() {
        let long = "x".repeat(1 << 20);
        let names: Vec<String> = (0..20).map(|number| format!("/loader/entries/{number:02}.conf")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), long.as_str())).collect();
        let mut troubles = Troubles::default();
        Menus::read(&Made::of(&files), &[], &mut troubles);
        let told = troubles.first().unwrap().to_string();
        assert_eq!(told, "4 MiB of boot menus at /loader/entries/04.conf: over the limit");
    }

    #[test]
    fn unified_kernel_images_are_noted() {
        let menus = read(&[("/EFI/Linux/nixos-generation-1.efi", "MZ"), ("/EFI/Linux/README", "")]);
        let file = b"/EFI/Linux/nixos-generation-1.efi".to_vec();
        assert_eq!(menus.gaps, [Gap { file, kind: GapKind::Unified }]);
        let names: Vec<String> = (0..=MOST_FILES).map(|number| format!("/EFI/Linux/{number}.efi")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "MZ")).collect();
        let mut troubles = Troubles::default();
        let menus = Menus::read(&Made::of(&files), &[], &mut troubles);
        assert_eq!(menus.gaps.len(), MOST_FILES);
        let told = troubles.first().unwrap().to_string();
        assert_eq!(told, "1,000 unified kernel images at /EFI/Linux: over the limit");
    }
}
