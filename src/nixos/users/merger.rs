//! 14.04: scripts named `merger` merge texts into `/etc/passwd` and `/etc/group`; chpasswd sets the passwords.
//!
//! nixpkgs, nixos/modules/config/users-groups.nix, release-14.04.

use std::collections::{HashMap, HashSet};

use super::passwd::{self, Groups};
use super::{MOST_USERS, User, is_named, named, required, words};
use crate::error::{Error, Place, Result};
use crate::nixos::Root;
use crate::nixos::password::{Password, PasswordState};
use crate::store::StorePath;

/// Reads the texts that the activation script merges with vipw and vigr: `VISUAL=/nix/store/<digest>-merger`.
pub(super) fn read(root: &Root<'_>, script: &str) -> Result<Option<Vec<User>>> {
    let (mut users, mut groups) = (None, None);
    let mergers = words(script).filter_map(|word| word.strip_prefix("VISUAL="));
    // One for groups, one for users.
    for merger in mergers.filter(|word| is_named(word, "merger")).take(2) {
        let merger = required(root, merger)?;
        users = users.or_else(|| named(&merger, "passwd").map(str::to_owned));
        groups = groups.or_else(|| named(&merger, "group").map(str::to_owned));
    }
    let Some(file) = users else { return Ok(None) };
    let passwd = required(root, &file)?;
    let group = match &groups {
        Some(group) => Some((group.as_str(), required(root, group)?)),
        None => None,
    };
    let mut list = passwd::users(&passwd, group.as_ref().map(|(file, text)| (*file, text.as_str())), &file)?;
    list.extend(
        added(script, group.as_ref())?
            .into_iter()
            .filter(|user| !list.iter().any(|own| own.name == user.name))
            .collect::<Vec<_>>(),
    );
    if list.len() > MOST_USERS {
        return Err(Error::Limit { what: "10,000 users", place: Place::File(root.own("activate").into_bytes()) });
    }
    for user in list.iter_mut().filter(|user| user.password.state == PasswordState::Unknown) {
        // The script locks accounts without a password: `passwd -l`.
        user.password = Password::none();
    }
    take_passwords(root, &mut list, script)?;
    Ok(Some(list))
}

/// The users without an id. The script runs `useradd` for them, with options over several lines and the name last.
fn added(script: &str, group: Option<&(&str, String)>) -> Result<Vec<User>> {
    let groups = group.map(|(file, text)| Groups::parse(text, file)).transpose()?;
    let script = script.replace("\\\n", " ");
    let mut users = Vec::new();
    for line in script.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let words: Vec<&str> = words(line).collect();
        let Some(at) = words.iter().position(|word| *word == "useradd" || word.ends_with("/useradd")) else { continue };
        let arguments = words.get(at + 1..).unwrap_or_default();
        let Some(name) = arguments.last().filter(|name| !name.is_empty() && !name.starts_with('-')) else { continue };
        let option = |letter: &str| {
            let at = arguments.iter().position(|word| *word == letter)?;
            arguments.get(at + 1).copied().filter(|value| !value.is_empty())
        };
        let home = option("-d").map_or_else(|| format!("/home/{name}"), str::to_owned);
        let further = option("-G").into_iter().flat_map(|groups| groups.split(',')).map(str::to_owned);
        let named = groups.as_ref().map(|groups| groups.of(name, "")).unwrap_or_default();
        let mut all: Vec<String> = option("-g").map(str::to_owned).into_iter().chain(further).chain(named).collect();
        let mut seen = HashSet::new();
        all.retain(|group| seen.insert(group.clone()));
        let system = arguments.iter().any(|word| matches!(*word, "-r" | "--system"));
        users.push(User {
            uid: option("-u").and_then(|uid| uid.parse().ok()),
            normal: Some(!system && home != "/var/empty"),
            groups: Some(all),
            shell: option("-s").map(str::to_owned),
            home,
            ..User::implied(name)
        });
    }
    Ok(users)
}

