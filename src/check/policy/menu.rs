//! `[[menu]]`: entries of the boot menus.

use globset::Glob;
#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::kind::{Assertion, MenuTitle};
use super::file::Check;
use super::tables::SeverityWord;

/// `[[menu]]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct MenuTable {
    /// A glob for the title of an entry.
    pub(super) title: String,
    /// Whether no menu may have such an entry; otherwise each must have one.
    #[serde(default)]
    pub(super) absent: bool,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

impl MenuTable {
    pub(super) fn assertion(&self) -> Result<Assertion, String> {
        let title = Glob::new(&self.title).map_err(|_| format!("{:?} is not a glob", self.title))?.compile_matcher();
        Ok(match self.absent {
            true => MenuTitle::Absent(title).into(),
            false => MenuTitle::Present(title).into(),
        })
    }
}

impl Check for MenuTable {
    fn check(&self) -> Result<(), String> {
        if self.title.is_empty() {
            return Err("title is empty, and no entry has an empty title".to_owned());
        }
        self.assertion().map(|_| ())
    }
}
