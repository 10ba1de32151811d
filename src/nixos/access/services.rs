//! Other ways into a system: programs that let somebody in, or let somebody else decide what runs.
//!
//! To add one, add a row to [`PROGRAMS`] or [`UNITS`].

use super::finding::{Finding, FindingId};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::unit::{Command, Lookup, Start, Unit, Units};

/// A program, by what it is called, and what it opens.
struct Program {
    /// Names of its file; one that ends in `*` stands for all that begin so.
    names: &'static [&'static str],
    /// What must be among its arguments, or in the script that runs it.
    argument: Option<&'static str>,
    id: FindingId,
    /// What follows the name of the unit.
    opens: &'static str,
}

const fn entrance(names: &'static [&'static str], opens: &'static str) -> Program {
    Program { names, argument: None, id: FindingId::OtherEntrance, opens }
}

const fn with(names: &'static [&'static str], argument: &'static str, opens: &'static str) -> Program {
    Program { names, argument: Some(argument), id: FindingId::OtherEntrance, opens }
}

const fn decided(names: &'static [&'static str], opens: &'static str) -> Program {
    Program { names, argument: None, id: FindingId::DecidedElsewhere, opens }
}

const PROGRAMS: &[Program] = &[
    with(&["tailscale", "tailscaled"], "--ssh", "lets in whomever the rules of the tailnet allow (tailscale --ssh)"),
    entrance(&["dropbear"], "is another ssh server (dropbear), with keys and passwords of its own rules"),
    entrance(&["tinysshd"], "is another ssh server (tinyssh), with keys of its own rules"),
    entrance(&["telnetd", "in.telnetd", "utelnetd"], "is a telnet server: passwords cross the network in clear text"),
    entrance(&["rlogind", "in.rlogind", "rshd", "in.rshd"], "is an rlogin or rsh server"),
    entrance(
        &["cockpit-ws", "cockpit-tls", "cockpit-wsinstance-factory"],
        "lets users in with their passwords through a web page (cockpit)",
    ),
    entrance(&["xrdp", "xrdp-sesman"], "lets users in with their passwords through RDP (xrdp)"),
    entrance(
        &["x11vnc", "x0vncserver", "Xvnc", "Xtigervnc", "vncserver", "wayvnc", "vino-server", "krfb", "weston-vnc"],
        "shows and controls a desktop (VNC)",
    ),
    entrance(
        &["gnome-remote-desktop-daemon", "krdpserver", "rustdesk", "anydesk", "teamviewerd", "sunshine", "nxserver*"],
        "shows and controls a desktop from afar",
    ),
    entrance(&["ttyd", "wetty", "gotty", "shellinaboxd"], "gives a terminal through a web page"),
    entrance(&["code-server", "openvscode-server", "coder"], "gives an editor with a terminal through a web page"),
    entrance(&["jupyter*", "jupyterhub*"], "runs programs through a web page (jupyter)"),
    with(&["dockerd"], "tcp://", "takes orders for containers over the network, which is as good as root"),
    with(&["podman"], "tcp:", "takes orders for containers over the network, which is as good as root"),
    entrance(&["teleport"], "lets in whomever its server allows (teleport)"),
    entrance(&["qemu-ga"], "runs commands as root for whoever runs the virtual machine (QEMU's guest agent)"),
    entrance(&["vmtoolsd"], "runs commands for whoever runs the virtual machine (VMware's tools)"),
    entrance(&["cloud-init"], "takes users, keys and commands from the cloud at boot (cloud-init)"),
    entrance(&["amazon-ssm-agent", "ssm-agent-worker"], "runs commands as root for the owner of the AWS account"),
    entrance(
        &["google_guest_agent", "google_accounts_daemon", "google-guest-agent", "google_metadata_script_runner"],
        "takes users and keys from Google's cloud",
    ),
    entrance(&["waagent"], "takes users and keys from Azure (waagent)"),
    entrance(&["oracle-cloud-agent", "hc-utils", "aliyun-service"], "runs commands for the owner of the cloud account"),
    entrance(
        &["sshx", "tmate", "upterm", "bore", "ngrok", "frpc", "cloudflared"],
        "opens a way in through a server elsewhere",
    ),
    entrance(&["socat", "ncat", "nc"], "connects a socket to a program"),
    decided(&["comin"], "runs whatever a repository says from then on (comin)"),
    decided(&["nixos-rebuild", "nixos-upgrade*"], "runs whatever its channel or flake says from then on"),
    decided(
        &["salt-minion", "puppet", "chef-client", "ansible-pull", "cachix", "bento", "hercules-ci-agent"],
        "runs whatever its server says",
    ),
];

