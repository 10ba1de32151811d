//! Divides stored bytes among those that use them.

use std::ops::Range;

use rayon::prelude::*;

/// Bytes that an owner uses, possibly together with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Use {
    /// First byte. It is the same for all owners that share these bytes.
    pub(super) start: u64,
    /// Length as stored, in bytes.
    pub(super) length: u64,
    /// The owner.
    pub(super) owner: usize,
    /// Bytes of the owner's contents that are stored here.
    pub(super) weight: u64,
}

/// Stored bytes, divided.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shares {
    /// The bytes of each owner.
    pub(super) owned: Vec<u64>,
    /// The first byte that anybody uses. `None` if nobody uses any.
    pub(super) first: Option<u64>,
}

/// The same uses with whole blocks of `block` bytes.
pub(super) fn whole_blocks(uses: &[Use], block: u64) -> Vec<Use> {
    uses.iter().map(|used| Use { length: used.length.div_ceil(block).saturating_mul(block), ..*used }).collect()
}

/// Divides the bytes of `within` among the owners. Bytes in use by several are divided in proportion to the bytes that each has
/// in them. No byte counts twice, even where a hostile image lets ranges overlap.
pub(super) fn divide(mut uses: Vec<Use>, owners: usize, within: &Range<u64>) -> Shares {
    uses.par_sort_unstable();
    let mut shares = Shares { owned: vec![0; owners], first: uses.first().map(|used| used.start) };
    let mut covered = within.start;
    for shared in uses.chunk_by(|one, other| one.start == other.start) {
        let start = shared.first().map_or(0, |used| used.start);
        let length = shared.iter().map(|used| used.length).max().unwrap_or(0);
        let end = start.saturating_add(length).min(within.end);
        let length = end.saturating_sub(start.max(covered));
        covered = covered.max(end);
        let total: u128 = shared.iter().map(|used| u128::from(used.weight)).sum();
        // Each share lies between two marks on the length, so that rounding loses nothing.
        let mark = |weight: u128| u64::try_from(u128::from(length) * weight / total.max(1)).unwrap_or(length);
        let mut before = 0u128;
        for used in shared {
            let after = before + u128::from(used.weight);
            if let Some(size) = shares.owned.get_mut(used.owner) {
                *size = size.saturating_add(mark(after) - mark(before));
            }
            before = after;
        }
    }
    shares
}

/// The sum of sizes.
pub(super) fn sum(sizes: &[u64]) -> u64 {
    sizes.iter().copied().fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(start: u64, length: u64, owner: usize, weight: u64) -> Use {
        Use { start, length, owner, weight }
    }

    #[test]
    fn shared_bytes_are_divided_by_what_each_owner_has_in_them_and_none_is_lost() {
        let uses = vec![used(10, 10, 0, 1), used(10, 10, 1, 2), used(20, 5, 1, 9), used(40, 3, 2, 1)];
        let shares = divide(uses, 3, &(0..100));
        assert_eq!(shares, Shares { owned: vec![3, 12, 3], first: Some(10) });
    }

    #[test]
    fn bytes_count_once_where_ranges_overlap_and_not_at_all_outside() {
        let uses = vec![used(0, 20, 0, 1), used(15, 10, 1, 1), used(16, 2, 2, 1), used(90, 50, 2, 1)];
        assert_eq!(divide(uses, 3, &(10..100)).owned, [10, 5, 10]);
        let rounded = whole_blocks(&[used(0, 100, 0, 1), used(4096, 2048, 0, 1)], 2048);
        assert_eq!(divide(rounded, 1, &(0..1 << 20)).owned, [4096]);
    }
}
