//! Who is logged in without being asked: on consoles, and by display managers.

use std::collections::BTreeMap;

use crate::error::{Error, Place, Result};
use crate::nixos::Root;

/// Units or jobs that are looked at.
const MOST_UNITS: usize = 10_000;

/// Somebody who is logged in at boot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Autologin {
    /// The user.
    pub user: String,
    /// What logs him in: `getty@.service`, `sddm`.
    pub by: String,
    /// The file that says so, as the running system has it.
    pub source: String,
}

/// Units of systemd that start a getty on consoles.
const GETTIES: [&str; 6] = ["getty@", "serial-getty@", "autovt@", "container-getty@", "console-getty", "kmsconvt@"];

/// Files of display managers: the section and the key that name the user, and the line without which that does not count.
const DISPLAY_MANAGERS: [(&str, &str, &str, &str, Option<&str>); 6] = [
    ("gdm", "gdm/custom.conf", "daemon", "AutomaticLogin", Some("AutomaticLoginEnable")),
    ("gdm", "gdm/custom.conf", "daemon", "TimedLogin", Some("TimedLoginEnable")),
    ("sddm", "sddm.conf", "Autologin", "User", None),
    ("lightdm", "lightdm/lightdm.conf", "", "autologin-user", None),
    ("lxdm", "lxdm/lxdm.conf", "base", "autologin", None),
    ("greetd", "greetd/config.toml", "initial_session", "user", None),
];

