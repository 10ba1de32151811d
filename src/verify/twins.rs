//! Facts that an image states twice, so that two readers may see different discs: both trees of names, and numbers in both byte
//! orders.

use std::collections::{HashMap, HashSet};

use super::problem::{Problem, ProblemKind};
use crate::error::Result;
use crate::fs::FileType;
use crate::fs::Tree;
use crate::fs::iso9660::{OtherTree, Volume};
use crate::fs::walk::{Visit, Walk};
use crate::nixos::{Disc, Medium};

/// Limit for listed problems of one kind. A mistake of the writer affects every file.
const SHOWN: usize = 20;

/// The files of a tree: where the contents of each begin, and their length in bytes.
pub(super) type Files = HashMap<Vec<u8>, (u64, u64)>;

/// Compares the trees of a volume, and both halves of the numbers in its records.
pub(super) fn check(disc: &Disc<'_>) -> Vec<Problem> {
    let Medium::Volume(volume) = &disc.carrier else { return Vec::new() };
    let mut problems = halves(volume);
    let others = volume.other_trees();
    if others.is_empty() {
        return problems;
    }
    let own = files(volume);
    let contents: HashSet<(u64, u64)> = own.values().copied().collect();
    for OtherTree { name, readers, volume: other } in &others {
        let mut found: Vec<(Vec<u8>, &str)> = Vec::new();
        for (path, contents_there) in files(other) {
            match own.get(&path) {
                Some(here) if *here == contents_there => {}
                Some(_) => found.push((path, "has other contents")),
                None if contents.contains(&contents_there) => {} // under a name that the other tree can hold
                None => found.push((path, "exists only")),
            }
        }
        found.sort();
        let further = found.len().saturating_sub(SHOWN);
        problems.extend(found.into_iter().take(SHOWN).map(|(path, what)| {
            let message = format!("it {what} in the {name} tree, which {readers}");
            Problem::new(ProblemKind::Ambiguous, path, message)
        }));
        if further > 0 {
            let message = format!("{further} more files differ in the {name} tree, which {readers}");
            problems.push(Problem::new(ProblemKind::Ambiguous, "/", message));
        }
    }
    problems
}

/// Lists the files with contents. Errors are reported elsewhere.
pub(super) fn files(volume: &Volume<'_>) -> Files {
    let visits = Walk::new(volume, volume.root(), b"/").filter_map(Result::ok);
    let files = visits.filter(|visit| visit.file_type == FileType::File);
    let contents = |visit: Visit| Some((visit.path, volume.extent(visit.id).ok().filter(|(_, length)| *length > 0)?));
    files.filter_map(contents).collect()
}

/// Records whose numbers differ in the two byte orders.
fn halves(volume: &Volume<'_>) -> Vec<Problem> {
    let visits = Walk::new(volume, volume.root(), b"/").filter_map(Result::ok);
    let differing: Vec<Visit> = visits.filter(|visit| volume.halves_differ(visit.id).unwrap_or(false)).collect();
    let message = "its directory record has two addresses or lengths: the numbers in both byte orders differ";
    let mut problems: Vec<Problem> = differing
        .iter()
        .take(SHOWN)
        .map(|visit| Problem::new(ProblemKind::Ambiguous, visit.path.as_slice(), message))
        .collect();
    if let Some(further @ 1..) = differing.len().checked_sub(SHOWN) {
        let message = format!("{further} more directory records have two addresses or lengths");
        problems.push(Problem::new(ProblemKind::Ambiguous, "/", message));
    }
    problems
}