/// Takes the passwords that a script sets: `echo -n "USER:" | cat - "FILE" | chpasswd -e`, perhaps over several lines, or
/// `echo "USER:HASH" | chpasswd -e`.
pub(super) fn take_passwords(root: &Root<'_>, users: &mut [User], script: &str) -> Result<()> {
    let place = root.own("activate");
    let index: HashMap<String, usize> = (0..).zip(&*users).map(|(at, user)| (user.name.clone(), at)).collect();
    let script = script.replace("\\\n", " ");
    for line in script.lines().filter(|line| line.contains("chpasswd")) {
        let mut pipe = line.split('|').map(|command| words(command).collect::<Vec<_>>());
        let Some(echo) = pipe.next().filter(|echo| echo.first() == Some(&"echo")) else { continue };
        let Some((name, hash)) = echo.iter().find_map(|word| word.split_once(':')) else { continue };
        let Some(user) = index.get(name).and_then(|at| users.get_mut(*at)) else { continue };
        let further: Vec<Vec<&str>> = pipe.collect();
        let file = further.iter().find_map(|words| match words.as_slice() {
            ["cat", "-", file] => Some(*file),
            _ => None,
        });
        user.password = match file {
            Some(file) => of_file(root, file)?,
            None if further.iter().flatten().any(|word| matches!(*word, "-e" | "--encrypted")) => {
                Password::of_hash("chpasswd", hash, &place)
            }
            None => Password::of_text("chpasswd", hash, &place),
        };
    }
    Ok(())
}

