//! `installed = false`: the default system does not have the package installed.

use std::fmt;

use super::super::packages::{is_beside, names, texts};
use super::installed::installed_in;
use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::store::StorePath;
use crate::store::contents::Object;

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
        let software = subject.software()?;
        in_each(subject, Scope::Offered, |system| {
            let installed = installed_in(subject, system)?;
            let is_found = |(index, object): &(usize, &Object)| {
                installed.get(*index) == Some(&true) && self.0.matches(&object.path) && !is_beside(&object.path)
            };
            let found: Vec<&StorePath> = software.present().filter(is_found).map(|(_, object)| &object.path).collect();
            Ok(match found.len() {
                0 => Judgement::pass("not installed", Vec::new()),
                _ => Judgement::fail(format!("installed: {}", names(&found)), texts(&found)),
            })
        })
    }
}
