//! Which parts of a remote image are here, and how much to ask for next.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Unit of transfer, in bytes.
pub(super) const BLOCK: u64 = 64 << 10;

/// Bytes of the first request at a new place.
const SMALLEST: u64 = 2 * BLOCK;

/// Bytes of the largest request.
const LARGEST: u64 = 8 << 20;

/// Places of sequential reading that are remembered: threads, and tables that are read in turn.
const STREAMS: usize = 16;

/// The blocks that are here, and the places where reading goes on.
#[derive(Debug)]
pub(super) struct Windows {
    length: u64,
    /// One bit for each block that is here.
    here: Box<[AtomicU64]>,
    /// The most recent first.
    streams: Mutex<Vec<Stream>>,
}

/// A place up to which something was requested, and how much at a time.
#[derive(Clone, Copy, Debug)]
struct Stream {
    end: u64,
    window: u64,
}

impl Windows {
    /// Nothing of `length` bytes is here. The caller limits the length.
    pub(super) fn new(length: u64) -> Self {
        let words = usize::try_from(length.div_ceil(BLOCK).div_ceil(64)).unwrap_or(0);
        Self { length, here: (0..words).map(|_| AtomicU64::new(0)).collect(), streams: Mutex::default() }
    }

    /// The first run of missing bytes that touches `start..end`, in whole blocks.
    pub(super) fn missing(&self, start: u64, end: u64) -> Option<(u64, u64)> {
        let end = end.min(self.length);
        let mut blocks = start / BLOCK..end.div_ceil(BLOCK);
        let first = blocks.find(|block| !self.is_here(*block)).filter(|_| start < end)?;
        let last = blocks.find(|block| self.is_here(*block)).unwrap_or(end.div_ceil(BLOCK));
        Some((first * BLOCK, (last * BLOCK).min(self.length)))
    }

    /// The end of the request for the missing bytes `from..to`. Where reading goes on, it doubles; it ends before blocks that are
    /// here.
    pub(super) fn grow(&self, from: u64, to: u64) -> u64 {
        let Ok(mut streams) = self.streams.lock() else { return to };
        let follows = |stream: &Stream| (stream.end..stream.end + stream.window).contains(&from);
        let window = match streams.iter().position(follows) {
            Some(index) => (streams.remove(index).window * 2).min(LARGEST),
            None => SMALLEST,
        };
        let wanted = (from + window).max(to).min(self.length);
        let (_, end) = self.missing(from, wanted).unwrap_or((from, to));
        streams.insert(0, Stream { end, window });
        streams.truncate(STREAMS);
        end
    }

    /// Marks the blocks that are whole in `start..end`.
    pub(super) fn arrived(&self, start: u64, end: u64) {
        let last = if end == self.length { end.div_ceil(BLOCK) } else { end / BLOCK };
        for block in start.div_ceil(BLOCK)..last {
            if let Some(word) = word(block).and_then(|word| self.here.get(word)) {
                // What was written to the file before is seen by who sees the bit.
                word.fetch_or(1 << (block % 64), Ordering::Release);
            }
        }
    }

    fn is_here(&self, block: u64) -> bool {
        let word = word(block).and_then(|word| self.here.get(word));
        word.is_some_and(|word| word.load(Ordering::Acquire) >> (block % 64) & 1 == 1)
    }
}

fn word(block: u64) -> Option<usize> {
    usize::try_from(block / 64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_grow_where_reading_goes_on_and_start_small_elsewhere() {
        let windows = Windows::new(64 << 20);
        let mut sizes = Vec::new();
        let mut at = 0;
        for _ in 0..9 {
            let end = windows.grow(at, at + BLOCK);
            windows.arrived(at, end);
            sizes.push((end - at) / BLOCK);
            at = end;
        }
        assert_eq!(sizes, [2, 4, 8, 16, 32, 64, 128, 128, 128]);
        assert_eq!(windows.grow(60 << 20, (60 << 20) + BLOCK), (60 << 20) + 2 * BLOCK);
    }

    #[test]
    fn what_is_here_is_not_asked_for_again() {
        let windows = Windows::new(10 * BLOCK + 5);
        windows.arrived(2 * BLOCK, 3 * BLOCK);
        assert_eq!(windows.missing(0, 5 * BLOCK), Some((0, 2 * BLOCK)));
        assert_eq!(windows.grow(BLOCK, 2 * BLOCK), 2 * BLOCK);
        assert_eq!(windows.missing(2 * BLOCK + 7, 3 * BLOCK), None);
        assert_eq!(windows.missing(10 * BLOCK + 1, u64::MAX), Some((10 * BLOCK, 10 * BLOCK + 5)));
        windows.arrived(10 * BLOCK, 10 * BLOCK + 5);
        assert_eq!(windows.missing(10 * BLOCK, u64::MAX), None);
        // Half a block is not here.
        windows.arrived(5 * BLOCK, 5 * BLOCK + 9);
        assert_eq!(windows.missing(5 * BLOCK, 6 * BLOCK), Some((5 * BLOCK, 6 * BLOCK)));
    }
}
