//! What an image could do without.

use super::software::Software;
use super::{Disc, ObjectKind, why};
use crate::error::{Result, Troubles};
use crate::fs::{FileType, Tree};
use crate::store::contents::Place;
use crate::store::disk::{self, Usage};
use crate::store::name::Name;

/// Levels below a store path in which files are looked at. Real ones have some twenty.
const DEEPEST: usize = 64;

/// Something that an image may not need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What it is.
    pub waste: Waste,
    /// The bytes on the disc that would be free without it.
    pub disk_size: u64,
    /// The store paths that are it or hold it, with their bytes on the disc, the largest first.
    pub objects: Vec<(usize, u64)>,
}

/// Kinds of things that an image may not need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waste {
    /// `-dev` outputs.
    Development,
    /// `-doc` and `-devdoc` outputs.
    Documentation,
    /// `-debug` outputs, and separate debug information in others.
    DebugInformation,
    /// Static libraries.
    StaticLibraries,
    /// Translations.
    Locales,
    /// The standard build environment.
    BuildEnvironment,
    /// Nix expressions of nixpkgs.
    NixpkgsSource,
    /// All but the largest version of a package.
    OtherVersions(String),
}

impl Waste {
    /// The name of the kind, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Documentation => "documentation",
            Self::DebugInformation => "debug-information",
            Self::StaticLibraries => "static-libraries",
            Self::Locales => "locales",
            Self::BuildEnvironment => "build-environment",
            Self::NixpkgsSource => "nixpkgs-source",
            Self::OtherVersions(_) => "other-versions",
        }
    }
}

/// What the image could do without, the largest first. Only names and sizes are read.
///
/// # Errors
/// If there is no store, or an inode or a directory cannot be read.
pub fn hints(disc: &Disc<'_>, software: &Software, troubles: &mut Troubles) -> Result<Vec<Hint>> {
    let store = disc.require_store()?;
    let usage = disk::usage(store, &software.contents, DEEPEST)?;
    let mut hints = Vec::new();
    let (mut development, mut documentation, mut environment, mut sources) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut packages: Vec<(String, String, usize)> = Vec::new();
    for (index, object) in software.present() {
        let name = Name::parse(object.path.name());
        let (pname, version) = (name.pname, name.release());
        match name.output {
            Some("dev") => development.push(index),
            Some("doc" | "devdoc") => documentation.push(index),
            None | Some("out" | "lib" | "bin") if pname == "stdenv" || pname.starts_with("stdenv-") => {
                environment.push(index);
            }
            None if object.node.is_some_and(|place| is_nixpkgs(store.tree(), place)) => sources.push(index),
            None if !version.is_empty() => packages.push((pname.to_owned(), version.to_owned(), index)),
            _ => {}
        }
    }
    for (waste, objects) in [
        (Waste::Development, development),
        (Waste::Documentation, documentation),
        (Waste::BuildEnvironment, environment),
        (Waste::NixpkgsSource, sources),
    ] {
        let gone = brought(disc, software, &objects);
        let disk_size = gone.into_iter().filter_map(|object| usage.of(object)).fold(0, u64::saturating_add);
        hints.push(Hint { waste, disk_size, objects: sized(objects, &usage) });
    }
    packages.sort();
    for versions in packages.chunk_by(|one, other| one.0 == other.0) {
        let objects = sized(other_versions(disc, software, &usage, versions, troubles), &usage);
        let disk_size = objects.iter().map(|(_, size)| *size).fold(0, u64::saturating_add);
        let pname = versions.first().map(|(pname, ..)| pname.clone()).unwrap_or_default();
        hints.push(Hint { waste: Waste::OtherVersions(pname), disk_size, objects });
    }
    hints.extend(files(&usage));
    hints.retain(|hint| hint.disk_size > 0);
    hints.sort_by_key(|hint| std::cmp::Reverse(hint.disk_size));
    Ok(hints)
}

