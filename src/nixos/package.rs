//! The rows of a package list: each store path with its sizes.

use std::cmp::{Ordering, Reverse};
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::software::Software;
use super::{Disc, ObjectKind, why};
use crate::error::{Result, Troubles};
use crate::store::StorePath;
use crate::store::disk::{self, Space};
use crate::store::name::Name;
use crate::store::version;

/// A store path in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The path.
    pub path: StorePath,
    /// The index of its object in [`Contents`](crate::store::Contents).
    pub index: usize,
    /// Its kind. `None` if it cannot be read.
    pub kind: Option<ObjectKind>,
    /// Whether the default system has it in its system path.
    pub installed: bool,
    /// Length of its NAR in bytes, as registered.
    pub nar_size: Option<u64>,
    /// NAR bytes of its closure, including itself. `None` unless requested and registered.
    pub closure_size: Option<u64>,
    /// NAR bytes of what would go with it: itself, and what only it brings into the image. `None` unless requested and registered.
    pub added_size: Option<u64>,
    /// Compressed bytes on the disc. Shared blocks are divided among their users. `None` unless requested.
    pub disk_size: Option<u64>,
    /// SHA-256 of its NAR, as registered.
    pub nar_hash: Option<[u8; 32]>,
}

impl Package {
    /// Whether it is software. An unreadable store path may be.
    #[must_use]
    pub fn is_software(&self) -> bool {
        self.kind.is_none_or(|kind| kind == ObjectKind::Software)
    }
}

/// A size that needs more than the registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// NAR bytes of the closure: from the reference graph.
    Closure,
    /// NAR bytes of what would go with it: from the reference graph.
    Added,
    /// Bytes on the disc: from the inodes of all files.
    Disk,
}

/// The order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By path, like Nix.
    Path,
    /// The name, then the version.
    Name,
    /// The largest NAR first.
    Size,
    /// The largest closure first.
    Closure,
    /// The one with which most would go first.
    Added,
    /// The most bytes on the disc first.
    Disk,
}

/// The store paths of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packages {
    /// One for each existing store path, by path.
    pub rows: Vec<Package>,
    /// Where the bytes of the store went. `None` unless requested.
    pub space: Option<Space>,
}

/// The existing store paths, by path. Kinds and sizes on the disc that cannot be read are absent; `troubles` says why.
///
/// # Errors
/// If there is no store.
pub fn list(disc: &Disc<'_>, software: &Software, columns: &[Column], troubles: &mut Troubles) -> Result<Packages> {
    let objects = &software.contents.objects;
    let graph = &software.contents.graph;
    let nar_size = |index: usize| objects.get(index)?.record.as_ref()?.nar_size;
    let sized = (0..objects.len()).any(|index| nar_size(index).is_some());
    let sizes: Vec<u64> = (0..objects.len()).map(|index| nar_size(index).unwrap_or(0)).collect();
    let closures = (sized && columns.contains(&Column::Closure)).then(|| graph.closure_sizes(&sizes));
    let added = (sized && columns.contains(&Column::Added))
        .then(|| graph.added_sizes(why::roots(disc, software).into_iter().flatten(), &sizes));
    let usage = match columns.contains(&Column::Disk) {
        true => troubles.keep(disk::usage(disc.require_store()?, &software.contents, 0)),
        false => None,
    };
    let present: Vec<_> = software.present().collect();
    // The kind depends on the listing of each object.
    let kinds: Vec<_> = present.par_iter().map(|&(index, _)| software.kind(disc, index)).collect();
    let rows = present.into_iter().zip(kinds).map(|((index, object), kind)| Package {
        path: object.path.clone(),
        index,
        kind: troubles.keep(kind).flatten(),
        installed: software.is_installed(index),
        nar_size: nar_size(index),
        closure_size: closures
            .as_ref()
            .and_then(|sizes| sizes.get(index).copied())
            .filter(|_| nar_size(index).is_some()),
        added_size: added
            .as_ref()
            .and_then(|sizes| sizes.get(index).copied().flatten())
            .filter(|_| nar_size(index).is_some()),
        disk_size: usage.as_ref().and_then(|usage| usage.of(index)),
        nar_hash: object.record.as_ref().and_then(|record| record.nar_hash),
    });
    let rows = rows.collect();
    Ok(Packages { rows, space: usage.map(|usage| usage.space) })
}

/// Keeps only software that is there in more than one version.
pub fn keep_several_versions(rows: &mut Vec<Package>) {
    let mut versions: HashMap<String, HashSet<String>> = HashMap::new();
    for row in rows.iter().filter(|row| row.is_software()) {
        let name = Name::parse(row.path.name());
        versions.entry(name.pname.to_owned()).or_default().insert(name.release().to_owned());
    }
    let several = |row: &Package| versions.get(Name::parse(row.path.name()).pname).is_some_and(|found| found.len() > 1);
    rows.retain(|row| row.is_software() && several(row));
}

/// Sorts the rows. Equal rows stay in the order of their paths.
pub fn sort(rows: &mut [Package], order: Order) {
    match order {
        Order::Path => rows.sort_by(|one, other| one.path.cmp(&other.path)),
        Order::Name => rows.sort_by_cached_key(|row| ByName::of(&row.path)),
        Order::Size => rows.sort_by_key(|row| Reverse(row.nar_size)),
        Order::Closure => rows.sort_by_key(|row| Reverse(row.closure_size)),
        Order::Added => rows.sort_by_key(|row| Reverse(row.added_size)),
        Order::Disk => rows.sort_by_key(|row| Reverse(row.disk_size)),
    }
}

/// The key by which packages are sorted by name.
#[derive(PartialEq, Eq)]
struct ByName {
    folded: String,
    pname: String,
    version: String,
    output: Option<String>,
}

impl ByName {
    fn of(path: &StorePath) -> Self {
        let Name { pname, version, output } = Name::parse(path.name());
        let (folded, output) = (pname.to_ascii_lowercase(), output.map(str::to_owned));
        Self { folded, pname: pname.to_owned(), version: version.to_owned(), output }
    }
}

impl Ord for ByName {
    fn cmp(&self, other: &Self) -> Ordering {
        let names = self.folded.cmp(&other.folded).then_with(|| self.pname.cmp(&other.pname));
        names.then_with(|| version::compare(&self.version, &other.version)).then_with(|| self.output.cmp(&other.output))
    }
}

impl PartialOrd for ByName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
