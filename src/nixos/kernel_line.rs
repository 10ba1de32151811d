//! The kernel parameters that let somebody in, and those whose values are secrets.

use std::borrow::Cow;

use super::credential::Credential;

/// The effect of a parameter for whoever starts the menu entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect<'w> {
    /// Sets a user's password.
    Password(&'w str, Form),
    /// Gives a user a key that sshd accepts.
    Key(&'w str),
    /// Runs a command as root.
    Command,
    /// Stops in a root shell.
    Breakpoint(Stage),
    /// Opens a root shell on the ninth console.
    DebugShell(Stage),
    /// Opens a root shell if booting fails.
    ShellOnFailure,
    /// Stops in a root shell in the initrd.
    InitrdShell,
    /// Makes emergency shells ask for no password.
    OpenEmergencyShell,
    /// Runs a program as root in place of the initrd's own.
    InitrdProgram,
    /// Runs a shell as root in place of the system.
    Shell,
}

/// How a password is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Clear,
    Hash,
}

/// Where a shell opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Initrd,
    System,
}

/// A known parameter.
struct Row {
    name: &'static str,
    value: Value,
    effect: Effect<'static>,
}

/// The values that have the effect.
enum Value {
    /// Any value. Without one, the parameter has no effect.
    Any,
    /// Any value except `0`, `no`, `off` and `false`, or no value.
    On,
    /// Values with this prefix. An on or off value may follow it.
    Begins(&'static str),
}

/// Parameters of NixOS (stage-1-init.sh, installer/cd-dvd/installation-cd-base.nix, installer/netboot/netboot.nix), of systemd
/// (systemd(1), systemd-debug-generator(8)) and of the kernel (kernel-parameters.txt).
const PARAMETERS: [Row; 20] = {
    use Effect::{
        Breakpoint, Command, DebugShell, InitrdProgram, InitrdShell, OpenEmergencyShell, Password, ShellOnFailure,
    };
    use Value::{Any, Begins, On};
    const fn row(name: &'static str, value: Value, effect: Effect<'static>) -> Row {
        Row { name, value, effect }
    }
    [
        row("live.nixos.passwd", Any, Password("nixos", Form::Clear)),
        row("live.nixos.password", Any, Password("root", Form::Clear)),
        row("live.nixos.passwordHash", Any, Password("root", Form::Hash)),
        row("live.nixos.passwordhash", Any, Password("root", Form::Hash)),
        row("systemd.debug-shell", On, DebugShell(Stage::System)),
        row("systemd.debug_shell", On, DebugShell(Stage::System)),
        row("rd.systemd.debug-shell", On, DebugShell(Stage::Initrd)),
        row("rd.systemd.debug_shell", On, DebugShell(Stage::Initrd)),
        row("systemd.wants", Begins("debug-shell"), DebugShell(Stage::System)),
        row("rd.systemd.wants", Begins("debug-shell"), DebugShell(Stage::Initrd)),
        row("systemd.run", Any, Command),
        row("systemd.break", On, Breakpoint(Stage::System)),
        row("rd.systemd.break", On, Breakpoint(Stage::Initrd)),
        row("boot.shell_on_fail", On, ShellOnFailure),
        row("boot.debug1", On, InitrdShell),
        row("boot.debug1devices", On, InitrdShell),
        row("boot.debug1mounts", On, InitrdShell),
        row("SYSTEMD_SULOGIN_FORCE", On, OpenEmergencyShell),
        row("systemd.setenv", Begins("SYSTEMD_SULOGIN_FORCE="), OpenEmergencyShell),
        row("rdinit", Begins("/bin/"), InitrdProgram),
    ]
};

/// Parameters that pass a credential to systemd, and the encoding of its value.
const CREDENTIALS: [(&str, Encoding); 2] =
    [("systemd.set_credential", Encoding::Text), ("systemd.set_credential_binary", Encoding::Base64)];

/// Parts of the names of other parameters whose values are secrets, in lower case.
const SECRET_NAMES: [&str; 6] = ["passw", "passphrase", "psk", "secret", "token", "privatekey"];

/// Shells.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "fish", "ksh", "busybox"];

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Text,
    Base64,
}

/// A parameter whose value is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secret<'w> {
    /// The part before the secret, which anyone may see: `live.nixos.passwd=`.
    pub(crate) shown: &'w str,
    /// The secret.
    pub(crate) value: &'w str,
    /// The kind of secret. A parameter that is not in the table counts as a [`Credential::Secret`].
    pub(crate) of: Credential<'w>,
    pub(crate) encoding: Encoding,
}

/// The effect of one parameter, if it lets anyone in.
pub(crate) fn effect(parameter: &str) -> Option<Effect<'_>> {
    let (name, value) = split(parameter);
    let credential = credential(parameter).map(|secret| secret.of);
    match credential {
        Some(Credential::Password(user)) => return Some(Effect::Password(user, Form::Clear)),
        Some(Credential::Keys(user)) => return Some(Effect::Key(user)),
        Some(Credential::PasswordHash(user)) => return Some(Effect::Password(user, Form::Hash)),
        _ => {}
    }
    let has_effect = |row: &&Row| match (&row.value, value) {
        (Value::Any, value) => value.is_some(),
        (Value::On, value) => value.is_none_or(is_on),
        (Value::Begins(begin), value) => value.and_then(|value| value.strip_prefix(begin)).is_some_and(is_on),
    };
    PARAMETERS.iter().filter(|row| row.name == name).find(has_effect).map(|row| row.effect)
}

/// The effect of the program that a kernel line starts in place of the system's own `init`.
pub(crate) fn effect_of_init(init: &str) -> Option<Effect<'_>> {
    SHELLS.contains(&init.rsplit('/').next().unwrap_or_default()).then_some(Effect::Shell)
}

