//! systemd-sysusers (24.05 on, where it is chosen): lines of sysusers.d(5), and credentials of its service (nixpkgs,
//! nixos/modules/system/boot/systemd/sysusers.nix).

use std::collections::HashMap;

use super::{MOST_MEMBERS, MOST_USERS, User, checked, is_person};
use crate::error::{Error, Place, Result};
use crate::nixos::Root;
use crate::nixos::password::{Password, PasswordState};
use crate::nixos::ssh::words;
use crate::nixos::unit::{Unit, Units};
use crate::store::StorePath;

/// Reads the users that `systemd-sysusers.service` makes.
pub(super) fn read(root: &Root<'_>, _: &str) -> Result<Option<Vec<User>>> {
    let file = "/etc/sysusers.d/00-nixos.conf";
    let Some(lines) = root.text(file)? else { return Ok(None) };
    let mut list = users(&lines, &root.inside(file))?;
    let mut credentials = Credentials::default();
    if let Some(unit) = Units::of(root)?.get("systemd-sysusers.service")?.unit() {
        credentials.take(unit, root);
    }
    for user in &mut list {
        if let Some(password) = credentials.password(root, &user.name)? {
            user.password = password;
        }
    }
    Ok(Some(list))
}

/// The lines: `u NAME UID:GROUP "DESCRIPTION" HOME SHELL`, `g NAME GID`, `m USER GROUP`.
fn users(lines: &str, file: &str) -> Result<Vec<User>> {
    let mut list: Vec<User> = Vec::new();
    let mut memberships: HashMap<String, Vec<String>> = HashMap::new();
    let mut members = 0;
    for (number, line) in (1u64..).zip(lines.lines()) {
        let fields = words(line);
        let field = |index: usize| fields.get(index).map(String::as_str).filter(|field| *field != "-");
        let wrong = || Error::Malformed {
            structure: "sysusers.d",
            field: "line",
            place: Place::Line { file: file.to_owned(), line: number },
        };
        match fields.first().and_then(|kind| kind.chars().next()) {
            None | Some('g' | 'r') => {}
            Some('u') => {
                let name = field(1).ok_or_else(wrong)?;
                let (uid, group) = match field(2).map(|id| id.split_once(':').unwrap_or((id, name))) {
                    Some((uid, group)) => (uid.parse().ok(), group),
                    None => (None, name),
                };
                let home = field(4).unwrap_or("/").to_owned();
                list.push(User {
                    uid,
                    normal: Some(uid.is_some_and(|uid| is_person(uid, &home))),
                    home,
                    groups: Some(vec![group.to_owned()]),
                    shell: field(5).map(str::to_owned),
                    // sysusers locks whom no credential unlocks, root too.
                    password: Password::none(),
                    ..User::implied(name)
                });
                if list.len() > MOST_USERS {
                    break;
                }
            }
            Some('m') => {
                let (user, group) = field(1).zip(field(2)).ok_or_else(wrong)?;
                members += 1;
                if members > MOST_MEMBERS {
                    let place = Place::File(file.as_bytes().to_vec());
                    return Err(Error::Limit { what: "100,000 members of groups", place });
                }
                memberships.entry(user.to_owned()).or_default().push(group.to_owned());
            }
            Some(_) => return Err(wrong()),
        }
    }
    for user in &mut list {
        let further = memberships.remove(&user.name).unwrap_or_default();
        user.groups.get_or_insert_default().extend(further);
    }
    checked(list, &Place::File(file.as_bytes().to_vec()))
}

/// The credentials, as they stand for the options that nixpkgs makes of them.
const HASHED: &str = "passwd.hashed-password.";
const PLAIN: &str = "passwd.plaintext-password.";

/// What the service is handed: for each credential its value or the file that holds it, and the unit that says so.
#[derive(Default)]
struct Credentials {
    set: HashMap<String, (String, String)>,
    loaded: HashMap<String, String>,
}

impl Credentials {
    fn take(&mut self, unit: &Unit, root: &Root<'_>) {
        for setting in unit.list("Service", "SetCredential") {
            if let Some((name, value)) = setting.value.split_once(':') {
                self.set.insert(name.to_owned(), (value.to_owned(), root.inside(&setting.file)));
            }
        }
        for setting in unit.list("Service", "LoadCredential") {
            if let Some((name, file)) = setting.value.split_once(':') {
                self.loaded.insert(name.to_owned(), file.to_owned());
            }
        }
    }

