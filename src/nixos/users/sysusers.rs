//! systemd-sysusers (24.05 on, where it is chosen): lines of sysusers.d(5), and credentials of its service.

use std::collections::HashMap;

use super::{MOST_MEMBERS, User, checked, text};
use crate::error::{Error, Place, Result};
use crate::fs::{Tree, path};
use crate::nixos::password::Password;
use crate::nixos::ssh::words;

/// Reads the users that `systemd-sysusers.service` makes.
pub(super) fn read(tree: &dyn Tree, toplevel: &str, _: &str) -> Result<Option<Vec<User>>> {
    let file = format!("{toplevel}/etc/sysusers.d/00-nixos.conf");
    let Some(lines) = text(tree, &file)? else { return Ok(None) };
    let mut list = users(&lines, &file)?;
    for (place, unit) in units(tree, toplevel)? {
        take_credentials(&mut list, &unit, &place);
    }
    Ok(Some(list))
}

/// The service and its drop-ins, in the order in which systemd reads them.
fn units(tree: &dyn Tree, toplevel: &str) -> Result<Vec<(String, String)>> {
    let unit = format!("{toplevel}/etc/systemd/system/systemd-sysusers.service");
    let mut units: Vec<(String, String)> = text(tree, &unit)?.map(|text| (unit.clone(), text)).into_iter().collect();
    if let Some(found) = path::find(tree, format!("{unit}.d").as_bytes())? {
        for entry in tree.entries(found.id)? {
            let place = String::from_utf8_lossy(&path::join(&found.path, &entry.name)).into_owned();
            units.extend(text(tree, &place)?.map(|text| (place, text)));
        }
    }
    Ok(units)
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
                list.push(User {
                    uid,
                    home: field(4).unwrap_or("/").to_owned(),
                    groups: Some(vec![group.to_owned()]),
                    shell: field(5).map(str::to_owned),
                    // It makes accounts of services, and no others.
                    normal: Some(false),
                    password: Password::none(),
                    ..User::implied(name)
                });
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

/// Takes passwords of `SetCredential=` and `LoadCredential=`. A hash counts before a text (systemd-sysusers(8)).
fn take_credentials(users: &mut [User], unit: &str, place: &str) {
    for line in unit.lines().map(str::trim) {
        let (load, credential) = match (line.strip_prefix("SetCredential="), line.strip_prefix("LoadCredential=")) {
            (Some(set), _) => (false, set),
            (None, Some(load)) => (true, load),
            (None, None) => continue,
        };
        let Some((name, value)) = credential.split_once(':') else { continue };
        let (hashed, user) =
            match (name.strip_prefix("passwd.hashed-password."), name.strip_prefix("passwd.plaintext-password.")) {
                (Some(user), _) => (true, user),
                (None, Some(user)) => (false, user),
                (None, None) => continue,
            };
        let Some(user) = users.iter_mut().find(|known| known.name == user) else { continue };
        let by_hash = user.password.option.as_deref() == Some(HASHED);
        user.password = match (hashed, load) {
            (false, _) if by_hash => continue,
            (true, false) => Password::of_hash(HASHED, value, place),
            (true, true) => Password::of_absent_file(HASHED, value),
            (false, false) => Password::of_text(PLAIN, value, place),
            (false, true) => Password::of_absent_file(PLAIN, value),
        };
    }
}

/// The credentials, as they stand for the options that nixpkgs makes of them.
const HASHED: &str = "passwd.hashed-password";
const PLAIN: &str = "passwd.plaintext-password";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn users_and_their_credentials_are_read() {
        let tree = Made::of(&[
            (
                "/s/etc/sysusers.d/00-nixos.conf",
                "# made\nu root 0:root \"System administrator\" /root /bin/sh\nu web 900 \"Web\" /var/empty -\nu new - \"New\" - -\ng wheel 1\nm web wheel\n",
            ),
            (
                "/s/etc/systemd/system/systemd-sysusers.service.d/overrides.conf",
                "[Service]\nSetCredential=passwd.hashed-password.root:$y$j$a$b\nSetCredential=passwd.plaintext-password.root:x\nSetCredential=passwd.plaintext-password.web:secret\nLoadCredential=passwd.hashed-password.new:/run/new\n",
            ),
        ]);
        let users = read(&tree, "/s", "").unwrap().unwrap();
        let shown: Vec<_> = users
            .iter()
            .map(|user| {
                format!(
                    "{} {:?} {} {}",
                    user.name,
                    user.uid,
                    user.groups.clone().unwrap().join(","),
                    user.password.state
                )
            })
            .collect();
        assert_eq!(shown, ["root Some(0) root hashed", "web Some(900) web,wheel plaintext", "new None new file"]);
    }

    #[test]
    fn a_line_of_no_known_kind_is_told() {
        let error = users("u\n", "/f").unwrap_err().to_string();
        assert_eq!(error, "sysusers.d at /f:1: invalid line");
        assert!(users("z a\n", "/f").is_err());
    }
}
