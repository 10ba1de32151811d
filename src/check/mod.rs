//! Assertions on an image: are these things really there?

mod access;
mod account;
mod assertion;
mod content;
mod file;
mod image;
mod nearest;
mod package;
pub mod policy;
mod query;
mod size;

pub use assertion::{Assertion, FileAssertion, UserAssertion};
pub use policy::{Demand, Policy, Severity};
pub use query::{AssertionError, PackageQuery, WantedKey};
pub use size::parse as parse_size;

use std::cell::{OnceCell, RefCell};

use crate::error::{Error, Result, Troubles};
use crate::image::Progress;
use crate::nixos::access::Access;
use crate::nixos::software::Software;
use crate::nixos::{Disc, System};

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
    /// What follows if it does not hold.
    pub severity: Severity,
    /// Why it is asked for.
    pub reason: Option<String>,
    /// The policy file that asks for it; none for a flag.
    pub policy: Option<String>,
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
        self.verdicts.iter().filter(|verdict| !verdict.holds && verdict.severity == severity).count()
    }
}

/// Judges assertions on a disc, one after the other. `progress` hears of what takes long: the bytes that are verified.
#[must_use]
pub fn run(disc: &Disc<'_>, demands: &[Demand], progress: Progress<'_>) -> Report {
    let troubles = RefCell::default();
    let subject = Subject { disc, progress, troubles, software: OnceCell::new(), access: OnceCell::new() };
    let mut report = Report::default();
    for Demand { assertion, severity, reason, policy } in demands {
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
                    severity: *severity,
                    reason: reason.clone(),
                    policy: policy.clone(),
                });
            }
            Err(error) => report.troubles.push(error),
        }
    }
    // Packages behind the damage are judged by their names alone, which somebody has to be told.
    report.troubles.extend(subject.troubles.into_inner());
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
        Assertion::MaxSize(limit) => Ok(image::size(subject, *limit)),
        Assertion::VolumeId(glob) => Ok(image::volume_id(subject, glob)),
        Assertion::Platform(wanted) => image::platform(subject, wanted),
        Assertion::Boot(firmware) => image::boot(subject, *firmware),
        Assertion::Kernel(_, requirement) => image::kernel(subject, requirement),
        Assertion::Param(param) => image::param(subject, param),
        Assertion::NoParam(param) => Ok(image::no_param(subject, param)),
        Assertion::NotInstalled(query) => package::not_installed(subject, query),
        Assertion::Copies { query, most } => package::copies(subject, query, *most),
        Assertion::NoFile(path) => content::absent(subject, path),
        Assertion::FileIs(file) => content::is(subject, file),
        Assertion::User(user) => account::user(subject, user),
        Assertion::OnlyKeys { user, allowed } => account::only_keys(subject, user.as_deref(), allowed),
        Assertion::SshEnabled(wanted) => account::ssh_enabled(subject, *wanted),
        Assertion::SshPasswords(wanted) => account::ssh_passwords(subject, *wanted),
        Assertion::PermitRootLogin(values) => account::permit_root_login(subject, values),
        Assertion::NoEmptyPasswords => account::no_findings(subject, &account::EMPTY_PASSWORDS, &[]),
        Assertion::NoFinding { id, except } => account::no_findings(subject, &[*id], except),
        Assertion::NoSecrets(allow) => image::secrets(subject, allow),
        Assertion::Integrity => image::integrity(subject),
    }
}

/// The disc under judgement, and what has been read of it so far.
struct Subject<'d, 'i> {
    disc: &'d Disc<'i>,
    progress: Progress<'d>,
    troubles: RefCell<Troubles>,
    software: OnceCell<Software>,
    access: OnceCell<Vec<(System, Access)>>,
}

impl Subject<'_, '_> {
    /// The packages; read when the first assertion needs them.
    fn software(&self) -> Result<&Software> {
        if let Some(software) = self.software.get() {
            return Ok(software);
        }
        let software = Software::of(self.disc, &mut self.troubles.borrow_mut())?;
        Ok(self.software.get_or_init(|| software))
    }

    /// Who gets in, of each system that is there, the default one first; read when the first assertion needs it.
    fn access(&self) -> Result<&[(System, Access)]> {
        if let Some(access) = self.access.get() {
            return Ok(access);
        }
        let there = self.disc.systems.iter().filter(|system| system.present);
        let access = there.map(|system| Ok((system.clone(), Access::of(self.disc, system)?))).collect::<Result<_>>()?;
        Ok(self.access.get_or_init(|| access))
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

/// One line on a package that is asked for and not there: what is there instead.
#[must_use]
pub fn missing_package(software: &Software, query: &PackageQuery) -> String {
    format!("{query}: {}", package::missing(software, query).message)
}
