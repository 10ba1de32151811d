//! Packages of two images, and how their versions changed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::facts::ObjectFacts;
use super::{Manifest, Pair, interpreter};
use crate::store::StorePath;
use crate::store::name::Name;
use crate::store::version::compare_releases;

/// A package whose versions or selection differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageChange {
    /// Its name.
    pub pname: String,
    /// Its name in the old image, if an interpreter's version in it changed: `python3.12-numpy` became `python3.13-numpy`.
    pub old_pname: Option<String>,
    /// Whether it was added, removed or changed.
    pub status: Status,
    /// Whether the default systems have it installed.
    pub selection: Selection,
    /// Its versions, the oldest first, each as often as it was built. A name without a version has an empty one.
    pub versions: Pair<Vec<String>>,
    /// By how many NAR bytes its store paths grew or shrank, if both images register sizes.
    pub nar_size_delta: Option<i64>,
}

/// How a package changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Only later versions.
    Upgraded,
    /// Only earlier versions.
    Downgraded,
    /// Later and earlier versions, more or fewer of the same ones, or installed in one image only.
    Changed,
    /// Only the new image has it.
    Added,
    /// Only the old image has it.
    Removed,
}

/// Which of the default systems have a package installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Both.
    Installed,
    /// Only the new one.
    Newly,
    /// Only the old one.
    NoLonger,
    /// Neither: something else needs it.
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

    /// The letter that nvd uses.
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

    /// Judges sorted versions. Those that both images have do not count.
    fn of(versions: Pair<&[String]>) -> Self {
        match (versions.old, versions.new) {
            ([], _) => return Self::Added,
            (_, []) => return Self::Removed,
            _ => {}
        }
        let sets = versions.map(|versions| versions.iter().collect::<HashSet<_>>());
        let mut only_old = versions.old.iter().filter(|version| !sets.new.contains(version));
        let mut only_new = versions.new.iter().filter(|version| !sets.old.contains(version));
        let (Some(oldest), Some(least)) = (only_old.next(), only_new.next()) else { return Self::Changed };
        let (newest, most) = (only_old.next_back().unwrap_or(oldest), only_new.next_back().unwrap_or(least));
        match (compare_releases(least, newest), compare_releases(most, oldest)) {
            (Ordering::Greater, _) => Self::Upgraded,
            (_, Ordering::Less) => Self::Downgraded,
            _ => Self::Changed,
        }
    }

    /// How a version changed, by its order relative to the old one.
    fn of_order(new: Ordering) -> Self {
        match new {
            Ordering::Greater => Self::Upgraded,
            Ordering::Less => Self::Downgraded,
            Ordering::Equal => Self::Changed,
        }
    }
}

impl Selection {
    fn of(installed: Pair<bool>) -> Self {
        match installed {
            Pair { old: true, new: true } => Self::Installed,
            Pair { old: false, new: true } => Self::Newly,
            Pair { old: true, new: false } => Self::NoLonger,
            Pair { old: false, new: false } => Self::Dependency,
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

    /// The sign that nvd uses.
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

/// The first words of names that NixOS gives to files of `/etc` and to units.
const FILES: [&str; 2] = ["etc", "unit"];

/// The store paths of one package in one image.
struct Group<'m> {
    /// How often each version occurs.
    versions: BTreeMap<&'m str, usize>,
    installed: bool,
    /// NAR bytes, if all are registered.
    size: Option<u64>,
}

/// The same output of the same version of a package.
type Output<'m> = (&'m str, &'m str, Option<&'m str>);

impl Default for Group<'_> {
    fn default() -> Self {
        Self { versions: BTreeMap::new(), installed: false, size: Some(0) }
    }
}

impl Group<'_> {
    /// The versions in order.
    fn sorted(&self) -> Vec<String> {
        let times = |(version, times): (&&str, &usize)| std::iter::repeat_n((*version).to_owned(), *times);
        let mut versions: Vec<String> = self.versions.iter().flat_map(times).collect();
        versions.sort_by(|one, other| compare_releases(one, other));
        versions
    }
}

/// Compares the packages of two images, by name.
pub(super) fn compare(manifests: Pair<&Manifest>) -> Vec<PackageChange> {
    let installed: BTreeSet<&str> = manifests.into_iter().flat_map(installed_without_version).collect();
    let groups = manifests.map(|manifest| groups(manifest, &installed));
    let successors = interpreter::successors(groups.as_ref().map(|groups| groups.keys().copied()));
    let replaced: HashSet<&str> = successors.values().copied().collect();
    let names: BTreeSet<&str> = groups.as_ref().into_iter().flat_map(BTreeMap::keys).copied().collect();
    let none = Group::default();
    let change = |new: &str| {
        let old = successors.get(new).copied().unwrap_or(new);
        let groups = groups.as_ref().zip(Pair { old, new }).map(|(groups, name)| groups.get(name).unwrap_or(&none));
        PackageChange::of(Pair { old, new }, groups)
    };
    names.into_iter().filter(|name| !replaced.contains(name)).filter_map(change).collect()
}

impl PackageChange {
    fn of(pname: Pair<&str>, groups: Pair<&Group<'_>>) -> Option<Self> {
        let installed = groups.map(|group| group.installed);
        let is_renamed = pname.differs();
        if !groups.map(|group| &group.versions).differs() && !installed.differs() && !is_renamed {
            return None;
        }
        let versions = groups.map(Group::sorted);
        let status = match Status::of(versions.as_ref().map(Vec::as_slice)) {
            // The same versions for another interpreter.
            Status::Changed if is_renamed => Status::of_order(compare_releases(pname.new, pname.old)),
            status => status,
        };
        Some(Self {
            pname: pname.new.to_owned(),
            old_pname: is_renamed.then(|| pname.old.to_owned()),
            status,
            selection: Selection::of(installed),
            versions,
            nar_size_delta: delta(groups.map(|group| group.size)),
        })
    }
}

