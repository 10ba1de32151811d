//! Other ways into a system: programs that let somebody in, or let somebody else decide what runs.
//!
//! To add one, add a row to [`PROGRAMS`] or [`UNITS`].

use super::finding::{Finding, FindingId};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::ssh::Sshd;
use crate::nixos::unit::{Command, Conditions, Lookup, Start, Unit, Units};
use crate::store::StorePath;

/// A program, by its name, and what it opens.
struct Program {
    /// Names of its file. A name that ends in `*` matches all that begin so.
    names: &'static [&'static str],
    /// What its arguments must contain, or the script that runs it.
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
    entrance(&["kubelet", "k3s"], "runs containers as root for whoever controls the cluster"),
    with(&["podman"], "tcp:", "takes orders for containers over the network, which is as good as root"),
    with(&["netbird"], "--allow-server-ssh", "lets in whomever the rules of its network allow (netbird)"),
    entrance(&["etserver"], "is a server of Eternal Terminal, which lets in whom sshd lets in"),
    entrance(&["guacd"], "shows and controls desktops through a web page (guacamole)"),
    entrance(&["rserver"], "lets users in with their passwords through a web page (RStudio)"),
    entrance(&["xinetd", "inetd"], "starts other servers on demand, which are not checked"),
    entrance(&["openvt"], "runs a program, such as a shell, on a console"),
    entrance(&["incus-agent", "lxd-agent"], "runs commands as root for whoever runs the virtual machine"),
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
        &[
            "gitlab-runner",
            "buildkite-agent",
            "Runner.Listener",
            "act_runner",
            "salt-minion",
            "puppet",
            "chef-client",
            "ansible-pull",
            "cachix",
            "bento",
            "hercules-ci-agent",
        ],
        "runs whatever its server says",
    ),
];

/// Units whose name alone says all that the image does.
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

/// Where the systems of NixOS containers are named, today and before 22.05.
const CONTAINERS: [&str; 2] = ["/etc/nixos-containers", "/etc/containers"];

/// Programs that combine many and run the one that their first argument names.
const BOXES: [&str; 2] = ["busybox", "toybox"];

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
        let condition = match units.conditions(&unit)? {
            Conditions::Failed(_) => continue,
            Conditions::Open(condition) => format!(" (only if {condition} holds)"),
            Conditions::Met => String::new(),
        };
        let mut found = of_unit(root, name, &unit)?;
        let when = match start {
            Start::Trigger(by) => format!(", which {by} starts"),
            _ => String::new(),
        };
        for finding in &mut found {
            finding.message.push_str(&when);
            finding.message.push_str(&condition);
        }
        findings.extend(found);
    }
    Ok(findings)
}

fn of_unit(root: &Root<'_>, name: &str, unit: &Unit) -> Result<Vec<Finding>> {
    let units = Units::of(root)?;
    let finding = |id, message: String| Finding::new(id, name, message, Some(&unit.path));
    let mut findings: Vec<Finding> = Vec::new();
    for command in ["ExecStart", "ExecStartPre", "ExecStartPost"].into_iter().flat_map(|key| unit.commands(key)) {
        let script = units.script(&command.program)?;
        let lines = script.iter().flat_map(|script| script.lines.iter().map(|(_, line)| line.as_str()));
        let mut script = lines.collect::<Vec<_>>().join("\n");
        // A settings file may replace arguments.
        if let Some(file) = command.option("--config-file").filter(|file| file.starts_with("/nix/store/")) {
            script.push_str(&root.text(file)?.unwrap_or_default());
        }
        let found = PROGRAMS.iter().filter(|program| program.runs(&command, &script));
        findings.extend(found.map(|program| finding(program.id, program.opens.to_owned())));
        if let Some(tty) = terminal(unit).filter(|_| is_shell(&command) && name != "debug-shell.service") {
            let message = format!("gives a shell of {} on {tty} without a password", unit.user());
            findings.push(finding(FindingId::OtherEntrance, message));
        }
    }
    if name.starts_with("docker.") {
        let network = |value: &str| value.starts_with(|first: char| first.is_ascii_digit() || first == '[');
        if unit.list("Socket", "ListenStream").iter().any(|setting| network(&setting.value)) {
            let message = "takes orders for containers over the network, which is as good as root".to_owned();
            findings.push(finding(FindingId::OtherEntrance, message));
        }
    }
    if let Some(container) = name.strip_prefix("container@").and_then(|name| name.strip_suffix(".service")) {
        findings.push(finding(FindingId::OtherEntrance, of_container(root, container)?));
    }
    let known = UNITS.iter().find(|(known, ..)| *known == name).filter(|_| findings.is_empty());
    if let Some((_, id, opens)) = known {
        findings.push(finding(*id, format!("{opens} (found by its name alone)")));
    }
    findings.dedup_by(|one, other| one.id == other.id && one.message == other.message);
    Ok(findings)
}

