//! What differs inside changed store paths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::content::{self, Content};
use super::facts::masked;
use super::packages::parsed;
use super::{Difference, Pair};
use crate::error::{Result, Troubles};
use crate::fs::walk::{Entered, Walk};
use crate::fs::{FileType, Kind, NodeId, Tree, path};
use crate::nixos::Disc;
use crate::store::StorePath;

/// How deep to look into changed store paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// At names, types, lengths, modes and targets of links.
    Metadata,
    /// At contents, too.
    Content,
}

/// What differs inside two store paths of the same package.
#[derive(Debug)]
pub struct ObjectChange {
    /// The store paths.
    pub paths: Pair<StorePath>,
    /// Files that differ, by path.
    pub files: Vec<FileChange>,
    /// Files of the same length that were not compared, because only metadata was asked.
    pub unread: usize,
    /// Files that differ only in the hashes of store paths.
    pub only_hash_parts: usize,
    /// What could not be read.
    pub troubles: Troubles,
}

/// A file that was added, removed or changed.
#[derive(Debug)]
pub struct FileChange {
    /// The path below the store path, beginning with `/`. It is empty if the store path itself is a file.
    pub path: Vec<u8>,
    /// The facts about the file in each image, if it is there.
    pub facts: Pair<Option<FileFacts>>,
    /// How the contents differ, if they were compared and do.
    pub content: Option<Content>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// Its type.
    pub file_type: FileType,
    /// Length of a file in bytes.
    pub size: Option<u64>,
    /// The twelve permission bits.
    pub mode: u16,
    /// The target of a link, with the hash of a store path masked.
    pub target: Option<String>,
}

/// Lines of all comparisons of contents together.
const MOST_LINES: usize = 5_000;

/// Pairs of store paths that are compared before excess lines are dropped.
const TOGETHER: usize = 64;

/// Files by path.
type Files = BTreeMap<Vec<u8>, (NodeId, FileFacts)>;

/// The node of a file in the tree that has it.
pub(super) type Placed<'t> = (&'t dyn Tree, NodeId);

impl Difference {
    /// Looks into changed store paths of the same package.
    pub(super) fn look_inside(&mut self, discs: Pair<&Disc<'_>>, depth: Depth) {
        let entered = Pair { old: Entered::default(), new: Entered::default() };
        let mut left = MOST_LINES;
        for pairs in self.pairs().chunks(TOGETHER) {
            let compare = |paths| ObjectChange::between(paths, discs.zip(entered.as_ref()), depth);
            let mut changes: Vec<ObjectChange> = pairs.to_vec().into_par_iter().map(compare).collect();
            let files = changes.iter_mut().flat_map(|change| &mut change.files);
            files.filter_map(|file| file.content.as_mut()).for_each(|content| content.shorten(&mut left));
            self.objects.extend(changes.into_iter().filter(|change| !change.is_none()));
        }
    }

    /// The store paths to look into: pairs of the same name, and pairs of one package whose version changed.
    fn pairs(&self) -> Vec<Pair<StorePath>> {
        let mut pairs = self.paths.changed.clone();
        let packages = Pair { old: &self.paths.removed, new: &self.paths.added }.map(|paths| by_package(paths));
        for (package, old) in packages.old {
            if let ([old], Some([new])) = (old.as_slice(), packages.new.get(&package).map(Vec::as_slice)) {
                pairs.push(Pair { old: *old, new: *new }.map(StorePath::clone));
            }
        }
        pairs.sort_by(|one, other| one.new.name().cmp(other.new.name()));
        pairs
    }
}

/// Store paths by package and output.
fn by_package(paths: &[StorePath]) -> BTreeMap<(&str, Option<&str>), Vec<&StorePath>> {
    let mut packages: BTreeMap<_, Vec<&StorePath>> = BTreeMap::new();
    for path in paths {
        let name = parsed(path);
        if !name.version.is_empty() {
            packages.entry((name.pname, name.output)).or_default().push(path);
        }
    }
    packages
}

