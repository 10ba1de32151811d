//! Lines of sysusers.d, compared with the users that systemd-sysusers makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use nixoscope::Image;
use nixoscope::nixos::{Disc, Root, Users};

use crate::tool::{output, scratch, tool};

/// A user: id, home, shell, sorted groups. The id is only known if the line has it.
type Facts = (Option<u64>, String, String, Vec<String>);

/// Lines that systemd 252 accepts, with words written in every way.
const LINES: &str = r#"# Type Name ID GECOS Home directory Shell
g root 0
g users 100
g wheel -
u root 0:root "System administrator" /root /bin/sh
u plain 900 "a # comment is none" /var/plain
	u  tab	901:users	-	-	-
u quoted 902 'it"s' "/var/with space" /bin/zsh
u inside 903 a" b "c /home/'in'side /bin/"sh"
u escaped 904 a\ b /var/\x41 /bin/s\h
u sign 905 x /var/sign#1 /bin/sh#2
u percent 906 "" /home/%%a /bin/b%%
u path /etc/none - /var/path /bin/sh
u group 907:wheel "" "" ""
u none
u twice 908 "" /first /bin/first
u twice 909 "" /second /bin/second
m plain wheel
m "tab" 'wheel'
m undeclared wheel
m plain users
"#;

#[test]
fn lines_of_sysusers_make_the_users_that_systemd_makes() {
    let scratch = scratch("sysusers");
    let etc = scratch.join("0/etc");
    fs::create_dir_all(etc.join("sysusers.d")).unwrap();
    fs::write(etc.join("sysusers.d/00-nixos.conf"), LINES).unwrap();
    fs::write(etc.join("sysusers.d/10-more.conf"), "u more 910 - /more /bin/more\nm more wheel\n").unwrap();
    let image = scratch.join("sysusers.squashfs");
    output(tool("mksquashfs").arg(scratch.join("0")).arg(&image).args([
        "-keep-as-directory",
        "-quiet",
        "-no-progress",
    ]));
    let image = Image::open(&image, &mut |_, _| {}).unwrap();
    let disc = Disc::open(&image).unwrap();
    let users = Users::of(&Root::new(disc.tree(), "/0")).unwrap();
    output(tool("systemd-sysusers").arg(format!("--root={}", scratch.join("0").display())));
    let theirs = theirs(&etc);
    let ours: BTreeMap<String, Facts> = users
        .list
        .iter()
        .map(|user| {
            let mut groups = user.groups.clone().unwrap();
            groups.sort();
            (user.name.clone(), (user.uid, user.home.clone(), user.shell.clone().unwrap(), groups))
        })
        .collect();
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (name, (uid, home, shell, groups)) in ours {
        let (their_uid, their_home, their_shell, their_groups) = &theirs[&name];
        assert!(uid.is_none() || uid == *their_uid, "{name}");
        let same_shell = shell == *their_shell || their_shell.ends_with("/nologin") && shell == "nologin";
        assert!(same_shell, "{name}: {shell} {their_shell}");
        assert_eq!((&home, &groups), (their_home, their_groups), "{name}");
    }
}

/// The `passwd` and `group` that systemd-sysusers wrote.
fn theirs(etc: &Path) -> BTreeMap<String, Facts> {
    let group = fs::read_to_string(etc.join("group")).unwrap();
    let groups: Vec<Vec<&str>> = group.lines().map(|line| line.split(':').collect()).collect();
    let passwd = fs::read_to_string(etc.join("passwd")).unwrap();
    let user = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let own =
            groups.iter().filter(|group| group[2] == fields[3] || group[3].split(',').any(|name| name == fields[0]));
        let mut own: Vec<String> = own.map(|group| group[0].to_owned()).collect();
        own.sort();
        (fields[0].to_owned(), (fields[2].parse().ok(), fields[5].to_owned(), fields[6].to_owned(), own))
    };
    passwd.lines().map(user).collect()
}