    /// The password of a user. A hash counts before a text (systemd-sysusers(8)); of one credential, the file before the
    /// value, which stands in where the file is not there (systemd.exec(5)).
    fn password(&self, root: &Root<'_>, user: &str) -> Result<Option<Password>> {
        type Make = fn(&str, &str, &str) -> Password;
        for (prefix, make) in [(HASHED, Password::of_hash as Make), (PLAIN, Password::of_text)] {
            let (name, option) = (format!("{prefix}{user}"), prefix.trim_end_matches('.'));
            let set = self.set.get(&name).map(|(value, place)| make(option, value, place));
            let Some(file) = self.loaded.get(&name) else {
                if set.is_some() {
                    return Ok(set);
                }
                continue;
            };
            // Any other path is one of the machine that boots.
            let stored = StorePath::containing(file.as_bytes()).is_some();
            if let Some(value) = if stored { root.text(file)? } else { None } {
                return Ok(Some(make(option, value.trim_end(), file)));
            }
            // A file that is not here may be there at boot, and then unlocks the account.
            let set = set.filter(|password| password.state != PasswordState::Locked);
            return Ok(Some(set.unwrap_or_else(|| Password::of_absent_file(option, file))));
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    const CONF: &str = "/s/etc/sysusers.d/00-nixos.conf";
    const UNIT: (&str, &str) = ("/s/etc/systemd/system/systemd-sysusers.service", "[Service]\nType=oneshot\n");
    const DROP_IN: &str = "/s/etc/systemd/system/systemd-sysusers.service.d/overrides.conf";

    #[test]
    fn users_are_read_with_their_groups() {
        let lines = "# made\nu root 0:root \"System administrator\" /root /bin/sh\nu web 900 \"\" /var/empty -\n\
                     u! new /var/lib/nixos/uid/new:users - - -\nu eve 1000:users \"Eve\" /home/eve /bin/sh\ng wheel 1\nm web wheel\n";
        let users = read(&Made::of(&[(CONF, lines)]).system(), "").unwrap().unwrap();
        let shown: Vec<_> = users
            .iter()
            .map(|user| {
                let (groups, shell) = (user.groups.clone().unwrap().join(","), user.shell.as_deref().unwrap_or("-"));
                format!("{} {:?} {groups} {} {shell} {}", user.name, user.uid, user.home, user.normal.unwrap())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "root Some(0) root /root /bin/sh false",
                "web Some(900) web,wheel /var/empty - false",
                "new None users / - false",
                "eve Some(1000) users /home/eve /bin/sh true"
            ]
        );
    }

    #[test]
    fn the_credential_that_decides_is_found() {
        let file = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-hash";
        for (lines, expected) in [
            ("", "none -"),
            ("SetCredential=passwd.hashed-password.a:", "empty passwd.hashed-password"),
            ("SetCredential=passwd.hashed-password.b:", "none -"),
            ("SetCredential=passwd.plaintext-password.a:x:y", "plaintext passwd.plaintext-password"),
            (
                "SetCredential=passwd.hashed-password.a:$y$j$a$b\nSetCredential=passwd.plaintext-password.a:x",
                "hashed passwd.hashed-password",
            ),
            ("LoadCredential=passwd.hashed-password.a:/run/a", "file passwd.hashed-password"),
            (&format!("LoadCredential=passwd.hashed-password.a:{file}"), "hashed passwd.hashed-password"),
            (
                &format!("LoadCredential=passwd.hashed-password.a:{file}\nSetCredential=passwd.hashed-password.a:!"),
                "hashed passwd.hashed-password",
            ),
            (
                "LoadCredential=passwd.hashed-password.a:/run/a\nSetCredential=passwd.hashed-password.a:!",
                "file passwd.hashed-password",
            ),
            (
                "LoadCredential=passwd.hashed-password.a:/run/a\nSetCredential=passwd.hashed-password.a:",
                "empty passwd.hashed-password",
            ),
        ] {
            let lines = format!("[Service]\n{lines}\n");
            let tree = Made::of(&[(CONF, "u a - - - -\n"), UNIT, (DROP_IN, &lines), (file, "$6$a$b\n")]);
            let users = read(&tree.system(), "").unwrap().unwrap();
            let Password { state, option, .. } = &users[0].password;
            assert_eq!(format!("{state} {}", option.as_deref().unwrap_or("-")), expected, "{lines}");
        }
    }

    #[test]
    fn a_line_of_no_known_kind_is_told() {
        let error = users("u\n", "/f").unwrap_err().to_string();
        assert_eq!(error, "sysusers.d at /f:1: invalid line");
        assert!(users("z a\n", "/f").is_err());
    }
}
