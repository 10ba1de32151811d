//! The results of `verify`.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::count::counted;
use super::document::{self, About};
use super::escape;
use super::files::{raw, text};
use crate::verify::{Problem, Remark, Report};

const GOOD: anstyle::Style = anstyle::AnsiColor::Green.on_default().bold();
const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

const UNSURE: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();

/// Problems of one kind that a page shows. A truncated image has thousands.
const SHOWN: usize = 20;

/// Writes the problems, the notes and a summary line.
///
/// # Errors
/// If the writer fails.
pub fn page(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    for same in report.problems.chunk_by(|one, other| one.kind == other.kind) {
        for problem in same.iter().take(SHOWN) {
            self::problem(out, problem)?;
        }
        if let (Some(more @ 1..), Some(first)) = (same.len().checked_sub(SHOWN), same.first()) {
            writeln!(out, "{BAD}{}{BAD:#} and {more} more, which --json lists", first.kind.name())?;
        }
    }
    for unchecked in report.unchecked.iter().take(SHOWN) {
        writeln!(out, "{UNSURE}unchecked{UNSURE:#} {}", escape(&unchecked.path))?;
        writeln!(out, "  {}", escape(unchecked.message.as_bytes()))?;
    }
    if let Some(more @ 1..) = report.unchecked.len().checked_sub(SHOWN) {
        writeln!(out, "{UNSURE}unchecked{UNSURE:#} and {more} more, which --json lists")?;
    }
    if !report.problems.is_empty() || !report.unchecked.is_empty() {
        writeln!(out)?;
    }
    for note in notes(report) {
        writeln!(out, "note: {note}")?;
    }
    let Report { registered, present, verified, .. } = report;
    let (style, verdict) = match (report.problems.len(), report.unchecked.len()) {
        (0, 0) => (GOOD, "no problems".to_owned()),
        (0, 1) => (UNSURE, "no problems found, but 1 thing could not be checked".to_owned()),
        (0, many) => (UNSURE, format!("no problems found, but {many} things could not be checked")),
        (many, _) => (BAD, counted(many, "problem")),
    };
    writeln!(
        out,
        "{style}{verdict}{style:#}: {registered} store paths registered, {present} present, {verified} verified"
    )
}

fn problem(out: &mut dyn Write, problem: &Problem) -> io::Result<()> {
    writeln!(out, "{BAD}{}{BAD:#} {}", problem.kind.name(), escape(&problem.path))?;
    writeln!(out, "  {}", escape(problem.message.as_bytes()))?;
    for (what, value) in [("expected", &problem.expected), ("actual", &problem.actual)] {
        if let Some(value) = value {
            writeln!(out, "  {what:<8} {}", escape(value.as_bytes()))?;
        }
    }
    Ok(())
}

/// Facts that are no problem but that the reader should know.
fn notes(report: &Report) -> Vec<String> {
    let remarks = report.notes.iter();
    let mut notes: Vec<String> = remarks.map(|note| escape(note.message.as_bytes()).into_owned()).collect();
    if !report.strays.is_empty() {
        let names: Vec<_> = report.strays.iter().take(SHOWN).map(|name| escape(name)).collect();
        let more = if report.strays.len() > SHOWN { ", …" } else { "" };
        notes.push(format!("not store paths, but in the store's directory: {}{more}", names.join(", ")));
    }
    if !report.has_registration && report.present > 0 {
        notes.push("the store has no registration, so its paths are unverified".to_owned());
    }
    if report.without_hash > 0 {
        notes.push(format!(
            "{} without a recorded hash, as in all images before 18.03: readable but unverified",
            counted(report.without_hash, "store path")
        ));
    }
    if report.implanted_md5 == Some(true) {
        notes.push("the embedded MD5 (isomd5sum) matches".to_owned());
    }
    if let Some(signed) = &report.signed {
        notes.push(format!("{} of {} verified store paths are signed by the given keys", signed.paths, signed.of));
        for (key, paths) in &signed.by_key {
            notes.push(format!("{} signed by {}", counted(*paths, "store path"), escape(key.as_bytes())));
        }
    }
    if report.holds_more {
        notes.push(
            "the store holds all of the given closure and more, which nixoscope check --closure FILE accepts"
                .to_owned(),
        );
    }
    if report.expected_file == Some(true) {
        notes.push("the image file matches the given SHA-256".to_owned());
    } else if report.against_closure && report.problems.is_empty() {
        notes.push("the store holds exactly the given closure, which does not cover boot loaders and menus".to_owned());
    } else if report.signed.is_none() && report.verified > 0 && report.problems.is_empty() {
        notes.push(
            "files match the registration; tampering with both is only detected with --sha256 or --against".to_owned(),
        );
    }
    notes
}

/// Writes the JSON document of `verify`.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, about: About<'_>, report: &Report) -> serde_json::Result<()> {
    let problems = report.problems.iter().map(|problem| Entry {
        kind: problem.kind.name(),
        path: text(&problem.path),
        path_base64: raw(&problem.path),
        expected: problem.expected.as_deref(),
        actual: problem.actual.as_deref(),
        message: &problem.message,
    });
    let body = Body {
        paths: Paths {
            registered: report.registered,
            present: report.present,
            verified: report.verified,
            without_hash: report.without_hash,
        },
        expected_file: report.expected_file,
        implanted_md5: report.implanted_md5,
        signatures: report.signed.as_ref().map(|signed| Signatures {
            keys: &signed.by_key,
            signed: signed.paths,
            unsigned: signed.of.saturating_sub(signed.paths),
        }),
        strays: report.strays.iter().map(|name| text(name)).collect(),
        problems: problems.collect(),
        unchecked: report.unchecked.iter().map(Remarked::of).collect(),
        notes: report.notes.iter().map(Remarked::of).collect(),
    };
    document::write(out, "nixoscope.verify.v1", about, &body)
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(super) type Shape = document::Shape<Body<'static>>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Body<'r> {
    paths: Paths,
    expected_file: Option<bool>,
    implanted_md5: Option<bool>,
    signatures: Option<Signatures<'r>>,
    strays: Vec<String>,
    problems: Vec<Entry<'r>>,
    unchecked: Vec<Remarked<'r>>,
    notes: Vec<Remarked<'r>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Paths {
    registered: usize,
    present: usize,
    verified: usize,
    without_hash: usize,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'r> {
    kind: &'static str,
    path: String,
    path_base64: Option<String>,
    expected: Option<&'r str>,
    actual: Option<&'r str>,
    message: &'r str,
}

/// How many of the verified store paths are signed, also by each key.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Signatures<'r> {
    keys: &'r BTreeMap<String, usize>,
    signed: usize,
    unsigned: usize,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Remarked<'r> {
    path: String,
    path_base64: Option<String>,
    message: &'r str,
}

impl<'r> Remarked<'r> {
    fn of(remark: &'r Remark) -> Self {
        Self { path: text(&remark.path), path_base64: raw(&remark.path), message: &remark.message }
    }
}
