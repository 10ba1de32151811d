//! The answer to "does this open?": granted, denied or unknown, with the conditions and the lines that cause it.
//!
//! These are facts. Only `words` decides how each one reads in English. To add a condition, add its variant here and its line
//! there.

mod words;

pub use words::with_doubts;

use std::sync::Arc;

use super::access;

/// Whether an entrance opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It opens, under the conditions of its answer.
    Granted,
    /// It does not open.
    Denied,
    /// The image does not say.
    Unknown,
}

/// The line or the file that decides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    /// The file in the image.
    pub path: Arc<str>,
    /// The line, counted from 1. `None` if the whole file decides.
    pub line: Option<u64>,
}

/// A fact, and what in the image causes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Caused<T> {
    /// The fact.
    pub what: T,
    /// `None` if nothing in the image says so, as with a default of the program.
    pub cause: Option<Cause>,
}

impl<T> Caused<T> {
    /// A fact that a line or a file causes.
    pub fn by(what: T, cause: Cause) -> Self {
        Self { what, cause: Some(cause) }
    }

    /// A fact that follows from a default.
    pub fn by_default(what: T) -> Self {
        Self { what, cause: None }
    }
}

/// What must hold for an entrance to open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// sshd accepts only these addresses (`from=` of a key).
    From(String),
    /// Until that time (`expiry-time=` of a key).
    Until(String),
    /// Before this day, on which the account expires.
    AccountUntil(String),
    /// The key runs this command and nothing else (`command=` of a key).
    Command(String),
    /// sshd runs this command and nothing else (`ForceCommand`).
    ForcedCommand(String),
    /// Together with the other methods of this list (`AuthenticationMethods`).
    Together(String),
    /// Not from hosts that this pattern matches (`DenyUsers user@host`).
    NotFromHosts(String),
    /// Only from hosts that this pattern matches (`AllowUsers user@host`).
    OnlyFromHosts(String),
    /// Only if a `Match` block with these criteria applies. That depends on the connection.
    Within(String),
    /// Only with a certificate that has a command of its own (`PermitRootLogin forced-commands-only`).
    CertificateCommand,
    /// The image does not list the groups that `AllowGroups` or `DenyGroups` ask for.
    UnlistedGroups,
    /// This file does not revoke the key (`RevokedKeys`).
    NotRevoked(String),
    /// Somebody must start sshd, since nothing does at boot.
    StartedByHand,
    /// Only through the sshd of this unit, which runs beside the usual one.
    Through {
        /// The unit.
        unit: String,
        /// The ports on which it listens. Empty if the image does not say.
        ports: Vec<u16>,
    },
    /// This condition of sshd's unit must hold.
    OfUnit(String),
    /// This condition of the unit that logs the user in must hold.
    Holds(String),
    /// Only to forward ports or to use sftp: this shell ends at once.
    NoShell(String),
    /// A condition of a rule of sudo or doas.
    Rule(access::Condition),
}

/// A file that decides, of which the contents are unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unread {
    /// It is not in the image.
    Missing(String),
    /// It is over a limit.
    OverLimit(String),
}

impl Unread {
    /// The path of the file.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            Self::Missing(file) | Self::OverLimit(file) => file,
        }
    }
}

