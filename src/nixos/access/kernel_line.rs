//! What the kernel lines of a boot menu open.

use super::finding::FindingId;
use crate::nixos::kernel_line::{Effect, Form, Stage, effect, effect_of_init, secret};
use crate::nixos::menu::MenuEntry;

/// A parameter that lets somebody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Door {
    /// The parameter, without its value if the value is secret.
    pub(super) name: String,
    /// The effect for whoever starts the entry.
    pub(super) effect: String,
    /// The kind of finding.
    pub(super) id: FindingId,
}

/// What an entry's parameters open.
pub(super) fn doors(entry: &MenuEntry) -> Vec<Door> {
    let parameters = entry.params.iter().filter_map(|parameter| Some((shown(parameter), effect(parameter)?)));
    let init = entry.init.as_deref().and_then(|init| Some((format!("init={init}"), effect_of_init(init)?)));
    let door = |(name, effect)| {
        let id = match effect {
            Effect::Password(..) => FindingId::PasswordOnKernelLine,
            Effect::Key(_) => FindingId::KeyOnKernelLine,
            _ => FindingId::ShellOnKernelLine,
        };
        Door { name, effect: words(effect), id }
    };
    parameters.chain(init).map(door).collect()
}

/// A parameter without its secret.
fn shown(parameter: &str) -> String {
    secret(parameter).map_or(parameter, |secret| secret.shown.trim_end_matches(['=', ':'])).to_owned()
}

fn words(effect: Effect<'_>) -> String {
    match effect {
        Effect::Password(user, Form::Clear) => {
            format!("sets the password of {user}; anyone who has the image can read it")
        }
        Effect::Password(user, Form::Hash) => {
            format!("sets the password of {user} by a hash that anyone who has the image can read")
        }
        Effect::Key(user) => format!("lets {user} in through ssh with a key"),
        Effect::Command => "runs a command as root".to_owned(),
        Effect::Breakpoint(Stage::System) => "stops in a root shell".to_owned(),
        Effect::Breakpoint(Stage::Initrd) => "stops in a root shell, in the initrd".to_owned(),
        Effect::DebugShell(Stage::System) => "opens a root shell on the ninth console".to_owned(),
        Effect::DebugShell(Stage::Initrd) => "opens a root shell on the ninth console, in the initrd".to_owned(),
        Effect::ShellOnFailure => "opens a root shell if booting fails".to_owned(),
        Effect::InitrdShell => "stops in a root shell, in the initrd".to_owned(),
        Effect::OpenEmergencyShell => "makes emergency shells ask for no password".to_owned(),
        Effect::InitrdProgram => "runs that program as root instead of the initrd's own".to_owned(),
        Effect::Shell => "starts a root shell instead of a system".to_owned(),
    }
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
                vec!["SYSTEMD_SULOGIN_FORCE=1"],
            ),
        ] {
            let found: Vec<_> = doors(&entry(params, init)).into_iter().map(|door| door.name).collect();
            assert_eq!(found, expected, "{params}");
        }
    }
}
