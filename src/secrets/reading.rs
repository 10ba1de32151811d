//! Reads every file once: each data block and each fragment block is decompressed once, however many files share it.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::scanner::{Scanner, Sighting};
use super::{Progress, Report, Secret};
use crate::error::{Error, Result};
use crate::fs::squashfs::{Archive, Fragment};
use crate::fs::walk::Walk;
use crate::fs::{FileType, Kind, NodeId, Tree, cpio, path};
use crate::nixos::Disc;
use crate::store::{Carrier, STORE};

/// Bytes that are read in one go.
const PART: usize = 1 << 18;

/// Troubles that are kept.
const MOST_TROUBLES: usize = 1_000;

/// Bytes of all files together; a hostile image can ask for millions of times as much.
const LARGEST: u64 = 4 << 40;

/// A file, and all its paths.
struct File {
    node: NodeId,
    paths: Vec<String>,
    size: u64,
    fragment: Option<Fragment>,
}

/// What files with the same contents have in common: first block, length, end, and the lengths of their blocks as stored.
type Contents = (u64, u64, Option<Fragment>, Vec<u32>);

/// Files that are searched by one thread, one behind the other.
struct Work {
    /// Where the first of their bytes are stored: threads go through the image from its start to its end.
    start: u64,
    /// The fragment block that all of them end in.
    fragment: Option<u32>,
    files: Vec<File>,
}

/// What all threads share.
struct Search<'s> {
    found: Mutex<Report>,
    done: AtomicU64,
    total: u64,
    progress: Progress<'s>,
}

