//! `sshd_config` (sshd_config(5)), as far as it says who gets in.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::criteria::{Holds, holds};
use super::daemon::Arguments;
use super::include;
use super::keywords::{DECIDING, Part, arguments, is_global, mistake, today};
use super::words::Written;
use crate::error::{Error, Place, Result};
use crate::fs::path;
use crate::nixos::Root;
use crate::nixos::answer::{Cause, Caused, Condition, Doubt};
use crate::nixos::users::User;

/// Bytes of a configuration with all that it includes; NixOS writes some 2,000.
const LONGEST: usize = 1 << 20;

/// Words that are kept: arguments of the keywords below, and criteria.
const MOST_WORDS: usize = 10_000;

/// `Match` blocks and kept lines.
const MOST_LINES: usize = 10_000;

/// Files, each as often as it is included.
const MOST_FILES: usize = 1_000;

/// How deep an `Include` may lie in another: sshd's own limit.
const DEEPEST: usize = 16;

/// Mistakes that are kept.
const MOST_MISTAKES: usize = 100;

/// A line with which sshd does not start, as far as can be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, links resolved.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}

/// The lines of a configuration, each with the `Match` that it stands under.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    blocks: Vec<Block>,
    lines: Vec<Line>,
    /// Lines with which sshd does not start.
    pub(super) mistakes: Vec<Mistake>,
    /// Files that are included and not in the image.
    pub(super) unread: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
struct Block {
    /// The block that includes this one's file; always an earlier one.
    outer: Option<usize>,
    criteria: Vec<String>,
    /// `Match all`, and not in a file that another block includes: its lines count as those of the global part do.
    whole: bool,
}

/// A line that says who gets in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// None in the global part.
    block: Option<usize>,
    keyword: &'static str,
    pub(super) arguments: Vec<String>,
    /// Where it stands.
    pub(super) cause: Cause,
}

/// A configuration as it stands for one user.
pub(super) struct Settings<'c> {
    config: &'c Config,
    /// For each block.
    held: Vec<Holds>,
}

