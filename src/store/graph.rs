//! The reference graph: closures, their sizes, and chains of references.

use std::collections::VecDeque;

use super::reach::Reach;

/// Which object refers to which, by index. Cycles are rare, but Nix allows an object to refer to itself, and a broken
/// image may have any graph.
#[derive(Debug, Default)]
pub struct Graph {
    /// The references of each object.
    pub references: Vec<Vec<u32>>,
}

/// The shortest chains of references from a set of objects to all that they reach.
#[derive(Debug)]
pub struct Chains {
    /// For each reached object, the one before it in its chain. The first object of a chain has itself.
    before: Vec<Option<usize>>,
}

impl Chains {
    /// The chain to an object, both ends included. `None` if no chain leads there.
    #[must_use]
    pub fn to(&self, object: usize) -> Option<Vec<usize>> {
        let mut before = self.before(object)?;
        let mut chain = vec![object];
        while chain.last() != Some(&before) {
            chain.push(before);
            before = self.before(before)?;
        }
        chain.reverse();
        Some(chain)
    }

    /// The object before the last one in the chain to an object. A root has itself.
    #[must_use]
    pub fn before(&self, object: usize) -> Option<usize> {
        self.before.get(object).copied().flatten()
    }
}

impl Graph {
    /// The references of one object.
    pub fn of(&self, object: usize) -> impl Iterator<Item = usize> + '_ {
        let references = self.references.get(object).map_or(&[][..], Vec::as_slice);
        references.iter().map(|&reference| usize::try_from(reference).unwrap_or(usize::MAX))
    }

    /// Which objects can be reached from `roots`, including the roots: one flag per object.
    #[must_use]
    pub fn closure(&self, roots: impl IntoIterator<Item = usize>) -> Vec<bool> {
        self.closure_without(roots, |_| false)
    }

    /// Which objects can be reached from `roots` without those that `gone` accepts: one flag per object.
    #[must_use]
    pub fn closure_without(&self, roots: impl IntoIterator<Item = usize>, gone: impl Fn(usize) -> bool) -> Vec<bool> {
        let mut reached = vec![false; self.references.len()];
        let mut next: Vec<usize> = roots.into_iter().collect();
        while let Some(object) = next.pop() {
            if let Some(flag) = reached.get_mut(object).filter(|flag| !**flag && !gone(object)) {
                *flag = true;
                next.extend(self.of(object));
            }
        }
        reached
    }

    /// The shortest chain of references from one of `roots` to an object that `wanted` accepts, both ends included.
    #[must_use]
    pub fn chain(&self, roots: impl IntoIterator<Item = usize>, wanted: impl Fn(usize) -> bool) -> Option<Vec<usize>> {
        let (chains, found) = self.search(roots, wanted);
        chains.to(found?)
    }

    /// The shortest chains of references from `roots` to every object that they reach.
    #[must_use]
    pub fn chains(&self, roots: impl IntoIterator<Item = usize>) -> Chains {
        self.search(roots, |_| false).0
    }

    /// Searches breadth first, up to the first object that `wanted` accepts.
    fn search(
        &self,
        roots: impl IntoIterator<Item = usize>,
        wanted: impl Fn(usize) -> bool,
    ) -> (Chains, Option<usize>) {
        let mut before: Vec<Option<usize>> = vec![None; self.references.len()];
        let mut queue = VecDeque::new();
        for root in roots {
            if let Some(place) = before.get_mut(root).filter(|place| place.is_none()) {
                *place = Some(root);
                queue.push_back(root);
            }
        }
        while let Some(object) = queue.pop_front() {
            if wanted(object) {
                return (Chains { before }, Some(object));
            }
            for reference in self.of(object) {
                if let Some(place) = before.get_mut(reference).filter(|place| place.is_none()) {
                    *place = Some(object);
                    queue.push_back(reference);
                }
            }
        }
        (Chains { before }, None)
    }

    /// The same objects with all references reversed: which objects refer to each.
    #[must_use]
    pub fn referrers(&self) -> Self {
        let mut references: Vec<Vec<u32>> = vec![Vec::new(); self.references.len()];
        for (object, known) in (0u32..).zip(&self.references) {
            for &reference in known {
                if let Some(referrers) =
                    usize::try_from(reference).ok().and_then(|reference| references.get_mut(reference))
                {
                    referrers.push(object);
                }
            }
        }
        Self { references }
    }

    /// The sum of `sizes` over the closure of each object.
    ///
    /// Objects that reach each other have the same closure, so they count as one node.
    #[must_use]
    pub fn closure_sizes(&self, sizes: &[u64]) -> Vec<u64> {
        let component = self.components();
        let count = component.iter().max().map_or(0, |last| last + 1);
        let mut own = vec![0u64; count];
        let mut references: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (object, &node) in component.iter().enumerate() {
            if let (Some(own), Some(references)) = (own.get_mut(node), references.get_mut(node)) {
                *own = own.saturating_add(sizes.get(object).copied().unwrap_or(0));
                let targets = self.of(object).filter_map(|reference| component.get(reference).copied());
                references.extend(targets.filter(|target| *target != node));
            }
        }
        let total = Reach::new(own, references).sums();
        component.iter().map(|&node| total.get(node).copied().unwrap_or(0)).collect()
    }

    /// Numbers the strongly connected components, each after all those that it refers to (Tarjan, without recursion).
    fn components(&self) -> Vec<usize> {
        const UNSEEN: usize = usize::MAX;
        let count = self.references.len();
        let (mut component, mut low, mut order) = (vec![UNSEEN; count], vec![UNSEEN; count], vec![UNSEEN; count]);
        let (mut seen, mut done, mut open) = (0, 0, Vec::new());
        for root in 0..count {
            // Each step is an object and the number of its references already followed.
            let mut steps = if order.get(root) == Some(&UNSEEN) { vec![(root, 0)] } else { Vec::new() };
            while let Some((object, followed)) = steps.pop() {
                if followed == 0 {
                    set(&mut order, object, seen);
                    set(&mut low, object, seen);
                    seen += 1;
                    open.push(object);
                }
                let references = self.references.get(object).and_then(|all| all.get(followed..)).unwrap_or_default();
                let mut descend = None;
                let mut next = followed;
                for reference in references.iter().map(|&reference| usize::try_from(reference).unwrap_or(UNSEEN)) {
                    next += 1;
                    if reference < count && get(&order, reference) == UNSEEN {
                        descend = Some(reference);
                        break;
                    }
                    if reference < count && get(&component, reference) == UNSEEN {
                        let lower = get(&low, object).min(get(&order, reference));
                        set(&mut low, object, lower);
                    }
                }
                if let Some(reference) = descend {
                    steps.push((object, next));
                    steps.push((reference, 0));
                    continue;
                }
                if get(&low, object) == get(&order, object) {
                    while let Some(member) = open.pop() {
                        set(&mut component, member, done);
                        if member == object {
                            break;
                        }
                    }
                    done += 1;
                }
                if let Some(&(parent, _)) = steps.last() {
                    let lower = get(&low, parent).min(get(&low, object));
                    set(&mut low, parent, lower);
                }
            }
        }
        component
    }
}

