//! Reads `sshd_config` and everything it includes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::config::{Block, Config, Line, Mistake};
use super::daemon::Arguments;
use super::include;
use super::keywords::{DECIDING, Part, arguments, mistake, today};
use super::words::Written;
use crate::error::{Error, Place, Result};
use crate::fs::path;
use crate::nixos::Root;
use crate::nixos::answer::Cause;

/// Limit for a configuration with everything it includes, in bytes. NixOS writes some 2,000.
const LONGEST: usize = 1 << 20;

/// Limit for words that are kept: arguments of the keywords below, and criteria.
const MOST_WORDS: usize = 10_000;

/// Limit for `Match` blocks and kept lines.
const MOST_LINES: usize = 10_000;

/// Limit for files. A file counts each time it is included.
const MOST_FILES: usize = 1_000;

/// sshd does not start if `Include` lines are nested deeper (OpenSSH, SERVCONF_MAX_DEPTH).
const DEEPEST: usize = 16;

/// Limit for mistakes that are kept.
const MOST_MISTAKES: usize = 100;

/// Reads a configuration from files.
pub(super) struct Reader<'t> {
    root: &'t Root<'t>,
    config: Config,
    bytes: usize,
    words: usize,
    files: usize,
    /// Whether `-p` replaces the ports of the configuration.
    ports_given: bool,
    /// The names of the subsystems.
    subsystems: BTreeSet<String>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(root: &'t Root<'t>) -> Self {
        Self {
            root,
            config: Config::default(),
            bytes: 0,
            words: 0,
            files: 0,
            ports_given: false,
            subsystems: BTreeSet::new(),
        }
    }

    /// Reads the options of a command line, which take precedence over the lines of files.
    pub(super) fn with_options(mut self, options: &Arguments, unit: &str) -> Result<Self> {
        let cause = Cause { path: unit.into(), line: None };
        for line in &options.options {
            let Some(written) = Written::of(line) else { continue };
            let keyword = today(written.keyword);
            if let Some(known) = DECIDING.iter().find(|known| **known == keyword) {
                let arguments = arguments(written, known);
                self.config.lines.push(Line { block: None, keyword: known, arguments, cause: cause.clone() });
            }
        }
        if self.config.lines.len() > MOST_LINES {
            return Err(Error::Limit { what: "10,000 options of sshd", place: Place::File(unit.as_bytes().to_vec()) });
        }
        for port in &options.ports {
            self.config.lines.push(Line {
                block: None,
                keyword: "port",
                arguments: vec![port.clone()],
                cause: cause.clone(),
            });
        }
        self.ports_given = !options.ports.is_empty();
        Ok(self)
    }

    /// The configuration without a file: the command line and defaults.
    pub(super) fn without_file(self) -> Config {
        self.finished()
    }

    /// Reads the file at `path` and everything it includes. Keywords are case-insensitive.
    pub(super) fn read(mut self, path: &[u8]) -> Result<Config> {
        self.file(path, None, 0)?;
        Ok(self.finished())
    }

    /// The configuration, including mistakes that only show in the whole of it.
    fn finished(mut self) -> Config {
        let found = self.config.contradictions();
        self.config.mistakes.extend(found);
        self.config
    }

    fn file(&mut self, path: &[u8], outer: Option<usize>, depth: usize) -> Result<()> {
        let over = |what| Err(Error::Limit { what, place: Place::File(path.to_vec()) });
        self.files += 1;
        if self.files > MOST_FILES {
            return over("1,000 included files");
        }
        let left = LONGEST.saturating_sub(self.bytes);
        let bytes = path::read(self.root.tree(), path, u64::try_from(left).unwrap_or(0))?;
        self.bytes += bytes.len();
        let mut block = outer;
        let shown: Arc<str> = String::from_utf8_lossy(path).into();
        for (number, line) in (1u64..).zip(String::from_utf8_lossy(&bytes).split('\n')) {
            let Some(written) = Written::of(line) else { continue };
            let keyword = today(written.keyword);
            let part = if block.is_none_or(|block| self.is_whole(block)) { Part::Global } else { Part::Match };
            let cause = Cause { path: shown.clone(), line: Some(number) };
            if let Some(message) = mistake(written, &keyword, part) {
                self.mistake(&cause, message);
            }
            let arguments = arguments(written, &keyword);
            if keyword == "subsystem"
                && part == Part::Global
                && let Some(name) = arguments.first()
                && !self.subsystems.insert(name.clone())
            {
                self.mistake(&cause, format!("Subsystem {name} stands twice"));
            }
            match keyword.as_str() {
                "include" => self.include(&arguments, &cause, (block, depth))?,
                "match" => {
                    self.count(&arguments, path)?;
                    let whole = arguments.iter().eq(["all"]) && outer.is_none_or(|outer| self.is_whole(outer));
                    block = Some(self.config.blocks.len());
                    self.config.blocks.push(Block { outer, criteria: arguments, whole });
                }
                "port" if self.ports_given => {}
                keyword => {
                    let Some(keyword) = DECIDING.iter().find(|known| **known == keyword) else { continue };
                    self.count(&arguments, path)?;
                    self.config.lines.push(Line { block, keyword, arguments, cause });
                }
            }
        }
        Ok(())
    }

    /// Reads the files that an `Include` under this block and at this depth names.
    fn include(&mut self, patterns: &[String], cause: &Cause, (block, depth): (Option<usize>, usize)) -> Result<()> {
        let place = Place::Line { file: cause.path.to_string(), line: cause.line.unwrap_or_default() };
        for pattern in patterns {
            let included = include::find(self.root, pattern, &place)?;
            self.config.unread.extend(included.missing);
            for file in included.files {
                if depth >= DEEPEST {
                    self.mistake(cause, "Include is nested more than 16 levels deep".to_owned());
                    return Ok(());
                }
                self.file(&file, block, depth + 1)?;
            }
        }
        Ok(())
    }

    /// Keeps a mistake, up to the limit. The first one is enough to keep sshd from starting.
    fn mistake(&mut self, cause: &Cause, message: String) {
        if self.config.mistakes.len() < MOST_MISTAKES {
            let (file, line) = (cause.path.to_string(), cause.line.unwrap_or_default());
            self.config.mistakes.push(Mistake { file, line, message });
        }
    }

    fn is_whole(&self, block: usize) -> bool {
        self.config.blocks.get(block).is_some_and(|block| block.whole)
    }

    /// Counts the items before they are kept.
    fn count(&mut self, arguments: &[String], path: &[u8]) -> Result<()> {
        let over = |what| Err(Error::Limit { what, place: Place::File(path.to_vec()) });
        self.words += arguments.len();
        if self.words > MOST_WORDS {
            return over("10,000 words of sshd_config");
        }
        if self.config.lines.len() + self.config.blocks.len() >= MOST_LINES {
            return over("10,000 lines of sshd_config");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;
    use crate::nixos::users::User;

    const PLACE: &str = "/s/etc/ssh/sshd_config";

    fn read(files: &[(&str, &str)]) -> Result<Config> {
        Reader::new(&Made::of(files).system()).read(PLACE.as_bytes())
    }

    #[test]
    fn mistakes_and_what_is_included_from_elsewhere_are_told() {
        let text =
            "Include /run/secrets/sshd.conf absent\nPermitRootLogin maybe\nMatch User eve\nPermitRootLogin yes\n";
        let config = read(&[(PLACE, text)]).unwrap();
        assert_eq!(config.unread, ["/run/secrets/sshd.conf"]);
        let told: Vec<_> = config.mistakes.iter().map(|mistake| (mistake.line, mistake.message.as_str())).collect();
        assert_eq!(told, [(2, "PermitRootLogin cannot be maybe")]);
        let eve = User::implied("eve");
        assert_eq!(config.within("permitrootlogin", Some(&eve)), [("yes", "User eve".to_owned())]);
        assert!(config.within("permitrootlogin", Some(&User::implied("root"))).is_empty());
    }

    #[test]
    fn an_include_that_is_nested_too_deep_keeps_sshd_from_starting() {
        let config = read(&[(PLACE, "Include sshd_config\n")]).unwrap();
        let told: Vec<_> = config.mistakes.iter().map(|mistake| (mistake.line, mistake.message.as_str())).collect();
        assert_eq!(told, [(1, "Include is nested more than 16 levels deep")]);
        let files: Vec<(String, String)> =
            (0..=16).map(|level| (format!("/s/etc/ssh/{level}"), format!("Include {}\n", level + 1))).collect();
        let mut chain: Vec<_> = files.iter().skip(1).map(|(path, text)| (path.as_str(), text.as_str())).collect();
        chain.push((PLACE, "Include 1\n"));
        assert_eq!(read(&chain).unwrap().mistakes, []);
        chain.push(("/s/etc/ssh/17", "PermitRootLogin no\n"));
        assert_eq!(read(&chain).unwrap().mistakes.len(), 1);
    }

    #[test]
    fn what_no_administrator_writes_is_over_a_limit() {
        let criteria = format!("Match User {}\n", "a ".repeat(9_000));
        let kept = format!("{criteria}{}", "PermitRootLogin no\n".repeat(900));
        assert!(read(&[(PLACE, &kept)]).is_ok());
        for (text, what) in [
            (criteria.repeat(2), "10,000 words of sshd_config at "),
            ("Match\n".repeat(10_001), "10,000 lines of sshd_config at "),
            ("Include sshd_config\nInclude sshd_config\n".to_owned(), "1,000 included files at "),
            ("# \n".repeat(400_000), "length of a text file at "),
        ] {
            let error = read(&[(PLACE, &text)]).unwrap_err().to_string();
            assert_eq!(error, format!("{what}{PLACE}: over the limit"));
        }
    }
}
