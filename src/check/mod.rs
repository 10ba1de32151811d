//! Assertions on an image: are these things really there?

pub mod kind;
mod nearest;
mod packages;
mod paths;
pub mod policy;
mod query;
mod size;
mod subject;
mod systems;
mod verdict;

pub use kind::{Assertion, Kind};
pub use policy::{Demand, Policy, Severity};
pub use query::{AssertionError, PackageQuery, WantedKey};
pub use subject::Subject;
pub use verdict::{Answer, Judgement, Verdict};

use crate::error::Troubles;
use crate::image::Progress;
use crate::nixos::Disc;
use crate::nixos::software::Software;

/// The verdicts on an image.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each assertion that could be judged, in the order of the assertions.
    pub verdicts: Vec<Verdict>,
    /// Why the others could not be judged.
    pub troubles: Troubles,
}

impl Report {
    /// How many assertions hold.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.answer == Answer::Holds).count()
    }

    /// How many assertions do not hold that must.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failing(Severity::Error)
    }

    /// How many assertions do not hold that should.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.failing(Severity::Warning)
    }

    fn failing(&self, severity: Severity) -> usize {
        let failing = |verdict: &&Verdict| verdict.answer == Answer::Fails && verdict.severity == severity;
        self.verdicts.iter().filter(failing).count()
    }
}

/// Judges assertions on a disc, one after the other. `progress` hears of what takes long: the bytes that are verified.
#[must_use]
pub fn run(disc: &Disc<'_>, demands: &[Demand], progress: Progress<'_>) -> Report {
    let subject = Subject::new(disc, progress);
    let mut report = Report::default();
    for demand in demands {
        subject.only.replace(demand.system.clone());
        match demand.assertion.judge(&subject) {
            Ok(judgement) => report.verdicts.push(Verdict::new(demand, judgement)),
            Err(error) => report.troubles.push(error),
        }
    }
    // Packages behind the damage are judged by their names alone, which somebody has to be told.
    report.troubles.append(subject.into_troubles());
    report
}

/// One line on a package that is asked for and not there: what is there instead.
#[must_use]
pub fn missing_package(software: &Software, query: &PackageQuery) -> String {
    format!("{query}: {}", packages::missing(software, query).message)
}
