//! The references of the default system as a tree: each store path once, below the one that the shortest chain goes through.

use super::software::Software;
use super::{Disc, why};
use crate::error::Result;

/// A store path in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twig {
    /// The object, by index.
    pub object: usize,
    /// Levels below the system.
    pub level: usize,
    /// Number of store paths below it that are deeper than requested.
    pub hidden: usize,
}

/// The tree down to `depth` levels below the default system. Store paths at the same place are in the order of `by`, largest
/// first.
///
/// # Errors
/// If there is no default system.
pub fn tree(disc: &Disc<'_>, software: &Software, depth: usize, by: &[Option<u64>]) -> Result<Vec<Twig>> {
    let roots = match software.contents.index(&disc.default_system()?.path) {
        Some(root) => vec![root],
        None => why::roots(disc, software).into_iter().next().unwrap_or_default(),
    };
    let chains = software.contents.graph.chains(roots.iter().copied());
    let count = software.contents.objects.len();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); count];
    for object in 0..count {
        if let Some(parent) = chains.before(object).filter(|parent| *parent != object)
            && let Some(children) = below.get_mut(parent)
        {
            children.push(object);
        }
    }
    for children in &mut below {
        children.sort_by_key(|child| std::cmp::Reverse(by.get(*child).copied().flatten()));
    }
    let mut twigs: Vec<Twig> = Vec::new();
    let mut ahead: Vec<(usize, usize)> = roots.into_iter().map(|root| (root, 0)).collect();
    while let Some((object, level)) = ahead.pop() {
        match twigs.last_mut().filter(|_| level > depth) {
            // The last one shown is the one above, since the order is depth first.
            Some(above) => above.hidden += 1,
            None => twigs.push(Twig { object, level, hidden: 0 }),
        }
        ahead.extend(below.get(object).into_iter().flatten().rev().map(|child| (*child, level + 1)));
    }
    Ok(twigs)
}
