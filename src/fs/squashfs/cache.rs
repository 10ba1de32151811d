//! A bounded cache of recently decompressed values, shared by threads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;

/// Parts that are locked separately, so that threads rarely wait for each other.
const SHARDS: u8 = 64;

/// Values by number. A new value replaces the oldest one in its part. Archives are mostly read in the order in
/// which they were written, and for that no cleverer strategy is better.
#[derive(Debug)]
pub(super) struct Cache<T> {
    shards: Vec<Mutex<Shard<T>>>,
    /// Limit for values in each part.
    capacity: usize,
}

type Shard<T> = VecDeque<(u64, Arc<T>)>;

impl<T> Cache<T> {
    /// A cache with a single part. It always holds the last `capacity` values.
    pub(super) fn small(capacity: usize) -> Self {
        Self { shards: vec![Mutex::default()], capacity: capacity.max(1) }
    }

    /// A cache of up to `capacity` values in many parts, for concurrent use by many threads.
    pub(super) fn sharded(capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, capacity: (capacity / usize::from(SHARDS)).max(1) }
    }

    /// The value with this number. If it is missing, `make` is called without holding a lock. Two threads may occasionally
    /// make the same value, but that costs less than waiting. Only one of the two is kept, and both threads get it.
    pub(super) fn get(&self, number: u64, make: impl FnOnce() -> Result<T>) -> Result<Arc<T>> {
        let find =
            |shard: &Shard<T>| shard.iter().rev().find(|(key, _)| *key == number).map(|(_, value)| Arc::clone(value));
        let found = self.shard(number).as_deref().and_then(find);
        if let Some(value) = found {
            return Ok(value);
        }
        let value = Arc::new(make()?);
        let Some(mut shard) = self.shard(number) else { return Ok(value) };
        if let Some(value) = find(&shard) {
            return Ok(value);
        }
        if shard.len() >= self.capacity {
            shard.pop_front();
        }
        shard.push_back((number, Arc::clone(&value)));
        Ok(value)
    }

    /// Number of values in the cache.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap().len()).sum()
    }

    fn shard(&self, number: u64) -> Option<MutexGuard<'_, Shard<T>>> {
        // Fibonacci hashing spreads neighbouring numbers. The highest bits are the best.
        let mixed = usize::try_from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).unwrap_or(0);
        let shard = self.shards.get(mixed.checked_rem(self.shards.len())?)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_value_is_made_once_and_again_when_newer_ones_have_pushed_it_out() {
        let made = Cell::new(0);
        let cache = Cache::small(2);
        let get = |number: u64| {
            let make = || {
                made.set(made.get() + 1);
                Ok(number * 10)
            };
            *cache.get(number, make).unwrap()
        };
        assert_eq!([1, 1, 2, 1].map(get), [10, 10, 20, 10]);
        assert_eq!(made.get(), 2);
        assert_eq!([3, 2, 3, 1].map(get), [30, 20, 30, 10]);
        assert_eq!(made.get(), 4);
    }

    #[test]
    fn what_cannot_be_made_is_not_kept() {
        let cache = Cache::sharded(1);
        let path = b"x".to_vec();
        assert!(cache.get(7, || Err(crate::Error::NotFound { path })).is_err());
        assert_eq!(*cache.get(7, || Ok(1)).unwrap(), 1);
    }

    #[test]
    fn no_part_grows_past_its_share() {
        let cache = Cache::sharded(128);
        for number in 0..10_000_u64 {
            cache.get(number * 8192, || Ok(number)).unwrap();
        }
        assert_eq!(cache.len(), 128);
    }
}
