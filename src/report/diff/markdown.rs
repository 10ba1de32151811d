//! A comparison as Markdown for a pull request: a summary line, then sections.

use std::io::{self, Write};

use super::sections::{Section, sections};
use super::{Detail, summary};
use crate::diff::Difference;
use crate::report::escape;
use crate::report::markdown::within;

/// Bytes of all sections. A comment on GitHub has at most 65,536 characters.
const ROOM: usize = 60_000;

/// Lines of one section.
const SHOWN: usize = 100;

/// Characters of the summary.
const LONGEST_SUMMARY: usize = 1000;

/// Bytes of one line.
const LONGEST: usize = 500;

/// Writes the summary and the sections.
///
/// # Errors
/// If the writer fails.
pub fn markdown(out: &mut dyn Write, difference: &Difference, detail: Detail) -> io::Result<()> {
    let sign = match (difference.is_none(), difference.troubles.is_empty()) {
        (true, true) => "✅",
        (false, true) => "🔀",
        (_, false) => "⚠️",
    };
    writeln!(out, "{sign} **{}**", within(&escape(summary(difference, detail).as_bytes()), LONGEST_SUMMARY))?;
    let sections = sections(difference, detail);
    let mut room = ROOM;
    for (index, section) in sections.iter().enumerate() {
        let text = written(section);
        match room.checked_sub(text.len()) {
            Some(left) => room = left,
            None => {
                let names: Vec<String> =
                    sections.iter().skip(index).take(20).map(|section| plain(&section.heading)).collect();
                return writeln!(out, "\nToo long to show here: {}.", names.join(", "));
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

/// Escapes a heading for HTML, where GitHub still recognizes mentions.
fn plain(heading: &str) -> String {
    let heading = shortened(escape(heading.as_bytes()).into_owned());
    heading.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "&#64;")
}

fn shortened(mut line: String) -> String {
    if line.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&end| line.is_char_boundary(end)).unwrap_or(0);
        line.truncate(end);
        line.push('…');
    }
    line
}

/// A line that cannot end its code block.
fn fenced(line: &str) -> String {
    shortened(escape(line.as_bytes()).replace("```", "'''"))
}
