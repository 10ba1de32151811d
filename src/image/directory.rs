//! Directories that hold a NixOS system instead of an image.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::products::PRODUCTS;
use crate::error::{Error, Result};

/// The store, below the root of a system.
const STORE: &str = "nix/store";

/// A directory of this machine with a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// The root of the system: the directory with `nix/store`.
    pub path: PathBuf,
    /// The toplevel in that store, if it was given instead of the root: `/nix/store/…-nixos-system-…`.
    pub system: Option<String>,
}

impl Directory {
    /// The directory that `name` leads to: the root of a system, or a toplevel in a store. `None` for anything else.
    ///
    /// # Errors
    /// [`Error::NoImage`] for a toplevel outside a store, [`Error::Io`] if a link cannot be followed.
    pub(super) fn find(name: &Path) -> Result<Option<Self>> {
        if !name.is_dir() || name.join(PRODUCTS).exists() {
            return Ok(None);
        }
        if name.join(STORE).is_dir() {
            return Ok(Some(Self { path: name.to_path_buf(), system: None }));
        }
        // What a toplevel has since 2009. Links may lead nowhere, for a store that is mounted elsewhere.
        let has = |file: &str| fs::symlink_metadata(name.join(file)).is_ok();
        if !(has("init") && has("sw") && has("activate")) {
            return Ok(None);
        }
        let real = fs::canonicalize(name).map_err(|source| Error::Io { path: name.to_path_buf(), source })?;
        match in_store(&real) {
            Some((path, base)) => Ok(Some(Self { path, system: Some(format!("/{STORE}/{base}")) })),
            None => {
                let reason =
                    "a system outside a store; give it in its store, as ROOT/nix/store/…, or the ROOT".to_owned();
                Err(Error::NoImage { path: name.to_path_buf(), reason })
            }
        }
    }
}

/// The root of the store that contains a path, and the name of its store path.
fn in_store(path: &Path) -> Option<(PathBuf, String)> {
    let store = path.parent()?;
    let root = store.parent().filter(|nix| store.file_name() == Some(OsStr::new("store")) && nix.ends_with("nix"))?;
    Some((root.parent()?.to_path_buf(), path.file_name()?.to_str()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toplevel_leads_to_the_root_of_its_store() {
        let root = tempfile::tempdir().unwrap();
        let toplevel = root.path().join("nix/store/eeee-nixos-system-x");
        fs::create_dir_all(toplevel.join("sw")).unwrap();
        assert_eq!(Directory::find(&toplevel).unwrap(), None);
        fs::write(toplevel.join("init"), "").unwrap();
        fs::write(toplevel.join("activate"), "").unwrap();
        let system = Some("/nix/store/eeee-nixos-system-x".to_owned());
        let path = fs::canonicalize(root.path()).unwrap();
        assert_eq!(Directory::find(&toplevel).unwrap(), Some(Directory { path, system }));
        let path = root.path().to_path_buf();
        assert_eq!(Directory::find(&path).unwrap(), Some(Directory { path, system: None }));
        assert_eq!(Directory::find(&root.path().join("nix")).unwrap(), None);
    }

    #[test]
    fn a_system_outside_a_store_is_an_error_that_says_what_to_give() {
        let root = tempfile::tempdir().unwrap();
        for name in ["init", "sw", "activate"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        let error = Directory::find(root.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("a system outside a store; give it in its store, as ROOT/nix/store/…, or the ROOT"),
            "{error}"
        );
    }
}
