//! Blocks decompressed ahead of the thread that hashes them, by idle threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::fs::squashfs::{Archive, DataBlock};

/// What an idle thread can do for a hashing thread.
pub(super) enum Task {
    /// Decompress a data block.
    Block(std::sync::Arc<AheadBlock>),
    /// Decompress the fragment block with this number.
    Fragment(u32),
}

/// A data block that any thread may decompress, and one thread hashes.
pub(super) struct AheadBlock {
    block: DataBlock,
    state: Mutex<State>,
    changed: Condvar,
}

enum State {
    Waiting,
    Running,
    Done(Result<Vec<u8>>),
    Taken,
}

impl AheadBlock {
    pub(super) fn new(block: DataBlock) -> Self {
        Self { block, state: Mutex::new(State::Waiting), changed: Condvar::new() }
    }

    /// Decompresses the block unless another thread has begun. Returns false in that case.
    pub(super) fn run(&self, archive: &Archive<'_>, buffer: impl FnOnce() -> Vec<u8>) -> bool {
        {
            let mut state = self.state();
            match *state {
                State::Waiting => *state = State::Running,
                _ => return false,
            }
        }
        let mut buffer = buffer();
        // The block is compressed, so the result is never borrowed.
        let done = archive.data_block(self.block, &mut buffer).map(|_| ());
        *self.state() = State::Done(done.map(|()| buffer));
        self.changed.notify_all();
        true
    }

    /// The contents, for the thread that hashes. `None` if no thread has begun: then none will. While another thread is still at
    /// it, this calls `otherwise` instead of waiting, until `otherwise` returns that it found nothing to do.
    pub(super) fn take(&self, mut otherwise: impl FnMut() -> bool) -> Option<Result<Vec<u8>>> {
        loop {
            let mut state = self.state();
            match std::mem::replace(&mut *state, State::Taken) {
                State::Waiting | State::Taken => return None,
                State::Done(done) => return Some(done),
                State::Running => *state = State::Running,
            }
            drop(state);
            if !otherwise() {
                let running = |state: &mut State| matches!(state, State::Running);
                let waited = self.changed.wait_while(self.state(), running);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// Marks the contents as no longer needed.
    pub(super) fn cancel(&self) {
        let mut state = self.state();
        if matches!(*state, State::Waiting) {
            *state = State::Taken;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
