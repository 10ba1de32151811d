//! Compares the registration with the store directory, and the references with both.

use super::problem::{Problem, ProblemKind};
use crate::store::Contents;
use crate::store::contents::Object;

/// Finds missing paths, unregistered paths, and references to paths that are neither present nor registered.
pub(super) fn check(contents: &Contents) -> Vec<Problem> {
    let mut problems = Vec::new();
    // If the registration is damaged, what follows the damage is unknown.
    let whole = contents.registered && contents.complete;
    for (index, object) in contents.objects.iter().enumerate() {
        let path = || object.path.to_string();
        match (&object.node, &object.record) {
            (None, Some(_)) => {
                problems.push(Problem::new(ProblemKind::Missing, path(), "registered, but not in the store"));
            }
            (Some(_), None) if whole => {
                problems.push(Problem::new(ProblemKind::Unregistered, path(), "in the store, but not registered"));
            }
            _ => {}
        }
        let targets = contents.graph.of(index).filter_map(|target| contents.objects.get(target));
        for target in targets.filter(|target| whole && dangles(target)) {
            let message = format!("refers to {}, which is neither in the store nor registered", target.path);
            let problem = Problem::new(ProblemKind::DanglingReference, path(), message);
            problems.push(problem.expected(target.path.to_string()));
        }
    }
    problems
}

fn dangles(target: &Object) -> bool {
    target.node.is_none() && target.record.is_none()
}
