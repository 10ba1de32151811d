//! Reads every file once: each data block and each fragment block is decompressed once, however many files share it.
//!
//! The plan is not the one of `store::hashing`. A NAR must be hashed from its first byte to its last, so that plan orders store
//! objects and keeps the blocks that they share. A search needs no order: files with the same blocks are searched once for all
//! their paths, and the files of a fragment block side by side, so that nothing is kept. It also covers files outside of registered
//! store paths.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::{iter, mem, slice};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::rules::FileKind;
use super::scanner::{Scanner, Sighting};
use super::subject::Subject;
use super::{Report, Secret};
use super::{initrds, luks};
use crate::error::{Error, Result, Troubles};
use crate::fs::squashfs::{Archive, Fragment};
use crate::fs::walk::{Entered, Visit, Walk};
use crate::fs::{Entry, FileType, Kind, NodeId, Tree, digest, path};
use crate::image::Progress;
use crate::image::platform::OsStrExt;
use crate::nixos::Disc;
use crate::store::hashing::{LARGEST, too_much};
use crate::store::{Carrier, STORE};

/// Bytes that are read at once.
pub(super) const PART: usize = 1 << 18;

/// Bytes of a piece of work that counts as large.
const LARGE: u64 = 16 << 20;

/// Block lengths of a file that are compared one by one. Files with another number of blocks have another size.
const MOST_LENGTHS: usize = 64;

/// Limit for the size of all secrets before they are sorted and cut, in bytes. Most of it is paths.
const MOST_BYTES: usize = 64 << 20;

/// A file, and all its paths.
struct File {
    node: NodeId,
    paths: Vec<Vec<u8>>,
    size: u64,
    fragment: Option<Fragment>,
}

/// What files with the same contents have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Contents {
    /// Number, first byte and length of the fragment. It comes first, so that sorting puts the files of a fragment block side by
    /// side.
    fragment: Option<(u32, u32, u32)>,
    /// Where the first block is stored.
    start: u64,
    size: u64,
    /// Stored lengths of all blocks, or the digest of many: in an image that was made to hide a file, another may begin like it and
    /// go on differently.
    lengths: Vec<u32>,
}

/// Block lengths, in a form that stays short for a sparse file of a terabyte with thousands of names.
#[derive(Default)]
struct Lengths(Mutex<HashMap<NodeId, Vec<u32>>>);

impl Lengths {
    /// The lengths, or the SHA-256 of more than a few, which is computed once for all names of a file.
    fn of(&self, file: NodeId, all: impl Iterator<Item = u32> + Clone) -> Vec<u32> {
        let lengths: Vec<u32> = all.clone().take(MOST_LENGTHS + 1).collect();
        if lengths.len() <= MOST_LENGTHS {
            return lengths;
        }
        let known = |digests: &HashMap<NodeId, Vec<u32>>| digests.get(&file).cloned();
        if let Some(digest) = known(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return digest;
        }
        let mut hasher = Sha256::new();
        all.for_each(|length| hasher.update(length.to_le_bytes()));
        let digest: [u8; 32] = hasher.finalize().into();
        let digest: Vec<u32> = digest.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file, digest.clone());
        digest
    }
}

/// A file of a squashfs.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    contents: Contents,
    path: Vec<u8>,
    node: NodeId,
}

/// Files that one thread searches in sequence.
struct Work {
    /// Where the first of their bytes is stored.
    start: u64,
    /// The fragment block that all of them end in.
    fragment: Option<u32>,
    files: Vec<File>,
}

/// Buffers that a thread reuses.
#[derive(Default)]
struct Room {
    /// A fragment block.
    tails: Vec<u8>,
    /// A data block.
    block: Vec<u8>,
    window: Vec<u8>,
}

/// What all threads share.
struct Search<'s> {
    found: Mutex<Report>,
    /// Bytes of the secrets that were found.
    held: AtomicUsize,
    done: AtomicU64,
    total: u64,
    progress: Progress<'s>,
}

pub(super) fn run(disc: &Disc<'_>, progress: Progress<'_>) -> Result<Report> {
    let mut report = Report::default();
    let store = disc.store.as_ref();
    let archive = store.and_then(|store| match &store.carrier {
        Carrier::Squashfs { archive, path } => Some((archive, path)),
        Carrier::Directory(_) | Carrier::Tree(_) => None,
    });
    let in_squashfs = match archive {
        Some((archive, _)) => plan(archive, &mut report.troubles),
        None => Vec::new(),
    };
    // The store's own squashfs is not searched as a file: its contents are.
    let packed = archive.and_then(|(_, path)| path.clone());
    let bare = archive.is_some() && packed.is_none();
    let own = if bare { Vec::new() } else { files(disc.own_tree(), packed.as_deref(), &mut report.troubles) };
    let bytes = in_squashfs.iter().flat_map(|work| &work.files).chain(&own).map(|file| file.size);
    let total = bytes.fold(0u64, u64::saturating_add);
    if total > LARGEST {
        return Err(too_much());
    }
    report.files =
        u64::try_from(in_squashfs.iter().map(|work| work.files.len()).sum::<usize>() + own.len()).unwrap_or(0);
    report.bytes = total;
    let search =
        Search { found: Mutex::new(report), held: AtomicUsize::new(0), done: AtomicU64::new(0), total, progress };
    rayon::scope(|scope| {
        let search = &search;
        scope.spawn(move |_| {
            let found = |sightings, path| search.found(sightings, slice::from_ref(&path));
            let (keys, troubles) = initrds::search(disc, &found);
            search.with(|report| report.troubles.append(troubles));
            let troubles = luks::search(disc, keys, &found);
            search.with(|report| report.troubles.append(troubles));
        });
        if let Some((archive, _)) = archive {
            let works = in_squashfs.iter().par_bridge();
            works.for_each_init(Room::default, |room, work| search.work(archive, work, room));
        }
        own.par_iter().for_each(|file| search.file(disc.own_tree(), file));
    });
    let mut report = search.found.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.troubles.sort();
    Ok(report)
}

