//! Verdicts as the Test Anything Protocol, in version 13: readers of version 14 accept it, and Perl's own accepts nothing later.

use std::io::{self, Write};

use super::escape;
use crate::check::{Answer, Report, Severity, Verdict};

/// Writes one test point for each verdict. TAP has no word for an unknown one: it is not ok, and its diagnostic says why.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut dyn Write, reports: &[(String, Report)]) -> io::Result<()> {
    writeln!(out, "TAP version 13\n1..{}", reports.iter().map(|(_, report)| report.verdicts.len()).sum::<usize>())?;
    let mut number = 1;
    for (image, report) in reports {
        // One image needs no name: the caller gave it.
        if reports.len() > 1 {
            writeln!(out, "# {}", plain(image))?;
        }
        points(out, report, number)?;
        number += report.verdicts.len();
    }
    Ok(())
}

/// The test points of one image, numbered from `first` on.
fn points(out: &mut dyn Write, report: &Report, first: usize) -> io::Result<()> {
    for (number, verdict) in (first..).zip(&report.verdicts) {
        let holds = verdict.answer == Answer::Holds;
        let status = if holds { "ok" } else { "not ok" };
        // A warning that fails is what TAP calls a known defect.
        let directive = match (verdict.answer, verdict.severity) {
            (Answer::Fails, Severity::Warning) => " # TODO warning",
            (Answer::Unknown, Severity::Warning) => " # TODO unknown",
            _ => "",
        };
        writeln!(
            out,
            "{status} {number} - {}{directive}",
            plain(&format!("{} {}", verdict.kind.name, verdict.subject))
        )?;
        if !holds {
            diagnostic(out, verdict)?;
        }
    }
    for error in report.troubles.iter() {
        writeln!(out, "# {}", plain(&error.to_string()))?;
    }
    Ok(())
}

/// A block of YAML. Its strings are written as in JSON, without the characters that YAML does not allow.
fn diagnostic(out: &mut dyn Write, verdict: &Verdict) -> io::Result<()> {
    let quoted = |text: &str| {
        let lines = text.split('\n').map(|line| escape(line.as_bytes())).collect::<Vec<_>>();
        serde_json::to_string(&lines.join("\n")).unwrap_or_default()
    };
    let (status, severity) = (verdict.answer.name(), verdict.severity.name());
    writeln!(out, "  ---\n  status: {status}\n  message: {}\n  severity: {severity}", quoted(&verdict.message))?;
    if let Some(reason) = &verdict.reason {
        writeln!(out, "  reason: {}", quoted(reason))?;
    }
    if !verdict.evidence.is_empty() {
        writeln!(out, "  evidence:")?;
        verdict.evidence.iter().try_for_each(|line| writeln!(out, "    - {}", quoted(line)))?;
    }
    writeln!(out, "  ...")
}

/// One line, in which `#` begins no directive.
fn plain(text: &str) -> String {
    let line = text.split(['\r', '\n', '\t']).collect::<Vec<_>>().join(" ");
    escape(line.as_bytes()).replace('\\', "\\\\").replace('#', "\\#")
}
