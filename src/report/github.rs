//! Verdicts as workflow commands of GitHub Actions: what fails is shown beside the step.

use std::io::{self, Write};
use std::path::Path;

use super::escape;
use super::sarif::from_root;
use crate::check::{Answer, Report, Severity};

/// Annotations that a step shows. GitHub drops more than ten of a kind.
const SHOWN: usize = 10;

/// Writes an `::error` or a `::warning` for each verdict that does not hold, at the line of the policy that asks for it. `root` is
/// the folder of the sources.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut dyn Write, report: &Report, root: &Path) -> io::Result<()> {
    for severity in [Severity::Error, Severity::Warning] {
        let wrong =
            report.verdicts.iter().filter(|verdict| verdict.answer != Answer::Holds && verdict.severity == severity);
        for verdict in wrong.take(SHOWN) {
            let title = property(&format!("{} {}", verdict.kind.name, verdict.subject));
            let mut text = match verdict.answer {
                Answer::Unknown => format!("could not be checked: {}", verdict.message),
                Answer::Holds | Answer::Fails => verdict.message.clone(),
            };
            if let Some(reason) = &verdict.reason {
                text.push_str(&format!(" ({reason})"));
            }
            let line = verdict.line.unwrap_or(1);
            let file = verdict
                .policy
                .as_ref()
                .map_or_else(String::new, |policy| format!("file={},line={line},", property(from_root(policy, root))));
            writeln!(out, "::{} {file}title={title}::{}", severity.name(), data(&text))?;
        }
    }
    for error in report.troubles.iter().take(SHOWN) {
        writeln!(out, "::error title=could not be read::{}", data(&error.to_string()))?;
    }
    Ok(())
}

/// Escapes the text of a command. Line breaks stay; other control characters are shown.
fn data(text: &str) -> String {
    let lines = text.split('\n').map(|line| escape(line.as_bytes()).replace('%', "%25"));
    lines.collect::<Vec<_>>().join("%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
