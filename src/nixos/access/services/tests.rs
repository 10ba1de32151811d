//! Units that let somebody in, in systems made of a few texts.

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
    found.into_iter().map(|finding| format!("{} {}: {}", finding.id.name(), finding.subject, finding.message)).collect()
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
            vec!["other-entrance b.service: takes orders for containers over the network, which is as good as root"],
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
            vec!["other-entrance container@web.service: starts a NixOS container; its users and sshd are not checked"],
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

/// The findings of a unit that starts at boot, each with its name and message.
fn told(unit: &str, text: &str) -> Vec<String> {
    found(unit, text, true).into_iter().map(|line| line.replacen(&format!(" {unit}:"), ":", 1)).collect()
}

#[test]
fn each_row_of_the_table_finds_its_program_and_none_with_a_longer_name() {
    for program in PROGRAMS {
        for name in program.names {
            let argument = program.argument.map(|argument| format!(" {argument}x")).unwrap_or_default();
            let run = |name: &str, argument: &str| {
                told(
                    "x.service",
                    &format!("[Service]\nExecStart=/nix/store/{}-p/bin/{name}{argument}\n", "e".repeat(32)),
                )
            };
            let (name, longer) = (name.trim_end_matches('*'), format!("my-{name}"));
            let expected = format!("{}: {}", program.id.name(), program.opens);
            assert_eq!(run(name, &argument), std::slice::from_ref(&expected), "{name}");
            assert_eq!(run(&format!(".{name}-wrapped"), &argument), [expected], "{name}");
            assert_eq!(run(&longer, &argument), [""; 0], "{longer}");
            assert_eq!(run(name, " other").is_empty(), program.argument.is_some(), "{name}");
        }
    }
    for (unit, id, opens) in UNITS {
        let expected = format!("{}: {opens} (found by its name alone)", id.name());
        assert_eq!(told(unit, "[Service]\nExecStart=/nix/store/e-x/bin/x\n"), [expected], "{unit}");
    }
}

#[test]
fn units_as_nixos_writes_them_are_found() {
    let store = |name: &str| format!("/nix/store/{}-{name}", "a".repeat(32));
    for (unit, command, expected) in [
        ("xrdp.service", "xrdp-0.10.1/bin/xrdp --nodaemon --port 3389 --config /etc/xrdp/xrdp.ini", "(xrdp)"),
        ("cockpit-wsinstance-http.service", "cockpit-340/libexec/cockpit-ws --no-tls --port=0", "(cockpit)"),
        ("ttyd.service", "ttyd-1.7.7/bin/ttyd --port 7681 --writable /bin/login", "a terminal through a web page"),
        (
            "code-server.service",
            "code-server-4.99/bin/code-server --bind-addr 0.0.0.0:4444",
            "an editor with a terminal",
        ),
        ("jupyter.service", "python3-env/bin/jupyter-notebook --no-browser --ip=0.0.0.0", "(jupyter)"),
        ("jupyterhub.service", "python3-env/bin/jupyterhub --config /etc/x", "(jupyter)"),
        ("teleport.service", "teleport-17/bin/teleport start --config=/etc/teleport.yaml", "(teleport)"),
        ("tailscaled-set.service", "tailscale-1.88/bin/tailscale set --ssh", "(tailscale --ssh)"),
        ("docker.service", "docker-28/bin/dockerd -H tcp://0.0.0.0:2375 -H fd://", "orders for containers"),
        ("waagent.service", "waagent-2.11/bin/waagent -daemon", "(waagent)"),
        ("amazon-ssm-agent.service", "amazon-ssm-agent-3.3/bin/amazon-ssm-agent", "the owner of the AWS account"),
        ("google-guest-agent.service", "google-guest-agent-2025/bin/google_guest_agent", "from Google's cloud"),
        ("cloud-init.service", "cloud-init-25.2/bin/cloud-init init", "(cloud-init)"),
        ("tigervnc.service", "tigervnc-1.15/bin/Xvnc :1 -SecurityTypes None", "(VNC)"),
        (
            "gnome-remote-desktop.service",
            "gnome-remote-desktop-48/libexec/gnome-remote-desktop-daemon --system",
            "from afar",
        ),
        ("incus-agent.service", "incus-agent/bin/incus-agent", "whoever runs the virtual machine"),
        ("comin.service", "comin-0.7/bin/comin run --config /etc/comin.yaml", "(comin)"),
        ("nixos-upgrade.service", "unit-script-nixos-upgrade-start/bin/nixos-upgrade-start", "its channel or flake"),
        (
            "github-runner-x.service",
            "github-runner-2.3/bin/Runner.Listener run --startuptype service",
            "its server says",
        ),
        ("cachix-agent.service", "cachix-1.7/bin/cachix deploy agent x", "its server says"),
        ("autossh-x.service", "autossh-1.4g/bin/autossh -N -R 2222:localhost:22 eve@host", "(ssh -R)"),
    ] {
        let text = format!("[Service]\nExecStart={} \n", store(command));
        let found = told(unit, &text);
        assert!(matches!(found.as_slice(), [one] if one.contains(expected)), "{unit}: {found:?}");
    }
}

#[test]
fn a_unit_that_udev_starts_is_found() {
    let agent =
        ("/s/etc/systemd/system/qemu-guest-agent.service", "[Service]\nExecStart=/x/bin/qemu-ga --statedir /run\n");
    let rule = "SUBSYSTEM==\"virtio-ports\", TAG+=\"systemd\" ENV{SYSTEMD_WANTS}=\"qemu-guest-agent.service\"\n";
    let found = |files: &[(&str, &str)]| -> Vec<String> {
        findings(&Made::of(files).system()).unwrap().into_iter().map(|finding| finding.message).collect()
    };
    let expected = "runs commands as root for whoever runs the virtual machine (QEMU's guest agent), which udev starts";
    assert_eq!(found(&[agent, ("/s/etc/udev/rules.d/99-local.rules", rule)]), [expected]);
    assert_eq!(found(&[agent]), [""; 0]);
}
