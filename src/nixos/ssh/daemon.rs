//! The units and jobs that run sshd: when they start, and with which configuration.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::unit::{Conditions, Job, Lookup, Start, Unit, Units};
use crate::store::StorePath;
use crate::store::name::Name;

/// The units in which NixOS runs sshd, the usual one first.
const USUAL: [&str; 2] = ["sshd.service", "sshd@.service"];

/// Why an existing unit does not run sshd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The unit is masked: it cannot be started.
    Masked(String),
    /// The unit is a link to something that is not in the image.
    Dangling {
        /// The unit.
        unit: String,
        /// The target of its link.
        missing: String,
    },
    /// The unit has no command that runs sshd.
    NoCommand(String),
}

/// A unit or job that runs sshd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Daemon {
    /// The file, by its path in the running system.
    pub(super) unit: String,
    /// Whether it starts at boot, or on a connection to a socket that does.
    pub(super) starts: bool,
    /// A condition of its unit that does not or may not hold.
    pub(super) condition: Option<String>,
    /// The socket that starts it.
    pub(super) socket: Option<String>,
    /// The version of OpenSSH, taken from its store path.
    pub(super) version: Option<String>,
    pub(super) arguments: Arguments,
}

/// The options on sshd's command line (sshd(8)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The configuration: `-f`.
    pub(super) config: Option<String>,
    /// Lines that count before those of the configuration: `-o`.
    pub(super) options: Vec<String>,
    /// Ports instead of those of the configuration: `-p`.
    pub(super) ports: Vec<String>,
}

/// All units and jobs that run sshd, the usual unit first, and why the usual unit does not run it if it exists.
pub(super) fn find(root: &Root<'_>) -> Result<(Vec<Daemon>, Option<Obstacle>)> {
    let units = Units::of(root)?;
    let (mut daemons, mut obstacle): (Vec<Daemon>, Option<Obstacle>) = (Vec::new(), None);
    let named = units.names().filter(|name| name.contains("ssh") && name.ends_with(".service"));
    let started = units.started()?;
    let further: BTreeSet<&str> = named.chain(started.keys().map(String::as_str)).collect();
    let further = further.into_iter().filter(|name| !USUAL.contains(name) && name.ends_with(".service"));
    for name in USUAL.into_iter().chain(further) {
        let is_usual = USUAL.contains(&name);
        let unit = match units.get(name)? {
            Lookup::Loaded(unit) => unit,
            Lookup::Masked(unit) if is_usual => {
                obstacle.get_or_insert(Obstacle::Masked(unit));
                continue;
            }
            Lookup::Dangling(unit, missing) if is_usual => {
                obstacle.get_or_insert(Obstacle::Dangling { unit, missing });
                continue;
            }
            Lookup::Masked(_) | Lookup::Dangling(..) | Lookup::Missing => continue,
        };
        if daemons.iter().any(|daemon| daemon.unit == unit.path) {
            continue; // an alias, or another instance
        }
        match invocation(units, &unit)? {
            Some(words) => {
                let start = units.start(name)?;
                let socket = match &start {
                    Start::Trigger(by) if by.ends_with(".socket") => Some(by.clone()),
                    _ => None,
                };
                let (holds, condition) = match units.conditions(&unit)? {
                    Conditions::Met => (true, None),
                    Conditions::Open(condition) => (true, Some(condition)),
                    Conditions::Failed(condition) => (false, Some(condition)),
                };
                daemons.push(Daemon {
                    unit: unit.path.clone(),
                    starts: start != Start::Manual && holds,
                    condition: condition.filter(|_| start != Start::Manual),
                    socket,
                    version: version(&words),
                    arguments: Arguments::of(&words),
                });
            }
            None if is_usual => drop(obstacle.get_or_insert_with(|| Obstacle::NoCommand(unit.path.clone()))),
            None => {}
        }
    }
    daemons.extend(of_upstart(root)?);
    Ok((daemons, obstacle))
}

/// The Upstart job that ran sshd until January 2013.
fn of_upstart(root: &Root<'_>) -> Result<Option<Daemon>> {
    let Some(job) = Job::of(root, "sshd")? else { return Ok(None) };
    let words = job.lines.iter().find_map(|(_, line)| sshd_in(line.split_ascii_whitespace().map(bare)));
    Ok(words.map(|words| Daemon {
        unit: job.path,
        starts: job.starts,
        condition: None,
        socket: None,
        version: version(&words),
        arguments: Arguments::of(&words),
    }))
}

