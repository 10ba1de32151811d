//! What differs inside store paths that changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::content::{self, Content};
use super::facts::masked;
use super::{Difference, Pair};
use crate::error::{Error, Result};
use crate::fs::walk::{Entered, Walk};
use crate::fs::{FileType, Kind, NodeId, Tree, path};
use crate::nixos::Disc;
use crate::store::StorePath;
use crate::store::name::Name;

/// How deep to look into store paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// At names, types, lengths, modes and targets of links.
    Metadata,
    /// At contents, too.
    Content,
}

/// Two store paths of the same package.
#[derive(Debug)]
pub struct ObjectChange {
    /// The path in the old image.
    pub old: String,
    /// The path in the new image.
    pub new: String,
    /// Files that differ, by path.
    pub files: Vec<FileChange>,
    /// Files of the same length that were not compared, since only metadata were read.
    pub unread: usize,
    /// Files that differ in hash parts of store paths alone.
    pub only_hash_parts: usize,
    /// What could not be read.
    pub troubles: Vec<Error>,
}

/// A file that came, went or changed.
#[derive(Debug)]
pub struct FileChange {
    /// From the store path on, beginning with `/`; empty for a store path that is a file itself.
    pub path: Vec<u8>,
    /// Before; none where it was not there.
    pub old: Option<FileFacts>,
    /// After; none where it is not there.
    pub new: Option<FileFacts>,
    /// How the contents differ; none where they do not, or were not compared.
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
    /// Where a link leads, with the hash part of a store path masked.
    pub target: Option<String>,
}

/// Lines of all comparisons of contents together.
const MOST_LINES: usize = 5_000;

/// Pairs of store paths that are looked into before lines that are too many are dropped.
const TOGETHER: usize = 64;

/// Files by their paths.
type Files = BTreeMap<Vec<u8>, (NodeId, FileFacts)>;

/// Files of two store paths that have the same facts: the path and both nodes.
struct Same<'f> {
    path: &'f [u8],
    old: NodeId,
    new: NodeId,
}

impl Difference {
    /// Looks into the store paths of the same package that changed.
    pub(super) fn look_inside(&mut self, Pair { old, new }: Pair<&Disc<'_>>, depth: Depth) {
        let entered = (Entered::default(), Entered::default());
        let change = |(before, after): (String, String)| {
            let mut change = ObjectChange {
                files: Vec::new(),
                unread: 0,
                only_hash_parts: 0,
                troubles: Vec::new(),
                old: before,
                new: after,
            };
            let listed = |disc: &Disc<'_>, path: &str, entered: &Entered, troubles: &mut Vec<Error>| {
                list(disc.tree(), path, entered, troubles).unwrap_or_else(|error| {
                    troubles.push(error);
                    Files::new()
                })
            };
            let files_old = listed(old, &change.old, &entered.0, &mut change.troubles);
            let files_new = listed(new, &change.new, &entered.1, &mut change.troubles);
            change.compare((old.tree(), &files_old), (new.tree(), &files_new), depth);
            change
        };
        let told = |change: &ObjectChange| {
            !change.files.is_empty() || change.unread + change.only_hash_parts + change.troubles.len() > 0
        };
        let mut left = MOST_LINES;
        for pairs in self.pairs().chunks(TOGETHER) {
            let mut changes: Vec<ObjectChange> = pairs.to_vec().into_par_iter().map(change).collect();
            let contents =
                changes.iter_mut().flat_map(|change| &mut change.files).filter_map(|file| file.content.as_mut());
            contents.for_each(|content| content.shorten(&mut left));
            self.objects.extend(changes.into_iter().filter(told));
        }
    }

    /// Store paths to look into: those of one name, and those of one package whose version changed.
    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = self.changed.clone();
        let (old, new) = (by_package(&self.removed), by_package(&self.added));
        for (package, old) in old {
            if let ([old], Some([new])) = (old.as_slice(), new.get(&package).map(Vec::as_slice)) {
                pairs.push(((*old).clone(), (*new).clone()));
            }
        }
        pairs.sort_by(|one, other| name(&one.1).cmp(name(&other.1)));
        pairs
    }
}

/// Store paths by package and output.
fn by_package(paths: &[String]) -> BTreeMap<(String, String), Vec<&String>> {
    let mut packages: BTreeMap<(String, String), Vec<&String>> = BTreeMap::new();
    for path in paths {
        let parsed = Name::parse(name(path));
        if !parsed.version.is_empty() {
            let output = parsed.output.unwrap_or_default().to_owned();
            packages.entry((parsed.pname.to_owned(), output)).or_default().push(path);
        }
    }
    packages
}

fn name(path: &str) -> &str {
    path.get("/nix/store/".len() + 33..).unwrap_or_default()
}

fn list(tree: &dyn Tree, store_path: &str, entered: &Entered, troubles: &mut Vec<Error>) -> Result<Files> {
    let mut files = Files::new();
    let valid = StorePath::from_path(store_path.as_bytes()).is_some();
    let Some(found) = path::find(tree, store_path.as_bytes())?.filter(|_| valid) else { return Ok(files) };
    // The store path itself may be a link, which is not followed.
    let root = path::resolve_link(tree, store_path.as_bytes())?;
    files.insert(Vec::new(), (root.id, facts(tree, root.id)?));
    if found.id != root.id {
        return Ok(files);
    }
    if matches!(tree.node(root.id)?.kind, Kind::Directory) {
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
    fn compare(&mut self, (old_tree, old): (&dyn Tree, &Files), (new_tree, new): (&dyn Tree, &Files), depth: Depth) {
        let mut left = MOST_LINES;
        for (path, (node, before)) in old {
            let Some((new_node, after)) = new.get(path) else {
                self.tell(path, Some(before), None, None);
                continue;
            };
            let same = Same { path, old: *node, new: *new_node };
            let is_file = before.size.is_some() && after.size.is_some();
            let mut content = match (depth, is_file) {
                (Depth::Content, true) => self.read((old_tree, new_tree), &same),
                (Depth::Metadata, true) if before.size == after.size && before.size != Some(0) => {
                    self.unread += 1;
                    None
                }
                _ => None,
            };
            if let Some(content) = &mut content {
                content.shorten(&mut left);
            }
            // A directory's mode is its own; lengths may differ by what is masked, such as the number of digits of a version.
            if before != after || content.is_some() {
                self.tell(path, Some(before), Some(after), content);
            }
        }
        for (path, (_, after)) in new.iter().filter(|(path, _)| !old.contains_key(*path)) {
            self.tell(path, None, Some(after), None);
        }
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
    }

    fn tell(&mut self, path: &[u8], old: Option<&FileFacts>, new: Option<&FileFacts>, content: Option<Content>) {
        self.files.push(FileChange { path: path.to_vec(), old: old.cloned(), new: new.cloned(), content });
    }

    /// How the contents of two files differ.
    fn read(&mut self, (old, new): (&dyn Tree, &dyn Tree), same: &Same<'_>) -> Option<Content> {
        let path = [self.new.as_bytes(), same.path].concat();
        match content::compare((old, same.old), (new, same.new), &path) {
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
