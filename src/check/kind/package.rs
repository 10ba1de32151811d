//! `--package NAME[@VERSION]`: the package is in the image.

use std::fmt;

use super::super::packages::{Matches, names, paths, query, texts};
use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "package",
    says: "a package is in the image",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Text("NAME[@VERSION]", |text| query(text).map(|query| Package(query).into())),
        help: "The package is in the image; VERSION as 1.2, >=1.2, ^1 or 1.*, where 2.0-rc1 and 2.0-beta.3 come before 2.0",
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
        let found = Matches::of(subject, &self.0)?;
        if !found.itself.is_empty() {
            let paths = paths(&found.itself);
            return Ok(Judgement::pass(names(&paths), texts(&paths)));
        }
        found.require_all()?.missing(subject, &self.0)
    }
}
