//! Files of keys that systemd-tmpfiles writes at boot (tmpfiles.d(5)).

use crate::error::{Error, Place, Result};
use crate::fs::path;
use crate::nixos::Root;

/// Where the rules are once the system runs.
const DIRECTORY: &str = "/etc/tmpfiles.d";

/// Rules that are kept; NixOS writes some hundred.
const MOST_RULES: usize = 10_000;

/// Bytes of one file of rules.
const LONGEST: u64 = 1 << 20;

/// A rule that writes a file, or what may be above one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    path: String,
    content: Content,
    /// The file of rules, links resolved, and the line.
    file: String,
    line: u64,
}

/// What a rule writes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    /// A text: `f`, `w`.
    Text(String),
    /// What is at this path: `C`, `L`.
    Of(String),
    /// A credential or something else that only the running system has.
    Unknown,
}

/// What the rules make of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// This text, by the line of a file.
    Text { text: String, file: String, line: u64 },
    /// What is at this path.
    Of(String),
    /// Something that the image does not tell.
    Unknown,
}

/// The rules that may write files of keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    /// Reads the rules of a system.
    ///
    /// # Errors
    /// If a file of rules is there but cannot be read.
    pub(super) fn of(root: &Root<'_>) -> Result<Self> {
        let mut rules = Self::default();
        for entry in root.entries(DIRECTORY)? {
            let name = String::from_utf8_lossy(&entry.name).into_owned();
            if !name.ends_with(".conf") {
                continue;
            }
            let Some(found) = root.find(&format!("{DIRECTORY}/{name}"))? else { continue };
            let bytes = match path::read(root.tree(), &found.path, LONGEST) {
                Err(Error::WrongType { .. } | Error::NotFound { .. }) => continue,
                bytes => bytes?,
            };
            let file = String::from_utf8_lossy(&found.path).into_owned();
            for (line, text) in (1u64..).zip(String::from_utf8_lossy(&bytes).lines()) {
                let Some((path, content)) = rule(text) else { continue };
                if rules.0.len() >= MOST_RULES {
                    return Err(Error::Limit { what: "10,000 rules of tmpfiles.d", place: Place::File(found.path) });
                }
                rules.0.push(Rule { path, content, file: file.clone(), line });
            }
        }
        Ok(rules)
    }

    /// What the rules write to a path, or to a directory above it.
    pub(super) fn at(&self, path: &str) -> Vec<Written> {
        let of_rule = |rule: &Rule| {
            let rest = path.strip_prefix(rule.path.as_str())?;
            let (file, line) = (rule.file.clone(), rule.line);
            match &rule.content {
                Content::Of(source) if rest.is_empty() || rest.starts_with('/') => {
                    Some(Written::Of(format!("{source}{rest}")))
                }
                Content::Text(text) if rest.is_empty() => Some(Written::Text { text: text.clone(), file, line }),
                Content::Unknown if rest.is_empty() => Some(Written::Unknown),
                _ => None,
            }
        };
        self.0.iter().filter_map(of_rule).collect()
    }
}

/// A line: type, path, mode, user, group, age, argument. `None` for what writes no file.
fn rule(line: &str) -> Option<(String, Content)> {
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
    let path = path.trim_end_matches('/').replace("%%", "%");
    let content = match kind_letter {
        // A credential, or base64, which nothing in an image needs.
        'f' | 'F' | 'w' | 'C' if kind.contains(['^', '~']) => Content::Unknown,
        'f' | 'F' | 'w' => Content::Text(unescaped(argument)),
        'C' | 'L' if !argument.is_empty() => Content::Of(argument.trim_end_matches('/').to_owned()),
        _ => return None,
    };
    path.starts_with('/').then_some((path, content))
}

/// The first field of a text, without its quotes, and what follows the blanks after it.
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

/// The text of an argument: C escapes, and `%%`.
fn unescaped(argument: &str) -> String {
    let mut text = String::new();
    let mut letters = argument.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some('r') => text.push('\r'),
                Some('x') => {
                    let digits: String = letters.by_ref().take(2).collect();
                    text.extend(u8::from_str_radix(&digits, 16).ok().map(char::from));
                }
                other => text.extend(other),
            },
            '%' if letters.as_str().starts_with('%') => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn rules_that_write_a_file_say_what_is_in_it() {
        let rules = "\
f+ /home/eve/.ssh/authorized_keys 0600 eve users - one\\ntwo\\x20three 100%%
C+ /root/.ssh - - - - /nix/store/e-keys
L \"/home/a b/keys\" - - - - /nix/store/e-file
f^ /home/bob/.ssh/authorized_keys 0600 bob users - keys
d /home/eve/.ssh 0700 eve users -
# f /home/x/.ssh/authorized_keys
";
        let tree = Made::of(&[("/s/etc/tmpfiles.d/00-nixos.conf", rules), ("/s/etc/tmpfiles.d/other", rules)]);
        let rules = Rules::of(&tree.system()).unwrap();
        let file = || "/s/etc/tmpfiles.d/00-nixos.conf".to_owned();
        for (path, expected) in [
            (
                "/home/eve/.ssh/authorized_keys",
                vec![Written::Text { text: "one\ntwo three 100%".to_owned(), file: file(), line: 1 }],
            ),
            ("/root/.ssh/authorized_keys", vec![Written::Of("/nix/store/e-keys/authorized_keys".to_owned())]),
            ("/root/.sshd", vec![]),
            ("/home/a b/keys", vec![Written::Of("/nix/store/e-file".to_owned())]),
            ("/home/bob/.ssh/authorized_keys", vec![Written::Unknown]),
            ("/home/x/.ssh/authorized_keys", vec![]),
        ] {
            assert_eq!(rules.at(path), expected, "{path}");
        }
    }
}
