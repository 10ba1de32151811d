//! Whether two images are the same build, and if not, in which layer they part: image, disc, packing of the store, contents.

mod packing;
mod place;
mod trees;

use super::Pair;
use super::change::{Change, Value, changes};
use super::facts::{Noise, list, noise};
use crate::error::{Result, Troubles};
use crate::fs::digest;
use crate::fs::squashfs::Archive;
use crate::image::Region;
use crate::nixos::{Disc, Medium};
use crate::store::{Carrier, STORE};

use trees::{Found, Trees};

/// How far two images are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Byte for byte.
    Identical,
    /// The files of the disc are the same; dates, identifiers or places on the disc are not.
    IsoMetadata,
    /// The files of the store are the same; how they are packed is not.
    SquashfsPacking,
    /// Files are not the same.
    Contents,
}

impl Verdict {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::IsoMetadata => "iso-metadata",
            Self::SquashfsPacking => "squashfs-packing",
            Self::Contents => "contents",
        }
    }
}

/// The first difference of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstDifference {
    /// What it is part of: `volume descriptor, creation date`, `data of a file`.
    pub structure: String,
    /// The file, if it is in one.
    pub path: Option<Vec<u8>>,
    /// The first byte that differs, in the file if there is one, else in the image.
    pub offset: Option<u64>,
    /// How it differs, for a file: `its contents differ`, `is only in the new image`.
    pub message: String,
}

/// The verdict, with its reasons.
#[derive(Debug)]
pub struct Reproducibility {
    /// How far they are the same.
    pub verdict: Verdict,
    /// The first byte that differs in the images.
    pub image: Option<FirstDifference>,
    /// The first difference in that layer. `None` if the images are identical.
    pub first: Option<FirstDifference>,
    /// Files that differ, the first among them.
    pub files: u64,
    /// What else differs, by name.
    pub differences: Vec<Change>,
    /// What could not be read.
    pub troubles: Troubles,
}

impl Reproducibility {
    /// Compares two images layer by layer.
    ///
    /// # Errors
    /// Where an image cannot be read at all.
    pub fn of(old: &Disc<'_>, new: &Disc<'_>) -> Result<Self> {
        let (before, after) = (old.image().region(), new.image().region());
        let identical = |differences| {
            let troubles = Troubles::default();
            Self { verdict: Verdict::Identical, image: None, first: None, files: 0, differences, troubles }
        };
        let Some(offset) = digest::first_difference(&before, &after)? else { return Ok(identical(Vec::new())) };
        // A stick is longer than what was written to it.
        if let [Some(one), Some(other)] = [behind(old), behind(new)]
            && offset == before.length().min(after.length())
        {
            let values = Pair { old: one, new: other }.map(|bytes| Some(Value::Number(bytes)));
            return Ok(identical(vec![Change { what: "bytes after the end of the volume".to_owned(), values }]));
        }
        let image = place::of(old, new, offset);
        let mut trees = Trees::default();
        // A bare squashfs is no disc.
        match (&old.carrier, &new.carrier) {
            (Medium::Volume(_), Medium::Volume(_)) => trees.compare_discs(old, new),
            (Medium::Archive(_), Medium::Archive(_)) => {}
            _ => trees.tell(Found::new(b"/", "is a disc in one image and a bare squashfs in the other")),
        }
        let mut noise = [old, new].map(|disc| noise(disc, &list(disc, &mut trees.troubles), &mut trees.troubles));
        name_volume(&mut noise, [old, new]);
        let [old_noise, new_noise] = noise.each_ref().map(super::parts::named);
        let mut differences = changes(Pair { old: &old_noise, new: &new_noise });
        differences.retain(|change| !change.is_empty());
        let packing = match (archive(old), archive(new)) {
            (Some((one, packed)), Some((other, packed_new))) => match digest::first_difference(&packed, &packed_new)? {
                None => None,
                Some(at) => {
                    trees.compare_stores(one, other);
                    Some(packing::of((one, &packed), (other, &packed_new), at))
                }
            },
            (None, None) => None,
            _ => {
                trees.tell(Found::new(STORE.as_bytes(), "is packed as a squashfs in one image alone"));
                None
            }
        };
        differences.extend(trees.named);
        let (verdict, first) = match (trees.first, packing) {
            (Some(found), _) => (Verdict::Contents, Some(found)),
            (None, Some(packing)) => (Verdict::SquashfsPacking, Some(packing)),
            (None, None) => (Verdict::IsoMetadata, Some(image.clone())),
        };
        let (files, troubles) = (trees.files, trees.troubles);
        Ok(Self { verdict, image: Some(image), first, files, differences, troubles })
    }
}

/// Adds the names in the volume descriptors.
fn name_volume(noise: &mut [Noise; 2], discs: [&Disc<'_>; 2]) {
    for (noise, disc) in noise.iter_mut().zip(discs) {
        if let Medium::Volume(volume) = &disc.carrier {
            let primary = &volume.descriptors().primary;
            for (name, value) in [
                ("volume id", &primary.volume),
                ("volume system", &primary.system),
                ("volume publisher", &primary.publisher),
                ("volume application", &primary.application),
            ] {
                noise.insert(name.to_owned(), value.clone());
            }
        }
    }
}

/// Bytes behind the volume; none where the image is no volume, or ends before it does.
fn behind(disc: &Disc<'_>) -> Option<u64> {
    let Medium::Volume(volume) = &disc.carrier else { return None };
    disc.image().region().length().checked_sub(volume.descriptors().primary.length())
}

/// The squashfs of the store, and its bytes without the padding behind it.
fn archive<'d, 'i>(disc: &'d Disc<'i>) -> Option<(&'d Archive<'i>, Region<'i>)> {
    let (archive, region) = match (&disc.carrier, disc.store.as_ref().map(|store| &store.carrier)) {
        (Medium::Archive(archive), _) => (&**archive, disc.image().region()),
        (Medium::Volume(volume), Some(Carrier::Squashfs { archive, path })) => {
            let file = path.as_deref().and_then(|path| crate::fs::path::find(&**volume, path).ok().flatten());
            (&**archive, volume.file_region(file?.id).ok()?)
        }
        _ => return None,
    };
    let packed = region.clamp(0, archive.superblock().bytes_used);
    Some((archive, packed))
}
