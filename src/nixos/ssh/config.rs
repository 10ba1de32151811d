//! `sshd_config` (sshd_config(5)), as far as it says which keys count for a user.

use super::pattern::listed;

/// The lines of a configuration: keyword, arguments, and the `Match` they stand under.
#[derive(Debug, Default)]
pub(super) struct Config {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    /// Index of the `Match` line's criteria in the order of the file; none in the global part.
    criteria: Option<Vec<String>>,
    keyword: String,
    arguments: Vec<String>,
}

impl Config {
    /// Reads the text; keywords are known in any case.
    pub(super) fn parse(text: &str) -> Self {
        let mut config = Self::default();
        let mut criteria = None;
        for line in text.lines() {
            let words = words(line);
            let Some((keyword, arguments)) = words.split_first() else { continue };
            let keyword = keyword.to_ascii_lowercase();
            if keyword == "match" {
                criteria = Some(arguments.to_vec());
            } else {
                config.lines.push(Line { criteria: criteria.clone(), keyword, arguments: arguments.to_vec() });
            }
        }
        config
    }

    /// The arguments of a keyword for a user: of the first matching `Match` that has it, else of its first line in the
    /// global part.
    pub(super) fn value(&self, keyword: &str, user: &str) -> Option<&[String]> {
        let lines = || self.lines.iter().filter(|line| line.keyword == keyword);
        let matching = lines().find(|line| line.criteria.as_ref().is_some_and(|criteria| applies(criteria, user)));
        let line = matching.or_else(|| lines().find(|line| line.criteria.is_none()))?;
        Some(&line.arguments)
    }

    /// The arguments of all lines of a keyword that adds up, such as `AllowUsers`.
    pub(super) fn values(&self, keyword: &str, user: &str) -> Vec<&str> {
        let lines = self.lines.iter().filter(|line| line.keyword == keyword);
        let counted = lines.filter(|line| line.criteria.as_ref().is_none_or(|criteria| applies(criteria, user)));
        counted.flat_map(|line| line.arguments.iter().map(String::as_str)).collect()
    }
}

/// Whether a `Match` holds for the user wherever the connection comes from. Criteria on addresses, hosts and groups
/// cannot be told from the image; a block under them is taken not to apply.
fn applies(criteria: &[String], user: &str) -> bool {
    match criteria {
        [all] => all.eq_ignore_ascii_case("all"),
        [keyword, patterns] if keyword.eq_ignore_ascii_case("user") => listed(patterns.split(','), user),
        _ => false,
    }
}

/// Words, with double quotes and comments as sshd takes them; `=` may stand behind the keyword.
fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '#' if !quoted && word.is_none() => break,
            ' ' | '\t' | '\r' if !quoted => words.extend(word.take()),
            '=' if !quoted && words.is_empty() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
# comment
AuthorizedKeysFile %h/.ssh/authorized_keys \"/etc/ssh/keys of/%u\" # behind
authorizedkeysfile /second/is/ignored
PermitRootLogin=no
AllowUsers root
AllowUsers nix* !nixbld
Match User deploy,git*
  AuthorizedKeysFile /srv/%u
Match Address 10.0.0.0/8
  PermitRootLogin yes
Match all
  PubkeyAuthentication no
";

    #[test]
    fn the_first_line_counts_and_a_match_overrides_it() {
        let config = Config::parse(CONFIG);
        let value = |keyword, user| config.value(keyword, user).unwrap().join(" ");
        assert_eq!(value("authorizedkeysfile", "root"), "%h/.ssh/authorized_keys /etc/ssh/keys of/%u");
        assert_eq!(value("authorizedkeysfile", "gitea"), "/srv/%u");
        assert_eq!(value("permitrootlogin", "root"), "no");
        assert_eq!(value("pubkeyauthentication", "root"), "no");
        assert!(config.value("port", "root").is_none());
    }

    #[test]
    fn lists_add_up_and_an_exclamation_mark_excludes() {
        let config = Config::parse(CONFIG);
        let allowed = |user| listed(config.values("allowusers", user), user);
        assert_eq!(["root", "nixos", "nixbld", "eve"].map(allowed), [true, true, false, false]);
    }
}
