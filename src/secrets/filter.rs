//! Finds candidate positions. It must be faster than decompression.
//!
//! All needles are searched at once with SIMD, each by a four-byte key. Needles with three-byte keys, and hash prefixes such as
//! `$6$`, are searched separately: they would shorten or multiply the keys.

use aho_corasick::packed::{self, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, Input, Span};

/// Length of a key in bytes: for most needles, and for short ones and hash prefixes.
const KEY: usize = 4;
const SHORT: usize = 3;

/// All groups search this many bytes before moving on, so that they are still in the cache.
const NEAR: usize = 1 << 14;

/// A text to search for, and the offset of its key: its rarest bytes.
#[derive(Clone, Copy)]
pub(super) struct Needle {
    pub(super) text: &'static str,
    pub(super) key: usize,
}

/// Searches for needles.
pub(super) struct Filter(Vec<Group>);

/// Needles whose keys have the same length.
struct Group {
    length: usize,
    keys: Vec<&'static [u8]>,
    /// For each key, the needles that contain it, and its offset in each.
    texts: Vec<Vec<(usize, &'static [u8])>>,
    /// The largest of these offsets.
    farthest: usize,
    searcher: Option<Keys>,
}

/// How keys are found.
enum Keys {
    Vectors(Searcher),
    /// For machines without SIMD.
    Automaton(AhoCorasick),
}

impl Filter {
    pub(super) fn new(needles: impl Iterator<Item = &'static Needle>) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        for Needle { text, key } in needles {
            let length = if text.starts_with('$') { SHORT } else { KEY.min(text.len()) };
            match groups.iter_mut().find(|group| group.length == length) {
                Some(group) => group.add(text.as_bytes(), *key),
                None => {
                    let (keys, texts) = (Vec::new(), Vec::new());
                    let mut group = Group { length, keys, texts, farthest: 0, searcher: None };
                    group.add(text.as_bytes(), *key);
                    groups.push(group);
                }
            }
        }
        for group in &mut groups {
            group.searcher = Keys::vectors(&group.keys).or_else(|| Keys::automaton(&group.keys));
        }
        Self(groups)
    }

    /// Calls `visit` with each offset from `start` up to `end` where a needle begins, in no particular order.
    pub(super) fn each(&self, bytes: &[u8], (start, end): (usize, usize), visit: &mut dyn FnMut(usize)) {
        for from in (start..end).step_by(NEAR) {
            let within = (from, end.min(from + NEAR));
            self.0.iter().for_each(|group| group.each(bytes, within, visit));
        }
    }
}

impl Group {
    fn add(&mut self, text: &'static [u8], place: usize) {
        let Some(key) = text.get(place..place + self.length) else { return };
        self.farthest = self.farthest.max(place);
        match self.keys.iter().zip(&mut self.texts).find(|(other, _)| **other == key) {
            Some((_, same)) if same.contains(&(place, text)) => {}
            Some((_, same)) => same.push((place, text)),
            None => {
                self.keys.push(key);
                self.texts.push(vec![(place, text)]);
            }
        }
    }

    fn each(&self, bytes: &[u8], (start, end): (usize, usize), visit: &mut dyn FnMut(usize)) {
        let Some(searcher) = &self.searcher else { return };
        let last = bytes.len().min(end.saturating_add(self.farthest + self.length));
        let mut from = start;
        // Keys of the same length cannot hide each other, but they may overlap.
        while let Some((key, at)) = searcher.find(bytes, from, last) {
            for (place, text) in self.texts.get(key).into_iter().flatten() {
                let Some(begin) = at.checked_sub(*place).filter(|begin| (start..end).contains(begin)) else { continue };
                if bytes.get(begin..).is_some_and(|rest| rest.starts_with(text)) {
                    visit(begin);
                }
            }
            from = at + 1;
        }
    }
}

impl Keys {
    fn vectors(keys: &[&[u8]]) -> Option<Self> {
        let searcher = packed::Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(keys).build();
        searcher.map(Self::Vectors)
    }

    fn automaton(keys: &[&[u8]]) -> Option<Self> {
        AhoCorasick::new(keys).ok().map(Self::Automaton)
    }

    /// The index and the offset of the first key from `from` up to `last`.
    fn find(&self, bytes: &[u8], from: usize, last: usize) -> Option<(usize, usize)> {
        if from >= last {
            return None;
        }
        let found = match self {
            Self::Vectors(searcher) => searcher.find_in(bytes, Span { start: from, end: last }),
            Self::Automaton(automaton) => automaton.find(Input::new(bytes).range(from..last)),
        };
        found.map(|found| (found.pattern().as_usize(), found.start()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NEEDLES: [Needle; 5] = [
        Needle { text: "$6$", key: 0 },
        Needle { text: "PrivateKey", key: 4 },
        Needle { text: "privateKey", key: 4 },
        Needle { text: "ghp_", key: 0 },
        Needle { text: "ateKX", key: 1 },
    ];

    #[test]
    fn a_text_is_noticed_wherever_it_begins_and_within_the_bounds_alone() {
        let filter = Filter::new(NEEDLES.iter());
        for shift in 0..70 {
            let text = format!("{}$6$ PrivateKey ghp_ghp_privateKeyprivateKX$6$6$", "x".repeat(shift));
            let all = |from, to| {
                let mut found = Vec::new();
                filter.each(text.as_bytes(), (from, to), &mut |at| found.push(at - shift));
                found.sort_unstable();
                found
            };
            assert_eq!(all(0, text.len()), [0, 4, 15, 19, 23, 37, 42, 44], "{shift}");
            assert_eq!(all(shift + 1, shift + 16), [4, 15], "{shift}");
        }
    }

    #[test]
    fn a_machine_without_vectors_finds_the_same() {
        let mut filter = Filter::new(NEEDLES.iter());
        filter.0.iter_mut().for_each(|group| group.searcher = Keys::automaton(&group.keys));
        let mut found = Vec::new();
        filter.each(b"$6$6$ ghp_ privateKey", (0, 21), &mut |at| found.push(at));
        found.sort_unstable();
        assert_eq!(found, [0, 2, 6, 11]);
    }
}
