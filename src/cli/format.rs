//! `--format`: how a command writes its table.

use clap::ValueEnum;
use nixoscope::report::Layout;

use super::output;

/// The format of a table.
#[derive(clap::Args)]
pub(super) struct FormatArg {
    /// How to write the table
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "json")]
    pub(super) format: Option<Format>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns, wrapped on a terminal
    Table,
    /// A tab between columns, one row a line, no summary
    Tsv,
}

impl FormatArg {
    /// The layout that is asked for; by default that of the terminal.
    pub(super) fn layout(&self) -> Layout {
        match self.format {
            Some(Format::Tsv) => Layout::Tabs,
            Some(Format::Table) | None => output::width().into(),
        }
    }
}
