//! Everything besides packages that two images may differ in: volume, systems, people, menus, initrd, files of the disc.

use std::collections::BTreeMap;

use super::change::{Change, Named, Value, changes, numbered};
use super::facts::{DiscFile, MemberFacts, Noise, NoiseKind, SystemFacts, is_of_store};
use super::people::{self, KeyChange, UserChange};
use super::units::UnitChanges;
use super::{Manifest, Pair, menu};

/// What differs besides packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The volume.
    pub volume: Vec<Change>,
    /// Versions and kernels of the systems.
    pub systems: Vec<Change>,
    /// Users who were added, removed or changed.
    pub users: Vec<UserChange>,
    /// Keys that let somebody in to one image only.
    pub keys: Pair<Vec<KeyChange>>,
    /// sshd.
    pub sshd: Vec<Change>,
    /// Units and ports of the default systems, if they are known.
    pub units: Option<UnitChanges>,
    /// Findings of `access` for one image only.
    pub findings: Pair<Vec<String>>,
    /// Menu entries, and parameters of their kernels.
    pub boot: Vec<Change>,
    /// Members of the initrd.
    pub initrd: Vec<Change>,
    /// Files of the disc.
    pub files: Vec<Change>,
    /// What differs between two builds of the same image. This does not count as a difference.
    pub noise: Vec<Change>,
}

impl Parts {
    pub(super) fn between(manifests: Pair<&Manifest>) -> Self {
        let mut parts = Self {
            volume: changes(manifests.map(volume).as_ref()),
            systems: changes(manifests.map(systems).as_ref()),
            units: UnitChanges::between(manifests),
            boot: menu::compare(manifests),
            files: changes(manifests.map(files).as_ref()),
            noise: changes(manifests.map(|manifest| named(&manifest.noise)).as_ref()),
            ..Self::default()
        };
        parts.volume.retain(|change| !change.is_empty());
        // A file that comes or goes with its store path is reported with that.
        parts.files.retain(|Change { what, values }| {
            !is_of_store(what.as_bytes()) || values.as_ref().map(Option::is_some) == Pair { old: true, new: true }
        });
        people::compare(manifests, &mut parts);
        if manifests.into_iter().all(is_read) {
            parts.initrd = changes(manifests.map(initrd).as_ref());
        }
        parts.noise.extend(hash_parts(manifests));
        parts
    }

    /// What all the noise comes from.
    #[must_use]
    pub fn noise_kind(&self) -> NoiseKind {
        let is_packing = |change: &Change| NoiseKind::of(&change.what) == NoiseKind::Packing;
        if self.noise.iter().all(is_packing) { NoiseKind::Packing } else { NoiseKind::Build }
    }

    /// Whether nothing but noise differs.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let lists = [&self.volume, &self.systems, &self.sshd, &self.boot, &self.initrd, &self.files];
        let keys = self.keys.as_ref().into_iter().all(Vec::is_empty);
        let findings = self.findings.as_ref().into_iter().all(Vec::is_empty);
        let units = self.units.as_ref().is_none_or(UnitChanges::is_none);
        lists.into_iter().all(Vec::is_empty) && self.users.is_empty() && keys && findings && units
    }
}

fn volume(manifest: &Manifest) -> Named {
    let Some(volume) = &manifest.volume else { return Named::new() };
    let facts = [
        ("id", Value::from(&volume.id)),
        ("system", Value::from(&volume.system)),
        ("publisher", Value::from(&volume.publisher)),
        ("application", Value::from(&volume.application)),
        ("boots from", Value::from(&volume.boot)),
        ("partitions", Value::from(&volume.partitions)),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The systems by what they are called: `system`, `specialisation gnome`.
pub(super) fn named_systems(manifest: &Manifest) -> BTreeMap<String, &SystemFacts> {
    numbered(manifest.systems.iter().map(|system| match &system.specialisation {
        Some(name) => (format!("specialisation {name}"), system),
        None => ("system".to_owned(), system),
    }))
}

fn systems(manifest: &Manifest) -> Named {
    let mut facts = Named::new();
    let version = |version: &Option<String>| Value::Text(version.clone().unwrap_or_else(|| "unknown".to_owned()));
    for (name, system) in named_systems(manifest) {
        facts.insert(format!("{name}, version"), version(&system.version));
        facts.insert(format!("{name}, kernel"), version(&system.kernel));
        facts.extend(system.default.then(|| ("default".to_owned(), Value::Text(name))));
    }
    facts
}

pub(super) fn named(noise: &Noise) -> Named {
    noise.iter().map(|(name, value)| (name.clone(), Value::from(value))).collect()
}

/// Whether it is known how the initrds differ.
pub(super) fn initrds_are_read(manifests: Pair<&Manifest>) -> bool {
    manifests.into_iter().all(is_read) || manifests.old.has_initrd_of(manifests.new)
}

fn is_read(manifest: &Manifest) -> bool {
    manifest.initrd.as_ref().is_none_or(|initrd| initrd.members.is_some())
}

/// Members of the initrd, by path.
fn initrd(manifest: &Manifest) -> Named {
    let members = manifest.initrd.iter().flat_map(|initrd| initrd.members.iter().flatten());
    let value = |member: &MemberFacts| Value::Member {
        mode: member.mode.clone(),
        size: member.size,
        sha256: member.sha256.clone(),
    };
    numbered(members.map(|member| (member.path.clone(), value(member))))
}

/// Files of the disc, by path.
fn files(manifest: &Manifest) -> Named {
    let value = |file: &DiscFile| Value::File { size: file.size, sha256: file.sha256.clone() };
    numbered(manifest.files.iter().map(|file| (file.path.clone(), value(file))))
}

/// Files of the disc that differ only in the hashes of store paths.
fn hash_parts(manifests: Pair<&Manifest>) -> Vec<Change> {
    let old: BTreeMap<&str, &DiscFile> = manifests.old.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let change = |new: &DiscFile| {
        let files = Pair { old: *old.get(new.path.as_str())?, new };
        // isolinux.bin has its boot information table among the noise already.
        let differs = files.old.sha256 == new.sha256 && files.old.exact != new.exact;
        let exact = |file: &DiscFile| Value::Text(file.exact.clone().unwrap_or_else(|| "none".to_owned()));
        (differs && !new.path.ends_with("/isolinux.bin")).then(|| Change {
            what: format!("hashes of store paths in {}", new.path),
            values: files.map(|file| Some(exact(file))),
        })
    };
    manifests.new.files.iter().filter_map(change).collect()
}
