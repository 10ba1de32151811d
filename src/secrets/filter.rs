//! Notices candidates, faster than blocks are decompressed.
//!
//! Of each text that is looked for, four bytes are, all texts at the same time, with the vectors of the machine. Hashes of
//! passwords have fewer that are always the same: they are found by their dollars, which are rare. So are the few other short
//! texts, each on its own: among the others they would make four bytes into three for all.

use aho_corasick::packed::{self, MatchKind};
use aho_corasick::{AhoCorasick, Input, Span};
use memchr::memchr_iter;
use memchr::memmem::Finder;

/// Bytes by which a text is noticed that is long enough.
const KEY: usize = 4;

/// A text that is looked for, and the place in it of the bytes by which it is noticed: where its letters are the rarest.
pub(super) struct Needle {
    pub(super) text: &'static str,
    pub(super) key: usize,
}

/// Finds texts.
pub(super) struct Filter {
    keys: Keys,
    dollars: Vec<&'static [u8]>,
    /// Whether one of those has such a second byte: code has a dollar in every 256 bytes, and seldom the right one behind it.
    behind_dollar: [bool; 256],
    short: Vec<Finder<'static>>,
}

/// Texts that are long enough.
#[derive(Default)]
struct Keys {
    keys: Vec<&'static [u8]>,
    /// The texts of each key, and where in them it is.
    texts: Vec<Vec<(usize, &'static [u8])>>,
    searcher: Option<Searcher>,
}

/// How keys are found.
enum Searcher {
    Vectors(packed::Searcher),
    /// On machines without vectors.
    Automaton(AhoCorasick),
}

impl Filter {
    pub(super) fn new(needles: impl Iterator<Item = &'static Needle>) -> Self {
        let (keys, dollars, short) = (Keys::default(), Vec::new(), Vec::new());
        let mut filter = Self { keys, dollars, behind_dollar: [false; 256], short };
        for Needle { text, key } in needles {
            let text = text.as_bytes();
            match text {
                [b'$', second, ..] => {
                    filter.dollars.push(text);
                    filter.behind_dollar.iter_mut().skip(usize::from(*second)).take(1).for_each(|is| *is = true);
                }
                _ if text.len() < KEY => filter.short.push(Finder::new(text)),
                _ => filter.keys.add(text, *key),
            }
        }
        filter.keys.searcher = Searcher::vectors(&filter.keys.keys).or_else(|| Searcher::automaton(&filter.keys.keys));
        filter
    }

    /// Tells `visit` each place from `start` up to `end` where one of the texts begins, in no order.
    pub(super) fn each(&self, bytes: &[u8], (start, end): (usize, usize), visit: &mut dyn FnMut(usize)) {
        self.keys.each(bytes, (start, end), visit);
        for at in memchr_iter(b'$', bytes.get(start..end).unwrap_or_default()).map(|at| start + at) {
            let rest = bytes.get(at..).unwrap_or_default();
            let may_begin = |second: &u8| self.behind_dollar.get(usize::from(*second)) == Some(&true);
            if rest.get(1).is_some_and(may_begin) && self.dollars.iter().any(|text| rest.starts_with(text)) {
                visit(at);
            }
        }
        for finder in &self.short {
            let last = bytes.len().min(end.saturating_add(finder.needle().len() - 1));
            finder.find_iter(bytes.get(start..last).unwrap_or_default()).for_each(|at| visit(start + at));
        }
    }
}

impl Keys {
    fn add(&mut self, text: &'static [u8], place: usize) {
        let Some(key) = text.get(place..place + KEY) else { return };
        match self.keys.iter().zip(&mut self.texts).find(|(other, _)| **other == key) {
            Some((_, same)) => same.push((place, text)),
            None => {
                self.keys.push(key);
                self.texts.push(vec![(place, text)]);
            }
        }
    }

    fn each(&self, bytes: &[u8], (start, end): (usize, usize), visit: &mut dyn FnMut(usize)) {
        let Some(searcher) = &self.searcher else { return };
        let farthest = self.texts.iter().flatten().map(|(place, _)| *place).max().unwrap_or(0);
        let last = bytes.len().min(end.saturating_add(farthest + KEY));
        let mut from = start;
        // All keys have one length, so that none hides another, but they may overlap.
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

impl Searcher {
    fn vectors(keys: &[&[u8]]) -> Option<Self> {
        let searcher = packed::Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(keys).build();
        searcher.map(Self::Vectors)
    }

    fn automaton(keys: &[&[u8]]) -> Option<Self> {
        AhoCorasick::new(keys).ok().map(Self::Automaton)
    }

    /// The number and the place of the first key from `from` up to `last`.
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

    static NEEDLES: [Needle; 6] = [
        Needle { text: "hf_", key: 0 },
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
            let text = format!("{}$6$ PrivateKey ghp_ghp_privateKeyprivateKX$6$6$hf_", "x".repeat(shift));
            let all = |from, to| {
                let mut found = Vec::new();
                filter.each(text.as_bytes(), (from, to), &mut |at| found.push(at - shift));
                found.sort_unstable();
                found
            };
            assert_eq!(all(0, text.len()), [0, 4, 15, 19, 23, 37, 42, 44, 47], "{shift}");
            assert_eq!(all(shift + 1, shift + 16), [4, 15], "{shift}");
        }
    }

    #[test]
    fn a_machine_without_vectors_finds_the_same() {
        let mut filter = Filter::new(NEEDLES.iter());
        filter.keys.searcher = Searcher::automaton(&filter.keys.keys);
        let mut found = Vec::new();
        filter.each(b"$6$6$ ghp_ privateKey", (0, 21), &mut |at| found.push(at));
        found.sort_unstable();
        assert_eq!(found, [0, 2, 6, 11]);
    }
}
