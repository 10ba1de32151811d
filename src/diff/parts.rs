//! What else two images differ in: volume, systems, users, keys, sshd, menus, files of the disc.

use std::collections::{BTreeMap, BTreeSet};

use super::manifest::disc::is_of_store;
use super::manifest::{DiscFile, Key, Manifest, MemberFacts, UserFacts};

/// What differs besides packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Of the volume.
    pub volume: Vec<Change>,
    /// Of the systems: versions and kernels.
    pub systems: Vec<Change>,
    /// Users who came, went or changed.
    pub users: Vec<UserChange>,
    /// Keys that let somebody in now, and did not before.
    pub keys_added: Vec<Key>,
    /// Keys that no longer do.
    pub keys_removed: Vec<Key>,
    /// Of sshd.
    pub sshd: Vec<Change>,
    /// Findings of `access` that came.
    pub findings_added: Vec<String>,
    /// Findings that went.
    pub findings_removed: Vec<String>,
    /// Of the menus: entries, and parameters of their kernels.
    pub boot: Vec<Change>,
    /// Members of the initrd.
    pub initrd: Vec<Change>,
    /// Files of the disc.
    pub files: Vec<Change>,
    /// What differs between two builds of the same, and does not count as a difference.
    pub noise: Vec<Change>,
}

/// Something that was one thing and is another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What.
    pub what: String,
    /// Before; none where it was not there.
    pub old: Option<String>,
    /// After; none where it is not there.
    pub new: Option<String>,
}

/// A user who came, went or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserChange {
    /// Login name.
    pub name: String,
    /// What changed; `user` itself for one who came or went.
    pub changes: Vec<Change>,
}

impl Parts {
    pub(super) fn between(old: &Manifest, new: &Manifest) -> Self {
        let mut parts = Self { users: users(&old.users, &new.users), boot: boot(old, new), ..Self::default() };
        let volume = |manifest: &Manifest| match &manifest.volume {
            Some(volume) => BTreeMap::from([
                ("id".to_owned(), volume.id.clone()),
                ("boots from".to_owned(), volume.boot.join("; ")),
                ("partitions".to_owned(), volume.partitions.join("; ")),
            ]),
            None => BTreeMap::new(),
        };
        parts.volume = changes(&volume(old), &volume(new));
        parts.systems = changes(&systems(old), &systems(new));
        parts.sshd = changes(&sshd(old), &sshd(new));
        let files = |manifest: &Manifest| manifest.files.iter().map(|file| (file.path.clone(), shown(file))).collect();
        parts.files = changes(&files(old), &files(new));
        // What comes or goes with a store path is told of that.
        parts.files.retain(|Change { what, old, new }| !is_of_store(what.as_bytes()) || old.is_some() == new.is_some());
        let keys = |manifest: &Manifest| manifest.keys.iter().cloned().collect::<BTreeSet<Key>>();
        (parts.keys_removed, parts.keys_added) = apart(&keys(old), &keys(new));
        let findings = |manifest: &Manifest| manifest.findings.iter().cloned().collect::<BTreeSet<String>>();
        (parts.findings_removed, parts.findings_added) = apart(&findings(old), &findings(new));
        if is_read(old) && is_read(new) {
            parts.initrd = changes(&initrd(old), &initrd(new));
        }
        parts.noise = changes(&old.noise, &new.noise);
        parts.noise.extend(hash_parts(old, new));
        parts
    }

    /// Whether nothing differs but noise.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self { noise: self.noise.clone(), ..Self::default() }
    }
}

/// What is in the first alone, and in the second alone.
fn apart<T: Ord + Clone>(old: &BTreeSet<T>, new: &BTreeSet<T>) -> (Vec<T>, Vec<T>) {
    (old.difference(new).cloned().collect(), new.difference(old).cloned().collect())
}

/// Values that are not the same, by their names.
pub(super) fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| {
        let (old, new) = (old.get(name).cloned(), new.get(name).cloned());
        (old != new).then(|| Change { what: name.clone(), old, new })
    };
    names.into_iter().filter_map(change).collect()
}

fn systems(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for system in &manifest.systems {
        let name = match &system.specialisation {
            Some(name) => format!("specialisation {name}"),
            None => "system".to_owned(),
        };
        let unknown = || "unknown".to_owned();
        facts.insert(format!("{name}, version"), system.version.clone().unwrap_or_else(unknown));
        facts.insert(format!("{name}, kernel"), system.kernel.clone().unwrap_or_else(unknown));
        facts.extend(system.default.then(|| ("default".to_owned(), name)));
    }
    facts
}

fn is_read(manifest: &Manifest) -> bool {
    manifest.initrd.as_ref().is_none_or(|initrd| initrd.members.is_some())
}

/// Members of the initrd, by path.
fn initrd(manifest: &Manifest) -> BTreeMap<String, String> {
    let members = manifest.initrd.iter().flat_map(|initrd| initrd.members.iter().flatten());
    let shown = |member: &MemberFacts| {
        let digest = member.sha256.as_deref().and_then(|digest| digest.get(..12)).unwrap_or("empty");
        format!("{} bytes, mode {}, sha256 {digest}", member.size, member.mode)
    };
    members.map(|member| (member.path.clone(), shown(member))).collect()
}

