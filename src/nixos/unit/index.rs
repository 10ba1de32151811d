//! The names in the units directory, and the units read so far.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use super::kernel::Kernel;
use super::{FOLDER, Lookup, Script, Start, name};
use crate::error::{Error, Place, Result};
use crate::fs::{FileType, Kind};
use crate::nixos::Root;

/// Limit for names in that directory, including drop-in folders and links. NixOS has some 500.
pub(super) const MOST_NAMES: usize = 20_000;

/// Limit for the names of one unit, and for links from one to another.
pub(super) const MOST_ALIASES: usize = 100;

/// What [`Units`] has read so far. The [`Root`] keeps it, so that all callers share it.
#[derive(Default)]
pub(in crate::nixos) struct Index {
    /// The names in the directory. For a link to another unit of the directory, that unit.
    pub(super) names: BTreeMap<String, Option<String>>,
    /// The other names of each unit.
    pub(super) aliases: HashMap<String, Vec<String>>,
    pub(super) kernel: Kernel,
    pub(super) loaded: Mutex<Loaded>,
    /// Scripts by path. `None` for a program that is not a script.
    pub(super) scripts: Mutex<HashMap<String, Option<Arc<Script>>>>,
    pub(super) started: OnceLock<Started>,
}

/// The units that start.
#[derive(Default)]
pub(super) struct Started {
    /// How each starts.
    pub(super) units: HashMap<String, Start>,
    /// For units that start at boot, a unit that pulls them in: a target, if there is one.
    pub(super) wanted_by: HashMap<String, String>,
}

#[derive(Default)]
pub(super) struct Loaded {
    pub(super) units: HashMap<String, Lookup>,
    pub(super) bytes: usize,
    pub(super) settings: usize,
}

impl Index {
    pub(super) fn read(root: &Root<'_>) -> Result<Self> {
        let mut index = Self { kernel: Kernel::of(root)?, ..Self::default() };
        let mut entries = root.entries(FOLDER)?;
        let over = |what| root.cut(Error::Limit { what, place: Place::File(root.inside(FOLDER).into_bytes()) });
        if entries.len() > MOST_NAMES {
            entries.truncate(MOST_NAMES);
            over("20,000 names of units");
        }
        for entry in entries {
            let Ok(name) = String::from_utf8(entry.name) else { continue };
            let alias = match entry.file_type {
                FileType::Symlink => match root.tree().node(entry.id)?.kind {
                    Kind::Symlink { target } => alias(&name, &target),
                    _ => None,
                },
                _ => None,
            };
            if let Some(target) = &alias {
                index.aliases.entry(target.clone()).or_default().push(name.clone());
            }
            index.names.insert(name, alias);
        }
        for names in index.aliases.values_mut().filter(|names| names.len() > MOST_ALIASES) {
            names.truncate(MOST_ALIASES);
            over("100 aliases of a unit");
        }
        Ok(index)
    }
}

/// The unit of which a link in the directory is an alias. A link that leads elsewhere is a separate unit.
fn alias(name: &str, target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok()?;
    let target = target.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('/')).unwrap_or(target);
    let target = target.strip_prefix("./").unwrap_or(target);
    let is_alias = !target.contains('/') && target != name && name::kind(target) == name::kind(name);
    is_alias.then(|| target.to_owned())
}
