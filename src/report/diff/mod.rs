//! What changed between two images, in the notation of nvd: for people, for programs, and for pull requests.

mod json;
mod markdown;
pub mod reproducible;
mod sections;

use std::io::{self, Write};

pub use json::json;
pub use markdown::markdown;

use self::sections::sections;
use super::escape;
use super::table::STRONG;
use crate::diff::Difference;

/// Lines of one section that a page has.
const SHOWN: usize = 20;

/// What a page tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// What matters: packages, systems, people.
    Main,
    /// Rebuilds and store paths one by one, and what differs between two builds of the same, too.
    All,
}

/// The page.
///
/// # Errors
/// What the writer meets.
pub fn page(out: &mut dyn Write, difference: &Difference, told: Told) -> io::Result<()> {
    for section in sections(difference, told) {
        writeln!(out, "{STRONG}{}{STRONG:#}", escape(section.heading.as_bytes()))?;
        let shown = if told == Told::All || section.whole { usize::MAX } else { SHOWN };
        for line in section.lines.iter().take(shown) {
            writeln!(out, "  {}", escape(line.as_bytes()))?;
        }
        if let Some(more @ 1..) = section.lines.len().checked_sub(shown) {
            writeln!(out, "  and {more} more, which --all lists")?;
        }
    }
    writeln!(out, "{STRONG}{}{STRONG:#}", summary(difference))
}

/// All in one line.
fn summary(difference: &Difference) -> String {
    if difference.is_none() {
        return match difference.parts.noise.len() {
            0 => "no difference".to_owned(),
            1 => "no difference but 1 that every build makes, which --all lists".to_owned(),
            many => format!("no difference but {many} that every build makes, which --all lists"),
        };
    }
    let (added, removed) = (difference.added.len(), difference.removed.len());
    let changed = difference.changed.len();
    let delta = sections::delta(difference.nar_size_delta);
    format!("{added} store paths added, {removed} removed, {changed} changed{delta}")
}
