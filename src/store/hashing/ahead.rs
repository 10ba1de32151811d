//! Blocks decompressed ahead of the thread that hashes them, by threads that have no object of their own left.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::fs::squashfs::{Archive, DataBlock};

/// What an idle thread can do for one that hashes.
pub(super) enum Task {
    /// Decompress a data block.
    Block(std::sync::Arc<AheadBlock>),
    /// Decompress the fragment block of that number.
    Fragment(u32),
}

/// A data block that any thread may decompress, and one will hash.
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

    /// Decompresses the block if nobody has begun to; false if somebody has.
    pub(super) fn run(&self, archive: &Archive<'_>, buffer: impl FnOnce() -> Vec<u8>) -> bool {
        {
            let mut state = self.state();
            match *state {
                State::Waiting => *state = State::Running,
                _ => return false,
            }
        }
        let mut buffer = buffer();
        // The block is compressed, so nothing is lent.
        let done = archive.data_block(self.block, &mut buffer).map(|_| ());
        *self.state() = State::Done(done.map(|()| buffer));
        self.changed.notify_all();
        true
    }

    /// The contents for the thread that hashes. `None` if nobody has begun, and nobody else will. Instead of waiting for
    /// another thread it calls `otherwise`, as long as that returns that there was something to do.
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

    /// Says that the contents are not needed any more.
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
