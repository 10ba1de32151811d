//! The owner of a file, by names or numbers.

use std::fmt;

use crate::check::Subject;
use crate::error::{Error, Result};
use crate::fs::path;
use crate::fs::{Node, Tree};
use crate::nixos::Users;

/// Limit for a file that names an owner, in bytes.
const LONGEST: u64 = 256;

/// A user, and perhaps a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    user: Id,
    group: Option<Id>,
}

/// A user or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Id {
    Number(u64),
    Name(String),
}

impl Id {
    /// Reads a name, or a number as NixOS writes it: `0` or `+0`.
    fn parse(text: &str) -> Self {
        match text.strip_prefix('+').unwrap_or(text).parse() {
            Ok(number) => Self::Number(number),
            Err(_) => Self::Name(text.to_owned()),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Name(name) => write!(formatter, "{name}"),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.user)?;
        self.group.iter().try_for_each(|group| write!(formatter, ":{group}"))
    }
}

/// How an owner compares with the wanted one.
pub(super) enum Compared {
    Same,
    Other(String),
    /// The image does not say which number the name has.
    Unknown(String),
}

impl Owner {
    /// Reads `USER` or `USER:GROUP`.
    ///
    /// # Errors
    /// If a part is empty or has blanks.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let (user, group) = text.split_once(':').map_or((text, None), |(user, group)| (user, Some(group)));
        let is_wrong =
            |part: &str| part.is_empty() || part.contains(|letter: char| letter.is_whitespace() || letter == ':');
        if [user].into_iter().chain(group).any(is_wrong) {
            return Err(format!("{text:?} is not an owner: write root, root:wheel or 0:0"));
        }
        Ok(Self { user: Id::parse(user), group: group.map(Id::parse) })
    }

    /// Compares with the owner of the file at a path.
    pub(super) fn compare(&self, subject: &Subject<'_, '_>, path: &[u8], node: &Node) -> Result<Compared> {
        let tree = subject.disc.tree();
        let own = |ending: &[u8], number: u32| -> Result<Id> {
            Ok(beside(tree, path, ending)?.map_or(Id::Number(u64::from(number)), |text| Id::parse(&text)))
        };
        let (user, group) = (own(b".uid", node.uid)?, own(b".gid", node.gid)?);
        let users = match subject.disc.default_system() {
            Ok(system) => Users::of(&subject.disc.root_of(system))?,
            Err(_) => Users::default(),
        };
        let told = format!("its owner is {user}:{group}");
        let pairs =
            [is(&self.user, &user, &users), self.group.as_ref().map_or(Some(true), |wanted| is_group(wanted, &group))];
        Ok(match pairs {
            [Some(true), Some(true)] => Compared::Same,
            [Some(false), _] | [_, Some(false)] => Compared::Other(told),
            _ => Compared::Unknown(format!("{told}, and the image does not say whether that is {self}")),
        })
    }
}

/// Whether both are the same user. `None` if the image does not say.
fn is(wanted: &Id, own: &Id, users: &Users) -> Option<bool> {
    if wanted == own {
        return Some(true);
    }
    let number = |id: &Id| match id {
        Id::Number(number) => Some(*number),
        Id::Name(name) if name == "root" => Some(0),
        Id::Name(name) => users.list.iter().find(|user| user.name == *name)?.uid,
    };
    match (wanted, own) {
        (Id::Name(_), Id::Name(_)) => Some(false),
        _ => Some(number(wanted)? == number(own)?),
    }
}

/// Whether both are the same group. The numbers of groups are not known, except for root's.
fn is_group(wanted: &Id, own: &Id) -> Option<bool> {
    match (wanted, own) {
        _ if wanted == own => Some(true),
        (Id::Name(name), Id::Number(number)) | (Id::Number(number), Id::Name(name)) => {
            (name == "root" || *number == 0).then(|| name == "root" && *number == 0)
        }
        _ => Some(false),
    }
}

/// What NixOS sets for a file in `/etc`, stored in a separate file beside it.
pub(super) fn beside(tree: &dyn Tree, path: &[u8], ending: &[u8]) -> Result<Option<String>> {
    if !path.windows(5).any(|part| part == b"/etc/") {
        return Ok(None);
    }
    match path::read(tree, &[path, ending].concat(), LONGEST) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        Err(Error::NotFound { .. } | Error::WrongType { .. } | Error::Limit { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_compared_by_name_or_number() {
        let users = Users::default();
        for (wanted, own, expected) in [
            ("root", "+0", Some(true)),
            ("0", "root", Some(true)),
            ("root", "1000", Some(false)),
            ("alice", "bob", Some(false)),
            ("alice", "1000", None),
            ("1000", "1000", Some(true)),
        ] {
            assert_eq!(is(&Id::parse(wanted), &Id::parse(own), &users), expected, "{wanted} {own}");
        }
        for (wanted, own, expected) in [
            ("root", "0", Some(true)),
            ("wheel", "0", Some(false)),
            ("wheel", "1", None),
            ("wheel", "users", Some(false)),
        ] {
            assert_eq!(is_group(&Id::parse(wanted), &Id::parse(own)), expected, "{wanted} {own}");
        }
        assert!(["", "a b", "a:", ":a", "a:b:c"].iter().all(|text| Owner::parse(text).is_err()));
    }
}
