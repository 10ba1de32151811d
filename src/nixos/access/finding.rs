//! A finding: one fact worth knowing about who can log in.

use std::fmt;

/// One fact worth knowing about who can log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of finding.
    pub id: FindingId,
    /// Its severity.
    pub severity: Severity,
    /// Its subject: a user, a file, a menu entry.
    pub subject: String,
    /// One sentence.
    pub message: String,
    /// The file in the image that causes it.
    pub path: Option<String>,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Strangers can log in, or a secret is exposed.
    Error,
    /// Probably not intended.
    Warning,
    /// Good to know.
    Info,
}

/// The table of all kinds of findings: title, name in documents and policies, severity.
macro_rules! findings {
    ($(#[doc = $title:literal] $id:ident = $name:literal, $severity:ident;)+) => {
        /// A sort of finding. Its name is the same in every release.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FindingId {
            $(#[doc = $title] $id,)+
        }

        impl FindingId {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// Its name in documents and policies: `empty-password`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$id => $name,)+ }
            }

            /// Its severity, unless the finding says otherwise.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$id => Severity::$severity,)+ }
            }

            /// What it is about, in one line.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$id => $title.trim_ascii(),)+ }
            }
        }
    };
}

findings! {
    /// A user, and how he or she can log in.
    Login = "login", Info;
    /// A password is in the image in clear text.
    PlaintextPassword = "plaintext-password", Error;
    /// Anyone who reaches sshd can log in without a password.
    EmptyPasswordOverSsh = "empty-password-over-ssh", Error;
    /// Anyone at the console can log in without a password.
    EmptyPassword = "empty-password", Warning;
    /// Root can log in through ssh with a password.
    RootPasswordOverSsh = "root-password-over-ssh", Error;
    /// No password has the hash that is declared.
    BrokenHash = "broken-hash", Warning;
    /// libcrypt refuses the hash of a password.
    OldHash = "old-hash", Warning;
    /// A password comes from a file that is not in the image.
    PasswordNotInImage = "password-not-in-image", Warning;
    /// The initrd may set passwords.
    PasswordsWrittenAtBoot = "passwords-written-at-boot", Warning;
    /// The hash of a password is readable by anyone who has the image.
    HashInStore = "hash-in-store", Info;
    /// sshd is masked.
    SshdMasked = "sshd-masked", Info;
    /// The unit of sshd has no command.
    SshdWithoutCommand = "sshd-without-command", Warning;
    /// The unit of sshd links to something that is not in the image.
    SshdDangling = "sshd-dangling", Error;
    /// The system has no sshd.
    SshdAbsent = "sshd-absent", Info;
    /// Nothing starts sshd at boot.
    SshdNotStarted = "sshd-not-started", Warning;
    /// The configuration of sshd is not in the image.
    SshdConfigMissing = "sshd-config-missing", Error;
    /// Another sshd has a configuration of its own.
    AnotherSshd = "another-sshd", Warning;
    /// A line keeps sshd from starting.
    MalformedSshdConfig = "malformed-sshd-config", Warning;
    /// A command gives sshd more keys.
    KeysByCommand = "keys-by-command", Warning;
    /// sshd lets in by a method other than keys and passwords.
    OtherSshMethod = "other-ssh-method", Warning;
    /// Keys let in others, but not root.
    NoKeyForRoot = "no-key-for-root", Info;
    /// sshd does not accept a key that is authorized.
    KeyRefused = "key-refused", Warning;
    /// Certificates of an authority let a user in.
    CertificateAuthority = "certificate-authority", Info;
    /// sshd reads keys from a file that is not in the image.
    KeysElsewhere = "keys-elsewhere", Info;
    /// A script or unit may write keys at boot.
    KeysWrittenAtBoot = "keys-written-at-boot", Warning;
    /// A key is authorized for a user who does not exist.
    KeyWithoutUser = "key-without-user", Warning;
    /// A line of a file of keys holds no key.
    MalformedKey = "malformed-key", Warning;
    /// Nix trusts a user, which is as good as root.
    TrustedUser = "trusted-user", Warning;
    /// A user becomes root without a password.
    PasswordlessRoot = "passwordless-root", Warning;
    /// A user runs commands as somebody else without a password.
    PasswordlessCommand = "passwordless-command", Warning;
    /// A program other than sshd lets somebody in.
    OtherEntrance = "other-entrance", Warning;
    /// Somebody else decides later what the system runs.
    DecidedElsewhere = "decided-elsewhere", Info;
    /// A program beyond the stock ones runs as root for everyone.
    SetuidWrapper = "setuid-wrapper", Warning;
    /// A file in the store or on the disc is setuid or setgid.
    SetuidFile = "setuid-file", Warning;
    /// A file in the store has capabilities.
    CapableFile = "capable-file", Warning;
    /// A file in the store or on the disc is writable by everyone.
    WorldWritable = "world-writable", Warning;
    /// A file in the store or on the disc is not owned by root.
    NotOwnedByRoot = "not-owned-by-root", Warning;
    /// A line of a file of rules is malformed.
    MalformedRule = "malformed-rule", Warning;
    /// A file is included but not in the image.
    UnreadFile = "unread-file", Warning;
    /// A user is logged in at boot.
    Autologin = "autologin", Warning;
    /// The emergency shell asks for no password.
    EmergencyShell = "emergency-shell", Warning;
    /// The initrd cannot be read.
    InitrdUnreadable = "initrd-unreadable", Warning;
    /// The emergency shell of the initrd asks for no password.
    InitrdShell = "initrd-shell", Info;
    /// The hash of the initrd's password is readable by anyone who has the image.
    InitrdHash = "initrd-hash", Info;
    /// A key lets root in to the initrd.
    InitrdSshKey = "initrd-ssh-key", Info;
    /// A file of the initrd leads out of it.
    InitrdUnread = "initrd-unread", Warning;
    /// A private key of the host is in the initrd.
    InitrdHostKey = "initrd-host-key", Error;
    /// A kernel line sets a password.
    PasswordOnKernelLine = "password-on-kernel-line", Error;
    /// A kernel line lets a user in with a key.
    KeyOnKernelLine = "key-on-kernel-line", Warning;
    /// A kernel line opens a root shell.
    ShellOnKernelLine = "shell-on-kernel-line", Info;
    /// A limit is reached. What lies past it is unknown.
    OverLimit = "over-limit", Warning;
    /// The image does not list its users in a known form.
    UsersUnknown = "users-unknown", Warning;
}

