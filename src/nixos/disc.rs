//! A disc: its file system, store and systems, and one namespace for all of them.

use std::path::Path;
use std::sync::Arc;

use super::Root;
use super::initrds::Initrds;
use super::medium::{self, Medium};
use super::menu::{self, BootFile, BootLoader, BootPartition, Gap, Loader, MenuEntry, Menus};
use super::system::{self, System};
use crate::error::{Error, Place, Result, Troubles};
use crate::fs::Tree;
use crate::fs::namespace::Namespace;
use crate::fs::path;
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

impl<'i> Disc<'i> {
    /// Opens the image's file system and finds the store and the systems in it.
    ///
    /// # Errors
    /// If the image has none of the forms of a [`Medium`], or its root directory cannot be read. Errors deeper in
    /// the image are added to [`Disc::troubles`].
    pub fn open(image: &'i Image) -> Result<Self> {
        let mut troubles = Troubles::default();
        let carrier = Medium::open(image, &mut troubles)?;
        let before = troubles.len();
        let store = carrier.store(&mut troubles)?;
        let mut store_is_broken = store.is_none() && troubles.len() > before;
        let mut namespace = match (&carrier, &store) {
            // The store paths are shown only once, in the store.
            (Medium::Archive(_), Some(_)) => {
                Namespace::with_root(carrier.tree(), |entry| StorePath::from_base(&entry.name).is_none())?
            }
            _ => Namespace::new(carrier.tree()),
        };
        let boot_partitions = match &carrier {
            Medium::Volume(volume) => menu::partitions(Some(volume), &image.region()),
            Medium::Disk(_) => menu::partitions(None, &image.region()),
            Medium::Archive(_) | Medium::Directory(_) => Vec::new(),
        };
        let menus = match &carrier {
            Medium::Volume(_) | Medium::Disk(_) => Menus::read(&*carrier.tree(), &boot_partitions, &mut troubles),
            Medium::Archive(_) | Medium::Directory(_) => Menus::default(),
        };
        if let Medium::Volume(_) = &carrier {
            // Stage 1 mounts the disc here.
            namespace.show_own("iso");
        }
        if let Some(Store { carrier: Carrier::Squashfs { archive, .. }, .. }) = &store {
            namespace.mount(STORE.as_bytes(), Arc::clone(archive) as Arc<dyn Tree + 'i>)?;
        }
        let Menus { entries: menu, gaps: menu_gaps, .. } = menus;
        let profiles = medium::profiles(&carrier, image);
        let systems = system::find(&namespace, (&menu, &profiles)).unwrap_or_else(|error| {
            // It is now unknown whether there are systems.
            store_is_broken = true;
            troubles.push(error);
            Vec::new()
        });
        if let Some(system) = systems.iter().find(|system| system.default) {
            namespace.link(b"/run/current-system", system.path.to_string().into_bytes())?;
            // Once a system has run, it has an `/etc` of its own, even one that cannot be read.
            if !carrier.has_etc().unwrap_or(true) {
                namespace.link(b"/etc", format!("{}/etc", system.path).into_bytes())?;
            }
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
            Medium::Archive(_) | Medium::Disk(_) | Medium::Directory(_) => Troubles::default(),
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
            Medium::Disk(volume) => &**volume,
            Medium::Directory(directory) => &**directory,
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

    /// The users that the image itself keeps, beside those that its system declares. They are not read.
    ///
    /// # Errors
    /// If its `/etc` cannot be read.
    pub(super) fn own_users(&self) -> Result<Option<Error>> {
        medium::own_users(&self.carrier)
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
