//! Hashes one object: its NAR, step by step, while other threads decompress later blocks.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use sha2::{Digest, Sha256};

use super::ahead::{AheadBlock, Task};
use super::crew::Crew;
use super::object::{Damage, FileBlock, Outcome, Step, Steps};
use super::plan::Item;
use crate::error::{Error, Place};
use crate::fs::squashfs::Archive;
use crate::store::Carrier;
use crate::store::nar::Contents;

/// How many steps to look ahead for blocks. Small files have three each.
const LOOK_AHEAD: usize = 4096;

/// Bytes of a file on the disc that are hashed at once, and bytes between two progress reports.
const PART: u64 = 1 << 20;

/// Hashes one object.
pub(super) struct Hasher<'h, 's> {
    crew: &'h Crew<'s>,
    buffer: &'h mut Vec<u8>,
    outcome: Outcome,
    /// Bytes not yet reported as progress.
    unreported: u64,
}

/// A step found by looking ahead, and the block that another thread may decompress for it.
type Seen = (Step, Option<Arc<AheadBlock>>);

impl<'h, 's> Hasher<'h, 's> {
    pub(super) fn new(crew: &'h Crew<'s>, buffer: &'h mut Vec<u8>) -> Self {
        Self { crew, buffer, outcome: Outcome::default(), unreported: 0 }
    }

    pub(super) fn run(mut self, item: Item) -> Outcome {
        let mut digest = NarHash(item.hashed.then(Sha256::new));
        let mut steps = Steps::new(self.crew.store, item.node);
        // The steps found by looking ahead, and the decompressed size of their blocks.
        let mut window: VecDeque<Seen> = VecDeque::new();
        let (mut open, mut last) = (0u64, None);
        loop {
            let ahead = self.crew.ahead(item);
            while window.is_empty() || (open < ahead && window.len() < LOOK_AHEAD) {
                let Some(step) = steps.next() else { break };
                let block = if ahead > 0 { self.offer(&step, &mut last) } else { None };
                open = open.saturating_add(weight(&step));
                window.push_back((step, block));
            }
            let Some((step, block)) = window.pop_front() else { break };
            open = open.saturating_sub(weight(&step));
            self.step(step, block, &window, &mut digest);
        }
        self.report(0, 1);
        let hash = digest.0.filter(|_| self.outcome.damages.is_empty());
        Outcome { hash: hash.map(|digest| digest.finalize().into()), ..self.outcome }
    }

    /// Offers the block that a step needs to other threads.
    fn offer(&self, step: &Step, last: &mut Option<u32>) -> Option<Arc<AheadBlock>> {
        match step {
            Step::Block(_, FileBlock { first, data })
                if data.stored.compressed && data.stored.length > 0 && !self.crew.copies.has(*first, *data) =>
            {
                let block = Arc::new(AheadBlock::new(*data));
                self.crew.offer(Task::Block(Arc::clone(&block)));
                Some(block)
            }
            Step::Fragment(_, fragment) => {
                if last.replace(fragment.number) != Some(fragment.number) {
                    self.crew.offer(Task::Fragment(fragment.number));
                }
                None
            }
            _ => None,
        }
    }

    fn step(&mut self, step: Step, block: Option<Arc<AheadBlock>>, window: &VecDeque<Seen>, digest: &mut NarHash) {
        match step {
            Step::Text(text) => {
                digest.take(&text);
                self.count(u64::try_from(text.len()).unwrap_or(u64::MAX));
            }
            Step::Block(path, part) => {
                if let Some((archive, _)) = &self.crew.squashfs {
                    let archive: &Archive<'_> = archive;
                    self.block(archive, (&path, part), block.as_deref(), window, digest);
                }
                self.count(u64::from(part.data.size));
            }
            Step::Fragment(path, fragment) => {
                if let Some((_, fragments)) = &self.crew.squashfs
                    && let Err(damage) = fragments.read(fragment, |bytes| digest.take(bytes))
                {
                    self.outcome.damaged(&path, damage);
                }
                self.count(u64::from(fragment.size));
            }
            Step::File(contents) => {
                if let Err(error) = self.file(&contents, digest) {
                    self.outcome.damaged(&contents.path, Damage::of(&error));
                }
            }
            Step::Trouble(path, error) => self.outcome.damaged(&path, Damage::of(&error)),
        }
        if !self.outcome.damages.is_empty() {
            digest.0 = None; // nothing to compare any more
        }
    }

