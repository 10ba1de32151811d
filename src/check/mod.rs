//! Assertions on an image: are these things really there?

mod access;
mod assertion;
mod file;
mod nearest;
mod package;

pub use assertion::{Assertion, AssertionError, PackageQuery, WantedKey};

use std::cell::OnceCell;

use crate::error::{Error, Result};
use crate::nixos::software::Software;
use crate::nixos::{Disc, Medium, System};

/// What became of one assertion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The same for the same assertion in every run: kind and subject.
    pub id: String,
    /// Kind of the assertion: `package`, `installed`, `forbid`, `command`, `file`, `key`, `max-size`.
    pub kind: &'static str,
    /// What is asserted of: a package, a path, a key.
    pub subject: String,
    /// Whether it holds.
    pub holds: bool,
    /// One line: what was found, or what is there instead.
    pub message: String,
    /// What the verdict rests on: store paths, files with lines, chains of references.
    pub evidence: Vec<String>,
}

/// The verdicts on an image.
#[derive(Debug, Default)]
pub struct Report {
    /// One for each assertion that could be judged, in the order of the assertions.
    pub verdicts: Vec<Verdict>,
    /// Why the others could not be judged.
    pub troubles: Vec<Error>,
}

impl Report {
    /// How many assertions hold.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.holds).count()
    }

    /// How many assertions do not hold.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.verdicts.len() - self.passed()
    }
}

/// Judges assertions on a disc, one after the other.
#[must_use]
pub fn run(disc: &Disc<'_>, assertions: &[Assertion]) -> Report {
    let subject = Subject { disc, software: OnceCell::new() };
    let mut report = Report::default();
    for assertion in assertions {
        match judge(&subject, assertion) {
            Ok(Judgement { holds, message, evidence }) => {
                let (kind, about) = (assertion.kind(), assertion.to_string());
                report.verdicts.push(Verdict {
                    id: format!("{kind}:{about}"),
                    kind,
                    subject: about,
                    holds,
                    message,
                    evidence,
                });
            }
            Err(error) => report.troubles.push(error),
        }
    }
    // Packages behind the damage are judged by their names alone, which somebody has to be told.
    let software = subject.software.into_inner();
    report.troubles.extend(software.and_then(|software| software.contents.trouble));
    report
}

fn judge(subject: &Subject<'_, '_>, assertion: &Assertion) -> Result<Judgement> {
    match assertion {
        Assertion::Package(query) => package::present(subject, query),
        Assertion::Installed(query) => package::installed(subject, query),
        Assertion::Forbid(query) => package::forbidden(subject, query),
        Assertion::Command(name) => file::command(subject, name),
        Assertion::File(path) => file::exists(subject, path),
        Assertion::Key { key, user } => access::key(subject, key, user.as_deref()),
        Assertion::MaxSize(limit) => Ok(size(subject, *limit)),
    }
}

/// The disc under judgement, and what has been read of it so far.
struct Subject<'d, 'i> {
    disc: &'d Disc<'i>,
    software: OnceCell<Software>,
}

impl Subject<'_, '_> {
    /// The packages; read when the first assertion needs them.
    fn software(&self) -> Result<&Software> {
        if let Some(software) = self.software.get() {
            return Ok(software);
        }
        let software = Software::of(self.disc)?;
        Ok(self.software.get_or_init(|| software))
    }
}

impl<'d> Subject<'d, '_> {
    /// The default system, or the verdict of what needs one where there is none.
    fn system(&self) -> Result<std::result::Result<&'d System, Judgement>> {
        match self.disc.default_system() {
            Ok(system) => Ok(Ok(system)),
            Err(error @ Error::NoSystem { .. }) => Ok(Err(Judgement::fail(error.to_string(), Vec::new()))),
            Err(error) => Err(error),
        }
    }
}

/// A verdict before it knows what it is about.
struct Judgement {
    holds: bool,
    message: String,
    evidence: Vec<String>,
}

impl Judgement {
    fn pass(message: impl Into<String>, evidence: Vec<String>) -> Self {
        Self { holds: true, message: message.into(), evidence }
    }

    fn fail(message: impl Into<String>, evidence: Vec<String>) -> Self {
        Self { holds: false, message: message.into(), evidence }
    }
}

fn size(subject: &Subject<'_, '_>, limit: u64) -> Judgement {
    // A stick is larger than the image that was written to it.
    let file = subject.disc.image().region().length();
    let bytes = match &subject.disc.carrier {
        Medium::Volume(volume) => volume.descriptors().primary.length().min(file),
        Medium::Archive(_) => file,
    };
    if bytes <= limit {
        Judgement::pass(format!("the image has {bytes} bytes"), Vec::new())
    } else {
        Judgement::fail(format!("the image has {bytes} bytes, {} too many", bytes - limit), Vec::new())
    }
}

/// One line on a package that is asked for and not there: what is there instead.
#[must_use]
pub fn missing_package(software: &Software, query: &PackageQuery) -> String {
    format!("{query}: {}", package::missing(software, query).message)
}
