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
use crate::diff::{Change, Difference};

/// Lines of one section that a page has.
const SHOWN: usize = 20;

/// Names of what every build makes different that the last line has, and letters of one.
const NAMED: usize = 8;
const LONGEST_NAME: usize = 80;

/// What differs where the same files were packed in another way, and follows from that.
const PACKING: [&str; 5] =
    ["places of partitions", "squashfs length", "squashfs made", "squashfs packing", "volume length"];

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
    writeln!(out, "{STRONG}{}{STRONG:#}", escape(summary(difference, told).as_bytes()))
}

/// All in one line.
fn summary(difference: &Difference, told: Told) -> String {
    let unread = match difference.troubles.len() {
        0 => "",
        _ => ", as far as it could be read",
    };
    if difference.is_none() {
        return format!("no difference{}{unread}", noise(&difference.parts.noise, told));
    }
    let (added, removed) = (difference.added.len(), difference.removed.len());
    let changed = difference.changed.len();
    if added + removed + changed == 0 {
        return format!("the same store paths, but differences beside them{unread}");
    }
    let delta = sections::delta(difference.nar_size_delta);
    format!("{added} store paths added, {removed} removed, {changed} changed{delta}{unread}")
}

/// What differs between two builds of the same, by its names.
fn noise(noise: &[Change], told: Told) -> String {
    if noise.is_empty() {
        return String::new();
    }
    let is_packing = |change: &Change| PACKING.contains(&change.what.as_str());
    let kind = match noise.iter().all(is_packing) {
        true => "in the packing",
        false => "in what every build makes",
    };
    let short = |change: &Change| change.what.chars().take(LONGEST_NAME).collect::<String>();
    let mut names: Vec<String> = noise.iter().take(NAMED).map(short).collect();
    names.extend(noise.len().checked_sub(NAMED + 1).map(|more| format!("{} more", more + 1)));
    let how = if told == Told::All { "" } else { " (--all lists them)" };
    format!(" but {kind}: {}{how}", names.join(", "))
}
