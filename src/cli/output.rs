//! Standard output and standard error.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use nixoscope::report::escape;

/// Applies `--color`; `NO_COLOR`, `CLICOLOR_FORCE` and the terminal decide where it says `auto`.
pub(super) fn choose_color(choice: clap::ColorChoice) {
    match choice {
        clap::ColorChoice::Auto => ColorChoice::Auto,
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Results. Styles are taken out where no terminal reads them.
pub(super) fn results() -> BufWriter<AutoStream<io::Stdout>> {
    BufWriter::with_capacity(1 << 16, AutoStream::auto(io::stdout()))
}

/// Results that are bytes: JSON, and contents of files.
pub(super) fn bytes() -> BufWriter<io::StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Columns that a table may take; none where no terminal reads it.
pub(super) fn width() -> Option<u16> {
    let terminal = io::stdout().is_terminal();
    if terminal { terminal_size::terminal_size().map(|(width, _)| width.0) } else { None }
}

/// Says on standard error, in one line, what went wrong.
pub(super) fn complain(message: &str) {
    // Nobody is left to tell if this fails.
    let _ = writeln!(io::stderr().lock(), "nixoscope: {}", escape(message.as_bytes()));
}
