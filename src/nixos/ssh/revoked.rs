//! Lists of revoked keys (sshd_config(5), `RevokedKeys`).

use std::sync::Arc;

use super::key::{KeyLine, PublicKey};
use super::krl::{self, Disputed, Krl};
use crate::error::{Error, Result};
use crate::nixos::Root;
use crate::store::version;

/// Limit for a list, in bytes.
const LONGEST: u64 = 4 << 20;

/// The first OpenSSH that skips signatures and unknown extensions of a binary list.
const FIRST_TO_SKIP: &str = "9.4";

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
    /// Reads the list at `path`, as this version of OpenSSH does.
    ///
    /// # Errors
    /// If the file exists but cannot be read.
    pub(super) fn of(root: &Root<'_>, path: &str, version: Option<&str>) -> Result<Self> {
        let bytes = match root.bytes(path, LONGEST) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Self::Missing),
            Err(Error::Limit { .. }) => return Ok(Self::Unread),
            Err(error) => return Err(error),
        };
        if bytes.starts_with(krl::MAGIC) {
            return Ok(Self::of_krl(&bytes, version));
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

    fn of_krl(bytes: &[u8], openssh: Option<&str>) -> Self {
        let Some(list) = Krl::parse(bytes) else { return Self::BrokenKrl };
        let skips = openssh.map(|own| version::compare(own, FIRST_TO_SKIP).is_ge());
        match (list.disputed, skips) {
            (None, _) | (Some(_), Some(true)) => Self::Krl(Arc::new(list)),
            (Some(Disputed::Extension), Some(false)) => Self::BrokenKrl,
            // Signatures are not checked here.
            (Some(Disputed::Signature), Some(false)) | (Some(_), None) => Self::Unread,
        }
    }

    /// Whether the list may revoke certificates of the authority, or the keys that they certify.
    pub(super) fn may_revoke_certificates_of(&self, authority: &PublicKey) -> bool {
        match self {
            Self::Missing | Self::Unread | Self::BrokenKrl | Self::Broken(_) => false,
            Self::Keys(keys) => !keys.is_empty(),
            Self::Krl(list) => list.may_revoke_certificates_of(authority),
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
            assert_eq!(Revoked::of(&made.system(), "/etc/ssh/revoked", None).unwrap(), expected, "{text:?}");
        }
        assert_eq!(Revoked::of(&Made::of(&[]).system(), "/etc/ssh/revoked", None).unwrap(), Revoked::Missing);
    }

    #[test]
    fn the_version_decides_whether_unknown_sections_of_a_binary_list_count() {
        let header = [krl::MAGIC, &[0, 0, 0, 1], &[0; 32]].concat();
        let extension = [&header[..], &[255, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        let signature = [&header[..], &[4, 0, 0, 0, 0, 0, 0, 0, 0]].concat();
        for (bytes, old, new, unknown) in [
            (&header, "Krl", "Krl", "Krl"),
            (&extension, "BrokenKrl", "Krl", "Unread"),
            (&signature, "Unread", "Krl", "Unread"),
        ] {
            let read = |version| format!("{:?}", Revoked::of_krl(bytes, version));
            let versions = [Some("9.3p2"), Some("9.4p1"), None];
            let found = versions.map(|version| read(version).split('(').next().unwrap().to_owned());
            assert_eq!(found, [old, new, unknown], "{bytes:?}");
        }
    }
}
