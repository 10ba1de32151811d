//! `users-groups.json` (14.12 and later). userborn's document has nearly the same form.

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

use super::{MOST_MEMBERS, User, checked, required, words};
use crate::error::{Error, Place, Result};
use crate::nixos::Root;
use crate::nixos::password::{Password, PasswordState, Quirk};
use crate::store::StorePath;

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
    /// Null for an account without a shell; absent if the list has no shells.
    #[serde(default, deserialize_with = "present")]
    shell: Option<Option<String>>,
    expires: Option<String>,
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

/// Distinguishes null from a missing key.
fn present<'d, D: Deserializer<'d>>(value: D) -> std::result::Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

#[derive(Deserialize)]
struct Group {
    name: String,
    members: Option<Vec<String>>,
}

/// Which of a user's password options wins when an account is made. On a live image, every account is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precedence {
    /// `update-users-groups.pl` until 2022 (nixpkgs, nixos/modules/config): the initial options replace `hashedPassword`.
    /// In both versions a password file then replaces the result if it exists; without one declared, `password` does.
    InitialFirst,
    /// The script since 2022: the initial options count only without `hashedPassword`.
    HashedFirst,
    /// userborn (rust/userborn/src/password.rs): file, hash, text, initial hash, initial text.
    Userborn,
}

/// Limit for opening braces in a list: one for each user, group and range of subordinate ids.
const MOST_OBJECTS: usize = 50_000;

/// Reads the list that the activation script passes to `update-users-groups.pl`.
pub(super) fn read(root: &Root<'_>, script: &str) -> Result<Option<Vec<User>>> {
    let Some(list) = words(script).find(|word| word.ends_with("-users-groups.json")) else { return Ok(None) };
    let document = Document::parse(&required(root, list)?, list)?;
    let script = words(script).find(|word| word.ends_with("update-users-groups.pl"));
    let script = script.map(|script| root.text(script)).transpose()?.flatten().unwrap_or_default();
    document.users(root, list, document.precedence(&script)).map(Some)
}

impl Document {
    pub(super) fn parse(text: &str, file: &str) -> Result<Self> {
        // Checked before anything is allocated for them.
        if text.bytes().filter(|byte| *byte == b'{').count() > MOST_OBJECTS {
            return Err(Error::Limit { what: "50,000 users and groups", place: Place::File(file.as_bytes().to_vec()) });
        }
        serde_json::from_str(text).map_err(|error| Error::Malformed {
            structure: "list of users",
            field: if error.is_data() { "users or groups" } else { "JSON" },
            place: Place::File(file.as_bytes().to_vec()),
        })
    }

    /// The script shows which order it has (nixpkgs, nixos/modules/config/update-users-groups.pl). If it cannot be read, the
    /// options of the list do: some came with the new order.
    fn precedence(&self, script: &str) -> Precedence {
        let asked = match script.contains("{initialHashedPassword}") {
            true => script.contains("if (!defined $u->{hashedPassword})"),
            false => self.users.iter().any(|user| user.home_mode.is_some() || user.hashed_password_file.is_some()),
        };
        if asked { Precedence::HashedFirst } else { Precedence::InitialFirst }
    }

    pub(super) fn users(&self, root: &Root<'_>, file: &str, precedence: Precedence) -> Result<Vec<User>> {
        let place = Place::File(file.as_bytes().to_vec());
        let groups = self.groups.as_deref().unwrap_or_default();
        if groups.iter().filter_map(|group| group.members.as_ref()).map(Vec::len).sum::<usize>() > MOST_MEMBERS {
            return Err(Error::Limit { what: "100,000 members of groups", place });
        }
        // Group names are as long as user names.
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
            let password = account.password(root, file, precedence)?;
            Ok(User {
                name: account.name.clone(),
                uid: account.uid,
                home: account.home.clone().unwrap_or_else(|| "/var/empty".to_owned()),
                groups: self.groups.is_some().then(|| all.collect()),
                shell: account.shell.clone().map(|shell| shell.unwrap_or_else(|| "nologin".to_owned())),
                normal: account.is_normal(),
                expires: account.expires.clone(),
                broken: account.broken(&password, precedence),
                password,
            })
        };
        checked(self.users.iter().map(user).collect::<Result<_>>()?, &place)
    }
}

