//! `--unit NAME` and `[[unit]]`: the unit exists and starts at boot, or is in another state.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Deserialize;

use super::super::nearest::{listed, nearest};
use super::{Ask, Flag, Kind, Takes};
use crate::check::systems::{Scope, in_each};
use crate::check::{Answer, Judgement, Subject};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::menu::MenuEntry;
use crate::nixos::unit::{Conditions, Lookup, Start, Units};

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "unit",
    says: "a unit exists and starts at boot, or is in the state that was asked for",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Text("NAME", |text| Unit::parse(text).map(Into::into)),
        help: "The unit exists and starts at boot, or when something triggers it; NAME as sshd or sshd.socket",
    }),
};

/// Suffixes of units (systemd.unit(5)).
const SUFFIXES: [&str; 11] =
    ["automount", "device", "mount", "path", "scope", "service", "slice", "socket", "swap", "target", "timer"];

/// The state of a unit at boot.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It starts.
    Boot,
    /// It starts when a socket, timer or path triggers it.
    Triggered,
    /// It exists, but nothing starts it.
    Manual,
    /// It cannot be started.
    Masked,
    /// It does not exist.
    Missing,
}

impl State {
    /// The state's word in policies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Triggered => "triggered",
            Self::Manual => "manual",
            Self::Masked => "masked",
            Self::Missing => "missing",
        }
    }
}

/// The unit is in one of these states in the default system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    name: String,
    states: Vec<State>,
}

impl Unit {
    /// The states of a unit that is enabled.
    pub const ENABLED: [State; 2] = [State::Boot, State::Triggered];

    /// The unit exists and starts. A name without a suffix is a service, as for systemctl.
    ///
    /// # Errors
    /// If the name is not one of a unit.
    pub fn parse(name: &str) -> std::result::Result<Self, String> {
        Self::in_states(name, &Self::ENABLED)
    }

    /// The unit is in one of these states.
    ///
    /// # Errors
    /// If the name is not one of a unit.
    pub fn in_states(name: &str, states: &[State]) -> std::result::Result<Self, String> {
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || ":-_.\\@".contains(letter);
        if name.is_empty() || !name.chars().all(is_allowed) {
            return Err(format!("{name:?} is not the name of a unit, such as sshd or sshd.socket"));
        }
        let has_suffix = name.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
        let name = if has_suffix { name.to_owned() } else { format!("{name}.service") };
        Ok(Self { name, states: states.to_vec() })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.states == Self::ENABLED {
            return write!(formatter, "{}", self.name);
        }
        let states: Vec<&str> = self.states.iter().map(|state| state.name()).collect();
        write!(formatter, "{} {}", self.name, states.join(" or "))
    }
}

impl Ask for Unit {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        // A unit that must not start must not start in any system.
        let wanted = self.states.iter().any(|state| Self::ENABLED.contains(state));
        let scope = if wanted { Scope::Default } else { Scope::Offered };
        in_each(subject, scope, |system| {
            let root = subject.disc.root_of(system);
            let entries: Vec<&MenuEntry> = subject.disc.entries_of(system).collect();
            // A unit that must start must do so with each entry that boots by default.
            let chosen =
                subject.disc.default_entries().filter(|entry| entries.iter().any(|own| std::ptr::eq(*own, *entry)));
            for entry in chosen.filter(|_| wanted && subject.only.borrow().is_none()) {
                let judgement = self.judge_in(&root.clone().started_by([entry]))?;
                if judgement.answer != Answer::Holds {
                    return Ok(judgement);
                }
            }
            self.judge_in(&root)
        })
    }
}

impl Unit {
    fn judge_in(&self, root: &Root<'_>) -> Result<Judgement> {
        let units = Units::of(root)?;
        if units.names().next().is_none() {
            return Ok(Judgement::unknown("the system has no units of systemd", Vec::new()));
        }
        let (state, message, evidence) = match units.get(&self.name)? {
            Lookup::Missing => {
                let near = nearest(&self.name, units.names());
                let names = near.iter().map(|&name| name.to_owned()).collect();
                (State::Missing, format!("not there{}", listed(&near)), names)
            }
            Lookup::Dangling(link, missing) => {
                (State::Missing, format!("its link leads to {missing}, which is not there"), vec![link])
            }
            Lookup::Masked(path) => (State::Masked, "masked".to_owned(), vec![path]),
            Lookup::Loaded(unit) => {
                let (state, message) = match units.start(&self.name)? {
                    Start::Boot => (State::Boot, "starts at boot".to_owned()),
                    Start::Trigger(by) => (State::Triggered, format!("starts when {by} triggers it")),
                    Start::Manual => (State::Manual, "there, but nothing starts it at boot".to_owned()),
                };
                let (state, message) = match units.conditions(&unit)? {
                    Conditions::Failed(condition) if state != State::Manual => {
                        (State::Manual, format!("does not start: {condition} does not hold"))
                    }
                    Conditions::Open(condition) if state != State::Manual => {
                        (state, format!("{message} if {condition} holds"))
                    }
                    _ => (state, message),
                };
                (state, message, vec![unit.path.clone()])
            }
        };
        if let Some(over) = root.take_cut().pop() {
            return Err(over);
        }
        Ok(match self.states.contains(&state) {
            true => Judgement::pass(message, evidence),
            false => Judgement::fail(message, evidence),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_a_suffix_is_that_of_a_service() {
        for (name, expected) in [
            ("sshd", "sshd.service"),
            ("sshd.socket", "sshd.socket"),
            ("getty@tty1", "getty@tty1.service"),
            ("dbus-org.freedesktop.login1", "dbus-org.freedesktop.login1.service"),
        ] {
            assert_eq!(Unit::parse(name).unwrap().to_string(), expected);
        }
        assert!(["", "a b", "system/sshd.service"].iter().all(|name| Unit::parse(name).is_err()));
    }
}
