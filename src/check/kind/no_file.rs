//! `absent = true`: the file does not exist.

use std::fmt;

use super::super::paths::{at_path, text};
use super::{Ask, Kind};
use crate::check::systems::Scope;
use crate::check::{Judgement, Subject};
use crate::error::{Error, Result};
use crate::fs::path;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind { name: "no-file", says: "a file is not there", advice: None, flag: None };

/// The file does not exist.
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
        // If the store cannot be read, its contents are unknown.
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
