//! A manifest: everything that a comparison needs to know about an image. It is small and in a stable order, so that it can be kept in a repository.

mod parse;

use serde::{Deserialize, Serialize};

use super::facts::{
    self, AccessFacts, DiscFile, FirewallFacts, InitrdFacts, MenuItem, Noise, ObjectFacts, SystemFacts, UnitFacts,
    VolumeFacts,
};
use crate::error::{Error, Result, Troubles};
use crate::nixos::software::Software;
use crate::nixos::{Disc, Medium};
use crate::store::StorePath;

/// What a manifest calls itself.
pub(super) const SCHEMA: &str = "nixoscope.manifest.v1";

/// Everything that a comparison needs of an image.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// `nixoscope.manifest.v1`.
    pub schema: String,
    /// The path of the image. `None` in manifests of 0.1.0. Comparisons ignore it.
    #[serde(default)]
    pub image: Option<String>,
    /// Why parts of the image are missing here.
    #[serde(default)]
    pub incomplete: Vec<String>,
    /// The volume, unless the image is a bare squashfs.
    pub volume: Option<VolumeFacts>,
    /// The systems, the default one first.
    pub systems: Vec<SystemFacts>,
    /// Who gets in to the default system.
    #[serde(flatten)]
    pub access: AccessFacts,
    /// Entries of the boot menus, in their order.
    pub menu: Vec<MenuItem>,
    /// Files of the disc outside the store, by path.
    pub files: Vec<DiscFile>,
    /// The initrd of the default system.
    #[serde(default)]
    pub initrd: Option<InitrdFacts>,
    /// The units of the default system, once they have been read.
    #[serde(default)]
    pub units: Option<Vec<UnitFacts>>,
    /// The firewall of the default system, once the units have been read.
    #[serde(default)]
    pub firewall: Option<FirewallFacts>,
    /// What differs between two builds of the same image, by name.
    #[serde(default)]
    pub noise: Noise,
    /// Store paths, by path.
    pub paths: Vec<ObjectFacts>,
}

impl Manifest {
    /// Describes a disc. Adds to `troubles` what cannot be read. Neither the initrd nor large files are read.
    ///
    /// # Errors
    /// If the disc has no store that can be read.
    pub fn of(disc: &Disc<'_>, troubles: &mut Troubles) -> Result<Self> {
        let software = Software::of(disc, troubles)?;
        let volume = match &disc.carrier {
            Medium::Volume(volume) => Some(VolumeFacts::of(disc, volume)?),
            Medium::Archive(_) | Medium::Disk(_) | Medium::Directory(_) => None,
        };
        let (systems, access) = facts::systems(disc, troubles);
        let initrd = initrd(disc, troubles);
        let listed = facts::list(disc, troubles);
        Ok(Self {
            schema: SCHEMA.to_owned(),
            image: Some(disc.path().display().to_string()),
            incomplete: Vec::new(),
            volume,
            systems,
            access,
            menu: disc.menu.iter().map(MenuItem::of).collect(),
            files: facts::files(disc, &listed, troubles),
            initrd,
            units: None,
            firewall: None,
            noise: facts::noise(disc, &listed, troubles),
            paths: facts::objects(&software),
        })
    }

    /// Reads what only a comparison without the image needs: initrd, units and large files.
    pub fn read_rest(&mut self, disc: &Disc<'_>, troubles: &mut Troubles) {
        troubles.extend(self.read_initrd(disc).err());
        troubles.extend(self.read_units(disc).err());
        facts::large::read(&mut self.files, disc, troubles);
    }

    /// Reads the contents of the initrd, which takes longer than everything else.
    pub(super) fn read_initrd(&mut self, disc: &Disc<'_>) -> Result<()> {
        self.initrd.as_mut().map_or(Ok(()), |initrd| initrd.read(disc))
    }

    /// Reads the units of the default system, and its firewall.
    pub(super) fn read_units(&mut self, disc: &Disc<'_>) -> Result<()> {
        if self.units.is_none() {
            let Ok(system) = disc.default_system() else {
                self.units = Some(Vec::new());
                return Ok(());
            };
            self.units = Some(facts::units(disc, system)?);
            self.firewall = Some(facts::firewall(disc, system)?);
        }
        Ok(())
    }

    /// Who gets in to a system of this image. A system that has no facts of its own is like the default one.
    pub(super) fn access_of<'m>(&'m self, system: &'m SystemFacts) -> &'m AccessFacts {
        let own = system.access.as_ref().filter(|_| !system.default);
        own.unwrap_or(&self.access)
    }

    /// Whether both images have the same default system, or neither has one: the same store path with the same contents.
    pub(super) fn has_system_of(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|manifest| {
            let path = &manifest.systems.iter().find(|system| system.default)?.path;
            Some((path, manifest.hash_of(path)))
        });
        one == two && one.is_none_or(|(_, hash)| hash.is_some())
    }

    /// The registered hash of a store path.
    fn hash_of(&self, path: &StorePath) -> Option<&String> {
        self.paths.iter().find(|facts| facts.path == *path)?.nar_hash.as_ref()
    }

    /// Whether both images have the same initrd, or neither has one: the same file in a store path with the same contents.
    pub(super) fn has_initrd_of(&self, other: &Self) -> bool {
        fn identity(manifest: &Manifest) -> Option<(&str, Option<&String>)> {
            let initrd = manifest.initrd.as_ref()?;
            let (object, _) = StorePath::containing(initrd.path.as_bytes())?;
            Some((&initrd.path, manifest.hash_of(&object)))
        }
        self.initrd.is_none() && other.initrd.is_none() || {
            let (one, two) = (identity(self), identity(other));
            one.is_some_and(|(_, hash)| hash.is_some()) && one == two
        }
    }
}

/// The initrd of the default system. A store without a system has no initrd.
fn initrd(disc: &Disc<'_>, troubles: &mut Troubles) -> Option<InitrdFacts> {
    match disc.default_system().and_then(|system| InitrdFacts::find(disc, system)) {
        Ok(found) => return found,
        Err(Error::NoSystem { missing: None, .. }) => {}
        Err(error) => troubles.push(error),
    }
    None
}
