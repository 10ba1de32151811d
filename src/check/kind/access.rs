//! Findings that a preset rejects: no system has such a finding of `access`.

use std::collections::HashSet;
use std::fmt;

use super::{Ask, Kind};
use crate::check::accept::Standing;
use crate::check::systems::Scope;
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::access::{Access, Account, Finding, FindingId};
use crate::nixos::{PasswordState, System};

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind { name: "access", says: "nobody gets in who should not", advice: None, flag: None };

/// Findings that are undecided if a password is unknown. The last one is only undecided if the system has an sshd.
const OF_PASSWORDS: [FindingId; 2] = [FindingId::EmptyPassword, FindingId::PlaintextPassword];

/// Findings that a configuration of sshd that is not in the image may cause.
const OF_SSHD: [FindingId; 4] = [
    FindingId::EmptyPasswordOverSsh,
    FindingId::RootPasswordOverSsh,
    FindingId::OtherSshMethod,
    FindingId::KeysByCommand,
];

/// Why nothing can be said about users.
pub(super) const UNLISTED: &str = "the image does not list its users in any known form";

/// No system has such a finding.
#[derive(Clone, Debug)]
pub struct NoFinding {
    /// The finding's id.
    pub id: FindingId,
    /// Accepted subjects.
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
    let (mut found, mut unread, mut accepted) = (Found::default(), Found::default(), Found::default());
    let mut unknown = None;
    for system in systems {
        let access = subject.access_of(system)?;
        unknown = unknown.or_else(|| undecided(access, ids, except));
        for finding in access.findings.iter().filter(|finding| !except.contains(&finding.subject)) {
            let to = match ids.contains(&finding.id) {
                true => &mut found,
                false if may_hide(finding.id, ids) => &mut unread,
                false => continue,
            };
            match subject.accepted.standing(finding.id.name(), &[&finding.subject]) {
                Standing::Counts => to.add(system, finding, ""),
                Standing::Over(why) => to.add(system, finding, &why),
                Standing::Accepted(why) => accepted.add(system, finding, &why),
            }
        }
    }
    Ok(match (found.message(), unknown.or_else(|| unread.message())) {
        (Some(message), _) => Judgement::fail(message, found.places),
        (None, Some(message)) => Judgement::unknown(message, unread.places),
        (None, None) => match accepted.message() {
            Some(message) => Judgement::pass(message, accepted.places),
            None => Judgement::pass("none", Vec::new()),
        },
    })
}

/// Why the image does not show whether it has such a finding.
fn undecided(access: &Access, ids: &[FindingId], except: &[String]) -> Option<String> {
    if !access.people.users_known {
        return Some(UNLISTED.to_owned());
    }
    let over_ssh = |id: &FindingId| *id == FindingId::EmptyPasswordOverSsh && access.people.sshd.unit.is_some();
    if !ids.iter().any(|id| OF_PASSWORDS.contains(id) || over_ssh(id)) {
        return None;
    }
    let asked = access.people.accounts.iter().filter(|account| !except.contains(&account.user.name));
    let is_unknown = |account: &&Account| account.user.password.state == PasswordState::Unknown && account.is_unsure();
    let account = asked.into_iter().find(is_unknown)?;
    Some(format!("the image does not say what the password of {} is", account.user.name))
}

/// Whether an unreadable file, reported as finding `id`, may hide one of the findings in `asked`.
fn may_hide(id: FindingId, asked: &[FindingId]) -> bool {
    match id {
        FindingId::InitrdUnreadable | FindingId::InitrdUnread => asked.iter().any(|asked| asked.is_of_initrd()),
        FindingId::OverLimit => true,
        FindingId::UnreadFile => asked.contains(&FindingId::PasswordlessRoot),
        FindingId::SshdConfigMissing => OF_SSHD.iter().any(|of_sshd| asked.contains(of_sshd)),
        _ => false,
    }
}

/// Findings of all systems, each listed once.
#[derive(Default)]
struct Found {
    seen: HashSet<String>,
    texts: Vec<String>,
    places: Vec<String>,
}

impl Found {
    fn add(&mut self, system: &System, finding: &Finding, why: &str) {
        let blank = if why.is_empty() { "" } else { " " };
        let text = format!("{}: {}{blank}{why}", finding.subject, finding.message);
        if !self.seen.insert(text.clone()) {
            return;
        }
        let place = system.specialisation.as_ref().map(|name| format!(" (specialisation {name})"));
        let text = format!("{text}{}", place.unwrap_or_default());
        let path = finding.path.clone().unwrap_or_else(|| text.clone());
        if !self.places.contains(&path) {
            self.places.push(path);
        }
        self.texts.push(text);
    }

    fn message(&self) -> Option<String> {
        let first = self.texts.first()?;
        Some(match self.texts.len() {
            1 => first.clone(),
            many => format!("{first}; and {} more", many - 1),
        })
    }
}
