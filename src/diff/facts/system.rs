//! The systems of an image.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::AccessFacts;
use crate::error::{Result, Troubles};
use crate::nixos::{Disc, System};
use crate::store::StorePath;

/// A system.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemFacts {
    /// Its name, if it is a specialisation.
    pub specialisation: Option<String>,
    /// Whether it boots when nobody chooses.
    pub default: bool,
    /// Its toplevel.
    #[serde(with = "super::store_path")]
    #[cfg_attr(test, schemars(with = "String"))]
    pub path: StorePath,
    /// NixOS's version.
    pub version: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// Who gets in, if that differs from the default system.
    #[serde(default)]
    pub access: Option<AccessFacts>,
}

/// The systems of an image, and who gets in to the default one.
pub(in crate::diff) fn systems(disc: &Disc<'_>, troubles: &mut Troubles) -> (Vec<SystemFacts>, AccessFacts) {
    let systems: Vec<&System> = disc.systems.iter().filter(|system| system.present).collect();
    let read = |system| (SystemFacts::of(disc, system), AccessFacts::of(disc, system));
    let all: Vec<(Result<SystemFacts>, Result<AccessFacts>)> = systems.into_par_iter().map(read).collect();
    let (mut systems, mut default) = (Vec::new(), AccessFacts::default());
    for (system, access) in all {
        let (system, access) = (kept(system, troubles), kept(access, troubles));
        match system {
            Some(system) if system.default => {
                default = access.unwrap_or_default();
                systems.push(system);
            }
            Some(system) => systems.push(SystemFacts { access, ..system }),
            None => {}
        }
    }
    for system in &mut systems {
        system.access.take_if(|access| *access == default);
    }
    (systems, default)
}

fn kept<T>(read: Result<T>, troubles: &mut Troubles) -> Option<T> {
    read.map_err(|error| troubles.push(error)).ok()
}

impl SystemFacts {
    fn of(disc: &Disc<'_>, system: &System) -> Result<Self> {
        Ok(Self {
            specialisation: system.specialisation.clone(),
            default: system.default,
            path: system.path.clone(),
            version: system.version(disc.tree())?,
            kernel: system.kernel(disc.tree())?,
            access: None,
        })
    }
}