/// Reads a configuration from files.
pub(super) struct Reader<'t> {
    root: &'t Root<'t>,
    config: Config,
    bytes: usize,
    words: usize,
    files: usize,
    /// Whether `-p` replaces the ports of the configuration.
    ports_given: bool,
    /// The names of subsystems.
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

    /// Takes the options of a command line, which count before the lines of files.
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

    /// The configuration without a file: what the command line says, and defaults.
    pub(super) fn without_file(self) -> Config {
        self.finished()
    }

    /// Reads the file at `path` with all that it includes; keywords are known in any case.
    pub(super) fn read(mut self, path: &[u8]) -> Result<Config> {
        self.file(path, None, 0)?;
        Ok(self.finished())
    }

    /// The configuration, with the mistakes that only the whole of it shows.
    fn finished(mut self) -> Config {
        let found = self.config.contradictions();
        self.config.mistakes.extend(found);
        self.config
    }

    fn file(&mut self, path: &[u8], outer: Option<usize>, depth: usize) -> Result<()> {
        let over = |what| Err(Error::Limit { what, place: Place::File(path.to_vec()) });
        self.files += 1;
        if depth > DEEPEST {
            return over("16 levels of Include");
        }
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
            if let Some(message) = mistake(written, &keyword, part)
                && self.config.mistakes.len() < MOST_MISTAKES
            {
                self.config.mistakes.push(Mistake { file: shown.to_string(), line: number, message });
            }
            let arguments = arguments(written, &keyword);
            if keyword == "subsystem"
                && part == Part::Global
                && let Some(name) = arguments.first()
                && !self.subsystems.insert(name.clone())
            {
                let message = format!("Subsystem {name} stands twice");
                self.config.mistakes.push(Mistake { file: shown.to_string(), line: number, message });
            }
            let cause = Cause { path: shown.clone(), line: Some(number) };
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

    /// Reads the files that an `Include` names, which stands under that block and at that depth.
    fn include(&mut self, patterns: &[String], cause: &Cause, (block, depth): (Option<usize>, usize)) -> Result<()> {
        let place = Place::Line { file: cause.path.to_string(), line: cause.line.unwrap_or_default() };
        for pattern in patterns {
            let included = include::find(self.root, pattern, &place)?;
            self.config.unread.extend(included.missing);
            for file in included.files {
                self.file(&file, block, depth + 1)?;
            }
        }
        Ok(())
    }

    fn is_whole(&self, block: usize) -> bool {
        self.config.blocks.get(block).is_some_and(|block| block.whole)
    }

    /// Counts what is about to be kept.
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

impl Config {
    /// The arguments of all lines of a keyword in the global part.
    pub(super) fn global(&self, keyword: &str) -> impl Iterator<Item = &[String]> {
        let lines = self.lines.iter().filter(move |line| line.keyword == keyword && self.is_global(line));
        lines.map(|line| line.arguments.as_slice())
    }

    /// What sshd does not start with although each line is right: commands without a user to run them as, and
    /// `AuthenticationMethods` that nothing can satisfy.
    fn contradictions(&self) -> Vec<Mistake> {
        let first = |keyword: &str| self.lines.iter().find(|line| line.keyword == keyword && self.is_global(line));
        let says = |keyword: &str, value: &str| {
            first(keyword)
                .and_then(|line| line.arguments.first())
                .is_some_and(|first| first.eq_ignore_ascii_case(value))
        };
        let mut mistakes = Vec::new();
        let mut wrong = |line: &Line, message: &str| {
            let Cause { path, line } = &line.cause;
            mistakes.push(Mistake {
                file: path.to_string(),
                line: line.unwrap_or_default(),
                message: message.to_owned(),
            });
        };
        for (command, user, message) in [
            (
                "authorizedkeyscommand",
                "authorizedkeyscommanduser",
                "AuthorizedKeysCommand needs AuthorizedKeysCommandUser",
            ),
            (
                "authorizedprincipalscommand",
                "authorizedprincipalscommanduser",
                "AuthorizedPrincipalsCommand needs AuthorizedPrincipalsCommandUser",
            ),
        ] {
            match first(command) {
                Some(line) if !says(command, "none") && first(user).is_none() => wrong(line, message),
                _ => {}
            }
        }
        let is_on = |method: &str| match method.split(':').next().unwrap_or_default() {
            "publickey" => !says("pubkeyauthentication", "no"),
            "password" => !says("passwordauthentication", "no"),
            "keyboard-interactive" => !says("kbdinteractiveauthentication", "no"),
            "hostbased" => says("hostbasedauthentication", "yes"),
            "gssapi-with-mic" => says("gssapiauthentication", "yes"),
            "none" => says("permitemptypasswords", "yes"),
            _ => true,
        };
        // Once lists are set, even a block for some users may not say any.
        let after = self.lines.iter().filter(|line| line.keyword == "authenticationmethods");
        let mut after = after.skip_while(|line| !self.is_global(line)).skip(1);
        let is_any = |line: &&Line| line.arguments.first().is_some_and(|list| list.eq_ignore_ascii_case("any"));
        if let Some(line) = after.find(is_any) {
            wrong(line, "any stands after other lists of AuthenticationMethods");
        }
        if let Some(line) = first("authenticationmethods")
            && !line.arguments.iter().any(|list| list.split(',').all(is_on))
        {
            wrong(line, "no list of AuthenticationMethods can be satisfied by what is on");
        }
        mistakes
    }

    /// Whether a line counts for the configuration as a whole, before anybody connects.
    fn is_global(&self, line: &Line) -> bool {
        line.block.is_none_or(|block| self.blocks.get(block).is_some_and(|block| block.whole))
    }

    /// The first arguments of a keyword in `Match` blocks that hold for the user, or may, with their criteria.
    pub(super) fn within<'c>(&'c self, keyword: &'c str, user: Option<&User>) -> Vec<(&'c str, String)> {
        let held = user.map(|user| self.settings(user).held);
        let lines = self.lines.iter().filter(|line| line.keyword == keyword);
        let blocks = lines.filter_map(|line| Some((line, line.block?)));
        let may = blocks.filter(|(_, block)| held.as_ref().is_none_or(|held| held.get(*block) != Some(&Holds::No)));
        let told = may.filter_map(|(line, block)| {
            let criteria = self.blocks.get(block)?.criteria.join(" ");
            Some((line.arguments.first()?.as_str(), criteria))
        });
        told.collect()
    }

    /// The configuration as it stands for a user.
    pub(super) fn settings(&self, user: &User) -> Settings<'_> {
        let mut held: Vec<Holds> = Vec::new();
        for block in &self.blocks {
            let outer = block.outer.and_then(|outer| held.get(outer)).cloned().unwrap_or(Holds::Yes);
            held.push(outer.and(holds(&block.criteria, user)));
        }
        Settings { config: self, held }
    }
}

