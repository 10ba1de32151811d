//! The UEFI boot image and the menus: copies of files on the disc, which must be equal.

use std::collections::BTreeSet;
use std::io::Read;

use super::own_path;
use super::places::Places;
use super::problem::{Problem, ProblemKind};
use crate::error::{Error, Result};
use crate::fs::iso9660::{Platform, Volume};
use crate::fs::path::any_case;
use crate::fs::walk::{Visit, Walk};
use crate::fs::{FileType, Tree, fat};
use crate::nixos::menu::{MenuEntry, is_loader};
use crate::nixos::{Disc, Medium, System};

/// Bytes that are compared at once.
const PART: usize = 1 << 16;

/// Limit for the files of a boot image. The largest have a few dozen.
const MOST_FILES: usize = 10_000;

/// Checks that every file that a UEFI boot image shares with the disc is the same in both, and that one of them is a boot loader.
pub(super) fn check(disc: &Disc<'_>) -> Vec<Problem> {
    let Medium::Volume(volume) = &disc.carrier else { return Vec::new() };
    let catalog = match volume.boot_catalog() {
        Ok(Some(catalog)) => catalog,
        Ok(None) => return Vec::new(),
        Err(error) => {
            let (_, message) = Places::new(disc).told(&error);
            return vec![Problem::new(ProblemKind::Unreadable, own_path(disc), message)];
        }
    };
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for image in catalog.images.iter().filter(|image| image.platform == Platform::Uefi && seen.insert(image.offset)) {
        let Some(file) = volume.file_at(image.offset) else { continue };
        match of_image(volume, file.id, &file.path) {
            Ok(found) => problems.extend(found),
            Err(error) => {
                let message = format!("{error}; UEFI boots from this image");
                problems.push(Problem::new(ProblemKind::Unreadable, file.path, message));
            }
        }
    }
    problems
}

fn of_image(volume: &Volume<'_>, id: crate::fs::NodeId, path: &[u8]) -> Result<Vec<Problem>> {
    let fat = fat::Volume::open(volume.file_region(id)?)?;
    let mut problems = Vec::new();
    let mut has_loader = false;
    for (index, visit) in Walk::new(&fat, fat.root(), b"/").enumerate() {
        if index == MOST_FILES {
            let place = crate::error::Place::File(path.to_vec());
            return Err(Error::Limit { what: "10,000 files in a boot image", place });
        }
        let Visit { path: inside, id, file_type, .. } = visit?;
        if file_type != FileType::File {
            continue;
        }
        has_loader |= is_loader(&inside);
        let shown = String::from_utf8_lossy(path).into_owned();
        let names: Vec<&[u8]> = inside.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
        let Some((own, own_path)) = any_case(volume, &names)? else { continue };
        match first_difference(&mut *fat.open(id)?, &mut *volume.open(own)?) {
            Ok(None) => {}
            Ok(Some(at)) => {
                let message = format!(
                    "differs from the copy in {shown}, which UEFI boots, at byte {at}: one of them is damaged, or from another build"
                );
                problems.push(Problem::new(ProblemKind::Boot, own_path, message));
            }
            Err(error) => {
                let message = format!("{error}; it is compared with its copy in {shown}");
                problems.push(Problem::new(ProblemKind::Unreadable, own_path, message));
            }
        }
    }
    if !has_loader {
        let message = "UEFI boots from this image, but it has no boot loader (EFI/BOOT/BOOT*.EFI)";
        problems.push(Problem::new(ProblemKind::Boot, path, message));
    }
    Ok(problems)
}

/// The offset of the first difference between two files. It may be the end of one of them.
fn first_difference(one: &mut dyn Read, other: &mut dyn Read) -> Result<Option<u64>> {
    let (mut left, mut right) = (Vec::with_capacity(PART), Vec::with_capacity(PART));
    let mut before = 0u64;
    loop {
        fill(one, &mut left)?;
        fill(other, &mut right)?;
        let same = left.iter().zip(&right).take_while(|(one, other)| one == other).count();
        if same < left.len().max(right.len()) {
            return Ok(Some(before + u64::try_from(same).unwrap_or(0)));
        }
        if left.is_empty() {
            return Ok(None);
        }
        before += u64::try_from(same).unwrap_or(0);
    }
}

/// Reads the next part. It is shorter only at the end.
fn fill(reader: &mut dyn Read, part: &mut Vec<u8>) -> Result<()> {
    part.clear();
    let read = reader.take(u64::try_from(PART).unwrap_or(u64::MAX)).read_to_end(part);
    read.map(|_| ()).map_err(|error| Error::from_read(error, std::path::Path::new("/")))
}

