//! A manifest: all of an image that a comparison needs, small and in a stable order, fit to be kept beside a project.

mod access;
pub(super) mod disc;
mod initrd;
mod large;
mod mask;
pub(super) mod noise;
mod parse;

use data_encoding::BASE64;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

pub use access::AccessFacts;
pub(super) use mask::masked;
pub(super) use noise::Noise;

use crate::error::{Error, Result};
use crate::fs::NodeId;
use crate::nixos::software::Software;
use crate::nixos::{Disc, Medium, System};
use crate::store::StorePath;

/// What a manifest calls itself.
pub(super) const SCHEMA: &str = "nixoscope.manifest.v1";

/// All of an image that a comparison needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// `nixoscope.manifest.v1`.
    pub schema: String,
    /// What could not be read of the image, so that it is not here.
    #[serde(default)]
    pub incomplete: Vec<String>,
    /// The volume; none for a bare squashfs.
    pub volume: Option<VolumeFacts>,
    /// The systems, the default one first.
    pub systems: Vec<SystemFacts>,
    /// sshd of the default system; none where there is none.
    pub sshd: Option<SshdFacts>,
    /// Users of the default system, by name.
    pub users: Vec<UserFacts>,
    /// Keys that let somebody in, by user.
    pub keys: Vec<Key>,
    /// Findings of `access`, without the sentences: sort and subject.
    pub findings: Vec<String>,
    /// Entries of the boot menus, in their order.
    pub menu: Vec<MenuItem>,
    /// Files of the disc beside the store, by path.
    pub files: Vec<DiscFile>,
    /// The initrd of the default system; none where there is none.
    #[serde(default)]
    pub initrd: Option<InitrdFacts>,
    /// What differs between two builds of the same, by its name.
    #[serde(default)]
    pub noise: Noise,
    /// Store paths, by path.
    pub paths: Vec<ObjectFacts>,
}

/// The volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeFacts {
    /// Volume identifier.
    pub id: String,
    /// System identifier.
    #[serde(default)]
    pub system: String,
    /// Publisher identifier.
    #[serde(default)]
    pub publisher: String,
    /// Application identifier.
    #[serde(default)]
    pub application: String,
    /// Boot images of El Torito: platform, emulation, file.
    pub boot: Vec<String>,
    /// Partitions: table, number, what for.
    #[serde(default)]
    pub partitions: Vec<String>,
}

/// A system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemFacts {
    /// Its name as a specialisation.
    pub specialisation: Option<String>,
    /// Whether it boots when nobody chooses.
    pub default: bool,
    /// The toplevel.
    pub path: String,
    /// NixOS's version.
    pub version: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// Who gets in, where that is not the same as with the default system.
    #[serde(default)]
    pub access: Option<AccessFacts>,
}

/// sshd.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SshdFacts {
    /// Whether it starts at boot.
    pub starts_at_boot: bool,
    /// `PermitRootLogin`.
    pub permit_root_login: String,
    /// Whether it takes passwords.
    pub password_authentication: bool,
    /// Its ports.
    pub ports: Vec<u16>,
}

/// A user. No password is in it, nor a hash.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserFacts {
    /// Login name.
    pub name: String,
    /// Numeric id.
    pub uid: Option<u64>,
    /// Groups.
    pub groups: Vec<String>,
    /// Login shell.
    pub shell: Option<String>,
    /// State of the password on a fresh boot: `empty`, `hashed sha512 0123456789ab`. The digits tell one hash from another; they
    /// are there where nobody can find the password by them.
    pub password: String,
    /// How the user can log in.
    pub logins: Vec<String>,
}

/// A key that lets a user in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// The user.
    pub user: String,
    /// As `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// Its type.
    pub r#type: String,
    /// Its comment.
    pub comment: String,
    /// The options before it, which say under what conditions it lets somebody in.
    #[serde(default)]
    pub options: String,
}

/// An entry of a boot menu.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// The menu file.
    pub file: String,
    /// The title, behind those of the submenus that lead to it.
    pub title: String,
    /// The parameters of the kernel, without passwords.
    pub params: Vec<String>,
}

/// A file of the disc.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscFile {
    /// Its path.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, with the hash parts of store paths masked; none of a large file that has not been read.
    pub sha256: Option<String>,
    /// SHA-256 of it as it is, where that is another one.
    #[serde(default)]
    pub exact: Option<String>,
    /// Where it is, on a disc at hand.
    #[serde(skip)]
    pub(super) node: Option<NodeId>,
}

/// An initrd.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitrdFacts {
    /// Its file, links resolved.
    pub path: String,
    /// What is in it, by path; none while it has not been read.
    pub members: Option<Vec<MemberFacts>>,
}

/// A member of an initrd.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemberFacts {
    /// Its path, with the hash part of a store path masked.
    pub path: String,
    /// Type and permission bits, in octal.
    pub mode: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the contents of a file or the target of a link, hash parts masked in small ones.
    pub sha256: Option<String>,
}

/// A store path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectFacts {
    /// The path.
    pub path: String,
    /// The hash of its NAR; none where the image records none.
    pub nar_hash: Option<String>,
    /// Length of its NAR in bytes.
    pub nar_size: Option<u64>,
    /// Whether the default system has it installed.
    pub installed: bool,
}

