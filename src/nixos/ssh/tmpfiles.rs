//! Key files that systemd-tmpfiles writes at boot (tmpfiles.d(5)).

use super::pattern::fits;
use crate::error::{Error, Place, Result};
use crate::fs::path;
use crate::nixos::Root;

/// The directory of the system's rules on the running system.
const SYSTEM: &str = "/etc/tmpfiles.d";

/// The directories of rules for each user's own systemd.
const OF_USERS: [&str; 3] = [
    "/etc/xdg/user-tmpfiles.d",
    "/run/current-system/sw/etc/xdg/user-tmpfiles.d",
    "/run/current-system/sw/share/user-tmpfiles.d",
];

/// The directory with a profile for each user, and the directory of rules in a profile.
const PROFILES: (&str, &str) = ("/etc/profiles/per-user", "share/user-tmpfiles.d");

/// Limit for rules that are kept. NixOS writes some hundred.
const MOST_RULES: usize = 10_000;

/// Limit for a file of rules, in bytes.
const LONGEST: u64 = 1 << 20;

/// The directory of sources for `C` and `L` without one.
const FACTORY: &str = "/usr/share/factory";

/// A rule that writes a file, or that may write a directory above one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// `*` stands for parts that only the running system knows, or matches.
    path: String,
    content: Content,
    /// Whether it only writes to an existing file: `w`.
    only_present: bool,
    /// The file of rules, links resolved, and the line.
    file: String,
    line: u64,
}

/// The contents that a rule writes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// A text: `f`, `w`.
    Text(String),
    /// The file or directory at this path: `C`, `L`.
    Of(String),
    /// A credential, or something else that only the running system has.
    Unknown,
}

/// The contents that the rules give a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// This text, from a line of a rules file.
    Text { text: String, file: String, line: u64 },
    /// The file or directory at this path.
    Of(String),
    /// Contents that the image does not show.
    Unknown,
}

/// Who applies rules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follower {
    /// The system, at boot.
    System,
    /// The systemd of each user, which starts when the user logs in.
    User,
}

/// The rules that may write key files.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    /// Reads the rules of a system.
    ///
    /// # Errors
    /// If a file of rules exists but cannot be read.
    pub(super) fn of(root: &Root<'_>) -> Result<Self> {
        let mut rules = Self::default();
        rules.read(root, SYSTEM, Follower::System)?;
        for folder in OF_USERS {
            rules.read(root, folder, Follower::User)?;
        }
        let (profiles, folder) = PROFILES;
        for profile in root.entries(profiles)? {
            let profile = String::from_utf8_lossy(&profile.name).into_owned();
            rules.read(root, &format!("{profiles}/{profile}/{folder}"), Follower::User)?;
        }
        Ok(rules)
    }

    fn read(&mut self, root: &Root<'_>, folder: &str, follower: Follower) -> Result<()> {
        for entry in root.entries(folder)? {
            let name = String::from_utf8_lossy(&entry.name).into_owned();
            if !name.ends_with(".conf") {
                continue;
            }
            let Some(found) = root.find(&format!("{folder}/{name}"))? else { continue };
            let bytes = match path::read(root.tree(), &found.path, LONGEST) {
                Err(Error::WrongType { .. } | Error::NotFound { .. }) => continue,
                bytes => bytes?,
            };
            let file = String::from_utf8_lossy(&found.path).into_owned();
            for (line, text) in (1u64..).zip(String::from_utf8_lossy(&bytes).lines()) {
                let Some(rule) = rule(text, follower) else { continue };
                // The first of two rules for a path counts; `w` adds to another.
                if !rule.only_present && self.0.iter().any(|known| !known.only_present && known.path == rule.path) {
                    continue;
                }
                if self.0.len() >= MOST_RULES {
                    return Err(Error::Limit { what: "10,000 rules of tmpfiles.d", place: Place::File(found.path) });
                }
                self.0.push(Rule { file: file.clone(), line, ..rule });
            }
        }
        Ok(())
    }

    /// The contents that the rules write to a path, or to a directory above it.
    pub(super) fn at(&self, path: &str) -> Vec<Written> {
        let made: Vec<Written> =
            self.0.iter().filter(|rule| !rule.only_present).filter_map(|rule| rule.at(path)).collect();
        let added = self.0.iter().filter(|rule| rule.only_present).filter_map(|rule| rule.at(path));
        // It is unknown whether something else creates the file.
        let added: Vec<Written> =
            added.map(|written| if made.is_empty() { Written::Unknown } else { written }).collect();
        made.into_iter().chain(added).collect()
    }
}

