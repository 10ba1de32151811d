//! `[integrity]`: the store matches its registration.

use std::fmt;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::{Result, Troubles};
use crate::verify::{self, Expectations};

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "integrity",
    says: "the store matches its registered hashes, and everything needed to boot is there",
    advice: None,
    flag: None,
};

/// Limit for listed problems.
const SHOWN: usize = 20;

/// The store matches its registered hashes, and everything needed to boot is there.
#[derive(Clone, Debug)]
pub struct Integrity;

impl fmt::Display for Integrity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "store")
    }
}

impl Ask for Integrity {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let report = verify::run(subject.disc, &Troubles::default(), &Expectations::default(), subject.progress)?;
        let told = report.problems.iter().take(SHOWN).map(|problem| {
            format!("{} {}: {}", problem.kind.name(), String::from_utf8_lossy(&problem.path), problem.message)
        });
        let unchecked = report.unchecked.iter();
        let unchecked =
            unchecked.map(|open| format!("{}: {}", String::from_utf8_lossy(&open.path), open.message)).take(SHOWN);
        Ok(match report.problems.len() {
            0 if !report.unchecked.is_empty() => {
                Judgement::unknown("not everything could be checked", unchecked.collect())
            }
            0 if report.verified == report.registered => {
                Judgement::pass(format!("{} store paths verified", report.verified), Vec::new())
            }
            0 => Judgement::unknown(
                format!("{} of {} store paths have no hash to compare with", report.without_hash, report.registered),
                Vec::new(),
            ),
            1 => Judgement::fail("1 problem", told.collect()),
            many => Judgement::fail(format!("{many} problems"), told.collect()),
        })
    }
}