impl Account {
    /// Since 21.05, nixpkgs requires `isNormalUser` or `isSystemUser`. Before, ids below 1000, the build users and `nobody`
    /// had neither; the latter two have the home `/var/empty`, unlike any person.
    fn is_normal(&self) -> Option<bool> {
        let system = self.uid.is_some_and(|uid| uid < 1000) || self.home.as_deref() == Some("/var/empty");
        self.is_normal.or_else(|| self.is_system_user.map(|is_system| !is_system && !system))
    }

    /// The password file whose absence keeps userborn from making the account. A file outside the image may come at boot.
    fn broken(&self, password: &Password, precedence: Precedence) -> Option<String> {
        let file = password.source.as_ref().filter(|_| password.state == PasswordState::File)?;
        (precedence == Precedence::Userborn && is_of_image(file)).then(|| file.clone())
    }

    fn password(&self, root: &Root<'_>, list: &str, precedence: Precedence) -> Result<Password> {
        let file = self.of_file(root, precedence)?;
        // userborn uses nothing else. The script continues as if neither the file nor `password` were declared.
        let (present, absent) = match file {
            Some(file) if file.state != PasswordState::File || precedence == Precedence::Userborn => return Ok(file),
            file => (file.is_none(), file),
        };
        let hashed = || self.hashed("hashedPassword", list, precedence);
        let plain = || Self::plain("password", &self.password, list).filter(|_| present);
        let initial = || Self::plain("initialPassword", &self.initial_password, list);
        let initial_hashed = || self.hashed("initialHashedPassword", list, precedence);
        let chosen = match precedence {
            Precedence::Userborn => hashed().or_else(plain).or_else(initial_hashed).or_else(initial),
            Precedence::HashedFirst => plain().or_else(hashed).or_else(initial).or_else(initial_hashed),
            Precedence::InitialFirst => plain().or_else(initial).or_else(initial_hashed).or_else(hashed),
        };
        // A file that is not in the image may exist at boot. It replaces the password, and unlocks the account.
        let is_shut = |chosen: &Password| chosen.state == PasswordState::Locked || chosen.quirk == Some(Quirk::Broken);
        let chosen = chosen.filter(|chosen| absent.is_none() || !is_shut(chosen));
        let replaced_by = absent.as_ref().and_then(|absent| absent.source.clone()).filter(|file| !is_of_image(file));
        let chosen = chosen.map(|chosen| Password { replaced_by, ..chosen });
        Ok(chosen.or(absent).unwrap_or_else(Password::none))
    }

    fn hashed(&self, option: &str, list: &str, precedence: Precedence) -> Option<Password> {
        let value = match option {
            "hashedPassword" => &self.hashed_password,
            _ => &self.initial_hashed_password,
        };
        value.as_ref().map(|value| {
            let password = Password::of_hash(option, value.trim_end_matches('\n'), list);
            // The script writes the line break into the file. It cuts the user's line there.
            if value.ends_with('\n') && precedence != Precedence::Userborn { password.unreadable() } else { password }
        })
    }

    fn plain(option: &str, value: &Option<String>, list: &str) -> Option<Password> {
        value.as_ref().map(|value| Password::of_text(option, value, list))
    }

    /// The password in the file. Other files than those of the image belong to the machine that boots.
    fn of_file(&self, root: &Root<'_>, precedence: Precedence) -> Result<Option<Password>> {
        let (option, file) = match (&self.hashed_password_file, &self.password_file) {
            (Some(file), _) => ("hashedPasswordFile", file),
            (None, Some(file)) => ("passwordFile", file),
            (None, None) => return Ok(None),
        };
        // userborn starts after activation, which makes /etc. The script is a part of activation and comes before that.
        let is_there = is_of_image(file) || file.starts_with("/etc/") && precedence == Precedence::Userborn;
        let found = if is_there { root.text(file)? } else { None };
        Ok(Some(match found {
            Some(found) if precedence == Precedence::Userborn => Password::of_hash(option, found.trim(), file),
            Some(found) => Password::of_hash(option, found.lines().next().unwrap_or_default(), file),
            None => Password::of_absent_file(option, file),
        }))
    }
}

