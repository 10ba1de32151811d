//! `kernel`: the version of the default system's kernel.

use std::fmt;

use super::{Ask, Kind};
use crate::check::systems::{Scope, called, in_each};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::store::version::Requirement;

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "kernel", says: "the kernel has the version that was asked for", advice: None, flag: None };

/// The default system's kernel has a matching version.
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
        in_each(subject, Scope::Default, |system| {
            let evidence = vec![format!("{}/kernel", system.path)];
            let name = called(system);
            Ok(match system.kernel(subject.disc.tree())? {
                Some(own) if self.version.admits(&own) => Judgement::pass(format!("kernel {own}"), evidence),
                Some(own) => Judgement::fail(format!("{name} has kernel {own}"), evidence),
                None => Judgement::unknown(format!("the version of the kernel of {name} is not known"), evidence),
            })
        })
    }
}
