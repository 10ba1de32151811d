//! A policy: what an image must hold, written down in TOML or JSON.

mod accept;
mod budget;
mod closure;
mod collect;
mod contradiction;
mod demands;
mod draft;
mod draft_network;
mod file;
mod menu;
mod mistake;
mod network;
mod node;
mod place;
mod preset;
mod proof;
mod reader;
mod tables;
mod trouble;
mod values;

pub use draft::{Draft, DraftKey, DraftSsh, DraftUser, installed};
pub use draft_network::DraftNetwork;
pub use file::{Policy, SCHEMA};
pub use preset::Preset;
pub use proof::Proof;
pub use trouble::{PolicyError, PolicyErrors};
pub use values::is_name;

use super::kind::Assertion;
pub use super::kind::Firmware;

/// An assertion with its severity, its reason and its origin.
#[derive(Clone, Debug)]
pub struct Demand {
    /// What is asserted.
    pub assertion: Assertion,
    /// What follows if it does not hold.
    pub severity: Severity,
    /// Why it is asked for, shown if it does not hold.
    pub reason: Option<String>,
    /// The policy file that asks for it. `None` for a flag.
    pub policy: Option<String>,
    /// The line of the policy file that asks for it.
    pub line: Option<usize>,
    /// The only system that it is about. `None` for those that the kind of assertion asks for.
    pub system: Option<String>,
}

/// What follows if an assertion does not hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    /// The check fails.
    #[default]
    Error,
    /// The check reports it, and does not fail.
    Warning,
}

impl Severity {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl From<Assertion> for Demand {
    fn from(assertion: Assertion) -> Self {
        Self { assertion, severity: Severity::Error, reason: None, policy: None, line: None, system: None }
    }
}
