//! A manifest: all of an image that a comparison needs, small and in a stable order, fit to be kept beside a project.

pub(super) mod disc;
mod initrd;
mod mask;
pub(super) mod noise;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

pub(super) use mask::masked;
pub(super) use noise::Noise;

use crate::error::{Error, Result};
use crate::nixos::access::Access;
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

/// A user. No password or hash is in it.
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
    /// State of the password on a fresh boot.
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
}

/// An entry of a boot menu.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuItem {
    /// The menu file.
    pub file: String,
    /// The title, behind those of the submenus that lead to it.
    pub title: String,
    /// The parameters of the kernel.
    pub params: Vec<String>,
}

/// A file of the disc.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscFile {
    /// Its path.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of a small file, with the hash parts of store paths in it masked.
    pub sha256: Option<String>,
    /// SHA-256 of it as it is, where that is another one.
    #[serde(default)]
    pub exact: Option<String>,
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
            let facts = system.describe(disc.tree()).map(|facts| SystemFacts {
                specialisation: system.specialisation.clone(),
                default: system.default,
                path: system.path.to_string(),
                version: facts.version,
                kernel: facts.kernel,
            });
            match facts {
                Ok(facts) => manifest.systems.push(facts),
                Err(error) => troubles.push(error),
            }
        }
        manifest.menu = disc
            .menu
            .iter()
            .map(|entry| MenuItem {
                file: String::from_utf8_lossy(&entry.file).into_owned(),
                title: entry
                    .submenus
                    .iter()
                    .map(AsRef::as_ref)
                    .chain([entry.title.as_str()])
                    .collect::<Vec<&str>>()
                    .join(" / "),
                params: entry.params.clone(),
            })
            .collect();
        if let Ok(system) = disc.default_system() {
            manifest.take_access(disc, system).unwrap_or_else(|error| troubles.push(error));
            match initrd::find(disc, system) {
                Ok(found) => manifest.initrd = found,
                Err(error) => troubles.push(error),
            }
        }
        manifest.files = disc::files(disc, troubles);
        manifest.noise = noise::of(disc, troubles);
        Ok(manifest)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// Why the text is none.
    pub fn parse(text: &[u8]) -> std::result::Result<Self, String> {
        let manifest: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        if manifest.schema != SCHEMA {
            return Err(format!("its schema is {:?}, not {SCHEMA:?}", manifest.schema));
        }
        Ok(manifest)
    }

    fn take_access(&mut self, disc: &Disc<'_>, system: &System) -> Result<()> {
        let access = Access::of(disc, system)?;
        self.sshd = access.sshd.unit.is_some().then(|| SshdFacts {
            starts_at_boot: access.sshd.starts,
            permit_root_login: access.sshd.permit_root_login(),
            password_authentication: access.sshd.password_authentication(),
            ports: access.sshd.ports(),
        });
        for account in &access.accounts {
            let user = &account.user;
            self.users.push(UserFacts {
                name: user.name.clone(),
                uid: user.uid,
                groups: user.groups.clone().unwrap_or_default(),
                shell: user.shell.as_deref().map(mask::text),
                password: user.password.state.name().to_owned(),
                logins: account.login.ways.iter().map(|way| way.name().to_owned()).collect(),
            });
            for granted in account.grants.keys.iter().filter(|granted| granted.judged.is_ok()) {
                let line = &granted.key.line;
                self.keys.push(Key {
                    user: user.name.clone(),
                    fingerprint: line.key.fingerprint(),
                    r#type: line.key.kind.clone(),
                    comment: line.comment.clone(),
                });
            }
        }
        self.keys.sort();
        let findings = access.findings.iter().filter(|finding| finding.id != "login");
        self.findings = findings.map(|finding| format!("{} {}", finding.id, finding.subject)).collect();
        self.findings.sort();
        self.findings.dedup();
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_document_is_no_manifest() {
        assert!(Manifest::parse(b"{}").is_err());
        let other = serde_json::to_vec(&Manifest { schema: "x".to_owned(), ..Manifest::default() }).unwrap();
        assert_eq!(Manifest::parse(&other).unwrap_err(), "its schema is \"x\", not \"nixoscope.manifest.v1\"");
    }
}
