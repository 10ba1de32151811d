//! The work that one image may cause.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Error, Place, Result};

/// A kind of work whose amount depends on the contents of an image, and not on its size.
///
/// Every limit for one file or one system is multiplied by the number of names that lead to it. A budget for all of the disc is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Entries of directories, each time that they are listed.
    Entries,
    /// Bytes of directory records, continuation areas and metadata blocks, each time that they are parsed.
    Metadata,
    /// Bytes of texts, each time that they are read.
    Texts,
    /// Unpacked bytes of initrds, each time that they are unpacked.
    Initrds,
    /// Bytes of the paths that walks visit, and of those of an initrd's members that are kept.
    Paths,
}

/// How much work there may be: a floor for any image, and so much for each MiB of the image.
struct Allowance {
    what: &'static str,
    floor: u64,
    per_mebibyte: u64,
}

impl Work {
    fn allowance(self) -> Allowance {
        match self {
            Self::Entries => {
                Allowance { what: "work budget for directory entries", floor: 20_000_000, per_mebibyte: 1_000_000 }
            }
            Self::Metadata => Allowance { what: "work budget for metadata", floor: 4 << 30, per_mebibyte: 256 << 20 },
            Self::Texts => Allowance { what: "work budget for texts", floor: 1 << 30, per_mebibyte: 16 << 20 },
            Self::Initrds => Allowance { what: "work budget for initrds", floor: 256 << 20, per_mebibyte: 64 << 20 },
            Self::Paths => Allowance { what: "work budget for paths", floor: 32 << 20, per_mebibyte: 64 << 10 },
        }
    }
}

/// The work that an image has caused so far. All threads share it.
#[derive(Debug, Default)]
pub struct Budget {
    spent: [Spent; 5],
}

#[derive(Debug, Default)]
struct Spent {
    amount: AtomicU64,
    /// Where the budget was spent. All later errors name the same place, so that they are one trouble.
    place: OnceLock<Place>,
}

impl Budget {
    /// Adds work that an image of `length` bytes causes at a place.
    ///
    /// # Errors
    /// [`Error::Limit`] if the budget is spent. It stays spent.
    pub fn charge(&self, work: (Work, u64), length: u64, place: &dyn Fn() -> Place) -> Result<()> {
        let (work, amount) = work;
        let Allowance { what, floor, per_mebibyte } = work.allowance();
        let Some(spent) = self.spent.get(work as usize) else { return Ok(()) };
        // A sum beyond 64 bits would take centuries.
        let before = spent.amount.fetch_add(amount, Ordering::Relaxed);
        if before.saturating_add(amount) <= floor.saturating_add((length >> 20).saturating_mul(per_mebibyte)) {
            return Ok(());
        }
        Err(Error::Limit { what, place: spent.place.get_or_init(place).clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spent_budget_names_the_place_where_it_was_spent() {
        let budget = Budget::default();
        let charge = |amount, byte| budget.charge((Work::Paths, amount), 3 << 20, &|| Place::Byte(byte));
        assert!(charge(32 << 20, 1).is_ok() && charge(192 << 10, 2).is_ok());
        for byte in [3, 4] {
            let error = charge(1, byte).unwrap_err().to_string();
            assert_eq!(error, "work budget for paths at 0x3: over the limit");
        }
        assert!(budget.charge((Work::Texts, 1 << 30), 0, &|| Place::Byte(0)).is_ok());
    }
}