impl Finding {
    pub(super) fn new(id: FindingId, subject: &str, message: impl Into<String>, path: Option<&str>) -> Self {
        let (subject, path) = (subject.to_owned(), path.map(str::to_owned));
        Self { id, severity: id.severity(), subject, message: message.into(), path }
    }

    /// Whether another system has the same finding. The titles of menu entries differ between systems, even if the same
    /// parameters open the same doors.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let of_menu = matches!(
            self.id,
            FindingId::PasswordOnKernelLine | FindingId::KeyOnKernelLine | FindingId::ShellOnKernelLine
        );
        let key = |finding: &Self| (finding.id, finding.severity);
        key(self) == key(other)
            && self.subject == other.subject
            && (of_menu || (&self.message, &self.path) == (&other.message, &other.path))
    }
}

impl FindingId {
    /// Whether it is about the initrd.
    #[must_use]
    pub fn is_of_initrd(self) -> bool {
        matches!(
            self,
            Self::InitrdUnreadable
                | Self::InitrdShell
                | Self::InitrdHash
                | Self::InitrdSshKey
                | Self::InitrdUnread
                | Self::InitrdHostKey
        )
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl Severity {
    /// Its name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_sort_of_finding_has_a_name_of_its_own_and_a_title() {
        let names: HashSet<_> = FindingId::ALL.iter().map(|id| id.name()).collect();
        assert_eq!(names.len(), FindingId::ALL.len());
        assert!(FindingId::ALL.iter().all(|id| id.title().ends_with('.') && !id.title().starts_with(' ')));
    }
}
