//! Users in the files `passwd`, `group` and `shadow` (passwd(5), group(5), shadow(5)).

use std::collections::HashMap;

use super::{MOST_MEMBERS, MOST_USERS, User, checked, expiry, is_person};
use crate::error::{Error, Place, Result};
use crate::nixos::password::{Password, PasswordState};

/// The users of a `passwd`, with their groups. The second field holds the password unless it refers to `shadow`.
pub(super) fn users(passwd: &str, group: Option<(&str, &str)>, file: &str) -> Result<Vec<User>> {
    let groups = group.map(|(file, text)| Groups::parse(text, file)).transpose()?;
    let place = Place::File(file.as_bytes().to_vec());
    let mut list = Vec::new();
    for (number, line) in lines(passwd) {
        let wrong = |field| malformed("passwd", field, file, number);
        let fields: Vec<&str> = line.split(':').collect();
        let [name, hash, uid, gid, _, home, shell] = fields.as_slice() else { return Err(wrong("number of fields")) };
        let uid = uid.parse().map_err(|_| wrong("user id"))?;
        list.push(User {
            uid: Some(uid),
            home: (*home).to_owned(),
            groups: groups.as_ref().map(|groups| groups.of(name, gid)),
            shell: (!shell.is_empty()).then(|| (*shell).to_owned()),
            normal: Some(is_person(uid, home)),
            password: if is_shadowed(hash) { Password::unknown() } else { Password::of_hash("passwd", hash, file) },
            ..User::implied(name)
        });
        if list.len() > MOST_USERS {
            break;
        }
    }
    checked(list, &place)
}

/// Whether the second field of `passwd` sends pam_unix to `shadow` (Linux-PAM, modules/pam_unix/passverify.c).
fn is_shadowed(field: &str) -> bool {
    field == "x" || field.starts_with("##")
}

/// Takes passwords from a `shadow` for users without one in `passwd`.
pub(super) fn take_shadow(users: &mut [User], shadow: &str, file: &str) -> Result<()> {
    let mut hashes: HashMap<&str, (&str, Option<String>)> = HashMap::new();
    for (number, line) in lines(shadow) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, hash, ages @ ..] = fields.as_slice() else {
            return Err(malformed("shadow", "number of fields", file, number));
        };
        // getspnam(3) returns the first.
        if are_ages(ages) {
            hashes.entry(name).or_insert_with(|| (hash, expiry(ages)));
        }
    }
    for user in users {
        let found = hashes.get(user.name.as_str());
        if user.password.state == PasswordState::Unknown {
            user.password = match found {
                Some((hash, _)) => Password::of_hash("shadow", hash, file),
                None => Password::none(),
            };
            user.expires = found.and_then(|(_, expires)| expires.clone());
        }
    }
    Ok(())
}

/// Whether the C library accepts the fields after a hash: at least three, each a number or empty (glibc, shadow/sgetspent_r.c).
/// It skips any other line, such as one that a line break in a hash has cut, and no password opens the account.
fn are_ages(fields: &[&str]) -> bool {
    let are_numbers = fields.iter().all(|field| field.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
    let is_short = fields.len() == 3 && fields.last().is_some_and(|field| field.is_empty());
    (3..=7).contains(&fields.len()) && are_numbers && !is_short
}

/// The day on which the account expires: the sixth field after the hash, in days from 1970-01-01 (shadow(5)).
fn expiry(fields: &[&str]) -> Option<String> {
    fields.get(5)?.parse().ok().filter(|days| *days >= 0).and_then(expiry::date)
}

/// The contents of a `group`.
pub(super) struct Groups<'t> {
    /// Names by id.
    names: HashMap<&'t str, &'t str>,
    /// Groups by member.
    memberships: HashMap<&'t str, Vec<&'t str>>,
}

impl<'t> Groups<'t> {
    pub(super) fn parse(text: &'t str, file: &str) -> Result<Self> {
        let mut groups = Self { names: HashMap::new(), memberships: HashMap::new() };
        let mut members = 0;
        for (number, line) in lines(text) {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, gid, list] = fields.as_slice() else {
                return Err(malformed("group", "number of fields", file, number));
            };
            groups.names.entry(gid).or_insert(name);
            for member in list.split(',').filter(|member| !member.is_empty()) {
                members += 1;
                if members > MOST_MEMBERS {
                    let place = Place::File(file.as_bytes().to_vec());
                    return Err(Error::Limit { what: "100,000 members of groups", place });
                }
                groups.memberships.entry(member).or_default().push(name);
            }
        }
        Ok(groups)
    }

    /// The primary one first.
    pub(super) fn of(&self, user: &str, gid: &str) -> Vec<String> {
        let primary = self.names.get(gid).copied();
        let others = self.memberships.get(user).into_iter().flatten().copied();
        primary.into_iter().chain(others.filter(|group| Some(*group) != primary)).map(str::to_owned).collect()
    }
}

