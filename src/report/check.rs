//! The verdicts of `check`.

use std::io::{self, Write};

use serde::Serialize;

#[cfg(feature = "cli")]
use super::table::{self, Layout};
use super::{About, document, escape};
use crate::check::accept::Used;
use crate::check::{Answer, Report, Severity, Verdict};

const PASS: anstyle::Style = anstyle::AnsiColor::Green.on_default().bold();
const WARN: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
const FAIL: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

/// Pieces of evidence that a table shows for one failure.
const SHOWN: usize = 8;

/// One line a verdict, the evidence below each that fails, and the sum.
///
/// # Errors
/// If the writer fails.
#[cfg(feature = "cli")]
pub fn table(out: &mut dyn Write, report: &Report, layout: Layout) -> io::Result<()> {
    let mut table = table::new(&["", "ASSERTION", "SUBJECT", "WHAT IS THERE"], layout);
    for verdict in &report.verdicts {
        let status = status(verdict);
        table.add_row([
            status.to_owned(),
            verdict.kind.name.to_owned(),
            escape(verdict.subject.as_bytes()).into_owned(),
            escape(verdict.message.as_bytes()).into_owned(),
        ]);
    }
    if !report.verdicts.is_empty() {
        table::write_styled(out, table, |line| match line.get(..4) {
            Some("pass") => Some(PASS),
            Some("FAIL") => Some(FAIL),
            Some("warn" | "unkn") => Some(WARN),
            _ => None,
        })?;
    }
    if layout == Layout::Tabs {
        return Ok(());
    }
    let explained = |verdict: &&Verdict| {
        verdict.answer != Answer::Holds && (verdict.reason.is_some() || !verdict.evidence.is_empty())
    };
    for verdict in report.verdicts.iter().filter(explained) {
        writeln!(out)?;
        evidence(out, verdict)?;
    }
    accepted(out, &report.accepted)?;
    let (passed, failed) = (report.passed(), report.failed());
    let unknown = match report.unknown() {
        0 => String::new(),
        many => format!(", {many} could not be checked"),
    };
    let warned = match report.warnings() {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        many => format!(", {many} warnings"),
    };
    let style = if report.answer() == Answer::Holds { PASS } else { FAIL };
    writeln!(out, "\n{style}{passed} passed, {failed} failed{warned}{unknown}{style:#}")
}

/// Acceptances that are over, or that match nothing and can be removed.
#[cfg(feature = "cli")]
fn accepted(out: &mut dyn Write, all: &[Used]) -> io::Result<()> {
    let idle: Vec<&Used> = all.iter().filter(|used| used.over || used.matches == 0).collect();
    if !idle.is_empty() {
        writeln!(out)?;
    }
    for Used { acceptance, matches, .. } in idle {
        let told = match (matches, acceptance.expires) {
            (1.., Some(last)) => format!("is over since {last}"),
            _ => "matches nothing".to_owned(),
        };
        let finding = acceptance.finding.glob().glob();
        let place = format!("{}:{}", acceptance.policy, acceptance.line);
        writeln!(out, "accept {} ({}) {told}", escape(finding.as_bytes()), escape(place.as_bytes()))?;
    }
    Ok(())
}

fn status(verdict: &Verdict) -> &'static str {
    match (verdict.answer, verdict.severity) {
        (Answer::Holds, _) => "pass",
        (Answer::Fails, Severity::Error) => "FAIL",
        (Answer::Fails, Severity::Warning) => "warn",
        (Answer::Unknown, _) => "unknown",
    }
}

fn evidence(out: &mut dyn Write, verdict: &Verdict) -> io::Result<()> {
    let heading = match verdict.kind.name {
        "forbid" => "is brought in by",
        _ => "see",
    };
    let subject = escape(verdict.subject.as_bytes());
    match &verdict.reason {
        Some(reason) => writeln!(out, "{} {subject}: {}", verdict.kind.name, escape(reason.as_bytes()))?,
        None => writeln!(out, "{} {subject}: {heading}", verdict.kind.name)?,
    }
    for (depth, line) in verdict.evidence.iter().take(SHOWN).enumerate() {
        let arrow = if verdict.kind.name == "forbid" && depth > 0 {
            format!("{}-> ", "  ".repeat(depth - 1))
        } else {
            String::new()
        };
        writeln!(out, "  {arrow}{}", escape(line.as_bytes()))?;
    }
    match verdict.evidence.len().checked_sub(SHOWN) {
        Some(more @ 1..) => writeln!(out, "  and {more} more"),
        _ => Ok(()),
    }
}

/// The document of `check`.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, about: About<'_>, report: &Report) -> serde_json::Result<()> {
    let results = report.verdicts.iter().map(|verdict| Entry {
        id: &verdict.id,
        kind: verdict.kind.name,
        subject: &verdict.subject,
        status: verdict.answer.name(),
        message: &verdict.message,
        system: verdict.system.as_deref(),
        evidence: &verdict.evidence,
        severity: verdict.severity.name(),
        reason: verdict.reason.as_deref(),
        policy: verdict.policy.as_deref(),
        line: verdict.line,
    });
    let body = Body {
        results: results.collect(),
        passed: report.passed(),
        failed: report.failed(),
        warnings: report.warnings(),
        unknown: report.unknown(),
        accepted: report.accepted.iter().map(AcceptedEntry::of).collect(),
    };
    document::write(out, "nixoscope.check.v1", about, &body)
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(super) type Shape = document::Shape<Body<'static>>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Body<'v> {
    results: Vec<Entry<'v>>,
    passed: usize,
    failed: usize,
    warnings: usize,
    unknown: usize,
    accepted: Vec<AcceptedEntry<'v>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct AcceptedEntry<'v> {
    finding: &'v str,
    subject: Option<&'v str>,
    reason: &'v str,
    expires: Option<String>,
    /// Whether its last day is over.
    expired: bool,
    /// How many findings it matched.
    matches: usize,
    policy: &'v str,
    line: usize,
}

impl<'v> AcceptedEntry<'v> {
    fn of(used: &'v Used) -> Self {
        let acceptance = &used.acceptance;
        Self {
            finding: acceptance.finding.glob().glob(),
            subject: acceptance.subject.as_ref().map(|subject| subject.glob().glob()),
            reason: &acceptance.reason,
            expires: acceptance.expires.map(|day| day.to_string()),
            expired: used.over,
            matches: used.matches,
            policy: &acceptance.policy,
            line: acceptance.line,
        }
    }
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Entry<'v> {
    id: &'v str,
    kind: &'static str,
    subject: &'v str,
    status: &'static str,
    message: &'v str,
    system: Option<&'v str>,
    evidence: &'v [String],
    severity: &'static str,
    reason: Option<&'v str>,
    policy: Option<&'v str>,
    line: Option<usize>,
}
