//! Parameters on kernel lines that open a door.

use crate::nixos::menu::MenuEntry;

/// What a parameter does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    /// The parameter's name; its value may be a password.
    pub(super) name: String,
    /// What follows for whoever starts the entry.
    pub(super) effect: &'static str,
    /// Whether it is a password in clear text, or its hash.
    pub(super) password: bool,
}

/// Parameters that set a password on every boot (nixpkgs, installer/cd-dvd/installation-cd-base.nix and netboot.nix).
const PASSWORDS: [(&str, &str); 4] = [
    ("live.nixos.passwd", "sets the password of nixos to a text that everybody can read"),
    ("live.nixos.password", "sets the password of root to a text that everybody can read"),
    ("live.nixos.passwordHash", "sets the password of root, by a hash that everybody can read"),
    ("live.nixos.passwordhash", "sets the password of root, by a hash that everybody can read"),
];

/// Parameters that give a shell as root without a password (stage-1 of NixOS; systemd-debug-generator(8), kernel(7)).
const SHELLS: [(&str, &str); 9] = [
    ("systemd.debug-shell", "opens a shell of root on the ninth console"),
    ("systemd.debug_shell", "opens a shell of root on the ninth console"),
    ("rd.systemd.debug-shell", "opens a shell of root on the ninth console, in the initrd"),
    ("rd.systemd.debug_shell", "opens a shell of root on the ninth console, in the initrd"),
    ("boot.shell_on_fail", "opens a shell of root where booting fails"),
    ("boot.debug1", "stops in a shell of root, in the initrd"),
    ("boot.debug1devices", "stops in a shell of root, in the initrd"),
    ("boot.debug1mounts", "stops in a shell of root, in the initrd"),
    ("SYSTEMD_SULOGIN_FORCE", "makes emergency shells ask for no password"),
];

/// Parameters that hand something on: the beginning of their values, and what follows (systemd(1), KERNEL COMMAND LINE).
const HANDED: [(&str, &str, &str, bool); 5] = [
    ("systemd.setenv", "SYSTEMD_SULOGIN_FORCE=", "makes emergency shells ask for no password", false),
    ("systemd.set_credential", "passwd.hashed-password.", "sets a password, by a hash that everybody can read", true),
    ("systemd.set_credential", "passwd.plaintext-password.", "sets a password to a text that everybody can read", true),
    ("systemd.set_credential_binary", "passwd.", "sets a password that everybody can read", true),
    ("rdinit", "/bin/", "starts that program as root instead of the initrd's own", false),
];

/// Programs that are a shell.
const PROGRAMS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "fish", "ksh", "busybox"];

/// What an entry's parameters open.
pub(super) fn doors(entry: &MenuEntry) -> Vec<Door> {
    let mut doors = Vec::new();
    for word in &entry.params {
        let (name, value) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let off = matches!(value, Some("0" | "no" | "off" | "false"));
        let door =
            |password| move |(name, effect): &(&str, &'static str)| Door { name: (*name).to_owned(), effect, password };
        let password = PASSWORDS.iter().find(|(known, _)| *known == name && value.is_some());
        let shell = SHELLS.iter().find(|(known, _)| *known == name && !off);
        doors.extend(password.map(door(true)).or_else(|| shell.map(door(false))));
        let value = value.unwrap_or_default();
        let handed = HANDED.iter().filter(|(known, begin, ..)| *known == name && value.starts_with(begin));
        let handed =
            handed.filter(|(_, begin, ..)| !matches!(value.strip_prefix(begin), Some("0" | "no" | "off" | "false")));
        // What follows the colon may be a password.
        let shown = || format!("{name}={}", value.split(':').next().unwrap_or_default());
        doors.extend(handed.map(|(_, _, effect, password)| Door { name: shown(), effect, password: *password }));
    }
    let is_shell = |init: &&str| PROGRAMS.contains(&init.rsplit('/').next().unwrap_or_default());
    if let Some(init) = entry.init.as_deref().filter(is_shell) {
        doors.push(Door {
            name: format!("init={init}"),
            effect: "starts a shell of root instead of a system",
            password: false,
        });
    }
    doors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_open_a_door_are_named_without_their_values() {
        let entry = |params: &str, init: &str| MenuEntry {
            params: params.split(' ').map(str::to_owned).collect(),
            init: Some(init.to_owned()),
            ..MenuEntry::default()
        };
        for (params, init, expected) in [
            ("root=LABEL=x quiet", "/nix/store/s/init", vec![]),
            (
                "live.nixos.passwd=secret boot.shell_on_fail",
                "/nix/store/s/init",
                vec!["live.nixos.passwd", "boot.shell_on_fail"],
            ),
            ("systemd.debug-shell=0 live.nixos.passwd", "/nix/store/s/init", vec![]),
            ("quiet", "/bin/sh", vec!["init=/bin/sh"]),
            ("quiet", "/run/current-system/sw/bin/zsh", vec!["init=/run/current-system/sw/bin/zsh"]),
            (
                "systemd.setenv=SYSTEMD_SULOGIN_FORCE=1 systemd.set_credential=passwd.plaintext-password.root:x rdinit=/bin/sh",
                "/nix/store/s/init",
                vec![
                    "systemd.setenv=SYSTEMD_SULOGIN_FORCE=1",
                    "systemd.set_credential=passwd.plaintext-password.root",
                    "rdinit=/bin/sh",
                ],
            ),
            (
                "systemd.setenv=SYSTEMD_SULOGIN_FORCE=0 SYSTEMD_SULOGIN_FORCE=1",
                "/x/init",
                vec!["SYSTEMD_SULOGIN_FORCE"],
            ),
        ] {
            let found: Vec<_> = doors(&entry(params, init)).into_iter().map(|door| door.name).collect();
            assert_eq!(found, expected, "{params}");
        }
    }
}