fn get(values: &[usize], at: usize) -> usize {
    values.get(at).copied().unwrap_or(usize::MAX)
}

fn set(values: &mut [usize], at: usize, value: usize) {
    if let Some(place) = values.get_mut(at) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(references: &[&[u32]]) -> Graph {
        Graph { references: references.iter().map(|references| references.to_vec()).collect() }
    }

    #[test]
    fn a_shared_reference_counts_once_in_a_closure() {
        let diamond = graph(&[&[1, 2], &[3], &[3], &[3]]);
        assert_eq!(diamond.closure_sizes(&[1, 10, 100, 1000]), [1111, 1010, 1100, 1000]);
    }

    #[test]
    fn objects_of_a_cycle_have_one_closure() {
        let cycle = graph(&[&[1], &[2], &[0, 3], &[], &[9]]);
        assert_eq!(cycle.closure_sizes(&[1, 2, 4, 8, 16]), [15, 15, 15, 8, 16]);
    }

    #[test]
    fn closure_sizes_agree_with_the_closures_in_a_graph_of_any_form() {
        let references: Vec<Vec<u32>> = (0..3_000u32)
            .map(|n| (0..n % 4).map(|k| n.wrapping_mul(2_654_435_761).wrapping_add(k * 977) % 3_000).collect())
            .collect();
        let graph = Graph { references };
        let sizes: Vec<u64> = (0..3_000).collect();
        let all = graph.closure_sizes(&sizes);
        for (object, &size) in all.iter().enumerate() {
            let closure = graph.closure([object]);
            let expected: u64 =
                sizes.iter().zip(&closure).filter(|(_, reached)| **reached).map(|(size, _)| *size).sum();
            assert_eq!(size, expected, "object {object}");
        }
    }

    #[test]
    fn the_shortest_chain_is_found() {
        let graph = graph(&[&[0, 1, 3], &[2], &[4], &[4], &[]]);
        assert_eq!(graph.chain([0], |object| object == 4), Some(vec![0, 3, 4]));
        assert_eq!(graph.chain([4], |object| object == 0), None);
        let chains = graph.chains([1]);
        assert_eq!([1, 4, 3].map(|object| chains.to(object)), [Some(vec![1]), Some(vec![1, 2, 4]), None]);
    }

    #[test]
    fn without_an_object_only_what_others_refer_to_is_reached() {
        let graph = graph(&[&[1, 2], &[3, 4], &[4], &[], &[]]);
        assert_eq!(graph.closure_without([0], |object| object == 1), [true, false, true, false, true]);
        assert_eq!(graph.referrers().references, [vec![], vec![0], vec![0], vec![1], vec![1, 2]]);
    }
}
