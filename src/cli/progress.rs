//! Progress of long work, where a person watches.

use std::io::{self, IsTerminal};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::Global;

/// Work that is over before this is not worth a progress bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar that appears when the work takes long. Any thread may tell it how far the work has come.
pub(super) struct Watch {
    what: &'static str,
    begun: Instant,
    watched: bool,
    bar: OnceLock<ProgressBar>,
}

impl Watch {
    pub(super) fn new(what: &'static str, global: &Global) -> Self {
        let watched = io::stderr().is_terminal() && !global.no_progress && !global.quiet;
        Self { what, begun: Instant::now(), watched, bar: OnceLock::new() }
    }

    /// Takes the bytes that are done, and those in all.
    pub(super) fn tell(&self, done: u64, of: u64) {
        if self.watched && self.begun.elapsed() > PATIENCE {
            let bar = self.bar.get_or_init(|| self.bar(of));
            bar.set_length(of);
            bar.set_position(done);
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }

    fn bar(&self, of: u64) -> ProgressBar {
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
