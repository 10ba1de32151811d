//! The users whom Nix trusts (nix.conf(5)): they are root in all but name.

use super::become_root::{Rules, Unread};
use super::entry::{Name, Person};
use super::rule::{Rule, Tool};
use crate::error::{Error, Place, Result};
use crate::nixos::{Root, Users};

/// The file that Nix reads.
pub(super) const FILE: &str = "/etc/nix/nix.conf";

/// Limit for files that include each other.
const MOST_FILES: usize = 128;

/// The settings of all files.
struct Files<'r> {
    root: &'r Root<'r>,
    /// The trusted users, with the file and line that say so.
    trusted: Vec<(String, String, u64)>,
    unread: Vec<String>,
    files: usize,
}

/// The trusted users other than root, and included files that are not in the image.
pub(super) fn read(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let mut files = Files { root, trusted: Vec::new(), unread: Vec::new(), files: 0 };
    if let Some(text) = root.text(FILE)? {
        files.take(FILE, &text)?;
    }
    let rule = |(name, source, line): (String, String, u64)| {
        let (who, meant) = match (name.strip_prefix('@'), name.as_str()) {
            (Some(group), _) => (format!("%{group}"), Name::Group(group.to_owned())),
            (None, "*") => ("ALL".to_owned(), Name::All),
            (None, name) => (name.to_owned(), Name::Word(name.to_owned())),
        };
        let is_meant = |person: Person<'_>| person.is_surely(&meant);
        let users = users.list.iter().filter(|user| is_meant(Person::of(user, |_| None)));
        let users = users.map(|user| user.name.clone()).collect();
        Rule::to_root(Tool::Nix, who, users, (&source, line))
    };
    Ok(Rules {
        free: files.trusted.into_iter().filter(|(name, ..)| name != "root").map(rule).collect(),
        unread: files.unread.into_iter().map(Unread::missing).collect(),
        ..Rules::default()
    })
}

impl Files<'_> {
    fn take(&mut self, file: &str, text: &str) -> Result<()> {
        self.files += 1;
        for (number, line) in (1u64..).zip(text.lines()) {
            if self.files > MOST_FILES {
                let place = Place::Line { file: file.to_owned(), line: number };
                return Err(Error::Limit { what: "128 files of nix.conf", place });
            }
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            match words.as_slice() {
                ["include" | "!include", path] => self.include(file, path)?,
                ["trusted-users", "=", names @ ..] => {
                    self.trusted.clear(); // the last setting wins
                    self.add(names, file, number)?;
                }
                ["extra-trusted-users", "=", names @ ..] => self.add(names, file, number)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, names: &[&str], file: &str, line: u64) -> Result<()> {
        self.trusted.extend(names.iter().map(|name| ((*name).to_owned(), file.to_owned(), line)));
        match self.trusted.len() > super::become_root::MOST_RULES {
            true => Err(Error::Limit {
                what: "10,000 trusted users of Nix",
                place: Place::Line { file: file.to_owned(), line },
            }),
            false => Ok(()),
        }
    }

    /// A path relative to the file that includes it.
    fn include(&mut self, file: &str, path: &str) -> Result<()> {
        let path = match file.rsplit_once('/') {
            Some((directory, _)) if !path.starts_with('/') => format!("{directory}/{path}"),
            _ => path.to_owned(),
        };
        match self.root.text(&path)? {
            Some(text) => self.take(&path, &text),
            None => {
                self.unread.push(path);
                Ok(())
            }
        }
    }
}
