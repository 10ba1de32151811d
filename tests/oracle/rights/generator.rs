//! Picks parts of configurations at random.

use crate::random::Random;

/// Makes texts from random picks.
pub(crate) struct Generator {
    random: Random,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed) }
    }

    /// Picks one of these.
    pub(crate) fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len())]
    }

    /// True in so many percent of cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    /// One to `most` things, joined.
    pub(crate) fn some(&mut self, most: usize, joint: &[&str], thing: &mut dyn FnMut(&mut Self) -> String) -> String {
        let mut all = thing(self);
        for _ in 0..self.random.below(most) {
            all.push_str(self.of(joint));
            all.push_str(&thing(self));
        }
        all
    }
}
