//! Picks at random what configurations are made of.

use crate::random::Random;

/// Makes texts by picking.
pub(crate) struct Generator {
    random: Random,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }

    /// One of these.
    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len())]
    }

    /// Whether it happens, in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    /// A number of things, joined.
    pub(crate) fn some(&mut self, most: usize, joint: &[&str], thing: &mut dyn FnMut(&mut Self) -> String) -> String {
        let mut all = thing(self);
        for _ in 0..self.random.below(most) {
            all.push_str(self.of(joint));
            all.push_str(&thing(self));
        }
        all
    }
}
