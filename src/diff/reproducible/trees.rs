//! Two trees, side by side.

use std::cmp::Ordering;
use std::path::Path;

use rayon::prelude::*;

use super::{FirstDifference, Reason, Structure};
use crate::diff::facts::{BOOT_INFO, is_isolinux};
use crate::diff::{Change, Pair};
use crate::error::{Error, Result, Troubles};
use crate::fs::digest;
use crate::fs::squashfs::Archive;
use crate::fs::walk::{Visit, Walk};
use crate::fs::{FileType, Kind, Node, Tree, path};
use crate::nixos::{Disc, Medium};
use crate::store::{Carrier, STORE};

/// Files that all threads compare together.
const BATCH: usize = 4096;

/// Length of the longest file that is compared with addresses masked.
const LONGEST_MASKED: u64 = 1 << 20;

/// The load address in an entry of a boot catalog, and the length of an entry (El Torito §2.2).
const ADDRESS: std::ops::Range<usize> = 8..12;
const ENTRY: usize = 32;

/// How two trees compare.
#[derive(Default)]
pub(super) struct Trees {
    /// The first file that differs.
    pub(super) first: Option<FirstDifference>,
    /// How many files differ.
    pub(super) files: u64,
    /// What differs besides contents, by name.
    pub(super) named: Vec<Change>,
    pub(super) troubles: Troubles,
}

/// A file that differs.
pub(super) struct Found {
    path: Vec<u8>,
    offset: Option<u64>,
    reason: Reason,
}

impl Found {
    pub(super) fn new(path: &[u8], reason: Reason) -> Self {
        Self { path: path.to_vec(), offset: None, reason }
    }
}

/// What differs in a file although its contents count as the same.
#[derive(Clone, Copy)]
enum Aside {
    Catalog,
    BootInfo,
}

/// How two files compare.
enum Compared {
    Same,
    Aside(Aside),
    From(u64),
}

/// Files of the disc that are not compared, and those that hold addresses.
#[derive(Default)]
struct Exceptions {
    /// The squashfs of a store, which is compared by itself.
    left_out: Vec<Vec<u8>>,
    catalogs: Vec<Vec<u8>>,
}

impl Trees {
    /// Compares the files of two discs, except the squashfs of the store.
    pub(super) fn compare_discs(&mut self, discs: Pair<&Disc<'_>>) {
        let exceptions = Exceptions {
            left_out: discs.into_iter().filter_map(packed).collect(),
            catalogs: discs.into_iter().filter_map(catalog).collect(),
        };
        self.walk(discs.map(Disc::own_tree), b"/", &exceptions);
    }

    /// Compares the files of two stores.
    pub(super) fn compare_stores(&mut self, archives: Pair<&Archive<'_>>) {
        self.walk(archives.map(|archive| -> &dyn Tree { archive }), STORE.as_bytes(), &Exceptions::default());
    }

    pub(super) fn report(&mut self, found: Found) {
        self.files = self.files.saturating_add(1);
        if self.first.is_none() {
            let Found { path, offset, reason } = found;
            self.first = Some(FirstDifference { structure: Structure::FileData, path: Some(path), offset, reason });
        }
    }

    /// Goes through both trees in the order of their paths. All threads compare the files that both have.
    fn walk(&mut self, trees: Pair<&dyn Tree>, root: &[u8], exceptions: &Exceptions) {
        let mut walks = trees.map(|tree| Walk::new(tree, tree.root(), root));
        let mut next = walks.as_mut().map(|walk| self.step(walk));
        let mut batch: Vec<Pair<Visit>> = Vec::new();
        loop {
            let order = match next.as_ref().map(Option::as_ref) {
                Pair { old: None, new: None } => break,
                Pair { old: Some(_), new: None } => Ordering::Less,
                Pair { old: None, new: Some(_) } => Ordering::Greater,
                Pair { old: Some(old), new: Some(new) } => by_parts(&old.path).cmp(by_parts(&new.path)),
            };
            if order == Ordering::Equal {
                batch.extend(next.old.take().zip(next.new.take()).map(|(old, new)| Pair { old, new }));
                next = walks.as_mut().map(|walk| self.step(walk));
                if batch.len() < BATCH {
                    continue;
                }
            }
            // Earlier files are reported first.
            self.compare(trees, &mut batch, exceptions);
            let Pair { old, new } = next.as_mut().zip(walks.as_mut());
            match order {
                Ordering::Less => self.alone(old, Reason::OnlyOld, exceptions),
                Ordering::Greater => self.alone(new, Reason::OnlyNew, exceptions),
                Ordering::Equal => {}
            }
        }
        self.compare(trees, &mut batch, exceptions);
    }

