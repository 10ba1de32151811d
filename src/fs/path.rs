//! Paths inside an image. Symbolic links are followed inside it.

use std::cell::RefCell;
use std::collections::{HashMap, hash_map};
use std::ops::Range;

use super::{Entry, FileType, Kind, NodeId, Tree};
use crate::error::{Error, Place, Result, Work};

/// Limit for the links on one path, as in Linux (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The node.
    pub id: NodeId,
    /// Its path without links, `.` and `..`.
    pub path: Vec<u8>,
}

/// Follows `path` from the root, including its last component. A path without a leading `/` also begins at the root.
///
/// # Errors
/// [`Error::NotFound`] with the missing path, which after a link differs from `path`.
/// [`Error::WrongType`] if a component is not a directory. [`Error::LinkLoop`] if links form a loop.
pub fn resolve(tree: &dyn Tree, path: &[u8]) -> Result<Found> {
    Resolver::new(tree, path).run(path, Last::Follow)
}

/// Follows `path`, but not the last component if that is a link.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_link(tree: &dyn Tree, path: &[u8]) -> Result<Found> {
    Resolver::new(tree, path).run(path, Last::Keep)
}

/// Follows a path. `None` if nothing is there.
///
/// # Errors
/// As [`resolve`], except for missing paths and links that lead nowhere.
pub fn find(tree: &dyn Tree, path: &[u8]) -> Result<Option<Found>> {
    match resolve(tree, path) {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. } | Error::WrongType { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Finds names below the root: each first as written, then ignoring case, as boot loaders do. Links are not followed.
///
/// # Errors
/// If a directory on the way cannot be read.
pub fn any_case(tree: &dyn Tree, names: &[&[u8]]) -> Result<Option<(NodeId, Vec<u8>)>> {
    AnyCase::new(tree).find(names)
}

/// Searches as [`any_case`] does, and lists each directory once. For many paths in few directories.
pub struct AnyCase<'t> {
    tree: &'t dyn Tree,
    listings: RefCell<HashMap<NodeId, Vec<Entry>>>,
}

impl<'t> AnyCase<'t> {
    /// Nothing is listed yet.
    #[must_use]
    pub fn new(tree: &'t dyn Tree) -> Self {
        Self { tree, listings: RefCell::default() }
    }

    /// Finds names below the root.
    ///
    /// # Errors
    /// If a directory on the way cannot be read.
    pub fn find(&self, names: &[&[u8]]) -> Result<Option<(NodeId, Vec<u8>)>> {
        let (mut id, mut file_type, mut path) = (self.tree.root(), FileType::Directory, b"/".to_vec());
        for &name in names {
            if file_type != FileType::Directory {
                return Ok(None);
            }
            let Some(entry) = self.entry(id, name)? else { return Ok(None) };
            (id, file_type, path) = (entry.id, entry.file_type, join(&path, &entry.name));
        }
        Ok(Some((id, path)))
    }

    fn entry(&self, directory: NodeId, name: &[u8]) -> Result<Option<Entry>> {
        let mut listings = self.listings.borrow_mut();
        let entries = match listings.entry(directory) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(place) => place.insert(self.tree.entries(directory)?),
        };
        let exact = entries.iter().find(|entry| entry.name == name);
        Ok(exact.or_else(|| entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name))).cloned())
    }
}

/// Reads up to `limit` bytes of the file at `path`, following links.
///
/// # Errors
/// As [`resolve`], and errors of the reader. [`Error::Limit`] if the file is longer.
pub fn read(tree: &dyn Tree, path: &[u8], limit: u64) -> Result<Vec<u8>> {
    match beginning(tree, path, limit)? {
        (bytes, None) => Ok(bytes),
        (_, Some(over)) => Err(over),
    }
}

