//! The units of a system: how they start, and the ports of its sockets.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::nixos::listeners;
use crate::nixos::unit::{Conditions, Lookup, Port, Start, Units};
use crate::nixos::{Disc, System};

/// A unit.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Its name: `sshd.service`.
    pub name: String,
    /// How it starts. `Manual` if its condition fails.
    pub start: UnitStart,
    /// A condition of a unit that would start. The image leaves it open or, if `start` is `Manual`, it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Ports that it listens on: `tcp 22`.
    #[serde(default)]
    pub listens: Vec<String>,
}

/// How a unit starts.
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

impl UnitStart {
    /// Its name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Trigger => "trigger",
            Self::Manual => "manual",
            Self::Masked => "masked",
        }
    }
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
        let ((start, condition), listens) = match units.get(name)? {
            Lookup::Loaded(unit) if unit.name == name => {
                let listens = listeners::ports(&root, &unit)?.iter().map(Port::to_string).collect();
                (how(started.get(name), units.conditions(&unit)?), listens)
            }
            Lookup::Masked(_) => ((UnitStart::Masked, None), Vec::new()),
            _ => continue,
        };
        facts.push(UnitFacts { name: name.to_owned(), start, condition, listens });
    }
    root.take_cut().pop().map_or(Ok(facts), Err)
}

/// How a unit starts, with the condition that fails or that the image leaves open.
fn how(start: Option<&Start>, conditions: Conditions) -> (UnitStart, Option<String>) {
    let start = match start {
        Some(Start::Boot) => UnitStart::Boot,
        Some(Start::Trigger(_)) => UnitStart::Trigger,
        Some(Start::Manual) | None => return (UnitStart::Manual, None),
    };
    match conditions {
        Conditions::Met => (start, None),
        Conditions::Open(condition) => (start, Some(condition)),
        Conditions::Failed(condition) => (UnitStart::Manual, Some(condition)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_whose_condition_fails_does_not_start_and_an_open_condition_is_kept() {
        let text = "ConditionPathExists=/x".to_owned();
        let (boot, trigger) = (Start::Boot, Start::Trigger("a.socket".to_owned()));
        for (start, conditions, expected) in [
            (Some(&boot), Conditions::Met, (UnitStart::Boot, None)),
            (Some(&boot), Conditions::Open(text.clone()), (UnitStart::Boot, Some(text.clone()))),
            (Some(&trigger), Conditions::Open(text.clone()), (UnitStart::Trigger, Some(text.clone()))),
            (Some(&boot), Conditions::Failed(text.clone()), (UnitStart::Manual, Some(text.clone()))),
            (None, Conditions::Failed(text.clone()), (UnitStart::Manual, None)),
        ] {
            assert_eq!(how(start, conditions), expected);
        }
    }
}
