//! A tree made of a few texts, for tests.

use std::io::Read;

use crate::error::{Error, Result};
use crate::fs::{Entry, FileType, Kind, Node, NodeId, Tree};
use crate::nixos::Root;

/// Files and links by path, and the directories that contain them.
pub(in crate::nixos) struct Made {
    nodes: Vec<(String, Content)>,
}

enum Content {
    Directory,
    Text(String),
    Link(String),
}

impl Made {
    /// A text that begins with `-> ` is a link.
    pub(in crate::nixos) fn of(files: &[(&str, &str)]) -> Self {
        let mut nodes = vec![(String::new(), Content::Directory)];
        for (path, text) in files {
            for (at, _) in path.match_indices('/').skip(1) {
                if !nodes.iter().any(|(known, _)| *known == path[..at]) {
                    nodes.push((path[..at].to_owned(), Content::Directory));
                }
            }
            let content = match text.strip_prefix("-> ") {
                Some(target) => Content::Link(target.to_owned()),
                None => Content::Text((*text).to_owned()),
            };
            nodes.push(((*path).to_owned(), content));
        }
        nodes.sort_by(|one, other| one.0.cmp(&other.0));
        Self { nodes }
    }

    /// The system with the toplevel `/s`.
    pub(in crate::nixos) fn system(&self) -> Root<'_> {
        Root::new(self, "/s")
    }

    fn at(&self, id: NodeId) -> &(String, Content) {
        &self.nodes[usize::try_from(id.0).unwrap()]
    }
}

/// An uncompressed cpio archive, as an initrd. A text that begins with `-> ` is a link.
pub(in crate::nixos) fn archive(members: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, text) in members.iter().chain(&[("TRAILER!!!", "")]) {
        let (mode, text) = text.strip_prefix("-> ").map_or((0o100_644, *text), |target| (0o120_777, target));
        let (zeros, size, length) = ("0".repeat(32), text.len(), name.len() + 1);
        // Inode, mode, four numbers, size, four numbers, length of the name, checksum.
        out += &format!("07070100000001{mode:08x}{zeros}{size:08x}{zeros}{length:08x}00000000{name}\0");
        out += &"\0".repeat((4 - (110 + length) % 4) % 4);
        out += text;
        out += &"\0".repeat((4 - text.len() % 4) % 4);
    }
    out
}

impl Tree for Made {
    fn root(&self) -> NodeId {
        NodeId(0)
    }

    fn node(&self, id: NodeId) -> Result<Node> {
        let kind = match &self.at(id).1 {
            Content::Directory => Kind::Directory,
            Content::Text(text) => Kind::File { size: text.len() as u64 },
            Content::Link(target) => Kind::Symlink { target: target.clone().into_bytes() },
        };
        Ok(Node { kind, mode: 0o644, uid: 0, gid: 0, mtime: 1 })
    }

    fn entries(&self, directory: NodeId) -> Result<Vec<Entry>> {
        let above = format!("{}/", self.at(directory).0);
        let below = (0u64..).zip(&self.nodes).filter_map(|(id, (path, content))| {
            let name = path.strip_prefix(&above).filter(|name| !name.is_empty() && !name.contains('/'))?;
            let file_type = match content {
                Content::Directory => FileType::Directory,
                Content::Text(_) => FileType::File,
                Content::Link(_) => FileType::Symlink,
            };
            Some(Entry { name: name.as_bytes().to_vec(), id: NodeId(id), file_type })
        });
        Ok(below.collect())
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        Ok(self.entries(directory)?.into_iter().find(|entry| entry.name == name).map(|entry| entry.id))
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>> {
        match self.at(file) {
            (_, Content::Text(text)) => Ok(Box::new(text.as_bytes())),
            (path, _) => Err(Error::WrongType { path: path.clone().into_bytes(), wanted: "file" }),
        }
    }
}
