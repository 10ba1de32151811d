//! `params.require`: the default entry of each menu has the kernel parameter.

use std::fmt;

use globset::{GlobBuilder, GlobMatcher};

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

/// A kernel parameter as a policy asks for it: as it is written, its name alone, or a glob.
#[derive(Clone, Debug)]
pub struct KernelParam {
    text: String,
    /// `None` for a text without wildcards. Brackets are none of these: they are common in parameters of modules.
    glob: Option<GlobMatcher>,
}

impl KernelParam {
    /// Reads a parameter. `*` and `?` make it a glob.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let glob = text.contains(['*', '?']).then(|| GlobBuilder::new(text).literal_separator(false).build().ok());
        Self { text: text.to_owned(), glob: glob.flatten().map(|glob| glob.compile_matcher()) }
    }

    /// Whether a word of a kernel line is the parameter. A name alone is that of any value.
    pub(super) fn is(&self, word: &str) -> bool {
        let name = word.split('=').next();
        if self.text == word {
            return true;
        }
        match &self.glob {
            Some(glob) => {
                glob.is_match(word) || !self.text.contains('=') && name.is_some_and(|name| glob.is_match(name))
            }
            None => !self.text.contains('=') && name == Some(&self.text),
        }
    }
}

/// The parameter as it was asked for.
impl fmt::Display for KernelParam {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The default entry of each menu has the kernel parameter.
#[derive(Clone, Debug)]
pub struct Param(pub KernelParam);

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
        let (mut passed, name) = (None, self.0.text.split('=').next());
        for entry in entries {
            let which = match entries {
                [_] => "the entry".to_owned(),
                _ => format!("the entry {:?} of {}", entry.title, entry.loader.menu()),
            };
            let evidence = vec![format!("{}: {}", String::from_utf8_lossy(&entry.file), entry.title)];
            if let Some(word) = entry.params.iter().find(|word| self.0.is(word)) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_asked_for_as_it_is_written_by_its_name_or_by_a_glob() {
        for (asked, word, is) in [
            ("quiet", "quiet", true),
            ("root", "root=LABEL=nixos", true),
            ("root=LABEL=nixos", "root=LABEL=nixos-minimal", false),
            ("root=LABEL=nixos-*", "root=LABEL=nixos-minimal", true),
            ("console=tty?", "console=ttyS0", false),
            ("console=tty*", "console=ttyS0,115200n8", true),
            ("init=/nix/store/*/init", "init=/nix/store/x/init", true),
            ("systemd.*", "systemd.unit=rescue.target", true),
            ("log*", "loglevel=4", true),
            ("usbcore.quirks=[*", "usbcore.quirks=[*", true),
        ] {
            assert_eq!(KernelParam::parse(asked).is(word), is, "{asked} {word}");
        }
    }
}
