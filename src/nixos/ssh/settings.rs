//! The configuration of sshd as it applies to one user.

use super::config::{Config, Line};
use super::criteria::{Holds, holds};
use super::keywords::is_global;
use super::modes::Strictness;
use crate::nixos::answer::{Cause, Caused, Condition, Doubt};
use crate::nixos::users::User;

/// A configuration as it applies to one user.
pub(super) struct Settings<'c> {
    config: &'c Config,
    /// Whether each block applies.
    pub(super) held: Vec<Holds>,
}

impl Config {
    /// The configuration as it applies to a user.
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
    /// The arguments of a keyword. The first `Match` that applies and sets it counts, then its first line in the global
    /// part.
    pub(super) fn value(&self, keyword: &str) -> Option<&'c [String]> {
        Some(&self.line(keyword)?.arguments)
    }

    /// The line that gives a keyword its value.
    pub(super) fn line(&self, keyword: &str) -> Option<&'c Line> {
        // `Match all` does not change a keyword that blocks may not set.
        let within = self.lines(keyword).find(|line| !is_global(keyword) && self.of(line) == Some(&Holds::Yes));
        within.or_else(|| self.lines(keyword).find(|line| self.config.is_global(line)))
    }

    /// The first argument of a keyword.
    pub(super) fn first(&self, keyword: &str) -> Option<&'c str> {
        self.value(keyword)?.first().map(String::as_str)
    }

    /// The file that a keyword names. In the global part `none` means no file. Under a `Match`, even `Match all`, sshd
    /// takes it for a file name.
    pub(super) fn file(&self, keyword: &str) -> Option<&'c str> {
        let line = self.line(keyword)?;
        let file = line.arguments.first()?;
        (line.block.is_some() || !file.eq_ignore_ascii_case("none")).then_some(file)
    }

    /// How strictly sshd checks the owners and modes of users' files.
    pub(super) fn strictness(&self) -> Strictness {
        if self.says("strictmodes", "no") { Strictness::Lax } else { Strictness::Strict }
    }

    /// Whether the first argument of a keyword equals this value, ignoring case.
    pub(super) fn says(&self, keyword: &str, value: &str) -> bool {
        self.first(keyword).is_some_and(|first| first.eq_ignore_ascii_case(value))
    }

    /// A fact caused by the line of this keyword, if there is one.
    pub(super) fn caused<T>(&self, what: T, keyword: &str) -> Caused<T> {
        Caused { what, cause: self.line(keyword).map(|line| line.cause.clone()) }
    }

    /// The arguments of all lines of a cumulative keyword such as `AllowUsers`, each with its line. Blocks that apply
    /// override the global part.
    pub(super) fn values(&self, keyword: &str) -> Vec<(&'c str, &'c Cause)> {
        let words = |block: Option<&Holds>| -> Vec<(&'c str, &'c Cause)> {
            let lines = self.lines(keyword).filter(|line| self.of(line) == block);
            lines.flat_map(|line| line.arguments.iter().map(|word| (word.as_str(), &line.cause))).collect()
        };
        let within = words(Some(&Holds::Yes));
        if within.is_empty() { words(None) } else { within }
    }

    /// The lines of a keyword that apply only to some connections, each with its criteria.
    pub(super) fn perhaps(&self, keyword: &'static str) -> impl Iterator<Item = (&'c Line, Caused<Condition>)> {
        self.lines(keyword).filter_map(|line| {
            let Some(Holds::Perhaps(_)) = self.of(line) else { return None };
            let criteria = self.config.blocks.get(line.block?)?.criteria.join(" ");
            Some((line, Caused::by(Condition::Within(criteria), line.cause.clone())))
        })
    }

    /// Blocks that may change one of these keywords. Whether they apply depends on the connection.
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
    use super::super::reader::Reader;
    use super::*;
    use crate::error::Result;
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
}