/// Why an entrance does not open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The system has no sshd.
    NoSshd,
    /// The unit of sshd is masked.
    Masked(String),
    /// The unit of sshd is a link to something that is missing.
    Dangling {
        /// The unit.
        unit: String,
        /// The target of its link.
        missing: String,
    },
    /// The unit of sshd has no command that runs it.
    NoCommand(String),
    /// The contents of the configuration that sshd reads are unknown.
    NoConfiguration(Unread),
    /// sshd does not start with its configuration. Says what is wrong with it.
    Broken(String),
    /// The system has no such user.
    NoUser(String),
    /// Nothing creates the account, because its password file is missing.
    NoAccount {
        /// The user.
        user: String,
        /// The missing file.
        file: String,
    },
    /// The account expired on this day.
    Expired(String),
    /// `PubkeyAuthentication no`.
    KeysOff,
    /// `PasswordAuthentication no`, and keyboard-interactive is no way around it.
    PasswordsOff,
    /// `PermitEmptyPasswords no`.
    EmptyPasswordsOff,
    /// `PermitRootLogin no`, for this user.
    RootOff(String),
    /// `PermitRootLogin` does not let this user in with a password.
    RootPassword {
        /// The user with uid 0.
        user: String,
        /// The value of the keyword.
        permit: String,
    },
    /// `PermitRootLogin forced-commands-only`, and the key has no command.
    CommandsOnly,
    /// `RefuseConnection yes`.
    Connection,
    /// `MaxAuthTries 0`.
    NoTries,
    /// A `!` locks the account. This also applies to keys, since sshd works without PAM (`UsePAM no`).
    LockedAccount(String),
    /// No list of `AuthenticationMethods` has keys.
    MethodsWithoutKeys(String),
    /// No list of `AuthenticationMethods` has passwords.
    MethodsWithoutPasswords(String),
    /// `DenyUsers` lists the user.
    DenyUsers(String),
    /// `AllowUsers` lists others.
    AllowUsers(String),
    /// `DenyGroups` lists a group of the user.
    DenyGroups(String),
    /// `AllowGroups` lists no group of the user.
    AllowGroups(String),
    /// `PubkeyAcceptedAlgorithms` leaves out the type of the key.
    Algorithm {
        /// The type of the key.
        kind: String,
        /// The value of the keyword.
        accepted: String,
    },
    /// A DSA key. OpenSSH 7.0 and later refuse it.
    Dsa,
    /// A certificate in a file of keys.
    ListedCertificate,
    /// The line has `cert-authority`.
    Authority,
    /// The line has `principals=` without `cert-authority`.
    StrayPrincipals,
    /// The line has an option that sshd does not know.
    UnknownOption(String),
    /// The line has an option that is repeated or whose value sshd does not accept.
    OptionValue(&'static str),
    /// `from=` of the line has a network with bits after its mask.
    BadHosts(String),
    /// The `expiry-time=` of the line has passed.
    ExpiredKey(String),
    /// An RSA key that is too short (`RequiredRSASize`).
    Short {
        /// Its bits.
        bits: usize,
        /// The minimum that sshd accepts.
        least: usize,
    },
    /// `PubkeyAcceptedAlgorithms` removes all algorithms.
    NoAlgorithm(String),
    /// A value of `AuthenticationMethods` that makes sshd end the connection.
    BadMethods(String),
    /// `RevokedKeys` lists the key.
    Revoked(String),
    /// `RevokedKeys` names this file, but it is not in the image: sshd then refuses every key.
    NoRevokedKeys(String),
    /// This line of `RevokedKeys` is not a key: sshd then refuses every key.
    BrokenRevokedKeys {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
    },
    /// `RevokedKeys` names a malformed KRL: sshd then refuses every key.
    BrokenKrl(String),
    /// sshd cannot read the file as the user.
    UnreadableKeys {
        /// The file.
        file: String,
        /// Its mode.
        mode: u32,
    },
    /// `StrictModes`: users other than the owner may write to the file, or to a directory above it.
    LooseMode {
        /// The file of keys.
        file: String,
        /// The file or directory that others may write to.
        path: String,
    },
    /// `StrictModes`: the file, or a directory above it, belongs to neither root nor the user.
    ForeignOwner {
        /// The file of keys.
        file: String,
        /// The file or directory that belongs to somebody else.
        path: String,
    },
    /// The account has no password.
    NoPassword,
    /// The password is locked.
    Locked,
    /// No password produces such a hash.
    BrokenHash,
    /// The console does not accept empty passwords.
    EmptyOnConsole,
    /// PAM does not let sshd accept empty passwords.
    EmptyByPam,
    /// A PAM module refuses, whatever the password is.
    Pam(String),
    /// Keyboard-interactive is off. Holds the line that says so.
    KeyboardInteractiveOff(&'static str),
    /// No key is authorized.
    NoKey,
    /// No certificate authority is trusted.
    NoAuthority,
    /// The shell at this path is not in the image.
    MissingShell(String),
    /// The shell with this name ends a session at once.
    Shell(String),
}

/// Something that may reverse an answer, but that the image does not say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// A `Match` block with this criterion. Whether it applies depends on the connection.
    Match(String),
    /// The contents of the configuration that sshd reads are unknown.
    NoConfiguration(String),
    /// This command may return more keys (`AuthorizedKeysCommand`).
    KeysCommand(String),
    /// This file may hold more keys. It is not in the image.
    KeysFile(String),
    /// This file may hold more keys. The image shows only a part of it.
    KeysPart(String),
    /// A script or unit may write keys to this path at boot.
    KeysWritten {
        /// What runs it.
        by: String,
        /// The path, as the script or unit writes it.
        path: String,
    },
    /// A command prints the names that a certificate may have; it must have one of them.
    Principals,
    /// This file is not in the image. It holds the names that a certificate may have; it must have one of them.
    PrincipalsFile(String),
    /// This file holds certificate authorities. It is not in the image.
    AuthoritiesFile(String),
    /// Whether PAM accepts empty passwords.
    EmptyByPam,
    /// The image does not say what this PAM module answers.
    Pam(String),
    /// Whether libcrypt accepts hashes of this scheme.
    OldScheme(String),
    /// The password comes from this file. It is not in the image.
    PasswordFile(String),
    /// The password comes from this file if it exists at boot. It is not in the image.
    PasswordReplaced(String),
    /// This file of the initrd may set passwords before the system starts.
    PasswordsWritten(String),
    /// The password, or whether there is one.
    UntoldPassword,
}

