//! What would go with an object: the objects that are reached only through it.

use super::graph::Graph;

/// The virtual object that refers to all roots.
const START: usize = 0;

/// No number.
const NONE: usize = usize::MAX;

impl Graph {
    /// For each object, the sum of `sizes` over the objects that would no longer be reached from `roots` without it, including
    /// itself. `None` for objects that are not reached at all.
    ///
    /// An object is reached only through another that dominates it (Lengauer and Tarjan, 1979).
    #[must_use]
    pub fn added_sizes(&self, roots: impl IntoIterator<Item = usize>, sizes: &[u64]) -> Vec<Option<u64>> {
        let search = Search::run(self, roots);
        let dominators = dominators(&search);
        let size = |object: &usize| sizes.get(*object).copied().unwrap_or(0);
        let mut sums: Vec<u64> = search.objects.iter().map(size).collect();
        for (number, dominator) in dominators.iter().enumerate().skip(1).rev() {
            let sum = sums.get(number).copied().unwrap_or(0);
            if let Some(above) = sums.get_mut(*dominator) {
                *above = above.saturating_add(sum);
            }
        }
        let sum_of = |number: &usize| sums.get(*number).copied();
        search.numbers.iter().map(sum_of).collect()
    }
}

/// A depth-first search. Objects that it reaches are numbered in the order of their discovery, from 1.
struct Search {
    /// The number of each object, or [`NONE`].
    numbers: Vec<usize>,
    /// The object with each number.
    objects: Vec<usize>,
    /// The number of the object from which each was discovered.
    parents: Vec<usize>,
    /// The numbers of the objects that refer to each.
    before: Vec<Vec<usize>>,
}

impl Search {
    fn run(graph: &Graph, roots: impl IntoIterator<Item = usize>) -> Self {
        let count = graph.references.len();
        let mut search =
            Self { numbers: vec![NONE; count], objects: vec![NONE], parents: vec![NONE], before: vec![Vec::new()] };
        let mut steps: Vec<(usize, usize)> = roots.into_iter().map(|root| (START, root)).collect();
        steps.reverse();
        while let Some((from, object)) = steps.pop() {
            let Some(number) = search.numbers.get_mut(object) else { continue };
            if *number == NONE {
                *number = search.objects.len();
                steps.extend(graph.of(object).map(|reference| (search.objects.len(), reference)));
                search.objects.push(object);
                search.parents.push(from);
                search.before.push(Vec::new());
            }
            if let Some(before) = search.before.get_mut(*number) {
                before.push(from);
            }
        }
        search
    }
}

/// The immediate dominator of each number. It is lower than the number itself.
fn dominators(search: &Search) -> Vec<usize> {
    let count = search.objects.len();
    let mut forest = Forest { above: vec![NONE; count], label: (0..count).collect(), semi: (0..count).collect() };
    let mut dominators = vec![START; count];
    let mut buckets: Vec<Vec<usize>> = vec![Vec::new(); count];
    for number in (1..count).rev() {
        let before = search.before.get(number).map_or(&[][..], Vec::as_slice);
        let semi = before.iter().fold(number, |semi, &other| semi.min(forest.lowest(other).1));
        put(&mut forest.semi, number, semi);
        if let Some(bucket) = buckets.get_mut(semi) {
            bucket.push(number);
        }
        let parent = get(&search.parents, number);
        put(&mut forest.above, number, parent);
        for waiting in buckets.get_mut(parent).map(std::mem::take).unwrap_or_default() {
            let (lowest, semi) = forest.lowest(waiting);
            put(&mut dominators, waiting, if semi < get(&forest.semi, waiting) { lowest } else { parent });
        }
    }
    for number in 1..count {
        let dominator = get(&dominators, number);
        if dominator != get(&forest.semi, number) {
            let above = get(&dominators, dominator);
            put(&mut dominators, number, above);
        }
    }
    dominators
}

/// The part of the search tree that has been processed, with its paths compressed.
struct Forest {
    above: Vec<usize>,
    label: Vec<usize>,
    semi: Vec<usize>,
}

impl Forest {
    /// The number with the lowest semidominator on the path up from `number`, and that semidominator.
    fn lowest(&mut self, number: usize) -> (usize, usize) {
        let mut path = Vec::new();
        let mut at = number;
        while get(&self.above, get(&self.above, at)) != NONE {
            path.push(at);
            at = get(&self.above, at);
        }
        for at in path.into_iter().rev() {
            let above = get(&self.above, at);
            let label = get(&self.label, above);
            if get(&self.semi, label) < get(&self.semi, get(&self.label, at)) {
                put(&mut self.label, at, label);
            }
            let further = get(&self.above, above);
            put(&mut self.above, at, further);
        }
        let label = get(&self.label, number);
        (label, get(&self.semi, label))
    }
}

fn get(numbers: &[usize], at: usize) -> usize {
    numbers.get(at).copied().unwrap_or(NONE)
}

fn put(numbers: &mut [usize], at: usize, number: usize) {
    if let Some(place) = numbers.get_mut(at) {
        *place = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_objects_share_goes_with_neither() {
        let graph = Graph { references: vec![vec![1, 2], vec![3, 4], vec![3], vec![3], vec![], vec![0]] };
        let added = graph.added_sizes([0], &[1, 10, 100, 1000, 10_000, 7]);
        assert_eq!(added, [Some(11_111), Some(10_010), Some(100), Some(1000), Some(10_000), None]);
        let two_roots = graph.added_sizes([1, 2], &[1, 10, 100, 1000, 10_000, 7]);
        assert_eq!(two_roots, [None, Some(10_010), Some(100), Some(1000), Some(10_000), None]);
    }

    #[test]
    fn added_sizes_agree_with_searches_that_leave_an_object_out_in_a_graph_of_any_form() {
        for seed in 0..20u32 {
            let reference = |n: u32, k: u32| n.wrapping_mul(2_654_435_761).wrapping_add(k * 977 + seed * 131) % 120;
            let references: Vec<Vec<u32>> =
                (0..120u32).map(|n| (0..(n + seed) % 4).map(|k| reference(n, k)).collect()).collect();
            let graph = Graph { references };
            let sizes: Vec<u64> = (0..120).map(|size| size * size + 1).collect();
            let roots = [0, usize::try_from(seed).unwrap(), 3];
            let reached = graph.closure(roots);
            for (object, added) in graph.added_sizes(roots, &sizes).into_iter().enumerate() {
                let rest = graph.closure_without(roots, |gone| gone == object);
                let gone = (0..120).filter(|&other| reached[other] && !rest[other]);
                let expected = reached[object].then(|| gone.map(|other| sizes[other]).sum::<u64>());
                assert_eq!(added, expected, "object {object} of graph {seed}");
            }
        }
    }

    #[test]
    fn a_long_chain_needs_no_recursion() {
        let references = (1..100_001u32).map(|next| vec![next, 0]).chain([Vec::new()]).collect();
        let added = Graph { references }.added_sizes([0], &vec![1; 100_001]);
        assert_eq!((added[0], added[50_000], added[100_000]), (Some(100_001), Some(50_001), Some(1)));
    }
}