    /// Reports a file that only one tree has, and goes on to the next.
    fn alone(&mut self, (next, walk): (&mut Option<Visit>, &mut Walk<'_>), reason: Reason, exceptions: &Exceptions) {
        let Some(visit) = next.take() else { return };
        if visit.file_type == FileType::Directory {
            walk.prune();
        }
        if !exceptions.left_out.contains(&visit.path) {
            self.report(Found::new(&visit.path, reason));
        }
        *next = self.step(walk);
    }

    fn step(&mut self, walk: &mut Walk<'_>) -> Option<Visit> {
        loop {
            match walk.next()? {
                Ok(visit) => return Some(visit),
                Err(error) => self.troubles.push(error),
            }
        }
    }

    fn compare(&mut self, trees: Pair<&dyn Tree>, batch: &mut Vec<Pair<Visit>>, exceptions: &Exceptions) {
        let judged: Vec<_> = std::mem::take(batch)
            .into_par_iter()
            .filter(|visits| !exceptions.left_out.contains(&visits.old.path))
            .map(|visits| {
                let judged = judge(trees.zip(visits.as_ref()), exceptions.aside(&visits.old.path));
                (visits.old.path, judged)
            })
            .collect();
        for (path, judged) in judged {
            match judged {
                Ok(Judged { found, aside, other_attributes }) => {
                    if let Some(found) = found {
                        self.report(found);
                    }
                    let name = String::from_utf8_lossy(&path);
                    match aside {
                        // The noise includes the boot information table.
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

/// How a file differs that both trees have.
struct Judged {
    found: Option<Found>,
    aside: Option<Aside>,
    /// Whether times, owners or permissions differ. A NAR has only the permission to execute.
    other_attributes: bool,
}

/// A file in its tree.
type Placed<'t> = (&'t dyn Tree, &'t Visit);

fn judge(files: Pair<Placed<'_>>, aside: Option<Aside>) -> Result<Judged> {
    let path = &files.old.1.path;
    let ((old_tree, old_visit), (new_tree, new_visit)) = (files.old, files.new);
    let nodes = Pair { old: old_tree.node(old_visit.id)?, new: new_tree.node(new_visit.id)? };
    let attributes = nodes.as_ref().map(|node: &Node| (node.mode, node.uid, node.gid, node.mtime));
    let mut judged = Judged { found: None, aside: None, other_attributes: attributes.differs() };
    let found = |reason| Some(Found::new(path, reason));
    match (&nodes.old.kind, &nodes.new.kind) {
        (Kind::File { size }, Kind::File { size: new_size }) => {
            if nodes.as_ref().map(|node| node.mode & 0o111).differs() {
                judged.found = found(Reason::Executable);
            }
            let aside = aside.filter(|_| size == new_size && *size <= LONGEST_MASKED);
            let compared = match aside {
                Some(aside) => aside.compare(files)?,
                None => compare(files)?,
            };
            match compared {
                Compared::Same => {}
                Compared::Aside(aside) => judged.aside = Some(aside),
                Compared::From(offset) => {
                    judged.found = Some(Found { offset: Some(offset), ..Found::new(path, Reason::Contents) });
                }
            }
        }
        (Kind::Symlink { target }, Kind::Symlink { target: new }) if target != new => {
            judged.found = found(Reason::Target);
        }
        (old, new) if old.file_type() != new.file_type() => judged.found = found(Reason::FileType),
        (old, new) if old != new => judged.found = found(Reason::Device),
        _ => {}
    }
    Ok(judged)
}

/// Compares the contents of two files.
fn compare(files: Pair<Placed<'_>>) -> Result<Compared> {
    let ((old, old_visit), (new, new_visit)) = (files.old, files.new);
    let failed = |error| Error::from_read(error, Path::new(&*String::from_utf8_lossy(&old_visit.path)));
    let at = digest::first_difference_of_readers(&mut *old.open(old_visit.id)?, &mut *new.open(new_visit.id)?)
        .map_err(failed)?;
    Ok(at.map_or(Compared::Same, Compared::From))
}

impl Exceptions {
    /// What in the file may differ although its contents count as the same.
    fn aside(&self, path: &[u8]) -> Option<Aside> {
        match self.catalogs.iter().any(|catalog| catalog == path) {
            true => Some(Aside::Catalog),
            false => is_isolinux(path).then_some(Aside::BootInfo),
        }
    }
}

impl Aside {
    /// Compares two files without the addresses in them.
    fn compare(self, files: Pair<Placed<'_>>) -> Result<Compared> {
        let Pair { old, new } = files.map(|(tree, visit)| path::read(tree, &visit.path, LONGEST_MASKED));
        let mut contents = Pair { old: old?, new: new? };
        if !contents.differs() {
            return Ok(Compared::Same);
        }
        for bytes in contents.as_mut() {
            match self {
                Self::BootInfo => bytes.get_mut(BOOT_INFO).unwrap_or_default().fill(0),
                Self::Catalog => {
                    for entry in bytes.chunks_mut(ENTRY).skip(1) {
                        entry.get_mut(ADDRESS).unwrap_or_default().fill(0);
                    }
                }
            }
        }
        let differs = contents.old.iter().zip(&contents.new).position(|(old, new)| old != new);
        Ok(match differs.and_then(|at| u64::try_from(at).ok()) {
            Some(at) => Compared::From(at),
            None => Compared::Aside(self),
        })
    }
}

/// The names in a path. A walk goes in their order.
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
