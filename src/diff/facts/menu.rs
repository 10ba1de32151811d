//! Entries of the boot menus.

use serde::{Deserialize, Serialize};

use super::mask;
use crate::nixos::menu::MenuEntry;

/// An entry of a boot menu.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// The menu file.
    pub file: String,
    /// The titles of the submenus that lead to the entry, then its own.
    pub title: String,
    /// The kernel's parameters, without passwords.
    pub params: Vec<String>,
}

impl MenuItem {
    pub(in crate::diff) fn of(entry: &MenuEntry) -> Self {
        let titles: Vec<&str> = entry.submenus.iter().map(AsRef::as_ref).chain([entry.title.as_str()]).collect();
        Self {
            file: mask::named(&entry.file),
            title: titles.join(" / "),
            params: entry.params.iter().map(|param| mask::parameter(param)).collect(),
        }
    }
}
