//! Whether two images are the same build, and if not, the first layer that differs: image, disc, packing of the store, contents.

mod packing;
mod place;
mod trees;

use std::borrow::Cow;
use std::fmt;

use super::change::{Change, Value, changes};
use super::facts::{Noise, list, noise};
use super::{Pair, parts};
use crate::error::{Error, Result, Troubles};
use crate::fs::digest;
use crate::fs::squashfs::Archive;
use crate::image::Region;
use crate::nixos::{Disc, Medium};
use crate::store::{Carrier, STORE};

use trees::{Found, Trees};

/// How far two images are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every byte is the same.
    Identical,
    /// The files of the disc are the same. Dates, identifiers or places on the disc differ.
    IsoMetadata,
    /// The files of the store are the same. Their packing differs.
    SquashfsPacking,
    /// Files differ.
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
    /// What it is part of.
    pub structure: Structure,
    /// The file that it is in, if any.
    pub path: Option<Vec<u8>>,
    /// The offset of the first byte that differs: in the file, or else in the image.
    pub offset: Option<u64>,
    /// How it differs.
    pub reason: Reason,
}

/// What a byte of an image is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Structure {
    /// The contents of a file.
    FileData,
    /// A part of a format, by name: `volume descriptor, creation date`.
    Named(Cow<'static, str>),
}

/// How two images differ in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The first byte of the images that differs.
    FirstByte,
    /// A file has different contents.
    Contents,
    /// Only the old image has the file.
    OnlyOld,
    /// Only the new image has the file.
    OnlyNew,
    /// A file is executable in one image only.
    Executable,
    /// A link has another target.
    Target,
    /// The files have different types.
    FileType,
    /// The files are different devices.
    Device,
    /// One image is a disc, the other a bare squashfs.
    Medium,
    /// The store is a squashfs in one image only.
    Packed,
    /// The files are the same; the squashfs archives differ from this offset on.
    Packing(u64),
}

impl fmt::Display for Structure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileData => formatter.write_str("data of a file"),
            Self::Named(name) => formatter.write_str(name),
        }
    }
}

/// The verdict, with its reasons.
#[derive(Debug)]
pub struct Reproducibility {
    /// How far the images are the same.
    pub verdict: Verdict,
    /// The first byte that differs in the images.
    pub image: Option<FirstDifference>,
    /// The first difference of the layer that the verdict names, unless the images are identical.
    pub first: Option<FirstDifference>,
    /// How many files differ, the first included.
    pub files: u64,
    /// Everything else that differs, by name.
    pub differences: Vec<Change>,
    /// What could not be read.
    pub troubles: Troubles,
}

impl Reproducibility {
    /// Compares two images layer by layer.
    ///
    /// # Errors
    /// If an image cannot be read at all.
    pub fn of(discs: Pair<&Disc<'_>>) -> Result<Self> {
        for disc in [discs.old, discs.new] {
            if let Medium::Directory(_) = &disc.carrier {
                let reason = "a directory is not an image, which --reproducible compares byte by byte".to_owned();
                return Err(Error::NoImage { path: disc.path().to_path_buf(), reason });
            }
        }
        let regions = discs.map(|disc| disc.image().region());
        let Some(offset) = digest::first_difference(&regions.old, &regions.new)? else {
            return Ok(Self::identical(Vec::new()));
        };
        // A stick is longer than what was written to it.
        if let Pair { old: Some(old), new: Some(new) } = discs.map(after_the_end)
            && offset == regions.old.length().min(regions.new.length())
        {
            let values = Pair { old, new }.map(|bytes| Some(Value::Number(bytes)));
            return Ok(Self::identical(vec![Change { what: "bytes after the end of the volume".to_owned(), values }]));
        }
        let image = place::of(discs, offset);
        let mut trees = Trees::default();
        match (&discs.old.carrier, &discs.new.carrier) {
            (Medium::Volume(_), Medium::Volume(_)) => trees.compare_discs(discs),
            (Medium::Archive(_), Medium::Archive(_)) | (Medium::Disk(_), Medium::Disk(_)) => {}
            _ => trees.report(Found::new(b"/", Reason::Medium)),
        }
        let mut differences = names(discs, &mut trees.troubles);
        let packing = compare_packing(discs, &mut trees)?;
        differences.extend(trees.named);
        let (verdict, first) = match (trees.first, packing) {
            (Some(found), _) => (Verdict::Contents, Some(found)),
            (None, Some(packing)) => (Verdict::SquashfsPacking, Some(packing)),
            (None, None) => (Verdict::IsoMetadata, Some(image.clone())),
        };
        let (files, troubles) = (trees.files, trees.troubles);
        Ok(Self { verdict, image: Some(image), first, files, differences, troubles })
    }

    fn identical(differences: Vec<Change>) -> Self {
        let troubles = Troubles::default();
        Self { verdict: Verdict::Identical, image: None, first: None, files: 0, differences, troubles }
    }
}

/// What differs besides contents, by name.
fn names(discs: Pair<&Disc<'_>>, troubles: &mut Troubles) -> Vec<Change> {
    let named = discs.map(|disc| {
        let mut noise = noise(disc, &list(disc, troubles), troubles);
        name_volume(&mut noise, disc);
        parts::named(&noise)
    });
    let mut differences = changes(named.as_ref());
    differences.retain(|change| !change.is_empty());
    differences
}

/// Compares the squashfs of both stores: first their bytes, then their files.
fn compare_packing(discs: Pair<&Disc<'_>>, trees: &mut Trees) -> Result<Option<FirstDifference>> {
    match discs.map(archive) {
        Pair { old: Some((old, old_bytes)), new: Some((new, new_bytes)) } => {
            let Some(offset) = digest::first_difference(&old_bytes, &new_bytes)? else { return Ok(None) };
            trees.compare_stores(Pair { old, new });
            let packed = Pair { old: (old, &old_bytes), new: (new, &new_bytes) };
            return Ok(Some(packing::of(packed, offset)));
        }
        Pair { old: None, new: None } => {}
        _ => trees.report(Found::new(STORE.as_bytes(), Reason::Packed)),
    }
    Ok(None)
}

/// Adds the names in the volume descriptors.
fn name_volume(noise: &mut Noise, disc: &Disc<'_>) {
    let Medium::Volume(volume) = &disc.carrier else { return };
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

/// How many bytes follow the end of the volume, if the image is a volume with its end.
fn after_the_end(disc: &Disc<'_>) -> Option<u64> {
    let Medium::Volume(volume) = &disc.carrier else { return None };
    disc.image().region().length().checked_sub(volume.descriptors().primary.length())
}

/// The squashfs of the store, and its bytes without the padding after it.
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
