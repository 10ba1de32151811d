//! Who gets in.

use serde::Serialize;

use super::super::files::text;
use crate::nixos::access::{Account, GrantedKey, People, Way};

/// The accounts that get in, or may.
pub(super) fn logins(people: &People) -> impl Iterator<Item = &Account> {
    people.accounts.iter().filter(|account| !account.ways().is_empty() || account.is_unsure())
}

/// The keys that sshd accepts, each with its user.
pub(super) fn accepted(people: &People) -> impl Iterator<Item = (&str, &GrantedKey)> {
    people.accounts.iter().flat_map(|account| {
        let keys = account.keys().filter(|granted| granted.answer.opens());
        keys.map(|granted| (account.user.name.as_str(), granted))
    })
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Access<'s> {
    sshd_enabled: bool,
    sshd_starts_at_boot: bool,
    logins: Vec<Login<'s>>,
    keys: Vec<Key<'s>>,
}

/// A user who gets in.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Login<'s> {
    user: &'s str,
    password: &'static str,
    ways: Vec<&'static str>,
    sentence: String,
}

impl<'s> Login<'s> {
    fn of(account: &'s Account) -> Self {
        Self {
            user: &account.user.name,
            password: account.user.password.state.name(),
            ways: account.ways().into_iter().map(Way::name).collect(),
            sentence: account.sentence(),
        }
    }
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Key<'s> {
    user: &'s str,
    r#type: &'s str,
    bits: Option<usize>,
    fingerprint: String,
    comment: &'s str,
    source: String,
    line: u64,
}

impl<'s> Key<'s> {
    fn of((user, granted): (&'s str, &'s GrantedKey)) -> Self {
        let key = &granted.key;
        Self {
            user,
            r#type: &key.line.key.kind,
            bits: key.line.key.bits(),
            fingerprint: key.line.key.fingerprint(),
            comment: &key.line.comment,
            source: text(&key.file),
            line: key.number,
        }
    }
}

impl<'s> Access<'s> {
    pub(super) fn of(people: &'s People) -> Self {
        Self {
            sshd_enabled: people.sshd.unit.is_some(),
            sshd_starts_at_boot: people.sshd.starts,
            logins: logins(people).map(Login::of).collect(),
            keys: accepted(people).map(Key::of).collect(),
        }
    }
}
