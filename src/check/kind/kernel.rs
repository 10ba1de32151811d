//! `kernel`: the default system has a kernel of such a version.

use std::fmt;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::store::version::Requirement;

/// The row of the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "kernel", says: "the kernel has the version that was asked for", advice: None, flag: None };

/// The default system's kernel has such a version.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// The requirement as it was written.
    pub text: String,
    /// The requirement.
    pub version: Requirement,
}

impl fmt::Display for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.text)
    }
}

impl Ask for Kernel {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let system = match subject.system()? {
            Ok(system) => system,
            Err(none) => return Ok(none),
        };
        let evidence = vec![format!("{}/kernel", system.path)];
        Ok(match system.describe(subject.disc.tree())?.kernel {
            Some(own) if self.version.admits(&own) => Judgement::pass(format!("kernel {own}"), evidence),
            Some(own) => Judgement::fail(format!("the default system has kernel {own}"), evidence),
            None => Judgement::unknown("the version of the default system's kernel is not known", evidence),
        })
    }
}
