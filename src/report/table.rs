//! Tables: no frames, a header, and columns that are two blanks apart.

use std::io::{self, Write};

use anstyle::Style;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Width, presets};
use unicode_width::UnicodeWidthStr;

use super::style::STRONG;
use crate::store::nix32;

/// How wide a table may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As wide as a terminal, in columns.
    Columns(u16),
    /// One line for each row, as wide as it must be.
    Lines,
    /// One line for each row, with tabs between the cells, for programs.
    Tabs,
}

impl From<Option<u16>> for Layout {
    /// The width of a terminal, if one reads the table.
    fn from(width: Option<u16>) -> Self {
        width.map_or(Self::Lines, Self::Columns)
    }
}

/// A table before it is laid out.
pub(super) struct Table {
    headers: Vec<String>,
    rows: Vec<Vec<Cell>>,
    layout: Layout,
}

/// A cell: text, or a number that is aligned to the right.
pub(super) struct Cell {
    text: String,
    alignment: CellAlignment,
}

impl<T: ToString> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.to_string(), alignment: CellAlignment::Left }
    }
}

/// Begins a table.
pub(super) fn new(headers: &[&str], layout: impl Into<Layout>) -> Table {
    Table { headers: headers.iter().map(ToString::to_string).collect(), rows: Vec::new(), layout: layout.into() }
}

/// A number, aligned to the right.
pub(super) fn number(text: impl ToString) -> Cell {
    Cell { text: text.to_string(), alignment: CellAlignment::Right }
}

impl Table {
    /// Adds a row with a cell for each header.
    pub(super) fn add_row<C: Into<Cell>>(&mut self, row: impl IntoIterator<Item = C>) {
        self.rows.push(row.into_iter().map(Into::into).collect());
    }

    /// The number of rows.
    pub(super) fn row_count(&self) -> usize {
        self.rows.len()
    }

    /// The widest of some measure of the cells in each column, the header included.
    fn widest(&self, measure: impl Fn(&str) -> usize) -> Vec<usize> {
        let mut widest: Vec<usize> = self.headers.iter().map(|header| measure(header)).collect();
        for row in &self.rows {
            for (width, cell) in widest.iter_mut().zip(row) {
                *width = (*width).max(measure(&cell.text));
            }
        }
        widest
    }

    /// Whether every row fits one line.
    pub(super) fn fits(&self) -> bool {
        let Layout::Columns(columns) = self.layout else { return true };
        let widths = self.widest(UnicodeWidthStr::width);
        let gaps = GAP * widths.len().saturating_sub(1);
        widths.iter().sum::<usize>() + gaps <= usize::from(columns)
    }

    /// Lines for a table with words that do not fit: the last cell has a line of its own where it must.
    fn stacked(mut self, columns: usize) -> Vec<String> {
        let last_header = self.headers.pop().unwrap_or_default();
        let last = self.headers.len();
        let ends = self.rows.iter_mut().map(|row| row.split_off(last.min(row.len())).pop().map(|cell| cell.text));
        let ends: Vec<String> = std::iter::once(Some(last_header)).chain(ends).map(Option::unwrap_or_default).collect();
        let width = self.widest(UnicodeWidthStr::width).iter().sum::<usize>() + GAP * last;
        self.layout = Layout::Lines;
        let begins = self.lines();
        let joined = begins.into_iter().zip(ends).map(|(begin, end)| {
            if width + end.width() <= columns {
                let gap = width.saturating_sub(begin.width());
                return format!("{begin}{}{end}", " ".repeat(gap)).trim_end().to_owned();
            }
            format!("{begin}\n{}{end}", " ".repeat(2 * GAP))
        });
        joined.collect()
    }

