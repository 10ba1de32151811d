//! Key files of encrypted volumes. They look like any other file, but the text that opens the volume names them: a crypttab,
//! stage 1, or a kernel line.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::sync::LazyLock;

use regex::bytes::Regex;

use super::reading::PART;
use super::scanner::Sighting;
use super::subject::Subject;
use crate::error::{Error, Place, Result, Troubles};
use crate::fs::path::{self, Found};
use crate::fs::{Kind, Tree, cpio};
use crate::nixos::Disc;
use crate::nixos::initrd::target;

/// Limit for texts that are read for names, in bytes.
pub(super) const LONGEST_TEXT: u64 = 1 << 20;

/// The longest key file that cryptsetup reads, in bytes (`cryptsetup --help`: 8192 kB).
const LONGEST_KEY: u64 = 8 << 20;

/// The shortest key that cannot be guessed from its digest, in bytes.
const SHORTEST_RANDOM: usize = 16;

/// Limit for key files.
const MOST: usize = 1_000;

/// Passes over an initrd. Each link to a key file needs another one.
const MOST_PASSES: usize = 4;

/// The names of volumes, by the paths of the files that open them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyFiles(BTreeMap<String, String>);

impl KeyFiles {
    /// Whether the file at a path of an initrd may name key files.
    pub(super) fn are_named_in(path: &[u8]) -> bool {
        path.ends_with(b"crypttab") || path == b"/init" || path.ends_with(b"-stage-1-init.sh")
    }

    /// The key files that the kernel lines of boot menus name.
    pub(super) fn of_kernel_lines(disc: &Disc<'_>) -> Self {
        let mut keys = Self::default();
        disc.menu.iter().flat_map(|entry| &entry.params).for_each(|parameter| keys.read_parameter(parameter));
        keys
    }

