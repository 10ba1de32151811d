//! The users that a system declares, in the forms of all releases.

mod expiry;
mod json;
mod merger;
mod passwd;
mod records;
mod sysusers;
mod userborn;

use super::answer::{Cause, Caused, Refusal};
use super::password::Password;
use super::ssh::declared;
use crate::error::{Error, Place, Result};
use crate::nixos::Root;
use crate::store::StorePath;

/// Limit for users. NixOS itself declares some 50.
const MOST_USERS: usize = 10_000;

/// Limit for members of all groups together.
const MOST_MEMBERS: usize = 100_000;

/// Limit for a name, in bytes. useradd(8) stops at 32.
const LONGEST_NAME: usize = 256;

/// The users of one system.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Whether the image lists its users. If not, only users that other files imply are here.
    pub known: bool,
    /// The users, by name.
    pub list: Vec<User>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric id. `None` if it is not declared.
    pub uid: Option<u64>,
    /// Home directory.
    pub home: String,
    /// The user's groups. `None` if the image does not list groups.
    pub groups: Option<Vec<String>>,
    /// Login shell. `None` if it is not declared.
    pub shell: Option<String>,
    /// Whether the account is for a person (`isNormalUser`), not a service. `None` if the image does not say.
    pub normal: Option<bool>,
    /// The password on a fresh boot.
    pub password: Password,
    /// The day on which the account expires, `2031-12-31`.
    pub expires: Option<String>,
    /// The file whose absence keeps the account from being created.
    pub broken: Option<String>,
}

impl Users {
    /// Reads the users of a system, in the form of its release.
    ///
    /// # Errors
    /// If a list exists but cannot be read.
    pub fn of(root: &Root<'_>) -> Result<Self> {
        let script = root.text(&root.own("activate"))?.unwrap_or_default();
        let sources = [userborn::ready, json::read, userborn::read, sysusers::read, merger::read, records::read];
        let mut users = Self::default();
        for source in sources {
            if let Some(list) = source(root, &script)? {
                users = Self { known: true, list };
                break;
            }
        }
        let shadow = "/etc/shadow";
        if users.known
            && root.find("/etc/passwd")?.is_none()
            && let Some(text) = root.text(shadow)?
        {
            // A file of environment.etc replaces what the scripts made.
            users.list.iter_mut().for_each(|user| user.password = Password::unknown());
            passwd::take_shadow(&mut users.list, &text, &root.inside(shadow))?;
        }
        if !users.known {
            return Self::implied(root);
        }
        users.list.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }

    /// Root, and the users who have a file of keys.
    ///
    /// # Errors
    /// If the directory of these files cannot be read.
    pub(super) fn implied(root: &Root<'_>) -> Result<Self> {
        let mut names = implied(root)?;
        names.push("root".to_owned());
        names.sort();
        names.dedup();
        Ok(Self { known: false, list: names.iter().map(|name| User::implied(name)).collect() })
    }

    /// The user with that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&User> {
        self.list.iter().find(|user| user.name == name)
    }
}

/// The text of a file that a script or unit names.
///
/// # Errors
/// [`Error::NotFound`] if it is missing.
fn required(root: &Root<'_>, path: &str) -> Result<String> {
    root.text(path)?.ok_or_else(|| Error::NotFound { path: path.as_bytes().to_vec() })
}

/// The words of a script or unit, without quotes.
fn words(script: &str) -> impl Iterator<Item = &str> {
    script.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'', ';', '(', ')']))
}

/// The first store path in a script with this name.
fn named<'s>(script: &'s str, name: &str) -> Option<&'s str> {
    words(script).find(|word| is_named(word, name))
}

fn is_named(word: &str, name: &str) -> bool {
    StorePath::from_path(word.as_bytes()).is_some_and(|path| path.name() == name)
}

/// Whether the account looks like a person's, for releases that do not say: an id from 1000 to below the build users, and a
/// home.
fn is_person(uid: u64, home: &str) -> bool {
    (1000..30_000).contains(&uid) && home != "/var/empty"
}

/// Refuses more users, or longer names, than the limits.
fn checked(users: Vec<User>, place: &Place) -> Result<Vec<User>> {
    let over = |what| Err(Error::Limit { what, place: place.clone() });
    if users.len() > MOST_USERS {
        return over("10,000 users");
    }
    if users.iter().any(|user| user.name.len() > LONGEST_NAME) {
        return over("name of 256 bytes");
    }
    Ok(users)
}

impl User {
    /// Whether the user is root, under any name.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.uid == Some(0) || self.name == "root"
    }

    /// Why nobody can log in as this user with any password or key.
    #[must_use]
    pub fn refusal(&self) -> Option<Caused<Refusal>> {
        let cause = || self.password.source.as_deref().map(|path| Cause { path: path.into(), line: None });
        let what = match (&self.broken, self.expires.as_deref().filter(|day| expiry::is_past(day))) {
            (Some(file), _) => Refusal::NoAccount { user: self.name.clone(), file: file.clone() },
            (None, Some(day)) => Refusal::Expired(day.to_owned()),
            (None, None) => return None,
        };
        Some(Caused { what, cause: cause() })
    }

    /// A user known only by name, with the home that NixOS would choose.
    #[must_use]
    pub fn implied(name: &str) -> Self {
        let home = if name == "root" { "/root".to_owned() } else { format!("/home/{name}") };
        Self {
            name: name.to_owned(),
            uid: None,
            home,
            groups: None,
            shell: None,
            normal: None,
            password: Password::unknown(),
            expires: None,
            broken: None,
        }
    }
}

/// Users who have a file of keys.
fn implied(root: &Root<'_>) -> Result<Vec<String>> {
    let names = declared::users(root)?;
    if names.len() > MOST_USERS {
        let place = Place::File(root.inside(declared::DIRECTORY).into_bytes());
        return Err(Error::Limit { what: "10,000 users", place });
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    const LIST: &str = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-users-groups.json";

    /// The users with their passwords, from a system with a list and these files in `etc`.
    fn shown(files: &[(&str, &str)]) -> Vec<String> {
        let list = r#"{"users": [{"name": "a", "hashedPassword": "!"}, {"name": "b", "hashedPassword": "$6$a$b"}]}"#;
        let script = format!("perl update-users-groups.pl {LIST}\n");
        let own = [("/s/activate", script.as_str()), (LIST, list)];
        let users = Users::of(&Made::of(&[&own[..], files].concat()).system()).unwrap();
        users.list.iter().map(|user| format!("{} {}", user.name, user.password.state)).collect()
    }

    #[test]
    fn files_of_environment_etc_replace_what_the_script_makes() {
        assert_eq!(shown(&[]), ["a locked", "b hashed"]);
        let shadow = ("/s/etc/shadow", "a::1::::::\n");
        assert_eq!(shown(&[shadow]), ["a empty", "b none"]);
        let passwd = (
            "/s/etc/passwd",
            "a:x:1000:100::/home/a:/bin/sh\nc::1001:100::/home/c:/bin/sh\nd:$6$a$b:0:0::/root:/bin/sh\n",
        );
        assert_eq!(shown(&[shadow, passwd]), ["a empty", "c empty", "d hashed"]);
    }
}