/// Everybody who is logged in at boot, in order of their names.
pub(super) fn find(root: &Root<'_>) -> Result<Vec<Autologin>> {
    let mut found = of_consoles(root)?;
    let etc = |file: &str| root.text(&format!("/etc/{file}"));
    for (manager, file, section, key, condition) in DISPLAY_MANAGERS {
        if let Some(text) = etc(file)? {
            let user = of_sections(&text, section, key);
            let enabled = condition.is_none_or(|condition| {
                of_sections(&text, section, condition).is_some_and(|value| value.eq_ignore_ascii_case("true"))
            });
            let user = user.filter(|user| enabled && !user.is_empty());
            let source = format!("/etc/{file}");
            found.extend(user.map(|user| Autologin { user, by: manager.to_owned(), source }));
        }
    }
    // These are handed the path of their configuration.
    type User = fn(&str) -> Option<String>;
    let of_greetd: User = |text| of_sections(text, "initial_session", "user");
    for (manager, unit, name, user) in [
        ("greetd", "systemd/system/greetd.service", "greetd.toml", of_greetd),
        ("slim", "systemd/system/display-manager.service", "slim.cfg", of_slim),
        ("slim", "init/xserver.conf", "slim.cfg", of_slim),
    ] {
        let unit = etc(unit)?.unwrap_or_default();
        let words = unit.split(|letter: char| letter.is_whitespace() || matches!(letter, '=' | '"' | '\''));
        if let Some(file) = words.into_iter().find(|word| word.starts_with('/') && word.ends_with(name)) {
            let user = root.text(file)?.and_then(|text| user(&text)).filter(|user| !user.is_empty());
            let source = file.to_owned();
            found.extend(user.map(|user| Autologin { user, by: manager.to_owned(), source }));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Who is logged in by a getty.
fn of_consoles(root: &Root<'_>) -> Result<Vec<Autologin>> {
    let mut found = Vec::new();
    for (directory, is_wanted) in [
        ("systemd/system", (|name| GETTIES.iter().any(|getty| name.starts_with(getty))) as fn(&str) -> bool),
        // Upstart, to 2013-01.
        ("init", |name| name.starts_with("tty") && name.ends_with(".conf")),
    ] {
        let folder = format!("/etc/{directory}");
        let entries = root.entries(&folder)?;
        if entries.len() > MOST_UNITS {
            let place = Place::File(root.inside(&folder).into_bytes());
            return Err(Error::Limit { what: "10,000 units", place });
        }
        // A unit, then its drop-ins.
        let mut units: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for entry in entries {
            let Ok(name) = std::str::from_utf8(&entry.name) else { continue };
            if is_wanted(name) {
                let texts = texts(root, &format!("{folder}/{name}"))?;
                units.entry(name.strip_suffix(".d").unwrap_or(name).to_owned()).or_default().extend(texts);
            }
        }
        for (by, texts) in units {
            for (user, source) in of_unit(root, &texts)? {
                found.push(Autologin { user, by: by.clone(), source });
            }
        }
    }
    Ok(found)
}

/// The text of a unit, or the texts of a folder of drop-ins, with their paths in the running system.
fn texts(root: &Root<'_>, unit: &str) -> Result<Vec<(String, String)>> {
    if let Some(text) = root.text(unit)? {
        return Ok(vec![(unit.to_owned(), text)]);
    }
    let mut texts = Vec::new();
    for entry in root.entries(unit)? {
        let file = format!("{unit}/{}", String::from_utf8_lossy(&entry.name));
        texts.extend(root.text(&file)?.map(|text| (file, text)));
    }
    Ok(texts)
}

/// The users whom a unit logs in, with the files that say so. An empty `ExecStart=` takes back those before
/// (systemd.service(5)).
fn of_unit(root: &Root<'_>, texts: &[(String, String)]) -> Result<Vec<(String, String)>> {
    let mut users = Vec::new();
    for (source, content) in texts {
        for line in content.lines().map(str::trim) {
            if line == "ExecStart=" {
                users.clear();
            }
            let mut user = of_getty(line);
            // Where `services.getty` has more to do than one command, it is a script in the store.
            let command =
                line.strip_prefix("ExecStart=").map(|command| command.trim_start_matches(['@', '-', ':', '+', '!']));
            let program = command.and_then(|command| command.split_ascii_whitespace().next());
            if let Some(program) = program.filter(|program| user.is_none() && program.ends_with("getty"))
                && let Some(script) = root.text(program)?.filter(|script| script.starts_with("#!"))
            {
                user = script.lines().find_map(of_getty);
            }
            users.extend(user.map(|user| (user, source.clone())));
        }
    }
    Ok(users)
}

/// The user whom a line that starts a getty logs in: `--autologin USER` of agetty(8), `-a USER` in short; or `login -f USER`
/// itself (login(1)), which kmscon starts.
fn of_getty(line: &str) -> Option<String> {
    let command = line.trim().trim_start_matches("ExecStart=");
    let is_comment = command.starts_with('#') || command.starts_with(';');
    if is_comment {
        return None;
    }
    let mut words = command.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'']));
    let is_getty = command.contains("getty");
    let mut is_login = false;
    while let Some(word) = words.next() {
        is_login |= word.ends_with("/login") && !is_getty;
        if let Some(user) = word.strip_prefix("--autologin=").filter(|_| is_getty) {
            return Some(user.to_owned());
        }
        if is_getty && matches!(word, "--autologin" | "-a") || is_login && word == "-f" {
            return words.next().map(str::to_owned);
        }
    }
    None
}

/// The user of a configuration of SLiM, whose lines are a key and a value.
fn of_slim(text: &str) -> Option<String> {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
        lines.find(|(name, _)| *name == key).map(|(_, value)| value.trim().to_owned())
    };
    value("default_user").filter(|_| value("auto_login").is_some_and(|value| value == "yes"))
}

