//! Two trees, side by side.

use std::cmp::Ordering;
use std::path::Path;

use rayon::prelude::*;

use super::super::facts::{BOOT_INFO, is_isolinux};
use super::FirstDifference;
use crate::diff::Change;
use crate::diff::Pair;
use crate::error::{Error, Result, Troubles};
use crate::fs::squashfs::Archive;
use crate::fs::walk::{Visit, Walk};
use crate::fs::{FileType, Kind, Node, Tree, digest, path};
use crate::nixos::{Disc, Medium};
use crate::store::{Carrier, STORE};

/// Files that are compared together by all threads.
const BATCH: usize = 4096;

/// The longest file that is compared with parts of it masked.
const LONGEST_MASKED: u64 = 1 << 20;

/// The load address in an entry of a boot catalog, and the length of an entry (El Torito §2.2).
const ADDRESS: std::ops::Range<usize> = 8..12;
const ENTRY: usize = 32;

/// What comparing trees came to.
#[derive(Default)]
pub(super) struct Trees {
    /// The first file that differs.
    pub(super) first: Option<FirstDifference>,
    /// Files that differ.
    pub(super) files: u64,
    /// What differs besides contents, by name.
    pub(super) named: Vec<Change>,
    pub(super) troubles: Troubles,
}

/// A file that differs.
pub(super) struct Found {
    path: Vec<u8>,
    offset: Option<u64>,
    message: String,
}

impl Found {
    pub(super) fn new(path: &[u8], message: &str) -> Self {
        Self { path: path.to_vec(), offset: None, message: message.to_owned() }
    }
}

/// What differs in a file without being its contents.
#[derive(Clone, Copy)]
enum Aside {
    Catalog,
    BootInfo,
}

/// What comparing two files came to.
enum Compared {
    Same,
    Aside(Aside),
    From(u64),
}

/// Names, and files of the disc that have something to be masked.
struct Masks {
    catalogs: [Option<Vec<u8>>; 2],
}

impl Trees {
    /// Compares the files of two discs, all but the store's squashfs.
    pub(super) fn compare_discs(&mut self, old: &Disc<'_>, new: &Disc<'_>) {
        let left_out: Vec<Vec<u8>> = [old, new].into_iter().filter_map(packed).collect();
        let masks = Masks { catalogs: [old, new].map(catalog) };
        self.walk((old.own_tree(), new.own_tree()), b"/", &left_out, &masks);
    }

    /// Compares the files of two stores.
    pub(super) fn compare_stores(&mut self, old: &Archive<'_>, new: &Archive<'_>) {
        self.walk((old, new), STORE.as_bytes(), &[], &Masks { catalogs: [None, None] });
    }

    pub(super) fn tell(&mut self, found: Found) {
        self.files = self.files.saturating_add(1);
        if self.first.is_none() {
            let structure = "data of a file".to_owned();
            let Found { path, offset, message } = found;
            self.first = Some(FirstDifference { structure, path: Some(path), offset, message });
        }
    }

    /// Goes through both trees in the order of their paths. Files in both are compared by all threads.
    fn walk(&mut self, (old, new): (&dyn Tree, &dyn Tree), root: &[u8], left_out: &[Vec<u8>], masks: &Masks) {
        let (mut before, mut after) = (Walk::new(old, old.root(), root), Walk::new(new, new.root(), root));
        let (mut one, mut other) = (self.step(&mut before), self.step(&mut after));
        let mut batch: Vec<(Visit, Visit)> = Vec::new();
        loop {
            let order = match (&one, &other) {
                (None, None) => break,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(other)) => by_parts(&one.path).cmp(by_parts(&other.path)),
            };
            if order == Ordering::Equal {
                batch.extend(one.take().zip(other.take()));
                (one, other) = (self.step(&mut before), self.step(&mut after));
                if batch.len() < BATCH {
                    continue;
                }
            }
            // What comes before is told before.
            self.compare((old, new), &mut batch, left_out, masks);
            let alone = match order {
                Ordering::Less => one.take().map(|visit| (visit, "is only in the old image", &mut before, &mut one)),
                Ordering::Greater => {
                    other.take().map(|visit| (visit, "is only in the new image", &mut after, &mut other))
                }
                Ordering::Equal => None,
            };
            if let Some((visit, message, walk, next)) = alone {
                if visit.file_type == FileType::Directory {
                    walk.prune();
                }
                if !left_out.contains(&visit.path) {
                    self.tell(Found::new(&visit.path, message));
                }
                *next = self.step(walk);
            }
        }
        self.compare((old, new), &mut batch, left_out, masks);
    }

    fn step(&mut self, walk: &mut Walk<'_>) -> Option<Visit> {
        loop {
            match walk.next()? {
                Ok(visit) => return Some(visit),
                Err(error) => self.troubles.push(error),
            }
        }
    }

    fn compare(
        &mut self,
        (old, new): (&dyn Tree, &dyn Tree),
        batch: &mut Vec<(Visit, Visit)>,
        left_out: &[Vec<u8>],
        masks: &Masks,
    ) {
        let judged: Vec<_> = std::mem::take(batch)
            .into_par_iter()
            .filter(|(one, _)| !left_out.contains(&one.path))
            .map(|(one, other)| {
                let judged = judge((old, new), (&one, &other), masks);
                (one.path, judged)
            })
            .collect();
        for (path, judged) in judged {
            match judged {
                Ok(Judged { found, aside, other_attributes }) => {
                    if let Some(found) = found {
                        self.tell(found);
                    }
                    let name = String::from_utf8_lossy(&path);
                    match aside {
                        // The noise has the boot information table.
                        None | Some(Aside::BootInfo) => {}
                        Some(Aside::Catalog) => self.name(format!("addresses in the boot catalog {name}")),
                    }
                    if other_attributes {
                        self.name("times, owners or modes of files".to_owned());
                    }
                }
                Err(error) => self.troubles.push(error),
            }
        }
    }

    fn name(&mut self, what: String) {
        if !self.named.iter().any(|change| change.what == what) {
            self.named.push(Change { what, values: Pair::default() });
        }
    }
}