/// By how many bytes a size grew or shrank.
pub(super) fn delta(sizes: Pair<Option<u64>>) -> Option<i64> {
    i64::try_from(i128::from(sizes.new?) - i128::from(sizes.old?)).ok()
}

/// Takes a store path's name apart. Files of `/etc` and units have no version, whatever numbers are in their names.
pub(super) fn parsed(path: &StorePath) -> Name<'_> {
    let name = Name::parse(path.name());
    let is_file = FILES
        .iter()
        .any(|kind| name.pname.strip_prefix(kind).is_some_and(|rest| rest.is_empty() || rest.starts_with('-')));
    let begins_with_digit = name.version.starts_with(|letter: char| letter.is_ascii_digit());
    if is_file || !begins_with_digit { Name { pname: path.name(), version: "", output: None } } else { name }
}

/// Installed packages whose names have no version. Other names without one are units, scripts and files that NixOS makes.
fn installed_without_version(manifest: &Manifest) -> impl Iterator<Item = &str> {
    let installed = manifest.paths.iter().filter(|object| object.installed).map(|object| parsed(&object.path));
    installed.filter(|name| name.version.is_empty()).map(|name| name.pname)
}

/// Packages by name: those that have a version, and those that are installed.
fn groups<'m>(manifest: &'m Manifest, installed: &BTreeSet<&str>) -> BTreeMap<&'m str, Group<'m>> {
    let mut groups: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    // A package has each of its outputs once, so a version occurs as often as its most frequent output.
    let mut outputs: BTreeMap<Output<'_>, usize> = BTreeMap::new();
    for ObjectFacts { path, installed: is_installed, nar_size, .. } in &manifest.paths {
        let name = parsed(path);
        if name.version.is_empty() && !installed.contains(name.pname) {
            continue;
        }
        let group = groups.entry(name.pname).or_default();
        let same = outputs.entry((name.pname, name.version, name.output)).or_default();
        *same += 1;
        let times = group.versions.entry(name.version).or_default();
        *times = (*same).max(*times);
        group.installed |= is_installed;
        group.size = group.size.zip(*nar_size).and_then(|(sum, size)| sum.checked_add(size));
    }
    groups
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
            ("2.0-beta.3", "2.0", Status::Upgraded),
            ("17", "17rc1", Status::Downgraded),
            ("1 2", "2 3", Status::Upgraded),
            ("1 2", "2", Status::Changed),
            ("2", "1 3", Status::Changed),
        ] {
            let versions = Pair { old, new }.map(versions);
            assert_eq!(Status::of(versions.as_ref().map(Vec::as_slice)), expected, "{old} -> {new}");
        }
    }

    #[test]
    fn a_version_counts_as_often_as_it_is_there_and_outputs_count_once() {
        let object = |hash: char, name: &str, installed| ObjectFacts {
            path: StorePath::from_base(format!("{}-{name}", hash.to_string().repeat(32)).as_bytes()).unwrap(),
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
            let line = |change: &PackageChange| {
                let (name, status) = (&change.pname, change.status.letter());
                format!(
                    "{status}{} {name} {:?} {:?}",
                    change.selection.sign(),
                    change.versions.old,
                    change.versions.new
                )
            };
            compare(Pair { old, new }).iter().map(line).collect::<Vec<_>>()
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
    fn a_package_for_the_next_interpreter_is_an_upgrade_and_files_of_etc_are_no_packages() {
        let object = |(index, name): (usize, &&str)| ObjectFacts {
            path: StorePath::from_base(format!("{index:0>32}-{name}").as_bytes()).unwrap(),
            nar_hash: Some(format!("{index} {name}")),
            nar_size: Some(1),
            installed: false,
        };
        let manifest =
            |names: &[&str]| Manifest { paths: names.iter().enumerate().map(object).collect(), ..Manifest::default() };
        let old = manifest(&[
            "perl5.40.0-URI-5.21",
            "python3.12-numpy-2.1",
            "python3.11-idna-3.10",
            "python3.12-idna-3.10",
            "gtk3-x-1",
            "etc-10-nixos.rules",
            "unit-getty-.service",
            "dbus-1",
        ]);
        let new = manifest(&[
            "perl5.42.0-URI-5.21",
            "python3.13-numpy-2.2",
            "python3.12-idna-3.10",
            "python3.13-idna-3.10",
            "gtk4-x-1",
            "etc-20-nixos.rules",
            "etc-systemd-network-30-lan.network",
            "dbus-1",
        ]);
        let line = |change: &PackageChange| {
            let name = change.old_pname.iter().chain([&change.pname]).cloned().collect::<Vec<_>>().join(" > ");
            format!("{} {name} {:?} {:?}", change.status.letter(), change.versions.old, change.versions.new)
        };
        assert_eq!(
            compare(Pair { old: &old, new: &new }).iter().map(line).collect::<Vec<_>>(),
            [
                r#"R gtk3-x ["1"] []"#,
                r#"A gtk4-x [] ["1"]"#,
                r#"U perl5.40.0-URI > perl5.42.0-URI ["5.21"] ["5.21"]"#,
                r#"U python3.11-idna > python3.13-idna ["3.10"] ["3.10"]"#,
                r#"U python3.12-numpy > python3.13-numpy ["2.1"] ["2.2"]"#,
            ]
        );
    }
}
