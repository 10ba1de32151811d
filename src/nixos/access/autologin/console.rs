//! Logins on consoles: gettys, `login -f`, and services that run a session on a terminal.

use std::collections::BTreeSet;

use super::Autologin;
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::unit::{Conditions, Job, Start, Unit, Units};

/// Units that start a getty on consoles. Generators and logind start them too, without any link that shows it.
/// `console-getty` and `container-getty@` are for containers, unless something enables them.
const GETTIES: [&str; 4] = ["getty@", "serial-getty@", "autovt@", "kmsconvt@"];

/// Shells that a getty may run without asking for a name.
const SHELLS: [&str; 8] = ["sh", "ash", "bash", "dash", "fish", "ksh", "nu", "zsh"];

pub(super) fn find(root: &Root<'_>) -> Result<Vec<Autologin>> {
    let units = Units::of(root)?;
    let mut found: Vec<Autologin> = Vec::new();
    let gettys = units.mentioned().filter(|name| GETTIES.iter().any(|getty| name.starts_with(getty)));
    let started = units.started()?.iter().filter(|(_, start)| **start == Start::Boot).map(|(name, _)| name.as_str());
    // A template comes before its instances, which mostly log in the same user.
    let names: BTreeSet<&str> = gettys.chain(started).filter(|name| name.ends_with(".service")).collect();
    for name in names {
        let Some(unit) = units.get(name)?.unit().cloned() else { continue };
        let users = of_unit(units, &unit)?;
        if users.is_empty() {
            continue; // most units
        }
        let condition = match units.conditions(&unit)? {
            Conditions::Met => None,
            Conditions::Open(condition) => Some(condition),
            Conditions::Failed(_) => continue,
        };
        for (user, source) in users {
            match found.iter_mut().find(|known| known.user == user && known.source == source) {
                Some(known) if condition.is_none() => known.condition = None,
                Some(_) => {}
                None => found.push(Autologin { user, by: unit.name.clone(), source, condition: condition.clone() }),
            }
        }
    }
    found.extend(of_upstart(root)?);
    Ok(found)
}

/// The users that a unit logs in, with the files that say so.
fn of_unit(units: Units<'_>, unit: &Unit) -> Result<Vec<(String, String)>> {
    let mut users = Vec::new();
    for command in unit.commands("ExecStart") {
        let words: Vec<&str> =
            std::iter::once(&command.program).chain(&command.arguments).map(String::as_str).collect();
        let mut user = of_command(&words);
        if user.is_none()
            && let Some(script) = units.script(&command.program)?
        {
            user = script.lines.iter().find_map(|(_, line)| of_line(line));
        }
        users.extend(user.map(|user| (user, command.file.to_string())));
    }
    // cage, weston and the like: a PAM session on a terminal, as a user.
    let terminal = unit.value("Service", "TTYPath").is_some()
        || unit.value("Service", "StandardInput").is_some_and(|input| input.starts_with("tty"));
    if let Some(user) = unit.setting("Service", "User")
        && unit.value("Service", "PAMName").is_some()
        && terminal
    {
        users.push((unit.user(), user.file.to_string()));
    }
    Ok(users)
}

/// Upstart jobs, until January 2013.
fn of_upstart(root: &Root<'_>) -> Result<Vec<Autologin>> {
    let mut found = Vec::new();
    for job in Job::all(root)?.into_iter().filter(|job| job.file_name().starts_with("tty")) {
        let users = job.lines.iter().filter_map(|(_, line)| of_line(line));
        let by = || job.file_name().to_owned();
        found.extend(users.map(|user| Autologin { user, by: by(), source: job.path.clone(), condition: None }));
    }
    Ok(found)
}

/// The user that a line of a script or job logs in.
fn of_line(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'', ';'])).collect();
    let programs = (0..words.len()).filter_map(|at| words.get(at..));
    programs.filter(|words| words.first().is_some_and(|word| is_getty(word) || is_login(word))).find_map(of_command)
}

fn is_getty(program: &str) -> bool {
    program.rsplit('/').next().is_some_and(|name| name.ends_with("getty"))
}

fn is_login(program: &str) -> bool {
    program.ends_with("/login") || program == "login"
}

/// The user that a command logs in: a getty, `login -f`, or a program that gets the latter as an argument.
fn of_command(words: &[&str]) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    if is_getty(program) {
        return Options::of(arguments).user();
    }
    let at = words.iter().position(|word| is_login(word))?;
    of_login(words.get(at + 1..)?)
}

