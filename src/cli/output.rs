//! Standard output and standard error.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::Mutex;

use anstream::{AutoStream, ColorChoice};
use nixoscope::report::escape;

use super::Global;
use super::wrap::Wrap;

/// Applies `--color`. With `auto`, `NO_COLOR`, `CLICOLOR_FORCE` and the terminal decide.
pub(super) fn choose_color(choice: clap::ColorChoice) {
    match choice {
        clap::ColorChoice::Auto => ColorChoice::Auto,
        clap::ColorChoice::Always => ColorChoice::Always,
        clap::ColorChoice::Never => ColorChoice::Never,
    }
    .write_global();
}

/// Standard output for text. Styles are removed unless a terminal shows them, and lines are wrapped for its width.
pub(super) fn results() -> Wrap<BufWriter<AutoStream<io::Stdout>>> {
    Wrap::new(BufWriter::with_capacity(1 << 16, AutoStream::auto(io::stdout())), width())
}

/// Standard output for bytes: JSON, and contents of files.
pub(super) fn bytes() -> BufWriter<io::StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Writes a JSON document or a page to standard output. A reader that closes the pipe early does not change the outcome.
pub(super) fn present(
    global: &Global,
    json: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
    page: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    unless_closed(|| {
        if global.json {
            let mut out = bytes();
            json(&mut out)?;
            return Ok(out.flush()?);
        }
        let mut out = results();
        page(&mut out)?;
        Ok(out.flush()?)
    })
}

/// Writes results whose outcome is known. A reader that closes the pipe early does not change it.
pub(super) fn unless_closed(write: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    write().or_else(|error| if is_broken_pipe(&error) { Ok(()) } else { Err(error) })
}

/// Whether the reader has closed the pipe, because it has seen enough.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let plain = cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        let json = cause.downcast_ref::<serde_json::Error>();
        plain || json.is_some_and(|error| error.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
    })
}

/// The width of the terminal, or `None` if output goes elsewhere. `COLUMNS` counts in both cases: a pager may be behind a pipe.
pub(super) fn width() -> Option<u16> {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    if let Some(columns @ 1..) = columns {
        return Some(columns);
    }
    if is_terminal() { terminal_size::terminal_size().map(|(width, _)| width.0) } else { None }
}

/// Whether a person reads the output directly.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The image that messages are about, if there are several.
static SUBJECT: Mutex<Option<String>> = Mutex::new(None);

/// Names the image in all messages from now on. Returns its name.
pub(super) fn about(image: &Path) -> String {
    let name = image.display().to_string();
    set_subject(Some(name.clone()));
    name
}

/// Ends what [`about`] began.
pub(super) fn about_all() {
    set_subject(None);
}

fn set_subject(subject: Option<String>) {
    if let Ok(mut current) = SUBJECT.lock() {
        *current = subject;
    }
}

/// Prints one line on standard error.
pub(super) fn complain(message: &str) {
    let subject = SUBJECT.lock().ok().and_then(|subject| subject.clone());
    let message = match subject.filter(|subject| !message.contains(subject.as_str())) {
        Some(subject) => &format!("{subject}: {message}"),
        None => message,
    };
    // If this fails, the failure cannot be reported either.
    let _ = writeln!(io::stderr().lock(), "nixoscope: {}", escape(message.as_bytes()));
}
