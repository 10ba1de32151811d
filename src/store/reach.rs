//! What each node of a graph without cycles reaches, as sums.

/// Words of bits that a node has in one block: for the most store paths that a registration may have, 16 MiB in all.
const WORDS: usize = 16;

/// Targets in one word, in one block, and in one part of a word, which has a table.
const WORD: usize = 64;
const BLOCK: usize = WORDS * WORD;
const PART: usize = 8;

/// A graph without cycles, whose nodes refer only to nodes with lower numbers.
///
/// What a node reaches is kept as one bit per target, for one block of targets at a time. Blocks are taken from the highest targets
/// to the lowest: once it is known that a node reaches a target by way of another reference, the direct reference adds nothing
/// in this block or in any lower one, and is dropped.
pub(super) struct Reach {
    /// The size of each node.
    own: Vec<u64>,
    /// The references of each node, the highest first.
    references: Vec<Vec<usize>>,
}

/// The bits of all nodes that may reach a target in the block.
struct Block {
    /// The first target. Lower nodes reach none in the block.
    first: usize,
    rows: Vec<[u64; WORDS]>,
    /// The sum over the bits of each node. `None` for a node without bits, which is skipped.
    sums: Vec<Option<u64>>,
    /// For each part of a word the sums of all its values.
    tables: Vec<[u64; 1 << PART]>,
}

impl Reach {
    pub(super) fn new(own: Vec<u64>, mut references: Vec<Vec<usize>>) -> Self {
        for (node, references) in references.iter_mut().enumerate() {
            references.retain(|target| *target < node);
            references.sort_unstable_by(|one, other| other.cmp(one));
            references.dedup();
        }
        Self { own, references }
    }

    /// For each node the sum of the sizes of all nodes that it reaches, including itself.
    pub(super) fn sums(mut self) -> Vec<u64> {
        let count = self.own.len();
        let mut totals = vec![0u64; count];
        for first in (0..count).step_by(BLOCK).rev() {
            let mut block = Block::new(first, &self.own);
            for (node, references) in self.references.iter_mut().enumerate().skip(first) {
                let sum = block.fill(node, references);
                if let Some(total) = totals.get_mut(node) {
                    *total = total.saturating_add(sum);
                }
            }
        }
        totals
    }
}

impl Block {
    fn new(first: usize, own: &[u64]) -> Self {
        let targets = own.get(first..).unwrap_or_default();
        let tables = targets.chunks(PART).take(BLOCK / PART).map(table).collect();
        Self { first, rows: vec![[0; WORDS]; targets.len()], sums: vec![None; targets.len()], tables }
    }

    /// Finds the targets in this block that a node reaches, and sums up their sizes. Drops references that are not needed.
    fn fill(&mut self, node: usize, references: &mut Vec<usize>) -> u64 {
        let at = node - self.first;
        // The reference with the largest sum gives its sum, too, so that only what others add has to be looked up.
        let known = |target: usize| target.checked_sub(self.first).and_then(|at| self.sums.get(at).copied().flatten());
        let base = references.iter().copied().filter(|target| known(*target).is_some()).max_by_key(|at| known(*at));
        let row_of = |target: usize| target.checked_sub(self.first).and_then(|at| self.rows.get(at));
        let start = base.and_then(row_of).copied().unwrap_or([0; WORDS]);
        let mut row = start;
        if at < BLOCK {
            set(&mut row, at);
        }
        references.retain(|&target| {
            if known(target).is_none() || Some(target) == base {
                return true;
            }
            let reached = is_set(&row, target - self.first);
            if let (false, Some(other)) = (reached, row_of(target)) {
                row.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
            }
            !reached
        });
        let sum = match base.and_then(known) {
            None if row == start => None,
            sum => Some(sum.unwrap_or(0).saturating_add(self.added(&row, &start))),
        };
        if let (Some(place), Some(sums)) = (self.rows.get_mut(at), self.sums.get_mut(at)) {
            (*place, *sums) = (row, sum);
        }
        sum.unwrap_or(0)
    }

    /// The sum of the sizes whose bits are in a row, but not in the row that it started from.
    fn added(&self, row: &[u64; WORDS], start: &[u64; WORDS]) -> u64 {
        let mut sum = 0u64;
        for ((word, start), tables) in row.iter().zip(start).zip(self.tables.chunks(WORD / PART)) {
            let new = word & !start;
            if new != 0 {
                for (part, table) in new.to_le_bytes().into_iter().zip(tables) {
                    sum = sum.saturating_add(table.get(usize::from(part)).copied().unwrap_or(0));
                }
            }
        }
        sum
    }
}

/// The sums of all subsets of up to eight sizes.
fn table(sizes: &[u64]) -> [u64; 1 << PART] {
    let mut table = [0u64; 1 << PART];
    for value in 1..table.len() {
        let lowest = usize::try_from(value.trailing_zeros()).unwrap_or(0);
        let rest = table.get(value & (value - 1)).copied().unwrap_or(0);
        if let Some(place) = table.get_mut(value) {
            *place = rest.saturating_add(sizes.get(lowest).copied().unwrap_or(0));
        }
    }
    table
}

fn set(row: &mut [u64; WORDS], bit: usize) {
    if let Some(word) = row.get_mut(bit / WORD) {
        *word |= 1 << (bit % WORD);
    }
}

fn is_set(row: &[u64; WORDS], bit: usize) -> bool {
    row.get(bit / WORD).is_some_and(|word| word >> (bit % WORD) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_agree_with_a_search_whatever_the_shape() {
        let count = 2_500usize;
        type References = fn(usize) -> Vec<usize>;
        let shapes: [(&str, References); 5] = [
            ("chain", |node| node.checked_sub(1).into_iter().collect()),
            ("none", |_| Vec::new()),
            ("all before", |node| (node.saturating_sub(40)..node).collect()),
            ("random", |node| {
                (1..7).map(|k| node.wrapping_mul(2_654_435_761 * k) >> 7).map(|n| n % node.max(1)).collect()
            }),
            ("two halves", |node| match node {
                0 | 500 => Vec::new(),
                1..1_000 => vec![node - 1],
                _ => vec![499 - node % 7, 999 - node % 5],
            }),
        ];
        for (name, references) in shapes {
            let references: Vec<Vec<usize>> = (0..count).map(references).collect();
            let own: Vec<u64> = (0..count).map(|node| node as u64 % 97 + 1).collect();
            let sums = Reach::new(own.clone(), references.clone()).sums();
            for node in (0..count).step_by(37) {
                let mut reached = vec![false; count];
                let mut next = vec![node];
                while let Some(at) = next.pop() {
                    if !std::mem::replace(&mut reached[at], true) {
                        next.extend(references[at].iter().filter(|target| **target < at));
                    }
                }
                let expected: u64 = own.iter().zip(&reached).filter(|(_, reached)| **reached).map(|(own, _)| own).sum();
                assert_eq!(sums[node], expected, "{name}: {node}");
            }
        }
    }
}
