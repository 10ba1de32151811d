//! The software of an image: its store paths as packages, and which of them a system has installed.

use super::{Disc, ObjectKind, System, object_kind};
use crate::error::{Error, Place, Result, Troubles};
use crate::fs::walk::Walk;
use crate::fs::{FileType, Kind, Tree, path};
use crate::store::contents::{self, Object};
use crate::store::name::Name;
use crate::store::{Contents, StorePath};

/// Limit for the system-path links to follow if the registration lacks the references of the system path.
const MOST_LINKS: usize = 100_000;

/// The store of a disc as packages.
pub struct Software {
    /// The objects and their references.
    pub contents: Contents,
    /// For each object: whether the default system has it in its system path (`environment.systemPackages`).
    pub installed: Vec<bool>,
    /// The result of `environment.systemPackages` for each system, whatever its name.
    system_paths: Vec<StorePath>,
}

impl Software {
    /// Reads the store's registration, and what the default system has installed. An error that cuts the registration short
    /// is added to `troubles`.
    ///
    /// # Errors
    /// If there is no store, or it cannot be read.
    pub fn of(disc: &Disc<'_>, troubles: &mut Troubles) -> Result<Self> {
        let contents = disc.require_store()?.contents(troubles)?;
        let installed = match disc.default_system() {
            Ok(system) => installed(disc, &contents, system)?,
            Err(_) => vec![false; contents.objects.len()],
        };
        let there = disc.systems.iter().filter(|system| system.present);
        // If a specialisation cannot be read, its system path looks like software. That is no reason to fail.
        let system_paths = there.filter_map(|system| disc.system_path(system).ok().flatten()).collect();
        Ok(Self { contents, installed, system_paths })
    }

    /// The kind of an object. `None` if it is not in the image.
    ///
    /// # Errors
    /// If its inode or its directory cannot be read.
    pub fn kind(&self, disc: &Disc<'_>, index: usize) -> Result<Option<ObjectKind>> {
        let Some((object, place)) = self.object(index) else { return Ok(None) };
        if self.system_paths.contains(&object.path) {
            return Ok(Some(ObjectKind::System));
        }
        ObjectKind::of(disc.require_store()?.tree(), disc.tree(), &object.path, place).map(Some)
    }

    /// Whether an object is only the documentation or development files of its package.
    ///
    /// # Errors
    /// If its directory cannot be read.
    pub fn is_beside(&self, disc: &Disc<'_>, index: usize) -> Result<bool> {
        let Some((object, place)) = self.object(index) else { return Ok(false) };
        object_kind::is_beside(disc.require_store()?.tree(), &object.path, place)
    }

    fn object(&self, index: usize) -> Option<(&Object, contents::Place)> {
        let object = self.contents.objects.get(index)?;
        Some((object, object.node?))
    }

    /// The objects in the image, with their index.
    pub fn present(&self) -> impl Iterator<Item = (usize, &Object)> {
        self.contents.objects.iter().enumerate().filter(|(_, object)| object.node.is_some())
    }

    /// Whether an object is installed.
    #[must_use]
    pub fn is_installed(&self, index: usize) -> bool {
        self.installed.get(index).copied().unwrap_or(false)
    }
}

/// For each object, whether a system has it in its system path.
///
/// # Errors
/// If the system path cannot be read.
pub fn installed(disc: &Disc<'_>, contents: &Contents, system: &System) -> Result<Vec<bool>> {
    let mut installed = vec![false; contents.objects.len()];
    let Some(system_path) = disc.system_path(system)? else { return Ok(installed) };
    let Some(index) = contents.index(&system_path) else { return Ok(installed) };
    let registered = contents.objects.get(index).is_some_and(|object| object.record.is_some());
    let referred: Vec<usize> = if registered {
        contents.graph.of(index).filter(|&other| other != index).collect()
    } else {
        linked(disc.tree(), &system_path)?.iter().filter_map(|path| contents.index(path)).collect()
    };
    for index in referred {
        if let Some(flag) = installed.get_mut(index) {
            *flag = true;
        }
    }
    Ok(installed)
}

/// The store paths that the links of a system path lead to.
fn linked(tree: &dyn Tree, system_path: &StorePath) -> Result<Vec<StorePath>> {
    let root = system_path.to_string().into_bytes();
    let Some(found) = path::find(tree, &root)? else { return Ok(Vec::new()) };
    let mut paths: Vec<StorePath> = Vec::new();
    for (links, visit) in Walk::new(tree, found.id, &root).enumerate() {
        if links == MOST_LINKS {
            return Err(Error::Limit { what: "100,000 links of a system path", place: Place::File(root) });
        }
        let visit = visit?;
        if visit.file_type == FileType::Symlink
            && let Kind::Symlink { target } = tree.node(visit.id)?.kind
            && let Some((path, _)) = StorePath::containing(&target)
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// A name as people write it: `git 2.51.2`, `glibc 2.40-66 (bin)`.
#[must_use]
pub fn shown(path: &StorePath) -> String {
    let Name { pname, version, output } = Name::parse(path.name());
    if !version.starts_with(|letter: char| letter.is_ascii_digit()) {
        return path.name().to_owned();
    }
    let output = output.map(|output| format!(" ({output})")).unwrap_or_default();
    format!("{pname} {version}{output}")
}