impl SystemFacts {
    fn of(disc: &Disc<'_>, system: &System) -> Result<Self> {
        Ok(Self {
            specialisation: system.specialisation.clone(),
            default: system.default,
            path: system.path.to_string(),
            version: system.version(disc.tree())?,
            kernel: system.kernel(disc.tree())?,
            access: None,
        })
    }
}

impl Manifest {
    /// Describes a disc; what cannot be read is added to `troubles`.
    ///
    /// # Errors
    /// Where there is no store, or it cannot be read.
    pub fn of(disc: &Disc<'_>, troubles: &mut Vec<Error>) -> Result<Self> {
        let mut manifest = Self { schema: SCHEMA.to_owned(), ..Self::default() };
        let mut software = Software::of(disc)?;
        troubles.extend(software.contents.trouble.take());
        manifest.paths = software
            .present()
            .map(|(index, object)| {
                let record = object.record.as_ref();
                let hash = record.and_then(|record| record.nar_hash);
                ObjectFacts {
                    path: object.path.to_string(),
                    nar_hash: hash.map(|hash| format!("sha256-{}", BASE64.encode(&hash))),
                    nar_size: record.and_then(|record| record.nar_size),
                    installed: software.is_installed(index),
                }
            })
            .collect();
        if let Medium::Volume(volume) = &disc.carrier {
            manifest.volume = Some(disc::volume(disc, volume)?);
        }
        for system in disc.systems.iter().filter(|system| system.present) {
            match SystemFacts::of(disc, system) {
                Ok(facts) => manifest.systems.push(facts),
                Err(error) => troubles.push(error),
            }
        }
        manifest.menu = disc
            .menu
            .iter()
            .map(|entry| MenuItem {
                file: mask::named(&entry.file),
                title: entry
                    .submenus
                    .iter()
                    .map(AsRef::as_ref)
                    .chain([entry.title.as_str()])
                    .collect::<Vec<&str>>()
                    .join(" / "),
                params: entry.params.iter().map(|param| mask::parameter(param)).collect(),
            })
            .collect();
        manifest.take_access(disc, troubles);
        match disc.default_system() {
            Ok(system) => match initrd::find(disc, system) {
                Ok(found) => manifest.initrd = found,
                Err(error) => troubles.push(error),
            },
            // A store without a system is one, too.
            Err(Error::NoSystem { missing: None, .. }) => {}
            Err(error) => troubles.push(error),
        }
        let files = disc::list(disc, troubles);
        manifest.files = disc::files(disc, &files, troubles);
        manifest.noise = noise::of(disc, &files, troubles);
        Ok(manifest)
    }

    /// Who gets in to the default system.
    pub(super) fn access(&self) -> AccessFacts {
        AccessFacts {
            sshd: self.sshd.clone(),
            users: self.users.clone(),
            keys: self.keys.clone(),
            findings: self.findings.clone(),
        }
    }

    /// Who gets in to a system of this image, or to the default one where it has no such system.
    pub(super) fn access_of(&self, system: Option<&SystemFacts>) -> AccessFacts {
        let own = system.filter(|system| !system.default).and_then(|system| system.access.clone());
        own.unwrap_or_else(|| self.access())
    }

    /// Adds who gets in: of systems besides the default one, where that is not the same.
    fn take_access(&mut self, disc: &Disc<'_>, troubles: &mut Vec<Error>) {
        let systems: Vec<&System> = disc.systems.iter().filter(|system| system.present).collect();
        let all: Vec<_> = systems.into_par_iter().map(|system| (system, AccessFacts::of(disc, system))).collect();
        let mut others = Vec::new();
        for (system, access) in all {
            match access {
                Ok(access) if system.default => {
                    let AccessFacts { sshd, users, keys, findings } = access;
                    (self.sshd, self.users, self.keys, self.findings) = (sshd, users, keys, findings);
                }
                Ok(access) => others.push((system.path.to_string(), access)),
                Err(error) => troubles.push(error),
            }
        }
        let default = self.access();
        for (path, access) in others.into_iter().filter(|(_, access)| *access != default) {
            let same = |system: &&mut SystemFacts| system.path == path && !system.default;
            if let Some(system) = self.systems.iter_mut().find(same) {
                system.access = Some(access);
            }
        }
    }

    /// Whether both have the same initrd, or none: at the same path, in a store path with the same contents.
    #[must_use]
    pub fn has_initrd_of(&self, other: &Self) -> bool {
        fn identity(manifest: &Manifest) -> Option<(&str, Option<&String>)> {
            let initrd = manifest.initrd.as_ref()?;
            let (object, _) = StorePath::containing(initrd.path.as_bytes())?;
            let at = manifest.paths.iter().find(|facts| facts.path == object.to_string());
            Some((&initrd.path, at.and_then(|facts| facts.nar_hash.as_ref())))
        }
        self.initrd.is_none() && other.initrd.is_none() || {
            let (one, two) = (identity(self), identity(other));
            one.is_some_and(|(_, hash)| hash.is_some()) && one == two
        }
    }

    /// Reads what is in the initrd, which costs more than all the rest.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read_initrd(&mut self, disc: &Disc<'_>) -> Result<()> {
        match &mut self.initrd {
            Some(facts) if facts.members.is_none() => {
                facts.members = Some(initrd::members(disc, &facts.path)?);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
