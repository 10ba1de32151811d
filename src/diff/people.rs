//! Who gets in, and how: users, keys, sshd and findings of all systems.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{AccessFacts, Key, SshdFacts, UserFacts};
use super::manifest::Manifest;
use super::parts::{Change, Parts, changes, named_systems, numbered};

/// A user who came, went or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserChange {
    /// The system, where it is not the default one: `specialisation gnome`.
    pub system: Option<String>,
    /// Login name.
    pub name: String,
    /// What changed; `user` itself for one who came or went.
    pub changes: Vec<Change>,
}

/// A key that came or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyChange {
    /// The system, where it is not the default one: `specialisation gnome`.
    pub system: Option<String>,
    /// The key, and whom it lets in.
    pub key: Key,
}

/// What differs of one system.
struct People {
    users: Vec<UserChange>,
    keys_added: Vec<KeyChange>,
    keys_removed: Vec<KeyChange>,
    sshd: Vec<Change>,
    findings_added: Vec<String>,
    findings_removed: Vec<String>,
}

/// Compares the default systems, and the others with their like. What differs of all alike is told of the default one; where a
/// system has no like, it differs from the default one of the other image.
pub(super) fn compare(old: &Manifest, new: &Manifest, parts: &mut Parts) {
    let all = People::between(&old.access, &new.access);
    let (before, after) = (named_systems(old), named_systems(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (one, other) = (before.get(name), after.get(name));
        // Who gets in where nothing else is said is already told.
        if [one, other].into_iter().flatten().all(|system| system.access.is_none()) {
            continue;
        }
        People::between(old.access_of(one.copied()), new.access_of(other.copied()))
            .without(&all)
            .tell(Some(name), parts);
    }
    let mut others = std::mem::take(parts);
    all.tell(None, &mut others);
    // The default system comes first.
    others.users.sort_by(|one, other| one.system.cmp(&other.system));
    others.keys_added.sort_by(|one, other| one.system.cmp(&other.system));
    others.keys_removed.sort_by(|one, other| one.system.cmp(&other.system));
    *parts = others;
}

impl People {
    fn between(old: &AccessFacts, new: &AccessFacts) -> Self {
        let key = |key| KeyChange { system: None, key };
        let (keys_removed, keys_added) = apart(&old.keys, &new.keys);
        let (findings_removed, findings_added) = apart(&old.findings, &new.findings);
        Self {
            users: users(&old.users, &new.users),
            keys_added: keys_added.into_iter().map(key).collect(),
            keys_removed: keys_removed.into_iter().map(key).collect(),
            sshd: changes(&sshd(old.sshd.as_ref()), &sshd(new.sshd.as_ref())),
            findings_added,
            findings_removed,
        }
    }

    fn without(mut self, other: &Self) -> Self {
        self.users.retain(|user| !other.users.contains(user));
        self.keys_added.retain(|key| !other.keys_added.contains(key));
        self.keys_removed.retain(|key| !other.keys_removed.contains(key));
        self.sshd.retain(|change| !other.sshd.contains(change));
        self.findings_added.retain(|finding| !other.findings_added.contains(finding));
        self.findings_removed.retain(|finding| !other.findings_removed.contains(finding));
        self
    }

    fn tell(self, system: Option<&String>, parts: &mut Parts) {
        let key = |change: KeyChange| KeyChange { system: system.cloned(), ..change };
        let named = |what: String| system.map_or_else(|| what.clone(), |system| format!("{system}, {what}"));
        parts.users.extend(self.users.into_iter().map(|user| UserChange { system: system.cloned(), ..user }));
        parts.keys_added.extend(self.keys_added.into_iter().map(key));
        parts.keys_removed.extend(self.keys_removed.into_iter().map(key));
        let sshd = self.sshd.into_iter().map(|Change { what, old, new }| Change { what: named(what), old, new });
        parts.sshd.extend(sshd);
        parts.findings_added.extend(self.findings_added.into_iter().map(named));
        parts.findings_removed.extend(self.findings_removed.into_iter().map(named));
    }
}

/// What is in the first alone, and in the second alone.
fn apart<T: Ord + Clone>(old: &[T], new: &[T]) -> (Vec<T>, Vec<T>) {
    let (old, new): (BTreeSet<&T>, BTreeSet<&T>) = (old.iter().collect(), new.iter().collect());
    (old.difference(&new).copied().cloned().collect(), new.difference(&old).copied().cloned().collect())
}

fn sshd(sshd: Option<&SshdFacts>) -> BTreeMap<String, String> {
    let Some(sshd) = sshd else { return BTreeMap::new() };
    let ports: Vec<String> = sshd.ports.iter().map(u16::to_string).collect();
    BTreeMap::from([
        ("starts at boot".to_owned(), sshd.starts_at_boot.to_string()),
        ("PermitRootLogin".to_owned(), sshd.permit_root_login.clone()),
        ("takes passwords".to_owned(), sshd.password_authentication.to_string()),
        ("ports".to_owned(), ports.join(", ")),
    ])
}

fn users(old: &[UserFacts], new: &[UserFacts]) -> Vec<UserChange> {
    let (before, after) = (by_name(old), by_name(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let none = BTreeMap::new();
    let change = |name: &String| {
        let mut changes = changes(before.get(name).unwrap_or(&none), after.get(name).unwrap_or(&none));
        changes.retain(|change| change.old.as_deref() != Some("") || change.new.is_some());
        changes.retain(|change| change.new.as_deref() != Some("") || change.old.is_some());
        (!changes.is_empty()).then(|| UserChange { system: None, name: name.clone(), changes })
    };
    names.into_iter().filter_map(change).collect()
}

fn by_name(users: &[UserFacts]) -> BTreeMap<String, BTreeMap<String, String>> {
    let facts = |user: &UserFacts| {
        let groups: BTreeSet<&str> = user.groups.iter().map(String::as_str).collect();
        BTreeMap::from([
            ("user".to_owned(), "there".to_owned()),
            ("uid".to_owned(), user.uid.map(|uid| uid.to_string()).unwrap_or_default()),
            ("groups".to_owned(), groups.into_iter().collect::<Vec<_>>().join(", ")),
            ("shell".to_owned(), user.shell.clone().unwrap_or_default()),
            ("password".to_owned(), user.password.clone()),
            ("logs in by".to_owned(), user.logins.join(", ")),
        ])
    };
    numbered(users.iter().map(|user| (user.name.clone(), facts(user))))
}
