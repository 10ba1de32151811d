//! What a preset refuses: no system has such a finding of `access`.

use std::collections::HashSet;
use std::fmt;

use super::{Ask, Kind};
use crate::check::systems::Scope;
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::PasswordState;
use crate::nixos::access::{Access, Account, FindingId};

/// The row of the table of kinds.
pub(super) const KIND: Kind = Kind { name: "access", says: "nobody gets in who should not", advice: None, flag: None };

/// Findings of which nothing can be said where a password is not known; the last one only if there is an sshd.
const OF_PASSWORDS: [FindingId; 2] = [FindingId::EmptyPassword, FindingId::PlaintextPassword];

/// No system has such a finding.
#[derive(Clone, Debug)]
pub struct NoFinding {
    /// The finding's id.
    pub id: FindingId,
    /// Subjects of whom it is accepted.
    pub except: Vec<String>,
}

impl fmt::Display for NoFinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "no {}", self.id)?;
        if self.except.is_empty() { Ok(()) } else { write!(formatter, " except for {}", self.except.join(", ")) }
    }
}

impl Ask for NoFinding {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        no_findings(subject, &[self.id], &self.except)
    }
}

/// No system has one of these findings, except for the accepted subjects.
pub(super) fn no_findings(subject: &Subject<'_, '_>, ids: &[FindingId], except: &[String]) -> Result<Judgement> {
    let systems = match subject.systems(Scope::Offered)? {
        Ok(systems) => systems,
        Err(none) => return Ok(none),
    };
    // What cannot be read may hold anything.
    let of_initrd = ids.iter().any(|id| id.is_of_initrd());
    let of_rules = ids.contains(&FindingId::PasswordlessRoot);
    let unread = [
        (FindingId::InitrdUnreadable, of_initrd),
        (FindingId::InitrdUnread, of_initrd),
        (FindingId::UnreadFile, of_rules),
    ];
    let unread = unread.into_iter().filter(|(_, asked)| *asked).map(|(id, _)| id);
    let ids: Vec<FindingId> = ids.iter().copied().chain(unread).collect();
    let of_passwords = |access: &Access| {
        ids.iter().any(|id| {
            OF_PASSWORDS.contains(id) || *id == FindingId::EmptyPasswordOverSsh && access.people.sshd.unit.is_some()
        })
    };
    let (mut told, mut places, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for system in systems {
        let access = subject.access_of(system)?;
        if !access.people.users_known {
            return Ok(Judgement::fail("cannot tell: the image lists its users in no form that is known", Vec::new()));
        }
        let unknown = |account: &&Account| account.user.password.state == PasswordState::Unknown && account.is_unsure();
        let unknown =
            access.people.accounts.iter().filter(|account| !except.contains(&account.user.name)).find(unknown);
        if let Some(account) = unknown.filter(|_| of_passwords(access)) {
            let message = format!("cannot tell: the image does not say what the password of {} is", account.user.name);
            return Ok(Judgement::fail(message, Vec::new()));
        }
        for finding in access.findings.iter().filter(|finding| ids.contains(&finding.id)) {
            if except.contains(&finding.subject) {
                continue;
            }
            let place =
                system.specialisation.as_ref().map(|name| format!(" (specialisation {name})")).unwrap_or_default();
            let text = format!("{}: {}", finding.subject, finding.message);
            if seen.insert(text.clone()) {
                let path = finding.path.clone().unwrap_or_else(|| format!("{text}{place}"));
                if !places.contains(&path) {
                    places.push(path);
                }
                told.push(format!("{text}{place}"));
            }
        }
    }
    Ok(match told.first() {
        None => Judgement::pass("none", Vec::new()),
        Some(first) if told.len() == 1 => Judgement::fail(first.clone(), places),
        Some(first) => Judgement::fail(format!("{first}; and {} more", told.len() - 1), places),
    })
}