/// The files of a squashfs, grouped by the blocks that they need. Those with the same blocks are one file.
fn plan(archive: &Archive<'_>, troubles: &mut Troubles) -> Vec<Work> {
    let mut listed: Vec<Listed> = list(archive).into_iter().filter_map(|file| troubles.keep(file)).collect();
    listed.par_sort_unstable();
    let mut works: Vec<Work> = Vec::new();
    let same = |one: &Listed, other: &Listed| one.contents == other.contents;
    for files in listed.chunk_by_mut(same) {
        let paths = files.iter_mut().map(|file| mem::take(&mut file.path)).collect();
        let Some(Listed { node, contents, .. }) = files.first() else { continue };
        let Contents { fragment, start, size, .. } = *contents;
        let number = fragment.map(|(number, ..)| number);
        let fragment = fragment.map(|(number, offset, size)| Fragment { number, offset, size });
        let file = File { node: *node, paths, size, fragment };
        let first = if start == 0 { u64::MAX } else { start };
        // Files that share a fragment block are one piece of work. Each other file is a piece of its own.
        match works.last_mut().filter(|work| number.is_some() && work.fragment == number) {
            Some(work) => {
                work.start = work.start.min(first);
                work.files.push(file);
            }
            None => works.push(Work { start: first, fragment: number, files: vec![file] }),
        }
    }
    // Large ones first, so that no thread is left with one at the end.
    let large = |work: &Work| work.files.iter().map(|file| file.size).fold(0, u64::saturating_add) / LARGE;
    works.sort_by_cached_key(|work| (Reverse(large(work)), work.start, work.fragment));
    works
}

/// The files of a squashfs that are not empty. Its store paths are walked in parallel.
fn list(archive: &Archive<'_>) -> Vec<Result<Listed>> {
    let entries = match archive.entries(archive.root()) {
        Ok(entries) => entries,
        Err(error) => return vec![Err(error)],
    };
    let (entered, lengths) = (Entered::default(), Lengths::default());
    let below = |entry: Entry| {
        let path = path::join(STORE.as_bytes(), &entry.name);
        let own = Visit { path, id: entry.id, file_type: entry.file_type };
        let walk = (own.file_type == FileType::Directory)
            .then(|| Walk::new(archive, own.id, &own.path).sharing(Arc::clone(&entered)));
        let visits = iter::once(Ok(own)).chain(walk.into_iter().flatten());
        visits.filter_map(|visit| listed(archive, visit, &lengths).transpose()).collect::<Vec<_>>()
    };
    let lists: Vec<_> = entries.into_par_iter().map(below).collect();
    lists.into_iter().flatten().collect()
}

fn listed(archive: &Archive<'_>, visit: Result<Visit>, lengths: &Lengths) -> Result<Option<Listed>> {
    let visit = visit?;
    if visit.file_type != FileType::File {
        return Ok(None);
    }
    let data = archive.blocks(visit.id)?;
    if data.size == 0 {
        return Ok(None);
    }
    let fragment = data.fragment.map(|fragment| (fragment.number, fragment.offset, fragment.size));
    let start = data.blocks.clone().next().and_then(Result::ok).map_or(0, |block| block.stored.start);
    let lengths = lengths.of(visit.id, data.blocks.map(|block| block.map_or(u32::MAX, |block| block.stored.length)));
    let contents = Contents { fragment, start, size: data.size, lengths };
    Ok(Some(Listed { contents, path: visit.path, node: visit.id }))
}

