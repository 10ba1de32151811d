//! A manifest: all of an image that a comparison needs, small and in a stable order, fit to be kept beside a project.

use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::fs::walk::Walk;
use crate::fs::{FileType, Kind, Tree, path};
use crate::nixos::access::Access;
use crate::nixos::software::Software;
use crate::nixos::{Disc, Medium, System};
use crate::store::{Carrier, StorePath};

/// What a manifest calls itself.
pub(super) const SCHEMA: &str = "nixoscope.manifest.v1";

/// Files of the disc up to this length are compared by their contents; kernels and initrds are compared with those of their
/// systems, which have names of their own.
const SMALL: u64 = 1 << 20;

/// The bytes of isolinux.bin that say where on the disc it lies (its boot information table).
const BOOT_INFO: std::ops::Range<usize> = 8..64;

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
    /// Store paths, by path.
    pub paths: Vec<ObjectFacts>,
}

/// The volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeFacts {
    /// Volume identifier.
    pub id: String,
    /// Firmware that it boots from.
    pub boot: Vec<String>,
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
            let images = volume.boot_catalog()?.map(|catalog| catalog.images).unwrap_or_default();
            let boot = images.iter().map(|image| image.platform.to_string()).collect();
            manifest.volume = Some(VolumeFacts { id: volume.descriptors().primary.volume.clone(), boot });
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
        }
        manifest.take_files(disc, troubles);
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
                shell: user.shell.as_deref().map(masked),
                password: user.password.state.name().to_owned(),
                logins: account.login.ways.iter().map(|way| way.name().to_owned()).collect(),
            });
            for granted in account.keys.iter().filter(|granted| granted.judged.is_ok()) {
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

    /// The files of the disc: not those of a store in its tree, nor the squashfs that is one.
    fn take_files(&mut self, disc: &Disc<'_>, troubles: &mut Vec<Error>) {
        let Medium::Volume(_) = &disc.carrier else { return };
        let packed = disc.store.as_ref().and_then(|store| match &store.carrier {
            Carrier::Squashfs { path, .. } => path.clone(),
            Carrier::Directory(_) => None,
        });
        let tree = disc.own_tree();
        let mut walk = Walk::new(tree, tree.root(), b"/");
        while let Some(visit) = walk.next() {
            let visit = match visit {
                Ok(visit) => visit,
                Err(error) => {
                    troubles.push(error);
                    continue;
                }
            };
            if visit.path == b"/nix/store" {
                walk.prune();
            }
            if visit.file_type != FileType::File
                || packed.as_deref() == Some(&visit.path)
                || is_kernel_of_store(&visit.path)
            {
                continue;
            }
            match file(tree, &visit.path, visit.id) {
                Ok(file) => self.files.push(file),
                Err(error) => troubles.push(error),
            }
        }
    }
}

/// Kernels and initrds that lie on the disc under the names of their store paths (25.05 on) differ with every build.
fn is_kernel_of_store(path: &[u8]) -> bool {
    path.starts_with(b"/boot/nix/store/")
}

fn file(tree: &dyn Tree, place: &[u8], id: crate::fs::NodeId) -> Result<DiscFile> {
    let size = match tree.node(id)?.kind {
        Kind::File { size } => size,
        _ => 0,
    };
    let mut digest = None;
    if size < SMALL {
        let mut bytes = path::read(tree, place, SMALL)?;
        if place.ends_with(b"/isolinux.bin")
            && let Some(info) = bytes.get_mut(BOOT_INFO)
        {
            info.fill(0);
        }
        let text = masked(&String::from_utf8_lossy(&bytes));
        digest = Some(HEXLOWER.encode(&Sha256::digest(text.as_bytes())));
    }
    Ok(DiscFile { path: String::from_utf8_lossy(place).into_owned(), size, sha256: digest })
}

/// A text with the hash parts of its store paths masked: `e` is no letter of theirs.
fn masked(text: &str) -> String {
    const STORE: &str = "/nix/store/";
    let mut parts = text.split(STORE);
    let mut masked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        masked.push_str(STORE);
        let end = part
            .find(|letter: char| !letter.is_ascii_alphanumeric() && !"+-._?=".contains(letter))
            .unwrap_or(part.len());
        let is_path = part.get(..end).is_some_and(|base| StorePath::from_base(base.as_bytes()).is_some());
        match part.split_at_checked(32).filter(|_| is_path) {
            Some((hash, rest)) => {
                masked.extend(std::iter::repeat_n('e', hash.len()));
                masked.push_str(rest);
            }
            None => masked.push_str(part),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_parts_of_store_paths_are_masked() {
        let path = "/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1";
        let text = format!("init={path}/init x /nix/store/short {path}");
        let e = "e".repeat(32);
        assert_eq!(masked(&text), format!("init=/nix/store/{e}-f1/init x /nix/store/short /nix/store/{e}-f1"));
    }

    #[test]
    fn another_document_is_no_manifest() {
        assert!(Manifest::parse(b"{}").is_err());
        let other = serde_json::to_vec(&Manifest { schema: "x".to_owned(), ..Manifest::default() }).unwrap();
        assert_eq!(Manifest::parse(&other).unwrap_err(), "its schema is \"x\", not \"nixoscope.manifest.v1\"");
    }
}
