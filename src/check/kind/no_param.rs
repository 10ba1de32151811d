//! `params.forbid`: no menu entry has the kernel parameter.

use std::fmt;

use super::{Ask, KernelParam, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "no-param", says: "a kernel parameter is in no menu entry", advice: None, flag: None };

/// No menu entry has the kernel parameter.
#[derive(Clone, Debug)]
pub struct NoParam(pub KernelParam);

impl fmt::Display for NoParam {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for NoParam {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let with = subject.disc.menu.iter().filter(|entry| entry.params.iter().any(|word| self.0.is(word)));
        let entries: Vec<String> =
            with.map(|entry| format!("{}: {}", String::from_utf8_lossy(&entry.file), entry.title)).collect();
        Ok(match entries.len() {
            0 => Judgement::pass("in no menu entry", Vec::new()),
            1 => Judgement::fail("in one menu entry", entries),
            many => Judgement::fail(format!("in {many} menu entries"), entries),
        })
    }
}
