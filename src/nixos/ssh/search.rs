//! Finds keys anywhere in the image, including files that sshd would not read.

use std::collections::HashSet;
use std::io::Read;

use data_encoding::BASE64_NOPAD;

use super::key::{KeyError, KeyLine, PublicKey, TYPES};
use crate::error::{Error, Result, Troubles};
use crate::fs::walk::{Visit, Walk};
use crate::fs::{FileType, Kind, Tree};
use crate::nixos::users::Users;

/// Longer files are neither key files nor declarations.
const LONGEST: u64 = 1 << 20;

/// Limit for reported places. A key in more places has been found well enough.
const MOST_SIGHTINGS: usize = 1_000;

/// Suffixes of the names of key files and declarations.
const ENDINGS: [&str; 10] = [".pub", ".nix", ".json", ".toml", ".yaml", ".yml", ".sh", ".conf", ".txt", ".cfg"];

/// Parts of such names.
const PARTS: [&str; 3] = ["authorized", "ssh", "key"];

/// A place that contains the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// The file.
    pub file: Vec<u8>,
    /// The line, counted from 1.
    pub line: u64,
    /// Why the line would not be a key in a key file, if that is so.
    pub error: Option<KeyError>,
}

/// The result of a search.
#[derive(Debug, Default)]
pub struct Search {
    /// The places that contain the key, up to the first thousand.
    pub sightings: Vec<Sighting>,
    /// Why part of the search failed.
    pub troubles: Troubles,
}

/// Searches for a key in all files up to 1 MiB that have names of key files or declarations. Reads all names, but the
/// contents of those files only.
pub fn search(
    tree: &dyn Tree,
    users: &Users,
    is_wanted: &dyn Fn(&PublicKey) -> bool,
    exact: Option<&PublicKey>,
) -> Search {
    let base64 = exact.map(|key| BASE64_NOPAD.encode(&key.blob));
    let names: HashSet<&str> = users.list.iter().map(|user| user.name.as_str()).collect();
    let mut search = Search::default();
    for visit in Walk::new(tree, tree.root(), b"/") {
        let read = match visit {
            Ok(visit) if !may_hold_keys(&visit, &names) => continue,
            Ok(visit) => contents(tree, &visit).map(|bytes| (visit, bytes)),
            Err(error) => Err(error),
        };
        let (visit, bytes) = match read {
            Ok((visit, Some(bytes))) => (visit, bytes),
            Ok((_, None)) => continue,
            Err(error) => {
                search.troubles.push(error);
                continue;
            }
        };
        let lines = match &base64 {
            Some(base64) => lines_with(&bytes, base64.as_bytes()),
            None => lines_of(&bytes, is_wanted),
        };
        let sighting = |(line, error)| Sighting { file: visit.path.clone(), line, error };
        search.sightings.extend(lines.into_iter().map(sighting));
        if search.sightings.len() >= MOST_SIGHTINGS {
            search.sightings.truncate(MOST_SIGHTINGS);
            break;
        }
    }
    search
}

fn may_hold_keys(visit: &Visit, users: &HashSet<&str>) -> bool {
    if visit.file_type != FileType::File {
        return false;
    }
    let cut = visit.path.iter().rposition(|&byte| byte == b'/').unwrap_or_default();
    let (directory, name) = visit.path.split_at_checked(cut).unwrap_or_default();
    let name = String::from_utf8_lossy(name.strip_prefix(b"/").unwrap_or(name));
    directory == b"/nix/store"
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || PARTS.iter().any(|part| name.contains(part))
        || users.contains(&*name)
}

/// The bytes of a file. `None` if it is too long.
fn contents(tree: &dyn Tree, visit: &Visit) -> Result<Option<Vec<u8>>> {
    match tree.node(visit.id)?.kind {
        Kind::File { size } if size <= LONGEST => {}
        _ => return Ok(None),
    }
    let mut bytes = Vec::new();
    let path = || std::path::PathBuf::from(String::from_utf8_lossy(&visit.path).into_owned());
    let read = tree.open(visit.id)?.take(LONGEST).read_to_end(&mut bytes);
    read.map_err(|error| Error::from_read(error, &path()))?;
    Ok(Some(bytes))
}

/// A line, and why it would not be a key in a key file.
type Found = (u64, Option<KeyError>);

fn found((number, line): (u64, &[u8])) -> Found {
    (number, KeyLine::parse(&String::from_utf8_lossy(line)).err())
}

/// The lines that contain the text.
fn lines_with(bytes: &[u8], text: &[u8]) -> Vec<Found> {
    // Hardly any file contains it; only those that do are split into lines.
    if !holds(bytes, text) {
        return Vec::new();
    }
    let lines = (1u64..).zip(bytes.split(|&byte| byte == b'\n'));
    lines.filter(|(_, line)| holds(line, text)).map(found).collect()
}

/// The lines that contain a wanted key, whatever surrounds it.
fn lines_of(bytes: &[u8], is_wanted: &dyn Fn(&PublicKey) -> bool) -> Vec<Found> {
    let lines = (1u64..).zip(bytes.split(|&byte| byte == b'\n'));
    lines.filter(|(_, line)| keys(line).any(|key| is_wanted(&key))).map(found).collect()
}

/// The keys in a line: each type with the base64 after it.
fn keys(line: &[u8]) -> impl Iterator<Item = PublicKey> {
    let text = if holds(line, b"AAAA") { String::from_utf8_lossy(line) } else { "".into() };
    let found: Vec<PublicKey> = TYPES
        .iter()
        .flat_map(|kind| text.match_indices(kind))
        .filter_map(|(at, kind)| {
            let behind = text.get(at + kind.len()..)?.trim_start_matches([' ', '\t']);
            let end = behind.find(|letter: char| !letter.is_ascii_alphanumeric() && !"+/=".contains(letter));
            let base64 = behind.get(..end.unwrap_or(behind.len()))?;
            KeyLine::parse(&format!("{kind} {base64}")).ok().flatten().map(|line| line.key)
        })
        .collect();
    found.into_iter()
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    let Some((first, _)) = text.split_first() else { return true };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        let Some(from) = rest.get(at..) else { return false };
        if from.starts_with(text) {
            return true;
        }
        rest = from.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;
    use crate::nixos::users::User;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

    #[test]
    fn a_key_is_found_in_declarations_and_in_store_paths_that_are_files() {
        let nix = format!("{{ }}:\n{{\n  snakeOil = \"{KEY} x@y\";\n}}\n");
        let long = format!("{KEY}\n{}", " ".repeat(1 << 20));
        let tree = Made::of(&[
            ("/etc/readme", KEY),
            ("/home/eve", KEY),
            ("/long.pub", &long),
            ("/nix/store/e-text", KEY),
            ("/nixos/tests/oil.nix", &nix),
            ("/srv/id.pub", "ssh-ed25519 AAAA\n"),
        ]);
        let users = Users { known: true, list: vec![User::implied("eve")] };
        let wanted = KeyLine::parse(KEY).unwrap().unwrap().key;
        for exact in [Some(&wanted), None] {
            let found = search(&tree, &users, &|key| *key == wanted, exact);
            let places: Vec<_> = found
                .sightings
                .iter()
                .map(|sighting| format!("{}:{}", sighting.file.escape_ascii(), sighting.line))
                .collect();
            assert_eq!(places, ["/home/eve:1", "/nix/store/e-text:1", "/nixos/tests/oil.nix:3"]);
            assert!(found.troubles.is_empty());
        }
    }
}
