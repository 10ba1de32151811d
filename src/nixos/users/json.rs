//! `users-groups.json` (14.12 on), and the accounts in it, which userborn writes in nearly the same form.

use std::collections::HashMap;

use serde::Deserialize;

use super::{LONGEST, MOST_MEMBERS, User, checked, text, words};
use crate::error::{Error, Place, Result};
use crate::fs::{Tree, path};
use crate::nixos::password::Password;

/// The users and groups that a release declares.
#[derive(Deserialize)]
pub(super) struct Document {
    users: Vec<Account>,
    groups: Option<Vec<Group>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    name: String,
    uid: Option<u64>,
    home: Option<String>,
    home_mode: Option<String>,
    /// The primary group.
    group: Option<String>,
    shell: Option<String>,
    is_system_user: Option<bool>,
    /// In userborn's form.
    is_normal: Option<bool>,
    password: Option<String>,
    hashed_password: Option<String>,
    hashed_password_file: Option<String>,
    /// The name of `hashedPasswordFile` until 23.05.
    password_file: Option<String>,
    initial_password: Option<String>,
    initial_hashed_password: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    members: Option<Vec<String>>,
}

/// Which of a user's options decides when an account is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precedence {
    /// `update-users-groups.pl` to 2022: the initial ones replace `hashedPassword`.
    InitialFirst,
    /// The same script since: the initial ones count where there is no `hashedPassword`.
    HashedFirst,
    /// userborn: file, hash, text, initial hash, initial text.
    Userborn,
}

/// Reads the list that the activation script hands to `update-users-groups.pl`.
pub(super) fn read(tree: &dyn Tree, _: &str, script: &str) -> Result<Option<Vec<User>>> {
    let Some(list) = words(script).find(|word| word.ends_with("-users-groups.json")) else { return Ok(None) };
    let bytes = path::read(tree, list.as_bytes(), LONGEST)?;
    let document = Document::parse(&bytes, list)?;
    let script = words(script).find(|word| word.ends_with("update-users-groups.pl"));
    let script = script.map(|script| text(tree, script)).transpose()?.flatten().unwrap_or_default();
    document.users(tree, list, document.precedence(&script)).map(Some)
}

impl Document {
    pub(super) fn parse(text: &[u8], file: &str) -> Result<Self> {
        serde_json::from_slice(text).map_err(|error| Error::Malformed {
            structure: "list of users",
            field: if error.is_data() { "users or groups" } else { "JSON" },
            place: Place::File(file.as_bytes().to_vec()),
        })
    }

    /// The script asks for `hashedPassword` first, or it does not (nixpkgs, nixos/modules/config/update-users-groups.pl). Where
    /// it cannot be read, an option that came at the same time tells.
    fn precedence(&self, script: &str) -> Precedence {
        let asked = match script.contains("{initialHashedPassword}") {
            true => script.contains("if (!defined $u->{hashedPassword})"),
            false => self.users.iter().any(|user| user.home_mode.is_some() || user.hashed_password_file.is_some()),
        };
        if asked { Precedence::HashedFirst } else { Precedence::InitialFirst }
    }

    pub(super) fn users(&self, tree: &dyn Tree, file: &str, precedence: Precedence) -> Result<Vec<User>> {
        let place = Place::File(file.as_bytes().to_vec());
        let groups = self.groups.as_deref().unwrap_or_default();
        if groups.iter().filter_map(|group| group.members.as_ref()).map(Vec::len).sum::<usize>() > MOST_MEMBERS {
            return Err(Error::Limit { what: "100,000 members of groups", place });
        }
        // Names of groups are as long as those of users.
        checked(groups.iter().map(|group| User::implied(&group.name)).collect(), &place)?;
        let mut memberships: HashMap<&str, Vec<&str>> = HashMap::new();
        for group in groups {
            for member in group.members.iter().flatten() {
                memberships.entry(member).or_default().push(&group.name);
            }
        }
        let user = |account: &Account| {
            let of_groups = memberships.get(account.name.as_str()).into_iter().flatten().copied();
            let primary = account.group.as_deref();
            let others = of_groups.filter(|group| Some(*group) != primary);
            let all = primary.into_iter().chain(others).map(str::to_owned);
            Ok(User {
                name: account.name.clone(),
                uid: account.uid,
                home: account.home.clone().unwrap_or_else(|| "/var/empty".to_owned()),
                groups: self.groups.is_some().then(|| all.collect()),
                shell: account.shell.clone(),
                normal: account.is_normal(),
                password: account.password(tree, file, precedence)?,
            })
        };
        checked(self.users.iter().map(user).collect::<Result<_>>()?, &place)
    }
}