/// The file has one line. It may be `hashedPassword`, or `password` hashed when the system was built.
fn of_file(root: &Root<'_>, file: &str) -> Result<Password> {
    let stored = StorePath::containing(file.as_bytes()).is_some();
    Ok(match if stored { root.text(file)? } else { None } {
        Some(hash) => Password::of_hash("hashedPassword", hash.lines().next().unwrap_or_default(), file),
        None => Password::of_absent_file("passwordFile", file),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn store(letter: char, name: &str) -> String {
        format!("/nix/store/{}-{name}", letter.to_string().repeat(32))
    }

    /// The script in the form of that release.
    fn script(passwords: &str) -> String {
        format!(
            "touch /etc/passwd\nVISUAL={} /s/sbin/vigr &>/dev/null\nVISUAL={} /s/sbin/vipw &>/dev/null\n{passwords}",
            store('a', "merger"),
            store('b', "merger")
        )
    }

    fn setpw(user: &str, file: &str) -> String {
        format!(
            "setpw=yes\n\ntest \"$(getent shadow '{user}' | cut -d: -f2)\" != \"x\" && setpw=no\n\n\
             if [ \"$setpw\" == \"yes\" ]; then\n  echo -n \"{user}:\" | cat - \"{file}\" | \\\n    /s/sbin/chpasswd -e\n\nfi\n"
        )
    }

    #[test]
    fn the_files_of_the_mergers_are_read_with_the_passwords_that_chpasswd_sets() {
        let merge = |file: &str| {
            format!(
                "#!/s/bin/bash\n\nawk -F: '{{ print \"^\"$1\":.*\" }}' $1 | egrep -vf - {file} | cat $1 - > $1.tmp\nmv -f $1.tmp $1\n"
            )
        };
        let (passwd, group) = (store('c', "passwd"), store('d', "group"));
        let (empty, hash) = (store('f', "password-file"), store('g', "password-file"));
        let tree = Made::of(&[
            (&store('a', "merger"), &merge(&group)),
            (&store('b', "merger"), &format!("#!/s/bin/bash\ncp {passwd} $1.tmp\n")),
            (
                &passwd,
                "root:x:0:0:System administrator:/root:/bin/sh\neve:x:1000:100::/home/eve:/bin/sh\n\
                 bob:x:1001:100::/home/bob:/bin/sh\nann:x:1002:100::/home/ann:/bin/sh\n\
                 nixbld1:x:30001:30000:Nix build user 1:/var/empty:/noshell\nsshd:x:2:65534::/var/empty:/noshell",
            ),
            (&group, "root:x:0:\nwheel:x:1:eve\nusers:x:100:\nnixbld:x:30000:nixbld1\nnogroup:x:65534:"),
            (&empty, ""),
            (&hash, "$6$a$b"),
        ]);
        let script = script(&format!(
            "{}{}{}passwd -l 'ann' &>/dev/null\n",
            setpw("root", &empty),
            setpw("eve", &hash),
            setpw("bob", "/etc/nixos/bob"),
        ));
        let users = read(&tree.system(), &script).unwrap().unwrap();
        let shown: Vec<_> = users
            .iter()
            .map(|user| {
                let groups = user.groups.clone().unwrap().join(",");
                let option = user.password.option.as_deref().unwrap_or("-");
                format!("{} {groups} {} {option} {}", user.name, user.password.state, user.normal.unwrap())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "root root empty hashedPassword false",
                "eve users,wheel hashed hashedPassword true",
                "bob users file passwordFile true",
                "ann users none - true",
                "nixbld1 nixbld none - false",
                "sshd nogroup none - false"
            ]
        );
    }

    #[test]
    fn users_without_an_id_are_those_that_the_script_adds() {
        let (passwd, group, hash) = (store('c', "passwd"), store('d', "group"), store('g', "password-file"));
        let tree = Made::of(&[
            (&store('a', "merger"), &format!("cat {group}\n")),
            (&store('b', "merger"), &format!("cat {passwd}\n")),
            (&passwd, "root:x:0:0:System administrator:/root:/bin/sh\nopen::1000:100::/home/open:/bin/sh\n"),
            (&group, "root:x:0:\nwheel:x:1:alice\nusers:x:100:\n"),
            (&hash, "$6$a$b"),
        ]);
        let useradd = |name: &str, options: &str| {
            format!(
                "if ! id \"{name}\" > /dev/null 2>&1; then\n  /s/sbin/useradd \\\n    {options} \\\n    \"{name}\"\nfi\n"
            )
        };
        let script = script(&format!(
            "{}{}# useradd no\n{}",
            useradd("alice", "-g \"users\" \\\n    -G \"audio,wheel\" \\\n    -s \"/bin/zsh\" \\\n    -d \"/home/al\""),
            useradd("daemon", "--system \\\n    -g \"nogroup\" \\\n    -s \"/noshell\" \\\n    -d \"/var/empty\""),
            setpw("alice", &hash),
        ));
        let users = read(&tree.system(), &script).unwrap().unwrap();
        let shown: Vec<_> = users
            .iter()
            .map(|user| {
                let (groups, shell) = (user.groups.clone().unwrap().join(","), user.shell.clone().unwrap());
                format!("{} {groups} {} {shell} {} {}", user.name, user.home, user.password.state, user.normal.unwrap())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "root root /root /bin/sh none false",
                "open users /home/open /bin/sh empty true",
                "alice users,audio,wheel /home/al /bin/zsh hashed true",
                "daemon nogroup /var/empty /noshell none false"
            ]
        );
    }

    #[test]
    fn a_password_in_the_script_itself_is_taken() {
        for (line, expected) in [
            ("echo \"eve:$1$a$b\" | /s/sbin/chpasswd -e", "hashed"),
            ("echo 'eve:secret' | chpasswd", "plaintext"),
            ("echo eve: | chpasswd --encrypted", "empty"),
            ("# chpasswd is for others", "unknown"),
        ] {
            let mut users = [User::implied("eve")];
            take_passwords(&Made::of(&[]).system(), &mut users, line).unwrap();
            assert_eq!(users[0].password.state.name(), expected, "{line}");
        }
    }

    #[test]
    fn a_merger_that_is_not_there_is_told() {
        let error = read(&Made::of(&[]).system(), &script("")).unwrap_err().to_string();
        assert_eq!(error, format!("{}: no such file in the image", store('a', "merger")));
        assert_eq!(read(&Made::of(&[]).system(), "echo\n").unwrap(), None);
    }
}
