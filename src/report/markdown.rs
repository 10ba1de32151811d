//! Verdicts as Markdown: a summary line, and a table that a pull request or a step summary can take.

use std::io::{self, Write};

use super::escape;
use crate::check::{Answer, Report, Severity, Verdict};

/// Verdicts that the table has; those that fail come first.
const SHOWN: usize = 200;

/// Characters of a cell.
const LONGEST: usize = 300;

/// Writes summaries and tables of several images.
///
/// # Errors
/// If the writer fails.
pub fn write_all(out: &mut dyn Write, reports: &[(String, Report)]) -> io::Result<()> {
    for (index, (image, report)) in reports.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        write(out, report, image)?;
    }
    Ok(())
}

/// Writes the summary and the table.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut dyn Write, report: &Report, image: &str) -> io::Result<()> {
    let (passed, failed, warnings) = (report.passed(), report.failed(), report.warnings());
    let sign = match report.answer() {
        Answer::Holds => "✅",
        Answer::Fails => "❌",
        Answer::Unknown => "❔",
    };
    let unknown = match report.unknown() {
        0 => String::new(),
        many => format!(", {many} could not be checked"),
    };
    let warnings = if warnings == 1 { "1 warning".to_owned() } else { format!("{warnings} warnings") };
    let name = image.rsplit('/').next().unwrap_or(image);
    writeln!(out, "{sign} **{}**: {passed} passed, {failed} failed, {warnings}{unknown}\n", cell(name))?;
    if !report.verdicts.is_empty() {
        writeln!(out, "| | assertion | subject | what is there |\n|---|---|---|---|")?;
    }
    let (good, bad): (Vec<&Verdict>, Vec<&Verdict>) =
        report.verdicts.iter().partition(|verdict| verdict.answer == Answer::Holds);
    for verdict in bad.iter().chain(&good).take(SHOWN) {
        let sign = match (verdict.answer, verdict.severity) {
            (Answer::Holds, _) => "✅",
            (Answer::Fails, Severity::Error) => "❌",
            (Answer::Fails, Severity::Warning) => "⚠️",
            (Answer::Unknown, _) => "❔",
        };
        let reason = verdict.reason.as_ref().filter(|_| verdict.answer != Answer::Holds);
        let reason = reason.map(|reason| format!("<br>{}", cell(reason))).unwrap_or_default();
        writeln!(
            out,
            "| {sign} | {} | {} | {}{reason} |",
            verdict.kind.name,
            cell(&verdict.subject),
            cell(&verdict.message)
        )?;
    }
    if let Some(more @ 1..) = report.verdicts.len().checked_sub(SHOWN) {
        writeln!(out, "\nand {more} more")?;
    }
    for error in report.troubles.iter().take(SHOWN) {
        writeln!(out, "\nCould not be read: {}", cell(&error.to_string()))?;
    }
    Ok(())
}

/// A text that stays in its cell and is shown as it is.
fn cell(text: &str) -> String {
    within(text, LONGEST)
}

/// A text that is shown as it is, up to a number of characters.
pub(super) fn within(text: &str, longest: usize) -> String {
    let mut cell = String::new();
    let line = text.split(['\r', '\n', '\t']).collect::<Vec<_>>().join(" ");
    for (index, letter) in escape(line.as_bytes()).chars().enumerate() {
        if index == longest {
            cell.push('…');
            break;
        }
        match letter {
            // Between two dollars GitHub writes mathematics.
            '\\' | '$' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => cell.extend(['\\', letter]),
            '<' => cell.push_str("&lt;"),
            '>' => cell.push_str("&gt;"),
            '&' => cell.push_str("&amp;"),
            '@' => cell.push_str("&#64;"), // names nobody
            letter => cell.push(letter),
        }
    }
    cell
}
