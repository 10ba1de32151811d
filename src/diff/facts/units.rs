//! The units of a system: how they start, and the ports of its sockets.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::nixos::listeners;
use crate::nixos::unit::{Lookup, Port, Start, Units};
use crate::nixos::{Disc, System};

/// A unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Its name: `sshd.service`.
    pub name: String,
    /// How it starts.
    pub start: UnitStart,
    /// Ports that it listens on: `tcp 22`.
    #[serde(default)]
    pub listens: Vec<String>,
}

/// How a unit starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitStart {
    /// At boot.
    Boot,
    /// When a socket, timer or path unit triggers it.
    Trigger,
    /// Only if something starts it by name.
    Manual,
    /// Never.
    Masked,
}

/// The units of a system, by name. Aliases are not among them.
pub(in crate::diff) fn units(disc: &Disc<'_>, system: &System) -> Result<Vec<UnitFacts>> {
    let root = disc.root_of(system);
    let units = Units::of(&root)?;
    let started = units.started()?;
    let mut names: Vec<&str> = units.names().chain(started.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let mut facts = Vec::new();
    for name in names {
        let (start, listens) = match units.get(name)? {
            Lookup::Loaded(unit) if unit.name == name => (
                started.get(name).map_or(UnitStart::Manual, how),
                listeners::ports(&root, &unit)?.iter().map(Port::to_string).collect(),
            ),
            Lookup::Masked(_) => (UnitStart::Masked, Vec::new()),
            _ => continue,
        };
        facts.push(UnitFacts { name: name.to_owned(), start, listens });
    }
    Ok(facts)
}

fn how(start: &Start) -> UnitStart {
    match start {
        Start::Boot => UnitStart::Boot,
        Start::Trigger(_) => UnitStart::Trigger,
        Start::Manual => UnitStart::Manual,
    }
}