/// The value of a key in a section of an INI or TOML file; `""` for a key of any section.
fn of_sections(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = section.is_empty();
    let mut value = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = section.is_empty() || name == section;
        } else if inside && let Some((_, found)) = line.split_once('=').filter(|(name, _)| name.trim() == key) {
            value = Some(found.trim().trim_matches(['"', '\'']).to_owned());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn shown(files: &[(&str, &str)]) -> Vec<String> {
        let found = find(&Made::of(files).system()).unwrap();
        found.iter().map(|login| format!("{} {} {}", login.user, login.by, login.source)).collect()
    }

    #[test]
    fn gettys_that_log_somebody_in_are_found() {
        let agetty = "/nix/store/x/bin/agetty --login-program /nix/store/y/bin/login";
        let files = [
            (
                "/s/etc/systemd/system/getty@.service.d/overrides.conf",
                format!("[Service]\nExecStart=\nExecStart={agetty} --autologin nixos %I $TERM\n"),
            ),
            ("/s/etc/systemd/system/serial-getty@.service", format!("ExecStart=@{agetty} -a root %I\n")),
            ("/s/etc/systemd/system/autovt@.service", format!("# ExecStart={agetty} -a eve\nExecStart={agetty} %I\n")),
            ("/s/etc/init/tty1.conf", "exec /nix/store/x/sbin/mingetty --autologin=root tty1\n".to_owned()),
            ("/s/etc/init/network.conf", "exec mingetty --autologin eve\n".to_owned()),
        ];
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        assert_eq!(
            shown(&files),
            [
                "nixos getty@.service /etc/systemd/system/getty@.service.d/overrides.conf",
                "root serial-getty@.service /etc/systemd/system/serial-getty@.service",
                "root tty1.conf /etc/init/tty1.conf",
            ]
        );
    }

    #[test]
    fn a_script_that_logs_somebody_in_is_read_and_what_is_taken_back_does_not_count() {
        let drop_in = "/s/etc/systemd/system/getty@.service.d/overrides.conf";
        let script = "/nix/store/x-getty";
        let agetty = "exec /nix/store/y/bin/agetty --login-program /nix/store/z/bin/login";
        let kmscon =
            "[Service]\nExecStart=/nix/store/k/bin/kmscon \"--vt=%I\" --login -- /nix/store/z/bin/login -p -f eve\n";
        let files = [
            ("/s/etc/systemd/system/getty@.service", "[Service]\nExecStart=-/sbin/agetty --autologin bob %I\n"),
            (drop_in, "[Service]\nExecStart=\nExecStart=/nix/store/x-getty\n"),
            (script, &format!("#!/bin/dash\nif x; then\n  {agetty} $TTY --autologin 'nixos'\nfi\n{agetty}\n")),
            ("/s/etc/systemd/system/kmsconvt@.service", kmscon),
        ];
        assert_eq!(
            shown(&files),
            [
                "eve kmsconvt@.service /etc/systemd/system/kmsconvt@.service",
                "nixos getty@.service /etc/systemd/system/getty@.service.d/overrides.conf"
            ]
        );
    }

    #[test]
    fn display_managers_that_are_handed_their_configuration_are_found() {
        let greetd = "[Service]\nExecStart=/nix/store/g/bin/greetd --config /nix/store/x-greetd.toml\n";
        let slim = "[Service]\nEnvironment=\"SLIM_CFGFILE=/nix/store/x-slim.cfg\"\n";
        let files = [
            ("/s/etc/systemd/system/greetd.service", greetd),
            ("/nix/store/x-greetd.toml", "[default_session]\nuser = \"greeter\"\n[initial_session]\nuser = \"eve\"\n"),
            ("/s/etc/systemd/system/display-manager.service", slim),
            ("/nix/store/x-slim.cfg", "default_user bob\nauto_login  yes\n"),
        ];
        assert_eq!(shown(&files), ["bob slim /nix/store/x-slim.cfg", "eve greetd /nix/store/x-greetd.toml"]);
    }

    #[test]
    fn display_managers_that_log_somebody_in_are_found() {
        for (file, text, expected) in [
            ("gdm/custom.conf", "[daemon]\nAutomaticLogin=eve\nAutomaticLoginEnable=true\n", Some("eve gdm")),
            ("gdm/custom.conf", "[daemon]\nAutomaticLogin=eve\nAutomaticLoginEnable=false\n", None),
            ("gdm/custom.conf", "[daemon]\nTimedLogin=eve\nTimedLoginEnable=true\n", Some("eve gdm")),
            ("sddm.conf", "[General]\nUser=bob\n[Autologin]\nSession=x\nUser=eve\n", Some("eve sddm")),
            ("lightdm/lightdm.conf", "[Seat:*]\nautologin-user = eve\n", Some("eve lightdm")),
            (
                "greetd/config.toml",
                "[default_session]\nuser = \"greeter\"\n[initial_session]\nuser = \"eve\"\n",
                Some("eve greetd"),
            ),
        ] {
            let path = format!("/s/etc/{file}");
            let found = shown(&[(path.as_str(), text)]);
            let expected: Vec<String> = expected.into_iter().map(|who| format!("{who} /etc/{file}")).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
