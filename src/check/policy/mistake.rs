//! A mistake in a policy file, as serde meets it.

use std::fmt;

use serde::de;

use super::place::Place;

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    pub(super) message: String,
    /// Where it is. The innermost part that is wrong sets it.
    pub(super) place: Option<Place>,
    /// The number of the part that is wrong.
    pub(super) id: Option<usize>,
}

impl Mistake {
    pub(super) fn new(message: String, place: Place) -> Self {
        Self { message, place: Some(place), id: None }
    }

    /// A mistake of a whole line.
    pub(super) fn in_line(line: usize, message: String) -> Self {
        Self::new(message, Place { line, byte: 0 })
    }

    /// A mistake of the file as a whole.
    pub(super) fn of_file(message: &str) -> Self {
        Self { message: message.to_owned(), place: None, id: None }
    }

    /// The mistake of a part, unless it is one of a part inside.
    pub(super) fn of(mut self, id: usize, place: Place) -> Self {
        self.id.get_or_insert(id);
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), place: None, id: None }
    }
}
