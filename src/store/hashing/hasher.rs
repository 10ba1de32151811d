//! Hashes one object: its NAR, step by step, while other threads decompress later blocks.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use sha2::{Digest, Sha256};

use super::ahead::{AheadBlock, Task};
use super::crew::Crew;
use super::lanes::Lane;
use super::object::{Damage, FileBlock, Outcome, Step, Steps};
use super::plan::Item;
use crate::error::{Error, Place};
use crate::fs::squashfs::Archive;
use crate::store::Carrier;
use crate::store::nar::Contents;

/// How many steps to look ahead for blocks. Small files have three each.
const LOOK_AHEAD: usize = 4096;

/// Blocks of SHA-256 that should wait in each lane before all lanes are hashed: 64 KiB.
const ENOUGH: usize = 1024;

/// Bytes of a file on the disc that are hashed at once, and bytes between two progress reports.
const PART: u64 = 1 << 20;

/// Hashes one object.
pub(super) struct Hasher<'h, 's> {
    crew: &'h Crew<'s>,
    item: Item,
    steps: Steps<'h>,
    /// The steps found by looking ahead.
    window: VecDeque<Seen>,
    /// The decompressed size of their blocks.
    open: u64,
    /// The fragment block offered last.
    last: Option<u32>,
    digest: NarHash,
    outcome: Outcome,
    /// Bytes not yet reported as progress.
    unreported: u64,
}

/// A step found by looking ahead, and the block that another thread may decompress for it.
type Seen = (Step, Option<Arc<AheadBlock>>);

/// The hash so far.
enum NarHash {
    Unwanted,
    Alone(Sha256),
    Beside(Lane),
}

impl<'h, 's> Hasher<'h, 's> {
    /// For an object that is hashed on its own.
    pub(super) fn new(crew: &'h Crew<'s>, item: Item) -> Self {
        Self {
            crew,
            item,
            steps: Steps::new(crew.store, item.node),
            window: VecDeque::new(),
            open: 0,
            last: None,
            digest: if item.hashed { NarHash::Alone(Sha256::new()) } else { NarHash::Unwanted },
            outcome: Outcome::default(),
            unreported: 0,
        }
    }

    /// For an object that is hashed beside others, in a lane.
    pub(super) fn in_lane(crew: &'h Crew<'s>, item: Item, lane: Lane) -> Self {
        Self { digest: NarHash::Beside(lane), ..Self::new(crew, item) }
    }

    /// The index of the object in [`crate::store::Contents::objects`].
    pub(super) fn object(&self) -> usize {
        self.item.object
    }

    /// The lane. `None` without a hash: if none is wanted, or if the object is damaged.
    pub(super) fn lane(&mut self) -> Option<&mut Lane> {
        match &mut self.digest {
            NarHash::Beside(lane) => Some(lane),
            _ => None,
        }
    }

    /// Hashes all that is left.
    pub(super) fn run(mut self, buffer: &mut Vec<u8>) -> Outcome {
        while self.advance(buffer, 1) {
            if let Some(lane) = self.lane().filter(|lane| lane.waiting().len() >= ENOUGH) {
                lane.advance_alone();
            }
        }
        if let Some(lane) = self.lane() {
            lane.end();
            lane.advance_alone();
        }
        self.finish().0
    }

    /// Reads until blocks enough wait in the lane, or to the end of the object. `beside` is the number of objects that this thread
    /// has open.
    pub(super) fn fill(&mut self, buffer: &mut Vec<u8>, beside: usize) {
        while self.lane().is_none_or(|lane| !lane.has_ended() && lane.waiting().len() < ENOUGH) {
            if !self.advance(buffer, beside) {
                self.lane().into_iter().for_each(Lane::end);
                break;
            }
        }
    }

    /// Whether everything is read and hashed.
    pub(super) fn is_done(&mut self) -> bool {
        self.lane().is_none_or(|lane| lane.hash().is_some())
    }

    /// The result, and the buffer of the lane, to be reused.
    pub(super) fn finish(mut self) -> (Outcome, Vec<u8>) {
        self.report(0, 1);
        let (hash, buffer) = match self.digest {
            NarHash::Unwanted => (None, Vec::new()),
            NarHash::Alone(digest) => (Some(digest.finalize().into()), Vec::new()),
            NarHash::Beside(lane) => (lane.hash(), lane.into_buffer()),
        };
        (Outcome { hash: hash.filter(|_| self.outcome.damages.is_empty()), ..self.outcome }, buffer)
    }

