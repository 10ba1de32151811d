//! Tables: no frames, a header, and columns that are two blanks apart.

use std::io::{self, Write};

use anstyle::Style;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use super::style::STRONG;

/// Begins a table that is at most `width` columns wide, or as wide as it must be if no terminal reads it.
pub(super) fn new(headers: &[&str], width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(headers.iter().map(Cell::new));
    table
}

/// A number, aligned to the right.
pub(super) fn number(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Writes a table, its header in bold, without blanks at the ends of lines.
pub(super) fn write(out: &mut dyn Write, table: Table) -> io::Result<()> {
    write_styled(out, table, |_| None)
}

/// Writes a table. `style` can return a style for the first word of a line.
pub(super) fn write_styled(
    out: &mut dyn Write,
    mut table: Table,
    style: impl Fn(&str) -> Option<Style>,
) -> io::Result<()> {
    let last = table.column_count().saturating_sub(1);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index == last { 0 } else { 2 }));
    }
    let mut lines = table.lines();
    if let Some(header) = lines.next() {
        writeln!(out, "{STRONG}{}{STRONG:#}", header.trim_end())?;
    }
    for line in lines {
        let line = line.trim_end();
        match (style(line), line.split_once(' ')) {
            (Some(style), Some((word, rest))) => writeln!(out, "{style}{word}{style:#} {rest}")?,
            _ => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(width: Option<u16>, rows: Vec<Vec<Cell>>) -> Vec<String> {
        let mut table = new(&["NAME", "SIZE", "WHAT IS THERE"], width);
        table.add_rows(rows);
        let mut out = Vec::new();
        write(&mut out, table).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    fn row(name: &str, size: &str, text: &str) -> Vec<Cell> {
        vec![Cell::new(name), number(size), Cell::new(text)]
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
}
