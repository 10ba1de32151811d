//! A user's password on the first boot of an image.

mod scheme;

use std::fmt;

use data_encoding::HEXLOWER;
#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use scheme::Scheme;

/// Hexadecimal digits that identify a hash in reports.
const DIGITS: usize = 12;

/// A user's password on a fresh boot.
///
/// It holds neither the password nor its hash, so that no report can show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// What kind of password it is.
    pub state: PasswordState,
    /// The option or file that decides: `initialHashedPassword`, `password`, `users.root`. `None` if nothing sets it.
    pub option: Option<String>,
    /// How it is hashed, if it is.
    pub scheme: Option<Scheme>,
    /// The first digits of the SHA-256 of its hash, for comparing two hashes. `None` if the password could be guessed from them.
    pub digits: Option<String>,
    /// The file of the image that sets it.
    pub source: Option<String>,
    /// Whether the field begins with `!`: without PAM, sshd then refuses keys too.
    pub disabled: bool,
    /// What is special about it.
    pub quirk: Option<Quirk>,
    /// A file outside the image. If it exists at boot, the password in it replaces this one.
    pub replaced_by: Option<String>,
}

/// What is special about a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quirk {
    /// No password produces such a hash: it is cut, has bad parameters, or is of an unknown scheme.
    Broken,
    /// A hash of the empty text, like any other hash: pressing Enter opens the account wherever a password does.
    HashedEmpty,
}

/// The kind of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PasswordState {
    /// The user logs in without a password where PAM permits it.
    Empty,
    /// The field is one that no password hashes to, such as `!` or `*`.
    Locked,
    /// No password is declared, which locks the account.
    None,
    /// The password is in the image in clear text.
    Plaintext,
    /// The password's hash is in the image.
    Hashed,
    /// The password comes from a file that is not in the image.
    File,
    /// The image does not say. Nobody asks for that.
    #[serde(skip)]
    Unknown,
}

impl Password {
    /// A password that the image says nothing about.
    #[must_use]
    pub fn unknown() -> Self {
        let (option, source) = (None, None);
        let state = PasswordState::Unknown;
        Self { state, option, scheme: None, digits: None, source, disabled: false, quirk: None, replaced_by: None }
    }

    /// No password is declared.
    #[must_use]
    pub fn none() -> Self {
        Self { state: PasswordState::None, disabled: true, ..Self::unknown() }
    }

    /// The password of a field in `/etc/shadow`: a hash, empty, or locked.
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
        let disabled = field.starts_with('!');
        // pam_unix treats every hash of 13 or more characters without a dollar sign as DES.
        let is_broken = |scheme: &Scheme| *scheme == Scheme::BsdiDes || !scheme.fits(field);
        let quirk = scheme.filter(is_broken).map(|_| Quirk::Broken);
        let (option, source) = (Some(option.to_owned()), Some(source.to_owned()));
        Self { state, option, scheme, digits, source, disabled, quirk, replaced_by: None }
    }

    /// The same password in a line of the file that the C library skips. It opens nothing.
    #[must_use]
    pub(super) fn unreadable(self) -> Self {
        match self.state {
            PasswordState::Empty => Self { state: PasswordState::Locked, ..self },
            PasswordState::Hashed => Self { quirk: Some(Quirk::Broken), ..self },
            _ => self,
        }
    }

    /// A password in clear text.
    #[must_use]
    pub fn of_text(option: &str, text: &str, source: &str) -> Self {
        let empty = text.is_empty();
        let state = if empty { PasswordState::Empty } else { PasswordState::Plaintext };
        let (option, source) = (Some(option.to_owned()), Some(source.to_owned()));
        Self { state, option, source, quirk: empty.then_some(Quirk::HashedEmpty), ..Self::unknown() }
    }

    /// A password in a file that is not in the image.
    #[must_use]
    pub fn of_absent_file(option: &str, file: &str) -> Self {
        let (option, source) = (Some(option.to_owned()), Some(file.to_owned()));
        Self { state: PasswordState::File, option, source, ..Self::unknown() }
    }

    /// Whether there is a password that logs the user in.
    #[must_use]
    pub fn opens(&self) -> bool {
        matches!(self.state, PasswordState::Plaintext | PasswordState::Hashed)
    }
}

impl PasswordState {
    /// Every state.
    pub const ALL: [Self; 7] =
        [Self::Empty, Self::Locked, Self::None, Self::Plaintext, Self::Hashed, Self::File, Self::Unknown];

    /// Its name in documents and policies.
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
