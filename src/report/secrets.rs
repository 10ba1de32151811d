//! `secrets`: where each secret is, never the secret itself.

use std::io::{self, Write};

use serde::Serialize;

use super::count::counted;
use super::document::{self, About};
use super::files::{raw, text};
#[cfg(feature = "cli")]
use super::table::{self, Layout};
use super::{escape, size};
use crate::secrets::{Report, Secret};

const GOOD: anstyle::Style = anstyle::AnsiColor::Green.on_default().bold();
const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

/// Secrets that a table shows.
const SHOWN: usize = 100;

/// Writes a line for each place, and the total.
///
/// # Errors
/// If the writer fails.
#[cfg(feature = "cli")]
pub fn page(out: &mut dyn Write, report: &Report, unsearched: usize, layout: impl Into<Layout>) -> io::Result<()> {
    let layout = layout.into();
    if !report.secrets.is_empty() || layout == Layout::Tabs {
        let mut table = table::new(&["KIND", "WHAT", "PLACE", "FINGERPRINT"], layout);
        let shown = if layout == Layout::Tabs { report.secrets.len() } else { SHOWN };
        for secret in report.secrets.iter().take(shown) {
            let path = escape(&secret.path);
            let place = match secret.line {
                Some(line) => format!("{path}:{line}"),
                None => format!("{path} at offset {}", secret.offset),
            };
            let fingerprint = secret.fingerprint.as_deref().unwrap_or("-");
            table.add_row([secret.kind, &escape(secret.description().as_bytes()), &place, fingerprint]);
        }
        table::write(out, table)?;
    }
    if layout == Layout::Tabs {
        return Ok(());
    }
    let all = report.secrets.len() + report.further;
    if let Some(more @ 1..) = all.checked_sub(SHOWN) {
        writeln!(out, "and {more} more, which --json lists")?;
    }
    if all > 0 {
        writeln!(out)?;
    }
    if report.known > 0 {
        writeln!(out, "note: ignored {} of tests or documentation", counted(report.known, "well-known key"))?;
    }
    if report.allowed > 0 {
        writeln!(out, "note: ignored {} in allowed files", counted(report.allowed, "secret"))?;
    }
    for glob in &report.unused {
        writeln!(out, "note: --allow {} matched nothing", escape(glob.as_bytes()))?;
    }
    if all > 0 {
        writeln!(
            out,
            "note: anyone who has the image can read them; keep them out of the store, or --allow their paths"
        )?;
    }
    let (style, verdict) = match all {
        0 => (GOOD, "no secrets".to_owned()),
        many => (BAD, counted(many, "secret")),
    };
    let unsure = match unsearched {
        0 => String::new(),
        many => format!(", {} could not be searched", counted(many, "place")),
    };
    writeln!(out, "{style}{verdict}{style:#} in {} files, {}{unsure}", report.files, size::format(report.bytes))
}

/// Writes the JSON document of `secrets`.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, about: About<'_>, report: &Report) -> serde_json::Result<()> {
    let body = Body {
        secrets: report.secrets.iter().map(Entry::of).collect(),
        further: report.further,
        known: report.known,
        allowed: report.allowed,
        unused: &report.unused,
        files: report.files,
        bytes: report.bytes,
    };
    document::write(out, "nixoscope.secrets.v1", about, &body)
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(super) type Shape = document::Shape<Body<'static>>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Body<'r> {
    secrets: Vec<Entry<'r>>,
    further: usize,
    known: usize,
    allowed: usize,
    unused: &'r [String],
    files: u64,
    bytes: u64,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'r> {
    kind: &'static str,
    what: &'r str,
    path: String,
    path_base64: Option<String>,
    offset: u64,
    line: Option<u64>,
    subject: Option<Named<'r>>,
    fingerprint: Option<&'r str>,
}

/// Whose a secret is.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct Named<'r> {
    kind: &'static str,
    name: &'r str,
}

impl<'r> Entry<'r> {
    fn of(secret: &'r Secret) -> Self {
        let Secret { path, offset, line, kind, what, subject, fingerprint } = secret;
        let (path, path_base64) = (text(path), raw(path));
        let subject = subject.as_ref().map(|subject| Named { kind: subject.kind(), name: subject.name() });
        let fingerprint = fingerprint.as_deref();
        Self { kind, what, path, path_base64, offset: *offset, line: *line, subject, fingerprint }
    }
}
