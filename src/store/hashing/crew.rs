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

/// Limit for the bytes decompressed ahead for one object.
const AHEAD_LIMIT: usize = 128 << 20;

/// What the threads share.
pub(super) struct Crew<'s> {
    pub(super) store: &'s Store<'s>,
    pub(super) squashfs: Option<(&'s Archive<'s>, Fragments<'s>)>,
    pub(super) copies: Copies,
    threads: usize,
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
            Carrier::Directory(_) | Carrier::Tree(_) => None,
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
                    outcomes.push((object, Hasher::new(self, &mut buffer).run(item)));
                }
            }
        }
        outcomes
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

    /// How many bytes to decompress ahead for an object. Zero while all threads have objects of their own, unless one thread needs
    /// longer to hash this object than all threads need for everything.
    pub(super) fn ahead(&self, item: Item) -> u64 {
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
