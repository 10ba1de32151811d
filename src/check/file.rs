//! Assertions on files and commands.

use super::nearest::{listed, nearest};
use super::{Judgement, Subject};
use crate::error::{Error, Result};
use crate::fs::path::{self, join};
use crate::fs::{Kind, Node, Tree};

/// Where a system has its commands.
const DIRECTORIES: [&str; 2] = ["bin", "sbin"];

/// Paths that lead into the store.
const AFTER_BOOT: [&[u8]; 3] = [b"/nix", b"/etc", b"/run"];

/// The file exists, links resolved.
pub(super) fn exists(subject: &Subject<'_, '_>, wanted: &[u8]) -> Result<Judgement> {
    let tree = subject.disc.tree();
    match path::resolve(tree, wanted) {
        Ok(found) => Ok(Judgement::pass(leads_to(wanted, &found.path), vec![text(&found.path)])),
        // With the store unread, nobody knows what is in it.
        Err(_) if subject.disc.store_is_broken() && AFTER_BOOT.iter().any(|place| wanted.starts_with(place)) => {
            Err(subject.disc.require_store().err().unwrap_or(Error::NotFound { path: wanted.to_vec() }))
        }
        Err(error) => {
            let near = siblings(tree, wanted)?;
            let near: Vec<&str> = near.iter().map(String::as_str).collect();
            Ok(Judgement::fail(
                format!("{}{}", broken(tree, wanted, error)?, listed(&near)),
                near.iter().map(|&name| name.to_owned()).collect(),
            ))
        }
    }
}

/// The command's name leads to an existing executable.
pub(super) fn command(subject: &Subject<'_, '_>, name: &str) -> Result<Judgement> {
    let tree = subject.disc.tree();
    let system = match subject.system()? {
        Ok(system) => system,
        Err(none) => return Ok(none),
    };
    let mut commands: Vec<String> = Vec::new();
    for directory in DIRECTORIES {
        let directory = format!("{}/sw/{directory}", system.path);
        let Some(found) = path::find(tree, directory.as_bytes())? else { continue };
        if tree.lookup(found.id, name.as_bytes())?.is_some() {
            return runs(tree, &join(&found.path, name.as_bytes()));
        }
        commands.extend(tree.entries(found.id)?.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok()));
    }
    let near = nearest(name, commands.iter().map(String::as_str));
    for other in subject.disc.systems.iter().filter(|other| other.present && other.path != system.path) {
        let place = format!("{}/sw/bin/{name}", other.path);
        if let (Some(specialisation), Some(found)) = (&other.specialisation, path::find(tree, place.as_bytes())?) {
            let message = format!("not a command of the default system, only of the specialisation {specialisation}");
            return Ok(Judgement::fail(message, vec![text(&found.path)]));
        }
    }
    Ok(Judgement::fail(
        format!("not a command of the default system{}", listed(&near)),
        near.iter().map(|&name| name.to_owned()).collect(),
    ))
}

fn runs(tree: &dyn Tree, link: &[u8]) -> Result<Judgement> {
    let found = match path::resolve(tree, link) {
        Ok(found) => found,
        Err(error) => return Ok(Judgement::fail(broken(tree, link, error)?, vec![text(link)])),
    };
    let evidence = vec![text(&found.path)];
    Ok(match tree.node(found.id)? {
        Node { kind: Kind::File { size: 0 }, .. } => {
            Judgement::fail(format!("{} is empty: there is nothing to run", text(&found.path)), evidence)
        }
        Node { kind: Kind::File { .. }, mode, .. } if mode & 0o111 != 0 => {
            Judgement::pass(leads_to(link, &found.path), evidence)
        }
        Node { kind: Kind::File { .. }, mode, .. } => {
            Judgement::fail(format!("{} is not executable (mode {mode:04o})", text(&found.path)), evidence)
        }
        _ => Judgement::fail(format!("{} is not a regular file", text(&found.path)), evidence),
    })
}

/// What is wrong with a path that leads nowhere; other errors are given back.
fn broken(tree: &dyn Tree, asked: &[u8], error: Error) -> Result<String> {
    // If the path itself is there, it is a link that leads on.
    let itself = path::resolve_link(tree, asked).is_ok();
    match error {
        Error::NotFound { .. } if !itself => Ok("no such file".to_owned()),
        Error::NotFound { path } => Ok(format!("a dangling link: it leads to {}, which is not there", text(&path))),
        Error::WrongType { path, .. } => Ok(format!("no such file: {} is not a directory", text(&path))),
        Error::LinkLoop { .. } => Ok("its links go round in a circle".to_owned()),
        other => Err(other),
    }
}

fn leads_to(asked: &[u8], path: &[u8]) -> String {
    if asked == path { "there".to_owned() } else { text(path) }
}

/// Near names in the deepest directory of the path that exists.
fn siblings(tree: &dyn Tree, wanted: &[u8]) -> Result<Vec<String>> {
    let mut rest: &[u8] = wanted;
    while let Some(slash) = rest.iter().rposition(|&byte| byte == b'/') {
        let (directory, name) = rest.split_at_checked(slash).unwrap_or((rest, b""));
        let name = String::from_utf8_lossy(name.strip_prefix(b"/").unwrap_or(name)).into_owned();
        if let Ok(Some(found)) = path::find(tree, directory) {
            let names: Vec<String> = match tree.node(found.id)?.kind {
                Kind::Directory => {
                    tree.entries(found.id)?.into_iter().filter_map(|entry| String::from_utf8(entry.name).ok()).collect()
                }
                _ => Vec::new(),
            };
            let near = nearest(&name, names.iter().map(String::as_str));
            return Ok(near.into_iter().map(|near| text(&join(directory, near.as_bytes()))).collect());
        }
        rest = directory;
    }
    Ok(Vec::new())
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
