//! Which systems of a disc an assertion is about.

use super::{Answer, Judgement, Subject};
use crate::error::Result;
use crate::nixos::System;

/// The systems that an assertion is about, unless its table names one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every system that a menu starts when nobody chooses: for what must be there.
    Default,
    /// Every system that a menu entry starts: for what must not be there.
    Offered,
}

impl<'d> Subject<'d, '_> {
    /// The systems in the scope, the default one first. Without any, the judgement of every assertion that needs one.
    pub(super) fn systems(&self, scope: Scope) -> Result<std::result::Result<Vec<&'d System>, Judgement>> {
        if let Some(name) = self.only.borrow().as_deref() {
            let found: Vec<&System> = self.disc.systems.iter().filter(|system| system.is_called(name)).collect();
            if found.is_empty() {
                let names: Vec<&str> = self.disc.systems.iter().map(System::name).collect();
                let message = format!("no system is called {name}; there are {}", names.join(", "));
                return Ok(Err(Judgement::fail(message, Vec::new())));
            }
            return Ok(present(found));
        }
        if let Err(none) = self.system()? {
            return Ok(Err(none));
        }
        Ok(present(match scope {
            Scope::Default => self.disc.default_systems().collect(),
            Scope::Offered => self.disc.offered_systems().collect(),
        }))
    }

    /// Whether what must be there must be in this system.
    pub(super) fn is_asked_in_full(&self, system: &System) -> bool {
        self.only.borrow().is_some() || system.boots_by_default()
    }
}

/// A menu may name a system that is not in the store.
fn present(systems: Vec<&System>) -> std::result::Result<Vec<&System>, Judgement> {
    match systems.iter().find(|system| !system.present) {
        Some(missing) => {
            Err(Judgement::fail(format!("a menu starts {}, which is not in the store", missing.path), Vec::new()))
        }
        None => Ok(systems),
    }
}

/// Judges each system in the scope. The verdict is about the first system in which the assertion fails, or else the
/// first in which that is unknown, and it names the system.
pub(super) fn in_each(
    subject: &Subject<'_, '_>,
    scope: Scope,
    judge: impl Fn(&System) -> Result<Judgement>,
) -> Result<Judgement> {
    let systems = match subject.systems(scope)? {
        Ok(systems) => systems,
        Err(none) => return Ok(none),
    };
    let mut verdict: Option<Judgement> = None;
    for system in systems {
        let judgement = Judgement { system: Some(system.name().to_owned()), ..judge(system)? };
        let judgement = if system.default { judgement } else { judgement.named(system) };
        let is_worse = verdict.as_ref().is_none_or(|known| rank(judgement.answer) > rank(known.answer));
        if is_worse {
            verdict = Some(judgement);
        }
    }
    Ok(verdict.unwrap_or_else(|| Judgement::fail("no system is in the image", Vec::new())))
}

/// What people call a system in a sentence whose verdict names it otherwise.
pub(super) fn called(system: &System) -> &'static str {
    if system.default { "the default system" } else { "this system" }
}

fn rank(answer: Answer) -> u8 {
    match answer {
        Answer::Holds => 0,
        Answer::Unknown => 1,
        Answer::Fails => 2,
    }
}

impl Judgement {
    fn named(self, system: &System) -> Self {
        let message = match &system.specialisation {
            Some(name) => format!("specialisation {name}: {}", self.message),
            None => format!("{}: {}", system.path, self.message),
        };
        Self { message, ..self }
    }
}
