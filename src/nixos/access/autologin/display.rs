//! Display managers that log somebody in.

use super::Autologin;
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::unit::{Conditions, Lookup, Start, Units};

/// A display manager, and where it names the user that it logs in.
struct Manager {
    name: &'static str,
    /// Its unit, if that is not `display-manager.service`.
    unit: Option<&'static str>,
    /// Its files below `/etc`, in ascending precedence. A name that ends in `.d` is a directory of files.
    files: &'static [&'static str],
    /// Names of files that a command passes to it.
    handed: &'static [&'static str],
    user: fn(&str) -> Option<String>,
}

const MANAGERS: [Manager; 9] = [
    Manager { name: "gdm", unit: Some("gdm.service"), files: &["gdm/custom.conf"], handed: &[], user: gdm },
    Manager {
        name: "sddm",
        unit: Some("sddm.service"),
        files: &["sddm.conf.d", "sddm.conf"],
        handed: &["sddm.conf"],
        user: sddm,
    },
    Manager {
        name: "plasmalogin",
        unit: Some("plasmalogin.service"),
        files: &["plasmalogin.conf.d", "plasmalogin.conf"],
        handed: &[],
        user: sddm,
    },
    Manager {
        name: "lightdm",
        unit: Some("lightdm.service"),
        files: &["lightdm/lightdm.conf.d", "lightdm/lightdm.conf"],
        handed: &["lightdm.conf"],
        user: lightdm,
    },
    Manager {
        name: "lxdm",
        unit: Some("lxdm.service"),
        files: &["lxdm/lxdm.conf"],
        handed: &["lxdm.conf"],
        user: lxdm,
    },
    Manager { name: "ly", unit: Some("ly.service"), files: &["ly/config.ini"], handed: &[], user: ly },
    Manager {
        name: "greetd",
        unit: Some("greetd.service"),
        files: &["greetd/config.toml"],
        handed: &["greetd.toml"],
        user: greetd,
    },
    Manager { name: "slim", unit: None, files: &[], handed: &["slim.cfg"], user: slim },
    Manager { name: "kdm", unit: None, files: &[], handed: &["kdmrc"], user: kdm },
];

/// The unit of whichever display manager is installed.
const UNIT: &str = "display-manager.service";

/// The Upstart job that ran it, until January 2013.
const JOB: &str = "/etc/init/xserver.conf";

pub(super) fn find(root: &Root<'_>) -> Result<Vec<Autologin>> {
    let units = Units::of(root)?;
    let mut found = Vec::new();
    for manager in MANAGERS {
        let Chance::Starts(condition) = chance(units, &manager)? else { continue };
        // The last file that sets the user counts, even if it sets none.
        let mut last = None;
        for file in files(root, units, &manager)? {
            let Some(text) = root.text(&file)? else { continue };
            if let Some(user) = (manager.user)(&text) {
                last = Some((user, file));
            }
        }
        let named = last.filter(|(user, _)| !user.is_empty());
        let by = manager.name.to_owned();
        found.extend(named.map(|(user, source)| Autologin { user, by, source, condition }));
    }
    Ok(found)
}

/// Whether a manager starts.
enum Chance {
    /// At boot, under a condition that the image leaves open.
    Starts(Option<String>),
    Never,
}

/// Whether a unit of the manager starts at boot. A manager without a known unit may start in another way.
fn chance(units: Units<'_>, manager: &Manager) -> Result<Chance> {
    let mut chance = Chance::Starts(None);
    for name in manager.unit.into_iter().chain([UNIT]) {
        let found = units.get(name)?;
        if found == Lookup::Missing {
            continue;
        }
        let of_unit = match found.unit() {
            Some(unit) if units.start(name)? != Start::Manual => match units.conditions(unit)? {
                Conditions::Met => return Ok(Chance::Starts(None)),
                Conditions::Open(condition) => Chance::Starts(Some(condition)),
                Conditions::Failed(_) => Chance::Never,
            },
            _ => Chance::Never,
        };
        // The better of two units counts.
        if !matches!((&of_unit, &chance), (Chance::Never, Chance::Starts(Some(_)))) {
            chance = of_unit;
        }
    }
    Ok(chance)
}

/// The files that the manager reads, in ascending precedence.
fn files(root: &Root<'_>, units: Units<'_>, manager: &Manager) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for file in manager.files.iter().map(|file| format!("/etc/{file}")) {
        if !file.ends_with(".d") {
            files.push(file);
            continue;
        }
        for entry in root.entries(&file)? {
            files.push(format!("{file}/{}", String::from_utf8_lossy(&entry.name)));
        }
    }
    let mut words: Vec<String> = Vec::new();
    for name in manager.unit.into_iter().chain([UNIT]) {
        if let Some(unit) = units.get(name)?.unit() {
            for command in unit.commands("ExecStart") {
                if let Some(script) = units.script(&command.program)? {
                    words.extend(script.lines.iter().flat_map(|(_, line)| words_of(line)));
                }
                words.extend(command.arguments.iter().flat_map(|argument| words_of(argument)));
            }
            let variables = unit.environment("Service", "Environment");
            words.extend(variables.into_values().map(|(value, _)| value));
        }
    }
    words.extend(root.text(JOB)?.iter().flat_map(|text| words_of(text)));
    let is_handed = |word: &&String| word.starts_with('/') && manager.handed.iter().any(|name| word.ends_with(name));
    files.extend(words.iter().filter(is_handed).cloned());
    Ok(files)
}

