//! Lines and columns of a text.

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The line, counted from 1.
    pub(super) line: usize,
    /// Offset in the text, in bytes.
    pub(super) byte: usize,
}

/// The lines of a text.
pub(super) struct Lines<'t> {
    text: &'t str,
    /// The offset of the first byte of each.
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let behind = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(behind).collect() }
    }

    pub(super) fn place(&self, byte: usize) -> Place {
        Place { byte, line: self.starts.partition_point(|start| *start <= byte) }
    }

    /// The place of a column, counted in bytes from 1.
    pub(super) fn place_in(&self, line: usize, column: usize) -> Place {
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or_default();
        Place { byte: start.saturating_add(column.saturating_sub(1)), line: line.max(1) }
    }

    /// The column of a place, counted from 1, in characters.
    pub(super) fn column(&self, place: Place) -> usize {
        let start = self.starts.get(place.line.saturating_sub(1)).copied().unwrap_or_default();
        let line = self.text.get(start..).unwrap_or_default();
        let before = place.byte.saturating_sub(start);
        line.char_indices().take_while(|(at, _)| *at < before).count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_a_line_and_a_column() {
        let lines = Lines::of("a\nbä c\n");
        let places = [0, 2, 6, 99].map(|byte| lines.place(byte)).map(|place| (place.line, lines.column(place)));
        assert_eq!(places, [(1, 1), (2, 1), (2, 4), (3, 1)]);
    }
}
