//! One message of several that are hashed at once.

use sha2::block_api::compress256;

use super::compress::{Block, INITIAL};

/// Bytes that may wait in a lane. Beyond that, the lane is hashed alone.
const MOST: usize = 2 << 20;

/// A message: its state, and the bytes that are not hashed yet.
pub(in crate::store::hashing) struct Lane {
    state: [u32; 8],
    /// Length of the message in bytes.
    length: u64,
    bytes: Vec<u8>,
    /// How many of these bytes have been hashed.
    hashed: usize,
    ended: bool,
}

impl Default for Lane {
    fn default() -> Self {
        Self { state: INITIAL, length: 0, bytes: Vec::new(), hashed: 0, ended: false }
    }
}

impl Lane {
    /// A lane for a new message, which reuses the buffer of an old one.
    pub(in crate::store::hashing) fn reusing(mut bytes: Vec<u8>) -> Self {
        bytes.clear();
        Self { bytes, ..Self::default() }
    }

    /// Appends bytes to the message.
    pub(in crate::store::hashing) fn take(&mut self, bytes: &[u8]) {
        self.length = self.length.wrapping_add(bytes.len() as u64);
        self.append(bytes);
        if self.bytes.len() - self.hashed > MOST {
            self.advance_alone();
        }
    }

    /// Ends the message, unless it has ended, with the padding of FIPS 180-4, §5.1.1.
    pub(in crate::store::hashing) fn end(&mut self) {
        if self.ended {
            return;
        }
        let bits = self.length.wrapping_mul(8);
        self.append(&[0x80]);
        let zeros = self.bytes.len().saturating_sub(self.hashed).wrapping_add(8).wrapping_neg() % size_of::<Block>();
        self.append([0; size_of::<Block>()].get(..zeros).unwrap_or_default());
        self.append(&bits.to_be_bytes());
        self.ended = true;
    }

    fn append(&mut self, bytes: &[u8]) {
        if self.hashed > 0 {
            self.bytes.drain(..self.hashed);
            self.hashed = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the message has ended. Its last blocks may still wait.
    pub(in crate::store::hashing) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The blocks that are complete and not hashed yet.
    pub(in crate::store::hashing) fn waiting(&self) -> &[Block] {
        self.bytes.get(self.hashed..).unwrap_or_default().as_chunks().0
    }

    pub(super) fn state(&self) -> [u32; 8] {
        self.state
    }

    /// Moves past blocks that have been hashed.
    pub(super) fn advanced(&mut self, blocks: usize, state: [u32; 8]) {
        self.hashed += blocks * size_of::<Block>();
        self.state = state;
    }

    /// Hashes all waiting blocks, without other lanes.
    pub(in crate::store::hashing) fn advance_alone(&mut self) {
        let mut state = self.state;
        compress256(&mut state, self.waiting());
        self.advanced(self.waiting().len(), state);
    }

    /// The hash, once the message has ended and no block waits.
    pub(in crate::store::hashing) fn hash(&self) -> Option<[u8; 32]> {
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        (self.ended && self.waiting().is_empty()).then_some(hash)
    }

    /// The buffer, to be reused.
    pub(in crate::store::hashing) fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}