/// What differs in a file that both trees have.
struct Judged {
    found: Option<Found>,
    aside: Option<Aside>,
    /// Times, owners, or permissions other than that to execute, which no NAR has.
    other_attributes: bool,
}

fn judge((old, new): (&dyn Tree, &dyn Tree), (one, other): (&Visit, &Visit), masks: &Masks) -> Result<Judged> {
    let (before, after) = (old.node(one.id)?, new.node(other.id)?);
    let attributes = |node: &Node| (node.mode, node.uid, node.gid, node.mtime);
    let mut judged = Judged { found: None, aside: None, other_attributes: attributes(&before) != attributes(&after) };
    let found = |message: &str| Some(Found::new(&one.path, message));
    match (&before.kind, &after.kind) {
        (Kind::File { size }, Kind::File { size: other_size }) => {
            if before.mode & 0o111 != after.mode & 0o111 {
                judged.found = found("may be executed in one image and not in the other");
            }
            let failed = |error| Error::from_read(error, Path::new(&*String::from_utf8_lossy(&one.path)));
            let masked = masks.of(&one.path).filter(|_| size == other_size && *size <= LONGEST_MASKED);
            let differs = match masked {
                Some(aside) => aside.compare((old, new), (one, other))?,
                None => {
                    let at = digest::first_difference_of_readers(&mut *old.open(one.id)?, &mut *new.open(other.id)?)
                        .map_err(failed)?;
                    at.map_or(Compared::Same, Compared::From)
                }
            };
            match differs {
                Compared::Same => {}
                Compared::Aside(aside) => judged.aside = Some(aside),
                Compared::From(offset) => {
                    let message = "its contents differ".to_owned();
                    judged.found = Some(Found { path: one.path.clone(), offset: Some(offset), message });
                }
            }
        }
        (Kind::Symlink { target }, Kind::Symlink { target: other }) if target != other => {
            judged.found = found("leads elsewhere");
        }
        (one, other) if one.file_type() != other.file_type() => judged.found = found("is of another type"),
        (one, other) if one != other => judged.found = found("is another device"),
        _ => {}
    }
    Ok(judged)
}

impl Masks {
    fn of(&self, path: &[u8]) -> Option<Aside> {
        match self.catalogs.iter().flatten().any(|catalog| catalog == path) {
            true => Some(Aside::Catalog),
            false => is_isolinux(path).then_some(Aside::BootInfo),
        }
    }
}

impl Aside {
    /// Compares two files without what says where on the disc something lies.
    fn compare(self, (old, new): (&dyn Tree, &dyn Tree), (one, other): (&Visit, &Visit)) -> Result<Compared> {
        let read = |tree: &dyn Tree, visit: &Visit| path::read(tree, &visit.path, LONGEST_MASKED);
        let (mut before, mut after) = (read(old, one)?, read(new, other)?);
        if before == after {
            return Ok(Compared::Same);
        }
        for bytes in [&mut before, &mut after] {
            match self {
                Self::BootInfo => bytes.get_mut(BOOT_INFO).unwrap_or_default().fill(0),
                Self::Catalog => {
                    for entry in bytes.chunks_mut(ENTRY).skip(1) {
                        entry.get_mut(ADDRESS).unwrap_or_default().fill(0);
                    }
                }
            }
        }
        let differs = before.iter().zip(&after).position(|(one, other)| one != other);
        Ok(match differs.and_then(|at| u64::try_from(at).ok()) {
            Some(at) => Compared::From(at),
            None => Compared::Aside(self),
        })
    }
}

/// A path's names, in whose order a walk goes.
fn by_parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
}

fn packed(disc: &Disc<'_>) -> Option<Vec<u8>> {
    match disc.store.as_ref().map(|store| &store.carrier) {
        Some(Carrier::Squashfs { path, .. }) => path.clone(),
        _ => None,
    }
}

fn catalog(disc: &Disc<'_>) -> Option<Vec<u8>> {
    let Medium::Volume(volume) = &disc.carrier else { return None };
    let catalog = volume.boot_catalog().ok().flatten()?;
    volume.file_at(catalog.offset).map(|file| file.path)
}
