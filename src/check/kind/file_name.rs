//! `file-name`: the name of the image file matches.

use std::fmt;

use globset::GlobMatcher;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "file-name", says: "the image file is called as it was asked for", advice: None, flag: None };

/// The name of the image file matches the glob.
#[derive(Clone, Debug)]
pub struct FileName(pub GlobMatcher);

impl fmt::Display for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.glob())
    }
}

impl Ask for FileName {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let name = subject.disc.path().file_name().unwrap_or_default();
        let told = format!("the file is called {}", name.to_string_lossy());
        Ok(if self.0.is_match(name) { Judgement::pass(told, Vec::new()) } else { Judgement::fail(told, Vec::new()) })
    }
}
