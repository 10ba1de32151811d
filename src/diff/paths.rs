//! Store paths that were added, removed or changed.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::facts::ObjectFacts;
use super::packages::parsed;
use super::{Manifest, Pair};
use crate::store::StorePath;

/// How the store paths of two images differ. A path that only changed its hash, not its contents, is the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathChanges {
    /// Store paths whose names only the new image has, or more often.
    pub added: Vec<StorePath>,
    /// Store paths whose names only the old image has, or more often.
    pub removed: Vec<StorePath>,
    /// Store paths with the same name and different contents.
    pub changed: Vec<Pair<StorePath>>,
    /// Packages that were rebuilt in the same version. These are among the changed paths.
    pub rebuilt: Vec<Rebuilt>,
}

/// A package that was rebuilt in the same version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// The package. Units, scripts and other paths without a version are counted together, without a name.
    pub pname: Option<String>,
    /// How many of its store paths changed.
    pub paths: usize,
}

impl PathChanges {
    pub(super) fn between(manifests: Pair<&Manifest>) -> Self {
        let mut names: BTreeMap<&str, Pair<Vec<&ObjectFacts>>> = BTreeMap::new();
        for object in &manifests.old.paths {
            names.entry(object.path.name()).or_default().old.push(object);
        }
        for object in &manifests.new.paths {
            names.entry(object.path.name()).or_default().new.push(object);
        }
        let mut found = Self::default();
        let mut rebuilt: BTreeMap<Option<&str>, usize> = BTreeMap::new();
        for (_, objects) in names {
            let left = without_same(&objects);
            if let (Some(object), 1..) = (left.old.first(), left.new.len()) {
                let name = parsed(&object.path);
                let pname = (!name.version.is_empty()).then_some(name.pname);
                *rebuilt.entry(pname).or_default() += left.old.len().min(left.new.len());
            }
            found.add(left);
        }
        found.rebuilt =
            rebuilt.into_iter().map(|(pname, paths)| Rebuilt { pname: pname.map(str::to_owned), paths }).collect();
        found
    }

    /// Adds store paths of one name. As many as possible are pairs; the rest was added or removed.
    fn add(&mut self, left: Pair<Vec<&ObjectFacts>>) {
        let pairs = left.old.len().min(left.new.len());
        let path = |object: &&ObjectFacts| object.path.clone();
        let changed = left.old.iter().zip(&left.new).map(|(old, new)| Pair { old, new }.map(path));
        self.changed.extend(changed);
        self.removed.extend(left.old.iter().skip(pairs).map(path));
        self.added.extend(left.new.iter().skip(pairs).map(path));
    }

    /// Whether no store path differs.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// The objects of one name without those that both images have. Each object is matched once, by its path or else by its NAR.
fn without_same<'m>(objects: &Pair<Vec<&'m ObjectFacts>>) -> Pair<Vec<&'m ObjectFacts>> {
    let by_path: HashMap<&StorePath, &ObjectFacts> = objects.new.iter().map(|object| (&object.path, *object)).collect();
    let same_path = |old: &&ObjectFacts| by_path.get(&old.path).is_some_and(|new| has_same_contents(old, new));
    let (matched, mut old): (Vec<&ObjectFacts>, Vec<&ObjectFacts>) = objects.old.iter().copied().partition(same_path);
    let matched: HashSet<&StorePath> = matched.into_iter().map(|object| &object.path).collect();
    let mut new: Vec<&ObjectFacts> =
        objects.new.iter().copied().filter(|object| !matched.contains(&object.path)).collect();
    let mut times: HashMap<&str, Pair<usize>> = HashMap::new();
    for hash in old.iter().filter_map(|object| object.nar_hash.as_deref()) {
        times.entry(hash).or_default().old += 1;
    }
    for hash in new.iter().filter_map(|object| object.nar_hash.as_deref()) {
        times.entry(hash).or_default().new += 1;
    }
    for times in times.values_mut() {
        let common = times.old.min(times.new);
        *times = Pair { old: common, new: common };
    }
    let mut stays = |object: &&ObjectFacts, side: fn(&mut Pair<usize>) -> &mut usize| match object
        .nar_hash
        .as_deref()
        .and_then(|hash| times.get_mut(hash))
        .map(side)
    {
        Some(left @ 1..) => {
            *left -= 1;
            false
        }
        _ => true,
    };
    old.retain(|object| stays(object, |times| &mut times.old));
    new.retain(|object| stays(object, |times| &mut times.new));
    Pair { old, new }
}

/// Whether two objects at the same path have the same contents. Where a NAR hash is missing, the path vouches for them.
fn has_same_contents(old: &ObjectFacts, new: &ObjectFacts) -> bool {
    match (&old.nar_hash, &new.nar_hash) {
        (Some(old), Some(new)) => old == new,
        _ => true,
    }
}
