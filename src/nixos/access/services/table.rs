//! The table of programs and units that let somebody in, or let somebody else decide what runs.

use crate::nixos::access::finding::FindingId;
use crate::nixos::unit::Command;

/// A program, by its name, and what it opens.
pub(super) struct Program {
    /// Names of its file. A name that ends in `*` matches all that begin so.
    pub(super) names: &'static [&'static str],
    /// What its arguments must contain, or the script that runs it.
    pub(super) argument: Option<&'static str>,
    pub(super) id: FindingId,
    /// What follows the name of the unit.
    pub(super) opens: &'static str,
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

pub(super) const PROGRAMS: &[Program] = &[
    with(&["tailscale", "tailscaled"], "--ssh", "lets in whomever the rules of the tailnet allow (tailscale --ssh)"),
    entrance(&["dropbear"], "is another ssh server (dropbear), with keys and passwords of its own rules"),
    entrance(&["tinysshd"], "is another ssh server (tinyssh), with keys of its own rules"),
    entrance(&["telnetd", "in.telnetd", "utelnetd"], "is a telnet server: passwords cross the network in clear text"),
    entrance(&["rlogind", "in.rlogind", "rshd", "in.rshd", "rexecd", "in.rexecd"], "is an rlogin or rsh server"),
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
        &[
            "gnome-remote-desktop-daemon",
            "krdpserver",
            "rustdesk",
            "anydesk",
            "teamviewerd",
            "sunshine",
            "nxserver*",
            "xpra",
        ],
        "shows and controls a desktop from afar",
    ),
    entrance(&["ttyd", "wetty", "gotty", "shellinaboxd"], "gives a terminal through a web page"),
    entrance(&["code-server", "openvscode-server", "coder"], "gives an editor with a terminal through a web page"),
    entrance(&["jupyter*", "jupyterhub*"], "runs programs through a web page (jupyter)"),
    with(&["dockerd"], "tcp://", "takes orders for containers over the network, which is as good as root"),
    entrance(&["kubelet", "k3s", "rke2", "nomad"], "runs containers as root for whoever controls the cluster"),
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
    entrance(
        &["hv_fcopy_daemon", "hv_fcopy_uio_daemon"],
        "takes files from whoever runs the virtual machine (Hyper-V)",
    ),
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
    with(&["autossh"], "-R", "lets in through a tunnel from a server elsewhere (ssh -R)"),
    entrance(&["meshagent"], "gives control to a server elsewhere (MeshCentral)"),
    entrance(&["socat", "ncat", "nc"], "connects a socket to a program"),
    decided(&["comin"], "runs whatever a repository says from then on (comin)"),
    decided(&["nixos-rebuild", "nixos-upgrade*"], "runs whatever its channel or flake says from then on"),
    decided(
        &[
            "gitlab-runner",
            "buildkite-agent",
            "Runner.Listener",
            "act_runner",
            "forgejo-runner",
            "woodpecker-agent",
            "drone-runner*",
            "buildbot-worker",
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
pub(super) const UNITS: &[(&str, FindingId, &str)] = &[
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
    ("fetch-ssh-keys.service", FindingId::OtherEntrance, "takes keys from the cloud"),
    ("amazon-init.service", FindingId::OtherEntrance, "runs what the user data of the cloud say, as root (EC2)"),
    ("openstack-init.service", FindingId::OtherEntrance, "takes keys from the cloud (OpenStack)"),
    (
        "digitalocean-set-root-password.service",
        FindingId::OtherEntrance,
        "takes root's password from the cloud (DigitalOcean)",
    ),
    (
        "digitalocean-init.service",
        FindingId::OtherEntrance,
        "runs what the user data of the cloud say, as root (DigitalOcean)",
    ),
    ("digitalocean-ssh-keys.service", FindingId::OtherEntrance, "takes a key of root from the cloud (DigitalOcean)"),
    ("code-tunnel.service", FindingId::OtherEntrance, "gives an editor with a terminal through a server elsewhere"),
];

/// Programs that combine many and run the one that their first argument names.
const BOXES: [&str; 2] = ["busybox", "toybox"];

impl Program {
    /// Whether a command runs the program, directly or through its script.
    pub(super) fn runs(&self, command: &Command, script: &str) -> bool {
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

/// The last part of a path.
pub(super) fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
