//! What changed between two images, in the notation of nvd: for people, for programs, and for pull requests.

mod inside;
mod json;
mod markdown;
mod packages;
pub mod reproducible;
#[cfg(test)]
pub(super) mod schema;
pub(super) mod sections;
mod value;

use std::io::{self, Write};

pub use json::json;
pub use markdown::markdown;

use self::sections::{Length, sections};
use super::escape;
use super::style::STRONG;
use crate::diff::{Change, Difference, NoiseKind, Parts};

/// Lines of one section that a page shows.
const SHOWN: usize = 20;

/// Names of noise that the last line shows, and characters of one.
const NAMED: usize = 8;
const LONGEST_NAME: usize = 80;

/// How much a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What matters: packages, systems, people.
    Main,
    /// Also rebuilds and store paths one by one, and what differs in every build.
    All,
}

/// The page.
///
/// # Errors
/// If the writer fails.
pub fn page(out: &mut dyn Write, difference: &Difference, detail: Detail) -> io::Result<()> {
    for section in sections(difference, detail) {
        writeln!(out, "{STRONG}{}{STRONG:#}", escape(section.heading.as_bytes()))?;
        let shown = if detail == Detail::All || section.length == Length::Whole { usize::MAX } else { SHOWN };
        for line in section.lines.iter().take(shown) {
            writeln!(out, "  {}", escape(line.as_bytes()))?;
        }
        if let Some(more @ 1..) = section.lines.len().checked_sub(shown) {
            writeln!(out, "  and {more} more (--all lists them)")?;
        }
    }
    writeln!(out, "{STRONG}{}{STRONG:#}", escape(summary(difference, detail).as_bytes()))
}

/// The comparison in one line.
pub(super) fn summary(difference: &Difference, detail: Detail) -> String {
    let unread = if difference.troubles.is_empty() { "" } else { "; not everything could be compared" };
    if difference.is_none() {
        return format!("no differences{}{unread}", noise(&difference.parts, detail));
    }
    let paths = &difference.paths;
    if paths.is_none() {
        return format!("the store paths are the same, other things differ{unread}");
    }
    let added = packages::counted_paths(paths.added.len());
    let (removed, changed) = (paths.removed.len(), paths.changed.len());
    let delta = packages::delta(difference.nar_size_delta);
    format!("{added} added, {removed} removed, {changed} changed{delta}{unread}")
}

/// The names of the noise.
fn noise(parts: &Parts, detail: Detail) -> String {
    let noise = &parts.noise;
    if noise.is_empty() {
        return String::new();
    }
    let kind = match parts.noise_kind() {
        NoiseKind::Packing => "in packing",
        NoiseKind::Build => "what every build changes",
    };
    let short = |change: &Change| change.what.chars().take(LONGEST_NAME).collect::<String>();
    let mut names: Vec<String> = noise.iter().take(NAMED).map(short).collect();
    names.extend(noise.len().checked_sub(NAMED + 1).map(|more| format!("{} more", more + 1)));
    let how = if detail == Detail::All { "" } else { " (--all lists them)" };
    format!(" except {kind}: {}{how}", names.join(", "))
}
