//! `[[user]]`: the user exists, with this password, shell and groups, or does not exist.

use std::fmt;

use super::super::nearest::{listed, nearest};
use super::access::UNLISTED;
use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::PasswordState;
use crate::nixos::access::Access;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind { name: "user", says: "a user is as it was asked for", advice: None, flag: None };

/// The user exists, with this password, shell and groups, or does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Whether the user exists.
    pub exists: bool,
    /// Accepted states of the password.
    pub password: Option<Vec<PasswordState>>,
    /// Login shell.
    pub shell: Option<String>,
    /// Groups that the user is in.
    pub groups: Vec<String>,
}

/// The name, and what is asserted.
impl fmt::Display for User {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.name)?;
        if !self.exists {
            write!(formatter, " does not exist")?;
        }
        if let Some(states) = &self.password {
            let names: Vec<&str> = states.iter().map(|state| state.name()).collect();
            write!(formatter, " password {}", names.join(" or "))?;
        }
        if let Some(shell) = &self.shell {
            write!(formatter, " shell {shell}")?;
        }
        if self.groups.is_empty() { Ok(()) } else { write!(formatter, " in {}", self.groups.join(", ")) }
    }
}

impl Ask for User {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        in_each(subject, Scope::Offered, |system| {
            let access = subject.access_of(system)?;
            if subject.is_asked_in_full(system) {
                return Ok(self.judge_of(access));
            }
            // In the other systems, only what is forbidden counts.
            let forbids = User { shell: None, groups: Vec::new(), ..self.clone() };
            let is_absent = access.people.users_known && access.people.account(&self.name).is_none();
            if self.exists && (self.password.is_none() || is_absent) {
                return Ok(Judgement::pass("nothing is asked of this system", Vec::new()));
            }
            Ok(forbids.judge_of(access))
        })
    }
}

impl User {
    fn judge_of(&self, access: &Access) -> Judgement {
        // If only a file of keys implies a user, it is unknown whether the user exists.
        let account = access.people.account(&self.name);
        if !access.people.users_known && (account.is_none() || self.name != "root") {
            return Judgement::unknown(UNLISTED, Vec::new());
        }
        let Some(account) = account else {
            if !self.exists {
                return Judgement::pass("there is no such user", Vec::new());
            }
            let names = access.people.accounts.iter().map(|account| account.user.name.as_str());
            let near = nearest(&self.name, names);
            return Judgement::fail(format!("there is no such user{}", listed(&near)), Vec::new());
        };
        let (user, mut wrong, mut unknown) = (&account.user, Vec::new(), Vec::new());
        let evidence: Vec<String> = user.password.source.iter().cloned().collect();
        if !self.exists {
            return Judgement::fail("there is such a user", evidence);
        }
        let takes = |state| self.password.as_ref().is_none_or(|states| states.contains(&state));
        if self.password.is_some() && user.password.state == PasswordState::Unknown {
            unknown.push("the image does not say what the password is");
        } else if takes(user.password.state) && user.password.replaced_by.is_some() && !takes(PasswordState::File) {
            unknown.push("a file that is not in the image may replace the password");
        } else if self.password.as_ref().is_some_and(|states| !states.contains(&user.password.state)) {
            let option = user.password.option.as_ref().map(|option| format!(" ({option})")).unwrap_or_default();
            wrong.push(format!("the password is {}{option}", user.password.state));
        }
        if self.shell.is_some() && self.shell != user.shell {
            wrong.push(format!("the shell is {}", user.shell.as_deref().unwrap_or("not declared")));
        }
        let groups = user.groups.as_deref().unwrap_or_default();
        let missing: Vec<&str> =
            self.groups.iter().filter(|group| !groups.contains(group)).map(String::as_str).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            match (&user.groups, groups) {
                (None, _) => unknown.push("the image does not list the user's groups"),
                (_, []) => wrong.push(format!("not in {missing}, in no group at all")),
                _ => wrong.push(format!("not in {missing}, only in {}", groups.join(", "))),
            }
        }
        match (wrong.len(), unknown.len()) {
            (0, 0) => Judgement::pass(format!("{}: {}", user.name, account.sentence()), evidence),
            (0, _) => Judgement::unknown(unknown.join("; "), evidence),
            _ => Judgement::fail(wrong.join("; "), evidence),
        }
    }
}