impl<'c> Settings<'c> {
    /// The arguments of a keyword: of the first `Match` that holds and has it, else of its first line in the global
    /// part.
    pub(super) fn value(&self, keyword: &str) -> Option<&'c [String]> {
        Some(&self.line(keyword)?.arguments)
    }

    /// The line that gives a keyword its value.
    pub(super) fn line(&self, keyword: &str) -> Option<&'c Line> {
        // Of a keyword that no block may set, even `Match all` changes nothing later.
        let within = self.lines(keyword).find(|line| !is_global(keyword) && self.of(line) == Some(&Holds::Yes));
        within.or_else(|| self.lines(keyword).find(|line| self.config.is_global(line)))
    }

    /// The first argument of a keyword.
    pub(super) fn first(&self, keyword: &str) -> Option<&'c str> {
        self.value(keyword)?.first().map(String::as_str)
    }

    /// Whether the first argument of a keyword is this one, in any case.
    pub(super) fn says(&self, keyword: &str, value: &str) -> bool {
        self.first(keyword).is_some_and(|first| first.eq_ignore_ascii_case(value))
    }

    /// A fact, caused by the line of this keyword if there is one.
    pub(super) fn caused<T>(&self, what: T, keyword: &str) -> Caused<T> {
        Caused { what, cause: self.line(keyword).map(|line| line.cause.clone()) }
    }

    /// The arguments of all lines of a keyword that adds up, such as `AllowUsers`, each with its line. Blocks that hold
    /// override the global part.
    pub(super) fn values(&self, keyword: &str) -> Vec<(&'c str, &'c Cause)> {
        let words = |block: Option<&Holds>| -> Vec<(&'c str, &'c Cause)> {
            let lines = self.lines(keyword).filter(|line| self.of(line) == block);
            lines.flat_map(|line| line.arguments.iter().map(|word| (word.as_str(), &line.cause))).collect()
        };
        let within = words(Some(&Holds::Yes));
        if within.is_empty() { words(None) } else { within }
    }

    /// The lines of a keyword that count for some connections only, each with its criteria.
    pub(super) fn perhaps(&self, keyword: &'static str) -> impl Iterator<Item = (&'c Line, Caused<Condition>)> {
        self.lines(keyword).filter_map(|line| {
            let Some(Holds::Perhaps(_)) = self.of(line) else { return None };
            let criteria = self.config.blocks.get(line.block?)?.criteria.join(" ");
            Some((line, Caused::by(Condition::Within(criteria), line.cause.clone())))
        })
    }

    /// Blocks that may give one of these keywords another value: whether they hold depends on the connection.
    pub(super) fn doubts<'k>(&self, keywords: impl Iterator<Item = &'k str>) -> Vec<Caused<Doubt>> {
        let mut doubts = Vec::new();
        for keyword in keywords {
            let value = self.value(keyword);
            for line in self.lines(keyword).filter(|line| value != Some(line.arguments.as_slice())) {
                if let Some(Holds::Perhaps(criterion)) = self.of(line) {
                    doubts.push(Caused::by(Doubt::Match(criterion.clone()), line.cause.clone()));
                }
            }
        }
        doubts.sort();
        doubts.dedup_by(|one, other| one.what == other.what);
        doubts
    }

    fn lines(&self, keyword: &str) -> impl Iterator<Item = &'c Line> {
        self.config.lines.iter().filter(move |line| line.keyword == keyword)
    }

    fn of(&self, line: &Line) -> Option<&Holds> {
        line.block.and_then(|block| self.held.get(block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    const CONFIG: &str = "\
# comment
AuthorizedKeysFile %h/.ssh/authorized_keys \"/etc/ssh/keys of/%u\" # behind
authorizedkeysfile /second/is/ignored
PermitRootLogin=no
AllowUsers root
AllowUsers nix*
Include more/*.conf absent
Match User deploy,git*
  AuthorizedKeysFile /srv/%u
Match Address 10.0.0.0/8
  PermitRootLogin yes
Match all
  PubkeyAcceptedKeyTypes ssh-rsa
";

    const PLACE: &str = "/s/etc/ssh/sshd_config";

    fn read(files: &[(&str, &str)]) -> Result<Config> {
        Reader::new(&Made::of(files).system()).read(PLACE.as_bytes())
    }

    #[test]
    fn the_first_line_counts_and_a_match_overrides_it() {
        let config = read(&[(PLACE, CONFIG)]).unwrap();
        let value = |keyword, user| config.settings(&User::implied(user)).value(keyword).unwrap().join(" ");
        assert_eq!(value("authorizedkeysfile", "root"), "%h/.ssh/authorized_keys /etc/ssh/keys of/%u");
        assert_eq!(value("authorizedkeysfile", "gitea"), "/srv/%u");
        assert_eq!(value("permitrootlogin", "root"), "no");
        assert_eq!(value("pubkeyacceptedalgorithms", "root"), "ssh-rsa");
        let root = User::implied("root");
        let settings = config.settings(&root);
        assert!(settings.value("denyusers").is_none());
        let allowed = settings.values("allowusers");
        let shown: Vec<_> = allowed.iter().map(|(name, cause)| format!("{name} {cause}")).collect();
        assert_eq!(shown, [format!("root {PLACE}:5"), format!("nix* {PLACE}:6")]);
        let cause = Cause { path: PLACE.into(), line: Some(11) };
        let doubt = Caused::by(Doubt::Match("Address".to_owned()), cause);
        assert_eq!(settings.doubts(["permitrootlogin"].into_iter()), [doubt]);
        assert!(settings.doubts(["authorizedkeysfile"].into_iter()).is_empty());
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
    fn a_match_of_an_included_file_ends_with_it() {
        let config = read(&[
            (PLACE, CONFIG),
            ("/s/etc/ssh/more/b.conf", "AllowUsers late\n"),
            ("/s/etc/ssh/more/a.conf", "Match User eve\nPermitRootLogin yes\n"),
            ("/s/etc/ssh/more/.hidden.conf", "AllowUsers hidden\n"),
        ])
        .unwrap();
        let root = User::implied("root");
        let allowed: Vec<_> = config.settings(&root).values("allowusers").into_iter().map(|(name, _)| name).collect();
        assert_eq!(allowed, ["root", "nix*", "late"]);
        assert_eq!(config.settings(&root).value("permitrootlogin").unwrap(), ["no"]);
        assert_eq!(config.settings(&User::implied("eve")).value("permitrootlogin").unwrap(), ["yes"]);
    }

    #[test]
    fn what_no_administrator_writes_is_over_a_limit() {
        let criteria = format!("Match User {}\n", "a ".repeat(9_000));
        let kept = format!("{criteria}{}", "PermitRootLogin no\n".repeat(900));
        assert!(read(&[(PLACE, &kept)]).is_ok());
        for (text, what) in [
            (criteria.repeat(2), "10,000 words of sshd_config at "),
            ("Match\n".repeat(10_001), "10,000 lines of sshd_config at "),
            ("Include sshd_config\n".to_owned(), "16 levels of Include at "),
            ("# \n".repeat(400_000), "length of a text file at "),
        ] {
            let error = read(&[(PLACE, &text)]).unwrap_err().to_string();
            assert_eq!(error, format!("{what}{PLACE}: over the limit"));
        }
    }
}
