//! What a password would be on the first boot of an image.

use std::fmt;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Digits that tell one hash from another.
const DIGITS: usize = 12;

/// Letters of a salt, six bits each.
const LONG_SALT: usize = 12;

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
    /// The first digits of the SHA-256 of its hash, which tell one hash from another; none where somebody could find the password
    /// by them.
    pub digits: Option<String>,
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
    /// `$sm3y$`
    Sm3Yescrypt,
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
        Self { state: PasswordState::Unknown, option: None, scheme: None, digits: None, source: None }
    }
}

impl Password {
    /// None is declared.
    #[must_use]
    pub fn none() -> Self {
        Self { state: PasswordState::None, ..Self::unknown() }
    }

    /// The password of a field of `/etc/shadow`: a hash, nothing, or what no password hashes to.
    #[must_use]
    pub fn of_hash(option: &str, field: &str, source: &str) -> Self {
        let (state, scheme) = match Scheme::of(field) {
            _ if field.is_empty() => (PasswordState::Empty, None),
            Some(scheme) => (PasswordState::Hashed, Some(scheme)),
            None => (PasswordState::Locked, None),
        };
        let digits = scheme.filter(|scheme| scheme.has_long_salt(field)).map(|_| {
            let mut digits = HEXLOWER.encode(&Sha256::digest(field));
            digits.truncate(DIGITS);
            digits
        });
        Self { state, option: Some(option.to_owned()), scheme, digits, source: Some(source.to_owned()) }
    }

    /// A password that stands there as it is typed.
    #[must_use]
    pub fn of_text(option: &str, text: &str, source: &str) -> Self {
        let state = if text.is_empty() { PasswordState::Empty } else { PasswordState::Plaintext };
        Self { state, option: Some(option.to_owned()), source: Some(source.to_owned()), ..Self::unknown() }
    }

    /// A password in a file that the image does not have.
    #[must_use]
    pub fn of_absent_file(option: &str, file: &str) -> Self {
        let (option, source) = (Some(option.to_owned()), Some(file.to_owned()));
        Self { state: PasswordState::File, option, source, ..Self::unknown() }
    }

    /// Whether somebody who knows the password logs in with it.
    #[must_use]
    pub fn opens(&self) -> bool {
        matches!(self.state, PasswordState::Plaintext | PasswordState::Hashed)
    }
}

/// Characters of a DES hash, and of the salts and hashes of most others (crypt(5)).
fn is_crypt64(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/'))
}

impl Scheme {
    /// How a field of `/etc/shadow` is hashed; none where no password hashes to it.
    #[must_use]
    pub fn of(field: &str) -> Option<Self> {
        const PREFIXES: [(&str, Scheme); 14] = [
            ("$y$", Scheme::Yescrypt),
            ("$gy$", Scheme::GostYescrypt),
            ("$sm3y$", Scheme::Sm3Yescrypt),
            ("$7$", Scheme::Scrypt),
            ("$2a$", Scheme::Bcrypt),
            ("$2b$", Scheme::Bcrypt),
            ("$2x$", Scheme::Bcrypt),
            ("$2y$", Scheme::Bcrypt),
            ("$6$", Scheme::Sha512),
            ("$5$", Scheme::Sha256),
            ("$sha1", Scheme::Sha1),
            ("$md5", Scheme::SunMd5),
            ("$1$", Scheme::Md5),
            ("$3$", Scheme::Nt),
        ];
        if let Some((_, scheme)) = PREFIXES.iter().find(|(prefix, _)| field.starts_with(prefix)) {
            return Some(*scheme);
        }
        match field.strip_prefix('_') {
            Some(rest) => (rest.len() == 19 && is_crypt64(rest)).then_some(Self::BsdiDes),
            None if field.starts_with('$') => Some(Self::Unknown),
            None => (field.len() == 13 && is_crypt64(field)).then_some(Self::Des),
        }
    }

    /// Whether a hash has a salt that nobody guesses. Without, its digest would do in the place of the hash.
    fn has_long_salt(self, field: &str) -> bool {
        let salt = field.rsplit('$').nth(1).map_or(0, str::len);
        match self {
            Self::Yescrypt | Self::GostYescrypt | Self::Sm3Yescrypt | Self::Sha512 | Self::Sha256 => salt >= LONG_SALT,
            // Behind eleven letters of parameters.
            Self::Scrypt => salt >= 11 + LONG_SALT,
            // Always 22 letters, with nothing between them and the hash.
            Self::Bcrypt => field.len() == 60,
            _ => false,
        }
    }

    /// Whether libxcrypt takes it as nixpkgs has built it since 23.05 (pkgs/by-name/li/libxcrypt, `enabledCryptSchemeIds`).
    #[must_use]
    pub fn is_current(self) -> bool {
        use Scheme::{Bcrypt, GostYescrypt, Scrypt, Sha512, Sm3Yescrypt, Yescrypt};
        matches!(self, Yescrypt | GostYescrypt | Sm3Yescrypt | Scrypt | Bcrypt | Sha512)
    }

    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Yescrypt => "yescrypt",
            Self::GostYescrypt => "gost-yescrypt",
            Self::Sm3Yescrypt => "sm3-yescrypt",
            Self::Scrypt => "scrypt",
            Self::Bcrypt => "bcrypt",
            Self::Sha512 => "sha512",
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
            Self::SunMd5 => "sunmd5",
            Self::Md5 => "md5",
            Self::Nt => "nt",
            Self::BsdiDes => "bsdi-des",
            Self::Des => "des",
            Self::Unknown => "unknown",
        }
    }
}

impl PasswordState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Empty, Self::Locked, Self::None, Self::Plaintext, Self::Hashed, Self::File, Self::Unknown];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_shadow_is_judged_by_its_prefix() {
        use PasswordState::{Empty, Hashed, Locked};
        for (field, state, scheme) in [
            ("", Empty, None),
            ("!", Locked, None),
            ("!!", Locked, None),
            ("*", Locked, None),
            ("!$6$salt$hash", Locked, None),
            ("x", Locked, None),
            ("$y$j9T$salt$hash", Hashed, Some(Scheme::Yescrypt)),
            ("$2b$05$abc", Hashed, Some(Scheme::Bcrypt)),
            ("$6$salt$hash", Hashed, Some(Scheme::Sha512)),
            ("$1$salt$hash", Hashed, Some(Scheme::Md5)),
            ("$new$salt$hash", Hashed, Some(Scheme::Unknown)),
            ("ab0./ABzy1234", Hashed, Some(Scheme::Des)),
            ("ab0./ABzy123", Locked, None),
            ("_J9..CCCCXBrJUJV154M", Hashed, Some(Scheme::BsdiDes)),
        ] {
            let password = Password::of_hash("hashedPassword", field, "/x");
            assert_eq!((password.state, password.scheme), (state, scheme), "{field}");
        }
    }
}
