//! The users that a system declares.

use std::collections::HashMap;

use serde::Deserialize;

use super::password::Password;
use crate::error::{Error, Place, Result};
use crate::fs::Tree;
use crate::fs::path;

/// No activation script or list of users is longer.
const LONGEST: u64 = 16 << 20;

/// No image has more users; NixOS declares some 50 of its own.
const MOST_USERS: usize = 10_000;

/// Places of users in groups, all groups together.
const MOST_MEMBERS: usize = 100_000;

/// Bytes of a name: more than Linux lets any tool give (useradd(8) stops at 32).
const LONGEST_NAME: usize = 256;

/// The users of one system.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Users {
    /// Whether the list was found. If not, only what other files imply is in it.
    pub known: bool,
    /// The users, by name.
    pub list: Vec<User>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Numeric id, where one is set.
    pub uid: Option<u64>,
    /// Home directory.
    pub home: String,
    /// The groups that the user is in; none where the image does not list groups.
    pub groups: Option<Vec<String>>,
    /// Login shell, where one is declared.
    pub shell: Option<String>,
    /// Whether it is a person's account (`isNormalUser`) and not a service's; none where the image does not tell.
    pub normal: Option<bool>,
    /// The password on a fresh boot.
    pub password: Password,
}

/// `users-groups.json`, as far as it is needed.
#[derive(Deserialize)]
struct Document {
    users: Vec<Account>,
    groups: Option<Vec<Group>>,
}

#[derive(Deserialize)]
struct Account {
    name: String,
    uid: Option<u64>,
    home: Option<String>,
    /// The primary group.
    group: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    members: Option<Vec<String>>,
}

impl Users {
    /// Reads the users of the system whose toplevel lies at `toplevel`: from `users-groups.json` (14.12 on).
    ///
    /// # Errors
    /// Where a list is there but cannot be read.
    pub fn of(tree: &dyn Tree, toplevel: &str) -> Result<Self> {
        let mut users = Self::default();
        let script = match path::read(tree, format!("{toplevel}/activate").as_bytes(), LONGEST) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(Error::NotFound { .. } | Error::WrongType { .. }) => String::new(),
            Err(error) => return Err(error),
        };
        let mut words = script.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'', ';']));
        if let Some(list) = words.find(|word| word.ends_with("-users-groups.json")) {
            let text = path::read(tree, list.as_bytes(), LONGEST)?;
            users.list = parse(&text, &Place::File(list.as_bytes().to_vec()))?;
            users.known = true;
        } else {
            for name in implied(tree, toplevel)?.into_iter().chain(["root".to_owned()]) {
                if !users.list.iter().any(|user| user.name == name) {
                    users.list.push(User::implied(&name));
                }
            }
        }
        users.list.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(users)
    }
}

impl User {
    /// A user of whom only the name is known, with the home that NixOS would give.
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
        }
    }
}

/// Reads `users-groups.json`.
fn parse(text: &[u8], place: &Place) -> Result<Vec<User>> {
    let document: Document = serde_json::from_slice(text).map_err(|error| Error::Malformed {
        structure: "list of users",
        field: if error.is_data() { "users or groups" } else { "JSON" },
        place: place.clone(),
    })?;
    let over = |what| Error::Limit { what, place: place.clone() };
    if document.users.len() > MOST_USERS {
        return Err(over("10,000 users"));
    }
    let listed = document.groups.is_some();
    let groups = document.groups.unwrap_or_default();
    let names = document.users.iter().map(|account| &account.name).chain(groups.iter().map(|group| &group.name));
    if names.into_iter().any(|name| name.len() > LONGEST_NAME) {
        return Err(over("name of 256 bytes"));
    }
    if groups.iter().filter_map(|group| group.members.as_ref()).map(Vec::len).sum::<usize>() > MOST_MEMBERS {
        return Err(over("100,000 members of groups"));
    }
    let mut memberships: HashMap<&str, Vec<&str>> = HashMap::new();
    for group in &groups {
        for member in group.members.iter().flatten() {
            memberships.entry(member).or_default().push(&group.name);
        }
    }
    let user = |account: &Account| {
        let of_groups = memberships.get(account.name.as_str()).into_iter().flatten().copied();
        let all = account.group.as_deref().into_iter().chain(of_groups).map(str::to_owned);
        User {
            name: account.name.clone(),
            uid: account.uid,
            home: account.home.clone().unwrap_or_else(|| "/var/empty".to_owned()),
            groups: listed.then(|| all.collect()),
            shell: None,
            normal: None,
            password: Password::unknown(),
        }
    };
    Ok(document.users.iter().map(user).collect())
}

/// Users for whom there are files of keys.
fn implied(tree: &dyn Tree, toplevel: &str) -> Result<Vec<String>> {
    let Some(found) = path::find(tree, format!("{toplevel}/etc/ssh/authorized_keys.d").as_bytes())? else {
        return Ok(Vec::new());
    };
    let names = tree.entries(found.id)?.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok());
    let sidecar = |name: &String| [".mode", ".uid", ".gid"].iter().any(|suffix| name.ends_with(suffix));
    let names: Vec<String> = names.filter(|name| !sidecar(name)).collect();
    if names.len() > MOST_USERS {
        return Err(Error::Limit { what: "10,000 users", place: Place::File(found.path) });
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> std::result::Result<Vec<User>, String> {
        parse(text.as_bytes(), &Place::File(b"/nix/store/e-users-groups.json".to_vec()))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_user_is_in_the_primary_group_and_in_those_that_name_him() {
        let text = r#"{
            "users": [{"name": "root", "uid": 0, "home": "/root", "group": "root"}, {"name": "eve"}],
            "groups": [{"name": "root", "gid": 0}, {"name": "wheel", "members": ["eve", "root"]}]
        }"#;
        let users = read(text).unwrap();
        let groups: Vec<_> = users.iter().map(|user| user.groups.clone().unwrap().join(" ")).collect();
        assert_eq!(groups, ["root wheel", "wheel"]);
        assert_eq!((users[1].uid, users[1].home.as_str()), (None, "/var/empty"));
        assert_eq!(read(r#"{"users": [{"name": "root"}]}"#).unwrap()[0].groups, None);
    }

    #[test]
    fn a_broken_list_of_users_is_not_taken_for_none() {
        let many = (0..=MOST_USERS).map(|number| format!(r#"{{"name": "u{number}"}}"#)).collect::<Vec<_>>().join(",");
        let long = "u".repeat(LONGEST_NAME + 1);
        for (text, what) in [
            (r#"{"users": [{"name": "root"}"#.to_owned(), ": invalid JSON"),
            (r#"{"groups": []}"#.to_owned(), ": invalid users or groups"),
            (r#"{"users": [{"uid": 0}]}"#.to_owned(), ": invalid users or groups"),
            (format!(r#"{{"users": [{many}]}}"#), "10,000 users at "),
            (format!(r#"{{"users": [{{"name": "{long}"}}]}}"#), "name of 256 bytes at "),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(what) && error.contains("/nix/store/e-users-groups.json"), "{error}");
        }
    }
}