impl Account {
    /// nixpkgs asks for one of `isNormalUser` and `isSystemUser`, and takes an id below 1000 for the second.
    fn is_normal(&self) -> Option<bool> {
        let system = |system: bool| system || self.uid.is_some_and(|uid| uid < 1000);
        self.is_normal.or_else(|| self.is_system_user.map(|is_system| !system(is_system)))
    }

    fn password(&self, tree: &dyn Tree, list: &str, precedence: Precedence) -> Result<Password> {
        let hash = |option: &str, value: &Option<String>| {
            value.as_ref().map(|value| Password::of_hash(option, value.trim_end_matches('\n'), list))
        };
        let plain =
            |option: &str, value: &Option<String>| value.as_ref().map(|value| Password::of_text(option, value, list));
        let hashed = || hash("hashedPassword", &self.hashed_password);
        let initial = || {
            let text = plain("initialPassword", &self.initial_password);
            text.or_else(|| hash("initialHashedPassword", &self.initial_hashed_password))
        };
        let (option, file) = match (&self.hashed_password_file, &self.password_file) {
            (Some(file), _) => ("hashedPasswordFile", Some(file)),
            (None, file) => ("passwordFile", file.as_ref()),
        };
        let of_file = file.map(|file| Ok::<_, Error>(text(tree, file)?.map(|found| (file, found)))).transpose()?;
        let of_file = of_file.map(|found| found.map(|(file, hash)| Password::of_hash(option, hash.trim_end(), file)));
        let absent = || file.map(|file| Password::of_absent_file(option, file));
        let chosen = match (precedence, of_file) {
            (_, Some(Some(found))) => Some(found),
            (Precedence::Userborn, Some(None)) => absent(),
            (Precedence::Userborn, None) => hashed()
                .or_else(|| plain("password", &self.password))
                .or_else(|| hash("initialHashedPassword", &self.initial_hashed_password))
                .or_else(|| plain("initialPassword", &self.initial_password)),
            // A file that is not there changes nothing, so that what is below it counts.
            (Precedence::HashedFirst, Some(None)) => hashed().or_else(initial).or_else(absent),
            (Precedence::InitialFirst, Some(None)) => initial().or_else(hashed).or_else(absent),
            (Precedence::HashedFirst, None) => plain("password", &self.password).or_else(hashed).or_else(initial),
            (Precedence::InitialFirst, None) => plain("password", &self.password).or_else(initial).or_else(hashed),
        };
        Ok(chosen.unwrap_or_else(Password::none))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LONGEST_NAME, MOST_USERS};
    use super::*;
    use crate::nixos::made::Made;
    use crate::nixos::password::PasswordState;

    const LIST: &str = "/nix/store/e-users-groups.json";

    fn read(text: &str, precedence: Precedence) -> std::result::Result<Vec<User>, String> {
        let tree = Made::of(&[("/nix/store/e-hash", "$6$a$b\n")]);
        let users = Document::parse(text.as_bytes(), LIST).and_then(|found| found.users(&tree, LIST, precedence));
        users.map_err(|error| error.to_string())
    }

    #[test]
    fn a_user_is_in_the_primary_group_and_in_those_that_name_him() {
        let text = r#"{
            "users": [{"name": "root", "uid": 0, "home": "/root", "group": "root"}, {"name": "eve"}],
            "groups": [{"name": "root", "gid": 0}, {"name": "wheel", "members": ["eve", "root"]}]
        }"#;
        let users = read(text, Precedence::HashedFirst).unwrap();
        let groups: Vec<_> = users.iter().map(|user| user.groups.clone().unwrap().join(" ")).collect();
        assert_eq!(groups, ["root wheel", "wheel"]);
        assert_eq!((users[1].uid, users[1].home.as_str()), (None, "/var/empty"));
        let alone = read(r#"{"users": [{"name": "root"}]}"#, Precedence::HashedFirst).unwrap();
        assert_eq!((&alone[0].groups, alone[0].normal), (&None, None));
    }

