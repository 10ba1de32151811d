//! What may be asserted of an image.

use std::fmt;

use globset::GlobMatcher;

use super::policy::Firmware;
use super::query::{PackageQuery, WantedKey};
use crate::fs::FileType;
use crate::nixos::PasswordState;
use crate::nixos::access::FindingId;
use crate::secrets::Allow;
use crate::store::version::Requirement;

/// One assertion.
#[derive(Clone, Debug)]
pub enum Assertion {
    /// The package is in the image.
    Package(PackageQuery),
    /// The default system has the package installed.
    Installed(PackageQuery),
    /// The package is not in the image.
    Forbid(PackageQuery),
    /// The command runs: its name leads through the system path to an existing executable.
    Command(String),
    /// The file exists.
    File(Vec<u8>),
    /// sshd would accept the key.
    Key {
        /// The key.
        key: WantedKey,
        /// For which user; none asks for any.
        user: Option<String>,
    },
    /// The image has no more bytes than this.
    MaxSize(u64),
    /// The volume's name matches the glob.
    VolumeId(GlobMatcher),
    /// The default system is for this platform: `x86_64-linux`.
    Platform(String),
    /// The image boots from this firmware.
    Boot(Firmware),
    /// The default system's kernel has such a version; the first is the requirement as it was written.
    Kernel(String, Requirement),
    /// The menu entry that boots by default has the kernel parameter.
    Param(String),
    /// No menu entry has the kernel parameter.
    NoParam(String),
    /// The default system has the package not installed.
    NotInstalled(PackageQuery),
    /// No more versions of the package are in the image.
    Copies {
        /// The package.
        query: PackageQuery,
        /// The most versions of it.
        most: usize,
    },
    /// There is no such file.
    NoFile(Vec<u8>),
    /// The file is of a type, or has a mode or contents.
    FileIs(Box<FileAssertion>),
    /// The user is there or not, with such a password, shell and groups.
    User(Box<UserAssertion>),
    /// No other keys let the user in, or anybody.
    OnlyKeys {
        /// The user; none for all users.
        user: Option<String>,
        /// The keys that may.
        allowed: Vec<WantedKey>,
    },
    /// sshd starts at boot, or does not.
    SshEnabled(bool),
    /// sshd takes passwords, or does not.
    SshPasswords(bool),
    /// `PermitRootLogin` has one of these values.
    PermitRootLogin(Vec<String>),
    /// No user has an empty password that opens anything.
    NoEmptyPasswords,
    /// No system has such a finding of `access`.
    NoFinding {
        /// The finding's id.
        id: FindingId,
        /// Subjects of whom it is accepted.
        except: Vec<String>,
    },
    /// No secret is in the image but in files with such paths.
    NoSecrets(Allow),
    /// The store is what is registered of it.
    Integrity,
}

/// What is asserted of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileAssertion {
    /// Its path in the running system.
    pub path: Vec<u8>,
    /// Its type, links followed; a symbolic link is asked of the path itself.
    pub file_type: Option<FileType>,
    /// Its permission bits.
    pub mode: Option<u16>,
    /// The SHA-256 of its contents.
    pub sha256: Option<[u8; 32]>,
    /// A text in it.
    pub contains: Option<String>,
}

/// What is asserted of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAssertion {
    /// Login name.
    pub name: String,
    /// Whether there is such a user.
    pub exists: bool,
    /// States that the password may be in.
    pub password: Option<Vec<PasswordState>>,
    /// Login shell.
    pub shell: Option<String>,
    /// Groups that the user is in.
    pub groups: Vec<String>,
}