/// Files of the disc that are the same but for hash parts of store paths.
fn hash_parts(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let before: BTreeMap<&str, &DiscFile> = old.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let differs = |file: &&DiscFile| {
        before.get(file.path.as_str()).is_some_and(|old| old.sha256 == file.sha256 && old.exact != file.exact)
    };
    // Of isolinux the boot information table is told.
    let of_paths = new.files.iter().filter(differs).filter(|file| !file.path.ends_with("/isolinux.bin"));
    let told =
        |file: &DiscFile| Some(file.exact.as_deref().and_then(|digest| digest.get(..12)).unwrap_or("none").to_owned());
    let change = |file: &DiscFile| Change {
        what: format!("hash parts of store paths in {}", file.path),
        old: before.get(file.path.as_str()).and_then(|old| told(old)),
        new: told(file),
    };
    of_paths.map(change).collect()
}

fn sshd(manifest: &Manifest) -> BTreeMap<String, String> {
    let Some(sshd) = &manifest.sshd else { return BTreeMap::new() };
    let ports: Vec<String> = sshd.ports.iter().map(u16::to_string).collect();
    BTreeMap::from([
        ("starts at boot".to_owned(), sshd.starts_at_boot.to_string()),
        ("PermitRootLogin".to_owned(), sshd.permit_root_login.clone()),
        ("takes passwords".to_owned(), sshd.password_authentication.to_string()),
        ("ports".to_owned(), ports.join(", ")),
    ])
}

fn users(old: &[UserFacts], new: &[UserFacts]) -> Vec<UserChange> {
    let names: BTreeSet<&str> = old.iter().chain(new).map(|user| user.name.as_str()).collect();
    let facts = |users: &[UserFacts], name: &str| {
        let found = users.iter().find(|user| user.name == name);
        found.map_or_else(BTreeMap::new, |user| {
            BTreeMap::from([
                ("user".to_owned(), "there".to_owned()),
                ("uid".to_owned(), user.uid.map(|uid| uid.to_string()).unwrap_or_default()),
                ("groups".to_owned(), user.groups.join(", ")),
                ("shell".to_owned(), user.shell.clone().unwrap_or_default()),
                ("password".to_owned(), user.password.clone()),
                ("logs in by".to_owned(), user.logins.join(", ")),
            ])
        })
    };
    let change = |name: &str| {
        let mut changes = changes(&facts(old, name), &facts(new, name));
        changes.retain(|change| change.old.as_deref() != Some("") || change.new.is_some());
        changes.retain(|change| change.new.as_deref() != Some("") || change.old.is_some());
        (!changes.is_empty()).then(|| UserChange { name: name.to_owned(), changes })
    };
    names.into_iter().filter_map(change).collect()
}

/// Menu entries that came or went, and parameters that did in those that are in both. Installers repeat each entry with other
/// parameters, so a parameter is told once, with the number of its entries.
fn boot(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let (before, after) = (entries(old), entries(new));
    let titles =
        |entries: &BTreeMap<String, Vec<&str>>| entries.keys().map(|name| (name.clone(), "entry".to_owned())).collect();
    let mut all = changes(&titles(&before), &titles(&after));
    let mut params: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (name, after) in &after {
        let Some(before) = before.get(name) else { continue };
        before.iter().filter(|param| !after.contains(param)).for_each(|param| params.entry(param).or_default().0 += 1);
        after.iter().filter(|param| !before.contains(param)).for_each(|param| params.entry(param).or_default().1 += 1);
    }
    let told = |count: usize| match count {
        0 => None,
        1 => Some("in 1 entry".to_owned()),
        many => Some(format!("in {many} entries")),
    };
    let change = |(param, (old, new)): (&str, (usize, usize))| Change {
        what: format!("parameter {param}"),
        old: told(old),
        new: told(new),
    };
    all.extend(params.into_iter().map(change));
    all
}

/// Entries by file and title, with their parameters; of the same title, by their order. The version of the system, which most titles
/// have, is told of the system.
fn entries(manifest: &Manifest) -> BTreeMap<String, Vec<&str>> {
    let mut entries: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for item in &manifest.menu {
        let versions = manifest.systems.iter().flat_map(|system| system.version.iter().chain(&system.kernel));
        let title = versions.fold(item.title.clone(), |title, version| title.replace(version.as_str(), "…"));
        let base = format!("{} {title:?}", item.file);
        let mut name = base.clone();
        let mut number = 1;
        while entries.contains_key(&name) {
            number += 1;
            name = format!("{base} ({number})");
        }
        entries.insert(name, item.params.iter().map(String::as_str).collect());
    }
    entries
}

fn shown(file: &DiscFile) -> String {
    match &file.sha256 {
        Some(digest) => format!("{} bytes, sha256 {}", file.size, digest.get(..12).unwrap_or(digest)),
        None => format!("{} bytes", file.size),
    }
}
