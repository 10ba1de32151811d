//! Files in which secrets are ignored.

use std::ffi::OsStr;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::image::platform::OsStrExt;

/// Globs for the paths of files in which secrets are ignored.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    globs: Vec<String>,
    set: GlobSet,
}

impl Allow {
    /// Parses globs. `*` also matches `/`.
    ///
    /// # Errors
    /// Says which text is not a glob, and why.
    pub fn parse(globs: &[String]) -> Result<Self, String> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            set.add(Glob::new(glob).map_err(|error| format!("{glob} is not a glob: {}", error.kind()))?);
        }
        Ok(Self { globs: globs.to_vec(), set: set.build().map_err(|error| error.to_string())? })
    }

    /// The indices of the globs that match a path.
    pub(super) fn matches(&self, path: &[u8]) -> Vec<usize> {
        self.set.matches(OsStr::from_bytes(path))
    }

    /// The globs other than those with these indices.
    pub(super) fn others(&self, used: &[usize]) -> Vec<String> {
        let unused = self.globs.iter().enumerate().filter(|(index, _)| !used.contains(index));
        unused.map(|(_, glob)| glob.clone()).collect()
    }
}