    /// The lines, the header first. A table that is too wide for a terminal has short store paths, and then lines that are wrapped
    /// between words. A word is never broken, because a hash or a path in two parts cannot be copied.
    fn lines(mut self) -> Vec<String> {
        let columns = match self.layout {
            Layout::Columns(columns) => columns,
            Layout::Lines => u16::MAX,
            Layout::Tabs => {
                let rows = self.rows.iter().map(|row| row.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>());
                return std::iter::once(self.headers.join("\t")).chain(rows.map(|row| row.join("\t"))).collect();
            }
        };
        if !self.fits() {
            for cell in self.rows.iter_mut().flatten() {
                cell.text = shorten(&cell.text);
            }
        }
        let words = self.widest(|text| text.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0));
        let narrowest = words.iter().sum::<usize>() + GAP * words.len().saturating_sub(1);
        if narrowest > usize::from(columns) {
            return self.stacked(usize::from(columns));
        }
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        if self.fits() {
            table.set_content_arrangement(ContentArrangement::Disabled);
        } else {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
        }
        table.set_header(self.headers);
        for row in self.rows {
            let cell = |cell: Cell| comfy_table::Cell::new(cell.text).set_alignment(cell.alignment);
            table.add_row(row.into_iter().map(cell));
        }
        let last = words.len().saturating_sub(1);
        for (index, (column, word)) in table.column_iter_mut().zip(words).enumerate() {
            let gap = if index == last { 0 } else { GAP };
            let narrow = |width: usize| u16::try_from(width).unwrap_or(u16::MAX);
            column.set_padding((0, narrow(gap)));
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(narrow(word + gap))));
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// The text with each store path as `…-name`.
fn shorten(text: &str) -> String {
    let mut parts = text.split("/nix/store/");
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('-') {
            Some((digest, name)) if digest.len() == 32 && digest.bytes().all(nix32::is_digit) => {
                short.push_str("…-");
                short.push_str(name);
            }
            _ => {
                short.push_str("/nix/store/");
                short.push_str(part);
            }
        }
    }
    short
}

/// Blanks between two columns.
const GAP: usize = 2;

/// Writes a table, its header in bold, without blanks at the ends of lines.
pub(super) fn write(out: &mut dyn Write, table: Table) -> io::Result<()> {
    write_styled(out, table, |_| None)
}

/// Writes a table. `style` can return a style for the first word of a line.
pub(super) fn write_styled(out: &mut dyn Write, table: Table, style: impl Fn(&str) -> Option<Style>) -> io::Result<()> {
    let plain = table.layout == Layout::Tabs;
    for (index, line) in table.lines().into_iter().enumerate() {
        match (style(&line), line.split_once(' ')) {
            _ if plain => writeln!(out, "{line}")?,
            _ if index == 0 => writeln!(out, "{STRONG}{line}{STRONG:#}")?,
            (Some(style), Some((word, rest))) => writeln!(out, "{style}{word}{style:#} {rest}")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: impl Into<Layout>, rows: Vec<Vec<Cell>>) -> Vec<String> {
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
            written(Layout::Lines, rows),
            [
                "\u{1b}[1mNAME  SIZE     WHAT IS THERE\u{1b}[0m",
                "vim       9 B",
                "日本  1.0 MiB  x",
                "a              b c",
            ]
        );
    }

    #[test]
    fn a_table_that_is_too_wide_for_the_terminal_wraps_between_words() {
        let rows = vec![row("vim", "9 B", "an editor that is in every image"), row("x", "", "abcdefghijklmnopqr")];
        assert_eq!(
            written(Some(30), rows),
            [
                "\u{1b}[1mNAME  SIZE  WHAT IS THERE\u{1b}[0m",
                "vim    9 B  an editor that is",
                "            in every image",
                "x           abcdefghijklmnopqr",
            ]
        );
    }

    #[test]
    fn a_word_that_is_longer_than_the_terminal_stays_in_one_piece() {
        let word = "x".repeat(40);
        let lines = written(Some(30), vec![row("vim", "9 B", &format!("a {word}"))]);
        assert_eq!(lines[1..], ["vim    9 B".to_owned(), format!("    a {word}")]);
    }

    #[test]
    fn store_paths_are_short_only_where_they_do_not_fit() {
        let path = "/nix/store/0n85qk3v00fzac2l5dmfxm32fh3xa3c5-vim-9.1/bin/vim";
        let cell = |width| written(width, vec![row("vim", "9 B", &format!("a -> {path}"))]).swap_remove(1);
        assert_eq!(cell(Some(80)), format!("vim    9 B  a -> {path}"));
        assert_eq!(cell(Some(40)), "vim    9 B  a -> …-vim-9.1/bin/vim");
    }

    #[test]
    fn cells_with_tabs_between_them_have_neither_style_nor_blanks() {
        let rows = vec![row("vim", "9 B", "an editor"), row("x", "", "")];
        assert_eq!(written(Layout::Tabs, rows), ["NAME\tSIZE\tWHAT IS THERE", "vim\t9 B\tan editor", "x\t\t"]);
    }
}
