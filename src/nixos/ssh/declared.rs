//! The key files that NixOS writes for its users (`users.users.NAME.openssh.authorizedKeys`).

use crate::error::Result;
use crate::nixos::Root;

/// The directory of these files.
pub(in crate::nixos) const DIRECTORY: &str = "/etc/ssh/authorized_keys.d";

/// Suffixes of files that say how NixOS installs another file.
const SIDECARS: [&str; 3] = [".mode", ".uid", ".gid"];

/// The file of a user.
pub(in crate::nixos) fn file_of(user: &str) -> String {
    format!("{DIRECTORY}/{user}")
}

/// The users who have such a file.
///
/// # Errors
/// If the directory cannot be read.
pub(in crate::nixos) fn users(root: &Root<'_>) -> Result<Vec<String>> {
    let names = root.entries(DIRECTORY)?.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok());
    Ok(names.filter(|name| !SIDECARS.iter().any(|suffix| name.ends_with(suffix))).collect())
}
