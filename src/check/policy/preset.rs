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
    /// Everybody needs a key, or a secret password at the console: no empty password, no password in clear text, nobody logged in
    /// at boot, no root without a password, no password through ssh, no shell from a kernel line. No program other than sshd
    /// lets anybody in, no keys are written at boot, and nobody elsewhere decides what runs.
    Appliance,
}

/// Users whom stock installers let in without a password.
const OF_INSTALLERS: &[&str] = &["root", "nixos"];

/// What a preset thinks of a kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stance {
    Refused,
    /// Refused, except about these subjects.
    Except(&'static [&'static str]),
    Accepted,
}

use Stance::{Accepted, Except, Refused};

/// Every kind of finding: what the installer thinks of it, and what the appliance thinks of it.
const TABLE: &[(FindingId, Stance, Stance)] = &[
    // Passwords.
    (FindingId::Login, Accepted, Accepted),
    (FindingId::PlaintextPassword, Refused, Refused),
    (FindingId::EmptyPasswordOverSsh, Refused, Refused),
    (FindingId::EmptyPassword, Except(OF_INSTALLERS), Refused),
    (FindingId::RootPasswordOverSsh, Accepted, Refused),
    (FindingId::BrokenHash, Accepted, Accepted),
    (FindingId::OldHash, Accepted, Accepted),
    (FindingId::PasswordNotInImage, Accepted, Accepted),
    (FindingId::PasswordsWrittenAtBoot, Accepted, Refused),
    (FindingId::HashInStore, Accepted, Accepted),
    (FindingId::UsersUnknown, Accepted, Accepted), // all others are unknown then
    // sshd. One that does not start lets nobody in.
    (FindingId::SshdMasked, Accepted, Accepted),
    (FindingId::SshdWithoutCommand, Accepted, Accepted),
    (FindingId::SshdDangling, Accepted, Accepted),
    (FindingId::SshdAbsent, Accepted, Accepted),
    (FindingId::SshdNotStarted, Accepted, Accepted),
    (FindingId::SshdConfigMissing, Accepted, Accepted), // what it may hide is unknown then
    (FindingId::AnotherSshd, Accepted, Refused),
    (FindingId::MalformedSshdConfig, Accepted, Accepted),
    (FindingId::OtherSshMethod, Accepted, Refused),
    // Keys. Those in the image are known, so `[[key]] only` can judge them.
    (FindingId::KeysByCommand, Accepted, Refused),
    (FindingId::NoKeyForRoot, Accepted, Accepted),
    (FindingId::KeyRefused, Accepted, Accepted),
    (FindingId::CertificateAuthority, Accepted, Accepted),
    (FindingId::KeysElsewhere, Accepted, Accepted),
    (FindingId::KeysWrittenAtBoot, Accepted, Refused),
    (FindingId::KeyWithoutUser, Accepted, Accepted),
    (FindingId::MalformedKey, Accepted, Accepted),
    // Root, and other programs.
    (FindingId::TrustedUser, Accepted, Refused),
    (FindingId::PasswordlessRoot, Accepted, Refused),
    (FindingId::PasswordlessCommand, Accepted, Accepted),
    (FindingId::SetuidWrapper, Accepted, Refused),
    (FindingId::MalformedRule, Accepted, Accepted),
    (FindingId::UnreadFile, Accepted, Accepted), // a way to become root is unknown then
    (FindingId::OtherEntrance, Accepted, Refused),
    (FindingId::DecidedElsewhere, Accepted, Refused),
    (FindingId::Autologin, Accepted, Refused),
    // Before the system runs.
    (FindingId::EmergencyShell, Accepted, Refused),
    (FindingId::InitrdUnreadable, Accepted, Accepted), // what it may hide is unknown then
    (FindingId::InitrdShell, Accepted, Refused),
    (FindingId::InitrdHash, Accepted, Accepted),
    (FindingId::InitrdSshKey, Accepted, Accepted),
    (FindingId::InitrdUnread, Accepted, Accepted), // what it may hide is unknown then
    (FindingId::InitrdHostKey, Refused, Refused),
    (FindingId::PasswordOnKernelLine, Refused, Refused),
    (FindingId::KeyOnKernelLine, Accepted, Refused),
    (FindingId::ShellOnKernelLine, Accepted, Refused),
    // Checks do not read the modes of all files.
    (FindingId::SetuidFile, Accepted, Accepted),
    (FindingId::CapableFile, Accepted, Accepted),
    (FindingId::WorldWritable, Accepted, Accepted),
    (FindingId::NotOwnedByRoot, Accepted, Accepted),
    (FindingId::OverLimit, Accepted, Accepted), // all others are unknown then
];

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
        let mut all: Vec<Assertion> = Vec::new();
        for &(id, installer, appliance) in TABLE {
            let stance = match self {
                Self::Installer => installer,
                Self::Appliance => appliance,
            };
            let except = match stance {
                Accepted => continue,
                Refused => &[],
                Except(subjects) => subjects,
            };
            all.push(NoFinding { id, except: except.iter().map(|&name| name.to_owned()).collect() }.into());
        }
        if self == Self::Appliance {
            all.push(Accepting::no_passwords(Ssh::Passwords(false).into()).into());
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_finding_has_one_row() {
        let mut rows: Vec<FindingId> = TABLE.iter().map(|(id, ..)| *id).collect();
        rows.sort();
        assert_eq!(rows, FindingId::ALL);
    }

    #[test]
    fn an_appliance_refuses_all_that_an_installer_refuses() {
        for (id, installer, appliance) in TABLE {
            assert!(*installer == Accepted || *appliance == Refused, "{id}");
        }
    }
}
