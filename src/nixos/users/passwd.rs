//! Users as `passwd`, `group` and `shadow` have them (passwd(5), group(5), shadow(5)); in 14.04 the image has the first two whole.

use std::collections::HashMap;

use super::{MOST_MEMBERS, User, checked, named, text, words};
use crate::error::{Error, Place, Result};
use crate::fs::Tree;
use crate::nixos::password::Password;

/// Reads the files that the activation script of 14.04 merges into those of `/etc`.
pub(super) fn read(tree: &dyn Tree, toplevel: &str, script: &str) -> Result<Option<Vec<User>>> {
    let Some(file) = named(script, "passwd") else { return Ok(None) };
    let Some(passwd) = text(tree, file)? else { return Ok(None) };
    let group = named(script, "group").map(|group| text(tree, group)).transpose()?.flatten();
    let mut list = users(&passwd, group.as_deref(), file)?;
    for user in &mut list {
        user.password = Password::none();
    }
    take_chpasswd(tree, &mut list, script, &format!("{toplevel}/activate"))?;
    Ok(Some(list))
}

/// The users of a `passwd`, with their groups. Their passwords are elsewhere.
pub(super) fn users(passwd: &str, group: Option<&str>, file: &str) -> Result<Vec<User>> {
    let groups: Option<Vec<Vec<&str>>> =
        group.map(|group| group.lines().map(|line| line.split(':').collect::<Vec<_>>()).collect());
    let place = Place::File(file.as_bytes().to_vec());
    let mut memberships: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut members = 0;
    for fields in groups.iter().flatten() {
        let [name, _, gid, list] = fields.as_slice() else { continue };
        names.entry(gid).or_insert(name);
        for member in list.split(',').filter(|member| !member.is_empty()) {
            members += 1;
            if members > MOST_MEMBERS {
                return Err(Error::Limit { what: "100,000 members of groups", place });
            }
            memberships.entry(member).or_default().push(name);
        }
    }
    let mut list = Vec::new();
    for (number, line) in (1u64..).zip(passwd.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, gid, _, home, shell] = fields.as_slice() else {
            let place = Place::Line { file: file.to_owned(), line: number };
            return Err(Error::Malformed { structure: "passwd", field: "number of fields", place });
        };
        let uid = uid.parse().ok();
        let primary = names.get(gid).copied();
        let others = memberships.get(name).into_iter().flatten().copied().filter(|group| Some(*group) != primary);
        let all = primary.into_iter().chain(others).map(str::to_owned);
        list.push(User {
            uid,
            home: (*home).to_owned(),
            groups: groups.is_some().then(|| all.collect()),
            shell: (!shell.is_empty()).then(|| (*shell).to_owned()),
            normal: Some(is_person(uid)),
            ..User::implied(name)
        });
    }
    checked(list, &place)
}

/// Before users said so themselves: from 1000 on, and below the build users and `nobody`.
pub(super) fn is_person(uid: Option<u64>) -> bool {
    uid.is_some_and(|uid| (1000..30_000).contains(&uid))
}

/// Takes the passwords of a `shadow`.
pub(super) fn take_shadow(users: &mut [User], shadow: &str, file: &str) {
    let fields = |line: &'_ str| {
        let mut fields = line.split(':').map(str::to_owned);
        Some((fields.next()?, fields.next()?))
    };
    let hashes: HashMap<String, String> = shadow.lines().filter_map(fields).collect();
    for user in users {
        user.password = match hashes.get(&user.name) {
            Some(hash) => Password::of_hash("shadow", hash, file),
            None => Password::none(),
        };
    }
}

/// Takes the passwords that a script sets: `echo -n "USER:" | cat - "FILE" | chpasswd -e`, or `echo "USER:HASH" | chpasswd -e`.
pub(super) fn take_chpasswd(tree: &dyn Tree, users: &mut [User], script: &str, file: &str) -> Result<()> {
    for line in script.lines().filter(|line| line.contains("/chpasswd")) {
        let Some((name, hash)) = words(line).find_map(|word| word.split_once(':')) else { continue };
        let Some(user) = users.iter_mut().find(|user| user.name == name) else { continue };
        let of_file = words(line).find(|word| word.ends_with("-password-file"));
        let of_file = of_file.map(|path| Ok::<_, Error>((path, text(tree, path)?))).transpose()?;
        let is_hash = words(line).any(|word| matches!(word, "-e" | "--encrypted"));
        user.password = match of_file {
            Some((path, Some(hash))) => Password::of_hash("hashedPassword", hash.trim_end(), path),
            Some((path, None)) => Password::of_absent_file("passwordFile", path),
            None if is_hash => Password::of_hash("initialRootPassword", hash, file),
            None => Password::of_text("password", hash, file),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    const HASH: &str = "/nix/store/cccccccccccccccccccccccccccccccc-password-file";

    #[test]
    fn the_files_of_14_04_are_read_with_the_passwords_that_the_script_sets() {
        let (passwd, group) =
            ("/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-passwd", "/nix/store/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-group");
        let script = format!(
            "merge {passwd} /etc/passwd\nmerge {group} /etc/group\n\
             echo \"root:\" | /nix/store/x/sbin/chpasswd -e\n\
             echo -n \"eve:\" | cat - \"{HASH}\" | /nix/store/x/sbin/chpasswd -e\n"
        );
        let tree = Made::of(&[
            (
                passwd,
                "root:x:0:0:System administrator:/root:/bin/sh\neve:x:1000:100::/home/eve:/bin/sh\nsshd:x:2:65534::/var/empty:\n",
            ),
            (group, "root:x:0:\nusers:x:100:\nwheel:x:1:eve\n"),
            (HASH, "$6$a$b\n"),
        ]);
        let users = read(&tree, "/s", &script).unwrap().unwrap();
        let shown: Vec<_> = users
            .iter()
            .map(|user| {
                let groups = user.groups.clone().unwrap().join(" ");
                format!("{} {} {groups} {:?}", user.name, user.password.state, user.normal.unwrap())
            })
            .collect();
        assert_eq!(shown, ["root empty root false", "eve hashed users wheel true", "sshd none  false"]);
    }

    #[test]
    fn a_line_with_too_few_fields_is_told() {
        let error = users("root:x:0\n", None, "/p").unwrap_err().to_string();
        assert_eq!(error, "passwd at /p:1: invalid number of fields");
    }

    #[test]
    fn a_ready_shadow_decides() {
        let mut list = users("a:x:1000:100::/home/a:/bin/sh\nb:x:1001:100::/home/b:/bin/sh\n", None, "/p").unwrap();
        take_shadow(&mut list, "a:$y$j$a$b:1::::::\n", "/s");
        let states: Vec<_> = list.iter().map(|user| user.password.state.name()).collect();
        assert_eq!(states, ["hashed", "none"]);
    }
}
