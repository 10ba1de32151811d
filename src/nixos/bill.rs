//! A bill of materials: everything that an image ships, and the references between its parts.

use sha2::{Digest, Sha256};

use super::package::{self, Package};
use super::software::Software;
use super::{Disc, Medium, ObjectKind, why};
use crate::error::{Result, Troubles};
use crate::store::StorePath;
use crate::store::name::Name;

/// What an image ships.
#[derive(Clone, Debug)]
pub struct Bill {
    /// The image itself.
    pub subject: Subject,
    /// The store paths in the image, by path.
    pub components: Vec<Component>,
    /// The components that the image includes for their own sake, by index: the systems, and whatever no other component
    /// refers to.
    pub roots: Vec<usize>,
}

/// The image that a bill describes.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Name of the image's file.
    pub name: String,
    /// Length of the image in bytes.
    pub bytes: u64,
    /// Volume identifier.
    pub volume: Option<String>,
    /// Creation of the volume, in seconds since 1970-01-01 UTC.
    pub created: Option<i64>,
    /// The version of NixOS in the default system: `25.11.1234.abcdef`.
    pub version: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// SHA-256 of the image, if it has been computed.
    pub sha256: Option<[u8; 32]>,
}

/// A store path.
#[derive(Clone, Debug)]
pub struct Component {
    /// The path.
    pub path: StorePath,
    /// Its kind. `None` if it cannot be read.
    pub kind: Option<ObjectKind>,
    /// SHA-256 of its NAR, as registered.
    pub nar_hash: Option<[u8; 32]>,
    /// Length of its NAR in bytes, as registered.
    pub nar_size: Option<u64>,
    /// Whether the default system has it in its system path.
    pub installed: bool,
    /// The components that it refers to, by index, except itself.
    pub references: Vec<usize>,
}

impl Bill {
    /// Draws up the bill. Leaves out the hash of the image, which would take reading the whole file. Errors about store
    /// paths are added to `troubles`.
    ///
    /// # Errors
    /// If there is no store, or the default system exists but cannot be read.
    pub fn of(disc: &Disc<'_>, software: &Software, troubles: &mut Troubles) -> Result<Self> {
        let packages = package::list(disc, software, &[], troubles)?.rows;
        let component = |object: usize| packages.binary_search_by_key(&object, |package| package.index).ok();
        let references = |package: &Package| {
            let references = software.contents.graph.of(package.index).filter(|&reference| reference != package.index);
            references.filter_map(component).collect()
        };
        let components = packages.iter().map(|package| Component {
            path: package.path.clone(),
            kind: package.kind,
            nar_hash: package.nar_hash,
            nar_size: package.nar_size,
            installed: package.installed,
            references: references(package),
        });
        let components: Vec<Component> = components.collect();
        let mut roots: Vec<usize> = why::roots(disc, software).into_iter().flatten().filter_map(component).collect();
        // Only a broken image has a reference cycle that nothing leads into, but it ships the cycle all the same.
        let reached = software.contents.graph.closure(roots.iter().filter_map(|&root| Some(packages.get(root)?.index)));
        let unreached = packages.iter().enumerate().filter(|(_, package)| reached.get(package.index) != Some(&true));
        roots.extend(unreached.map(|(component, _)| component));
        roots.sort_unstable();
        roots.dedup();
        Ok(Self { subject: Subject::of(disc)?, components, roots })
    }

    /// An identifier in the form of a UUID (RFC 9562, version 8). It is the same for the same image.
    #[must_use]
    pub fn uuid(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.subject.name.as_bytes());
        for component in &self.components {
            digest.update(component.path.base().as_bytes());
            digest.update(component.nar_hash.unwrap_or_default());
        }
        let mut bytes: [u8; 16] = [0; 16];
        bytes.iter_mut().zip(digest.finalize()).for_each(|(byte, hash)| *byte = hash);
        let value = u128::from_be_bytes(bytes);
        let value = value & !(0xf << 76) | 8 << 76; // the version, §4.2
        let value = value & !(0b11 << 62) | 0b10 << 62; // the variant, §4.1
        let hex = format!("{value:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }
}

impl Subject {
    fn of(disc: &Disc<'_>) -> Result<Self> {
        let system = disc.default_system().ok();
        let volume = match &disc.carrier {
            Medium::Volume(volume) => Some(&volume.descriptors().primary),
            Medium::Archive(_) | Medium::Disk(_) | Medium::Directory(_) => None,
        };
        let name = disc.path().file_name().unwrap_or_else(|| disc.path().as_os_str());
        Ok(Self {
            name: name.to_string_lossy().into_owned(),
            bytes: disc.image().region().length(),
            volume: volume.map(|volume| volume.volume.clone()),
            created: volume.and_then(|volume| volume.created).map(|date| date.timestamp()),
            version: system.map(|system| system.version(disc.tree())).transpose()?.flatten(),
            kernel: system.map(|system| system.kernel(disc.tree())).transpose()?.flatten(),
            sha256: None,
        })
    }

