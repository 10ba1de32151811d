//! `params.require`: the default entry of each menu has the kernel parameter.

use std::fmt;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::kernel_line::public;
use crate::nixos::menu::MenuEntry;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "param",
    says: "a kernel parameter is in every menu entry that boots by default",
    advice: None,
    flag: None,
};

/// The default entry of each menu has the kernel parameter.
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
        if let Err(none) = subject.system()? {
            return Ok(none);
        }
        let entries: Vec<&MenuEntry> = subject.disc.default_entries().collect();
        Ok(self.judge_entries(&entries))
    }
}

impl Param {
    /// Judges whether all entries have it. The verdict is that of the first entry without it.
    fn judge_entries(&self, entries: &[&MenuEntry]) -> Judgement {
        let (mut passed, name) = (None, self.0.split('=').next());
        for entry in entries {
            let which = match entries {
                [_] => "the entry".to_owned(),
                _ => format!("the entry {:?} of {}", entry.title, entry.loader.menu()),
            };
            let evidence = vec![format!("{}: {}", String::from_utf8_lossy(&entry.file), entry.title)];
            if let Some(word) = entry.params.iter().find(|word| is_param(word, &self.0)) {
                passed.get_or_insert_with(|| {
                    Judgement::pass(format!("{} in {which} that boots by default", public(word)), evidence)
                });
                continue;
            }
            return match entry.params.iter().find(|word| word.split('=').next() == name) {
                Some(word) => Judgement::fail(format!("{which} that boots by default has {}", public(word)), evidence),
                None => Judgement::fail(format!("not in {which} that boots by default"), evidence),
            };
        }
        passed.unwrap_or_else(|| Judgement::fail("no menu starts a system", Vec::new()))
    }
}

/// Whether a word of a kernel line is the parameter: the same text, or the same name if only a name is given.
pub(super) fn is_param(word: &str, param: &str) -> bool {
    word == param || !param.contains('=') && word.split('=').next() == Some(param)
}
