//! The members of initrds, which no registration and no other file shows: `boot.initrd.secrets` puts secrets there.

use std::collections::HashSet;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use super::luks::{self, KeyFiles};
use super::reading::{PART, scan};
use super::scanner::Sighting;
use crate::error::{Error, Result, Troubles};
use crate::fs::path::{self, Found};
use crate::fs::{Tree, cpio, digest};
use crate::nixos::Disc;

/// Searches the initrds of all systems and menus, and tells `found` what is in each member, behind the initrd's own path.
/// Returns the key files that initrds name, and what could not be searched.
pub(super) fn search(disc: &Disc<'_>, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> (KeyFiles, Troubles) {
    let systems = disc.systems.iter().filter(|system| system.present);
    let of_systems = systems.map(|system| format!("{}/initrd", system.path));
    let of_menus = disc.menu.iter().filter_map(|entry| entry.initrd.clone());
    let mut seen = Seen::default();
    let (mut keys, mut troubles) = (KeyFiles::default(), Troubles::default());
    for path in of_systems.chain(of_menus) {
        let searched = match path::find(disc.tree(), path.as_bytes()) {
            Ok(Some(file)) => seen.is_new(disc.tree(), &file).and_then(|new| match new {
                true => initrd(disc, &file, found),
                false => Ok(KeyFiles::default()),
            }),
            Ok(None) => Ok(KeyFiles::default()),
            Err(error) => Err(error),
        };
        if let Some(named) = troubles.keep(searched) {
            troubles.extend(named.limit(path.as_bytes()));
            keys.extend(&named);
        }
    }
    (keys, troubles)
}

/// Initrds that have been searched: menus start copies of what the store has.
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

/// Searches one initrd, and then again for the key files that it names, which may precede the name.
fn initrd(disc: &Disc<'_>, file: &Found, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> Result<KeyFiles> {
    let mut keys = members(disc.tree(), file, found)?;
    for parameter in disc.menu.iter().flat_map(|entry| &entry.params) {
        keys.read_parameter(parameter);
    }
    if !keys.is_empty() {
        luks::search_initrd(disc.tree(), file, &keys, found)?;
    }
    Ok(keys)
}

fn members(tree: &dyn Tree, file: &Found, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> Result<KeyFiles> {
    let mut keys = KeyFiles::default();
    let mut input = BufReader::with_capacity(PART, tree.open(file.id)?);
    let name = String::from_utf8_lossy(&file.path);
    cpio::read(&mut input, &name, &mut |member, contents| {
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