/// Reads the first `limit` bytes of the file at `path`, following links. The second value is [`Error::Limit`] if the file is longer.
///
/// # Errors
/// As [`resolve`], and errors of the reader.
pub fn beginning(tree: &dyn Tree, path: &[u8], limit: u64) -> Result<(Vec<u8>, Option<Error>)> {
    let found = resolve(tree, path)?;
    if tree.node(found.id)?.kind.file_type() != FileType::File {
        return Err(Error::WrongType { path: found.path, wanted: "file" });
    }
    let mut bytes = Vec::new();
    let mut reader = std::io::Read::take(tree.open(found.id)?, limit.saturating_add(1));
    let shown = || std::path::PathBuf::from(String::from_utf8_lossy(path).into_owned());
    std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(|error| Error::from_read(error, &shown()))?;
    let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    tree.charge((Work::Texts, read), &|| Place::File(found.path.clone()))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let over =
        (bytes.len() > limit).then_some(Error::Limit { what: "length of a text file", place: Place::File(found.path) });
    bytes.truncate(limit);
    Ok((bytes, over))
}

/// Bytes as text, with replacement characters for invalid UTF-8.
#[must_use]
pub fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The path from the root, without doubled slashes and `.`. `None` if it has `..`, because its meaning depends on links.
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
    /// The directories from the root down to the current one.
    trail: Vec<Step>,
    /// The path of the current directory.
    path: Vec<u8>,
    /// The path still to be followed.
    ahead: Vec<u8>,
    /// How much of it has been followed.
    followed: usize,
    links: usize,
}

/// A directory on the way.
struct Step {
    id: NodeId,
    /// Length of its path.
    length: usize,
    is_directory: bool,
}

impl<'t> Resolver<'t> {
    fn new(tree: &'t dyn Tree, path: &[u8]) -> Self {
        Self { tree, trail: Vec::new(), path: b"/".to_vec(), ahead: path.to_vec(), followed: 0, links: 0 }
    }

