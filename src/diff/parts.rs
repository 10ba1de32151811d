//! What else two images differ in: volume, systems, people, menus, files of the disc.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{DiscFile, MemberFacts, SystemFacts, is_of_store};
use super::manifest::Manifest;
use super::people::{self, KeyChange, UserChange};

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
    pub keys_added: Vec<KeyChange>,
    /// Keys that no longer do.
    pub keys_removed: Vec<KeyChange>,
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

impl Parts {
    pub(super) fn between(old: &Manifest, new: &Manifest) -> Self {
        let mut parts = Self { boot: boot(old, new), ..Self::default() };
        let volume = |manifest: &Manifest| match &manifest.volume {
            Some(volume) => BTreeMap::from([
                ("id".to_owned(), volume.id.clone()),
                ("system".to_owned(), volume.system.clone()),
                ("publisher".to_owned(), volume.publisher.clone()),
                ("application".to_owned(), volume.application.clone()),
                ("boots from".to_owned(), volume.boot.join("; ")),
                ("partitions".to_owned(), volume.partitions.join("; ")),
            ]),
            None => BTreeMap::new(),
        };
        parts.volume = changes(&volume(old), &volume(new));
        parts.volume.retain(|change| [&change.old, &change.new].into_iter().flatten().any(|value| !value.is_empty()));
        parts.systems = changes(&systems(old), &systems(new));
        let files = |manifest: &Manifest| numbered(manifest.files.iter().map(|file| (file.path.clone(), shown(file))));
        parts.files = changes(&files(old), &files(new));
        // What comes or goes with a store path is told of that.
        parts.files.retain(|Change { what, old, new }| !is_of_store(what.as_bytes()) || old.is_some() == new.is_some());
        people::compare(old, new, &mut parts);
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

/// Values that are not the same, by their names.
pub(super) fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| {
        let (old, new) = (old.get(name).cloned(), new.get(name).cloned());
        (old != new).then(|| Change { what: name.clone(), old, new })
    };
    names.into_iter().filter_map(change).collect()
}

/// Values by their names; those of the same name are told apart by a number.
pub(super) fn numbered<T>(all: impl IntoIterator<Item = (String, T)>) -> BTreeMap<String, T> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_name = BTreeMap::new();
    for (mut name, value) in all {
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            name = format!("{name} ({times})");
        }
        by_name.insert(name, value);
    }
    by_name
}

/// The systems by what they are called: `system`, `specialisation gnome`.
pub(super) fn named_systems(manifest: &Manifest) -> BTreeMap<String, &SystemFacts> {
    numbered(manifest.systems.iter().map(|system| match &system.specialisation {
        Some(name) => (format!("specialisation {name}"), system),
        None => ("system".to_owned(), system),
    }))
}

fn systems(manifest: &Manifest) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for (name, system) in named_systems(manifest) {
        let unknown = || "unknown".to_owned();
        facts.insert(format!("{name}, version"), system.version.clone().unwrap_or_else(unknown));
        facts.insert(format!("{name}, kernel"), system.kernel.clone().unwrap_or_else(unknown));
        facts.extend(system.default.then(|| ("default".to_owned(), name)));
    }
    facts
}

/// Whether it is known how the initrds differ.
pub(super) fn initrds_are_read(old: &Manifest, new: &Manifest) -> bool {
    is_read(old) && is_read(new) || old.has_initrd_of(new)
}

fn is_read(manifest: &Manifest) -> bool {
    manifest.initrd.as_ref().is_none_or(|initrd| initrd.members.is_some())
}

/// Members of the initrd, by path.
fn initrd(manifest: &Manifest) -> BTreeMap<String, String> {
    let members = manifest.initrd.iter().flat_map(|initrd| initrd.members.iter().flatten());
    let shown = |member: &MemberFacts| match member.sha256.as_deref() {
        Some(digest) => {
            format!("{} bytes, mode {}, sha256 {}", member.size, member.mode, digest.get(..12).unwrap_or(digest))
        }
        None if member.mode.starts_with("04") => format!("directory, mode {}", member.mode),
        None => format!("empty, mode {}", member.mode),
    };
    numbered(members.map(|member| (member.path.clone(), shown(member))))
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

/// Menu entries that came or went, and parameters that did in those that are in both. Installers repeat each entry with other
/// parameters, so a parameter is told once, with the number of its entries.
fn boot(old: &Manifest, new: &Manifest) -> Vec<Change> {
    let (before, after) = (entries(old), entries(new));
    let titles =
        |entries: &BTreeMap<String, Vec<&str>>| entries.keys().map(|name| (name.clone(), "entry".to_owned())).collect();
    let mut all = changes(&titles(&before), &titles(&after));
    let mut params: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut moved: Vec<(&[&str], &[&str])> = Vec::new();
    for (name, after) in &after {
        let Some(before) = before.get(name) else { continue };
        let gone = less(before, after);
        let come = less(after, before);
        // The last `console=` gets the messages of the kernel.
        if gone.is_empty() && come.is_empty() && before != after {
            moved.push((before, after));
        }
        gone.into_iter().for_each(|param| params.entry(param).or_default().0 += 1);
        come.into_iter().for_each(|param| params.entry(param).or_default().1 += 1);
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
    if let (Some((before, after)), Some(count)) = (moved.first(), told(moved.len())) {
        let what = format!("order of parameters {count}");
        all.push(Change { what, old: Some(before.join(" ")), new: Some(after.join(" ")) });
    }
    all
}

/// What the first has and the second has not, or not as often.
fn less<'p>(one: &[&'p str], other: &[&str]) -> BTreeSet<&'p str> {
    let times = |all: &[&str], param: &str| all.iter().filter(|other| **other == param).count();
    one.iter().filter(|param| times(one, param) > times(other, param)).copied().collect()
}

/// Entries by file and title, with their parameters; of the same title, by their order. The version of the system, which most titles
/// have, is told of the system.
fn entries(manifest: &Manifest) -> BTreeMap<String, Vec<&str>> {
    numbered(manifest.menu.iter().map(|item| {
        let versions = manifest.systems.iter().flat_map(|system| system.version.iter().chain(&system.kernel));
        let versions = versions.filter(|version| !version.is_empty());
        let title = versions.fold(item.title.clone(), |title, version| title.replace(version.as_str(), "…"));
        (format!("{} {title:?}", item.file), item.params.iter().map(String::as_str).collect())
    }))
}

fn shown(file: &DiscFile) -> String {
    match &file.sha256 {
        Some(digest) => format!("{} bytes, sha256 {}", file.size, digest.get(..12).unwrap_or(digest)),
        None => format!("{} bytes", file.size),
    }
}
