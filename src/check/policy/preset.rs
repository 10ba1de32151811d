//! Presets: what images for a purpose must hold.

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::assertion::Assertion;

/// A set of assertions with a name.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// What stock installers do on purpose is accepted: root and nixos have empty passwords, nixos is logged in on the console
    /// and becomes root. No password in clear text, no empty one through ssh, no secret on a kernel line.
    Installer,
    /// Nobody gets in but with a key or a password of his own: no empty password, none in clear text, nobody logged in at boot,
    /// no root without a password, no password through ssh, no shell from a kernel line.
    Appliance,
}

/// Users whom stock installers let in without a password.
const OF_INSTALLERS: [&str; 2] = ["root", "nixos"];

impl Preset {
    pub(super) fn assertions(self) -> Vec<Assertion> {
        let none = |id, except: &[&str]| Assertion::NoFinding {
            id,
            except: except.iter().map(|&name| name.to_owned()).collect(),
        };
        let mut all = vec![
            none("plaintext-password", &[]),
            none("empty-password-over-ssh", &[]),
            none("password-on-kernel-line", &[]),
            none("initrd-host-key", &[]),
        ];
        match self {
            Self::Installer => all.push(none("empty-password", &OF_INSTALLERS)),
            Self::Appliance => {
                all.push(none("empty-password", &[]));
                all.push(none("autologin", &[]));
                all.push(none("passwordless-root", &[]));
                all.push(none("trusted-user", &[]));
                all.push(none("shell-on-kernel-line", &[]));
                all.push(none("initrd-shell", &[]));
                all.push(none("emergency-shell", &[]));
                all.push(none("root-password-over-ssh", &[]));
                all.push(Assertion::SshPasswords(false));
            }
        }
        all
    }
}
