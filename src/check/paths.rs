//! What the kinds of assertions about paths share.

use super::nearest::nearest;
use super::systems::{Scope, in_each};
use super::{Judgement, Subject};
use crate::error::{Error, Result};
use crate::fs::path::{self, join};
use crate::fs::{Kind, Tree};

/// Why a path leads nowhere. Other errors are returned.
pub(super) fn broken(tree: &dyn Tree, asked: &[u8], error: Error) -> Result<String> {
    // If the path itself is there, it is a link that leads on.
    let itself = path::resolve_link(tree, asked).is_ok();
    match error {
        Error::NotFound { .. } if !itself => Ok("no such file".to_owned()),
        Error::NotFound { path } => Ok(format!("a dangling link: it leads to {}, which is not there", text(&path))),
        Error::WrongType { path, .. } => Ok(format!("no such file: {} is not a directory", text(&path))),
        Error::LinkLoop { .. } => Ok("symbolic link loop".to_owned()),
        other => Err(other),
    }
}

pub(super) fn leads_to(asked: &[u8], path: &[u8]) -> String {
    if asked == path { "there".to_owned() } else { text(path) }
}

/// Near names in the deepest directory of the path that exists.
pub(super) fn siblings(tree: &dyn Tree, wanted: &[u8]) -> Result<Vec<String>> {
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

/// Directories of which each system has its own.
const OF_SYSTEM: [&[u8]; 3] = [b"/etc", b"/run/current-system", b"/run/booted-system"];

/// Judges what is at a path of the running system, in each system in the scope if each has its own file there. `judge` gets
/// the path in the image.
pub(super) fn at_path(
    subject: &Subject<'_, '_>,
    scope: Scope,
    path: &[u8],
    judge: impl Fn(&[u8]) -> Result<Judgement>,
) -> Result<Judgement> {
    let is_below = |directory: &&[u8]| path.strip_prefix(*directory).is_some_and(|rest| rest.starts_with(b"/"));
    if subject.disc.systems.is_empty() || !OF_SYSTEM.iter().any(is_below) {
        return judge(path);
    }
    in_each(subject, scope, |system| match std::str::from_utf8(path) {
        // The image shows the default system there already.
        Ok(path) if !system.default => judge(subject.disc.root_of(system).inside(path).as_bytes()),
        _ => judge(path),
    })
}

pub(super) fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
