//! A key that is in the image, but perhaps not where sshd would read it.

use data_encoding::BASE64;

use super::{KeyLine, PublicKey};
use crate::error::Result;
use crate::fs::path;
use crate::fs::walk::Walk;
use crate::fs::{FileType, Tree};

/// Longer files are no lists of keys.
const LONGEST: u64 = 1 << 20;

/// A place where the key stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The file.
    pub file: Vec<u8>,
    /// The line, counted from 1.
    pub line: u64,
}

/// Looks for a key in all files that are named as files of keys and of declarations are. The names of everything are
/// read, and the contents of those few.
///
/// # Errors
/// Where the root cannot be read; what lies deeper and cannot be read is passed over.
pub fn search(
    tree: &dyn Tree,
    is_wanted: &dyn Fn(&PublicKey) -> bool,
    exact: Option<&PublicKey>,
) -> Result<Vec<Sighting>> {
    let base64 = exact.map(|key| BASE64.encode(&key.blob));
    let mut sightings = Vec::new();
    for visit in Walk::new(tree, tree.root(), b"/").flatten() {
        let name = visit.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        if visit.file_type != FileType::File || !may_hold_keys(name) {
            continue;
        }
        let Ok(bytes) = path::read(tree, &visit.path, LONGEST) else { continue };
        for (number, line) in (1u64..).zip(String::from_utf8_lossy(&bytes).lines()) {
            let parsed = KeyLine::parse(line).ok().flatten();
            let quoted = base64.as_ref().is_some_and(|base64| line.contains(base64.as_str()));
            if quoted || parsed.is_some_and(|line| is_wanted(&line.key)) {
                sightings.push(Sighting { file: visit.path.clone(), line: number });
            }
        }
    }
    Ok(sightings)
}

fn may_hold_keys(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name);
    name.contains("authorized_keys")
        || name.contains("authorized-keys")
        || name.ends_with(".pub")
        || name.starts_with("id_")
        || name.ends_with("configuration.nix")
        || name.ends_with("users-groups.json")
        || name.ends_with("-keys")
        || name.ends_with("keys.nix")
        || matches!(&*name, "root" | "nixos" | "activate")
}
