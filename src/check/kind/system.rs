//! `system`: the default system is for the platform.

use std::fmt;

use super::{Ask, Kind};
use crate::check::systems::{Scope, called, in_each};
use crate::check::{Judgement, Subject};
use crate::error::Result;

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "system", says: "the default system is for the platform", advice: None, flag: None };

/// The default system is for this platform: `x86_64-linux`.
#[derive(Clone, Debug)]
pub struct Platform(pub String);

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for Platform {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        in_each(subject, Scope::Default, |system| {
            let (evidence, name) = (vec![system.path.to_string()], called(system));
            Ok(match system.describe(subject.disc.tree())?.system {
                Some(own) if own == self.0 => Judgement::pass(own, evidence),
                Some(own) => Judgement::fail(format!("{name} is for {own}"), evidence),
                None => Judgement::unknown(format!("{name} does not say for which platform it is"), evidence),
            })
        })
    }
}
