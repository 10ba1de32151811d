//! `installed = false`: the package is not installed in the default system.

use std::fmt;

use super::super::packages::{Matches, installed, names, only_beside, texts};
use super::installed::flags;
use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "not-installed",
    says: "no system that a menu starts has a package installed",
    advice: None,
    flag: None,
};

/// The package is not installed in any system that a menu starts. It may still be in the image.
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
        // Without a store, it is unknown what is installed.
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
