//! Packages and store paths of two images.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::Difference;
use super::facts::ObjectFacts;
use super::manifest::Manifest;
use crate::store::StorePath;
use crate::store::name::Name;
use crate::store::version::compare as compare_versions;

/// A package whose versions are not the same in both images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageChange {
    /// Its name.
    pub pname: String,
    /// What became of it.
    pub status: Status,
    /// Whether somebody asked for it.
    pub selection: Selection,
    /// Its versions in the old image, the oldest first: one as often as it was built, and an empty one for a name without.
    pub old: Vec<String>,
    /// Its versions in the new image.
    pub new: Vec<String>,
    /// NAR bytes of all its store paths in the new image less those in the old one; none where one records no sizes.
    pub nar_size_delta: Option<i64>,
}

/// What became of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// A later version.
    Upgraded,
    /// An earlier version.
    Downgraded,
    /// Other versions, some later and some earlier; or the same ones, more or fewer of them, or installed in one image alone.
    Changed,
    /// It came.
    Added,
    /// It went.
    Removed,
}

/// Whether the default system has a package installed, before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// In both images.
    Installed,
    /// In the new one alone.
    Newly,
    /// In the old one alone.
    NoLonger,
    /// In neither: something else needs it.
    Dependency,
}

impl Status {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Upgraded => "upgraded",
            Self::Downgraded => "downgraded",
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }

    /// The letter of nvd.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Upgraded => 'U',
            Self::Downgraded => 'D',
            Self::Changed => 'C',
            Self::Added => 'A',
            Self::Removed => 'R',
        }
    }
}

impl Selection {
    fn of(old: bool, new: bool) -> Self {
        match (old, new) {
            (true, true) => Self::Installed,
            (false, true) => Self::Newly,
            (true, false) => Self::NoLonger,
            (false, false) => Self::Dependency,
        }
    }

    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Newly => "newly-installed",
            Self::NoLonger => "no-longer-installed",
            Self::Dependency => "dependency",
        }
    }

    /// The sign of nvd.
    #[must_use]
    pub fn sign(self) -> char {
        match self {
            Self::Installed => '*',
            Self::Newly => '+',
            Self::NoLonger => '-',
            Self::Dependency => '.',
        }
    }
}

/// The store paths of one package name in one image.
#[derive(Default)]
struct Group<'m> {
    /// How often each version is there.
    versions: BTreeMap<&'m str, usize>,
    installed: bool,
    size: Option<u64>,
}

/// Compares the store paths of two images.
pub(super) fn compare(old: &Manifest, new: &Manifest) -> Difference {
    let mut difference = Difference::default();
    paths(old, new, &mut difference);
    let asked = unversioned([old, new]);
    let (groups_old, groups_new) = (groups(old, &asked), groups(new, &asked));
    let names: BTreeSet<&&str> = groups_old.keys().chain(groups_new.keys()).collect();
    for name in names {
        let none = Group { size: Some(0), ..Group::default() };
        let (before, after) = (groups_old.get(*name).unwrap_or(&none), groups_new.get(*name).unwrap_or(&none));
        let selected = before.installed == after.installed || before.versions.is_empty();
        if before.versions == after.versions && selected {
            continue;
        }
        let sorted = |group: &Group<'_>| {
            let times = |(version, times): (&&str, &usize)| vec![(*version).to_owned(); *times];
            let mut versions: Vec<String> = group.versions.iter().flat_map(times).collect();
            versions.sort_by(|one, other| compare_versions(one, other));
            versions
        };
        let (versions_old, versions_new) = (sorted(before), sorted(after));
        difference.packages.push(PackageChange {
            pname: (**name).to_owned(),
            status: status(&versions_old, &versions_new),
            selection: Selection::of(before.installed, after.installed),
            old: versions_old,
            new: versions_new,
            nar_size_delta: delta(before.size, after.size),
        });
    }
    let total =
        |manifest: &Manifest| manifest.paths.iter().try_fold(0u64, |sum, object| sum.checked_add(object.nar_size?));
    difference.nar_size_delta = delta(total(old), total(new));
    difference
}