impl Doubt {
    /// Whether the image lacks both the password and the key that would open the entrance.
    fn is_untold(&self) -> bool {
        matches!(
            self,
            Self::KeysCommand(_)
                | Self::KeysFile(_)
                | Self::KeysPart(_)
                | Self::AuthoritiesFile(_)
                | Self::KeysWritten { .. }
                | Self::PasswordFile(_)
                | Self::UntoldPassword
                | Self::Pam(_)
        )
    }

    /// Whether it leaves the whole answer open. A `Match` block decides about some connections only.
    fn is_whole(&self) -> bool {
        !matches!(self, Self::Match(_))
    }
}

/// The answer for one entrance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Why the entrance does not open, according to the image. `None` if it opens.
    pub refusal: Option<Caused<Refusal>>,
    /// The conditions under which it opens.
    pub conditions: Vec<Caused<Condition>>,
    /// What may reverse the answer.
    pub doubts: Vec<Caused<Doubt>>,
}

impl Answer {
    /// An entrance that never opens.
    #[must_use]
    pub fn denied(refusal: Caused<Refusal>) -> Self {
        Self { refusal: Some(refusal), ..Self::default() }
    }

    /// The answer in one word.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match &self.refusal {
            None if self.doubts.iter().any(|doubt| doubt.what.is_whole()) => Verdict::Unknown,
            None => Verdict::Granted,
            Some(_) if self.doubts.is_empty() => Verdict::Denied,
            Some(_) => Verdict::Unknown,
        }
    }

    /// Whether the image lacks both the password and the key that would open the entrance.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        self.doubts.iter().any(|doubt| doubt.what.is_untold())
    }

    /// Whether the entrance opens, as far as the image says.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.refusal.is_none()
    }

    /// Whether the entrance always opens, for everybody who has the key or the password.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.opens() && self.conditions.is_empty() && self.doubts.is_empty()
    }
}
