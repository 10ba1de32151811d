//! `installed = false`: the default system does not have the package installed.

use std::fmt;

use super::super::packages::{Matches, installed, names, only_beside, texts};
use super::installed::flags;
use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;

/// The row of the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "not-installed",
    says: "no system that a menu starts has a package installed",
    advice: None,
    flag: None,
};

/// No system that a menu starts has the package installed. It may be in the image all the same.
#[derive(Clone, Debug)]
pub struct NotInstalled(pub PackageQuery);

impl fmt::Display for NotInstalled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for NotInstalled {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        // Without a store, nobody knows what is installed.
        subject.software()?;
        in_each(subject, Scope::Offered, |system| {
            let own = flags(subject, system)?;
            let all = Matches::of(subject, &self.0)?;
            let found = installed(&own, &all.itself);
            if !found.is_empty() {
                return Ok(Judgement::fail(format!("installed: {}", names(&found)), texts(&found)));
            }
            let beside = installed(&own, &all.require_all()?.beside);
            let message = if beside.is_empty() { "not installed".to_owned() } else { only_beside(&beside) };
            Ok(Judgement::pass(message, Vec::new()))
        })
    }
}
