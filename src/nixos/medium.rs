//! The forms of an image, and how they are told apart.

use std::path::Path;
use std::sync::Arc;

use crate::error::{Error, Place, Result, Troubles};
use crate::fs::iso9660::Volume;
use crate::fs::partitions::Partitions;
use crate::fs::path;
use crate::fs::squashfs::Archive;
use crate::fs::{Tree, ext4, host};
use crate::image::{Image, Region, known};
use crate::store::{STORE, Store};

/// Limit for the partitions that are looked into. Images have up to four.
const MOST: usize = 16;

/// The contents of an image, by its form.
pub enum Medium<'i> {
    /// An ISO 9660 volume.
    Volume(Arc<Volume<'i>>),
    /// A bare squashfs.
    Archive(Arc<Archive<'i>>),
    /// A disk: the ext4 volume with the system.
    Disk(Arc<ext4::Volume<'i>>),
    /// A directory of this machine.
    Directory(Arc<host::Directory>),
}

/// The form of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An ISO 9660 volume.
    Iso9660,
    /// A bare squashfs.
    Squashfs,
    /// A disk with partitions, or one file system of it.
    Disk,
    /// A directory of this machine.
    Directory,
}

impl Form {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Iso9660 => "iso9660",
            Self::Squashfs => "squashfs",
            Self::Disk => "disk",
            Self::Directory => "directory",
        }
    }
}

impl<'i> Medium<'i> {
    pub(super) fn open(image: &'i Image, troubles: &mut Troubles) -> Result<Self> {
        if let Some(directory) = image.directory() {
            return Ok(Self::Directory(Arc::new(host::Directory::open(&directory.path)?)));
        }
        let region = image.region();
        let mut magic = [0; 4];
        region.read_at(0, &mut magic)?;
        if matches!(&magic, b"hsqs" | b"sqsh") {
            return Ok(Self::Archive(Arc::new(Archive::open(region)?)));
        }
        let mut identifier = [0; 5];
        region.read_at(0x8001, &mut identifier)?;
        if identifier == *b"CD001" {
            return Ok(Self::Volume(Arc::new(Volume::open(region)?)));
        }
        match disk(&region, image.path())? {
            Some(volume) => {
                if volume.needs_recovery() {
                    let what = "the latest changes, in the journal of an ext4 volume that was not unmounted";
                    troubles.push(Error::Unsupported { what: what.into(), place: volume.start() });
                }
                Ok(Self::Disk(Arc::new(volume)))
            }
            None => Err(Error::NoImage { path: image.path().to_path_buf(), reason: no_image(&region)? }),
        }
    }

    /// The form.
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Self::Volume(_) => Form::Iso9660,
            Self::Archive(_) => Form::Squashfs,
            Self::Disk(_) => Form::Disk,
            Self::Directory(_) => Form::Directory,
        }
    }

    /// The tree of the image itself.
    pub(super) fn tree(&self) -> Arc<dyn Tree + 'i> {
        match self {
            Self::Volume(volume) => Arc::clone(volume) as Arc<dyn Tree + 'i>,
            Self::Archive(archive) => Arc::clone(archive) as Arc<dyn Tree + 'i>,
            Self::Disk(volume) => Arc::clone(volume) as Arc<dyn Tree + 'i>,
            Self::Directory(directory) => Arc::clone(directory) as Arc<dyn Tree + 'i>,
        }
    }

    /// Whether the image itself has an `/etc`: that of a system that ran, or was installed.
    ///
    /// # Errors
    /// If it exists but cannot be read.
    pub(super) fn has_etc(&self) -> Result<bool> {
        match self {
            Self::Volume(_) | Self::Archive(_) => Ok(false),
            Self::Disk(_) | Self::Directory(_) => {
                let tree = self.tree();
                let Some(found) = path::find(&*tree, b"/etc")? else { return Ok(false) };
                Ok(!tree.entries(found.id)?.is_empty())
            }
        }
    }

    /// The store. What cannot be read is added to `troubles`.
    ///
    /// # Errors
    /// If the root of a bare squashfs cannot be read.
    pub(super) fn store(&self, troubles: &mut Troubles) -> Result<Option<Store<'i>>> {
        match self {
            Self::Volume(volume) => Ok(Store::on_disc(volume, troubles)),
            Self::Archive(archive) => Store::in_archive(archive),
            Self::Disk(_) | Self::Directory(_) => Ok(Store::in_tree(&self.tree()).unwrap_or_else(|error| {
                troubles.push(error);
                None
            })),
        }
    }
}

