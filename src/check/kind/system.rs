//! `system`: the default system is for the platform.

use std::fmt;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;

/// The row of the table of kinds.
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
        let system = match subject.system()? {
            Ok(system) => system,
            Err(none) => return Ok(none),
        };
        let evidence = vec![system.path.to_string()];
        Ok(match system.describe(subject.disc.tree())?.system {
            Some(own) if own == self.0 => Judgement::pass(own, evidence),
            Some(own) => Judgement::fail(format!("the default system is for {own}"), evidence),
            None => Judgement::unknown("the default system does not say for which platform it is", evidence),
        })
    }
}