fn delta(old: Option<u64>, new: Option<u64>) -> Option<i64> {
    i64::try_from(i128::from(new?) - i128::from(old?)).ok()
}

/// Names without a version that somebody asked for. The others are units, scripts and files that NixOS makes.
fn unversioned(manifests: [&Manifest; 2]) -> BTreeSet<&str> {
    let installed = manifests.into_iter().flat_map(|manifest| &manifest.paths).filter(|object| object.installed);
    let names = installed.map(|object| Name::parse(name(object)));
    names.filter(|name| name.version.is_empty()).map(|name| name.pname).collect()
}

/// Packages that have a version, or that somebody asked for, by name.
fn groups<'m>(manifest: &'m Manifest, asked: &BTreeSet<&str>) -> BTreeMap<&'m str, Group<'m>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    // Outputs are parts of one package; of the same output there are as many as there are packages.
    let mut outputs: BTreeMap<(&str, &str, Option<&str>), usize> = BTreeMap::new();
    for object in &manifest.paths {
        let name = Name::parse(name(object));
        if name.version.is_empty() && !asked.contains(name.pname) {
            continue;
        }
        let group = groups.entry(name.pname).or_insert_with(|| Group { size: Some(0), ..Group::default() });
        let same = outputs.entry((name.pname, name.version, name.output)).or_default();
        *same += 1;
        let times = group.versions.entry(name.version).or_default();
        *times = (*same).max(*times);
        group.installed |= object.installed;
        group.size = group.size.zip(object.nar_size).and_then(|(sum, size)| sum.checked_add(size));
    }
    groups
}

/// The name of a store path, without its hash part.
fn name(object: &ObjectFacts) -> &str {
    object.path.get("/nix/store/".len() + 33..).unwrap_or_default()
}

/// What became of the versions: those that are in both do not count.
fn status(old: &[String], new: &[String]) -> Status {
    if old.is_empty() {
        return Status::Added;
    }
    if new.is_empty() {
        return Status::Removed;
    }
    let only = |one: &[String], other: &[String]| {
        one.iter().filter(|version| !other.contains(version)).cloned().collect::<Vec<String>>()
    };
    let (gone, come) = (only(old, new), only(new, old));
    let order = |come: &String, gone: &String| compare_versions(come, gone);
    match (gone.is_empty(), come.is_empty()) {
        // One version more or less of several, or none.
        (true, _) | (_, true) => Status::Changed,
        _ if come.iter().all(|come| gone.iter().all(|gone| order(come, gone) == Ordering::Greater)) => Status::Upgraded,
        _ if come.iter().all(|come| gone.iter().all(|gone| order(come, gone) == Ordering::Less)) => Status::Downgraded,
        _ => Status::Changed,
    }
}

/// Store paths that came, went or changed. Those with the same name and the same NAR are the same, whatever their hash part.
fn paths(old: &Manifest, new: &Manifest, difference: &mut Difference) {
    let mut names: BTreeMap<&str, [Vec<&ObjectFacts>; 2]> = BTreeMap::new();
    for object in &old.paths {
        names.entry(name(object)).or_default()[0].push(object);
    }
    for object in &new.paths {
        names.entry(name(object)).or_default()[1].push(object);
    }
    let mut rebuilt: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, [mut gone, mut come]) in names {
        // The same path is the same thing; so is another one with the same contents.
        gone.retain(|object| match come.iter().position(|other| is_same(object, other)) {
            Some(at) => {
                come.remove(at);
                false
            }
            None => true,
        });
        let pairs = gone.len().min(come.len());
        for (old, new) in gone.iter().zip(&come) {
            difference.changed.push((old.path.clone(), new.path.clone()));
        }
        difference.removed.extend(gone.iter().skip(pairs).map(|object| object.path.clone()));
        difference.added.extend(come.iter().skip(pairs).map(|object| object.path.clone()));
        if pairs > 0 {
            let parsed = Name::parse(name);
            let shown = if parsed.version.is_empty() { "" } else { parsed.pname };
            *rebuilt.entry(shown).or_default() += pairs;
        }
    }
    difference.rebuilt = rebuilt.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
}

