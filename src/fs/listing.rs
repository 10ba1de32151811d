//! The locations of directory listings, so that a walk reads no entry twice.

use std::collections::BTreeMap;

/// The bytes that hold the entries of a directory, in coordinates of its own tree.
///
/// No writer makes the listings of two directories overlap. A hostile image may, so that a short image takes long to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The first byte.
    pub start: u64,
    /// The byte after the last one. An empty directory has no bytes of its own.
    pub end: u64,
}

/// Listings that have been entered, without overlaps.
#[derive(Debug, Default)]
pub struct Listings(BTreeMap<u64, u64>);

impl Listings {
    /// Adds a listing. False if it overlaps one that was added before.
    pub fn insert(&mut self, listing: Listing) -> bool {
        let Listing { start, end } = listing;
        if start >= end {
            return true;
        }
        match self.0.range_mut(..end).next_back() {
            Some((_, other)) if *other > start => return false,
            // Listings of siblings are neighbours.
            Some((_, other)) if *other == start => *other = end,
            _ => drop(self.0.insert(start, end)),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_that_overlap_in_any_way_are_refused() {
        let mut listings = Listings::default();
        let mut insert = |start, end| listings.insert(Listing { start, end });
        assert!(insert(10, 20) && insert(20, 30) && insert(0, 10));
        for (start, end) in [(10, 20), (5, 12), (12, 15), (19, 40), (0, 100), (29, 30)] {
            assert!(!insert(start, end), "{start}..{end}");
        }
        assert!(insert(15, 15) && insert(30, 31));
    }
}
