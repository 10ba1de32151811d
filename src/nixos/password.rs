//! What a password would be on the first boot of an image.

use std::fmt;

/// A user's password on a fresh boot.
///
/// The password itself, or its hash, is not kept: nobody should find it in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// What it comes to.
    pub state: PasswordState,
    /// The option or file that decides: `initialHashedPassword`, `password`, `users.root`; none where nothing does.
    pub option: Option<String>,
    /// How it is hashed.
    pub scheme: Option<Scheme>,
    /// The file of the image that says so.
    pub source: Option<String>,
}

/// What a password comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PasswordState {
    /// The user logs in without one where PAM permits it.
    Empty,
    /// Something that no password hashes to: `!`, `*`.
    Locked,
    /// None is declared, which locks the account.
    None,
    /// It stands in the store, where everybody can read it.
    Plaintext,
    /// Its hash stands in the store.
    Hashed,
    /// It comes from a file that is not in the image.
    File,
    /// The image does not tell.
    Unknown,
}

/// How a password is hashed, by the prefix that crypt(5) gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `$y$`
    Yescrypt,
    /// `$gy$`
    GostYescrypt,
    /// `$7$`
    Scrypt,
    /// `$2a$`, `$2b$`, `$2x$`, `$2y$`
    Bcrypt,
    /// `$6$`
    Sha512,
    /// `$5$`
    Sha256,
    /// `$sha1`
    Sha1,
    /// `$md5`
    SunMd5,
    /// `$1$`
    Md5,
    /// `$3$`
    Nt,
    /// `_`
    BsdiDes,
    /// Thirteen characters without a prefix.
    Des,
    /// None that crypt(5) knows.
    Unknown,
}

impl Password {
    /// A password of which the image says nothing.
    #[must_use]
    pub fn unknown() -> Self {
        Self { state: PasswordState::Unknown, option: None, scheme: None, source: None }
    }
}

impl PasswordState {
    /// The word for it in documents and policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Locked => "locked",
            Self::None => "none",
            Self::Plaintext => "plaintext",
            Self::Hashed => "hashed",
            Self::File => "file",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for PasswordState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