    /// Adds the key files named in a crypttab or a script of stage 1.
    pub(super) fn read(&mut self, text: &str) {
        // nixpkgs, nixos/modules/system/boot/luksroot.nix
        static OPENING: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"(?-u)luksOpen +[^ \n]+ +([^ \n]+)[^\n]*? --key-file=(/[!-~]+)").ok());
        for captures in OPENING.iter().flat_map(|opening| opening.captures_iter(text.as_bytes())) {
            let [volume, file] = captures.extract().1;
            self.add(&String::from_utf8_lossy(volume), &String::from_utf8_lossy(file));
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            // crypttab(5): volume, device, key file, options.
            let mut fields = line.split_ascii_whitespace();
            if let (Some(volume), Some(_), Some(file)) = (fields.next(), fields.next(), fields.next()) {
                self.add(volume, file);
            }
        }
    }

    /// Adds the key file named by a kernel parameter: `rd.luks.key=UUID=FILE` (systemd-cryptsetup-generator(8)).
    pub(super) fn read_parameter(&mut self, parameter: &str) {
        let value = parameter.strip_prefix("rd.luks.key=").or_else(|| parameter.strip_prefix("luks.key="));
        if let Some(value) = value {
            let (uuid, file) = value.split_once('=').unwrap_or(("", value));
            self.add(uuid, file);
        }
    }

    fn add(&mut self, volume: &str, file: &str) {
        // `FILE:DEVICE` is on another device. Devices such as /dev/urandom are not files.
        let is_file = file.starts_with('/') && !file.starts_with("/dev/") && !file.contains(':');
        if is_file && self.0.len() <= MOST {
            self.0.entry(file.to_owned()).or_insert_with(|| volume.to_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn extend(&mut self, other: &Self) {
        other.0.iter().for_each(|(file, volume)| self.add(volume, file));
    }

    /// The error if the limit was reached. `place` is the file that names the key files.
    pub(super) fn limit(&self, place: &[u8]) -> Option<Error> {
        let place = Place::File(place.to_vec());
        (self.0.len() > MOST).then_some(Error::Limit { what: "1000 key files of encrypted volumes", place })
    }
}

/// Finds the key files that are in the same initrd as their names.
pub(super) fn search_initrd(
    tree: &dyn Tree,
    file: &Found,
    keys: &KeyFiles,
    found: &dyn Fn(Vec<Sighting>, Vec<u8>),
) -> Result<()> {
    let mut wanted = keys.clone();
    for _ in 0..MOST_PASSES {
        let mut links = KeyFiles::default();
        let mut input = BufReader::with_capacity(PART, tree.open(file.id)?);
        let name = String::from_utf8_lossy(&file.path);
        cpio::read(&mut input, &name, &mut |member, contents| {
            tree.charge(member.work(), &|| Place::File(file.path.clone()))?;
            let Some(volume) = std::str::from_utf8(&member.path).ok().and_then(|path| wanted.0.get(path)) else {
                return Ok(ControlFlow::Continue(()));
            };
            let bytes = start_of(contents, &member.path)?;
            if member.is_link() {
                links.add(volume, &target(&String::from_utf8_lossy(&member.path), &String::from_utf8_lossy(&bytes)));
            } else if member.is_file() {
                let path = [&file.path, b" ".as_slice(), &member.path].concat();
                found(sighting(&bytes, volume).into_iter().collect(), path);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if links.0.is_empty() {
            break;
        }
        wanted = links;
    }
    Ok(())
}

/// Finds the key files that are in the image itself. `keys` are those named in initrds: a store path is the same in both.
pub(super) fn search(disc: &Disc<'_>, mut keys: KeyFiles, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> Troubles {
    let mut troubles = Troubles::default();
    for system in disc.systems.iter().filter(|system| system.present) {
        let root = disc.root_of(system);
        let text = root.text(&root.inside("/etc/crypttab"));
        if let Some(text) = troubles.keep(text).flatten() {
            keys.read(&text);
        }
    }
    troubles.extend(keys.limit(b"/etc/crypttab"));
    for (file, volume) in &keys.0 {
        if let Some((path, sighting)) = troubles.keep(in_tree(disc.tree(), file, volume)).flatten() {
            found(vec![sighting], path);
        }
    }
    troubles
}

fn in_tree(tree: &dyn Tree, file: &str, volume: &str) -> Result<Option<(Vec<u8>, Sighting)>> {
    let Some(file) = path::find(tree, file.as_bytes())? else { return Ok(None) };
    if !matches!(tree.node(file.id)?.kind, Kind::File { .. }) {
        return Ok(None);
    }
    let bytes = start_of(&mut *tree.open(file.id)?, &file.path)?;
    Ok(sighting(&bytes, volume).map(|sighting| (file.path, sighting)))
}

/// The start of a file, as long as a key can be.
fn start_of(contents: &mut dyn Read, path: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = contents.take(LONGEST_KEY).read_to_end(&mut bytes);
    read.map_err(|error| Error::from_read(error, std::path::Path::new(&*String::from_utf8_lossy(path))))?;
    Ok(bytes)
}

fn sighting(key: &[u8], volume: &str) -> Option<Sighting> {
    let is_text = key.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    // A text may be a passphrase that can be guessed.
    let identity = (!is_text && key.len() >= SHORTEST_RANDOM).then_some(key);
    let sighting = Sighting::whole("private-key", "key file", key.len(), identity);
    let subject = Subject::volume(volume.as_bytes());
    (!key.is_empty()).then_some(Sighting { subject, line: is_text.then_some(1), ..sighting })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let mut keys = KeyFiles::default();
        keys.read(text);
        keys.0.into_iter().map(|(file, volume)| (volume, file)).collect()
    }

    #[test]
    fn a_crypttab_and_stage_1_name_key_files() {
        for (text, expected) in [
            ("root /dev/sda2 /etc/root.key luks\n", Some(("root", "/etc/root.key"))),
            ("# root /dev/sda2 /etc/root.key\n", None),
            ("root /dev/sda2 - luks\nswap /dev/sda3 /dev/urandom swap\nx UUID=1 none\n", None),
            ("root /dev/sda2 /keyfile:UUID=12 luks\n", None),
            (
                "    cryptsetup luksOpen /dev/sda2 root --allow-discards --key-file=/root.bin \\\n",
                Some(("root", "/root.bin")),
            ),
            ("echo -n \"$passphrase\" | cryptsetup luksOpen /dev/sda2 root --key-file=-\n", None),
        ] {
            let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into_iter().collect();
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_kernel_line_names_key_files() {
        let mut keys = KeyFiles::default();
        for parameter in
            ["rd.luks.key=1234-abcd=/etc/a.key", "luks.key=/etc/b.key", "rd.luks.key=/c:LABEL=usb", "luks=1"]
        {
            keys.read_parameter(parameter);
        }
        let expected = [("/etc/a.key", "1234-abcd"), ("/etc/b.key", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(keys, KeyFiles(BTreeMap::from(expected)));
    }

    #[test]
    fn a_key_of_text_has_no_fingerprint() {
        let random: Vec<u8> = (0u8..64).map(|byte| byte.wrapping_mul(73)).collect();
        assert!(sighting(&random, "root").unwrap().fingerprint.is_some());
        assert_eq!(sighting(b"correct horse battery\n", "root").unwrap().fingerprint, None);
        assert_eq!(sighting(b"", "root"), None);
    }
}
