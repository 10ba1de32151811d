//! Notices candidates, at the rate at which blocks are decompressed.
//!
//! Every text that is looked for has three bytes at least. Of any three bytes behind one another, two lie in a pair that begins
//! at an even place: it is enough to look at every second place, and to look two neighbouring pairs of each text up in a table.

/// A text that is looked for, and the place in it of the pairs by which it is noticed: where its letters are the rarest.
pub(super) struct Needle {
    pub(super) text: &'static str,
    pub(super) pairs: usize,
}

/// A table with a bit for each pair of bytes, and the texts behind each.
pub(super) struct Filter {
    bits: Box<[u64; 1024]>,
    /// Pair, place of the pair in the text, and the text; in order of the pairs.
    needles: Vec<(u16, usize, &'static [u8])>,
    /// The farthest place of a pair in its text.
    farthest: usize,
}

impl Filter {
    pub(super) fn new(needles: impl Iterator<Item = &'static Needle>) -> Self {
        let mut filter = Self { bits: Box::new([0; 1024]), needles: Vec::new(), farthest: 0 };
        for needle in needles {
            let text = needle.text.as_bytes();
            for at in [needle.pairs, needle.pairs + 1] {
                let Some(&[first, second]) = text.get(at..at + 2) else { continue };
                let pair = u16::from_le_bytes([first, second]);
                filter.needles.push((pair, at, text));
                if let Some(word) = filter.bits.get_mut(usize::from(pair / 64)) {
                    *word |= 1 << (pair % 64);
                }
                filter.farthest = filter.farthest.max(at);
            }
        }
        filter.needles.sort_unstable();
        filter
    }

    /// Tells `visit` each place from `start` up to `end` where one of the texts begins.
    pub(super) fn each(&self, bytes: &[u8], (start, end): (usize, usize), visit: &mut dyn FnMut(usize)) {
        let last = bytes.len().min(end.saturating_add(self.farthest).saturating_add(2));
        let even = start & !1;
        for (index, pair) in bytes.get(even..last).unwrap_or_default().chunks_exact(2).enumerate() {
            let &[first, second] = pair else { continue };
            let pair = u16::from_le_bytes([first, second]);
            // Never out of bounds: a sixteen-bit number divided by 64.
            let word = self.bits.get(usize::from(pair >> 6)).copied().unwrap_or_default();
            if word >> (pair & 63) & 1 != 0 {
                self.hit(bytes, (pair, even + 2 * index), (start, end), visit);
            }
        }
    }

    #[cold]
    fn hit(&self, bytes: &[u8], (pair, at): (u16, usize), (start, end): (usize, usize), visit: &mut dyn FnMut(usize)) {
        let from = self.needles.partition_point(|(other, ..)| *other < pair);
        let same = self.needles.get(from..).unwrap_or_default().iter().take_while(|(other, ..)| *other == pair);
        for (_, place, text) in same {
            let Some(begin) = at.checked_sub(*place).filter(|begin| (start..end).contains(begin)) else { continue };
            if bytes.get(begin..).is_some_and(|rest| rest.starts_with(text)) {
                visit(begin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static NEEDLES: [Needle; 3] =
        [Needle { text: "$6$", pairs: 0 }, Needle { text: "PrivateKey", pairs: 6 }, Needle { text: "ghp_", pairs: 1 }];

    #[test]
    fn a_text_is_noticed_at_even_and_at_odd_places_and_within_the_bounds_alone() {
        let filter = Filter::new(NEEDLES.iter());
        for shift in 0..5 {
            let text = format!("{}$6$ PrivateKey ghp_ghp_", "x".repeat(shift));
            let all = |from, to| {
                let mut found = Vec::new();
                filter.each(text.as_bytes(), (from, to), &mut |at| found.push(at - shift));
                found.sort_unstable();
                found
            };
            assert_eq!(all(0, text.len()), [0, 4, 15, 19], "{shift}");
            assert_eq!(all(shift + 1, shift + 16), [4, 15], "{shift}");
        }
    }
}
