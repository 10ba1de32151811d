//! The members of initrds, which no registration and no other file shows: `boot.initrd.secrets` puts secrets there.

use std::collections::HashSet;
use std::io::BufReader;
use std::ops::ControlFlow;

use super::reading::{PART, scan};
use super::scanner::Sighting;
use crate::error::{Result, Troubles};
use crate::fs::path::{self, Found};
use crate::fs::{Tree, cpio, digest};
use crate::nixos::Disc;

/// Searches the initrds of all systems and menus, and passes the secrets of each member to `found`, with the initrd's path and its own.
/// Gives what could not be searched.
pub(super) fn search(disc: &Disc<'_>, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> Troubles {
    let systems = disc.systems.iter().filter(|system| system.present);
    let of_systems = systems.map(|system| format!("{}/initrd", system.path));
    let of_menus = disc.menu.iter().filter_map(|entry| entry.initrd.clone());
    let mut seen = Seen::default();
    let mut troubles = Troubles::default();
    for path in of_systems.chain(of_menus) {
        let searched = match path::find(disc.tree(), path.as_bytes()) {
            Ok(Some(file)) => seen.is_new(disc.tree(), &file).and_then(|new| match new {
                true => members(disc.tree(), &file, found),
                false => Ok(()),
            }),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        troubles.extend(searched.err());
    }
    troubles
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

fn members(tree: &dyn Tree, file: &Found, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> Result<()> {
    let mut input = BufReader::with_capacity(PART, tree.open(file.id)?);
    let name = String::from_utf8_lossy(&file.path);
    cpio::read(&mut input, &name, &mut |member, contents| {
        if member.is_file() {
            let path = [&file.path, b" ".as_slice(), &member.path].concat();
            found(scan(contents, &path)?, path);
        }
        Ok(ControlFlow::Continue(()))
    })
    .map(|_| ())
}