    /// Takes the next step. Returns false at the end.
    fn advance(&mut self, buffer: &mut Vec<u8>, beside: usize) -> bool {
        let ahead = self.crew.ahead(self.item, beside);
        while self.window.is_empty() || (self.open < ahead && self.window.len() < LOOK_AHEAD) {
            let Some(step) = self.steps.next() else { break };
            let block = if ahead > 0 { self.offer(&step) } else { None };
            self.open = self.open.saturating_add(weight(&step));
            self.window.push_back((step, block));
        }
        let Some((step, block)) = self.window.pop_front() else { return false };
        self.open = self.open.saturating_sub(weight(&step));
        self.step(step, block, buffer);
        true
    }

    /// Offers the block that a step needs to other threads.
    fn offer(&mut self, step: &Step) -> Option<Arc<AheadBlock>> {
        match step {
            Step::Block(_, FileBlock { first, data })
                if data.stored.compressed && data.stored.length > 0 && !self.crew.copies.has(*first, *data) =>
            {
                let block = Arc::new(AheadBlock::new(*data));
                self.crew.offer(Task::Block(Arc::clone(&block)));
                Some(block)
            }
            Step::Fragment(_, fragment) => {
                if self.last.replace(fragment.number) != Some(fragment.number) {
                    self.crew.offer(Task::Fragment(fragment.number));
                }
                None
            }
            _ => None,
        }
    }

    fn step(&mut self, step: Step, block: Option<Arc<AheadBlock>>, buffer: &mut Vec<u8>) {
        match step {
            Step::Text(text) => {
                self.digest.take(&text);
                self.count(u64::try_from(text.len()).unwrap_or(u64::MAX));
            }
            Step::Block(path, part) => {
                if let Some((archive, _)) = &self.crew.squashfs {
                    let archive: &Archive<'_> = archive;
                    self.block(archive, (&path, part), block.as_deref(), buffer);
                }
                self.count(u64::from(part.data.size));
            }
            Step::Fragment(path, fragment) => {
                if let Some((_, fragments)) = &self.crew.squashfs
                    && let Err(damage) = fragments.read(fragment, |bytes| self.digest.take(bytes))
                {
                    self.outcome.damaged(&path, damage);
                }
                self.count(u64::from(fragment.size));
            }
            Step::File(contents) => {
                if let Err(error) = self.file(&contents, buffer) {
                    self.outcome.damaged(&contents.path, Damage::of(&error));
                }
            }
            Step::Trouble(path, error) => self.outcome.damaged(&path, Damage::of(&error)),
        }
        if !self.outcome.damages.is_empty() {
            self.digest = NarHash::Unwanted; // nothing to compare any more
        }
    }

    fn block(
        &mut self,
        archive: &Archive<'_>,
        (path, FileBlock { first, data }): (&[u8], FileBlock),
        block: Option<&AheadBlock>,
        buffer: &mut Vec<u8>,
    ) {
        let Self { crew, window, digest, .. } = self;
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
            None => archive.data_block(data, buffer).map(|bytes| {
                crew.copies.keep(first, data, bytes);
                digest.take(bytes);
            }),
        };
        if let Err(error) = made {
            self.outcome.damaged(path, Damage::of(&error).at(archive, data.stored));
        }
    }

    /// Hashes a file on the disc itself.
    fn file(&mut self, contents: &Contents, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let region = match &self.crew.store.carrier {
            Carrier::Directory(volume) => Some(volume.file_region(contents.id)),
            Carrier::Squashfs { .. } | Carrier::Tree(_) => None,
        };
        let mut hashed = 0u64;
        match region {
            Some(Ok(region)) => {
                while hashed < region.length() {
                    let length = PART.min(region.length() - hashed);
                    self.digest.take(&region.bytes("file", hashed, length)?);
                    hashed += length;
                    self.count(length);
                }
            }
            // Compressed with zisofs, or in pieces.
            Some(Err(Error::Unsupported { .. })) | None => {
                let mut reader = self.crew.store.tree().open(contents.id)?;
                buffer.resize(usize::try_from(PART).unwrap_or(0), 0);
                loop {
                    let read = reader.read(buffer).map_err(|error| Error::from_read(error, Path::new("file")))?;
                    if read == 0 {
                        break;
                    }
                    self.digest.take(buffer.get(..read).unwrap_or_default());
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

impl NarHash {
    fn take(&mut self, bytes: &[u8]) {
        match self {
            Self::Unwanted => {}
            Self::Alone(digest) => digest.update(bytes),
            Self::Beside(lane) => lane.take(bytes),
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