fn words_of(text: &str) -> Vec<String> {
    let words = text.split(|letter: char| letter.is_whitespace() || matches!(letter, '=' | '"' | '\'' | ';'));
    words.map(str::to_owned).collect()
}

fn gdm(text: &str) -> Option<String> {
    let user = |key: &str, condition: &str| {
        let enabled = of_sections(text, &["daemon"], condition).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        of_sections(text, &["daemon"], key).filter(|user| enabled && !user.is_empty())
    };
    user("AutomaticLogin", "AutomaticLoginEnable").or_else(|| user("TimedLogin", "TimedLoginEnable"))
}

fn sddm(text: &str) -> Option<String> {
    of_sections(text, &["Autologin"], "User")
}

fn lightdm(text: &str) -> Option<String> {
    of_sections(text, &[], "autologin-user")
}

fn lxdm(text: &str) -> Option<String> {
    of_sections(text, &["base"], "autologin")
}

/// Its default is the word for no value.
fn ly(text: &str) -> Option<String> {
    of_sections(text, &[], "auto_login_user").map(|user| if user == "null" { String::new() } else { user })
}

/// The initial session runs once without a password. The default session is the greeter's or, without a greeter, a session of a
/// user who is not asked either (greetd(5)).
fn greetd(text: &str) -> Option<String> {
    let named = of_sections(text, &["initial_session"], "user").filter(|user| !user.is_empty());
    let default = || {
        let user = of_sections(text, &["default_session"], "user")?;
        let command = of_sections(text, &["default_session"], "command")?;
        let is_greeter = user == "greeter" || command.contains("greet");
        (!is_greeter).then_some(user)
    };
    named.or_else(default)
}

/// Lines with a key and a value.
fn slim(text: &str) -> Option<String> {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.trim().split_once(char::is_whitespace));
        lines.find(|(name, _)| *name == key).map(|(_, value)| value.trim().to_owned())
    };
    value("default_user").filter(|_| value("auto_login").is_some_and(|value| value == "yes"))
}

fn kdm(text: &str) -> Option<String> {
    let enabled = of_sections(text, &[], "AutoLoginEnable").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    of_sections(text, &[], "AutoLoginUser").filter(|_| enabled)
}

/// The value of a key in sections of an INI or TOML file. An empty list of sections matches any section.
fn of_sections(text: &str, sections: &[&str], key: &str) -> Option<String> {
    let mut inside = sections.is_empty();
    let mut value = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            inside = sections.is_empty() || sections.contains(&name.trim());
        } else if inside && let Some((_, found)) = line.split_once('=').filter(|(name, _)| name.trim() == key) {
            value = Some(unquoted(found.trim()).to_owned());
        }
    }
    value
}