pub(super) fn run(disc: &Disc<'_>, progress: Progress<'_>) -> Result<Report> {
    let mut report = Report::default();
    let store = disc.store.as_ref();
    let archive = store.and_then(|store| match &store.carrier {
        Carrier::Squashfs { archive, path } => Some((archive, path)),
        Carrier::Directory(_) => None,
    });
    let in_squashfs = match archive {
        Some((archive, _)) => plan(archive, &mut report),
        None => Vec::new(),
    };
    // The store's own squashfs is not searched as a file, its contents are.
    let packed = archive.and_then(|(_, path)| path.clone());
    let bare = archive.is_some() && packed.is_none();
    let own = if bare { Vec::new() } else { files(disc.own_tree(), packed.as_deref(), &mut report) };
    let bytes = in_squashfs.iter().flat_map(|work| &work.files).chain(&own).map(|file| file.size);
    let total = bytes.fold(0u64, u64::saturating_add);
    if total > LARGEST {
        let place = crate::error::Place::File(STORE.as_bytes().to_vec());
        return Err(Error::Limit { what: "contents of 4 TiB", place });
    }
    report.files =
        u64::try_from(in_squashfs.iter().map(|work| work.files.len()).sum::<usize>() + own.len()).unwrap_or(0);
    report.bytes = total;
    let search = Search { found: Mutex::new(report), done: AtomicU64::new(0), total, progress };
    if let Some((archive, _)) = archive {
        in_squashfs.par_iter().for_each(|work| search.work(archive, work));
    }
    let tree = disc.own_tree();
    own.par_iter().for_each(|file| search.file(tree, file));
    search.initrds(disc);
    Ok(search.found.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// The files of a squashfs, by the blocks that they need. Those with the same blocks are one file.
fn plan(archive: &Archive<'_>, report: &mut Report) -> Vec<Work> {
    let mut works: BTreeMap<(Option<u32>, u64), Work> = BTreeMap::new();
    let mut seen: HashMap<Contents, (Option<u32>, u64, usize)> = HashMap::new();
    for visit in Walk::new(archive, archive.root(), STORE.as_bytes()) {
        let visit = match visit {
            Ok(visit) if visit.file_type == FileType::File => visit,
            Ok(_) => continue,
            Err(error) => {
                keep(report, error);
                continue;
            }
        };
        let data = match archive.blocks(visit.id) {
            Ok(data) if data.size == 0 => continue,
            Ok(data) => data,
            Err(error) => {
                keep(report, error);
                continue;
            }
        };
        let (size, fragment) = (data.size, data.fragment);
        let start = data.blocks.clone().next().and_then(Result::ok).map_or(0, |block| block.stored.start);
        // Files that begin alike may go on otherwise, in an image that somebody made to hide one.
        let lengths: Vec<u32> = data.blocks.map(|block| block.map_or(u32::MAX, |block| block.stored.length)).collect();
        let stored = (start, size, fragment, lengths);
        let path = String::from_utf8_lossy(&visit.path).into_owned();
        if let Some((number, work, at)) = seen.get(&stored) {
            let known = works.get_mut(&(*number, *work)).and_then(|work| work.files.get_mut(*at));
            if let Some(file) = known {
                file.paths.push(path);
                continue;
            }
        }
        let number = fragment.map(|fragment| fragment.number);
        // Files that share a fragment block are one piece of work, the others are each their own.
        let key = (number, if number.is_some() { 0 } else { start });
        let work = works.entry(key).or_insert_with(|| Work { start: u64::MAX, fragment: number, files: Vec::new() });
        work.start = work.start.min(if start == 0 { u64::MAX } else { start });
        seen.insert(stored, (key.0, key.1, work.files.len()));
        work.files.push(File { node: visit.id, paths: vec![path], size, fragment });
    }
    let mut works: Vec<Work> = works.into_values().collect();
    works.sort_by_key(|work| (work.start, work.fragment));
    works
}

/// The files of a tree but the store's squashfs.
fn files(tree: &dyn Tree, packed: Option<&[u8]>, report: &mut Report) -> Vec<File> {
    let mut files = Vec::new();
    for visit in Walk::new(tree, tree.root(), b"/") {
        let file = visit.and_then(|visit| match visit.file_type {
            FileType::File if packed != Some(visit.path.as_slice()) => match tree.node(visit.id)?.kind {
                Kind::File { size } if size > 0 => {
                    let paths = vec![String::from_utf8_lossy(&visit.path).into_owned()];
                    Ok(Some(File { node: visit.id, paths, size, fragment: None }))
                }
                _ => Ok(None),
            },
            _ => Ok(None),
        });
        match file {
            Ok(file) => files.extend(file),
            Err(error) => keep(report, error),
        }
    }
    files
}

fn keep(report: &mut Report, error: Error) {
    if report.troubles.len() < MOST_TROUBLES {
        report.troubles.push(error);
    }
}

impl Search<'_> {
    fn work(&self, archive: &Archive<'_>, work: &Work) {
        let (mut buffer, mut tails, mut window) = (Vec::new(), Vec::new(), Vec::new());
        let tails = match work.fragment.map(|number| archive.fragment_block(archive.fragment(number)?, &mut tails)) {
            None => Ok(&[][..]),
            Some(Ok(tails)) => Ok(tails),
            Some(Err(error)) => Err(error),
        };
        // The blocks of the files are searched even so.
        let tails = tails.map_err(|error| self.trouble(error)).ok();
        for file in &work.files {
            if let Err(error) = self.packed(archive, file, (&mut buffer, &mut window, tails)) {
                self.trouble(error);
            }
            self.count(file.size);
        }
    }

    /// A file of a squashfs: its blocks, then its end in the fragment block.
    fn packed(
        &self,
        archive: &Archive<'_>,
        file: &File,
        room: (&mut Vec<u8>, &mut Vec<u8>, Option<&[u8]>),
    ) -> Result<()> {
        let (buffer, window, tails) = room;
        let path = file.paths.first().map(String::as_str).unwrap_or_default();
        let mut scanner = Scanner::new(path, window);
        for block in archive.blocks(file.node)?.blocks {
            let taken = block.and_then(|block| archive.data_block(block, buffer)).map(|bytes| scanner.take(bytes));
            if let Err(error) = taken {
                // What lies before the damage has been searched.
                self.found(scanner.finish(), &file.paths);
                return Err(error);
            }
        }
        if let Some(fragment) = file.fragment {
            let start = usize::try_from(fragment.offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(usize::try_from(fragment.size).unwrap_or(usize::MAX));
            match tails.map(|tails| tails.get(start..end)) {
                Some(Some(end)) => scanner.take(end),
                Some(None) => self.trouble(past_its_block(path)),
                None => {}
            }
        }
        self.found(scanner.finish(), &file.paths);
        Ok(())
    }

    /// A file of any tree.
    fn file(&self, tree: &dyn Tree, file: &File) {
        let path = file.paths.first().map(String::as_str).unwrap_or_default();
        let read = tree.open(file.node).and_then(|mut reader| scan(&mut reader, path));
        match read {
            Ok(sightings) => self.found(sightings, &file.paths),
            Err(error) => self.trouble(error),
        }
        self.count(file.size);
    }

    /// The members of each system's initrd, which are compressed as files of the store.
    fn initrds(&self, disc: &Disc<'_>) {
        let tree = disc.tree();
        let mut seen = Vec::new();
        for system in disc.systems.iter().filter(|system| system.present) {
            let searched = path::find(tree, format!("{}/initrd", system.path).as_bytes()).and_then(|found| {
                let Some(found) = found.filter(|found| !seen.contains(&found.path)) else { return Ok(()) };
                seen.push(found.path.clone());
                let file = String::from_utf8_lossy(&found.path).into_owned();
                let mut input = BufReader::with_capacity(PART, tree.open(found.id)?);
                cpio::read(&mut input, &file, &mut |member, contents| {
                    if member.is_file() {
                        let path = format!("{file} {}", String::from_utf8_lossy(&member.path));
                        let sightings = scan(contents, &path)?;
                        self.found(sightings, std::slice::from_ref(&path));
                    }
                    Ok(ControlFlow::Continue(()))
                })
                .map(|_| ())
            });
            if let Err(error) = searched {
                self.trouble(error);
            }
        }
    }

    fn found(&self, sightings: Vec<Sighting>, paths: &[String]) {
        if sightings.is_empty() {
            return;
        }
        let mut report = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for Sighting { offset, line, kind, what, fingerprint, known } in sightings {
            if known {
                report.known += paths.len();
                continue;
            }
            // Sorted and cut when all are there; this bounds what a hostile image can make us hold.
            let room = (10 * super::MOST).saturating_sub(report.secrets.len());
            report.further += paths.len().saturating_sub(room);
            report.secrets.extend(paths.iter().take(room).map(|path| Secret {
                path: path.clone(),
                offset,
                line,
                kind,
                what: what.clone(),
                fingerprint: fingerprint.clone(),
            }));
        }
    }

    fn trouble(&self, error: Error) {
        keep(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner), error);
    }

    fn count(&self, bytes: u64) {
        let done = self.done.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        (self.progress)(done, self.total);
    }
}

/// A file whose end lies past the end of its fragment block.
fn past_its_block(path: &str) -> Error {
    let place = crate::error::Place::File(path.as_bytes().to_vec());
    Error::Malformed { structure: "fragment block", field: "length, a file ends past it", place }
}

/// Searches what a reader gives.
fn scan(reader: &mut dyn Read, path: &str) -> Result<Vec<Sighting>> {
    let (mut buffer, mut window) = (vec![0; PART], Vec::new());
    let mut scanner = Scanner::new(path, &mut window);
    loop {
        let read = reader.read(&mut buffer).map_err(|error| Error::from_read(error, std::path::Path::new(path)))?;
        if read == 0 {
            return Ok(scanner.finish());
        }
        scanner.take(buffer.get(..read).unwrap_or_default());
    }
}
