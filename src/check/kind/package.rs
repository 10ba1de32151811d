//! `--package NAME[@VERSION]`: the package is in the image.

use std::fmt;

use super::super::packages::{is_beside, missing, names, query, texts};
use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::store::StorePath;

/// The row of the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "package",
    says: "a package is in the image",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Text("NAME[@VERSION]", |text| query(text).map(|query| Package(query).into())),
        help: "The package is in the image; VERSION as 1.2, >=1.2, ^1 or 1.*",
    }),
};

/// The package is in the image.
#[derive(Clone, Debug)]
pub struct Package(pub PackageQuery);

impl fmt::Display for Package {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for Package {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let software = subject.software()?;
        let found: Vec<&StorePath> =
            software.present().map(|(_, object)| &object.path).filter(|path| self.0.matches(path)).collect();
        let (beside, itself): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| is_beside(path));
        if !itself.is_empty() {
            return Ok(Judgement::pass(names(&itself), texts(&itself)));
        }
        if !beside.is_empty() {
            return Ok(Judgement::fail(
                format!("only its documentation or development files are there: {}", names(&beside)),
                texts(&beside),
            ));
        }
        Ok(missing(software, &self.0))
    }
}
