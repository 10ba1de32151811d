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
use crate::nixos::menu::BootFile;

/// Searches the initrds of all systems and menus, and tells `found` what is in each member, behind the initrd's own path.
/// Gives what could not be searched.
pub(super) fn search(disc: &Disc<'_>, found: &dyn Fn(Vec<Sighting>, Vec<u8>)) -> Troubles {
    let systems = disc.systems.iter().filter(|system| system.present);
    let of_systems = systems.map(|system| format!("{}/initrd", system.path));
    let mut seen = Seen::default();
    let mut troubles = Troubles::default();
    let mut search = |tree: &dyn Tree, file: &Found| match seen.is_new(tree, file) {
        Ok(true) => members(tree, file, found),
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    };
    for path in of_systems {
        let file = path::find(disc.tree(), path.as_bytes());
        let searched = file.and_then(|file| file.map_or(Ok(()), |file| search(disc.tree(), &file)));
        troubles.extend(searched.err());
    }
    for (entry, path) in disc.menu.iter().filter_map(|entry| Some((entry, entry.initrd.as_ref()?))) {
        let file = disc.boot_file(entry, path);
        let searched = file.and_then(|file| {
            let Some(BootFile { tree, found: mut file }) = file else { return Ok(()) };
            file.path = disc.boot_path(entry, &String::from_utf8_lossy(&file.path)).into_bytes();
            search(tree, &file)
        });
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