    #[test]
    fn a_person_is_no_system_user_and_has_a_large_id_or_none() {
        for (account, normal) in [
            (r#""isSystemUser": false, "uid": 1000"#, Some(true)),
            (r#""isSystemUser": false"#, Some(true)),
            (r#""isSystemUser": false, "uid": 0"#, Some(false)),
            (r#""isSystemUser": true, "uid": 65534"#, Some(false)),
            (r#""isNormal": true"#, Some(true)),
        ] {
            let users = read(&format!(r#"{{"users": [{{"name": "a", {account}}}]}}"#), Precedence::Userborn).unwrap();
            assert_eq!(users[0].normal, normal, "{account}");
        }
    }

    #[test]
    fn the_password_is_that_of_the_option_that_decides() {
        use Precedence::{HashedFirst, InitialFirst, Userborn};
        let file = r#""hashedPasswordFile": "/nix/store/e-hash""#;
        let gone = r#""hashedPasswordFile": "/run/secrets/a""#;
        for (options, precedence, expected) in [
            ("", HashedFirst, "none"),
            (r#", "hashedPassword": "!""#, HashedFirst, "locked hashedPassword"),
            (r#", "hashedPassword": "", "initialPassword": "a""#, HashedFirst, "empty hashedPassword"),
            (r#", "hashedPassword": "", "initialPassword": "a""#, InitialFirst, "plaintext initialPassword"),
            (r#", "hashedPassword": "", "initialPassword": "a""#, Userborn, "empty hashedPassword"),
            (r#", "initialHashedPassword": "", "initialPassword": "a""#, HashedFirst, "plaintext initialPassword"),
            (r#", "initialHashedPassword": "", "initialPassword": "a""#, Userborn, "empty initialHashedPassword"),
            (r#", "hashedPassword": "!", "password": "a""#, HashedFirst, "plaintext password"),
            (r#", "hashedPassword": "!", "password": "a""#, Userborn, "locked hashedPassword"),
            (r#", "password": """#, InitialFirst, "empty password"),
            (&format!(r#", {file}, "password": "a""#), HashedFirst, "hashed hashedPasswordFile"),
            (&format!(r#", {file}, "hashedPassword": "!""#), Userborn, "hashed hashedPasswordFile"),
            (&format!(r#", {gone}, "password": "a""#), HashedFirst, "file hashedPasswordFile"),
            (&format!(r#", {gone}, "initialHashedPassword": """#), HashedFirst, "empty initialHashedPassword"),
            (&format!(r#", {gone}, "initialHashedPassword": """#), Userborn, "file hashedPasswordFile"),
            (r#", "passwordFile": "/nix/store/e-hash""#, InitialFirst, "hashed passwordFile"),
        ] {
            let users = read(&format!(r#"{{"users": [{{"name": "a"{options}}}]}}"#), precedence).unwrap();
            let Password { state, option, .. } = &users[0].password;
            let shown = format!("{state} {}", option.as_deref().unwrap_or_default());
            assert_eq!(shown.trim_end(), expected, "{options} {precedence:?}");
            assert_eq!(users[0].password.scheme.is_some(), *state == PasswordState::Hashed);
        }
    }

    #[test]
    fn the_script_of_the_image_tells_what_decides() {
        let document = |text: &str| Document::parse(text.as_bytes(), LIST).unwrap();
        let (old, new) =
            (document(r#"{"users": [{"name": "a"}]}"#), document(r#"{"users": [{"name": "a", "homeMode": "700"}]}"#));
        let script = "$u->{hashedPassword} = $u->{initialHashedPassword};";
        let newer = format!("if (!defined $u->{{hashedPassword}}) {{ {script} }}");
        for (document, script, expected) in [
            (&old, "", Precedence::InitialFirst),
            (&new, "", Precedence::HashedFirst),
            (&new, script, Precedence::InitialFirst),
            (&old, &newer, Precedence::HashedFirst),
        ] {
            assert_eq!(document.precedence(script), expected, "{script}");
        }
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
            (format!(r#"{{"users": [], "groups": [{{"name": "{long}"}}]}}"#), "name of 256 bytes at "),
        ] {
            let error = read(&text, Precedence::HashedFirst).unwrap_err();
            assert!(error.contains(what) && error.contains(LIST), "{error}");
        }
    }
}
