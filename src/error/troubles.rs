//! Everything that could not be read during one piece of work.

use std::collections::HashSet;
use std::{slice, vec};

use super::{Error, Result};

/// Errors that did not stop the reading: each one once, in the order in which they occurred.
///
/// A hostile image can break in a million places, so only the first [`Troubles::MOST`] are kept; the others are counted.
#[derive(Debug, Default)]
pub struct Troubles {
    kept: Vec<Error>,
    /// The messages of those kept. Two errors with the same message are the same trouble to a reader.
    messages: HashSet<String>,
    further: usize,
}

impl Troubles {
    /// How many errors are kept. Nobody reads more.
    pub const MOST: usize = 1_000;

    /// Adds an error, unless the same one is there already.
    pub fn push(&mut self, error: Error) {
        let message = error.to_string();
        if self.messages.contains(&message) {
            return;
        }
        if self.kept.len() == Self::MOST {
            self.further = self.further.saturating_add(1);
            return;
        }
        self.messages.insert(message);
        self.kept.push(error);
    }

    /// Returns the value, or keeps the error.
    pub fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// Moves the errors of `other` here.
    pub fn append(&mut self, other: Self) {
        self.further = self.further.saturating_add(other.further);
        self.extend(other.kept);
    }

    /// Whether everything could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// How many errors there are, including those that are only counted. Repeats among the latter count again.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len().saturating_add(self.further)
    }

    /// The first error.
    #[must_use]
    pub fn first(&self) -> Option<&Error> {
        self.kept.first()
    }

    /// The errors that are kept.
    pub fn iter(&self) -> slice::Iter<'_, Error> {
        self.kept.iter()
    }

    /// Sorts the errors by their messages, for work whose threads meet them in any order.
    pub fn sort(&mut self) {
        self.kept.sort_by_cached_key(Error::to_string);
    }
}

impl Extend<Error> for Troubles {
    fn extend<I: IntoIterator<Item = Error>>(&mut self, errors: I) {
        errors.into_iter().for_each(|error| self.push(error));
    }
}

impl IntoIterator for Troubles {
    type Item = Error;
    type IntoIter = vec::IntoIter<Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.kept.into_iter()
    }
}

impl<'t> IntoIterator for &'t Troubles {
    type Item = &'t Error;
    type IntoIter = slice::Iter<'t, Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Place;

    fn limit(byte: u64) -> Error {
        Error::Limit { what: "a limit", place: Place::Byte(byte) }
    }

    #[test]
    fn the_same_error_is_kept_once() {
        let mut troubles = Troubles::default();
        troubles.extend([limit(1), limit(2), limit(1)]);
        let mut others = Troubles::default();
        others.extend([limit(2), limit(0)]);
        troubles.append(others);
        let messages = |troubles: &Troubles| troubles.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(messages(&troubles), [1, 2, 0].map(|byte| limit(byte).to_string()));
        troubles.sort();
        assert_eq!(messages(&troubles), [0, 1, 2].map(|byte| limit(byte).to_string()));
    }

    #[test]
    fn errors_beyond_the_limit_are_counted() {
        let mut troubles = Troubles::default();
        troubles.extend((0..1_003).map(limit));
        assert_eq!((troubles.iter().count(), troubles.len()), (1_000, 1_003));
        let mut others = Troubles::default();
        others.append(troubles);
        assert_eq!((others.iter().count(), others.len()), (1_000, 1_003));
    }
}