/// The volume with the system: the one with a store, or the first one. `None` if the image is not a disk.
fn disk<'i>(image: &Region<'i>, path: &Path) -> Result<Option<ext4::Volume<'i>>> {
    if ext4::Volume::is_in(image)? {
        return ext4::Volume::open(image.clone()).map(Some);
    }
    let Partitions { mbr, gpt } = Partitions::read(image)?;
    // With a GPT, the MBR covers it or repeats some of it.
    let partitions = gpt.map(|gpt| gpt.partitions).or(mbr).unwrap_or_default();
    let partitions: Vec<_> = partitions.into_iter().filter(|partition| partition.start > 0).take(MOST).collect();
    let (mut volumes, mut others) = (Vec::new(), Vec::new());
    for partition in &partitions {
        let region = image.clamp(partition.start, partition.length);
        if ext4::Volume::is_in(&region)? {
            volumes.push(ext4::Volume::open(region)?);
        } else if let Some(known) = known(&region)? {
            others.push(format!("{} (partition {})", known.name, partition.index));
        }
    }
    let has_store = |volume: &ext4::Volume<'_>| matches!(path::find(volume, STORE.as_bytes()), Ok(Some(_)));
    let chosen = volumes.iter().position(has_store).unwrap_or(0);
    if chosen < volumes.len() {
        return Ok(Some(volumes.swap_remove(chosen)));
    }
    if partitions.is_empty() || (others.is_empty() && !is_disk(image)?) {
        return Ok(None);
    }
    let found = match others.len() {
        0 => "none that is known".to_owned(),
        _ => others.join(", "),
    };
    let reason =
        format!("a disk image without an ext4 file system, the only one that is read of disks; it has {found}");
    Err(Error::NoImage { path: path.to_path_buf(), reason })
}

/// Whether the partition table is that of a disk, and not any sector that ends like one.
fn is_disk(image: &Region<'_>) -> Result<bool> {
    let mut signature = [0; 8];
    image.read_at(512, &mut signature)?;
    Ok(signature == *b"EFI PART")
}

/// What the file is instead, and what to do about it.
fn no_image(region: &Region<'_>) -> Result<String> {
    let what = match known(region)? {
        Some(known) => match known.advice {
            Some(advice) => return Ok(format!("{}; {advice}", known.name)),
            None => known.name,
        },
        None if region.length() == 0 => "an empty file",
        None if region.length() < 0x8800 => "too short for an image",
        None => "no image",
    };
    Ok(format!(
        "{what}: no ISO 9660 volume descriptor (CD001) at 0x8001, no squashfs superblock (hsqs) at 0x0, and no ext4 volume"
    ))
}

/// Where the default system is named if no boot menu names one.
pub(super) fn profiles(medium: &Medium<'_>, image: &Image) -> Vec<String> {
    const PROFILE: &str = "/nix/var/nix/profiles/system";
    match (medium, image.directory()) {
        (_, Some(directory)) => match &directory.system {
            Some(system) => vec![system.clone()],
            None => vec!["/run/current-system".to_owned(), PROFILE.to_owned()],
        },
        (Medium::Disk(_), None) => vec![PROFILE.to_owned()],
        _ => Vec::new(),
    }
}

/// The users that a system keeps once it has run. They may differ from those that it declares, and are not read.
pub(super) fn own_users(medium: &Medium<'_>) -> Result<Option<Error>> {
    const SHADOW: &[u8] = b"/etc/shadow";
    if !medium.has_etc()? {
        return Ok(None);
    }
    // A link leads to the declared users.
    let is_own = path::find(&*medium.tree(), SHADOW)?.is_some_and(|found| found.path == SHADOW);
    let what = "the users and passwords of a system that has run, beside those that it declares";
    Ok(is_own.then(|| Error::Unsupported { what: what.into(), place: Place::File(SHADOW.to_vec()) }))
}
