//! Lists of revoked keys (sshd_config(5), `RevokedKeys`).

use super::key::{KeyLine, PublicKey};
use crate::error::{Error, Result};
use crate::nixos::Root;

/// Limit for a list, in bytes.
const LONGEST: u64 = 4 << 20;

/// The beginning of a list in binary form (KRL, PROTOCOL.krl).
const MAGIC: &[u8] = b"SSHKRL\n\0";

/// A list of revoked keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Revoked {
    /// It is not in the image.
    Missing,
    /// It is a binary list, or too long.
    Unread,
    /// Its keys.
    Keys(Vec<PublicKey>),
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
        if bytes.starts_with(MAGIC) {
            return Ok(Self::Unread);
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
            ("SSHKRL\n\0more", Revoked::Unread),
            (&format!("{listed}nonsense\n"), Revoked::Broken(4)),
            (&format!("no-pty {key}\n"), Revoked::Broken(1)),
        ] {
            let made = Made::of(&[("/s/etc/ssh/revoked", text)]);
            assert_eq!(Revoked::of(&made.system(), "/etc/ssh/revoked").unwrap(), expected, "{text:?}");
        }
        assert_eq!(Revoked::of(&Made::of(&[]).system(), "/etc/ssh/revoked").unwrap(), Revoked::Missing);
    }
}
