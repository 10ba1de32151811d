//! The threads that hash. Each takes the next object. When no objects are left, it helps the threads that are still hashing.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::ahead::Task;
use super::copies::Copies;
use super::fragments::Fragments;
use super::hasher::Hasher;
use super::lanes::{Lane, Width};
use super::object::Outcome;
use super::plan::{Item, Plan};
use crate::fs::squashfs::Archive;
use crate::image::Progress;
use crate::store::{Carrier, Store};

/// Limits for decompressed fragment blocks that are kept, in bytes: for all threads together, and for each thread.
const FRAGMENTS: usize = 16 << 20;
const FRAGMENTS_OF_A_THREAD: usize = 8 << 20;

/// Blocks decompressed ahead, for each thread that could decompress one.
const AHEAD_OF_A_THREAD: usize = 4;

/// How many times as fast lanes are as one message after another, about.
const LANES_GAIN: u64 = 3;

/// Limit for the bytes decompressed ahead for one object.
const AHEAD_LIMIT: usize = 128 << 20;

/// How many objects are hashed at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) threads: usize,
    /// How many each thread hashes.
    pub(crate) width: Width,
    /// With fewer objects, a thread hashes one after another.
    pub(crate) fewest: usize,
}

/// What the threads share.
pub(super) struct Crew<'s> {
    pub(super) store: &'s Store<'s>,
    pub(super) squashfs: Option<(&'s Archive<'s>, Fragments<'s>)>,
    pub(super) copies: Copies,
    threads: usize,
    width: Width,
    fewest: usize,
    items: Vec<Item>,
    pub(super) total: u64,
    board: Mutex<Board>,
    changed: Condvar,
    /// Threads without an object, when no objects are left to begin.
    helpers: AtomicUsize,
    pub(super) spare: Mutex<Vec<Vec<u8>>>,
    pub(super) done: AtomicU64,
    pub(super) progress: Progress<'s>,
}

/// The work that is left.
#[derive(Default)]
struct Board {
    /// The next object.
    next: usize,
    /// Threads that have an object.
    working: usize,
    tasks: VecDeque<Task>,
}

enum Work {
    Object(Item),
    Help(Task),
}

