//! A disc on one page: what `inspect` shows.

use super::access::{Access, Finding, People, modes};
use super::menu::MenuEntry;
use super::services::Services;
use super::system::{self, Description, System};
use super::{Disc, Form, Medium};
use crate::error::{Error, Result, Troubles};
use crate::fs::iso9660::{BootImage, Date, Extension, Volume};
use crate::fs::partitions::{Partition, Partitions};
use crate::fs::{Kind, Tree};
use crate::nixos::software::Software;
use crate::store::contents::Object;
use crate::store::{Carrier, Store, StorePath};

/// The contents of the page. Anything that could not be read is absent.
#[derive(Debug)]
pub struct Summary {
    /// The path of the image.
    pub path: String,
    /// Length of the image in bytes. 0 for a directory.
    pub bytes: u64,
    /// The form of the image.
    pub form: Form,
    /// The volume. `None` for a bare squashfs.
    pub volume: Option<VolumeFacts>,
    /// Boot images of El Torito.
    pub boot_images: Vec<BootFacts>,
    /// Partitions of a disk or an isohybrid image, those of the MBR first.
    pub partitions: Vec<Partition>,
    /// Entries of the boot menus.
    pub menu: Vec<MenuEntry>,
    /// The store.
    pub store: Option<StoreFacts>,
    /// The systems, including hidden ones. The default one is the first.
    pub systems: Vec<(System, Description)>,
    /// Who gets into the default system.
    pub access: Option<People>,
    /// What follows from that, the worst first, without those about modes.
    pub findings: Vec<Finding>,
    /// Findings about the modes and owners of files. `None` if there is no store that can be read.
    pub modes: Option<Vec<Finding>>,
    /// What runs on the default system.
    pub services: Option<Services>,
}

/// The primary volume descriptor, and other properties of the image.
#[derive(Debug)]
pub struct VolumeFacts {
    /// Volume identifier.
    pub id: String,
    /// System identifier.
    pub system: String,
    /// Publisher identifier.
    pub publisher: String,
    /// Application identifier.
    pub application: String,
    /// Data preparer identifier: the program that wrote the image.
    pub preparer: String,
    /// Creation of the volume.
    pub created: Option<Date>,
    /// Length of the volume in logical blocks.
    pub blocks: u32,
    /// Length of a logical block in bytes.
    pub block_size: u16,
    /// The extensions that the volume has beyond ECMA-119.
    pub extensions: Vec<Extension>,
}

/// A boot image, and the file with its contents.
#[derive(Debug)]
pub struct BootFacts {
    /// Its entry in the boot catalog.
    pub image: BootImage,
    /// The file on the disc that starts at the same offset.
    pub path: Option<Vec<u8>>,
    /// Length in bytes: that of the file, since the catalog's number is too small for large images; without a file, the
    /// catalog's.
    pub bytes: u64,
}

/// The store in numbers.
#[derive(Debug, Default)]
pub struct StoreFacts {
    /// `squashfs`, or `directory` for a store in the disc's own tree.
    pub kind: &'static str,
    /// Its place on the disc. `None` if it is the whole image.
    pub path: Option<Vec<u8>>,
    /// The squashfs's compression.
    pub compression: Option<String>,
    /// The squashfs's block size in bytes.
    pub block_size: Option<u32>,
    /// Bytes that the squashfs uses.
    pub bytes: Option<u64>,
    /// Number of existing store paths.
    pub paths: usize,
    /// Number of registered store paths.
    pub registered: usize,
    /// Number of registered store paths that are not in the image.
    pub missing: usize,
    /// The sum of the registered NAR sizes. `None` if the image records none.
    pub nar_size: Option<u64>,
    /// Packages that the default system has installed.
    pub installed: usize,
    /// The store paths with the largest NARs, with their sizes.
    pub largest: Vec<(StorePath, u64)>,
}

impl Summary {
    /// Reads everything on the page. Errors are added to `troubles`.
    #[must_use]
    pub fn of(disc: &Disc<'_>, troubles: &mut Troubles) -> Self {
        let (store, access) = rayon::join(|| Stored::of(disc), || access(disc));
        let Stored { facts: store, modes, troubles: unread } = store;
        troubles.append(unread);
        let mut kept = |error| troubles.push(error);
        let (mut boot_images, mut volume) = (Vec::new(), None);
        let tables = tables(disc).unwrap_or_else(|error| {
            kept(error);
            Partitions::default()
        });
        let extensions;
        if let Medium::Volume(found) = &disc.carrier {
            boot_images = boot(found).unwrap_or_else(|error| {
                kept(error);
                Vec::new()
            });
            extensions = found.extensions(&tables);
            let descriptor = &found.descriptors().primary;
            volume = Some(VolumeFacts {
                id: descriptor.volume.clone(),
                system: descriptor.system.clone(),
                publisher: descriptor.publisher.clone(),
                application: descriptor.application.clone(),
                preparer: descriptor.preparer.clone(),
                created: descriptor.created,
                blocks: descriptor.blocks,
                block_size: descriptor.block_size,
                extensions,
            });
        }
        let partitions =
            tables.mbr.into_iter().flatten().chain(tables.gpt.into_iter().flat_map(|gpt| gpt.partitions)).collect();
        let systems = systems(disc, &mut kept);
        let access = access.unwrap_or_else(|error| {
            kept(error);
            None
        });
        let (access, findings) = access.map_or((None, Vec::new()), |Access { people, findings, over_limits }| {
            over_limits.into_iter().for_each(&mut kept);
            (Some(people), findings)
        });
        // What cannot be read of the services is reported by `services`; here it would repeat what access has met.
        let system = disc.default_system().ok();
        let services = system.and_then(|system| Services::of(disc, system, &mut Troubles::default()).ok());
        let (path, bytes) = (disc.path().display().to_string(), disc.image().region().length());
        Self {
            path,
            bytes,
            form: disc.carrier.form(),
            volume,
            boot_images,
            partitions,
            menu: disc.menu.clone(),
            store,
            systems,
            access,
            findings,
            modes,
            services,
        }
    }
}

