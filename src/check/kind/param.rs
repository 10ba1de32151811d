//! `params.require`: the kernel parameter is in the menu entry that boots by default.

use std::fmt;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::kernel_line::public;
use crate::nixos::menu::MenuEntry;

/// The row of the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "param", says: "a kernel parameter is in the entry that boots by default", advice: None, flag: None };

/// The menu entry that boots by default has the kernel parameter.
#[derive(Clone, Debug)]
pub struct Param(pub String);

impl fmt::Display for Param {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for Param {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let system = match subject.system()? {
            Ok(system) => system,
            Err(none) => return Ok(none),
        };
        let starts = |entry: &&MenuEntry| {
            let toplevel = crate::nixos::toplevel(subject.disc.tree(), entry).ok().flatten();
            toplevel.is_some_and(|toplevel| toplevel == system.path)
        };
        let Some(entry) = subject.disc.menu.iter().find(starts) else {
            return Ok(Judgement::fail("no menu starts the default system", Vec::new()));
        };
        let evidence = vec![format!("{}: {}", String::from_utf8_lossy(&entry.file), entry.title)];
        let name = self.0.split('=').next();
        Ok(match entry.params.iter().find(|word| is_param(word, &self.0)) {
            Some(word) => Judgement::pass(format!("{} in the entry that boots by default", public(word)), evidence),
            None => match entry.params.iter().find(|word| word.split('=').next() == name) {
                Some(word) => {
                    Judgement::fail(format!("the entry that boots by default has {}", public(word)), evidence)
                }
                None => Judgement::fail("not in the entry that boots by default", evidence),
            },
        })
    }
}

/// Whether a word of a kernel line is the parameter: as it is written, or by its name alone.
pub(super) fn is_param(word: &str, param: &str) -> bool {
    word == param || !param.contains('=') && word.split('=').next() == Some(param)
}