impl<'s> Crew<'s> {
    pub(super) fn new(store: &'s Store<'s>, plan: Plan, pace: Pace, progress: Progress<'s>) -> Self {
        let Pace { threads, width, fewest } = pace;
        let budget = FRAGMENTS.saturating_add(FRAGMENTS_OF_A_THREAD.saturating_mul(threads));
        let squashfs = match &store.carrier {
            Carrier::Squashfs { archive, .. } => {
                let archive: &'s Archive<'s> = archive;
                Some((archive, Fragments::new(archive, plan.fragments, budget)))
            }
            Carrier::Directory(_) | Carrier::Tree(_) => None,
        };
        Self {
            store,
            squashfs,
            copies: Copies::new(plan.files),
            threads,
            width,
            fewest,
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

    /// Reads all objects, with fewer threads where the system allows no more. The outcomes are in no particular order, each with the
    /// index of its object.
    pub(super) fn run(&self) -> Vec<(usize, Outcome)> {
        thread::scope(|scope| {
            let start = |_| thread::Builder::new().spawn_scoped(scope, || self.work()).ok();
            let others: Vec<_> = (1..self.threads).map_while(start).collect();
            let mut outcomes = self.work();
            for other in others {
                outcomes.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
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
                Work::Help(task) => self.help(task),
                Work::Object(item) => {
                    let _busy = Busy(self);
                    if self.is_alone(item) {
                        outcomes.push((item.object, Hasher::new(self, item).run(&mut buffer)));
                    } else {
                        self.side_by_side(item, &mut buffer, &mut outcomes);
                    }
                }
            }
        }
        outcomes
    }

    /// Hashes objects in lanes, until there are no more to begin.
    fn side_by_side(&self, first: Item, buffer: &mut Vec<u8>, outcomes: &mut Vec<(usize, Outcome)>) {
        let mut open: Vec<Hasher<'_, 's>> = Vec::with_capacity(self.width.lanes());
        let mut buffers = Vec::new();
        let mut next = Some(first);
        loop {
            while open.len() < self.width.lanes() {
                let Some(item) = next.take().or_else(|| self.begin()) else { break };
                if self.is_alone(item) {
                    outcomes.push((item.object, Hasher::new(self, item).run(buffer)));
                } else {
                    let lane = Lane::reusing(buffers.pop().unwrap_or_default());
                    open.push(Hasher::in_lane(self, item, lane));
                    // Other threads begin meanwhile, too, and get large objects as well.
                    open.last_mut().into_iter().for_each(|hasher| hasher.fill(buffer, 1));
                }
            }
            if open.len() < self.fewest {
                let rest = open.into_iter().map(|hasher| (hasher.object(), hasher.run(buffer)));
                return outcomes.extend(rest);
            }
            let beside = open.len();
            open.iter_mut().for_each(|hasher| hasher.fill(buffer, beside));
            self.width.advance(&mut open.iter_mut().filter_map(Hasher::lane).collect::<Vec<_>>());
            for done in open.extract_if(.., Hasher::is_done) {
                let object = done.object();
                let (outcome, buffer) = done.finish();
                outcomes.push((object, outcome));
                buffers.push(buffer);
            }
            self.help_others();
        }
    }

    fn help(&self, task: Task) {
        match (task, &self.squashfs) {
            (Task::Block(block), Some((archive, _))) => {
                block.run(archive, || self.spare());
            }
            (Task::Fragment(number), Some((_, fragments))) => fragments.prepare(number),
            (_, None) => {}
        }
    }

    /// Decompresses what others wait for, unless other threads have nothing else to do.
    fn help_others(&self) {
        while self.helpers.load(Ordering::Relaxed) == 0 {
            let Some(task) = self.board().tasks.pop_front() else { break };
            self.help(task);
        }
    }

    /// The next object, for a thread that already has one.
    fn begin(&self) -> Option<Item> {
        let mut board = self.board();
        let item = self.items.get(board.next).copied();
        board.next += usize::from(item.is_some());
        item
    }

    /// Whether an object is hashed on its own: where lanes bring nothing, if nothing is to be hashed, or if one lane would need longer for
    /// it than all threads need for everything.
    fn is_alone(&self, item: Item) -> bool {
        let lanes = self.width != Width::One && self.squashfs.is_some();
        !lanes || !item.hashed || self.is_huge(item, LANES_GAIN)
    }

    /// Whether one thread needs longer to hash an object than all threads need for everything, where they are `faster` times as fast.
    fn is_huge(&self, item: Item, faster: u64) -> bool {
        let threads = u64::try_from(self.threads).unwrap_or(u64::MAX).max(1);
        item.size / 2 > self.total / threads.saturating_mul(faster)
    }

    /// Waits for work. `None` when everything is done.
    fn next(&self, helps: &mut bool) -> Option<Work> {
        let mut board = self.board();
        loop {
            if let Some(task) = board.tasks.pop_front() {
                return Some(Work::Help(task));
            }
            if let Some(&item) = self.items.get(board.next) {
                board.next += 1;
                board.working += 1;
                return Some(Work::Object(item));
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

    /// How many bytes to decompress ahead for an object, for a thread that has `beside` objects. Zero while all threads have objects of
    /// their own, unless one thread needs longer to hash this object than all threads need for everything.
    pub(super) fn ahead(&self, item: Item, beside: usize) -> u64 {
        let helpers = match self.helpers.load(Ordering::Relaxed) {
            0 if self.is_huge(item, 1) => self.threads - 1,
            helpers => helpers,
        };
        let Some((archive, _)) = self.squashfs.as_ref().filter(|_| helpers > 0) else { return 0 };
        let blocks = AHEAD_OF_A_THREAD.saturating_mul(helpers + 1);
        let bytes = blocks.saturating_mul(archive.superblock().block_size as usize) / beside.max(1);
        u64::try_from(bytes.clamp(1 << 20, AHEAD_LIMIT)).unwrap_or(0)
    }

    /// Offers work to idle threads.
    pub(super) fn offer(&self, task: Task) {
        self.board().tasks.push_back(task);
        self.changed.notify_one();
    }

    /// A buffer to decompress into.
    pub(super) fn spare(&self) -> Vec<u8> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Marks a thread as working on an object until it is dropped.
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
