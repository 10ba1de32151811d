//! `installed = false`: the default system does not have the package installed.

use std::fmt;

use super::super::packages::{is_beside, names, texts};
use super::{Ask, Kind};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::store::StorePath;

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
        let matching =
            software.present().filter(|(index, object)| software.is_installed(*index) && self.0.matches(&object.path));
        let found: Vec<&StorePath> = matching.map(|(_, object)| &object.path).filter(|path| !is_beside(path)).collect();
        Ok(match found.len() {
            0 => Judgement::pass("not installed", Vec::new()),
            _ => Judgement::fail(format!("installed: {}", names(&found)), texts(&found)),
        })
    }
}