    /// The revision of nixpkgs, if the version ends in one: `abcdef` of `25.11.1234.abcdef`.
    #[must_use]
    pub fn revision(&self) -> Option<&str> {
        let (_, last) = self.version.as_deref()?.rsplit_once('.')?;
        let is_revision = last.len() >= 6 && last.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_revision.then_some(last)
    }
}

impl Component {
    /// The package URL: `pkg:nix/firefox@145.0?output=dev&outputhash=…`. The hash is the digest of the store path.
    #[must_use]
    pub fn purl(&self) -> String {
        let Name { pname, version, output } = Name::parse(self.path.name());
        let mut purl = format!("pkg:nix/{}", encode(pname));
        if !version.is_empty() {
            purl.push('@');
            purl.push_str(&encode(version));
        }
        let output = output.unwrap_or("out");
        format!("{purl}?output={}&outputhash={}", encode(output), self.path.digest())
    }

    /// A CPE made from the name, without looking up the vendor. `None` without a version.
    #[must_use]
    pub fn guessed_cpe(&self) -> Option<String> {
        let Name { pname, version, .. } = Name::parse(self.path.name());
        // A formatted string escapes all but letters, digits and the underscore (NIST IR 7695, 6.2).
        let quote = |text: &str| {
            text.chars().fold(String::new(), |mut quoted, letter| {
                let plain = letter.is_ascii_alphanumeric() || letter == '_';
                quoted.extend((!plain && letter != '.' && letter != '-').then_some('\\'));
                quoted.push(letter.to_ascii_lowercase());
                quoted
            })
        };
        (!version.is_empty()).then(|| format!("cpe:2.3:a:*:{}:{}:*:*:*:*:*:*:*", quote(pname), quote(version)))
    }
}

/// Percent-encodes everything except the unreserved characters of RFC 3986 §2.3.
fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(name: &str) -> Component {
        let path = StorePath::from_base(format!("{}-{name}", "e".repeat(32)).as_bytes());
        let path = path.or_else(|| StorePath::from_base(format!("{}-{name}", "a".repeat(32)).as_bytes())).unwrap();
        Component { path, kind: None, nar_hash: None, nar_size: None, installed: false, references: Vec::new() }
    }

    #[test]
    fn a_package_url_has_the_output_and_escapes_what_is_reserved() {
        for (name, purl) in [
            ("firefox-145.0", "pkg:nix/firefox@145.0?output=out&outputhash="),
            ("openssl-3.0.14-bin", "pkg:nix/openssl@3.0.14?output=bin&outputhash="),
            ("libstdc++-13?x=1", "pkg:nix/libstdc%2B%2B@13%3Fx%3D1?output=out&outputhash="),
            ("etc", "pkg:nix/etc?output=out&outputhash="),
        ] {
            assert_eq!(component(name).purl().strip_suffix(&"a".repeat(32)), Some(purl), "{name}");
        }
    }

    #[test]
    fn a_revision_is_the_last_part_of_a_version_if_it_looks_like_one() {
        let subject = |version: &str| Subject {
            name: String::new(),
            bytes: 0,
            volume: None,
            created: None,
            version: Some(version.to_owned()),
            kernel: None,
            sha256: None,
        };
        assert_eq!(subject("25.11.1234.abcdef").revision(), Some("abcdef"));
        assert_eq!(subject("25.11.1234").revision(), None);
        assert_eq!(subject("custom").revision(), None);
    }
}
