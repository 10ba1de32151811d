//! systemd-sysusers (24.05 and later, opt-in): lines of sysusers.d(5) and credentials of its service (nixpkgs,
//! nixos/modules/system/boot/systemd/sysusers.nix).

use std::collections::{HashMap, HashSet};

use super::{MOST_MEMBERS, MOST_USERS, User, checked, is_person};
use crate::error::{Error, Place, Result};
use crate::nixos::Root;
use crate::nixos::password::{Password, PasswordState};
use crate::nixos::unit::{Unit, Units};
use crate::store::StorePath;

/// Where the lines are.
const FOLDER: &str = "/etc/sysusers.d";

/// The file that NixOS writes if the service creates its users.
const OWN: &str = "00-nixos.conf";

/// The shell of a user whose line names no shell.
const NO_SHELL: &str = "nologin";

/// Reads the users that `systemd-sysusers.service` creates.
pub(super) fn read(root: &Root<'_>, _: &str) -> Result<Option<Vec<User>>> {
    let names = root.entries(FOLDER)?.into_iter().map(|entry| String::from_utf8_lossy(&entry.name).into_owned());
    let names: Vec<String> = names.filter(|name| name.ends_with(".conf")).collect();
    if !names.iter().any(|name| name == OWN) {
        return Ok(None);
    }
    let mut lines = Lines::default();
    for file in names.iter().map(|name| format!("{FOLDER}/{name}")) {
        lines.take(&root.text(&file)?.unwrap_or_default(), &root.inside(&file))?;
    }
    let mut list = checked(lines.users(), &Place::File(root.inside(FOLDER).into_bytes()))?;
    let mut credentials = Credentials::default();
    if let Some(unit) = Units::of(root)?.get("systemd-sysusers.service")?.unit() {
        credentials.take(unit, root);
    }
    for user in &mut list {
        if let Some(password) = credentials.password(root, &user.name)? {
            user.password = password;
        }
        if let Some((shell, _)) = credentials.set.get(&format!("passwd.shell.{}", user.name)) {
            user.shell = Some(shell.clone());
        }
    }
    Ok(Some(list))
}

/// What the lines declare: `u NAME UID:GROUP "DESCRIPTION" HOME SHELL`, `g NAME GID`, `m USER GROUP`.
#[derive(Default)]
struct Lines {
    list: Vec<User>,
    named: HashSet<String>,
    memberships: Vec<(String, String)>,
}

impl Lines {
    fn take(&mut self, text: &str, file: &str) -> Result<()> {
        for (number, line) in (1u64..).zip(text.lines()) {
            let wrong = || Error::Malformed {
                structure: "sysusers.d",
                field: "line",
                place: Place::Line { file: file.to_owned(), line: number },
            };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fields = fields(line).ok_or_else(wrong)?;
            let field =
                |index: usize| fields.get(index).map(String::as_str).filter(|field| !matches!(*field, "-" | ""));
            // A sign after the letter, as in `u!`, does not matter here.
            match (fields.first().and_then(|kind| kind.chars().next()), field(1), field(2)) {
                (Some('g' | 'r'), ..) => {}
                (Some('u'), Some(name), id) if fields.len() <= 6 => {
                    let user = user(name, id, field(4), field(5));
                    // Of two lines, the first counts.
                    if self.named.insert(name.to_owned()) {
                        self.list.push(user);
                    }
                }
                (Some('m'), Some(user), Some(group)) if fields.len() == 3 => {
                    self.memberships.push((user.to_owned(), group.to_owned()));
                }
                _ => return Err(wrong()),
            }
            let over = match () {
                () if self.list.len() > MOST_USERS => "10,000 users",
                () if self.memberships.len() > MOST_MEMBERS => "100,000 members of groups",
                () => continue,
            };
            return Err(Error::Limit { what: over, place: Place::File(file.as_bytes().to_vec()) });
        }
        Ok(())
    }

    /// The users with their groups. sysusers also creates members that are not declared.
    fn users(self) -> Vec<User> {
        let Self { mut list, mut named, memberships } = self;
        let mut groups: HashMap<String, Vec<String>> = HashMap::new();
        for (member, group) in memberships {
            if named.insert(member.clone()) {
                list.push(user(&member, None, None, None));
            }
            groups.entry(member).or_default().push(group);
        }
        for user in &mut list {
            user.groups.get_or_insert_default().extend(groups.remove(&user.name).unwrap_or_default());
        }
        list
    }
}

/// The user of a line: the ids are `UID`, `UID:GROUP`, or a path whose owner has them.
fn user(name: &str, id: Option<&str>, home: Option<&str>, shell: Option<&str>) -> User {
    let (uid, group) = id.map_or((None, name), |id| {
        let (uid, group) = id.split_once(':').unwrap_or((id, name));
        (uid.parse().ok(), group)
    });
    let home = home.unwrap_or(if name == "root" { "/root" } else { "/" }).to_owned();
    // root gets one in any case.
    let shell = shell.or((uid != Some(0)).then_some(NO_SHELL)).map(str::to_owned);
    User {
        uid,
        normal: Some(uid.is_some_and(|uid| is_person(uid, &home))),
        home,
        groups: Some(vec![group.to_owned()]),
        shell,
        // sysusers locks every account without a credential, even root.
        password: Password::none(),
        ..User::implied(name)
    }
}

/// The words of a line. Quotes hold words together anywhere, a backslash makes the next letter an ordinary one, and a
/// number sign is one (systemd, src/basic/extract-word.c). `None` if a quote or escape is not finished.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields: Vec<String> = Vec::new();
    let (mut field, mut quote): (Option<String>, Option<char>) = (None, None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (' ' | '\t', None) => fields.extend(field.take()),
            ('"' | '\'', None) => {
                quote = Some(letter);
                field.get_or_insert_default();
            }
            (letter, Some(open)) if letter == open => quote = None,
            ('\\', _) => field.get_or_insert_default().push(letters.next()?),
            (letter, _) => field.get_or_insert_default().push(letter),
        }
    }
    fields.extend(field);
    quote.is_none().then(|| fields.iter().map(|field| field.replace("%%", "%")).collect())
}

/// Prefixes of the credentials for passwords.
const HASHED: &str = "passwd.hashed-password.";
const PLAIN: &str = "passwd.plaintext-password.";

/// The credentials of the service: values with the file of the unit that sets them, and files that hold values.
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

    /// The password of a user. A hash wins over clear text (systemd-sysusers(8)). A credential's file wins over its value,
    /// which is the fallback for a missing file (systemd.exec(5)).
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
            // Any other path belongs to the machine that boots.
            let stored = StorePath::containing(file.as_bytes()).is_some();
            if let Some(value) = if stored { root.text(file)? } else { None } {
                return Ok(Some(make(option, value.trim_end(), file)));
            }
            // A file that is not in the image may exist at boot and unlock the account.
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
                "web Some(900) web,wheel /var/empty nologin false",
                "new None users / nologin false",
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
        for line in ["u", "z a", "m a", "u a \"1", "u a 1 \\", "u a 1 b /c /d e", "; comment"] {
            let error = Lines::default().take(&format!("\n{line}\n"), "/f").unwrap_err().to_string();
            assert_eq!(error, "sysusers.d at /f:2: invalid line", "{line}");
        }
    }
}
