//! What changed between two images, or their manifests.

mod change;
mod content;
mod facts;
mod files;
mod interpreter;
mod manifest;
mod menu;
mod packages;
mod pair;
mod parts;
mod paths;
mod people;
mod reproducible;
mod side;
mod units;

pub use change::{Change, Value};
pub use content::Content;
pub use facts::{
    AccessFacts, DiscFile, FirewallFacts, InitrdFacts, Key, MemberFacts, MenuItem, NoiseKind, ObjectFacts, SshdFacts,
    SystemFacts, UnitFacts, UnitStart, UserFacts, VolumeFacts,
};
pub use files::{Depth, FileChange, FileFacts, ObjectChange};
pub use manifest::Manifest;
pub use packages::{PackageChange, Selection, Status};
pub use pair::Pair;
pub use parts::Parts;
pub use paths::{PathChanges, Rebuilt};
pub use people::{KeyChange, Presence, UserChange};
pub use reproducible::{FirstDifference, Reason, Reproducibility, Structure, Verdict};
pub use side::Side;
pub use units::UnitChanges;

/// All differences of two images.
#[derive(Debug, Default)]
pub struct Difference {
    /// Packages that were added, removed, or changed their versions, by name.
    pub packages: Vec<PackageChange>,
    /// Store paths that were added, removed or changed.
    pub paths: PathChanges,
    /// By how many NAR bytes the store grew or shrank, if both images register sizes.
    pub nar_size_delta: Option<i64>,
    /// Everything else.
    pub parts: Parts,
    /// What differs inside store paths of the same package, if that was asked.
    pub objects: Vec<ObjectChange>,
    /// What could not be compared.
    pub troubles: Vec<String>,
}

impl Difference {
    /// Compares the facts about two images.
    #[must_use]
    pub fn between(manifests: Pair<&Manifest>) -> Self {
        let size =
            |manifest: &Manifest| manifest.paths.iter().try_fold(0u64, |sum, object| sum.checked_add(object.nar_size?));
        let mut troubles: Vec<String> = Vec::new();
        for (side, manifest) in (Pair { old: "old", new: "new" }).zip(manifests) {
            let lacks = |reason| format!("the manifest of the {side} image is incomplete: {reason}");
            troubles.extend(manifest.incomplete.iter().map(lacks));
        }
        if !parts::initrds_are_read(manifests) {
            troubles.push("the initrds are not compared: the contents of one are not known".to_owned());
        }
        Self {
            packages: packages::compare(manifests),
            paths: PathChanges::between(manifests),
            nar_size_delta: packages::delta(manifests.map(size)),
            parts: Parts::between(manifests),
            objects: Vec::new(),
            troubles,
        }
    }

    /// Whether nothing was found to differ.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.packages.is_empty() && self.paths.is_none() && self.parts.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StorePath;

    #[test]
    fn a_rebuild_is_neither_a_change_of_version_nor_the_same_contents() {
        let object = |hash: char, name: &str, nar: &str, installed| ObjectFacts {
            path: StorePath::from_base(format!("{}-{name}", hash.to_string().repeat(32)).as_bytes()).unwrap(),
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
        let found = Difference::between(Pair { old: &old, new: &new });
        let packages: Vec<_> =
            found.packages.iter().map(|change| (change.pname.as_str(), change.status, change.selection)).collect();
        assert_eq!(packages, [("vim", Status::Upgraded, Selection::Installed)]);
        let rebuilt = [Rebuilt { pname: None, paths: 1 }, Rebuilt { pname: Some("git".to_owned()), paths: 1 }];
        assert_eq!(found.paths.rebuilt, rebuilt);
        assert_eq!((found.paths.added.len(), found.paths.removed.len(), found.paths.changed.len()), (1, 1, 2));
        assert!(Difference::between(Pair { old: &old, new: &old }).is_none());
    }
}