/// Lists the files of a store path.
fn list(disc: &Disc<'_>, store_path: &StorePath, entered: &Entered, troubles: &mut Troubles) -> Result<Files> {
    let (tree, store_path) = (disc.tree(), store_path.to_string().into_bytes());
    let mut files = Files::new();
    let Some(found) = path::find(tree, &store_path)? else { return Ok(files) };
    // The store path itself may be a link, which is not followed.
    let root = path::resolve_link(tree, &store_path)?;
    files.insert(Vec::new(), (root.id, facts(tree, root.id)?));
    if found.id == root.id && matches!(tree.node(root.id)?.kind, Kind::Directory) {
        for visit in Walk::new(tree, root.id, b"").sharing(Arc::clone(entered)) {
            match visit.and_then(|visit| Ok((visit.path, (visit.id, facts(tree, visit.id)?)))) {
                Ok((path, file)) => {
                    files.insert(path, file);
                }
                Err(error) => troubles.push(error),
            }
        }
    }
    Ok(files)
}

fn facts(tree: &dyn Tree, id: NodeId) -> Result<FileFacts> {
    let node = tree.node(id)?;
    let (size, target) = match &node.kind {
        Kind::File { size } => (Some(*size), None),
        Kind::Symlink { target } => (None, Some(String::from_utf8_lossy(&masked(target)).into_owned())),
        _ => (None, None),
    };
    Ok(FileFacts { file_type: node.kind.file_type(), size, mode: node.mode, target })
}

impl ObjectChange {
    fn between(paths: Pair<StorePath>, discs: Pair<(&Disc<'_>, &Entered)>, depth: Depth) -> Self {
        let mut troubles = Troubles::default();
        let files = paths.as_ref().zip(discs).map(|(path, (disc, entered))| {
            let listed = list(disc, path, entered, &mut troubles);
            listed.map_err(|error| troubles.push(error)).unwrap_or_default()
        });
        let mut change = Self { paths, files: Vec::new(), unread: 0, only_hash_parts: 0, troubles };
        change.compare(files.as_ref(), discs.map(|(disc, _)| disc.tree()), depth);
        change
    }

    /// Whether there is nothing to report.
    fn is_none(&self) -> bool {
        self.files.is_empty() && self.unread + self.only_hash_parts + self.troubles.len() == 0
    }

    fn compare(&mut self, files: Pair<&Files>, trees: Pair<&dyn Tree>, depth: Depth) {
        let mut left = MOST_LINES;
        let paths: BTreeSet<&Vec<u8>> = files.into_iter().flat_map(BTreeMap::keys).collect();
        for path in paths {
            let found = files.map(|files| files.get(path));
            let facts = found.map(|found| found.map(|(_, facts)| facts));
            let mut content = match found {
                Pair { old: Some((old, _)), new: Some((new, _)) } => {
                    let nodes = trees.zip(Pair { old: *old, new: *new });
                    self.contents(nodes, facts, path, depth)
                }
                _ => None,
            };
            if let Some(content) = &mut content {
                content.shorten(&mut left);
            }
            if facts.differs() || content.is_some() {
                let facts = facts.map(Option::<&FileFacts>::cloned);
                self.files.push(FileChange { path: path.clone(), facts, content });
            }
        }
    }

    /// How the contents of two files differ, if that was asked.
    fn contents(
        &mut self,
        nodes: Pair<Placed<'_>>,
        facts: Pair<Option<&FileFacts>>,
        path: &[u8],
        depth: Depth,
    ) -> Option<Content> {
        let sizes = facts.map(|facts| facts.and_then(|facts| facts.size));
        match (depth, sizes) {
            (Depth::Content, Pair { old: Some(_), new: Some(_) }) => self.read(nodes, path),
            (Depth::Metadata, Pair { old: Some(1..), .. }) if !sizes.differs() => {
                self.unread += 1;
                None
            }
            _ => None,
        }
    }

    fn read(&mut self, nodes: Pair<Placed<'_>>, path: &[u8]) -> Option<Content> {
        let path = [self.paths.new.to_string().as_bytes(), path].concat();
        match content::compare(nodes, &path) {
            Ok(content::Compared::Same) => None,
            Ok(content::Compared::OnlyHashParts) => {
                self.only_hash_parts += 1;
                None
            }
            Ok(content::Compared::Differs(content)) => Some(content),
            Err(error) => {
                self.troubles.push(error);
                None
            }
        }
    }
}
