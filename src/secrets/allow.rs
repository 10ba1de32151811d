//! Files that may hold secrets.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use globset::{Glob, GlobSet, GlobSetBuilder};

/// Globs for the paths of files that may hold secrets.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    globs: Vec<String>,
    set: GlobSet,
}

impl Allow {
    /// Reads globs, in which `*` goes through `/`.
    ///
    /// # Errors
    /// What is no glob.
    pub fn parse(globs: &[String]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(Glob::new(glob).map_err(|error| format!("{glob} is no glob: {}", error.kind()))?);
        }
        Ok(Self { globs: globs.to_vec(), set: set.build().map_err(|error| error.to_string())? })
    }

    /// The places of the globs that allow a path.
    pub(super) fn matches(&self, path: &[u8]) -> Vec<usize> {
        self.set.matches(OsStr::from_bytes(path))
    }

    /// The globs beside those at these places.
    pub(super) fn others(&self, used: &[usize]) -> Vec<String> {
        let unused = self.globs.iter().enumerate().filter(|(index, _)| !used.contains(index));
        unused.map(|(_, glob)| glob.clone()).collect()
    }
}
