//! Assertions about an image: are these things really there?

pub mod accept;
mod hidden;
pub mod kind;
mod nearest;
mod packages;
mod paths;
pub mod policy;
mod query;
pub mod size;
mod subject;
mod systems;
mod verdict;

pub use accept::{Acceptance, Accepted};
pub use kind::{Assertion, Kind};
pub use policy::{Demand, Policy, Severity};
pub use query::{AssertionError, PackageQuery, WantedKey};
pub use subject::Subject;
pub use verdict::{Answer, Judgement, Verdict};

use crate::error::{Error, Result, Troubles};
use crate::image::Progress;
use crate::nixos::Disc;
use crate::nixos::software::Software;

/// The verdicts on an image.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each assertion, in the order of the assertions.
    pub verdicts: Vec<Verdict>,
    /// What was accepted, in the order of the policies.
    pub accepted: Vec<accept::Used>,
    /// What could not be read.
    pub troubles: Troubles,
}

impl Report {
    /// How many assertions hold.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.count(|verdict| verdict.answer == Answer::Holds)
    }

    /// How many assertions with the severity `error` fail.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failing(Severity::Error)
    }

    /// How many assertions with the severity `warning` fail.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.failing(Severity::Warning)
    }

    fn failing(&self, severity: Severity) -> usize {
        self.count(|verdict| verdict.answer == Answer::Fails && verdict.severity == severity)
    }

    /// How many assertions could not be decided.
    #[must_use]
    pub fn unknown(&self) -> usize {
        self.count(|verdict| verdict.answer == Answer::Unknown)
    }

    fn count(&self, wanted: impl Fn(&Verdict) -> bool) -> usize {
        self.verdicts.iter().filter(|verdict| wanted(verdict)).count()
    }

    /// The answer to all assertions together. Warnings do not count.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let any = |answer| self.count(|verdict| verdict.answer == answer && verdict.severity == Severity::Error) > 0;
        match () {
            () if any(Answer::Fails) => Answer::Fails,
            () if any(Answer::Unknown) => Answer::Unknown,
            () => Answer::Holds,
        }
    }

    /// The report on an image that cannot be read at all: every assertion is unknown.
    #[must_use]
    pub fn unreadable(demands: &[Demand], error: &Error) -> Self {
        let unknown = |demand| Verdict::new(demand, Judgement::unknown(error.to_string(), Vec::new()));
        Self { verdicts: demands.iter().map(unknown).collect(), ..Self::default() }
    }
}

/// Judges assertions on a disc, one after the other. `progress` hears of what takes long: the bytes that are verified.
#[must_use]
pub fn run(disc: &Disc<'_>, demands: &[Demand], progress: Progress<'_>) -> Report {
    run_accepting(disc, demands, Accepted::nothing(), progress)
}

/// Does the same, and lets accepted findings pass.
#[must_use]
pub fn run_accepting(disc: &Disc<'_>, demands: &[Demand], accepted: Accepted, progress: Progress<'_>) -> Report {
    let subject = Subject::new(disc, accepted, progress);
    let mut report = Report::default();
    for demand in demands {
        subject.only.replace(demand.system.clone());
        let judgement = demand.assertion.judge(&subject).unwrap_or_else(|error| {
            let unknown = Judgement::unknown(error.to_string(), Vec::new());
            report.troubles.push(error);
            unknown
        });
        report.verdicts.push(Verdict::new(demand, judgement));
    }
    // Packages after the damage are judged by their names alone, which must be reported.
    let (troubles, accepted) = subject.into_parts();
    report.troubles.append(troubles);
    report.accepted = accepted.into_used();
    report
}

/// One line about a missing package: what is there instead.
///
/// # Errors
/// If it is unknown what an object of that name is.
pub fn missing_package(disc: &Disc<'_>, software: &Software, query: &PackageQuery) -> Result<String> {
    Ok(format!("{query}: {}", packages::missing(disc, software, query)?.message))
}