/// The objects, and what only they bring into the image.
fn brought(disc: &Disc<'_>, software: &Software, objects: &[usize]) -> Vec<usize> {
    if objects.is_empty() {
        return Vec::new();
    }
    why::brought(software, &why::roots(disc, software), objects).only
}

/// The objects of all versions of a package but the one that takes up most.
fn other_versions(
    disc: &Disc<'_>,
    software: &Software,
    usage: &Usage,
    versions: &[(String, String, usize)],
    troubles: &mut Troubles,
) -> Vec<usize> {
    let is_software = |index: usize| software.kind(disc, index).map(|kind| kind == Some(ObjectKind::Software));
    let mut sizes: Vec<(u64, &str)> = Vec::new();
    let mut found: Vec<(&str, usize)> = Vec::new();
    if versions.chunk_by(|one, other| one.1 == other.1).nth(1).is_none() {
        return Vec::new();
    }
    for of_version in versions.chunk_by(|one, other| one.1 == other.1) {
        let mut size = None;
        for (_, version, index) in of_version {
            if troubles.keep(is_software(*index)) == Some(true) {
                found.push((version, *index));
                size = Some(size.unwrap_or(0u64).saturating_add(usage.of(*index).unwrap_or(0)));
            }
        }
        if let (Some(size), Some((_, version, _))) = (size, of_version.first()) {
            sizes.push((size, version));
        }
    }
    let kept = sizes.iter().max().map(|(_, version)| *version);
    found.into_iter().filter(|(version, _)| Some(*version) != kept).map(|(_, index)| index).collect()
}

/// What lies in store paths that are needed for something else.
fn files(usage: &Usage) -> Vec<Hint> {
    let mut hints: Vec<Hint> = Vec::new();
    for (index, branches) in usage.objects.iter().enumerate() {
        let root = branches.first().map_or(0, |root| root.path.len());
        for branch in branches.iter().filter(|branch| branch.disk_size > 0) {
            let Some(waste) = branch.path.get(root..).and_then(file_waste) else { continue };
            let place = hints.iter().position(|hint| hint.waste == waste).unwrap_or_else(|| {
                hints.push(Hint { waste, disk_size: 0, objects: Vec::new() });
                hints.len() - 1
            });
            let Some(hint) = hints.get_mut(place) else { continue };
            hint.disk_size = hint.disk_size.saturating_add(branch.disk_size);
            match hint.objects.last_mut().filter(|(last, _)| *last == index) {
                Some((_, size)) => *size = size.saturating_add(branch.disk_size),
                None => hint.objects.push((index, branch.disk_size)),
            }
        }
    }
    for hint in &mut hints {
        hint.objects.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    }
    hints
}

/// What a file is, by its path in the store path.
fn file_waste(path: &[u8]) -> Option<Waste> {
    let holds = |part: &[u8]| path.windows(part.len()).any(|window| window == part);
    if path.ends_with(b".a") && holds(b"/lib/") {
        Some(Waste::StaticLibraries)
    } else if path.ends_with(b".debug") || path.starts_with(b"/lib/debug/") {
        Some(Waste::DebugInformation)
    } else if path.starts_with(b"/share/locale/") || path.starts_with(b"/share/i18n/") {
        Some(Waste::Locales)
    } else {
        None
    }
}

/// Whether a directory has the files at the top of nixpkgs.
fn is_nixpkgs(tree: &dyn Tree, place: Place) -> bool {
    let has = |directory, name: &str| tree.lookup(directory, name.as_bytes()).ok().flatten();
    let holds = |directory| ["pkgs", "lib", "nixos", "default.nix"].iter().all(|name| has(directory, name).is_some());
    // Channels have it one level down.
    let below = |name| has(place.id, name).is_some_and(holds);
    place.file_type == FileType::Directory && (holds(place.id) || below("nixos") || below("nixpkgs"))
}

fn sized(objects: Vec<usize>, usage: &Usage) -> Vec<(usize, u64)> {
    let mut sized: Vec<(usize, u64)> =
        objects.into_iter().map(|object| (object, usage.of(object).unwrap_or(0))).collect();
    sized.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sized
}
