//! Tables: no frames, a header, and columns that are two blanks apart.

use std::borrow::Cow;
use std::io::{self, Write};

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

/// Style of what stands out: a header, the name of a section.
pub(super) const STRONG: Style = Style::new().bold();

/// Blanks between two columns.
const GAP: usize = 2;

/// A column is never made narrower than this to fit a terminal.
const NARROWEST: usize = 8;

/// A table whose cells are already safe for a terminal.
pub(super) struct Table {
    /// The header first.
    rows: Vec<Vec<Cell>>,
    /// Columns of the terminal, if one reads the table.
    width: Option<u16>,
}

/// A cell of one line.
pub(super) struct Cell {
    text: String,
    side: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// Begins a table that is at most `width` columns wide, or as wide as it must be if no terminal reads it.
pub(super) fn new(headers: &[&str], width: Option<u16>) -> Table {
    Table { rows: vec![headers.iter().map(|header| Cell::from(*header)).collect()], width }
}

/// A number, aligned to the right.
pub(super) fn number(text: impl ToString) -> Cell {
    Cell { text: text.to_string(), side: Side::Right }
}

/// Writes a table, its header in bold, without blanks at the ends of lines.
pub(super) fn write(out: &mut dyn Write, table: Table) -> io::Result<()> {
    write_styled(out, table, |_| None)
}

/// Writes a table; `style` may give the first word of a line a style of its own.
pub(super) fn write_styled(out: &mut dyn Write, table: Table, style: impl Fn(&str) -> Option<Style>) -> io::Result<()> {
    let widths = table.widths();
    let mut rows = table.rows.iter().map(|row| lines(row, &widths));
    for line in rows.next().into_iter().flatten() {
        writeln!(out, "{STRONG}{line}{STRONG:#}")?;
    }
    for line in rows.flatten() {
        match (style(&line), line.split_once(' ')) {
            (Some(style), Some((word, rest))) => writeln!(out, "{style}{word}{style:#} {rest}")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

impl Table {
    pub(super) fn add_row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Rows below the header.
    pub(super) fn row_count(&self) -> usize {
        self.rows.len().saturating_sub(1)
    }

    /// The width of each column. If they do not fit together, the widest ones share what the others leave.
    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| self.rows.iter().filter_map(|row: &Vec<Cell>| row.get(column)).map(Cell::width).max();
        let mut widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let Some(terminal) = self.width else { return widths };
        let room = usize::from(terminal).saturating_sub(GAP * columns.saturating_sub(1));
        let mut by_width = widths.clone();
        by_width.sort_unstable();
        let mut rest = room;
        let mut share = usize::MAX;
        for (place, width) in by_width.iter().enumerate() {
            let fair = rest / (columns - place).max(1);
            if *width > fair {
                share = fair.max(NARROWEST);
                break;
            }
            rest -= width;
        }
        widths.iter_mut().for_each(|width| *width = (*width).min(share));
        widths
    }
}

/// The lines that a row takes.
fn lines(row: &[Cell], widths: &[usize]) -> Vec<String> {
    let cells: Vec<Vec<Cow<'_, str>>> = row.iter().zip(widths).map(|(cell, width)| wrap(&cell.text, *width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number| {
        let mut line = String::new();
        for ((parts, cell), width) in cells.iter().zip(row).zip(widths) {
            let part: &str = parts.get(number).map(Cow::as_ref).unwrap_or_default();
            let pad = " ".repeat(width.saturating_sub(part.width()));
            let (before, after) = match cell.side {
                Side::Left => ("", pad.as_str()),
                Side::Right => (pad.as_str(), ""),
            };
            line.extend([before, part, after, "  "]);
        }
        line.truncate(line.trim_end().len());
        line
    };
    (0..height).map(line).collect()
}

/// Divides a text at blanks, and words that are longer than a line where the line ends.
fn wrap(text: &str, width: usize) -> Vec<Cow<'_, str>> {
    if text.width() <= width {
        return vec![Cow::Borrowed(text)];
    }
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let used = line.width();
        if !line.is_empty() && used + 1 + word.width() <= width {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(Cow::Owned(std::mem::take(&mut line)));
        }
        let mut used = 0;
        for letter in word.chars() {
            let columns = unicode_width::UnicodeWidthChar::width(letter).unwrap_or(0);
            if used + columns > width && !line.is_empty() {
                lines.push(Cow::Owned(std::mem::take(&mut line)));
                used = 0;
            }
            used += columns;
            line.push(letter);
        }
    }
    lines.push(Cow::Owned(line));
    lines
}

impl Cell {
    fn width(&self) -> usize {
        self.text.width()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, side: Side::Left }
    }
}

impl From<&String> for Cell {
    fn from(text: &String) -> Self {
        Self::from(text.clone())
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: Option<u16>, rows: Vec<Vec<Cell>>) -> Vec<String> {
        let mut table = new(&["NAME", "SIZE", "WHAT IS THERE"], width);
        rows.into_iter().for_each(|row| table.add_row(row));
        let mut out = Vec::new();
        write(&mut out, table).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    fn row(name: &str, size: &str, text: &str) -> Vec<Cell> {
        vec![name.into(), number(size), text.into()]
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_numbers_end_below_each_other() {
        let rows = vec![row("vim", "9 B", ""), row("日本", "1.0 MiB", "x"), row("a", "", "b c")];
        assert_eq!(
            written(None, rows),
            [
                "\u{1b}[1mNAME  SIZE     WHAT IS THERE\u{1b}[0m",
                "vim       9 B",
                "日本  1.0 MiB  x",
                "a              b c",
            ]
        );
    }

    #[test]
    fn a_table_that_is_too_wide_for_the_terminal_wraps_its_widest_columns() {
        let rows =
            vec![row("vim", "9 B", "an editor that is in every image"), row("x", "", "abcdefghijklmnopqrstuvwxyz")];
        assert_eq!(
            written(Some(30), rows),
            [
                "\u{1b}[1mNAME  SIZE  WHAT IS THERE\u{1b}[0m",
                "vim    9 B  an editor that is",
                "            in every image",
                "x           abcdefghijklmnopqr",
                "            stuvwxyz",
            ]
        );
    }

    #[test]
    fn a_terminal_of_no_width_still_shows_everything() {
        let lines = written(Some(0), vec![row("a long name", "1", "b")]);
        assert_eq!(lines.get(2..), Some(&["a long       1  b".to_owned(), "name".to_owned()][..]));
    }
}
