//! `installed = false`: the default system does not have the package installed.

use std::fmt;

use super::super::packages::{Matches, installed, names, only_beside, texts};
use super::{Ask, Kind};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;

/// The row of the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "not-installed", says: "a package is not installed in the default system", advice: None, flag: None };

/// The default system does not have the package installed. It may be in the image all the same.
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
        let software = subject.software()?;
        if let Err(none) = subject.system()? {
            return Ok(none);
        }
        let all = Matches::of(subject, &self.0)?;
        let found = installed(software, &all.itself);
        if !found.is_empty() {
            return Ok(Judgement::fail(format!("installed: {}", names(&found)), texts(&found)));
        }
        let beside = installed(software, &all.require_all()?.beside);
        let message = if beside.is_empty() { "not installed".to_owned() } else { only_beside(&beside) };
        Ok(Judgement::pass(message, Vec::new()))
    }
}
