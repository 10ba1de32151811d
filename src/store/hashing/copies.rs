//! Decompressed data blocks of files with several copies, such as drivers under many names.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fs::squashfs::DataBlock;

/// Limit for the bytes that are kept.
const LIMIT: usize = 32 << 20;

/// Blocks kept for equal files, which share them on the disc.
///
/// The plan knows how many files begin with each block. A kept block stays until the last file has used it. If a file is too
/// long to be kept whole, at least a part of it is decompressed only once.
#[derive(Default)]
pub(super) struct Copies {
    /// Files not yet begun, by the address of the first block that they share.
    files: HashMap<u64, AtomicU64>,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    blocks: HashMap<u64, Copy>,
    bytes: usize,
}

/// A block, and how many files still need it.
struct Copy {
    bytes: Arc<[u8]>,
    left: u64,
}

impl Copies {
    /// For files that share their first blocks. `files` counts those that begin with the block at each address.
    pub(super) fn new(files: HashMap<u64, u64>) -> Self {
        let files = files.into_iter().filter(|&(_, count)| count > 1);
        Self { files: files.map(|(start, count)| (start, AtomicU64::new(count))).collect(), shelf: Mutex::default() }
    }

    /// The contents of a block if they are kept, for one of the files that begin with the block at `first`.
    pub(super) fn take(&self, first: u64, block: DataBlock) -> Option<Arc<[u8]>> {
        let files = self.files.get(&first)?;
        if block.stored.start == first {
            let _ = files.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |files| files.checked_sub(1));
        }
        let mut shelf = self.shelf();
        let copy = shelf.blocks.get_mut(&block.stored.start)?;
        if copy.bytes.len() != block.size as usize {
            return None; // of another file, which ends here
        }
        copy.left = copy.left.saturating_sub(1);
        let (bytes, left) = (Arc::clone(&copy.bytes), copy.left);
        if left == 0 {
            shelf.blocks.remove(&block.stored.start);
            shelf.bytes = shelf.bytes.saturating_sub(bytes.len());
        }
        Some(bytes)
    }

    /// Whether the contents of a block are kept.
    pub(super) fn has(&self, first: u64, block: DataBlock) -> bool {
        self.files.contains_key(&first) && self.shelf().blocks.contains_key(&block.stored.start)
    }

    /// Keeps the contents of a block if other files still need them.
    pub(super) fn keep(&self, first: u64, block: DataBlock, contents: &[u8]) {
        let left = self.files.get(&first).map_or(0, |files| files.load(Ordering::Relaxed));
        if left == 0 || !block.stored.compressed {
            return;
        }
        let mut shelf = self.shelf();
        let bytes = shelf.bytes.saturating_add(contents.len());
        if bytes <= LIMIT && !shelf.blocks.contains_key(&block.stored.start) {
            shelf.bytes = bytes;
            shelf.blocks.insert(block.stored.start, Copy { bytes: contents.into(), left });
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::squashfs::Stored;

    fn block(start: u64, size: u32) -> DataBlock {
        DataBlock { stored: Stored { start, length: 5, compressed: true }, size }
    }

    #[test]
    fn a_block_is_kept_until_the_last_file_had_it() {
        let copies = Copies::new(HashMap::from([(100, 3), (900, 1)]));
        let (head, tail) = (block(100, 4), block(105, 2));
        for (file, there) in [(0, false), (1, true), (2, true)] {
            for (block, contents) in [(head, &b"head"[..]), (tail, b"ta")] {
                assert_eq!(copies.has(100, block), there, "file {file}");
                let copy = copies.take(100, block);
                assert_eq!(copy.as_deref(), there.then_some(contents), "file {file}");
                if copy.is_none() {
                    copies.keep(100, block, contents);
                }
            }
        }
        let shelf = copies.shelf();
        assert_eq!((shelf.blocks.len(), shelf.bytes), (0, 0));
    }

    #[test]
    fn what_no_other_file_has_is_not_kept_and_neither_is_more_than_the_limit() {
        let copies = Copies::new(HashMap::from([(100, 2), (900, 1)]));
        copies.keep(900, block(900, 4), b"once");
        assert!(!copies.has(900, block(900, 4)));
        assert!(copies.take(100, block(100, 4)).is_none());
        let contents = vec![7; LIMIT / 2];
        for start in [100, 200, 300] {
            copies.keep(100, block(start, u32::try_from(contents.len()).unwrap()), &contents);
        }
        assert_eq!([100, 200, 300].map(|start| copies.has(100, block(start, 1))), [true, true, false]);
        assert!(copies.take(100, block(200, 9)).is_none(), "a block of another length is another file's");
    }
}
