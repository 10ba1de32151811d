//! Who is logged in without being asked: on consoles, and by display managers.

use super::text;
use crate::error::{Error, Place, Result};
use crate::fs::{Tree, path};

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
const DISPLAY_MANAGERS: [(&str, &str, &str, &str, Option<&str>); 5] = [
    ("gdm", "gdm/custom.conf", "daemon", "AutomaticLogin", Some("AutomaticLoginEnable")),
    ("sddm", "sddm.conf", "Autologin", "User", None),
    ("lightdm", "lightdm/lightdm.conf", "", "autologin-user", None),
    ("lxdm", "lxdm/lxdm.conf", "base", "autologin", None),
    ("greetd", "greetd/config.toml", "initial_session", "user", None),
];

/// Everybody who is logged in at boot, in order of their names.
pub(super) fn find(tree: &dyn Tree, toplevel: &str) -> Result<Vec<Autologin>> {
    let mut found = Vec::new();
    for (directory, is_wanted) in [
        ("systemd/system", (|name| GETTIES.iter().any(|getty| name.starts_with(getty))) as fn(&str) -> bool),
        // Upstart, to 2013-01.
        ("init", |name| name.starts_with("tty") && name.ends_with(".conf")),
    ] {
        let Some(place) = path::find(tree, format!("{toplevel}/etc/{directory}").as_bytes())? else { continue };
        let entries = tree.entries(place.id)?;
        if entries.len() > MOST_UNITS {
            return Err(Error::Limit { what: "10,000 units", place: Place::File(place.path) });
        }
        for entry in entries {
            let Ok(name) = std::str::from_utf8(&entry.name) else { continue };
            if is_wanted(name) {
                let unit = path::join(&place.path, &entry.name);
                for (file, text) in texts(tree, &unit)? {
                    let shown = match file {
                        Some(file) => format!("/etc/{directory}/{name}/{file}"),
                        None => format!("/etc/{directory}/{name}"),
                    };
                    let users = text.lines().filter_map(of_getty);
                    let by = name.strip_suffix(".d").unwrap_or(name);
                    found.extend(users.map(|user| Autologin { user, by: by.to_owned(), source: shown.clone() }));
                }
            }
        }
    }
    for (manager, file, section, key, condition) in DISPLAY_MANAGERS {
        if let Some(text) = text(tree, &format!("{toplevel}/etc/{file}"))? {
            let user = of_sections(&text, section, key);
            let enabled = condition.is_none_or(|condition| {
                of_sections(&text, section, condition).is_some_and(|value| value.eq_ignore_ascii_case("true"))
            });
            let user = user.filter(|user| enabled && !user.is_empty());
            let source = format!("/etc/{file}");
            found.extend(user.map(|user| Autologin { user, by: manager.to_owned(), source }));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The text of a unit, or the texts of a folder of drop-ins with their names.
fn texts(tree: &dyn Tree, unit: &[u8]) -> Result<Vec<(Option<String>, String)>> {
    let shown = String::from_utf8_lossy(unit).into_owned();
    if let Some(text) = text(tree, &shown)? {
        return Ok(vec![(None, text)]);
    }
    let Some(folder) = path::find(tree, unit)? else { return Ok(Vec::new()) };
    let mut texts = Vec::new();
    for entry in tree.entries(folder.id)? {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let text = text(tree, &format!("{}/{name}", String::from_utf8_lossy(&folder.path)))?;
        texts.extend(text.map(|text| (Some(name), text)));
    }
    Ok(texts)
}

/// The user whom a line that starts a getty logs in: `--autologin USER` of agetty(8), `-a USER` in short.
fn of_getty(line: &str) -> Option<String> {
    let command = line.trim().trim_start_matches("ExecStart=");
    let is_comment = command.starts_with('#') || command.starts_with(';');
    if is_comment || !command.contains("getty") {
        return None;
    }
    let mut words = command.split_ascii_whitespace();
    while let Some(word) = words.next() {
        if let Some(user) = word.strip_prefix("--autologin=") {
            return Some(user.to_owned());
        }
        if matches!(word, "--autologin" | "-a") {
            return words.next().map(str::to_owned);
        }
    }
    None
}

/// The value of a key in a section of an INI or TOML file; `""` for a key of any section.
fn of_sections(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = section.is_empty();
    let mut value = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = section.is_empty() || name == section;
        } else if inside && let Some((_, found)) = line.split_once('=').filter(|(name, _)| name.trim() == key) {
            value = Some(found.trim().trim_matches('"').to_owned());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn shown(files: &[(&str, &str)]) -> Vec<String> {
        let found = find(&Made::of(files), "/s").unwrap();
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
    fn display_managers_that_log_somebody_in_are_found() {
        for (file, text, expected) in [
            ("gdm/custom.conf", "[daemon]\nAutomaticLogin=eve\nAutomaticLoginEnable=true\n", Some("eve gdm")),
            ("gdm/custom.conf", "[daemon]\nAutomaticLogin=eve\nAutomaticLoginEnable=false\n", None),
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
