//! The look of all tables: no frames, a header, columns two blanks apart.

use std::io::{self, Write};

use anstyle::Style;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// Style of what stands out: a header, a section's name.
pub(super) const STRONG: Style = Style::new().bold();

/// Begins a table that takes at most `width` columns; as many as it needs where no terminal reads it.
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

/// A cell of digits, which stand under one another.
pub(super) fn number(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// Writes a table, its header strong, without blanks at the ends of lines.
pub(super) fn write(out: &mut dyn Write, table: Table) -> io::Result<()> {
    write_styled(out, table, |_| None)
}

/// Writes a table; `style` may give the first word of a line a style of its own.
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
