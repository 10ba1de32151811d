//! One tree made of several: trees mounted at paths, and links that only exist after boot.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use super::lookups::Lookups;
use super::{Entry, Kind, Listing, Node, NodeId, Tree};
use crate::error::{Error, Place, Result, Work};

/// Bits of a [`NodeId`] that are the node's own. The higher bits are the number of its tree.
const OWN_BITS: u32 = 60;

/// The tree number of nodes that the namespace itself provides.
const PROVIDED: u64 = 15;

/// A disc's own tree, overlaid with mounts and links.
pub struct Namespace<'i> {
    /// The disc's own tree is the first.
    trees: Vec<Arc<dyn Tree + 'i>>,
    provided: Vec<Provided>,
    root: NodeId,
    /// A name in the root for the disc's own tree. It is not listed, so that walks do not visit everything twice.
    own_name: Option<&'static [u8]>,
    /// Remembered lookups in the trees.
    lookups: Lookups,
}

/// A node that is not in any of the trees.
enum Provided {
    Directory {
        /// The directory that it covers, if any.
        below: Option<NodeId>,
        /// Names that it adds, or that replace names below.
        over: BTreeMap<Vec<u8>, NodeId>,
    },
    Symlink {
        target: Vec<u8>,
    },
}

impl<'i> Namespace<'i> {
    /// The disc's own tree.
    #[must_use]
    pub fn new(disc: Arc<dyn Tree + 'i>) -> Self {
        let root = disc.root();
        Self { trees: vec![disc], provided: Vec::new(), root, own_name: None, lookups: Lookups::default() }
    }

    /// A root directory that shows only those entries of the disc's own root that `shown` accepts.
    ///
    /// # Errors
    /// If the disc's root cannot be read.
    pub fn with_root(disc: Arc<dyn Tree + 'i>, shown: impl Fn(&Entry) -> bool) -> Result<Self> {
        let entries = disc.entries(disc.root())?;
        let mut namespace = Self::new(disc);
        let over = entries.into_iter().filter(shown).map(|entry| (entry.name, entry.id)).collect();
        namespace.root = namespace.provide(Provided::Directory { below: None, over });
        Ok(namespace)
    }

    /// Shows `tree` at `path`. It replaces what the disc may have there.
    ///
    /// # Errors
    /// If one of the disc's own directories on the way cannot be read.
    pub fn mount(&mut self, path: &[u8], tree: Arc<dyn Tree + 'i>) -> Result<()> {
        let number = self.trees.len();
        let root = mark(tree.root(), u64::try_from(number).unwrap_or(PROVIDED));
        self.trees.push(tree);
        self.place(path, root)
    }

    /// Shows a symbolic link at `path`. It replaces what the disc may have there.
    ///
    /// # Errors
    /// As [`Namespace::mount`].
    pub fn link(&mut self, path: &[u8], target: Vec<u8>) -> Result<()> {
        let link = self.provide(Provided::Symlink { target });
        self.place(path, link)
    }

    /// Also shows the disc's own tree under this name in the root, without listing it there.
    pub fn show_own(&mut self, name: &'static str) {
        self.own_name = Some(name.as_bytes());
    }

    fn provide(&mut self, node: Provided) -> NodeId {
        let id = mark(NodeId(u64::try_from(self.provided.len()).unwrap_or(0)), PROVIDED);
        self.provided.push(node);
        id
    }

    /// Puts a node at `path`, and creates provided directories on the way to it.
    fn place(&mut self, path: &[u8], node: NodeId) -> Result<()> {
        let mut names: Vec<&[u8]> = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).collect();
        let Some(last) = names.pop() else { return Ok(()) };
        self.root = self.cover(Some(self.root))?;
        let mut directory = self.root;
        for name in names {
            let below = self.lookup(directory, name)?;
            let covered = self.cover(below)?;
            self.put(directory, name, covered);
            directory = covered;
        }
        self.put(directory, last, node);
        Ok(())
    }

    /// The node itself if it is a provided directory, otherwise a provided directory that covers it.
    fn cover(&mut self, below: Option<NodeId>) -> Result<NodeId> {
        if let Some(id) = below {
            if let Some(Provided::Directory { .. }) = self.provided_at(id) {
                return Ok(id);
            }
            if self.node(id)?.kind != Kind::Directory {
                return Ok(self.provide(Provided::Directory { below: None, over: BTreeMap::new() }));
            }
        }
        Ok(self.provide(Provided::Directory { below, over: BTreeMap::new() }))
    }

    fn put(&mut self, directory: NodeId, name: &[u8], node: NodeId) {
        let index = usize::try_from(own(directory).0).unwrap_or(usize::MAX);
        if let Some(Provided::Directory { over, .. }) = self.provided.get_mut(index) {
            over.insert(name.to_vec(), node);
        }
    }

    fn provided_at(&self, id: NodeId) -> Option<&Provided> {
        let index = (number(id) == PROVIDED).then(|| usize::try_from(own(id).0).ok())??;
        self.provided.get(index)
    }

    fn tree(&self, id: NodeId) -> Result<&(dyn Tree + 'i)> {
        let tree = usize::try_from(number(id)).ok().and_then(|index| self.trees.get(index));
        tree.map(|tree| &**tree).ok_or_else(|| Error::NotFound { path: b"/".to_vec() })
    }
}