/// Checks that the menus of BIOS and UEFI start the same systems.
pub(super) fn menus(menu: &[MenuEntry]) -> Vec<Problem> {
    let of = |firmware: Platform| {
        let entries = menu.iter().filter(move |entry| entry.loader.firmware() == Some(firmware));
        let with_init = entries.filter_map(|entry| Some((entry.file.clone(), entry.init.clone()?)));
        with_init.collect::<Vec<_>>()
    };
    let (bios, uefi) = (of(Platform::Bios), of(Platform::Uefi));
    if bios.is_empty() || uefi.is_empty() {
        return Vec::new();
    }
    let mut problems = BTreeSet::new();
    for (here, there, firmware) in [(&bios, &uefi, "UEFI"), (&uefi, &bios, "BIOS")] {
        for (file, init) in here {
            if !there.iter().any(|(_, other)| other == init) {
                let file = String::from_utf8_lossy(file);
                let message = format!("{file} starts it, but the {firmware} menu does not");
                problems.insert(Problem::new(ProblemKind::Boot, init.as_str(), message));
            }
        }
    }
    problems.into_iter().collect()
}

/// Checks that all menus start the same system by default.
pub(super) fn defaults(systems: &[System]) -> Option<Problem> {
    let defaults: Vec<&System> = systems.iter().filter(|system| !system.default_of.is_empty()).collect();
    let [_, other, ..] = defaults.as_slice() else { return None };
    let starts = defaults.iter().map(|system| {
        let menus: Vec<&str> = system.default_of.iter().map(|loader| loader.menu()).collect();
        let verb = if menus.len() == 1 { "starts" } else { "start" };
        let name = system.specialisation.as_ref().map(|name| format!(" (specialisation {name})")).unwrap_or_default();
        format!("{} {verb} {}{name}", menus.join(" and "), system.path)
    });
    let message = format!("the menus start different systems by default: {}", starts.collect::<Vec<_>>().join(", "));
    Some(Problem::new(ProblemKind::Boot, other.path.to_string(), message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::menu::Loader;
    use crate::store::StorePath;

    #[test]
    fn the_first_byte_that_differs_is_told() {
        let long = vec![7; PART + 10];
        let mut changed = long.clone();
        changed[PART + 3] = 8;
        for (one, other, expected) in [
            (&b""[..], &b""[..], None),
            (b"abc", b"abd", Some(2)),
            (b"abc", b"ab", Some(2)),
            (&long, &long, None),
            (&long, &changed, Some(65_539)),
        ] {
            assert_eq!(first_difference(&mut &*one, &mut &*other).unwrap(), expected);
        }
    }

    #[test]
    fn a_system_that_only_one_menu_starts_is_told() {
        let entry = |file: &str, init: &str| MenuEntry {
            loader: if file.ends_with("grub.cfg") { Loader::GrubEfi } else { Loader::Isolinux },
            file: file.into(),
            init: Some(init.to_owned()),
            ..MenuEntry::default()
        };
        let both = [entry("/isolinux/isolinux.cfg", "/a/init"), entry("/EFI/BOOT/grub.cfg", "/a/init")];
        assert_eq!(menus(&both), []);
        let stale = [both[0].clone(), entry("/EFI/BOOT/grub.cfg", "/b/init"), entry("/EFI/BOOT/grub.cfg", "/b/init")];
        let told: Vec<_> = menus(&stale).into_iter().map(|problem| problem.message).collect();
        assert_eq!(
            told,
            [
                "/isolinux/isolinux.cfg starts it, but the UEFI menu does not",
                "/EFI/BOOT/grub.cfg starts it, but the BIOS menu does not"
            ]
        );
        assert_eq!(menus(&both[..1]), []);
    }

    #[test]
    fn menus_that_start_different_systems_by_default_are_a_problem() {
        let system = |letter: &str, default_of: &[Loader], specialisation: Option<&str>| System {
            path: StorePath::from_path(format!("/nix/store/{}-s", letter.repeat(32)).as_bytes()).unwrap(),
            title: None,
            default: false,
            default_of: default_of.to_vec(),
            offered: true,
            specialisation: specialisation.map(str::to_owned),
            present: true,
        };
        let both = system("a", &[Loader::Isolinux, Loader::GrubEfi], None);
        assert_eq!(defaults(&[both, system("b", &[], None)]), None);
        let one = system("a", &[Loader::Isolinux, Loader::GrubLegacy], None);
        let told = defaults(&[one, system("b", &[Loader::GrubEfi], Some("open"))]).unwrap().message;
        let (a, b) = ("a".repeat(32), "b".repeat(32));
        assert_eq!(
            told,
            format!(
                "the menus start different systems by default: the BIOS menu (isolinux) and the BIOS menu (GRUB 0.97) start \
                 /nix/store/{a}-s, the UEFI menu (GRUB) starts /nix/store/{b}-s (specialisation open)"
            )
        );
    }
}
