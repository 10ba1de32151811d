//! A comparison as Markdown: a summary line, and sections that a pull request can take.

use std::io::{self, Write};

use super::sections::{Section, sections};
use super::{Told, summary};
use crate::diff::Difference;
use crate::report::escape;

/// Bytes of all sections: a comment on GitHub takes 65,536 characters.
const ROOM: usize = 60_000;

/// Lines of one section.
const SHOWN: usize = 100;

/// Bytes of one line.
const LONGEST: usize = 500;

/// Writes the summary and the sections.
///
/// # Errors
/// What the writer meets.
pub fn markdown(out: &mut dyn Write, difference: &Difference, told: Told) -> io::Result<()> {
    let sign = if difference.is_none() { "✅" } else { "🔀" };
    writeln!(out, "{sign} **{}**", summary(difference))?;
    let sections = sections(difference, told);
    let mut room = ROOM;
    for (index, section) in sections.iter().enumerate() {
        let text = written(section);
        match room.checked_sub(text.len()) {
            Some(left) => room = left,
            None => {
                let names: Vec<String> =
                    sections.iter().skip(index).take(20).map(|section| plain(&section.heading)).collect();
                return writeln!(out, "\nToo long to be shown here: {}.", names.join(", "));
            }
        }
        out.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn written(section: &Section) -> String {
    let mut text = format!(
        "\n<details open><summary>{} ({})</summary>\n\n```diff\n",
        plain(&section.heading),
        section.lines.len()
    );
    for line in section.lines.iter().take(SHOWN) {
        text.push_str(&fenced(line));
        text.push('\n');
    }
    if let Some(more @ 1..) = section.lines.len().checked_sub(SHOWN) {
        text.push_str(&format!("… and {more} more\n"));
    }
    text.push_str("```\n\n</details>\n");
    text
}

/// A heading that is shown as it is.
fn plain(heading: &str) -> String {
    escape(heading.as_bytes()).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A line that stays in its block.
fn fenced(line: &str) -> String {
    let mut line = escape(line.as_bytes()).replace("```", "'''");
    if line.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&end| line.is_char_boundary(end)).unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line
}