/// Units of which the name tells all that the image does.
const UNITS: &[(&str, FindingId, &str)] = &[
    ("debug-shell.service", FindingId::OtherEntrance, "gives a shell of root on tty9 without a password"),
    ("telnet.socket", FindingId::OtherEntrance, "is a telnet server"),
    ("cockpit.socket", FindingId::OtherEntrance, "lets users in with their passwords through a web page (cockpit)"),
    ("tinysshd.socket", FindingId::OtherEntrance, "is another ssh server (tinyssh)"),
    ("nixos-upgrade.timer", FindingId::DecidedElsewhere, "runs whatever its channel or flake says from then on"),
    ("nixos-upgrade.service", FindingId::DecidedElsewhere, "runs whatever its channel or flake says from then on"),
    ("comin.service", FindingId::DecidedElsewhere, "runs whatever a repository says from then on (comin)"),
    ("cloud-init.service", FindingId::OtherEntrance, "takes users, keys and commands from the cloud at boot"),
    ("fetch-ec2-metadata.service", FindingId::OtherEntrance, "takes a key of root from the cloud (EC2)"),
    ("apply-ec2-data.service", FindingId::OtherEntrance, "takes a key of root from the cloud (EC2)"),
    ("fetch-instance-ssh-keys.service", FindingId::OtherEntrance, "takes keys from the cloud"),
    ("openstack-init.service", FindingId::OtherEntrance, "takes keys from the cloud (OpenStack)"),
    ("digitalocean-ssh-keys.service", FindingId::OtherEntrance, "takes a key of root from the cloud (DigitalOcean)"),
    ("code-tunnel.service", FindingId::OtherEntrance, "gives an editor with a terminal through a server elsewhere"),
];

/// Names of shells.
const SHELLS: [&str; 8] = ["sh", "bash", "zsh", "fish", "dash", "ksh", "tcsh", "nu"];

/// The findings of all units that start.
pub(super) fn findings(root: &Root<'_>) -> Result<Vec<Finding>> {
    let units = Units::of(root)?;
    let mut started: Vec<(&String, &Start)> = units.started()?.iter().collect();
    started.sort();
    let mut findings: Vec<Finding> = Vec::new();
    for (name, start) in started {
        if *start == Start::Manual {
            continue;
        }
        let Lookup::Loaded(unit) = units.get(name)? else { continue };
        let mut found = of_unit(&units, name, &unit)?;
        let when = match start {
            Start::Trigger(by) => format!(", which {by} starts"),
            _ => String::new(),
        };
        for finding in &mut found {
            finding.message.push_str(&when);
        }
        findings.extend(found);
    }
    Ok(findings)
}