/// The user of `login -f USER` (login(1)). It does not ask for a password. Some programs take `-fUSER` as well.
fn of_login(arguments: &[&str]) -> Option<String> {
    let mut trusted = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let letters = match argument.strip_prefix('-') {
            Some("" | "-") => continue,
            Some(letters) => letters,
            None if trusted => return Some((*argument).to_owned()),
            None => return None,
        };
        for (at, letter) in letters.char_indices() {
            let rest = letters.get(at + letter.len_utf8()..).unwrap_or_default();
            match letter {
                'f' if rest.len() > 1 => return Some(rest.to_owned()),
                'f' => trusted = true,
                'h' => {
                    if rest.is_empty() {
                        arguments.next();
                    }
                    break;
                }
                _ => {}
            }
        }
    }
    None
}

/// What the options of agetty(8), mingetty(8) or busybox's getty say.
#[derive(Default)]
struct Options {
    autologin: Option<String>,
    login_options: Option<String>,
    login_program: Option<String>,
    /// Whether the getty skips asking for a name.
    skips_login: bool,
}

impl Options {
    fn of(arguments: &[&str]) -> Self {
        /// Letters of agetty options that take an argument.
        const WITH_ARGUMENT: &str = "aCdfHIloPrtw";
        let mut options = Self::default();
        let mut arguments = arguments.iter().copied();
        while let Some(argument) = arguments.next() {
            if let Some(long) = argument.strip_prefix("--") {
                let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
                // Any unambiguous prefix of an option works (getopt_long(3)).
                let is = |whole: &str, shortest: usize| name.len() >= shortest && whole.starts_with(name);
                let mut value = || value.or_else(|| arguments.next()).map(str::to_owned);
                if is("autologin", 1) {
                    options.autologin = value();
                } else if is("login-options", 7) {
                    options.login_options = value();
                } else if is("login-program", 8) || is("loginprog", 6) {
                    options.login_program = value();
                } else if is("skip-login", 2) {
                    options.skips_login = true;
                }
            } else if let Some(letters) = argument.strip_prefix('-') {
                let at = letters.find(|letter| WITH_ARGUMENT.contains(letter)).unwrap_or(letters.len());
                let (plain, rest) = letters.split_at_checked(at).unwrap_or_default();
                options.skips_login |= plain.contains('n');
                let (letter, value) = rest.split_at_checked(1).unwrap_or_default();
                let mut value = || if value.is_empty() { arguments.next() } else { Some(value) }.map(str::to_owned);
                match letter {
                    "a" => options.autologin = value(),
                    "o" => options.login_options = value(),
                    "l" => options.login_program = value(),
                    "" => {}
                    _ => drop(value()),
                }
            }
        }
        options
    }

    fn user(self) -> Option<String> {
        let named = self.autologin.filter(|user| !user.is_empty());
        let by_options = || of_login(&self.login_options.as_deref()?.split_ascii_whitespace().collect::<Vec<_>>());
        let shell = || {
            let program = self.login_program.as_deref()?.rsplit('/').next()?;
            (self.skips_login && SHELLS.contains(&program)).then(|| "root".to_owned())
        };
        // agetty replaces `\u` with the typed name.
        named.or_else(by_options).filter(|user| !user.contains("\\u")).or_else(shell)
    }
}

#[cfg(test)]
mod tests {
    use super::super::shown;
    use super::*;

