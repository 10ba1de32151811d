//! Progress bars of long work, on a terminal.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Global;
use super::unfinished::clear_at_interrupt;

/// Shorter work needs no progress bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A progress bar that appears when the work takes long. Any thread may update it.
pub(super) struct Watch {
    what: &'static str,
    begun: Instant,
    watched: bool,
    bar: OnceLock<ProgressBar>,
}

impl Watch {
    pub(super) fn new(what: &'static str, global: &Global) -> Self {
        let watched = io::stderr().is_terminal() && !global.no_progress && !global.quiet;
        if watched {
            clear_at_interrupt();
        }
        Self { what, begun: Instant::now(), watched, bar: OnceLock::new() }
    }

    /// Updates the bar: bytes done, and bytes in total. A total of zero is not known.
    pub(super) fn tell(&self, done: u64, of: u64) {
        if self.watched && self.begun.elapsed() > PATIENCE {
            let bar = self.bar.get_or_init(|| self.bar(of));
            if of > 0 {
                bar.set_length(of);
            }
            bar.set_position(done);
        }
    }

    /// Removes the bar.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    fn bar(&self, of: u64) -> ProgressBar {
        if of == 0 {
            let bar = ProgressBar::no_length().with_elapsed(self.begun.elapsed());
            let style = format!("{} {{spinner}} {{binary_bytes}} {{binary_bytes_per_sec}}", self.what);
            return match ProgressStyle::with_template(&style) {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            };
        }
        let bar = ProgressBar::new(of).with_elapsed(self.begun.elapsed());
        let style = format!(
            "{} {{wide_bar}} {{binary_bytes}}/{{binary_total_bytes}} {{binary_bytes_per_sec}} {{eta}}",
            self.what
        );
        if let Ok(style) = ProgressStyle::with_template(&style) {
            bar.set_style(style);
        }
        bar
    }
}
