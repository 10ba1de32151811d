//! What changed between two images, each given by itself or by its manifest.

mod bytes;
mod content;
mod facts;
mod files;
mod manifest;
mod packages;
mod pair;
mod parts;
mod people;
mod reproducible;
mod side;

pub use content::Content;
pub use facts::{
    AccessFacts, DiscFile, InitrdFacts, Key, MemberFacts, MenuItem, ObjectFacts, SshdFacts, SystemFacts, UserFacts,
    VolumeFacts,
};
pub use files::{Depth, FileChange, FileFacts, ObjectChange};
pub use manifest::Manifest;
pub use packages::{PackageChange, Selection, Status};
pub use pair::Pair;
pub use parts::{Change, Parts};
pub use people::{KeyChange, UserChange};
pub use reproducible::{FirstDifference, Reproducibility, Verdict};
pub use side::Side;

/// All that differs.
#[derive(Debug, Default)]
pub struct Difference {
    /// Packages that came, went or changed their versions, by name.
    pub packages: Vec<PackageChange>,
    /// Packages that were built anew in the same version: the name, and how many store paths.
    pub rebuilt: Vec<(String, usize)>,
    /// Store paths whose names are in the new image alone.
    pub added: Vec<String>,
    /// Store paths whose names are in the old image alone.
    pub removed: Vec<String>,
    /// Store paths of the same name and other contents: the old and the new one.
    pub changed: Vec<(String, String)>,
    /// NAR bytes of the new image less those of the old one; none where one records no sizes.
    pub nar_size_delta: Option<i64>,
    /// What else differs.
    pub parts: Parts,
    /// What differs inside store paths of the same package; empty if nobody asked.
    pub objects: Vec<ObjectChange>,
    /// What could not be read of either, so that nobody knows whether it is the same.
    pub troubles: Vec<String>,
}

impl Difference {
    /// Compares what is known of two images.
    #[must_use]
    pub fn between(Pair { old, new }: Pair<&Manifest>) -> Self {
        let mut difference = packages::compare(old, new);
        difference.parts = Parts::between(old, new);
        let incomplete = |(side, manifest): (&str, &Manifest)| {
            let told = manifest
                .incomplete
                .iter()
                .map(|reason| format!("the manifest of the {side} image lacks a part: {reason}"));
            told.collect::<Vec<_>>()
        };
        difference.troubles = [("old", old), ("new", new)].into_iter().flat_map(incomplete).collect();
        if !parts::initrds_are_read(old, new) {
            difference.troubles.push("the initrds are not compared: what is in one of them is not known".to_owned());
        }
        difference
    }

    /// Whether nothing was found to differ.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let paths = [self.packages.is_empty(), self.rebuilt.is_empty(), self.added.is_empty(), self.removed.is_empty()];
        paths.into_iter().all(|empty| empty) && self.changed.is_empty() && self.parts.is_none()
    }
}