/// The partition tables, in images that may have some.
fn tables(disc: &Disc<'_>) -> Result<Partitions> {
    match disc.carrier.form() {
        Form::Iso9660 | Form::Disk => Partitions::read(&disc.image().region()),
        Form::Squashfs | Form::Directory => Ok(Partitions::default()),
    }
}

fn boot(volume: &Volume<'_>) -> Result<Vec<BootFacts>> {
    let images = volume.boot_catalog()?.map(|catalog| catalog.images).unwrap_or_default();
    let facts = images.into_iter().map(|image| {
        let file = volume.file_at(image.offset);
        let size = match file.as_ref().map(|file| volume.node(file.id)).transpose()?.map(|node| node.kind) {
            Some(Kind::File { size }) => size,
            _ => u64::from(image.load_sectors) * 512,
        };
        Ok(BootFacts { image, path: file.map(|file| file.path), bytes: size })
    });
    facts.collect()
}

/// What the store tells.
#[derive(Default)]
struct Stored {
    facts: Option<StoreFacts>,
    modes: Option<Vec<Finding>>,
    troubles: Troubles,
}

impl Stored {
    fn of(disc: &Disc<'_>) -> Self {
        let Some(store) = &disc.store else { return Self::default() };
        let mut facts = form(store);
        let mut troubles = Troubles::default();
        let software = Software::of(disc, &mut troubles);
        let software = troubles.keep(software);
        if let Some(software) = &software {
            facts.count(software);
        }
        let modes = software.and_then(|software| modes(disc, &software, &mut troubles).ok());
        Self { facts: Some(facts), modes, troubles }
    }
}

/// How the store is packed.
fn form(store: &Store<'_>) -> StoreFacts {
    let mut facts = StoreFacts { kind: "directory", path: Some(b"/nix/store".to_vec()), ..StoreFacts::default() };
    if let Carrier::Squashfs { path, archive } = &store.carrier {
        let superblock = archive.superblock();
        facts.kind = "squashfs";
        facts.path.clone_from(path);
        facts.compression = Some(superblock.compression.to_string());
        facts.block_size = Some(superblock.block_size);
        facts.bytes = Some(superblock.bytes_used);
    }
    facts
}

impl StoreFacts {
    fn count(&mut self, software: &Software) {
        let records = || software.contents.objects.iter().filter_map(|object| object.record.as_ref());
        self.paths = software.present().count();
        self.registered = records().count();
        let missing = |object: &&Object| object.record.is_some() && object.node.is_none();
        self.missing = software.contents.objects.iter().filter(missing).count();
        self.nar_size = records().filter_map(|record| record.nar_size).reduce(u64::saturating_add);
        self.largest = largest(software);
        self.installed = software.present().filter(|(index, _)| software.is_installed(*index)).count();
    }
}

/// Store paths that are named as the largest.
const LARGEST: usize = 3;

fn largest(software: &Software) -> Vec<(StorePath, u64)> {
    let sized = software.present().filter_map(|(_, object)| Some((&object.path, object.record.as_ref()?.nar_size?)));
    let mut sized: Vec<(&StorePath, u64)> = sized.collect();
    sized.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
    sized.into_iter().take(LARGEST).map(|(path, size)| (path.clone(), size)).collect()
}

/// The systems of the menus, and those only in the store: a parent if the menus show only its specialisations.
fn systems(disc: &Disc<'_>, mut kept: impl FnMut(Error)) -> Vec<(System, Description)> {
    let mut systems = disc.systems.clone();
    if let Err(error) = system::add_hidden(disc.tree(), &mut systems) {
        kept(error);
    }
    let described = systems.into_iter().map(|system| {
        let description = system.describe(disc.tree()).unwrap_or_else(|error| {
            kept(error);
            Description::default()
        });
        (system, description)
    });
    described.collect()
}

fn access(disc: &Disc<'_>) -> Result<Option<Access>> {
    disc.default_system().ok().map(|system| Access::of(disc, system)).transpose()
}
