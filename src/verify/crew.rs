//! The threads that hash: each takes the next object, and when none is left, helps with those that others have begun.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use sha2::{Digest, Sha256};

use super::ahead::{AheadBlock, Task};
use super::copies::Copies;
use super::fragments::Fragments;
use super::object::{Damage, FileBlock, Outcome, Step, Steps};
use super::plan::{Item, Plan};
use crate::error::Error;
use crate::fs::squashfs::Archive;
use crate::image::Progress;
use crate::store::nar::Contents;
use crate::store::{Carrier, Store};

/// Bytes of decompressed fragment blocks that are kept for all threads, and for each of them.
const FRAGMENTS: usize = 16 << 20;
const FRAGMENTS_OF_A_THREAD: usize = 8 << 20;

/// Blocks that are decompressed ahead for each thread that could do it.
const AHEAD_OF_A_THREAD: usize = 4;

/// Bytes that are decompressed ahead of one object at most.
const AHEAD_LIMIT: usize = 128 << 20;

/// Steps that are looked ahead for blocks: small files have three each.
const LOOK_AHEAD: usize = 4096;

/// Bytes of a file of the disc that are hashed in one go, and bytes between two words of progress.
const PART: u64 = 1 << 20;

/// All that the threads share.
pub(super) struct Crew<'s> {
    store: &'s Store<'s>,
    squashfs: Option<(&'s Archive<'s>, Fragments<'s>)>,
    copies: Copies,
    threads: usize,
    items: Vec<Item>,
    total: u64,
    board: Mutex<Board>,
    changed: Condvar,
    /// Threads that have no object left to begin.
    helpers: AtomicUsize,
    spare: Mutex<Vec<Vec<u8>>>,
    done: AtomicU64,
    progress: Progress<'s>,
}

/// What there is to do.
#[derive(Default)]
struct Board {
    /// The next object.
    next: usize,
    /// Threads that have an object.
    working: usize,
    tasks: VecDeque<Task>,
}

enum Work {
    Object(usize, Item),
    Help(Task),
}

impl<'s> Crew<'s> {
    pub(super) fn new(store: &'s Store<'s>, plan: Plan, threads: usize, progress: Progress<'s>) -> Self {
        let budget = FRAGMENTS.saturating_add(FRAGMENTS_OF_A_THREAD.saturating_mul(threads));
        let squashfs = match &store.carrier {
            Carrier::Squashfs { archive, .. } => {
                let archive: &'s Archive<'s> = archive;
                Some((archive, Fragments::new(archive, plan.fragments, budget)))
            }
            Carrier::Directory(_) => None,
        };
        Self {
            store,
            squashfs,
            copies: Copies::new(plan.files),
            threads,
            items: plan.items,
            total: plan.total,
            board: Mutex::default(),
            changed: Condvar::new(),
            helpers: AtomicUsize::new(0),
            spare: Mutex::default(),
            done: AtomicU64::new(0),
            progress,
        }
    }