impl Rule {
    fn at(&self, path: &str) -> Option<Written> {
        let rest = if self.path.contains('*') {
            let mut folders = path.match_indices('/').filter_map(|(at, _)| path.split_at_checked(at));
            if fits(&self.path, path) { "" } else { folders.find(|(folder, _)| fits(&self.path, folder))?.1 }
        } else {
            path.strip_prefix(self.path.as_str())?
        };
        let (file, line) = (self.file.clone(), self.line);
        match &self.content {
            Content::Of(source) if rest.is_empty() || rest.starts_with('/') => {
                Some(Written::Of(format!("{source}{rest}")))
            }
            // Only the running system knows whether it is this file.
            Content::Text(_) if rest.is_empty() && self.path.contains('*') && !self.only_present => {
                Some(Written::Unknown)
            }
            Content::Text(text) if rest.is_empty() => Some(Written::Text { text: text.clone(), file, line }),
            Content::Unknown if rest.is_empty() || rest.starts_with('/') => Some(Written::Unknown),
            _ => None,
        }
    }
}

/// Parses a line: type, path, mode, user, group, age, argument. `None` if it writes no file.
fn rule(line: &str, follower: Follower) -> Option<Rule> {
    let mut rest = line.trim_start();
    let mut fields = Vec::new();
    for _ in 0..6 {
        let (field, after) = field(rest);
        fields.push(field);
        rest = after;
    }
    let (kind, path) = (fields.first()?.as_str(), fields.get(1)?);
    let argument = if rest == "-" { "" } else { rest };
    let kind_letter = kind.chars().next()?;
    let path = place(path, follower)?;
    let content = match kind_letter {
        // It is unknown whether and when a user logs in, and a credential comes from outside.
        'f' | 'F' | 'w' | 'C' | 'L' if kind.contains('^') || follower == Follower::User => Content::Unknown,
        'f' | 'F' | 'w' if kind.contains('~') => decoded(argument),
        'f' | 'F' | 'w' => Content::Text(unescaped(argument)),
        'C' | 'L' if argument.is_empty() => Content::Of(format!("{FACTORY}{path}")),
        'C' | 'L' => Content::Of(argument.trim_end_matches('/').to_owned()),
        _ => return None,
    };
    Some(Rule { path, content, only_present: kind_letter == 'w', file: String::new(), line: 0 })
}

/// The path of a rule, with a `*` for each specifier whose value the image does not show.
fn place(path: &str, follower: Follower) -> Option<String> {
    let mut place = String::new();
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '%' => match (letters.next()?, follower) {
                ('%', _) => place.push('%'),
                ('h', Follower::System) => place.push_str("/root"),
                ('u', Follower::System) => place.push_str("root"),
                _ => place.push('*'),
            },
            '/' if place.ends_with('/') => {}
            letter => place.push(letter),
        }
    }
    // systemd-tmpfiles refuses a path with `..` in it.
    let is_normal = place.starts_with(['/', '*']) && !place.split('/').any(|part| part == "..");
    is_normal.then(|| place.trim_end_matches('/').to_owned())
}