/// The lines with content, with their numbers.
fn lines(text: &str) -> impl Iterator<Item = (u64, &str)> {
    (1u64..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}

fn malformed(structure: &'static str, field: &'static str, file: &str, line: u64) -> Error {
    Error::Malformed { structure, field, place: Place::Line { file: file.to_owned(), line } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "a:x:1000:100::/home/a:/bin/sh\n\nb:x:1001:100::/home/b:\n";

    #[test]
    fn a_user_is_in_the_primary_group_first() {
        let users = users(TWO, Some(("/g", "wheel:x:1:b,a\nusers:x:100:b\n")), "/p").unwrap();
        let shown: Vec<_> = users.iter().map(|user| (user.groups.clone().unwrap().join(" "), &user.shell)).collect();
        assert_eq!(shown, [("users wheel".to_owned(), &Some("/bin/sh".to_owned())), ("users wheel".to_owned(), &None)]);
    }

    #[test]
    fn a_line_that_is_wrong_is_told() {
        let shadow = |text: &str| take_shadow(&mut [], text, "/s").map(|()| Vec::new());
        for (result, expected) in [
            (users("a:x:1:1::/:/bin/sh\nroot:x:0\n", None, "/p"), "passwd at /p:2: invalid number of fields"),
            (users("root:x:zero:0::/root:/bin/sh\n", None, "/p"), "passwd at /p:1: invalid user id"),
            (users("", Some(("/g", "root:x:0\n")), "/p"), "group at /g:1: invalid number of fields"),
            (shadow("a:!:1::::::\nroot\n"), "shadow at /s:2: invalid number of fields"),
        ] {
            assert_eq!(result.unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_ready_shadow_decides() {
        let mut list = users(TWO, None, "/p").unwrap();
        take_shadow(&mut list, "a:$y$j$a$b:1::::::\na::1::::::\n", "/s").unwrap();
        let states: Vec<_> = list.iter().map(|user| user.password.state.name()).collect();
        assert_eq!(states, ["hashed", "none"]);
    }

    #[test]
    fn an_account_expires_on_the_day_that_shadow_names() {
        for (ages, expected) in [
            ("1::::::", None),
            ("1:::::0:", Some("1970-01-01")),
            ("1:::::20785:", Some("2026-11-28")),
            ("1:::::-1:", None),
        ] {
            let mut list = users(TWO, None, "/p").unwrap();
            take_shadow(&mut list, &format!("a:!:{ages}"), "/s").unwrap();
            assert_eq!(list[0].expires.as_deref(), expected, "{ages}");
        }
    }

    #[test]
    fn a_line_of_shadow_that_the_c_library_skips_opens_nothing() {
        for (line, expected) in [
            ("a:$1$a$b", "none"),
            ("a:$1$a$b:1", "none"),
            ("a:$1$a$b:1::", "none"),
            ("a:$1$a$b:1:0:9", "hashed"),
            ("a:$1$a$b:1:::", "hashed"),
            ("a:$1$a$b:x::::::", "none"),
            ("a:$1$a$b:1::::::", "hashed"),
            ("a:$1$a$b:1:::::::", "none"),
            ("a::\na:$1$a$b:1::::::", "hashed"),
        ] {
            let mut list = users(TWO, None, "/p").unwrap();
            take_shadow(&mut list, line, "/s").unwrap();
            assert_eq!(list[0].password.state.name(), expected, "{line}");
        }
    }

    #[test]
    fn more_users_and_members_than_any_system_has_are_refused() {
        let many = "a:x:1:1::/:/bin/sh\n".repeat(MOST_USERS + 1);
        assert_eq!(users(&many, None, "/p").unwrap_err().to_string(), "10,000 users at /p: over the limit");
        let members = format!("g:x:1:{}", "a,".repeat(MOST_MEMBERS + 1));
        let error = users("", Some(("/g", &members)), "/p").unwrap_err().to_string();
        assert_eq!(error, "100,000 members of groups at /g: over the limit");
    }
}
