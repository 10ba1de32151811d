//! Paths inside an image, and symbolic links followed inside it.

use super::{FileType, Kind, Node, NodeId, Tree};
use crate::error::{Error, Place, Result};

/// Links that one path may lead through: Linux's own limit (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The node.
    pub id: NodeId,
    /// Its path without links, `.` and `..`.
    pub path: Vec<u8>,
}

/// Follows `path` from the root, its last component included. A path without a leading `/` begins at the root too.
///
/// # Errors
/// [`Error::NotFound`] with the path that is missing, which after a link is not the one asked for;
/// [`Error::WrongType`] if a directory is needed; [`Error::LinkLoop`] for links that go round.
pub fn resolve(tree: &dyn Tree, path: &[u8]) -> Result<Found> {
    Resolver::new(tree, path).run(path, Last::Follow)
}

/// Follows `path` up to its last component, which may be a link and is not followed.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_link(tree: &dyn Tree, path: &[u8]) -> Result<Found> {
    Resolver::new(tree, path).run(path, Last::Keep)
}

/// Follows a path, or says that nothing is there.
///
/// # Errors
/// As [`resolve`], but for what is missing and for links that lead nowhere.
pub fn find(tree: &dyn Tree, path: &[u8]) -> Result<Option<Found>> {
    match resolve(tree, path) {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. } | Error::WrongType { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Finds names below the root, each as written first, then in any case: boot loaders do not care. Links are not followed.
///
/// # Errors
/// If a directory on the way cannot be read.
pub fn any_case(tree: &dyn Tree, names: &[&[u8]]) -> Result<Option<(NodeId, Vec<u8>)>> {
    let (mut id, mut path) = (tree.root(), b"/".to_vec());
    for &name in names {
        if tree.node(id)?.kind != Kind::Directory {
            return Ok(None);
        }
        let found = match tree.lookup(id, name)? {
            Some(node) => Some((node, name.to_vec())),
            None => {
                let mut entries = tree.entries(id)?.into_iter();
                let same = entries.find(|entry| entry.name.eq_ignore_ascii_case(name));
                same.map(|entry| (entry.id, entry.name))
            }
        };
        let Some((node, name)) = found else { return Ok(None) };
        (id, path) = (node, join(&path, &name));
    }
    Ok(Some((id, path)))
}

/// Reads the file at `path`, links followed, up to `limit` bytes.
///
/// # Errors
/// As [`resolve`], and what the reader meets; [`Error::Limit`] if the file is longer.
pub fn read(tree: &dyn Tree, path: &[u8], limit: u64) -> Result<Vec<u8>> {
    let found = resolve(tree, path)?;
    if tree.node(found.id)?.kind.file_type() != FileType::File {
        return Err(Error::WrongType { path: found.path, wanted: "file" });
    }
    let mut bytes = Vec::new();
    let mut reader = std::io::Read::take(tree.open(found.id)?, limit.saturating_add(1));
    let shown = || std::path::PathBuf::from(String::from_utf8_lossy(path).into_owned());
    std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(|error| Error::from_read(error, &shown()))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        return Ok(bytes);
    }
    Err(Error::Limit { what: "length of a text file", place: Place::File(found.path) })
}

/// The path from the root, without doubled slashes and `.`. `None` if it has `..`, whose meaning depends on links.
#[must_use]
pub fn plain(path: &[u8]) -> Option<Vec<u8>> {
    let names = || path.split(|&byte| byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    let plain = names().fold(b"/".to_vec(), |path, name| join(&path, name));
    (!names().any(|name| name == b"..")).then_some(plain)
}

/// Appends a name to a directory's path.
#[must_use]
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(directory);
    if path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Follow,
    Keep,
}

struct Resolver<'t> {
    tree: &'t dyn Tree,
    /// The directories from the root down to where we are.
    trail: Vec<(NodeId, Vec<u8>)>,
    /// Components still to follow, the next one last.
    ahead: Vec<Vec<u8>>,
    links: usize,
}

impl<'t> Resolver<'t> {
    fn new(tree: &'t dyn Tree, path: &[u8]) -> Self {
        let mut resolver = Self { tree, trail: vec![(tree.root(), b"/".to_vec())], ahead: Vec::new(), links: 0 };
        resolver.push(path);
        resolver
    }

    fn push(&mut self, path: &[u8]) {
        let components = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty() && *part != b".");
        self.ahead.extend(components.rev().map(<[u8]>::to_vec));
    }

    fn run(mut self, asked: &[u8], last: Last) -> Result<Found> {
        while let Some(name) = self.ahead.pop() {
            if name == b".." {
                if self.trail.len() > 1 {
                    self.trail.pop();
                }
                continue;
            }
            let (directory, path) = self.here();
            let path = join(&path, &name);
            let id = match self.tree.node(directory)?.kind {
                Kind::Directory => self.tree.lookup(directory, &name)?,
                _ => return Err(Error::WrongType { path: self.here().1, wanted: "directory" }),
            };
            let Some(id) = id else { return Err(Error::NotFound { path }) };
            if self.ahead.is_empty() && last == Last::Keep {
                return Ok(Found { id, path });
            }
            match self.tree.node(id)? {
                Node { kind: Kind::Symlink { target }, .. } => {
                    self.links += 1;
                    if self.links > MOST_LINKS {
                        return Err(Error::LinkLoop { path: asked.to_vec() });
                    }
                    if target.first() == Some(&b'/') {
                        self.trail.truncate(1);
                    }
                    self.push(&target);
                }
                _ => self.trail.push((id, path)),
            }
        }
        let (id, path) = self.here();
        // As everywhere, a slash at the end asks for a directory.
        if asked.ends_with(b"/") && self.tree.node(id)?.kind != Kind::Directory {
            return Err(Error::WrongType { path, wanted: "directory" });
        }
        Ok(Found { id, path })
    }

    fn here(&self) -> (NodeId, Vec<u8>) {
        self.trail.last().cloned().unwrap_or_else(|| (self.tree.root(), b"/".to_vec()))
    }
}
