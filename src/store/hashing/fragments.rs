//! Fragment blocks. Many small files share each of them, and each is decompressed about once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::object::Damage;
use crate::error::Result;
use crate::fs::squashfs::{Archive, Fragment, Stored};

/// Limit for the fragments kept for equal files, in bytes.
const COPIES: usize = 16 << 20;

/// Buffers kept for later blocks.
const SPARE: usize = 4;

/// The fragment blocks in use. A thread that needs a block waits while another decompresses it.
///
/// The plan knows how many files use each fragment. Equal files share a fragment, but may be far apart, so a copy of it is kept for
/// the others. A block can then be dropped after the last of its fragments. Over budget, the least recently used block is dropped
/// earlier, and decompressed again if it is needed.
pub(super) struct Fragments<'s> {
    archive: &'s Archive<'s>,
    /// Limit for the number of blocks kept.
    most: usize,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// How many fragments of each block are still unread, by block number.
    uses: HashMap<u32, u64>,
    /// How many files have yet to read each fragment that several files use.
    shared: HashMap<Fragment, u64>,
    /// Copies of these fragments.
    copies: HashMap<Fragment, Arc<[u8]>>,
    /// Total size of the copies, in bytes.
    copied: usize,
    blocks: HashMap<u32, Arc<Block>>,
    /// The blocks, the least recently used first.
    order: VecDeque<u32>,
    spare: Vec<Vec<u8>>,
}

/// A block: empty until it is decompressed, then its bytes or the error.
type Block = OnceLock<std::result::Result<Vec<u8>, String>>;

impl<'s> Fragments<'s> {
    /// The blocks of an archive. `shared` counts the files that use each fragment.
    pub(super) fn new(archive: &'s Archive<'s>, mut shared: HashMap<Fragment, u64>, budget: usize) -> Self {
        let most = (budget / archive.superblock().block_size as usize).max(1);
        let mut uses: HashMap<u32, u64> = HashMap::new();
        shared.keys().for_each(|fragment| *uses.entry(fragment.number).or_default() += 1);
        shared.retain(|_, files| *files > 1);
        Self { archive, most, shelf: Mutex::new(Shelf { uses, shared, ..Shelf::default() }) }
    }

    /// Passes the bytes of a fragment to `take`.
    pub(super) fn read(&self, fragment: Fragment, take: impl FnOnce(&[u8])) -> std::result::Result<(), Damage> {
        let stored = self.archive.fragment(fragment.number).map_err(|error| Damage::of(&error))?;
        let damaged = |message: String| Damage::new(message).at(self.archive, stored);
        if !stored.compressed {
            let part = self.archive.fragment_part(stored, fragment);
            take(&part.map_err(|error| damaged(error.to_string()))?);
            return Ok(());
        }
        if let Some(copy) = self.shelf().copy(fragment) {
            take(&copy);
            return Ok(());
        }
        let block = self.block(fragment.number);
        let read = match block.get_or_init(|| self.decompress(stored).map_err(|error| error.to_string())) {
            Ok(bytes) => {
                let start = fragment.offset as usize;
                match bytes.get(start..start.saturating_add(fragment.size as usize)) {
                    Some(part) => {
                        self.shelf().keep(fragment, part);
                        take(part);
                        Ok(())
                    }
                    None => Err(damaged("fragment block: a file ends past its end".to_owned())),
                }
            }
            Err(message) => Err(damaged(message.clone())),
        };
        self.release(fragment.number, block);
        read
    }

    /// Decompresses a block that will soon be needed.
    pub(super) fn prepare(&self, number: u32) {
        let Ok(stored) = self.archive.fragment(number) else { return };
        if stored.compressed && self.shelf().uses.get(&number).is_some_and(|&uses| uses > 0) {
            let block = self.block(number);
            block.get_or_init(|| self.decompress(stored).map_err(|error| error.to_string()));
        }
    }

    fn block(&self, number: u32) -> Arc<Block> {
        let mut shelf = self.shelf();
        if let Some(block) = shelf.blocks.get(&number).map(Arc::clone) {
            shelf.remove_from_order(number);
            shelf.order.push_back(number);
            return block;
        }
        while shelf.blocks.len() >= self.most {
            let Some(oldest) = shelf.order.pop_front() else { break };
            if let Some(block) = shelf.blocks.remove(&oldest) {
                shelf.recycle(block);
            }
        }
        let block = Arc::new(Block::new());
        shelf.blocks.insert(number, Arc::clone(&block));
        shelf.order.push_back(number);
        block
    }

    /// Counts one more file as done with a block.
    fn release(&self, number: u32, block: Arc<Block>) {
        let mut shelf = self.shelf();
        let left = shelf.uses.get_mut(&number).map_or(0, |uses| {
            *uses = uses.saturating_sub(1);
            *uses
        });
        if left == 0 && shelf.blocks.remove(&number).is_some() {
            shelf.remove_from_order(number);
            shelf.recycle(block);
        }
    }

    fn decompress(&self, stored: Stored) -> Result<Vec<u8>> {
        let mut buffer = self.shelf().spare.pop().unwrap_or_default();
        self.archive.fragment_block(stored, &mut buffer)?;
        Ok(buffer) // a compressed block is never borrowed
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    /// The copy of a fragment, for one more of the files that use it.
    fn copy(&mut self, fragment: Fragment) -> Option<Arc<[u8]>> {
        let copy = Arc::clone(self.copies.get(&fragment)?);
        if self.last(fragment) {
            self.copies.remove(&fragment);
            self.copied = self.copied.saturating_sub(copy.len());
        }
        Some(copy)
    }

    /// Keeps a copy of a fragment if other files use it.
    fn keep(&mut self, fragment: Fragment, part: &[u8]) {
        let wanted = self.shared.contains_key(&fragment) && !self.last(fragment);
        if wanted && self.copied.saturating_add(part.len()) <= COPIES && !self.copies.contains_key(&fragment) {
            self.copied += part.len();
            self.copies.insert(fragment, part.into());
        }
    }

    /// Counts one more file of a shared fragment. Returns true for the last.
    fn last(&mut self, fragment: Fragment) -> bool {
        let left = self.shared.get_mut(&fragment).map_or(0, |files| {
            *files = files.saturating_sub(1);
            *files
        });
        left == 0
    }

    fn remove_from_order(&mut self, number: u32) {
        // Usually it is the last one.
        if let Some(at) = self.order.iter().rposition(|&other| other == number) {
            self.order.remove(at);
        }
    }

    /// Keeps the buffer of a block that is no longer in use.
    fn recycle(&mut self, block: Arc<Block>) {
        if let Some(Ok(buffer)) = Arc::into_inner(block).and_then(OnceLock::into_inner)
            && self.spare.len() < SPARE
        {
            self.spare.push(buffer);
        }
    }
}