impl Tree for Namespace<'_> {
    fn root(&self) -> NodeId {
        self.root
    }

    fn node(&self, id: NodeId) -> Result<Node> {
        let provided = |kind, mode| Node { kind, mode, uid: 0, gid: 0, mtime: 0 };
        match self.provided_at(id) {
            Some(Provided::Directory { below: Some(below), .. }) => self.node(*below),
            Some(Provided::Directory { below: None, .. }) => Ok(provided(Kind::Directory, 0o755)),
            Some(Provided::Symlink { target }) => Ok(provided(Kind::Symlink { target: target.clone() }, 0o777)),
            None => self.lookups.node(id, || self.tree(id)?.node(own(id))),
        }
    }

    fn entries(&self, directory: NodeId) -> Result<Vec<Entry>> {
        let Some(provided) = self.provided_at(directory) else {
            let mut entries = self.tree(directory)?.entries(own(directory))?;
            entries.iter_mut().for_each(|entry| entry.id = mark(entry.id, number(directory)));
            return Ok(entries);
        };
        let Provided::Directory { below, over } = provided else {
            return Err(Error::WrongType { path: b"/".to_vec(), wanted: "directory" });
        };
        let mut entries = match below {
            Some(below) => self.entries(*below)?,
            None => Vec::new(),
        };
        entries.retain(|entry| !over.contains_key(&entry.name));
        for (name, &id) in over {
            entries.push(Entry { name: name.clone(), id, file_type: self.node(id)?.kind.file_type() });
        }
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    fn charge(&self, work: (Work, u64), place: &dyn Fn() -> Place) -> Result<()> {
        // All trees are in the same image.
        self.trees.first().map_or(Ok(()), |tree| tree.charge(work, place))
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        let found = self.listed(directory, name)?;
        let is_own = directory == self.root && self.own_name == Some(name);
        Ok(found.or_else(|| self.trees.first().filter(|_| is_own).map(|own| own.root())))
    }

    fn listing(&self, directory: NodeId) -> Result<Listing> {
        match self.provided_at(directory) {
            // Two provided directories may cover the same directory. Both show its entries.
            Some(_) => Ok(Listing { start: directory.0, end: directory.0.saturating_add(1) }),
            None => {
                let Listing { start, end } = self.tree(directory)?.listing(own(directory))?;
                let first = number(directory) << OWN_BITS;
                Ok(Listing { start: first.saturating_add(start), end: first.saturating_add(end) })
            }
        }
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>> {
        match self.provided_at(file) {
            Some(_) => Err(Error::WrongType { path: b"/".to_vec(), wanted: "regular file" }),
            None => self.tree(file)?.open(own(file)),
        }
    }
}

impl Namespace<'_> {
    /// The entry of a directory, found in its listing.
    fn listed(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        match self.provided_at(directory) {
            Some(Provided::Directory { below, over }) => match (over.get(name), below) {
                (Some(&id), _) => Ok(Some(id)),
                (None, Some(below)) => self.lookup(*below, name),
                (None, None) => Ok(None),
            },
            Some(Provided::Symlink { .. }) => Ok(None),
            None => {
                let tree = self.tree(directory)?;
                let found = self.lookups.get(directory, name, || tree.lookup(own(directory), name))?;
                Ok(found.map(|id| mark(id, number(directory))))
            }
        }
    }
}

fn mark(id: NodeId, tree: u64) -> NodeId {
    NodeId(id.0 | tree << OWN_BITS)
}

fn number(id: NodeId) -> u64 {
    id.0 >> OWN_BITS
}

fn own(id: NodeId) -> NodeId {
    NodeId(id.0 & ((1 << OWN_BITS) - 1))
}
