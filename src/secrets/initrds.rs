//! The members of initrds. They are in no registration and no other file: `boot.initrd.secrets` puts secrets there.

use std::collections::HashSet;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use super::luks::{self, KeyFiles};
use super::reading::{PART, scan};
use super::scanner::Sighting;
use crate::error::{Error, Place, Result, Troubles};
use crate::fs::path::{self, Found};
use crate::fs::{Tree, cpio, digest};
use crate::nixos::Disc;
use crate::nixos::menu::BootFile;

/// Searches the initrds of all systems and menus, and passes the secrets of each member to `found`, with the initrd's path and its
/// own. Returns the key files that initrds name, and what could not be searched.
pub(super) fn search(disc: &Disc<'_>, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> (KeyFiles, Troubles) {
    let systems = disc.systems.iter().filter(|system| system.present);
    let of_systems = systems.map(|system| format!("{}/initrd", system.path));
    let mut seen = Seen::default();
    let of_lines = KeyFiles::of_kernel_lines(disc);
    let (mut keys, mut troubles) = (of_lines.clone(), Troubles::default());
    let mut search = |tree: &dyn Tree, file: &Found| match seen.is_new(tree, file)? {
        true => initrd(tree, file, of_lines.clone(), found),
        false => Ok(KeyFiles::default()),
    };
    let mut keep = |path: &str, searched: Result<KeyFiles>| {
        if let Some(named) = troubles.keep(searched) {
            troubles.extend(named.limit(path.as_bytes()));
            keys.extend(&named);
        }
    };
    for path in of_systems {
        let file = path::find(disc.tree(), path.as_bytes());
        let none = || Ok(KeyFiles::default());
        keep(&path, file.and_then(|file| file.map_or_else(none, |file| search(disc.tree(), &file))));
    }
    for (entry, path) in disc.menu.iter().filter_map(|entry| Some((entry, entry.initrd.as_ref()?))) {
        let file = disc.boot_file(entry, path);
        let searched = file.and_then(|file| {
            let Some(BootFile { tree, found: mut file }) = file else { return Ok(KeyFiles::default()) };
            file.path = disc.boot_path(entry, &String::from_utf8_lossy(&file.path)).into_bytes();
            search(tree, &file)
        });
        keep(path, searched);
    }
    (keys, troubles)
}

/// Initrds that have been searched. Menus start copies of those in the store.
#[derive(Default)]
struct Seen {
    paths: HashSet<Vec<u8>>,
    contents: HashSet<[u8; 32]>,
}

impl Seen {
    fn is_new(&mut self, tree: &dyn Tree, file: &Found) -> Result<bool> {
        Ok(self.paths.insert(file.path.clone()) && self.contents.insert(digest::of_file(tree, file)?))
    }
}

/// Searches one initrd, and then again for the key files that it or a kernel line names: a file may precede its name. Returns them.
fn initrd(
    tree: &dyn Tree,
    file: &Found,
    mut keys: KeyFiles,
    found: &dyn Fn(Vec<Sighting>, Vec<u8>),
) -> Result<KeyFiles> {
    keys.extend(&members(tree, file, found)?);
    if !keys.is_empty() {
        luks::search_initrd(tree, file, &keys, found)?;
    }
    Ok(keys)
}