/// Decodes a base64 text.
fn decoded(argument: &str) -> Content {
    let bytes = data_encoding::BASE64.decode(argument.trim().as_bytes());
    bytes.map_or(Content::Unknown, |bytes| Content::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The first field of a text, without its quotes, and the text after the blanks that follow it.
fn field(text: &str) -> (String, &str) {
    let mut quote = None;
    let mut field = String::new();
    let mut letters = text.chars();
    for letter in letters.by_ref() {
        match letter {
            '"' | '\'' if quote.is_none() => quote = Some(letter),
            letter if quote == Some(letter) => quote = None,
            letter if quote.is_none() && letter.is_whitespace() => break,
            letter => field.push(letter),
        }
    }
    (field, letters.as_str().trim_start())
}

/// Expands an argument: C escapes, and the specifiers for root's home and name.
fn unescaped(argument: &str) -> String {
    let mut text = String::new();
    let mut letters = argument.chars();
    while let Some(letter) = letters.next() {
        match (letter, letters.as_str().chars().next()) {
            ('\\', Some('x')) => {
                letters.next();
                let digits: String = letters.by_ref().take(2).collect();
                text.extend(u8::from_str_radix(&digits, 16).ok().map(char::from));
            }
            ('\\', Some('0'..='3')) => {
                let digits: String = letters.by_ref().take(3).collect();
                text.extend(u8::from_str_radix(&digits, 8).ok().map(char::from));
            }
            ('\\', Some(next)) => {
                letters.next();
                text.push(match next {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    's' => ' ',
                    next => next,
                });
            }
            ('%', Some(next @ ('%' | 'h' | 'u'))) => {
                letters.next();
                text.push_str(match next {
                    'h' => "/root",
                    'u' => "root",
                    _ => "%",
                });
            }
            _ => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn rules_write_what_systemd_tmpfiles_writes() {
        let rules = "\
'f+' '/root/.ssh/keys' '0600' 'root' 'root' '-' one\\x20two\\nthree 100%% %h %u
f+!= /home/eve/.ssh/keys - - - - \"quoted\"
f~ %h/.ssh/base64 - - - - b25lIHR3bwo=
w+ /home/*/.ssh/keys - - - - added
w /root/.ssh/keys - - - - added
w /root/.ssh/none - - - - added
C+ /root/copy - - - - /nix/store/e-keys
C /root/factory
L? \"/home/a b/keys\" - - - - /nix/store/e-file
f^ /home/bob/.ssh/keys 0600 bob users - keys
f /srv/%m/keys - - - - x
f /root//.ssh///keys2 - - - - \\101\\\"
f /root/.ssh/../keys - - - - x
f /root/.ssh/keys - - - - second
d /home/eve/.ssh 0700 eve users -
# f /home/x/.ssh/keys
";
        let tree = Made::of(&[("/s/etc/tmpfiles.d/00-nixos.conf", rules), ("/s/etc/tmpfiles.d/other", rules)]);
        let rules = Rules::of(&tree.system()).unwrap();
        let text = |text: &str, line| Written::Text {
            text: text.to_owned(),
            file: "/s/etc/tmpfiles.d/00-nixos.conf".to_owned(),
            line,
        };
        let of = |path: &str| Written::Of(path.to_owned());
        for (path, expected) in [
            ("/root/.ssh/keys", vec![text("one two\nthree 100% /root root", 1), text("added", 5)]),
            ("/home/eve/.ssh/keys", vec![text("\"quoted\"", 2), text("added", 4)]),
            ("/root/.ssh/base64", vec![text("one two\n", 3)]),
            ("/root/.ssh/none", vec![Written::Unknown]),
            ("/root/copy/keys", vec![of("/nix/store/e-keys/keys")]),
            ("/root/copying", vec![]),
            ("/root/factory", vec![of("/usr/share/factory/root/factory")]),
            ("/home/a b/keys", vec![of("/nix/store/e-file")]),
            ("/home/bob/.ssh/keys", vec![Written::Unknown, text("added", 4)]),
            ("/srv/abc/keys", vec![Written::Unknown]),
            ("/root/.ssh/keys2", vec![text("A\"", 12)]),
            ("/root/keys", vec![]),
            ("/home/x/.ssh/keys", vec![Written::Unknown]),
            ("/home/x/.ssh/other", vec![]),
        ] {
            assert_eq!(rules.at(path), expected, "{path}");
        }
    }

    #[test]
    fn rules_that_a_users_own_systemd_follows_leave_its_keys_open() {
        let rule = "f+ %h/.ssh/keys 0600 - - - KEY\nL+ %h/.config/keys - - - - /nix/store/e-keys\n";
        for folder in ["/s/etc/xdg", "/s/etc/profiles/per-user/eve/share", "/s/sw/share"] {
            let tree = Made::of(&[(&format!("{folder}/user-tmpfiles.d/00-nixos.conf"), rule)]);
            let rules = Rules::of(&tree.system()).unwrap();
            assert_eq!(rules.at("/home/eve/.ssh/keys"), [Written::Unknown], "{folder}");
            assert_eq!(rules.at("/home/eve/.ssh/other"), [], "{folder}");
        }
    }
}