/// Whether the image decides what the file contains: it is in the store, or on the disc.
fn is_of_image(file: &str) -> bool {
    StorePath::containing(file.as_bytes()).is_some() || file.starts_with("/iso/")
}

#[cfg(test)]
mod tests {
    use super::super::{LONGEST_NAME, MOST_USERS};
    use super::*;
    use crate::nixos::made::Made;

    const LIST: &str = "/nix/store/e-users-groups.json";

    /// A hash of `secret`.
    const HASH: &str =
        "$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";

    fn read(text: &str, precedence: Precedence) -> std::result::Result<Vec<User>, String> {
        let file = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-hash";
        let tree = Made::of(&[(file, "$6$a$b\n"), ("/file-of-the-disc", ""), ("/s/etc/hash", "$6$a$b\n")]);
        let users = Document::parse(text, LIST).and_then(|found| found.users(&tree.system(), LIST, precedence));
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
            (r#""isSystemUser": false, "home": "/home/a", "uid": 70000"#, Some(true)),
            (r#""isSystemUser": false, "home": "/var/empty", "uid": 30001"#, Some(false)),
            (r#""isNormal": true, "home": "/var/empty""#, Some(true)),
        ] {
            let users = read(&format!(r#"{{"users": [{{"name": "a", {account}}}]}}"#), Precedence::Userborn).unwrap();
            assert_eq!(users[0].normal, normal, "{account}");
        }
    }

    #[test]
    fn a_null_shell_is_no_login_and_expiry_and_broken_accounts_are_known() {
        let read = |account: &str, precedence| {
            read(&format!(r#"{{"users": [{{"name": "a", {account}}}]}}"#), precedence).unwrap().remove(0)
        };
        let shell = |text: &str| read(text, Precedence::HashedFirst).shell;
        assert_eq!(shell(r#""shell": null"#).as_deref(), Some("nologin"));
        assert_eq!(shell(r#""shell": "/bin/sh""#).as_deref(), Some("/bin/sh"));
        assert_eq!(shell(r#""uid": 1"#), None);
        let refusal = |text: &str, precedence| read(text, precedence).refusal().map(|refusal| refusal.to_string());
        assert_eq!(
            refusal(r#""expires": "2001-01-01""#, Precedence::HashedFirst).as_deref(),
            Some("the account expired on 2001-01-01")
        );
        assert_eq!(refusal(r#""expires": "9999-01-01""#, Precedence::HashedFirst), None);
        assert_eq!(refusal(r#""expires": null"#, Precedence::HashedFirst), None);
        let gone = "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-gone";
        let file = format!(r#""hashedPasswordFile": "{gone}""#);
        let expected = format!("userborn does not make the account a: {gone} is not in the image");
        assert_eq!(refusal(&file, Precedence::Userborn), Some(expected));
        assert_eq!(refusal(&file, Precedence::HashedFirst), None);
        assert_eq!(refusal(r#""hashedPasswordFile": "/run/secrets/a""#, Precedence::Userborn), None);
        let expected = "userborn does not make the account a: /iso/gone is not in the image";
        assert_eq!(refusal(r#""hashedPasswordFile": "/iso/gone""#, Precedence::Userborn).as_deref(), Some(expected));
    }

    #[test]
    fn the_password_is_that_of_the_option_that_decides() {
        use Precedence::{HashedFirst, InitialFirst, Userborn};
        let file = r#""hashedPasswordFile": "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-hash""#;
        let gone = r#""hashedPasswordFile": "/run/secrets/a""#;
        for (options, precedence, expected) in [
            ("", HashedFirst, "none"),
            (r#", "hashedPassword": "!""#, HashedFirst, "locked hashedPassword"),
            (r#", "hashedPassword": "", "initialPassword": "a""#, HashedFirst, "empty hashedPassword"),
            (r#", "hashedPassword": "", "initialPassword": "a""#, InitialFirst, "plaintext initialPassword"),
            (r#", "hashedPassword": "", "initialPassword": "a""#, Userborn, "empty hashedPassword"),
            (r#", "initialHashedPassword": "", "initialPassword": "a""#, HashedFirst, "plaintext initialPassword"),
            (r#", "initialHashedPassword": "", "initialPassword": "a""#, Userborn, "empty initialHashedPassword"),
            (r#", "hashedPassword": "\n""#, HashedFirst, "locked hashedPassword"),
            (r#", "hashedPassword": "\n""#, Userborn, "empty hashedPassword"),
            (r#", "hashedPassword": "!", "password": "a""#, HashedFirst, "plaintext password"),
            (r#", "hashedPassword": "!", "password": "a""#, Userborn, "locked hashedPassword"),
            (r#", "password": """#, InitialFirst, "empty password"),
            (&format!(r#", {file}, "password": "a""#), HashedFirst, "hashed hashedPasswordFile"),
            (&format!(r#", {file}, "hashedPassword": "!""#), Userborn, "hashed hashedPasswordFile"),
            (&format!(r#", {gone}, "password": "a""#), HashedFirst, "file hashedPasswordFile"),
            (&format!(r#", {gone}, "initialHashedPassword": """#), HashedFirst, "empty initialHashedPassword"),
            (&format!(r#", {gone}, "initialHashedPassword": """#), Userborn, "file hashedPasswordFile"),
            (&format!(r#", {gone}, "initialHashedPassword": "!""#), HashedFirst, "file hashedPasswordFile"),
            (&format!(r#", {gone}, "hashedPassword": "{HASH}""#), InitialFirst, "hashed hashedPassword"),
            (&format!(r#", {gone}, "hashedPassword": "$6$cut""#), HashedFirst, "file hashedPasswordFile"),
            (&format!(r#", {gone}, "hashedPassword": "{HASH}""#), Userborn, "file hashedPasswordFile"),
            (r#", "hashedPasswordFile": "/etc/hash""#, Userborn, "hashed hashedPasswordFile"),
            (r#", "hashedPasswordFile": "/etc/hash""#, HashedFirst, "file hashedPasswordFile"),
            (r#", "hashedPasswordFile": "/file-of-the-disc""#, HashedFirst, "file hashedPasswordFile"),
            (
                r#", "hashedPasswordFile": "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-gone""#,
                Userborn,
                "file hashedPasswordFile",
            ),
            (
                r#", "passwordFile": "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-hash""#,
                InitialFirst,
                "hashed passwordFile",
            ),
        ] {
            let users = read(&format!(r#"{{"users": [{{"name": "a"{options}}}]}}"#), precedence).unwrap();
            let Password { state, option, .. } = &users[0].password;
            let shown = format!("{state} {}", option.as_deref().unwrap_or_default());
            assert_eq!(shown.trim_end(), expected, "{options} {precedence:?}");
            assert_eq!(users[0].password.scheme.is_some(), *state == PasswordState::Hashed);
        }
    }

    #[test]
    fn a_password_file_that_may_come_at_boot_replaces_every_other_password() {
        let gone = "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-gone";
        for (file, password, replaced_by) in [
            ("/run/secrets/a", HASH, Some("/run/secrets/a")),
            ("/run/secrets/a", "", Some("/run/secrets/a")),
            (gone, HASH, None),
            ("/iso/gone", HASH, None),
        ] {
            let text = format!(
                r#"{{"users": [{{"name": "a", "hashedPasswordFile": "{file}", "hashedPassword": "{password}"}}]}}"#
            );
            let found = read(&text, Precedence::HashedFirst).unwrap().remove(0).password;
            assert_eq!(found.option.as_deref(), Some("hashedPassword"), "{file}");
            assert_eq!(found.replaced_by.as_deref(), replaced_by, "{file}");
        }
    }

    #[test]
    fn the_script_of_the_image_tells_what_decides() {
        let document = |text: &str| Document::parse(text, LIST).unwrap();
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
            ("{".repeat(MOST_OBJECTS + 1), "50,000 users and groups at "),
        ] {
            let error = read(&text, Precedence::HashedFirst).unwrap_err();
            assert!(error.contains(what) && error.contains(LIST), "{error}");
        }
    }
}
