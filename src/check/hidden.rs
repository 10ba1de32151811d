//! Programs of a package that the system path takes from another package.
//!
//! The references of the system path tell what is installed. A package has none there if another one of the same system provides
//! all of its files.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::fs::path::{find, resolve_link};
use crate::fs::{FileType, Kind, Tree};
use crate::nixos::System;
use crate::store::StorePath;

/// Directories of programs, in a package and in the system path.
const DIRECTORIES: [&str; 2] = ["bin", "sbin"];

/// Programs of one package that are looked at. The largest packages have some 300.
const MOST_PROGRAMS: usize = 2_000;

/// Packages whose links the system path has under the names of all programs of a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Takers {
    /// Their links lead to the package itself.
    Through(Vec<StorePath>),
    /// At least one of the programs is their own.
    Instead(Vec<StorePath>),
}

/// Who takes the programs of a package in a system. `None` if it has none, or the system path lacks one of them: then it cannot
/// be in `environment.systemPackages`.
pub(super) fn takers(tree: &dyn Tree, system: &System, package: &StorePath) -> Result<Option<Takers>> {
    let (mut seen, mut is_own, mut takers) = (0, true, BTreeSet::new());
    for directory in DIRECTORIES {
        let Some(found) = find(tree, format!("{package}/{directory}").as_bytes())? else { continue };
        if tree.node(found.id)?.kind.file_type() != FileType::Directory {
            continue;
        }
        for program in tree.entries(found.id)? {
            seen += 1;
            let place = [format!("{}/sw/{directory}/", system.path).as_bytes(), &program.name].concat();
            let Some(target) = find(tree, &place)?.filter(|_| seen <= MOST_PROGRAMS) else { return Ok(None) };
            is_own &= StorePath::containing(&target.path).is_some_and(|(owner, _)| owner == *package);
            takers.extend(provider(tree, &place)?);
        }
    }
    let takers: Vec<StorePath> = takers.into_iter().collect();
    Ok(match (seen, is_own) {
        (0, _) => None,
        (_, true) => Some(Takers::Through(takers)),
        (_, false) => Some(Takers::Instead(takers)),
    })
}

/// The package that a link of the system path leads to.
fn provider(tree: &dyn Tree, place: &[u8]) -> Result<Option<StorePath>> {
    let found = resolve_link(tree, place)?;
    let path = match tree.node(found.id)?.kind {
        Kind::Symlink { target } => target,
        _ => found.path,
    };
    Ok(StorePath::containing(&path).map(|(package, _)| package))
}
