//! Lists of revoked keys (sshd_config(5), `RevokedKeys`).

use std::sync::Arc;

use super::key::{KeyLine, PublicKey};
use super::krl::{self, Krl};
use crate::error::{Error, Result};
use crate::nixos::Root;

/// Limit for a list, in bytes.
const LONGEST: u64 = 4 << 20;

/// A list of revoked keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    /// It is not in the image.
    Missing,
    /// It is too long, or a binary list that versions of OpenSSH read differently.
    Unread,
    /// Its keys.
    Keys(Vec<PublicKey>),
    /// It is a binary list (KRL).
    Krl(Arc<Krl>),
    /// It is a malformed binary list. sshd then refuses every key.
    BrokenKrl,
    /// This line is not a key. sshd then refuses every key.
    Broken(u64),
}

impl Revoked {
    /// Reads the list at `path`.
    ///
    /// # Errors
    /// If the file exists but cannot be read.
    pub(super) fn of(root: &Root<'_>, path: &str) -> Result<Self> {
        let bytes = match root.bytes(path, LONGEST) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Self::Missing),
            Err(Error::Limit { .. }) => return Ok(Self::Unread),
            Err(error) => return Err(error),
        };
        if bytes.starts_with(krl::MAGIC) {
            return Ok(Self::of_krl(&bytes));
        }
        let mut keys = Vec::new();
        for (number, line) in (1u64..).zip(String::from_utf8_lossy(&bytes).lines()) {
            match KeyLine::parse(line) {
                Ok(None) => {}
                Ok(Some(line)) if line.options.is_empty() => keys.push(line.key),
                Ok(Some(_)) | Err(_) => return Ok(Self::Broken(number)),
            }
        }
        Ok(Self::Keys(keys))
    }

    fn of_krl(bytes: &[u8]) -> Self {
        match Krl::parse(bytes) {
            None => Self::BrokenKrl,
            Some(list) if list.has_disputed_sections => Self::Unread,
            Some(list) => Self::Krl(Arc::new(list)),
        }
    }

    /// Whether the list may revoke the key of a certificate, or the certificate itself.
    pub(super) fn may_revoke_certificates(&self) -> bool {
        match self {
            Self::Missing | Self::Unread | Self::BrokenKrl | Self::Broken(_) => false,
            Self::Keys(keys) => !keys.is_empty(),
            Self::Krl(list) => !list.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn a_list_is_read_to_its_end_or_refuses_every_key() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";
        let public = KeyLine::parse(key).unwrap().unwrap().key;
        let listed = format!("# comment\n\n {key} eve\n");
        for (text, expected) in [
            ("", Revoked::Keys(Vec::new())),
            (listed.as_str(), Revoked::Keys(vec![public])),
            ("SSHKRL\n\0more", Revoked::BrokenKrl),
            (&format!("{listed}nonsense\n"), Revoked::Broken(4)),
            (&format!("no-pty {key}\n"), Revoked::Broken(1)),
        ] {
            let made = Made::of(&[("/s/etc/ssh/revoked", text)]);
            assert_eq!(Revoked::of(&made.system(), "/etc/ssh/revoked").unwrap(), expected, "{text:?}");
        }
        assert_eq!(Revoked::of(&Made::of(&[]).system(), "/etc/ssh/revoked").unwrap(), Revoked::Missing);
    }
}
