//! One of the two images of a comparison.

use super::facts::large;
use super::{Depth, Difference, Manifest, Pair};
use crate::error::Troubles;
use crate::nixos::Disc;

/// An image, or its manifest.
pub struct Side<'i> {
    /// The facts about the image.
    pub manifest: Manifest,
    /// The image itself, unless only its manifest is at hand.
    pub disc: Option<Disc<'i>>,
    /// What could not be read.
    pub troubles: Troubles,
}

impl Side<'_> {
    /// Reads the initrd and the units, unless the other side has the same.
    fn read_rest(&mut self, other: &Manifest) {
        let Some(disc) = &self.disc else { return };
        if !self.manifest.has_initrd_of(other) {
            self.troubles.extend(self.manifest.read_initrd(disc).err());
        }
        if !self.manifest.has_system_of(other) {
            self.troubles.extend(self.manifest.read_units(disc).err());
        }
    }
}

impl Difference {
    /// Compares two images. Reads what their manifests lack, but only if it may differ. `depth` says how deep to look into changed
    /// store paths; that needs both discs.
    #[must_use]
    pub fn of(mut sides: Pair<&mut Side<'_>>, depth: Option<Depth>) -> Self {
        sides.old.read_rest(&sides.new.manifest);
        sides.new.read_rest(&sides.old.manifest);
        let Pair { old, new } = sides.as_mut();
        let files = Pair { old: old.manifest.files.as_mut_slice(), new: new.manifest.files.as_mut_slice() };
        let discs = Pair { old: old.disc.as_ref(), new: new.disc.as_ref() };
        large::compare(files, discs, &mut old.troubles);
        let mut difference = Self::between(Pair { old: &old.manifest, new: &new.manifest });
        if let (Some(depth), Pair { old: Some(old), new: Some(new) }) = (depth, discs) {
            difference.look_inside(Pair { old, new }, depth);
        }
        difference
    }
}
