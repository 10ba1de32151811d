//! What changed since another image.

use maud::{Markup, html};

use super::super::diff::sections::sections;
use super::super::diff::{Detail, summary};
use super::shown;
use crate::diff::Difference;

/// Lines of a section that the page shows.
const MOST_LINES: usize = 500;

/// Lines up to which a section is open at first.
const OPEN: usize = 40;

/// The sections of the comparison.
pub(super) fn section(since: Option<(&str, &Difference)>) -> Markup {
    let Some((older, difference)) = since else { return html! {} };
    html! {
        section #changes {
            h2 { "What changed" }
            p { "Since " code { (shown(older)) } ": " (shown(&summary(difference, Detail::Main))) }
            @for section in sections(difference, Detail::Main) {
                details open[section.lines.len() <= OPEN] {
                    summary { (shown(&section.heading)) " (" (section.lines.len()) ")" }
                    pre tabindex="0" { @for line in section.lines.iter().take(MOST_LINES) { (shown(line)) "\n" } }
                    @if let more @ 1.. = section.lines.len().saturating_sub(MOST_LINES) { p { "and " (more) " more lines" } }
                }
            }
        }
    }
}
