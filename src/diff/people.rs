//! Who gets in, and how: users, keys, sshd and findings of all systems.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;

use super::change::{Change, Named, Value, changes, numbered};
use super::facts::{AccessFacts, Key, SshdFacts, UserFacts};
use super::parts::{Parts, named_systems};
use super::{Manifest, Pair};

/// A user who was added, removed or changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserChange {
    /// The system, unless it is the default one: `specialisation gnome`.
    pub system: Option<String>,
    /// Login name.
    pub name: String,
    /// In which images the user exists.
    pub presence: Presence,
    /// A user who is in one image only, or who changed.
    pub changes: Vec<Change>,
}

/// Which of two images have something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// Only the old one.
    Removed,
    /// Only the new one.
    Added,
    /// Both.
    Kept,
}

impl Presence {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Kept => "changed",
        }
    }
}

/// A key that lets somebody in to one image only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyChange {
    /// The system, unless it is the default one: `specialisation gnome`.
    pub system: Option<String>,
    /// The key, and whom it lets in.
    pub key: Key,
}

/// What differs in one system.
struct People {
    users: Vec<UserChange>,
    keys: Pair<Vec<KeyChange>>,
    sshd: Vec<Change>,
    findings: Pair<Vec<String>>,
}

/// Compares the default systems, and all others by name. What differs in all systems alike is reported for the default one only. A
/// system that only one image has was added or removed, and is reported with the systems.
pub(super) fn compare(manifests: Pair<&Manifest>, parts: &mut Parts) {
    let all = People::between(manifests.map(|manifest| &manifest.access));
    let systems = manifests.map(named_systems);
    let names: BTreeSet<&String> = systems.as_ref().into_iter().flat_map(BTreeMap::keys).collect();
    let mut others = Vec::new();
    for name in names {
        let system = systems.as_ref().map(|systems| systems.get(name).copied());
        let Pair { old: Some(old), new: Some(new) } = system else { continue };
        // Without facts of its own a system is like the default one.
        if old.access.is_none() && new.access.is_none() {
            continue;
        }
        let access = manifests.zip(Pair { old, new }).map(|(manifest, system)| manifest.access_of(system));
        others.push((name, People::between(access).without(&all)));
    }
    // The default system comes first.
    all.report(None, parts);
    others.into_iter().for_each(|(name, people)| people.report(Some(name), parts));
}

impl People {
    fn between(access: Pair<&AccessFacts>) -> Self {
        let key = |key: &Key| KeyChange { system: None, key: key.clone() };
        Self {
            users: users(access.map(|access| access.users.as_slice())),
            keys: only(access.map(|access| &access.keys)).map(|keys| keys.into_iter().map(key).collect()),
            sshd: changes(access.map(|access| sshd(access.sshd.as_ref())).as_ref()),
            findings: only(access.map(|access| &access.findings)).map(|all| all.into_iter().cloned().collect()),
        }
    }

    fn without(mut self, other: &Self) -> Self {
        remove(&mut self.users, &other.users);
        remove(&mut self.keys.old, &other.keys.old);
        remove(&mut self.keys.new, &other.keys.new);
        remove(&mut self.sshd, &other.sshd);
        remove(&mut self.findings.old, &other.findings.old);
        remove(&mut self.findings.new, &other.findings.new);
        self
    }

    fn report(self, system: Option<&String>, parts: &mut Parts) {
        let key = |change: KeyChange| KeyChange { system: system.cloned(), ..change };
        let named = |what: String| system.map_or_else(|| what.clone(), |system| format!("{system}, {what}"));
        parts.users.extend(self.users.into_iter().map(|user| UserChange { system: system.cloned(), ..user }));
        parts.keys.old.extend(self.keys.old.into_iter().map(key));
        parts.keys.new.extend(self.keys.new.into_iter().map(key));
        parts.sshd.extend(self.sshd.into_iter().map(|change| Change { what: named(change.what), ..change }));
        parts.findings.old.extend(self.findings.old.into_iter().map(named));
        parts.findings.new.extend(self.findings.new.into_iter().map(named));
    }
}

fn remove<T: Eq + Hash>(from: &mut Vec<T>, others: &[T]) {
    let others: HashSet<&T> = others.iter().collect();
    from.retain(|one| !others.contains(one));
}

/// What only one side has, in order.
fn only<T: Ord>(all: Pair<&Vec<T>>) -> Pair<Vec<&T>> {
    let sets: Pair<BTreeSet<&T>> = all.map(|all| all.iter().collect());
    Pair {
        old: sets.old.difference(&sets.new).copied().collect(),
        new: sets.new.difference(&sets.old).copied().collect(),
    }
}

fn sshd(sshd: Option<&SshdFacts>) -> Named {
    let Some(sshd) = sshd else { return Named::new() };
    Named::from([
        ("starts at boot".to_owned(), Value::Flag(sshd.starts_at_boot)),
        ("PermitRootLogin".to_owned(), Value::from(&sshd.permit_root_login)),
        ("accepts passwords".to_owned(), Value::Flag(sshd.password_authentication)),
        ("ports".to_owned(), Value::List(sshd.ports.iter().map(u16::to_string).collect())),
    ])
}

fn users(users: Pair<&[UserFacts]>) -> Vec<UserChange> {
    let users = users.map(|users| numbered(users.iter().map(|user| (user.name.clone(), facts(user)))));
    let names: BTreeSet<&String> = users.as_ref().into_iter().flat_map(BTreeMap::keys).collect();
    let none = Named::new();
    let change = |name: &String| {
        let user = users.as_ref().map(|users| users.get(name));
        let presence = match user {
            Pair { old: Some(_), new: None } => Presence::Removed,
            Pair { old: None, new: Some(_) } => Presence::Added,
            _ => Presence::Kept,
        };
        let mut changes = changes(user.map(|facts| facts.unwrap_or(&none)));
        changes.retain(|change| !change.is_empty());
        let differs = presence != Presence::Kept || !changes.is_empty();
        differs.then(|| UserChange { system: None, name: name.clone(), presence, changes })
    };
    names.into_iter().filter_map(change).collect()
}

fn facts(user: &UserFacts) -> Named {
    let groups: BTreeSet<&String> = user.groups.iter().collect();
    let mut facts = Named::from([
        ("groups".to_owned(), Value::List(groups.into_iter().cloned().collect())),
        ("shell".to_owned(), Value::Text(user.shell.clone().unwrap_or_default())),
        ("password".to_owned(), Value::from(&user.password)),
        ("logs in by".to_owned(), Value::List(user.logins.clone())),
    ]);
    facts.extend(user.uid.map(|uid| ("uid".to_owned(), Value::Number(uid))));
    facts
}