/// The files of a tree, without the store's squashfs.
fn files(tree: &dyn Tree, packed: Option<&[u8]>, troubles: &mut Troubles) -> Vec<File> {
    let mut files = Vec::new();
    for visit in Walk::new(tree, tree.root(), b"/") {
        let file = visit.and_then(|visit| match visit.file_type {
            FileType::File if packed != Some(visit.path.as_slice()) => match tree.node(visit.id)?.kind {
                Kind::File { size } if size > 0 => {
                    Ok(Some(File { node: visit.id, paths: vec![visit.path], size, fragment: None }))
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        });
        files.extend(troubles.keep(file).flatten());
    }
    files
}

impl Search<'_> {
    fn work(&self, archive: &Archive<'_>, work: &Work, room: &mut Room) {
        let Room { tails, block, window } = room;
        let tails = match work.fragment.map(|number| archive.fragment_block(archive.fragment(number)?, tails)) {
            None => Ok(&[][..]),
            Some(Ok(tails)) => Ok(tails),
            Some(Err(error)) => Err(error),
        };
        // The data blocks of the files are searched anyway.
        let tails = tails.map_err(|error| self.trouble(error)).ok();
        for file in &work.files {
            if let Err(error) = self.packed(archive, file, (block, window, tails)) {
                self.trouble(error);
            }
            self.count(file.size);
        }
    }

    /// A file of a squashfs: its data blocks, then its tail in the fragment block.
    fn packed(
        &self,
        archive: &Archive<'_>,
        file: &File,
        (buffer, window, tails): (&mut Vec<u8>, &mut Vec<u8>, Option<&[u8]>),
    ) -> Result<()> {
        let mut scanner = Scanner::new(FileKind::of(file.paths.iter().map(Vec::as_slice)), window);
        for block in archive.blocks(file.node)?.blocks {
            let taken = block.and_then(|block| match block.stored.length {
                0 => {
                    scanner.skip(block.size.into());
                    Ok(())
                }
                _ => archive.data_block(block, buffer).map(|bytes| scanner.take(bytes)),
            });
            if let Err(error) = taken {
                // The part before the damage has been searched.
                self.found(scanner.finish(&[]), &file.paths);
                return Err(error);
            }
        }
        let end = file.fragment.zip(tails).map(|(fragment, tails)| {
            let start = usize::try_from(fragment.offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(usize::try_from(fragment.size).unwrap_or(usize::MAX));
            tails.get(start..end)
        });
        if end == Some(None) {
            self.trouble(past_its_block(file.paths.first().map(Vec::as_slice).unwrap_or_default()));
        }
        self.found(scanner.finish(end.flatten().unwrap_or_default()), &file.paths);
        Ok(())
    }

    /// A file of any tree.
    fn file(&self, tree: &dyn Tree, file: &File) {
        let path = file.paths.first().map(Vec::as_slice).unwrap_or_default();
        let read = tree.open(file.node).and_then(|mut reader| scan(&mut reader, path));
        match read {
            Ok(sightings) => self.found(sightings, &file.paths),
            Err(error) => self.trouble(error),
        }
        self.count(file.size);
    }

    fn found(&self, sightings: Vec<Sighting>, paths: &[Vec<u8>]) {
        if sightings.is_empty() {
            return;
        }
        let mut report = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for Sighting { offset, line, kind, what, subject, fingerprint, known, .. } in once_each(sightings) {
            if known {
                report.known += paths.len();
                continue;
            }
            // Sorted and cut once all are found. This bounds how much a hostile image can make us hold.
            for path in paths {
                let held = self.held.fetch_add(path.len() + size_of::<Secret>(), Ordering::Relaxed);
                if report.secrets.len() >= 10 * super::MOST || held > MOST_BYTES {
                    report.further += 1;
                    continue;
                }
                let (what, subject, fingerprint) = (what.clone(), subject.clone(), fingerprint.clone());
                report.secrets.push(Secret { path: path.clone(), offset, line, kind, what, subject, fingerprint });
            }
        }
    }

    fn trouble(&self, error: Error) {
        self.with(|report| report.troubles.push(error));
    }

    fn with(&self, change: impl FnOnce(&mut Report)) {
        change(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn count(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        (self.progress)(done, self.total);
    }
}

/// Lists a user's secret once, even if `hashedPassword` and `initialHashedPassword` on one line are the same.
fn once_each(sightings: Vec<Sighting>) -> impl Iterator<Item = Sighting> {
    let mut seen = HashSet::new();
    sightings.into_iter().filter(move |sighting| match (&sighting.subject, sighting.known) {
        (Some(subject @ Subject::User(_)), false) => {
            let Sighting { line, kind, what, fingerprint, .. } = sighting;
            seen.insert((subject.clone(), *line, *kind, what.clone(), fingerprint.clone()))
        }
        _ => true,
    })
}

/// The error for a file whose end is past the end of its fragment block.
fn past_its_block(path: &[u8]) -> Error {
    let place = crate::error::Place::File(path.to_vec());
    Error::Malformed { structure: "fragment block", field: "length, a file ends past it", place }
}

/// Searches the whole contents of a reader.
pub(super) fn scan(reader: &mut dyn Read, path: &[u8]) -> Result<Vec<Sighting>> {
    let mut window = Vec::new();
    let mut scanner = Scanner::new(FileKind::of(iter::once(path)), &mut window);
    let read = digest::parts(reader, &mut |bytes| scanner.take(bytes));
    read.map_err(|error| Error::from_read(error, Path::new(OsStr::from_bytes(path))))?;
    Ok(scanner.finish(&[]))
}
