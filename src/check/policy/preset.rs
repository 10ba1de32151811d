//! Presets: what images for a purpose must hold.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::kind::{Accepting, Assertion, NoFinding, Ssh};
use crate::nixos::access::FindingId;

/// A set of assertions with a name.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// What stock installers do on purpose is accepted: root and nixos have empty passwords, nixos is logged in on the console
    /// and becomes root. No password in clear text, no empty password through ssh, no secret on a kernel line.
    Installer,
    /// Everybody needs a key or a secret password: no empty password, no password in clear text, nobody logged in at boot,
    /// no root without a password, no password through ssh, no shell from a kernel line.
    Appliance,
}

/// Users whom stock installers let in without a password.
const OF_INSTALLERS: [&str; 2] = ["root", "nixos"];

impl Preset {
    /// The word for it in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Installer => "installer",
            Self::Appliance => "appliance",
        }
    }

    pub(super) fn assertions(self) -> Vec<Assertion> {
        let none = |id, except: &[&str]| -> Assertion {
            NoFinding { id, except: except.iter().map(|&name| name.to_owned()).collect() }.into()
        };
        let mut all = vec![
            none(FindingId::PlaintextPassword, &[]),
            none(FindingId::EmptyPasswordOverSsh, &[]),
            none(FindingId::PasswordOnKernelLine, &[]),
            none(FindingId::InitrdHostKey, &[]),
        ];
        match self {
            Self::Installer => all.push(none(FindingId::EmptyPassword, &OF_INSTALLERS)),
            Self::Appliance => {
                all.push(none(FindingId::EmptyPassword, &[]));
                all.push(none(FindingId::Autologin, &[]));
                all.push(none(FindingId::PasswordlessRoot, &[]));
                all.push(none(FindingId::TrustedUser, &[]));
                all.push(none(FindingId::ShellOnKernelLine, &[]));
                all.push(none(FindingId::InitrdShell, &[]));
                all.push(none(FindingId::EmergencyShell, &[]));
                all.push(none(FindingId::RootPasswordOverSsh, &[]));
                all.push(Accepting::no_passwords(Ssh::Passwords(false).into()).into());
            }
        }
        all
    }
}
