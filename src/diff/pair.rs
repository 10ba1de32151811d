//! The same thing in two images.

/// What the old image has, and what the new one has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair<T> {
    /// In the old image.
    pub old: T,
    /// In the new image.
    pub new: T,
}

impl<T> Pair<T> {
    /// Applies the same function to both.
    #[must_use]
    pub fn map<U>(self, mut change: impl FnMut(T) -> U) -> Pair<U> {
        Pair { old: change(self.old), new: change(self.new) }
    }

    /// A pair of references.
    #[must_use]
    pub fn as_ref(&self) -> Pair<&T> {
        Pair { old: &self.old, new: &self.new }
    }

    /// A pair of mutable references.
    #[must_use]
    pub fn as_mut(&mut self) -> Pair<&mut T> {
        Pair { old: &mut self.old, new: &mut self.new }
    }

    /// Joins two pairs, side by side.
    #[must_use]
    pub fn zip<U>(self, other: Pair<U>) -> Pair<(T, U)> {
        Pair { old: (self.old, other.old), new: (self.new, other.new) }
    }
}

impl<T: PartialEq> Pair<T> {
    /// Whether the images differ in it.
    #[must_use]
    pub fn differs(&self) -> bool {
        self.old != self.new
    }
}

/// Old, then new.
impl<T> IntoIterator for Pair<T> {
    type Item = T;
    type IntoIter = std::array::IntoIter<T, 2>;

    fn into_iter(self) -> Self::IntoIter {
        [self.old, self.new].into_iter()
    }
}
