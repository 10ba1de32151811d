//! A disc: its file system, store and systems, and one namespace for all of them.

use std::path::Path;
use std::sync::Arc;

use super::Root;
use super::initrds::Initrds;
use super::menu::{self, BootFile, BootLoader, BootPartition, Gap, Loader, MenuEntry, Menus};
use super::system::{self, System};
use crate::error::{Error, Place, Result, Troubles};
use crate::fs::Tree;
use crate::fs::iso9660::Volume;
use crate::fs::namespace::Namespace;
use crate::fs::path;
use crate::fs::squashfs::Archive;
use crate::image::Image;
use crate::store::{Carrier, STORE, Store, StorePath};

/// The reason for the missing answer if the store is broken.
const UNREAD: &str = "the store in it could not be read";

/// An open image. Only the parts needed to locate everything have been read.
pub struct Disc<'i> {
    image: &'i Image,
    /// The form of the image.
    pub carrier: Medium<'i>,
    /// The store, if the disc has a readable one.
    pub store: Option<Store<'i>>,
    /// The boot menus.
    pub menu: Vec<MenuEntry>,
    /// Problems that the menu entries do not show.
    pub menu_gaps: Vec<Gap>,
    /// The EFI system partitions.
    boot_partitions: Vec<BootPartition<'i>>,
    /// The systems, the default one first.
    pub systems: Vec<System>,
    /// What could not be read. Everything else was read.
    pub troubles: Troubles,
    namespace: Namespace<'i>,
    /// The initrds read so far.
    initrds: Initrds,
    /// Whether a store, or a system in it, could not be read. The error is among the troubles.
    store_is_broken: bool,
}