fn members(tree: &dyn Tree, file: &Found, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> Result<KeyFiles> {
    let mut keys = KeyFiles::default();
    let mut input = BufReader::with_capacity(PART, tree.open(file.id)?);
    let name = String::from_utf8_lossy(&file.path);
    cpio::read(&mut input, &name, &mut |member, contents| {
        tree.charge(member.work(), &|| Place::File(file.path.clone()))?;
        if !member.is_file() {
            return Ok(ControlFlow::Continue(()));
        }
        let path = [&file.path, b" ".as_slice(), &member.path].concat();
        let mut text = Vec::new();
        if KeyFiles::are_named_in(&member.path) {
            let read = contents.take(luks::LONGEST_TEXT).read_to_end(&mut text);
            read.map_err(|error| Error::from_read(error, Path::new(&*String::from_utf8_lossy(&path))))?;
            keys.read(&String::from_utf8_lossy(&text));
        }
        found(scan(&mut text.as_slice().chain(contents), &member.path)?, path);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::fs::{Entry, Kind, Node, NodeId};

    /// A tree of one file.
    struct One(Vec<u8>);

    impl Tree for One {
        fn root(&self) -> NodeId {
            NodeId(0)
        }

        fn node(&self, _: NodeId) -> Result<Node> {
            let kind = Kind::File { size: self.0.len() as u64 };
            Ok(Node { kind, mode: 0o444, uid: 0, gid: 0, mtime: 1 })
        }

        fn entries(&self, _: NodeId) -> Result<Vec<Entry>> {
            Ok(Vec::new())
        }

        fn lookup(&self, _: NodeId, _: &[u8]) -> Result<Option<NodeId>> {
            Ok(None)
        }

        fn open(&self, _: NodeId) -> Result<Box<dyn Read + Send + '_>> {
            Ok(Box::new(self.0.as_slice()))
        }
    }

    /// An archive of files (mode 0100644) and links (0120777).
    fn archive(members: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pad = |bytes: &mut Vec<u8>| bytes.resize(bytes.len().next_multiple_of(4), 0);
        for (name, mode, contents) in members.iter().chain(&[("TRAILER!!!", 0, &b""[..])]) {
            let fields = [1, *mode as usize, 0, 0, 1, 0, contents.len(), 0, 0, 0, 0, name.len() + 1, 0];
            bytes.extend(b"070701");
            fields.iter().for_each(|field| bytes.extend(format!("{field:08x}").bytes()));
            bytes.extend(name.bytes().chain([0]));
            pad(&mut bytes);
            bytes.extend_from_slice(contents);
            pad(&mut bytes);
        }
        bytes
    }

    fn found(members: &[(&str, u32, &[u8])], parameters: &[&str]) -> Vec<String> {
        let tree = One(archive(members));
        let file = Found { path: b"/initrd".to_vec(), id: NodeId(0) };
        let mut keys = KeyFiles::default();
        parameters.iter().for_each(|parameter| keys.read_parameter(parameter));
        let told = RefCell::new(Vec::new());
        let found = |sightings: Vec<Sighting>, path: Vec<u8>| {
            let told = &mut *told.borrow_mut();
            told.extend(sightings.into_iter().map(|sighting| {
                let of = sighting.subject.map(|subject| format!(" of {} {}", subject.kind(), subject.name()));
                format!("{}: {}{}", String::from_utf8_lossy(&path), sighting.what, of.unwrap_or_default())
            }));
        };
        initrd(&tree, &file, keys, &found).unwrap();
        let mut told = told.into_inner();
        told.sort();
        told
    }

    const FILE: u32 = 0o100_644;
    const LINK: u32 = 0o120_777;

    #[test]
    fn a_key_file_is_found_whatever_names_it_and_wherever_it_is() {
        let key: &[u8] = &[0x80; 64];
        let script: &[u8] = b"    cryptsetup luksOpen /dev/sda2 root --key-file=/root.bin \\\n";
        for (members, parameters, expected) in [
            (
                vec![("etc/crypttab", FILE, &b"data /dev/sda2 /etc/data.key luks\n"[..]), ("etc/data.key", FILE, key)],
                vec![],
                vec!["/initrd /etc/data.key: key file of volume data"],
            ),
            (
                vec![("root.bin", FILE, key), ("init", FILE, script)],
                vec![],
                vec!["/initrd /root.bin: key file of volume root"],
            ),
            (
                vec![("etc/a.key", LINK, b"../nix/a"), ("nix/a", FILE, key)],
                vec!["rd.luks.key=1234=/etc/a.key"],
                vec!["/initrd /nix/a: key file of volume 1234"],
            ),
            (vec![("etc/other.key", FILE, key)], vec!["rd.luks.key=/etc/a.key"], vec![]),
            (vec![("etc/crypttab", FILE, b"data /dev/sda2 none luks\n"), ("none", FILE, key)], vec![], vec![]),
        ] {
            assert_eq!(found(&members, &parameters), expected, "{members:?}");
        }
    }

    #[test]
    fn the_kind_of_a_member_is_told_by_its_own_path() {
        let netrc: &[u8] = b"machine cache.lan password correct-horse\n";
        let shadow: &[u8] = b"root:!:1::::::\nbob:aaHaX0Jza1Cbc:1::::::\n";
        let members = [("root/.netrc", FILE, netrc), ("etc/shadow", FILE, shadow), ("etc/other", FILE, netrc)];
        let expected = ["/initrd /etc/shadow: des of user bob", "/initrd /root/.netrc: netrc of host cache.lan"];
        assert_eq!(found(&members, &[]), expected);
    }
}
