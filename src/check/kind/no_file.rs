//! `absent = true`: there is no such file.

use std::fmt;

use super::super::paths::{at_path, text};
use super::{Ask, Kind};
use crate::check::systems::Scope;
use crate::check::{Judgement, Subject};
use crate::error::{Error, Result};
use crate::fs::path;

/// The row of the table of kinds.
pub(super) const KIND: Kind = Kind { name: "no-file", says: "a file is not there", advice: None, flag: None };

/// There is no such file.
#[derive(Clone, Debug)]
pub struct NoFile(pub Vec<u8>);

impl fmt::Display for NoFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", String::from_utf8_lossy(&self.0))
    }
}

impl Ask for NoFile {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        // What is in a store that cannot be read, nobody knows.
        if subject.disc.store_is_broken() {
            subject.disc.require_store()?;
        }
        at_path(subject, Scope::Offered, &self.0, |path| match path::resolve_link(subject.disc.tree(), path) {
            Ok(found) => Ok(Judgement::fail("it is there", vec![text(&found.path)])),
            Err(Error::NotFound { .. } | Error::WrongType { .. }) => Ok(Judgement::pass("not there", Vec::new())),
            Err(error) => Err(error),
        })
    }
}