/// The two forms of an image.
pub enum Medium<'i> {
    /// An ISO 9660 volume.
    Volume(Arc<Volume<'i>>),
    /// A bare squashfs.
    Archive(Arc<Archive<'i>>),
}

impl<'i> Disc<'i> {
    /// Opens the image's file system and finds the store and the systems in it.
    ///
    /// # Errors
    /// If the image is neither an ISO 9660 volume nor a squashfs, or its root directory cannot be read. Errors deeper in
    /// the image are added to [`Disc::troubles`].
    pub fn open(image: &'i Image) -> Result<Self> {
        let carrier = Medium::open(image)?;
        let mut troubles = Troubles::default();
        let mut store_is_broken = false;
        let mut boot_partitions = Vec::new();
        let (store, mut namespace, menus) = match &carrier {
            Medium::Archive(archive) => {
                let store = Store::in_archive(archive)?;
                let tree = Arc::clone(archive) as Arc<dyn Tree + 'i>;
                let namespace = match store {
                    // The store paths are shown only once, in the store.
                    Some(_) => Namespace::with_root(tree, |entry| StorePath::from_base(&entry.name).is_none())?,
                    None => Namespace::new(tree),
                };
                (store, namespace, Menus::default())
            }
            Medium::Volume(volume) => {
                let before = troubles.len();
                let store = Store::on_disc(volume, &mut troubles);
                store_is_broken = store.is_none() && troubles.len() > before;
                boot_partitions = menu::partitions(volume, &image.region());
                let menus = Menus::read(&**volume, &boot_partitions, &mut troubles);
                (store, Namespace::new(Arc::clone(volume) as Arc<dyn Tree + 'i>), menus)
            }
        };
        if let Medium::Volume(_) = &carrier {
            // Stage 1 mounts the disc here.
            namespace.show_own("iso");
        }
        if let Some(Store { carrier: Carrier::Squashfs { archive, .. }, .. }) = &store {
            namespace.mount(STORE.as_bytes(), Arc::clone(archive) as Arc<dyn Tree + 'i>)?;
        }
        let Menus { entries: menu, gaps: menu_gaps, .. } = menus;
        let systems = system::find(&namespace, &menu).unwrap_or_else(|error| {
            // It is now unknown whether there are systems.
            store_is_broken = true;
            troubles.push(error);
            Vec::new()
        });
        if let Some(system) = systems.iter().find(|system| system.default) {
            namespace.link(b"/run/current-system", system.path.to_string().into_bytes())?;
            namespace.link(b"/etc", format!("{}/etc", system.path).into_bytes())?;
        }
        if let Medium::Volume(volume) = &carrier {
            troubles.append(volume.take_faults());
        }
        Ok(Self {
            image,
            carrier,
            store,
            menu,
            menu_gaps,
            boot_partitions,
            systems,
            troubles,
            namespace,
            initrds: Initrds::default(),
            store_is_broken,
        })
    }

    /// Takes the faults found in directory records since the last call. Broken records are read as far as possible.
    #[must_use]
    pub fn take_faults(&self) -> Troubles {
        match &self.carrier {
            Medium::Volume(volume) => volume.take_faults(),
            Medium::Archive(_) => Troubles::default(),
        }
    }

    /// The file that was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.image.path()
    }

    /// The image.
    #[must_use]
    pub fn image(&self) -> &'i Image {
        self.image
    }

    /// The namespace: the disc's own tree, the store at `/nix/store`, `/run/current-system` and `/etc`.
    #[must_use]
    pub fn tree(&self) -> &(dyn Tree + 'i) {
        &self.namespace
    }

    /// The files of one of its systems, started by any of the system's menu entries.
    #[must_use]
    pub fn root_of(&self, system: &System) -> Root<'_> {
        let root = Root::new(self.tree(), system.path.to_string()).sharing(&self.initrds);
        root.started_by(self.entries_of(system))
    }

    /// The menu entries that start a system.
    pub fn entries_of(&self, system: &System) -> impl Iterator<Item = &MenuEntry> {
        let starts = |entry: &MenuEntry| {
            let toplevel = system::toplevel(self.tree(), entry).ok().flatten();
            toplevel.is_some_and(|toplevel| toplevel == system.path)
        };
        self.menu.iter().filter(move |entry| starts(entry))
    }

    /// The entry of each menu that starts if nobody chooses. Without a default, loaders start their first entry.
    pub fn default_entries(&self) -> impl Iterator<Item = &MenuEntry> {
        let mut seen: Vec<Loader> = Vec::new();
        let chosen = self.menu.iter().filter(|entry| entry.default).chain(&self.menu);
        chosen.filter(move |entry| {
            let is_first = entry.linux.is_some() && !seen.contains(&entry.loader);
            if is_first {
                seen.push(entry.loader);
            }
            is_first
        })
    }

    /// Only the disc's own tree.
    #[must_use]
    pub fn own_tree(&self) -> &(dyn Tree + 'i) {
        match &self.carrier {
            Medium::Volume(volume) => &**volume,
            Medium::Archive(archive) => &**archive,
        }
    }

    /// The file that a menu entry names, on the volume where its loader looks for it.
    ///
    /// # Errors
    /// If a directory on the way cannot be read.
    pub fn boot_file(&self, entry: &MenuEntry, file: &str) -> Result<Option<BootFile<'_>>> {
        BootFile::find(self.own_tree(), &self.boot_partitions, entry, file)
    }

    /// The programs that UEFI starts by default, from all EFI system partitions.
    ///
    /// # Errors
    /// If a directory on the way cannot be read.
    pub fn boot_loaders(&self) -> Result<Vec<BootLoader<'_>>> {
        menu::loaders(&self.boot_partitions)
    }

    /// The path of a file that a menu entry names, for people. It includes the partition unless the loader searches the
    /// disc itself.
    #[must_use]
    pub fn boot_path(&self, entry: &MenuEntry, file: &str) -> String {
        entry.lookup.shown(&self.boot_partitions, file)
    }

    /// The store, for questions that need one.
    ///
    /// # Errors
    /// [`Error::NoStore`] without a readable store.
    pub fn require_store(&self) -> Result<&Store<'i>> {
        let reason = match self.store_is_broken {
            true => UNREAD,
            false => "no NixOS store is in it",
        };
        self.store.as_ref().ok_or_else(|| Error::NoStore { path: self.path().to_path_buf(), reason })
    }

    /// The missing end of the image, if the volume says that it is longer.
    #[must_use]
    pub fn missing_end(&self) -> Option<Error> {
        let Medium::Volume(volume) = &self.carrier else { return None };
        let (wanted, available) = (volume.descriptors().primary.length(), self.image.region().length());
        let place = Place::Byte(0);
        (available < wanted).then_some(Error::Truncated { structure: "volume", place, wanted, available })
    }

    /// The system that boots if nobody chooses, for questions that need one.
    ///
    /// # Errors
    /// [`Error::NoStore`] if the store could not be read, so that the system is unknown; [`Error::NoSystem`] if there is no
    /// system, or the one that the menu names is not in the store.
    pub fn default_system(&self) -> Result<&System> {
        let path = || self.path().to_path_buf();
        match self.systems.iter().find(|system| system.default) {
            Some(system) if system.present => Ok(system),
            _ if self.store_is_broken => Err(Error::NoStore { path: path(), reason: UNREAD }),
            Some(system) => {
                let missing = Some(system.path.to_string());
                Err(Error::NoSystem { path: path(), missing })
            }
            None => Err(Error::NoSystem { path: path(), missing: None }),
        }
    }

    /// The systems that a menu starts if nobody chooses. Without a menu, the default system.
    pub fn default_systems(&self) -> impl Iterator<Item = &System> {
        self.systems.iter().filter(|system| system.boots_by_default())
    }

    /// The systems that a menu entry starts. Without a menu, all systems.
    pub fn offered_systems(&self) -> impl Iterator<Item = &System> {
        let any = self.systems.iter().any(|system| system.offered);
        self.systems.iter().filter(move |system| system.offered || !any)
    }

    /// Whether a store, or part of one, could not be read.
    #[must_use]
    pub fn store_is_broken(&self) -> bool {
        self.store_is_broken
    }

    /// The store path of a system's `sw`, made by `environment.systemPackages`.
    ///
    /// # Errors
    /// If the toplevel exists but cannot be read.
    pub fn system_path(&self, system: &System) -> Result<Option<StorePath>> {
        let found = path::find(&self.namespace, format!("{}/sw", system.path).as_bytes())?;
        Ok(found.and_then(|found| Some(StorePath::containing(&found.path)?.0)))
    }
}

impl<'i> Medium<'i> {
    fn open(image: &'i Image) -> Result<Self> {
        let region = image.region();
        let mut magic = [0; 4];
        region.read_at(0, &mut magic)?;
        if matches!(&magic, b"hsqs" | b"sqsh") {
            return Ok(Self::Archive(Arc::new(Archive::open(region)?)));
        }
        let mut identifier = [0; 5];
        region.read_at(0x8001, &mut identifier)?;
        if identifier != *b"CD001" {
            return Err(Error::NoImage { path: image.path().to_path_buf(), reason: no_image(&magic, region.length()) });
        }
        Ok(Self::Volume(Arc::new(Volume::open(region)?)))
    }
}

/// What the file is instead, judging by its first bytes.
fn no_image(magic: &[u8; 4], length: u64) -> String {
    let what = match magic {
        _ if length == 0 => "an empty file",
        b"QFI\xfb" => "a qcow2 disk image",
        b"\x7fELF" => "an ELF program",
        b"PK\x03\x04" => "a zip archive",
        _ if length < 0x8800 => "too short for an image",
        _ => "no image",
    };
    format!("{what}: no ISO 9660 volume descriptor (CD001) at 0x8001, and no squashfs superblock (hsqs) at 0x0")
}