fn is_same(one: &ObjectFacts, other: &ObjectFacts) -> bool {
    match (&one.nar_hash, &other.nar_hash) {
        (Some(hash), Some(other)) => hash == other && StorePath::from_path(one.path.as_bytes()).is_some(),
        _ => one.path == other.path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn versions_that_are_in_both_do_not_count() {
        for (old, new, expected) in [
            ("", "1", Status::Added),
            ("1", "", Status::Removed),
            ("9.0", "9.1", Status::Upgraded),
            ("9.10", "9.9", Status::Downgraded),
            ("1.0pre", "1.0", Status::Upgraded),
            ("1 2", "2 3", Status::Upgraded),
            ("1 2", "2", Status::Changed),
            ("2", "1 3", Status::Changed),
        ] {
            assert_eq!(status(&versions(old), &versions(new)), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn a_version_counts_as_often_as_it_is_there_and_outputs_count_once() {
        let object = |hash: char, name: &str, installed| ObjectFacts {
            path: format!("/nix/store/{}-{name}", hash.to_string().repeat(32)),
            nar_hash: Some(hash.to_string()),
            nar_size: Some(1),
            installed,
        };
        let manifest = |paths| Manifest { paths, ..Manifest::default() };
        let old = manifest(vec![
            object('a', "curl-8.1", false),
            object('b', "curl-8.1-dev", false),
            object('c', "deploy", true),
            object('d', "unit-x.service", false),
        ]);
        let new = manifest(vec![
            object('a', "curl-8.1", false),
            object('b', "curl-8.1-dev", false),
            object('f', "curl-8.1", false),
            object('g', "roll-back", true),
            object('h', "unit-y.service", false),
        ]);
        let told = |old: &Manifest, new: &Manifest| {
            let found = compare(old, new);
            let line = |change: &PackageChange| {
                let (name, status) = (&change.pname, change.status.letter());
                format!("{status}{} {name} {:?} {:?}", change.selection.sign(), change.old, change.new)
            };
            found.packages.iter().map(line).collect::<Vec<_>>()
        };
        assert_eq!(
            told(&old, &new),
            [r#"C. curl ["8.1"] ["8.1", "8.1"]"#, r#"R- deploy [""] []"#, r#"A+ roll-back [] [""]"#,]
        );
        assert_eq!(
            told(&new, &old),
            [r#"C. curl ["8.1", "8.1"] ["8.1"]"#, r#"A+ deploy [] [""]"#, r#"R- roll-back [""] []"#,]
        );
    }

    #[test]
    fn a_rebuild_is_told_from_a_change_of_version_and_from_the_same_contents() {
        let object = |hash: char, name: &str, nar: &str, installed| ObjectFacts {
            path: format!("/nix/store/{}-{name}", hash.to_string().repeat(32)),
            nar_hash: Some(nar.to_owned()),
            nar_size: Some(100),
            installed,
        };
        let manifest = |paths| Manifest { paths, ..Manifest::default() };
        let old = manifest(vec![
            object('a', "vim-9.0", "1", true),
            object('b', "git-2.0", "2", true),
            object('c', "jq-1", "3", false),
            object('d', "unit-x", "4", false),
        ]);
        let new = manifest(vec![
            object('f', "vim-9.1", "5", true),
            object('g', "git-2.0", "6", true),
            object('h', "jq-1", "3", false),
            object('i', "unit-x", "7", false),
        ]);
        let found = compare(&old, &new);
        let told: Vec<_> =
            found.packages.iter().map(|change| (change.pname.as_str(), change.status, change.selection)).collect();
        assert_eq!(told, [("vim", Status::Upgraded, Selection::Installed)]);
        assert_eq!(found.rebuilt, [(String::new(), 1), ("git".to_owned(), 1)]);
        assert_eq!((found.added.len(), found.removed.len(), found.changed.len()), (1, 1, 2));
        assert!(compare(&old, &old).is_none());
    }
}