/// The secret in a parameter. It may be a hash or even empty.
pub(crate) fn secret(parameter: &str) -> Option<Secret<'_>> {
    if let Some(secret) = credential(parameter) {
        return secret.of.is_secret().then_some(secret);
    }
    let (name, value) = split(parameter);
    let value = value?;
    let of = match PARAMETERS.iter().find(|row| row.name == name).map(|row| row.effect) {
        Some(Effect::Password(user, Form::Clear)) => Credential::Password(user),
        Some(Effect::Password(user, Form::Hash)) => Credential::PasswordHash(user),
        _ => {
            let name = name.to_ascii_lowercase();
            SECRET_NAMES.iter().any(|part| name.contains(part)).then_some(Credential::Secret)?
        }
    };
    let shown = parameter.strip_suffix(value)?;
    Some(Secret { shown, value, of, encoding: Encoding::Text })
}

/// A parameter with an ellipsis in place of a secret value, so that anyone may see it.
pub(crate) fn public(parameter: &str) -> Cow<'_, str> {
    match secret(parameter) {
        Some(secret) => Cow::Owned(format!("{}…", secret.shown)),
        None => Cow::Borrowed(parameter),
    }
}

/// The credential that a parameter passes to systemd: `systemd.set_credential=NAME:VALUE`.
fn credential(parameter: &str) -> Option<Secret<'_>> {
    let (name, value) = split(parameter);
    let (_, encoding) = CREDENTIALS.iter().find(|(known, _)| *known == name)?;
    let (credential, value) = value?.split_once(':')?;
    let shown = parameter.strip_suffix(value)?;
    Some(Secret { shown, value, of: Credential::named(credential), encoding: *encoding })
}

fn split(parameter: &str) -> (&str, Option<&str>) {
    parameter.split_once('=').map_or((parameter, None), |(name, value)| (name, Some(value)))
}

fn is_on(value: &str) -> bool {
    !matches!(value, "0" | "no" | "n" | "off" | "false" | "f")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_has_an_effect_only_with_a_value_that_turns_it_on() {
        use Effect::{DebugShell, OpenEmergencyShell, Password};
        for (parameter, expected) in [
            ("quiet", None),
            ("live.nixos.passwd=x", Some(Password("nixos", Form::Clear))),
            ("live.nixos.passwd", None),
            ("live.nixos.passwordHash=$6$", Some(Password("root", Form::Hash))),
            ("systemd.debug_shell", Some(DebugShell(Stage::System))),
            ("rd.systemd.debug_shell=1", Some(DebugShell(Stage::Initrd))),
            ("systemd.debug_shell=0", None),
            ("systemd.debug_shell=ttyS0", Some(DebugShell(Stage::System))),
            ("systemd.wants=debug-shell.service", Some(DebugShell(Stage::System))),
            ("systemd.wants=sshd.service", None),
            ("systemd.run=\"/bin/sh -c x\"", Some(Effect::Command)),
            ("rd.systemd.break=pre-mount", Some(Effect::Breakpoint(Stage::Initrd))),
            ("systemd.set_credential=ssh.authorized_keys.root:ssh-ed25519", Some(Effect::Key("root"))),
            ("systemd.set_credential_binary=ssh.authorized_keys.root:c3No", Some(Effect::Key("root"))),
            ("systemd.setenv=SYSTEMD_SULOGIN_FORCE=1", Some(OpenEmergencyShell)),
            ("systemd.setenv=SYSTEMD_SULOGIN_FORCE=0", None),
            ("systemd.setenv=LANG=C", None),
            ("rdinit=/bin/sh", Some(Effect::InitrdProgram)),
            ("systemd.set_credential=passwd.plaintext-password.bob:x", Some(Password("bob", Form::Clear))),
            ("systemd.set_credential_binary=passwd.hashed-password.bob:eA==", Some(Password("bob", Form::Hash))),
            ("systemd.set_credential=firstboot.locale:C.UTF-8", None),
        ] {
            assert_eq!(effect(parameter), expected, "{parameter}");
        }
        assert_eq!(effect_of_init("/run/current-system/sw/bin/zsh"), Some(Effect::Shell));
        assert_eq!(effect_of_init("/nix/store/s/init"), None);
    }

    #[test]
    fn a_secret_is_divided_from_what_anyone_may_see() {
        let root = Credential::Password("root");
        for (parameter, expected) in [
            ("live.nixos.password=a=b:c", Some(("live.nixos.password=", "a=b:c", root))),
            (
                "systemd.set_credential=passwd.plaintext-password.root:hunter2pw",
                Some(("systemd.set_credential=passwd.plaintext-password.root:", "hunter2pw", root)),
            ),
            (
                "systemd.set_credential=passwd.hashed-password.root:",
                Some(("systemd.set_credential=passwd.hashed-password.root:", "", Credential::PasswordHash("root"))),
            ),
            ("wifi.PSK=hunter2", Some(("wifi.PSK=", "hunter2", Credential::Secret))),
            ("systemd.set_credential=ssh.authorized_keys.root:ssh-ed25519 AAAA", None),
            ("systemd.set_credential=firstboot.locale:C.UTF-8", None),
            ("loglevel=4", None),
            ("secretive", None),
        ] {
            let found = secret(parameter).map(|secret| (secret.shown, secret.value, secret.of));
            assert_eq!(found, expected, "{parameter}");
        }
        let binary = secret("systemd.set_credential_binary=wifi.psk:aHVudGVyMg==").map(|secret| secret.encoding);
        assert_eq!(binary, Some(Encoding::Base64));
    }
}
