//! How one user logs in, from the answers for all entrances.

use super::Account;
use super::grants::{Entrance, Grant, Needs};
use crate::nixos::answer::Verdict;

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Logged in at boot.
    Autologin,
    /// On the console, without a password.
    ConsoleWithoutPassword,
    /// On the console, with a password.
    ConsolePassword,
    /// Through sshd, with a key.
    SshKey,
    /// Through sshd, with a certificate of an authority.
    SshCertificate,
    /// Through sshd, with a password.
    SshPassword,
    /// Through sshd, without a password.
    SshWithoutPassword,
}

impl Way {
    /// Its name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Autologin => "autologin",
            Self::ConsoleWithoutPassword => "console-without-password",
            Self::ConsolePassword => "console-password",
            Self::SshKey => "ssh-key",
            Self::SshCertificate => "ssh-certificate",
            Self::SshPassword => "ssh-password",
            Self::SshWithoutPassword => "ssh-without-password",
        }
    }

    /// The way in for an entrance and the secret it needs. `None` for entrances that make a logged-in user root.
    fn of(grant: &Grant) -> Option<Self> {
        let without = matches!(grant.needs, Needs::EmptyPassword | Needs::Nothing);
        match grant.entrance {
            Entrance::Autologin => Some(Self::Autologin),
            Entrance::Console if without => Some(Self::ConsoleWithoutPassword),
            Entrance::Console => Some(Self::ConsolePassword),
            Entrance::SshKey => Some(Self::SshKey),
            Entrance::SshCertificate => Some(Self::SshCertificate),
            Entrance::SshPassword | Entrance::SshKeyboardInteractive if without => Some(Self::SshWithoutPassword),
            Entrance::SshPassword | Entrance::SshKeyboardInteractive => Some(Self::SshPassword),
            Entrance::Root(_) => None,
        }
    }
}

impl Account {
    /// The ways in, without duplicates. An uncertain way is included if its password or key is known.
    #[must_use]
    pub fn ways(&self) -> Vec<Way> {
        let open = self.entrances.iter().filter(|grant| grant.answer.opens() && !grant.answer.is_untold());
        let mut ways: Vec<Way> = open.filter_map(Way::of).collect();
        ways.sort();
        ways.dedup();
        ways
    }

    /// Whether this user has the way in.
    #[must_use]
    pub fn has(&self, way: Way) -> bool {
        self.ways().contains(&way)
    }

    /// Whether something that the image does not say may open an entrance.
    #[must_use]
    pub fn is_unsure(&self) -> bool {
        self.entrances.iter().any(|grant| grant.verdict() == Verdict::Unknown)
    }
}