    #[test]
    fn gettys_that_log_somebody_in_are_found() {
        let agetty = "/nix/store/x/bin/agetty --login-program /nix/store/y/bin/login";
        let files = [
            ("/s/etc/systemd/system/getty@.service", format!("[Service]\nExecStart=-{agetty} %I $TERM\n")),
            (
                "/s/etc/systemd/system/getty@.service.d/overrides.conf",
                format!("[Service]\nExecStart=\nExecStart={agetty} --autologin nixos %I $TERM\n"),
            ),
            (
                "/s/etc/systemd/system/serial-getty@.service",
                format!("[Service]\nExecStart=@{agetty} agetty -a root %I\n"),
            ),
            (
                "/s/etc/systemd/system/autovt@.service",
                format!("[Service]\n# ExecStart={agetty} -a eve\nExecStart={agetty} %I\n"),
            ),
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
        let script = format!("/nix/store/{}-getty-script", "a".repeat(32));
        let agetty = "exec /nix/store/y/bin/agetty --login-program /nix/store/z/bin/login";
        let kmscon =
            "[Service]\nExecStart=/nix/store/k/bin/kmscon \"--vt=%I\" --login -- /nix/store/z/bin/login -p -f eve\n";
        let files = [
            ("/s/etc/systemd/system/getty@.service", "[Service]\nExecStart=-/sbin/agetty --autologin bob %I\n"),
            (drop_in, &format!("[Service]\nExecStart=\nExecStart={script}\n")),
            (&script, &format!("#!/bin/dash\nif x; then\n  {agetty} $TTY --autologin 'nixos'\nfi\n{agetty}\n")),
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
    fn each_way_of_saying_it_is_known() {
        for (command, user) in [
            ("agetty --autologin eve tty1", Some("eve")),
            ("agetty --autologin=eve tty1", Some("eve")),
            ("agetty --auto eve tty1", Some("eve")),
            ("agetty -a eve tty1", Some("eve")),
            ("agetty -aeve tty1", Some("eve")),
            ("agetty -Jaeve tty1", Some("eve")),
            ("agetty -8 -t 60 -a eve tty1", Some("eve")),
            ("agetty -t a eve", None),
            ("agetty -l /bin/login -o -f\\u tty1", None),
            ("agetty --skip-login --login-options -feve tty1", Some("eve")),
            ("agetty -n -l /x/bin/bash tty1", Some("root")),
            ("agetty --skip-login --login-program=/x/bin/sh tty1", Some("root")),
            ("agetty -n -l /x/bin/login tty1", None),
            ("agetty -l /x/bin/bash tty1", None),
            ("agetty -aeve-tty tty1", Some("eve-tty")),
            ("agetty --noclear tty1 --autologin", None),
            ("login -f eve", Some("eve")),
            ("/bin/login -pf eve", Some("eve")),
            ("/bin/login -h host -f eve", Some("eve")),
            ("/bin/login -h -f eve", None),
            ("/bin/login -p -- eve", None),
            ("other -a eve", None),
        ] {
            let words: Vec<&str> = command.split(' ').collect();
            assert_eq!(of_command(&words).as_deref(), user, "{command}");
        }
        assert_eq!(of_command(&["agetty", "-o", "-p -f eve", "tty1"]).as_deref(), Some("eve"));
        assert_eq!(of_command(&["agetty", "-o", "-p -- \\u", "tty1"]), None);
    }

    #[test]
    fn a_session_on_a_terminal_is_a_login_if_its_unit_starts() {
        let unit = "[Service]\nExecStart=/x/bin/cage -- firefox\nUser=kiosk\nPAMName=cage\nTTYPath=/dev/tty1\nStandardInput=tty-fail\n";
        let cage = ("/s/etc/systemd/system/cage-tty1.service", unit);
        let wanted = ("/s/etc/systemd/system/graphical.target.wants/cage-tty1.service", "");
        assert_eq!(shown(&[cage, wanted]), ["kiosk cage-tty1.service /etc/systemd/system/cage-tty1.service"]);
        assert!(shown(&[cage]).is_empty());
        let service = (cage.0, "[Service]\nExecStart=/x/bin/daemon\nUser=kiosk\nPAMName=cage\n");
        assert!(shown(&[service, wanted]).is_empty());
    }

    #[test]
    fn the_condition_of_a_unit_decides_or_is_mentioned() {
        let file = "/s/etc/systemd/system/getty@.service";
        let source = "eve getty@.service /etc/systemd/system/getty@.service";
        for (condition, expected) in [
            ("ConditionPathExists=/dev/tty0", vec![source.to_owned()]),
            ("ConditionKernelCommandLine=demo", vec![]),
            ("ConditionKernelCommandLine=quiet", vec![source.to_owned()]),
            ("ConditionPathExists=!/nix/store/e-gone", vec![source.to_owned()]),
            (
                "ConditionPathExists=/var/lib/demo",
                vec![format!("{source} (only if ConditionPathExists=/var/lib/demo holds)")],
            ),
        ] {
            let unit = format!("[Unit]\n{condition}\n[Service]\nExecStart=/x/bin/agetty -a eve %I\n");
            assert_eq!(shown(&[(file, &unit), ("/s/kernel-params", "quiet")]), expected, "{condition}");
        }
    }

    #[test]
    fn one_instance_may_log_somebody_in() {
        let files = [
            ("/s/etc/systemd/system/getty@.service", "[Service]\nExecStart=-/x/bin/agetty %I\n"),
            (
                "/s/etc/systemd/system/getty@tty6.service.d/a.conf",
                "[Service]\nExecStart=\nExecStart=/x/bin/agetty -a eve %I\n",
            ),
        ];
        assert_eq!(shown(&files), ["eve getty@tty6.service /etc/systemd/system/getty@tty6.service.d/a.conf"]);
        let masked = [files[0], files[1], ("/s/etc/systemd/system/getty@tty6.service", "-> /dev/null")];
        assert!(shown(&masked).is_empty());
    }
}
