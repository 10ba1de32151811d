//! `only = true`: no other keys let the user in, or any user.

use std::collections::HashSet;
use std::fmt;

use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, Subject, WantedKey};
use crate::error::Result;
use crate::nixos::access::{Access, Finding, FindingId, SshSources};
use crate::nixos::answer::{Verdict, with_doubts};
use crate::nixos::ssh::{AuthorizedKey, Writer};

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind { name: "only-keys", says: "sshd accepts no other keys", advice: None, flag: None };

/// No other keys let the user in, or any user.
#[derive(Clone, Debug)]
pub struct OnlyKeys {
    /// The user; `None` for all users.
    pub user: Option<String>,
    /// The allowed keys.
    pub allowed: Vec<WantedKey>,
}

impl fmt::Display for OnlyKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.user.as_deref().unwrap_or("all users"))
    }
}

impl Ask for OnlyKeys {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        in_each(subject, Scope::Offered, |system| Ok(self.judge_of(subject.access_of(system)?)))
    }
}

impl OnlyKeys {
    fn judge_of(&self, access: &Access) -> Judgement {
        let mut found = Found::default();
        let accounts = access
            .people
            .accounts
            .iter()
            .filter(|account| self.user.as_ref().is_none_or(|user| *user == account.user.name));
        for account in accounts {
            for sources in account.all_ssh() {
                self.judge_sources(&account.user.name, sources, &mut found);
            }
        }
        let hides = |finding: &&Finding| {
            matches!(finding.id, FindingId::InitrdUnreadable | FindingId::InitrdUnread | FindingId::OverLimit)
        };
        let hidden = access.findings.iter().filter(hides);
        found.unknown.extend(hidden.map(|finding| format!("{} {}", finding.subject, finding.message)));
        let (names, places): (Vec<String>, Vec<String>) = found.others.into_iter().unzip();
        match (names.first(), found.unknown.first()) {
            (None, None) => Judgement::pass("no other key lets anybody in", Vec::new()),
            (None, Some(first)) => Judgement::unknown(first.clone(), found.unknown),
            (Some(first), _) if names.len() == 1 => Judgement::fail(format!("another key does: {first}"), places),
            (Some(first), _) => Judgement::fail(format!("{} other keys do, such as {first}", names.len()), places),
        }
    }

    /// Looks for further keys of a user that an sshd accepts.
    fn judge_sources(&self, name: &str, sources: &SshSources, found: &mut Found) {
        // A key that is allowed with options must have these options.
        let may = |key: &AuthorizedKey| {
            let of_key = self.allowed.iter().filter(|allowed| allowed.is(&key.line.key));
            of_key.map(|allowed| allowed.missing_in(&key.line)).any(|missing| missing.is_empty())
        };
        // An authority of TrustedUserCAKeys has no options.
        let may_sign = |key: &AuthorizedKey| {
            let of_key = self.allowed.iter().filter(|allowed| allowed.is(&key.line.key));
            of_key
                .map(|allowed| allowed.missing_in(&key.line))
                .any(|missing| matches!(&*missing, [] | ["cert-authority"]))
        };
        for granted in sources.keys.iter().filter(|granted| !may(&granted.key)) {
            let key = &granted.key;
            let doubts = &granted.answer.doubts;
            match granted.answer.verdict() {
                Verdict::Granted => found.add((format!("{} for {name}", key.line.key), key.cause().to_string())),
                Verdict::Denied => {}
                Verdict::Unknown => {
                    let word = if granted.answer.opens() { "accepted" } else { "refused" };
                    found.unknown.push(with_doubts(format!("{} is {word} for {name}", key.line.key), doubts));
                }
            }
        }
        let command = sources.entrance.command();
        found.unknown.extend(command.map(|command| format!("{command} of {name}")));
        if !sources.entrance.answer().opens() {
            return;
        }
        for authority in sources.authorities.iter().filter(|authority| !may_sign(&authority.key)) {
            let told = format!("any that {} certifies for {name}", authority.key.line.key);
            found.add((told, authority.key.cause().to_string()));
        }
        let unknown = &mut found.unknown;
        unknown.extend(sources.elsewhere.iter().map(|file| format!("{file} may hold keys of {name} at boot")));
        unknown.extend(sources.untold.iter().map(|file| format!("{file} may hold more keys of {name}")));
        let told = |writer: &Writer| {
            format!("{} may write keys of {name} to {} at boot ({})", writer.by, writer.path, writer.cause)
        };
        unknown.extend(sources.writers.iter().map(told));
    }
}

/// What else lets users in.
#[derive(Default)]
struct Found {
    /// Other keys with their users, each with its place.
    others: Vec<(String, String)>,
    seen: HashSet<(String, String)>,
    /// What the image leaves open.
    unknown: Vec<String>,
}

impl Found {
    /// Adds a key. Two daemons may read the same line.
    fn add(&mut self, other: (String, String)) {
        if self.seen.insert(other.clone()) {
            self.others.push(other);
        }
    }
}