/// The terminal that a unit's command reads from.
fn terminal(unit: &Unit) -> Option<&str> {
    let reads = || unit.value("Service", "StandardInput").is_some_and(|input| input.starts_with("tty"));
    unit.value("Service", "TTYPath").or_else(|| reads().then_some("/dev/console"))
}

/// What a NixOS container opens, depending on whether its system runs sshd.
fn of_container(root: &Root<'_>, name: &str) -> Result<String> {
    for folder in CONTAINERS {
        let Some(text) = root.text(&format!("{folder}/{name}.conf"))? else { continue };
        let path = text.lines().find_map(|line| line.trim().strip_prefix("SYSTEM_PATH="));
        let Some(path) = path.and_then(|path| StorePath::from_path(path.trim_matches('"').as_bytes())) else {
            continue;
        };
        let sshd = Sshd::of(&Root::new(root.tree(), path.to_string()))?;
        if sshd.unit.is_some() && sshd.starts {
            let ports = sshd.ports().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Ok(format!(
                "starts a NixOS container whose sshd listens on port {ports}; its users are not checked"
            ));
        }
        return Ok("starts a NixOS container without sshd; its users are not checked".to_owned());
    }
    Ok("starts a NixOS container; its users and sshd are not checked".to_owned())
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
    /// Whether a command runs the program, directly or through its script.
    fn runs(&self, command: &Command, script: &str) -> bool {
        let is_it = |name: &str| {
            // Wrappers of nixpkgs keep the name of the program that they wrap: `.cloud-init-wrapped`.
            let name = name.strip_prefix('.').and_then(|name| name.strip_suffix("-wrapped")).unwrap_or(name);
            self.names.iter().any(|known| match known.strip_suffix('*') {
                Some(begin) => name.starts_with(begin),
                None => name == *known,
            })
        };
        let words = |text: &str| -> Vec<String> {
            let words = text.split(|letter: char| letter.is_whitespace() || "\"'()=`".contains(letter));
            words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let in_store = |word: &String| word.starts_with("/nix/store/") && word.contains("/bin/") && is_it(base(word));
        // A program given by its path, or a command found through PATH.
        let in_command = |words: Vec<String>| {
            let mut rest = words.iter().skip_while(|word| matches!(word.as_str(), "exec" | "if" | "then" | "do" | "!"));
            rest.next().is_some_and(|first| is_it(first)) || words.iter().any(in_store)
        };
        let in_script = || script.split(['\n', ';', '|', '&']).any(|command| in_command(words(command)));
        let in_box =
            || BOXES.contains(&base(&command.program)) && command.arguments.first().is_some_and(|own| is_it(own));
        let has =
            |argument: &str| command.arguments.iter().any(|own| own.contains(argument)) || script.contains(argument);
        let named = is_it(base(&command.program))
            || in_script()
            || in_box()
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
                "shell.service",
                "[Service]\nExecStart=/bin/bash\nStandardInput=tty\n".to_owned(),
                vec!["other-entrance shell.service: gives a shell of root on /dev/console without a password"],
            ),
            (
                "telnet.service",
                run("/bin/busybox telnetd -l /bin/sh"),
                vec!["other-entrance telnet.service: is a telnet server: passwords cross the network in clear text"],
            ),
            ("grep.service", run("/bin/busybox grep telnetd"), vec![]),
            (
                "ttyd.service",
                format!("[Unit]\nConditionPathExists=/var/x\n{}", run("/bin/ttyd")),
                vec![
                    "other-entrance ttyd.service: gives a terminal through a web page (only if ConditionPathExists=/var/x holds)",
                ],
            ),
            ("ttyd.service", format!("[Unit]\nConditionPathExists=/nix/store/e-gone\n{}", run("/bin/ttyd")), vec![]),
            (
                "container@web.service",
                run("/bin/start"),
                vec![
                    "other-entrance container@web.service: starts a NixOS container; its users and sshd are not checked",
                ],
            ),
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

    #[test]
    fn scripts_and_files_of_settings_count_as_arguments() {
        let store = |name: &str| format!("/nix/store/{}-{name}", "a".repeat(32));
        let (script, settings) = (store("unit-script-net-start/bin/net-start"), store("daemon.json"));
        let shown = |unit: &str, text: &str| -> Vec<String> {
            let file = "/s/etc/systemd/system/x.service";
            let wanted = ("/s/etc/systemd/system/multi-user.target.wants/x.service", "-> ../x.service");
            let json = "{\"hosts\": [\"fd://\", \"tcp://0.0.0.0:2375\"]}";
            let made = Made::of(&[(file, unit), wanted, (&script, text), (&settings, json)]);
            findings(&made.system()).unwrap().into_iter().map(|finding| finding.message).collect()
        };
        let run = format!("[Service]\nExecStart={script}\n");
        let ssh = "lets in whomever the rules of the tailnet allow (tailscale --ssh)";
        for (text, expected) in [
            ("#!/bin/sh\ntailscale up --ssh\n", vec![ssh]),
            ("#!/bin/sh\nif ! tailscale status; then exec tailscale set --ssh; fi\n", vec![ssh]),
            ("#!/bin/sh\ntailscale up\n", vec![]),
            ("#!/bin/sh\necho no tailscale up --ssh\n", vec![]),
        ] {
            assert_eq!(shown(&run, text), expected, "{text}");
        }
        let docker = format!("[Service]\nExecStart=/bin/dockerd --config-file={settings}\n");
        assert_eq!(shown(&docker, ""), ["takes orders for containers over the network, which is as good as root"]);
    }

    #[test]
    fn a_container_is_told_with_its_sshd() {
        let inner = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-nixos-system-web-25.11";
        let unit = format!("{inner}/etc/systemd/system/sshd.service");
        let wanted = format!("{inner}/etc/systemd/system/multi-user.target.wants/sshd.service");
        let settings = format!("SYSTEM_PATH={inner}\nPRIVATE_NETWORK=1\n");
        let outer = [
            ("/s/etc/systemd/system/container@.service", "[Service]\nExecStart=/bin/start\n"),
            ("/s/etc/systemd/system/multi-user.target.wants/container@web.service", "-> ../container@.service"),
            ("/s/etc/nixos-containers/web.conf", settings.as_str()),
        ];
        let sshd =
            [(unit.as_str(), "[Service]\nExecStart=/x/bin/sshd -D -p 2200\n"), (wanted.as_str(), "-> ../sshd.service")];
        let told = |files: &[(&str, &str)]| findings(&Made::of(files).system()).unwrap().remove(0).message;
        assert_eq!(told(&outer), "starts a NixOS container without sshd; its users are not checked");
        let with = [&outer[..], &sshd[..]].concat();
        assert_eq!(told(&with), "starts a NixOS container whose sshd listens on port 2200; its users are not checked");
    }
}