/// The text between quotes. A comment may follow.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inside;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::super::shown;

    #[test]
    fn display_managers_that_are_handed_their_configuration_are_found() {
        let greetd = "[Service]\nExecStart=/nix/store/g/bin/greetd --config /nix/store/x-greetd.toml\n";
        let slim = "[Service]\nEnvironment=\"SLIM_CFGFILE=/nix/store/x-slim.cfg\"\n";
        let files = [
            ("/s/etc/systemd/system/greetd.service", greetd),
            ("/s/etc/systemd/system/graphical.target.wants/greetd.service", ""),
            ("/nix/store/x-greetd.toml", "[default_session]\nuser = \"greeter\"\n[initial_session]\nuser = \"eve\"\n"),
            ("/s/etc/systemd/system/display-manager.service", slim),
            ("/nix/store/x-slim.cfg", "default_user bob\nauto_login  yes\n"),
        ];
        assert_eq!(shown(&files), ["bob slim /nix/store/x-slim.cfg", "eve greetd /nix/store/x-greetd.toml"]);
        let kdm = "[Service]\nExecStart=/nix/store/k/bin/kdm -config /nix/store/x-kdmrc -nodaemon\n";
        let files = [
            ("/s/etc/systemd/system/display-manager.service", kdm),
            ("/nix/store/x-kdmrc", "[X-:0-Core]\nAutoLoginEnable=true\nAutoLoginUser=bob\n"),
        ];
        assert_eq!(shown(&files), ["bob kdm /nix/store/x-kdmrc"]);
        let job = ("/s/etc/init/xserver.conf", "env SLIM_CFGFILE=/nix/store/x-slim.cfg\nexec slim\n");
        let config = ("/nix/store/x-slim.cfg", "default_user bob\nauto_login  yes\n");
        assert_eq!(shown(&[job, config]), ["bob slim /nix/store/x-slim.cfg"]);
    }

    #[test]
    fn display_managers_that_log_somebody_in_are_found() {
        for (file, text, expected) in [
            ("gdm/custom.conf", "[daemon]\nAutomaticLogin=eve\nAutomaticLoginEnable=true\n", Some("eve gdm")),
            ("gdm/custom.conf", "[daemon]\nAutomaticLogin=eve\nAutomaticLoginEnable=false\n", None),
            ("gdm/custom.conf", "[daemon]\nTimedLogin=eve\nTimedLoginEnable=true\n", Some("eve gdm")),
            ("sddm.conf", "[General]\nUser=bob\n[Autologin]\nSession=x\nUser=eve\n", Some("eve sddm")),
            ("sddm.conf.d/00-nixos.conf", "[Autologin]\nSession=x\nUser=eve\n", Some("eve sddm")),
            ("sddm.conf.d/00-nixos.conf", "[Autologin]\nSession=x\nUser=\n", None),
            ("plasmalogin.conf", "[Autologin]\nUser=eve\n", Some("eve plasmalogin")),
            ("plasmalogin.conf.d/a.conf", "[Autologin]\nUser=eve\n", Some("eve plasmalogin")),
            ("lightdm/lightdm.conf", "[Seat:*]\nautologin-user = eve\n", Some("eve lightdm")),
            ("lightdm/lightdm.conf.d/10.conf", "[Seat:*]\nautologin-user=eve\n", Some("eve lightdm")),
            ("lightdm/lightdm.conf", "[Seat:*]\n#autologin-user=eve\n", None),
            ("ly/config.ini", "auto_login_session = sway\nauto_login_user = eve\n", Some("eve ly")),
            ("ly/config.ini", "auto_login_user = null\n", None),
            (
                "greetd/config.toml",
                "[default_session]\nuser = \"greeter\"\n[initial_session]\nuser = \"eve\"\n",
                Some("eve greetd"),
            ),
            (
                "greetd/config.toml",
                "[default_session]\ncommand = \"/x/bin/sway\" # c\nuser = \"eve\" # c\n",
                Some("eve greetd"),
            ),
            (
                "greetd/config.toml",
                "[default_session]\ncommand = \"/x/bin/tuigreet --cmd sway\"\nuser = \"eve\"\n",
                None,
            ),
            ("greetd/config.toml", "[default_session]\ncommand = \"/x/bin/sway\"\nuser = \"greeter\"\n", None),
        ] {
            let path = format!("/s/etc/{file}");
            let found = shown(&[(path.as_str(), text)]);
            let expected: Vec<String> = expected.into_iter().map(|who| format!("{who} /etc/{file}")).collect();
            assert_eq!(found, expected, "{file} {text}");
        }
    }

    #[test]
    fn the_file_that_counts_more_decides() {
        let login = |user: &str| format!("[Autologin]\nUser={user}\n");
        let (one, two, none) = (login("one"), login("two"), login(""));
        let (first, second, main) = ("/s/etc/sddm.conf.d/10.conf", "/s/etc/sddm.conf.d/20.conf", "/s/etc/sddm.conf");
        assert_eq!(shown(&[(first, &one), (second, &two)]), ["two sddm /etc/sddm.conf.d/20.conf"]);
        assert_eq!(shown(&[(first, &one), (main, &two)]), ["two sddm /etc/sddm.conf"]);
        assert!(shown(&[(first, &one), (main, &none)]).is_empty());
    }

    #[test]
    fn the_condition_of_a_display_manager_decides_or_is_mentioned() {
        let config = ("/s/etc/sddm.conf", "[Autologin]\nUser=eve\n");
        let path = "/s/etc/systemd/system/display-manager.service";
        for (condition, expected) in [
            ("ConditionKernelCommandLine=!demo", vec!["eve sddm /etc/sddm.conf"]),
            ("ConditionKernelCommandLine=demo", vec![]),
            (
                "ConditionVirtualization=kvm",
                vec!["eve sddm /etc/sddm.conf (only if ConditionVirtualization=kvm holds)"],
            ),
        ] {
            let unit = format!("[Unit]\n{condition}\n[Service]\nExecStart=/x/bin/sddm\n");
            assert_eq!(shown(&[config, (path, &unit)]), expected, "{condition}");
        }
    }

    #[test]
    fn a_display_manager_that_does_not_start_logs_nobody_in() {
        let config = ("/s/etc/sddm.conf", "[Autologin]\nUser=eve\n");
        let unit = ("/s/etc/systemd/system/display-manager.service", "[Service]\nExecStart=/x/bin/sddm\n");
        assert_eq!(shown(&[config, unit]), ["eve sddm /etc/sddm.conf"]);
        let console = ("/s/etc/systemd/system/default.target", "-> multi-user.target");
        assert!(shown(&[config, unit, console]).is_empty());
        assert!(shown(&[config, (unit.0, "-> /dev/null")]).is_empty());
    }
}