/// The words of the command that runs sshd, starting at sshd. The command may be in a script that NixOS made for the unit.
fn invocation(units: Units<'_>, unit: &Unit) -> Result<Option<Vec<String>>> {
    for command in unit.commands("ExecStart") {
        let words = || std::iter::once(&command.program).chain(&command.arguments).map(String::as_str);
        // A shell takes its commands as one argument.
        let found = sshd_in(words()).or_else(|| sshd_in(words().flat_map(str::split_ascii_whitespace).map(bare)));
        if found.is_some() {
            return Ok(found);
        }
        for script in units.scripts(&command)? {
            let mut lines = script.lines.iter();
            let found = lines.find_map(|(_, line)| sshd_in(line.split_ascii_whitespace().map(bare)));
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// A word without shell quotes, and without the semicolon that ends its command.
fn bare(word: &str) -> &str {
    word.trim_matches(['"', '\'', ';'])
}

/// The words from sshd to the end of its command. `sshd-pre-start` and similar names are other programs.
fn sshd_in<'w>(words: impl Iterator<Item = &'w str>) -> Option<Vec<String>> {
    let mut words = words.skip_while(|word| !word.ends_with("/bin/sshd") && !word.ends_with("/sbin/sshd")).peekable();
    words.peek()?;
    Some(words.take_while(|word| !matches!(*word, "" | "&&" | "||" | "|" | "&")).map(str::to_owned).collect())
}

/// The version in the name of sshd's store path.
fn version(words: &[String]) -> Option<String> {
    let program = words.first()?;
    let (path, _) = StorePath::containing(program.get(program.find("/nix/store/")?..)?.as_bytes())?;
    let version = Name::parse(path.name()).version;
    (!version.is_empty()).then(|| version.to_owned())
}

impl Arguments {
    /// Parses the words after the program like getopt(3): an argument may follow its letter directly.
    fn of(words: &[String]) -> Self {
        /// Letters that take an argument (sshd(8)).
        const WITH_ARGUMENT: &str = "bcCEfghkopuV";
        let mut arguments = Self::default();
        let mut words = words.iter().skip(1);
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.starts_with('-')) else { break };
            let Some(at) = letters.find(|letter| WITH_ARGUMENT.contains(letter)) else { continue };
            let (_, rest) = letters.split_at_checked(at).unwrap_or_default();
            let (letter, value) = rest.split_at_checked(1).unwrap_or_default();
            let value = if value.is_empty() { words.next().cloned().unwrap_or_default() } else { value.to_owned() };
            match letter {
                "f" => arguments.config = Some(value),
                "o" => arguments.options.push(value),
                "p" => arguments.ports.push(value),
                _ => {}
            }
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn shown(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<(String, &str)> = files.iter().map(|(name, text)| (format!("/s/etc/{name}"), *text)).collect();
        let made = Made::of(&files.iter().map(|(name, text)| (name.as_str(), *text)).collect::<Vec<_>>());
        let (daemons, obstacle) = find(&made.system()).unwrap();
        let show = |daemon: Daemon| {
            let unit = daemon.unit.rsplit('/').next().unwrap_or_default().to_owned();
            let start = match (daemon.starts, daemon.socket) {
                (_, Some(socket)) => socket,
                (true, None) => "boot".to_owned(),
                (false, None) => "manual".to_owned(),
            };
            let Arguments { config, options, ports } = daemon.arguments;
            let (version, config) = (daemon.version.unwrap_or_default(), config.unwrap_or_default());
            format!("{unit} {start} {version} {config} {} {}", options.join(", "), ports.join(" "))
                .trim_end()
                .to_owned()
        };
        daemons.into_iter().map(show).chain(obstacle.map(|obstacle| format!("{obstacle:?}"))).collect()
    }

    const WANTED: (&str, &str) = ("systemd/system/multi-user.target.wants/sshd.service", "-> ../sshd.service");

    #[test]
    fn the_command_of_each_release_is_found() {
        let store = |name: &str| format!("/nix/store/{}-{name}", "a".repeat(32));
        let (old, new) = (store("openssh-6.2p2"), store("openssh-10.2p1"));
        let (config, script) = (store("sshd_config"), store("unit-script"));
        for (lines, expected) in [
            // 13.10
            (
                format!("ExecStartPre={script}/bin/sshd-pre-start\nExecStart={old}/sbin/sshd -D -f {config}"),
                format!("6.2p2 {config}"),
            ),
            // 14.12 to 15.05
            (
                format!("ExecStart={old}/sbin/sshd -f {config}\nExecStartPre={script}/bin/sshd-pre-start"),
                format!("6.2p2 {config}"),
            ),
            // 16.09 to 18.03
            (format!("ExecStart={old}/bin/sshd -f {config}"), format!("6.2p2 {config}")),
            (format!("ExecStart={new}/bin/sshd -D -f /etc/ssh/sshd_config"), "10.2p1 /etc/ssh/sshd_config".to_owned()),
            (format!("ExecStart={new}/bin/sshd -D"), "10.2p1".to_owned()),
            (
                format!("ExecStart={new}/bin/sshd -Df/x -oPort=23 -o \"PermitRootLogin no\" -p 24"),
                "10.2p1 /x Port=23, PermitRootLogin no 24".to_owned(),
            ),
            (format!("ExecStart=/bin/sh -c 'exec {new}/bin/sshd -D -f /x; true'"), "10.2p1 /x".to_owned()),
            (
                format!("ExecStart=@{new}/bin/sshd sshd -f /x \\\n  # comment\n  -o UsePAM=no"),
                "10.2p1 /x UsePAM=no".to_owned(),
            ),
        ] {
            let unit = format!("[Service]\n{lines}\n");
            let found = shown(&[("systemd/system/sshd.service", &unit), WANTED]);
            assert_eq!(found, [format!("sshd.service boot {expected}")], "{lines}");
        }
    }

    #[test]
    fn a_job_of_upstart_may_continue_its_command() {
        let exec = "exec /nix/store/e-openssh/sbin/sshd -h key \\\n -f /nix/store/e-sshd_config\n";
        let job = |start: &str| format!("{start}\nscript\n{exec}end script\n");
        for (start, expected) in [("start on network", "boot"), ("# start on network", "manual")] {
            let expected = format!("sshd.conf {expected}  /nix/store/e-sshd_config");
            assert_eq!(shown(&[("init/sshd.conf", &job(start))]), [expected]);
        }
    }

    #[test]
    fn drop_ins_other_instances_and_sockets_count() {
        let unit = ("systemd/system/sshd.service", "[Service]\nExecStart=/x/bin/sshd -D -f /a\n");
        let drop_in =
            ("systemd/system/sshd.service.d/b.conf", "[Service]\nExecStart=\nExecStart=/x/bin/sshd -D -f /b\n");
        assert_eq!(shown(&[unit, WANTED, drop_in]), ["sshd.service boot  /b"]);
        let second = ("systemd/system/rescue.service", "[Service]\nExecStart=/x/bin/sshd -D -f /c\n");
        assert_eq!(shown(&[unit, WANTED, second]), ["sshd.service boot  /a"]);
        let wanted = ("systemd/system/multi-user.target.wants/rescue.service", "");
        assert_eq!(shown(&[unit, WANTED, second, wanted]), ["sshd.service boot  /a", "rescue.service boot  /c"]);
        let each = ("systemd/system/sshd@.service", "[Service]\nExecStart=-/x/bin/sshd -i -f /a\n");
        let socket = ("systemd/system/sshd.socket", "[Socket]\nListenStream=22\nAccept=yes\n");
        let listens = ("systemd/system/sockets.target.wants/sshd.socket", "-> ../sshd.socket");
        assert_eq!(shown(&[each, socket, listens]), ["sshd@.service sshd.socket  /a"]);
        assert_eq!(shown(&[each, socket]), ["sshd@.service manual  /a"]);
    }

    #[test]
    fn a_script_that_runs_sshd_is_read() {
        let start = format!("/nix/store/{}-unit-script-ssh-start/bin/ssh-start", "a".repeat(32));
        let unit = format!("[Service]\nExecStart={start}\n");
        let made = Made::of(&[
            ("/s/etc/systemd/system/ssh.service", &unit),
            (&start, "#!/bin/sh\nset -e\n# /x/bin/sshd -f /no\nexec /x/bin/sshd -D \\\n  -f \"/yes\"\n"),
        ]);
        let (daemons, _) = find(&made.system()).unwrap();
        assert_eq!(daemons[0].arguments.config.as_deref(), Some("/yes"));
    }

    #[test]
    fn a_unit_that_cannot_run_sshd_says_why() {
        let unit = "/etc/systemd/system/sshd.service";
        for (text, expected) in [
            ("-> /dev/null", format!("Masked({unit:?})")),
            ("-> /nix/store/e-gone", format!("Dangling {{ unit: {unit:?}, missing: \"/nix/store/e-gone\" }}")),
            ("[Service]\nExecStartPre=/x/bin/sshd -t\n", format!("NoCommand({unit:?})")),
            ("[Service]\nExecStart=/x/bin/sshd-keygen\n", format!("NoCommand({unit:?})")),
        ] {
            assert_eq!(shown(&[("systemd/system/sshd.service", text)]), [expected], "{text}");
        }
    }
}