    /// The next component, as a range of the path ahead.
    fn next(&mut self) -> Option<Range<usize>> {
        loop {
            let rest = self.ahead.get(self.followed..)?;
            let skipped = rest.iter().position(|&byte| byte != b'/')?;
            let rest = rest.get(skipped..)?;
            let length = rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len());
            let start = self.followed + skipped;
            self.followed = start + length;
            if rest.get(..length) != Some(b".") {
                return Some(start..self.followed);
            }
        }
    }

    /// Whether no component follows.
    fn is_at_end(&self) -> bool {
        let rest = self.ahead.get(self.followed..).unwrap_or_default();
        rest.split(|&byte| byte == b'/').all(|part| part.is_empty() || part == b".")
    }

    fn run(mut self, asked: &[u8], last: Last) -> Result<Found> {
        let root = self.tree.root();
        self.enter(root, self.tree.node(root)?.kind == Kind::Directory);
        while let Some(name) = self.next() {
            let name = self.ahead.get(name).unwrap_or_default();
            if name == b".." {
                if self.trail.len() > 1 {
                    self.trail.pop();
                }
                self.return_to_last();
                continue;
            }
            let Some(&Step { id: directory, is_directory, .. }) = self.trail.last() else { break };
            if !is_directory {
                return Err(Error::WrongType { path: self.path, wanted: "directory" });
            }
            let found = self.tree.lookup(directory, name)?;
            if self.path.last() != Some(&b'/') {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
            let Some(id) = found else { return Err(Error::NotFound { path: self.path }) };
            if last == Last::Keep && self.is_at_end() {
                return Ok(Found { id, path: self.path });
            }
            match self.tree.node(id)?.kind {
                Kind::Symlink { target } => self.follow(&target, asked)?,
                kind => self.enter(id, kind == Kind::Directory),
            }
        }
        match self.trail.pop() {
            // As everywhere, a trailing slash requires a directory.
            Some(Step { is_directory: false, .. }) if asked.ends_with(b"/") => {
                Err(Error::WrongType { path: self.path, wanted: "directory" })
            }
            Some(Step { id, .. }) => Ok(Found { id, path: self.path }),
            None => Ok(Found { id: root, path: self.path }),
        }
    }

    fn enter(&mut self, id: NodeId, is_directory: bool) {
        self.trail.push(Step { id, length: self.path.len(), is_directory });
    }

    /// Continues with the target of a link in the current directory.
    fn follow(&mut self, target: &[u8], asked: &[u8]) -> Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Error::LinkLoop { path: asked.to_vec() });
        }
        if target.first() == Some(&b'/') {
            self.trail.truncate(1);
        }
        self.return_to_last();
        self.ahead = join(target, self.ahead.get(self.followed..).unwrap_or_default());
        self.followed = 0;
        Ok(())
    }

    /// Shortens the path to that of the current directory.
    fn return_to_last(&mut self) {
        self.path.truncate(self.trail.last().map_or(1, |step| step.length));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;
    use crate::fs::{Entry, Node};

    /// Nodes by path: a directory, a file, or a link with its target. Node numbers follow the order of the paths.
    struct Made(BTreeMap<&'static str, Kind>);

    impl Made {
        fn id(&self, path: &str) -> Option<NodeId> {
            self.0.keys().position(|known| *known == path).map(|at| NodeId(at as u64))
        }
    }

    impl Tree for Made {
        fn root(&self) -> NodeId {
            NodeId(0)
        }

        fn node(&self, id: NodeId) -> Result<Node> {
            let kind = self.0.values().nth(usize::try_from(id.0).unwrap()).unwrap().clone();
            Ok(Node { kind, mode: 0, uid: 0, gid: 0, mtime: 0 })
        }

        fn entries(&self, _: NodeId) -> Result<Vec<Entry>> {
            unreachable!("a path is followed by lookups alone")
        }

        fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
            let parent = self.0.keys().nth(usize::try_from(directory.0).unwrap()).unwrap();
            assert_eq!(self.node(directory)?.kind, Kind::Directory);
            Ok(self.id(&format!("{}/{}", parent.trim_end_matches('/'), std::str::from_utf8(name).unwrap())))
        }

        fn open(&self, _: NodeId) -> Result<Box<dyn Read + Send + '_>> {
            unreachable!("a path is followed by lookups alone")
        }
    }

    #[test]
    fn every_path_leads_where_it_does_under_linux() {
        let link = |target: &str| Kind::Symlink { target: target.as_bytes().to_vec() };
        let tree = Made(BTreeMap::from([
            ("/", Kind::Directory),
            ("/a", Kind::Directory),
            ("/a/b", Kind::Directory),
            ("/a/b/file", Kind::File { size: 1 }),
            ("/a/up", link("../c/./file")),
            ("/a/root", link("/a//b/")),
            ("/a/loop", link("loop")),
            ("/a/gone", link("../none")),
            ("/a/here", link(".")),
            ("/c", link("a/b")),
        ]));
        for (path, expected) in [
            ("/", Ok("/")),
            ("", Ok("/")),
            ("/..", Ok("/")),
            ("a/b/file", Ok("/a/b/file")),
            ("//a/./b//file", Ok("/a/b/file")),
            ("/a/b/../../a/b", Ok("/a/b")),
            ("/a/up", Ok("/a/b/file")),
            ("/a/root/file", Ok("/a/b/file")),
            ("/a/root/..", Ok("/a")),
            ("/c/file", Ok("/a/b/file")),
            ("/c/", Ok("/a/b")),
            ("/a/here/here/b", Ok("/a/b")),
            ("/a/b/file/", Err("/a/b/file: not a directory")),
            ("/a/b/file/x", Err("/a/b/file: not a directory")),
            ("/a/gone", Err("/none: no such file in the image")),
            ("/a/b/none/x", Err("/a/b/none: no such file in the image")),
            ("/a/loop/x", Err("/a/loop/x: symbolic link loop")),
        ] {
            let found = resolve(&tree, path.as_bytes()).map(|found| {
                assert_eq!(tree.id(std::str::from_utf8(&found.path).unwrap()), Some(found.id), "{path}");
                String::from_utf8(found.path).unwrap()
            });
            assert_eq!(
                found.map_err(|error| error.to_string()),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{path}"
            );
        }
        for (path, expected) in [("/a/up", "/a/up"), ("/a/../c/.", "/c"), ("/a/root/file", "/a/b/file")] {
            let found = resolve_link(&tree, path.as_bytes()).unwrap();
            assert_eq!(found.path, expected.as_bytes(), "{path}");
        }
    }
}
