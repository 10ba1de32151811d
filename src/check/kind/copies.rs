//! `max-copies`: a limit for the versions of a package in the image.

use std::collections::BTreeSet;
use std::fmt;

use super::super::packages::{Matches, paths, texts};
use super::{Ask, Kind};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::store::name::Name;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "max-copies",
    says: "a package is in the image in no more versions than asked for",
    advice: None,
    flag: None,
};

/// At most this many versions of the package are in the image.
#[derive(Clone, Debug)]
pub struct Copies {
    /// The package.
    pub query: PackageQuery,
    /// Limit for its versions.
    pub most: usize,
}

impl fmt::Display for Copies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, at most {}", self.query, self.most)
    }
}

impl Ask for Copies {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let matches = Matches::of(subject, &self.query)?.require_all()?;
        let found = paths(&matches.itself);
        let versions: BTreeSet<(&str, &str)> =
            found.iter().map(|path| Name::parse(path.name())).map(|name| (name.pname, name.version)).collect();
        let told = format!(
            "{} in the image",
            match versions.len() {
                1 => "1 version".to_owned(),
                many => format!("{many} versions"),
            }
        );
        Ok(if versions.len() <= self.most {
            Judgement::pass(told, texts(&found))
        } else {
            Judgement::fail(told, texts(&found))
        })
    }
}
