//! `[[closure]]`: a closure that must be in the image.

use std::path::Path;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::kind::{Assertion, Closure};
use super::file::Check;
use super::tables::SeverityWord;

/// `[[closure]]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ClosureTable {
    /// A file that lists store paths, from the policy's own folder on: the output of `nix path-info --json -r` or `nix-store -qR`,
    /// or a manifest.
    pub(super) file: String,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

impl ClosureTable {
    pub(super) fn assertion(&self, folder: &Path) -> Result<Assertion, String> {
        let path = folder.join(&self.file);
        let closure = Closure::read(&path, &self.file).map_err(|reason| format!("{}: {reason}", path.display()))?;
        Ok(closure.into())
    }
}

/// The file is read later, from the folder of the policy on.
impl Check for ClosureTable {
    fn check(&self) -> Result<(), String> {
        if self.file.is_empty() { Err("file is empty".to_owned()) } else { Ok(()) }
    }
}