    /// Reads all objects. The outcomes come in no order, each with the object's index.
    pub(super) fn run(&self) -> Vec<(usize, Outcome)> {
        thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads).map(|_| scope.spawn(|| self.work())).collect();
            let mut outcomes = self.work();
            for other in others {
                outcomes.extend(other.join().unwrap_or_default());
            }
            outcomes
        })
    }

    fn work(&self) -> Vec<(usize, Outcome)> {
        let mut outcomes = Vec::new();
        let mut buffer = Vec::new();
        let mut helps = false;
        while let Some(work) = self.next(&mut helps) {
            match work {
                Work::Help(Task::Block(block)) => {
                    if let Some((archive, _)) = &self.squashfs {
                        block.run(archive, || self.spare());
                    }
                }
                Work::Help(Task::Fragment(number)) => {
                    if let Some((_, fragments)) = &self.squashfs {
                        fragments.prepare(number);
                    }
                }
                Work::Object(object, item) => {
                    let _busy = Busy(self);
                    let hasher = Hasher { crew: self, buffer: &mut buffer, outcome: Outcome::default(), unsaid: 0 };
                    outcomes.push((object, hasher.run(item)));
                }
            }
        }
        outcomes
    }

    /// Waits for something to do; none when all is done.
    fn next(&self, helps: &mut bool) -> Option<Work> {
        let mut board = self.board();
        loop {
            if let Some(task) = board.tasks.pop_front() {
                return Some(Work::Help(task));
            }
            if let Some(&item) = self.items.get(board.next) {
                board.next += 1;
                board.working += 1;
                return Some(Work::Object(item.object, item));
            }
            if !std::mem::replace(helps, true) {
                self.helpers.fetch_add(1, Ordering::Relaxed);
            }
            if board.working == 0 {
                return None;
            }
            board = self.changed.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// How many bytes to decompress ahead of an object: none while all threads have their own to do, unless hashing alone
    /// takes one thread longer than the whole takes them all.
    fn ahead(&self, item: Item) -> u64 {
        let helpers = match self.helpers.load(Ordering::Relaxed) {
            0 if item.size / 2 > self.total / u64::try_from(self.threads).unwrap_or(u64::MAX).max(1) => {
                self.threads - 1
            }
            helpers => helpers,
        };
        let Some((archive, _)) = self.squashfs.as_ref().filter(|_| helpers > 0) else { return 0 };
        let blocks = AHEAD_OF_A_THREAD.saturating_mul(helpers + 1);
        let bytes = blocks.saturating_mul(archive.superblock().block_size as usize).clamp(1 << 20, AHEAD_LIMIT);
        u64::try_from(bytes).unwrap_or(0)
    }

    fn offer(&self, task: Task) {
        self.board().tasks.push_back(task);
        self.changed.notify_one();
    }

    fn spare(&self) -> Vec<u8> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread has an object as long as it holds this.
struct Busy<'c, 's>(&'c Crew<'s>);

impl Drop for Busy<'_, '_> {
    fn drop(&mut self) {
        let mut board = self.0.board();
        board.working = board.working.saturating_sub(1);
        if board.working == 0 {
            self.0.changed.notify_all();
        }
    }
}

/// Hashes one object.
struct Hasher<'h, 's> {
    crew: &'h Crew<'s>,
    buffer: &'h mut Vec<u8>,
    outcome: Outcome,
    /// Bytes of which progress has not heard.
    unsaid: u64,
}

/// A step in the window, and the block that somebody may decompress for it.
type Seen = (Step, Option<Arc<AheadBlock>>);

impl<'s> Hasher<'_, 's> {
    fn run(mut self, item: Item) -> Outcome {
        let mut digest = Digestion(item.hashed.then(Sha256::new));
        let mut steps = Steps::new(self.crew.store, item.node);
        // What has been looked at ahead, and the bytes that its blocks take when they are decompressed.
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
        self.say(0, 1);
        let hash = digest.0.filter(|_| self.outcome.damages.is_empty());
        Outcome { hash: hash.map(|digest| digest.finalize().into()), ..self.outcome }
    }

    /// Lets others decompress what a step needs.
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

    fn step(&mut self, step: Step, block: Option<Arc<AheadBlock>>, window: &VecDeque<Seen>, digest: &mut Digestion) {
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
            digest.0 = None; // there is nothing to compare any more
        }
    }

    fn block(
        &mut self,
        archive: &Archive<'_>,
        (path, FileBlock { first, data }): (&[u8], FileBlock),
        block: Option<&AheadBlock>,
        window: &VecDeque<Seen>,
        digest: &mut Digestion,
    ) {
        let crew = self.crew;
        if let Some(copy) = crew.copies.take(first, data) {
            block.iter().for_each(|block| block.cancel());
            return digest.take(&copy);
        }
        // Rather than wait for a block, decompress a later one.
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

    /// Hashes a file of the disc.
    fn file(&mut self, contents: &Contents, digest: &mut Digestion) -> Result<(), Error> {
        let Carrier::Directory(volume) = &self.crew.store.carrier else { return Ok(()) };
        let mut hashed = 0u64;
        match volume.file_region(contents.id) {
            Ok(region) => {
                while hashed < region.length() {
                    let length = PART.min(region.length() - hashed);
                    digest.take(&region.bytes("file", hashed, length)?);
                    hashed += length;
                    self.count(length);
                }
            }
            // Compressed by the disc's own means.
            Err(Error::Unsupported { .. }) => {
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
            Err(error) => return Err(error),
        }
        if hashed == contents.size {
            return Ok(());
        }
        let place = crate::error::Place::File(contents.path.clone());
        Err(Error::Malformed { structure: "file", field: "length", place })
    }

    /// Counts bytes of the NAR.
    fn count(&mut self, bytes: u64) {
        self.outcome.size = self.outcome.size.saturating_add(bytes);
        self.say(bytes, PART);
    }

    /// Tells the progress of `bytes` more, once `enough` have gathered.
    fn say(&mut self, bytes: u64, enough: u64) {
        self.unsaid = self.unsaid.saturating_add(bytes);
        if self.unsaid >= enough {
            let before = self.crew.done.fetch_add(self.unsaid, Ordering::Relaxed);
            (self.crew.progress)(before.saturating_add(self.unsaid), self.crew.total);
            self.unsaid = 0;
        }
    }
}

/// A hash in the making, where one is wanted.
struct Digestion(Option<Sha256>);

impl Digestion {
    fn take(&mut self, bytes: &[u8]) {
        if let Some(digest) = &mut self.0 {
            digest.update(bytes);
        }
    }
}

/// Bytes that a step takes when it is decompressed ahead.
fn weight(step: &Step) -> u64 {
    match step {
        Step::Block(_, FileBlock { data, .. }) if data.stored.compressed => u64::from(data.size),
        Step::Fragment(_, fragment) => u64::from(fragment.size),
        _ => 0,
    }
}
