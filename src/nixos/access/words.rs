//! How a user's ways into a system read in English.

use super::Account;
use super::grants::{Entrance, Grant, Needs};
use crate::nixos::answer::{Caused, Verdict};
use crate::nixos::password::PasswordState;

/// Limit for groups of keys with the same conditions in one sentence.
const SHOWN: usize = 4;

impl Account {
    /// How the user can log in, in one sentence without a subject.
    #[must_use]
    pub fn sentence(&self) -> String {
        let of = |wanted: &[Entrance]| -> Vec<&Grant> {
            let grants = self.entrances.iter().filter(|grant| wanted.contains(&grant.entrance));
            grants.filter(|grant| grant.verdict() != Verdict::Denied).collect()
        };
        let mut phrases: Vec<String> = of(&[Entrance::Console]).into_iter().map(|grant| self.console(grant)).collect();
        phrases.extend(grouped(&of(&[Entrance::SshKey]), "through ssh with", ("a key", "keys")));
        let certificates = of(&[Entrance::SshCertificate]);
        phrases.extend(grouped(&certificates, "through ssh with", ("a certificate", "certificates of any of")));
        phrases.extend(self.ssh_password(&of(&[Entrance::SshPassword, Entrance::SshKeyboardInteractive])));
        let mut sentence = Vec::new();
        let logins = self.entrances.iter().filter(|grant| grant.entrance == Entrance::Autologin);
        let open = self.logged_in_by.iter().zip(logins).filter(|(_, grant)| grant.answer.opens());
        let by: Vec<String> = open.map(|(by, grant)| format!("{by}{}", noted(", ", grant))).collect();
        if !by.is_empty() {
            sentence.push(format!("is logged in at boot ({})", by.join("; ")));
        }
        if let Some((first, rest)) = phrases.split_first() {
            sentence.push(match first.strip_prefix(PERHAPS) {
                Some(first) => format!("may be able to log in {first}"),
                None => format!("can log in {first}"),
            });
            sentence.extend_from_slice(rest);
        }
        if sentence.is_empty() {
            return format!("cannot log in: {}", self.why_not());
        }
        for grant in &self.entrances {
            if let Entrance::Root(tool) = grant.entrance
                && grant.verdict() != Verdict::Denied
            {
                sentence.push(format!("becomes root without a password ({tool}){}", parenthesis(grant)));
            }
        }
        sentence.join("; ")
    }

    fn console(&self, grant: &Grant) -> String {
        let password = &self.user.password;
        let what = match password.state {
            _ if grant.needs == Needs::Nothing => return self.whatever("on the console", grant),
            PasswordState::Empty => "without a password",
            PasswordState::Plaintext => "with a password that is in the image in clear text",
            _ => "with a password",
        };
        let scheme = password.scheme.map(|scheme| scheme.name().to_owned());
        let notes = scheme.into_iter().chain(grant.answer.phrases()).collect();
        format!("{}on the console {what}{}", perhaps(grant), in_parentheses(notes))
    }

    /// PAM lets the user in with any input.
    fn whatever(&self, place: &str, grant: &Grant) -> String {
        let by =
            grant.cause().filter(|_| grant.answer.doubts.is_empty()).map(|cause| format!("PAM asks for none: {cause}"));
        let notes = by.into_iter().chain(grant.answer.phrases()).collect();
        format!("{}{place} without a password{}", perhaps(grant), in_parentheses(notes))
    }

    /// Either method: a reader cares about the password, not about which program asks for it.
    fn ssh_password(&self, grants: &[&Grant]) -> Option<String> {
        let grant =
            grants.iter().min_by_key(|grant| (grant.verdict() == Verdict::Unknown, grant.answer.phrases().len()))?;
        if grant.needs == Needs::Nothing {
            return Some(self.whatever("through ssh", grant));
        }
        let what =
            if self.user.password.state == PasswordState::Empty { "without a password" } else { "with the password" };
        Some(format!("{}through ssh {what}{}", perhaps(grant), parenthesis(grant)))
    }

    /// Why nothing lets the user in: the reason at the console, then the reason for keys.
    fn why_not(&self) -> String {
        let refusal = |wanted: Entrance| {
            let mut grants = self.entrances.iter().filter(move |grant| grant.entrance == wanted);
            grants.find_map(|grant| grant.answer.refusal.as_ref()).map(Caused::to_string)
        };
        let mut reasons: Vec<String> = refusal(Entrance::Console).into_iter().collect();
        let keyless = self.keys().next().is_none();
        if let Some(key) = refusal(Entrance::SshKey).filter(|key| !reasons.contains(key)) {
            reasons.push(if keyless { key } else { format!("no key counts: {key}") });
        }
        reasons.join(", ")
    }
}

/// The beginning of a phrase about something that the image leaves open.
const PERHAPS: &str = "perhaps ";

fn perhaps(grant: &Grant) -> &'static str {
    if grant.verdict() == Verdict::Unknown { PERHAPS } else { "" }
}

/// The conditions and doubts of a grant, each after `before`.
fn noted(before: &str, grant: &Grant) -> String {
    grant.answer.phrases().iter().map(|phrase| format!("{before}{phrase}")).collect()
}

/// Why a grant may be refused, with its conditions and its doubts.
fn parenthesis(grant: &Grant) -> String {
    let refusal = grant.answer.refusal.as_ref().map(Caused::to_string);
    in_parentheses(refusal.into_iter().chain(grant.answer.phrases()).collect())
}

fn in_parentheses(notes: Vec<String>) -> String {
    if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) }
}

/// Keys or authorities, grouped by conditions.
fn grouped(grants: &[&Grant], through: &str, (one, many): (&str, &str)) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&Grant>)> = Vec::new();
    let mut more = 0;
    for &grant in grants {
        let conditions = format!("{}{}", perhaps(grant), parenthesis(grant));
        if let Some((_, group)) = groups.iter_mut().find(|(own, _)| *own == conditions) {
            group.push(grant);
        } else if groups.len() < SHOWN {
            groups.push((conditions, vec![grant]));
        } else {
            more += 1;
        }
    }
    let mut phrases: Vec<String> = groups
        .iter()
        .filter_map(|(_, group)| {
            let first = *group.first()?;
            let what = match (&first.needs, group.len()) {
                (Needs::Certificate(Some(authority)), 1) => format!("{one} of {authority}"),
                (_, 1) => one.to_owned(),
                (Needs::Certificate(_), count) => format!("{many} {count} authorities"),
                (_, count) => format!("{count} {many}"),
            };
            Some(format!("{}{through} {what}{}", perhaps(first), parenthesis(first)))
        })
        .collect();
    if more > 0 {
        phrases.push(format!("{through} {more} more under other conditions"));
    }
    phrases
}