fn of_unit(units: &Units<'_>, name: &str, unit: &Unit) -> Result<Vec<Finding>> {
    let finding = |id, message: String| Finding::new(id, name, message, Some(&unit.path));
    let mut findings: Vec<Finding> = Vec::new();
    for key in ["ExecStart", "ExecStartPre", "ExecStartPost"] {
        for command in unit.commands(key) {
            let script = units.script(&command.program)?;
            let lines = script.iter().flat_map(|script| script.lines.iter().map(|(_, line)| line.as_str()));
            let script = lines.collect::<Vec<_>>().join("\n");
            for program in PROGRAMS.iter().filter(|program| program.runs(&command, &script)) {
                findings.push(finding(program.id, program.opens.to_owned()));
            }
            if let Some(tty) = unit.value("Service", "TTYPath")
                && is_shell(&command)
                && name != "debug-shell.service"
            {
                let message = format!("gives a shell of {} on {tty} without a password", unit.user());
                findings.push(finding(FindingId::OtherEntrance, message));
            }
        }
    }
    if name.starts_with("docker.") {
        let network = |value: &str| value.starts_with(|first: char| first.is_ascii_digit() || first == '[');
        if unit.list("Socket", "ListenStream").iter().any(|setting| network(&setting.value)) {
            let message = "takes orders for containers over the network, which is as good as root".to_owned();
            findings.push(finding(FindingId::OtherEntrance, message));
        }
    }
    if name.starts_with("container@") {
        let message = "starts a NixOS container, whose own users and sshd are not part of this answer".to_owned();
        findings.push(finding(FindingId::OtherEntrance, message));
    }
    let known = UNITS.iter().find(|(known, ..)| *known == name).filter(|_| findings.is_empty());
    if let Some((_, id, opens)) = known {
        findings.push(finding(*id, format!("{opens} (found by its name alone)")));
    }
    findings.dedup_by(|one, other| one.id == other.id && one.message == other.message);
    Ok(findings)
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_shell(command: &Command) -> bool {
    // With arguments it runs a script.
    let interactive = command.arguments.iter().all(|argument| argument.starts_with('-') && argument != "-c");
    SHELLS.contains(&base(&command.program)) && interactive
}

impl Program {
    /// Whether a command runs it, or the script that the command is.
    fn runs(&self, command: &Command, script: &str) -> bool {
        let is_it = |name: &str| {
            // Wrappers of nixpkgs keep the name of what they wrap: `.cloud-init-wrapped`.
            let name = name.strip_prefix('.').and_then(|name| name.strip_suffix("-wrapped")).unwrap_or(name);
            self.names.iter().any(|known| match known.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => name == *known,
            })
        };
        let words = || script.split(|letter: char| letter.is_whitespace() || "\"';()|&=".contains(letter));
        let in_script =
            || words().any(|word| word.starts_with("/nix/store/") && word.contains("/bin/") && is_it(base(word)));
        let has =
            |argument: &str| command.arguments.iter().any(|own| own.contains(argument)) || script.contains(argument);
        let named = is_it(base(&command.program))
            || in_script()
            || command
                .arguments
                .iter()
                .any(|word| word.starts_with("/nix/store/") && word.contains("/bin/") && is_it(base(word)));
        named && self.argument.is_none_or(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn found(unit: &str, text: &str, wanted: bool) -> Vec<String> {
        let file = format!("/s/etc/systemd/system/{unit}");
        let link = format!("/s/etc/systemd/system/multi-user.target.wants/{unit}");
        let target = format!("-> ../{unit}");
        let mut files = vec![(file.as_str(), text)];
        if wanted {
            files.push((link.as_str(), target.as_str()));
        }
        let found = findings(&Made::of(&files).system()).unwrap();
        found
            .into_iter()
            .map(|finding| format!("{} {}: {}", finding.id.name(), finding.subject, finding.message))
            .collect()
    }

    #[test]
    fn programs_that_let_somebody_in_are_found_by_their_units() {
        let run = |command: &str| format!("[Service]\nExecStart={command}\n");
        for (unit, text, expected) in [
            (
                "dropbear.service",
                run("/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-dropbear/bin/dropbear -F"),
                vec![
                    "other-entrance dropbear.service: is another ssh server (dropbear), with keys and passwords of its own rules",
                ],
            ),
            ("a.service", run("/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-x/bin/dropbearkey"), vec![]),
            (
                "b.service",
                run("/bin/dockerd -H tcp://0.0.0.0:2375"),
                vec![
                    "other-entrance b.service: takes orders for containers over the network, which is as good as root",
                ],
            ),
            ("b.service", run("/bin/dockerd -H fd://"), vec![]),
            (
                "tailscaled-set.service",
                run("/bin/tailscale set --ssh"),
                vec![
                    "other-entrance tailscaled-set.service: lets in whomever the rules of the tailnet allow (tailscale --ssh)",
                ],
            ),
            ("tailscaled-set.service", run("/bin/tailscale set --exit-node"), vec![]),
            (
                "cloud-init.service",
                run("/bin/true"),
                vec![
                    "other-entrance cloud-init.service: takes users, keys and commands from the cloud at boot (found by its name alone)",
                ],
            ),
            (
                "shell.service",
                "[Service]\nExecStart=/bin/bash\nTTYPath=/dev/tty8\nUser=eve\n".to_owned(),
                vec!["other-entrance shell.service: gives a shell of eve on /dev/tty8 without a password"],
            ),
            ("shell.service", "[Service]\nExecStart=/bin/bash -c x\nTTYPath=/dev/tty8\n".to_owned(), vec![]),
            (
                "comin.service",
                run("/bin/comin run"),
                vec!["decided-elsewhere comin.service: runs whatever a repository says from then on (comin)"],
            ),
        ] {
            assert_eq!(found(unit, &text, true), expected, "{unit} {text}");
            assert!(found(unit, &text, false).is_empty(), "{unit} {text}");
        }
    }
}