impl Assertion {
    /// The kind, as reports call it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Package(_) => "package",
            Self::Installed(_) => "installed",
            Self::Forbid(_) => "forbid",
            Self::Command(_) => "command",
            Self::File(_) => "file",
            Self::Key { .. } => "key",
            Self::MaxSize(_) => "max-size",
            Self::VolumeId(_) => "volume-id",
            Self::Platform(_) => "system",
            Self::Boot(_) => "boot",
            Self::Kernel(..) => "kernel",
            Self::Param(_) => "param",
            Self::NoParam(_) => "no-param",
            Self::NotInstalled(_) => "not-installed",
            Self::Copies { .. } => "max-copies",
            Self::NoFile(_) => "no-file",
            Self::FileIs(_) => "file",
            Self::User(_) => "user",
            Self::OnlyKeys { .. } => "only-keys",
            Self::SshEnabled(_) | Self::SshPasswords(_) | Self::PermitRootLogin(_) => "ssh",
            Self::NoEmptyPasswords => "no-empty-passwords",
            Self::NoFinding { .. } => "access",
            Self::NoSecrets(_) => "secrets",
            Self::Integrity => "integrity",
        }
    }
}

/// The subject.
impl fmt::Display for Assertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Package(query) | Self::Installed(query) | Self::Forbid(query) => write!(formatter, "{query}"),
            Self::Command(name) => write!(formatter, "{name}"),
            Self::File(path) => write!(formatter, "{}", String::from_utf8_lossy(path)),
            Self::Key { key, user: Some(user) } => write!(formatter, "{key} for {user}"),
            Self::Key { key, user: None } => write!(formatter, "{key}"),
            Self::MaxSize(limit) => write!(formatter, "{limit}"),
            Self::VolumeId(glob) => write!(formatter, "{}", glob.glob()),
            Self::Platform(text) | Self::Kernel(text, _) | Self::Param(text) | Self::NoParam(text) => {
                write!(formatter, "{text}")
            }
            Self::Boot(Firmware::Bios) => write!(formatter, "bios"),
            Self::Boot(Firmware::Uefi) => write!(formatter, "uefi"),
            Self::NotInstalled(query) => write!(formatter, "{query}"),
            Self::Copies { query, most } => write!(formatter, "{query}, at most {most}"),
            Self::NoFile(path) => write!(formatter, "{}", String::from_utf8_lossy(path)),
            Self::FileIs(file) => write!(formatter, "{file}"),
            Self::User(user) => write!(formatter, "{user}"),
            Self::OnlyKeys { user: Some(user), .. } => write!(formatter, "{user}"),
            Self::OnlyKeys { user: None, .. } => write!(formatter, "all users"),
            Self::SshEnabled(true) => write!(formatter, "enabled"),
            Self::SshEnabled(false) => write!(formatter, "not enabled"),
            Self::SshPasswords(true) => write!(formatter, "password-authentication"),
            Self::SshPasswords(false) => write!(formatter, "no password-authentication"),
            Self::PermitRootLogin(values) => write!(formatter, "permit-root-login {}", values.join(" or ")),
            Self::NoEmptyPasswords => write!(formatter, "all users"),
            Self::NoFinding { id, except } if except.is_empty() => write!(formatter, "no {id}"),
            Self::NoFinding { id, except } => write!(formatter, "no {id} but of {}", except.join(", ")),
            Self::NoSecrets(_) => write!(formatter, "none"),
            Self::Integrity => write!(formatter, "store"),
        }
    }
}

/// The path, and what is asserted of it.
impl fmt::Display for FileAssertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", String::from_utf8_lossy(&self.path))?;
        if let Some(mode) = self.mode {
            write!(formatter, " mode {mode:04o}")?;
        }
        if self.sha256.is_some() {
            write!(formatter, " sha256")?;
        }
        match &self.contains {
            Some(text) => write!(formatter, " contains {text:?}"),
            None => Ok(()),
        }
    }
}

/// The name, and what is asserted.
impl fmt::Display for UserAssertion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.name)?;
        if !self.exists {
            write!(formatter, " does not exist")?;
        }
        if let Some(states) = &self.password {
            let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
            write!(formatter, " password {}", names.join(" or "))?;
        }
        if let Some(shell) = &self.shell {
            write!(formatter, " shell {shell}")?;
        }
        if self.groups.is_empty() { Ok(()) } else { write!(formatter, " in {}", self.groups.join(", ")) }
    }
}