    fn block(
        &mut self,
        archive: &Archive<'_>,
        (path, FileBlock { first, data }): (&[u8], FileBlock),
        block: Option<&AheadBlock>,
        window: &VecDeque<Seen>,
        digest: &mut NarHash,
    ) {
        let crew = self.crew;
        if let Some(copy) = crew.copies.take(first, data) {
            block.iter().for_each(|block| block.cancel());
            return digest.take(&copy);
        }
        // Decompress a later block instead of waiting for this one.
        let later =
            || window.iter().filter_map(|seen| seen.1.as_ref()).any(|block| block.run(archive, || crew.spare()));
        let made = match block.and_then(|block| block.take(later)) {
            Some(Ok(bytes)) => {
                crew.copies.keep(first, data, &bytes);
                digest.take(&bytes);
                let mut spare = crew.spare.lock().unwrap_or_else(PoisonError::into_inner);
                spare.push(bytes);
                Ok(())
            }
            Some(Err(error)) => Err(error),
            None => archive.data_block(data, self.buffer).map(|bytes| {
                crew.copies.keep(first, data, bytes);
                digest.take(bytes);
            }),
        };
        if let Err(error) = made {
            self.outcome.damaged(path, Damage::of(&error).at(archive, data.stored));
        }
    }

    /// Hashes a file on the disc itself.
    fn file(&mut self, contents: &Contents, digest: &mut NarHash) -> Result<(), Error> {
        let region = match &self.crew.store.carrier {
            Carrier::Directory(volume) => Some(volume.file_region(contents.id)),
            Carrier::Squashfs { .. } | Carrier::Tree(_) => None,
        };
        let mut hashed = 0u64;
        match region {
            Some(Ok(region)) => {
                while hashed < region.length() {
                    let length = PART.min(region.length() - hashed);
                    digest.take(&region.bytes("file", hashed, length)?);
                    hashed += length;
                    self.count(length);
                }
            }
            // Compressed with zisofs, or in pieces.
            Some(Err(Error::Unsupported { .. })) | None => {
                let mut reader = self.crew.store.tree().open(contents.id)?;
                self.buffer.resize(usize::try_from(PART).unwrap_or(0), 0);
                loop {
                    let read = reader.read(self.buffer).map_err(|error| Error::from_read(error, Path::new("file")))?;
                    if read == 0 {
                        break;
                    }
                    digest.take(self.buffer.get(..read).unwrap_or_default());
                    let read = u64::try_from(read).unwrap_or(0);
                    hashed = hashed.saturating_add(read);
                    self.count(read);
                }
            }
            Some(Err(error)) => return Err(error),
        }
        if hashed == contents.size {
            return Ok(());
        }
        let place = Place::File(contents.path.clone());
        Err(Error::Malformed { structure: "file", field: "length", place })
    }

    /// Counts bytes of the NAR.
    fn count(&mut self, bytes: u64) {
        self.outcome.size = self.outcome.size.saturating_add(bytes);
        self.report(bytes, PART);
    }

    /// Reports `bytes` more as progress once at least `enough` have accumulated.
    fn report(&mut self, bytes: u64, enough: u64) {
        self.unreported = self.unreported.saturating_add(bytes);
        if self.unreported >= enough {
            let before = self.crew.done.fetch_add(self.unreported, Ordering::Relaxed);
            (self.crew.progress)(before.saturating_add(self.unreported), self.crew.total);
            self.unreported = 0;
        }
    }
}

/// The hash so far. `None` if it is not wanted.
struct NarHash(Option<Sha256>);

impl NarHash {
    fn take(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.0 {
            digest.update(bytes);
        }
    }
}

/// Decompressed size of a step's block, in bytes.
fn weight(step: &Step) -> u64 {
    match step {
        Step::Block(_, FileBlock { data, .. }) if data.stored.compressed => u64::from(data.size),
        Step::Fragment(_, fragment) => u64::from(fragment.size),
        _ => 0,
    }
}
