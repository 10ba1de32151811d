//! Why a store path is in an image: the reference chains that lead to it, and the paths that it brings in.

use super::Disc;
use super::software::Software;
use crate::error::{Error, Place, Result, Troubles};
use crate::store::graph::Graph;
use crate::store::{STORE, mentions};

/// Limit for store paths in all chains of one answer.
const MOST_LINKS: usize = 200_000;

/// Limit for store paths when every reference of the system is followed. Each needs a search of its own.
const MOST_SEARCHES: usize = 200;

/// A chain from the system down to a store path: the objects by index, each with a reference to the next.
pub type Chain = Vec<usize>;

/// Why a store path is in an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The store path.
    pub object: usize,
    /// The chains that lead to it. Empty if none of the roots refers to it.
    pub chains: Vec<Chain>,
}

/// Which chains to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chains {
    /// The shortest.
    Shortest,
    /// The shortest through each reference of the root.
    EachReference,
}

/// The paths that store paths bring in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brought {
    /// Their closure, including themselves.
    pub closure: Vec<usize>,
    /// The paths of the closure that nothing else refers to. Without the store paths, they would not be in the image.
    pub only: Vec<usize>,
}

/// Objects where chains start, in groups. A chain from an earlier group is preferred to one from a later group.
pub type Roots = Vec<Vec<usize>>;

/// The objects from which everything in the image starts: the default system, the other systems, and then all objects that
/// no other object refers to.
#[must_use]
pub fn roots(disc: &Disc<'_>, software: &Software) -> Roots {
    let mut systems = disc.systems.iter().filter_map(|system| software.contents.index(&system.path));
    let default = systems.next();
    let graph = &software.contents.graph;
    let mut referred = vec![false; graph.references.len()];
    for object in 0..referred.len() {
        for reference in graph.of(object).filter(|&reference| reference != object) {
            if let Some(flag) = referred.get_mut(reference) {
                *flag = true;
            }
        }
    }
    let free = referred.iter().enumerate().filter(|(_, referred)| !**referred).map(|(object, _)| object);
    vec![default.into_iter().collect(), systems.collect(), free.collect()]
}

/// Why `targets` are in the closure of `roots`.
///
/// # Errors
/// [`Error::Limit`] if the answer would be too long.
pub fn reasons(software: &Software, roots: &Roots, targets: &[usize], chains: Chains) -> Result<Vec<Reason>> {
    let graph = &software.contents.graph;
    let limit = |what| Error::Limit { what, place: Place::File(STORE.into()) };
    let mut reasons: Vec<Reason> = targets.iter().map(|&object| Reason { object, chains: Vec::new() }).collect();
    let referrers = match chains {
        Chains::Shortest => None,
        Chains::EachReference if targets.len() > MOST_SEARCHES => {
            return Err(limit("200 store paths with all their chains"));
        }
        Chains::EachReference => Some(graph.referrers()),
    };
    let mut links = 0;
    for group in roots {
        let from_group = graph.chains(group.iter().copied());
        for reason in reasons.iter_mut().filter(|reason| reason.chains.is_empty()) {
            match &referrers {
                None => reason.chains.extend(from_group.to(reason.object)),
                Some(referrers) => reason.chains = through_each(graph, referrers, group, reason.object),
            }
            links += reason.chains.iter().map(Vec::len).sum::<usize>();
            if links > MOST_LINKS {
                return Err(limit("200,000 store paths in all chains"));
            }
        }
    }
    Ok(reasons)
}

/// The shortest chain through each reference of each root.
fn through_each(graph: &Graph, referrers: &Graph, roots: &[usize], target: usize) -> Vec<Chain> {
    let backwards = referrers.chains([target]);
    let mut chains = Vec::new();
    for &root in roots {
        if root == target {
            chains.push(vec![root]);
        }
        for reference in graph.of(root).filter(|&reference| reference != root) {
            if let Some(mut back) = backwards.to(reference) {
                back.push(root);
                back.reverse();
                chains.push(back);
            }
        }
    }
    chains.sort_by_key(Vec::len);
    chains
}

/// The paths that `targets` bring into the closure of `roots`.
#[must_use]
pub fn brought(software: &Software, roots: &Roots, targets: &[usize]) -> Brought {
    let graph = &software.contents.graph;
    let closure = graph.closure(targets.iter().copied());
    let mut is_target = vec![false; closure.len()];
    for &target in targets {
        if let Some(flag) = is_target.get_mut(target) {
            *flag = true;
        }
    }
    let gone = |object: usize| is_target.get(object).copied().unwrap_or(false);
    let rest = graph.closure_without(roots.iter().flatten().copied(), gone);
    let closure: Vec<usize> = (0..closure.len()).filter(|&object| closure.get(object) == Some(&true)).collect();
    let only = closure.iter().copied().filter(|&object| rest.get(object) == Some(&false)).collect();
    Brought { closure, only }
}

/// The files of one object that mention the next object of a chain, relative to the object.
///
/// # Errors
/// If there is no store.
pub fn files(
    disc: &Disc<'_>,
    software: &Software,
    link: (usize, usize),
    troubles: &mut Troubles,
) -> Result<Vec<Vec<u8>>> {
    let store = disc.require_store()?;
    let object = |index: usize| software.contents.objects.get(index);
    let (Some(holder), Some(next)) = (object(link.0), object(link.1)) else { return Ok(Vec::new()) };
    let Some(place) = holder.node else { return Ok(Vec::new()) };
    Ok(mentions::of(store, place, &next.path, troubles))
}
