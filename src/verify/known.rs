//! Compares the store with a closure known from elsewhere: exactly its paths should be there, with its hashes.

use super::problem::{Problem, ProblemKind};
use super::shown;
use crate::store::{Closure, Contents, StorePath};

/// How a store differs from a closure.
pub(super) struct Differences {
    /// Paths of the closure that are not in the store.
    pub(super) missing: Vec<Problem>,
    /// Paths in the store that are not in the closure.
    pub(super) further: Vec<Problem>,
}

/// Compares the paths of a store. Their contents are compared once they are hashed.
pub(super) fn compare(closure: &Closure, contents: &Contents) -> Differences {
    let present = |path: &StorePath| {
        let object = contents.index(path).and_then(|index| contents.objects.get(index));
        object.is_some_and(|object| object.node.is_some())
    };
    let missing = closure.iter().filter(|(path, _)| !present(path)).map(|(path, member)| {
        let message = "in the given closure, but not in the store";
        let problem = Problem::new(ProblemKind::Missing, path.to_string(), message);
        match &member.nar_hash {
            Some(hash) => problem.expected(shown(hash)),
            None => problem,
        }
    });
    let objects = contents.objects.iter().filter(|object| object.node.is_some());
    let further = objects.filter(|object| closure.get(&object.path).is_none()).map(|object| {
        let message = "in the store, but not in the given closure";
        Problem::new(ProblemKind::Unregistered, object.path.to_string(), message)
    });
    Differences { missing: missing.collect(), further: further.collect() }
}

/// Compares the contents of a path.
pub(super) fn judge(closure: &Closure, path: &StorePath, actual: &[u8; 32]) -> Option<Problem> {
    let expected = closure.get(path)?.nar_hash.as_ref().filter(|expected| *expected != actual)?;
    let message = "its contents do not match the given closure";
    let problem = Problem::new(ProblemKind::HashMismatch, path.to_string(), message);
    Some(problem.expected(shown(expected)).actual(shown(actual)))
}
