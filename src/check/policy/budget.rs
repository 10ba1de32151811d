//! `[size]`: budgets for what the store holds.

use std::path::Path;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::kind::{Assertion, Budget};
use super::file::Check;
use super::tables::{SeverityWord, Size};

/// `[size]`: unpacked sizes, as Nix counts them.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SizeTable {
    /// The most bytes that the closure of the default system may have.
    pub(super) closure: Option<Size>,
    /// The most bytes that any one store path may have.
    pub(super) package: Option<Size>,
    /// The most bytes by which the store may be larger than `manifest` says.
    pub(super) growth: Option<Size>,
    /// What `growth` compares with, from the policy's own folder on: a manifest, or the output of `nix path-info --json -r`.
    pub(super) manifest: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

impl SizeTable {
    pub(super) fn assertions(&self, folder: &Path) -> Result<Vec<Assertion>, String> {
        let mut all: Vec<Assertion> = Vec::new();
        if let Some(size) = &self.closure {
            all.push(Budget::Closure(size.bytes()?).into());
        }
        if let Some(size) = &self.package {
            all.push(Budget::Package(size.bytes()?).into());
        }
        if let (Some(size), Some(manifest)) = (&self.growth, &self.manifest) {
            let path = folder.join(manifest);
            let budget =
                Budget::growth(size.bytes()?, &path).map_err(|reason| format!("{}: {reason}", path.display()))?;
            all.push(budget.into());
        }
        Ok(all)
    }
}

impl Check for SizeTable {
    fn check(&self) -> Result<(), String> {
        match (&self.growth, &self.manifest) {
            (Some(_), None) => return Err("growth needs manifest, which says how large the store was".to_owned()),
            (None, Some(_)) => return Err("manifest says nothing without growth".to_owned()),
            (None, None) if self.closure.is_none() && self.package.is_none() => {
                return Err("the table asserts nothing: give closure, package or growth".to_owned());
            }
            _ => {}
        }
        let sizes = [&self.closure, &self.package, &self.growth];
        sizes.into_iter().flatten().try_for_each(|size| size.bytes().map(|_| ()))
    }
}
