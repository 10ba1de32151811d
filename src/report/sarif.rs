//! Verdicts as SARIF 2.1.0 (OASIS), which code scanning reads.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::check::{Report, Severity, Verdict};

/// Writes one run: a rule for each kind, a result for each verdict that fails. What could not be judged makes the run
/// unsuccessful.
///
/// # Errors
/// What the writer meets.
pub fn write(out: &mut dyn Write, report: &Report, image: &str) -> io::Result<()> {
    let kinds: BTreeMap<&str, &Verdict> = report.verdicts.iter().map(|verdict| (verdict.kind, verdict)).collect();
    let index = |kind: &str| kinds.keys().position(|known| *known == kind);
    let rules: Vec<Value> =
        kinds.keys().map(|kind| json!({"id": kind, "shortDescription": {"text": describe(kind)}})).collect();
    let failing = report.verdicts.iter().filter(|verdict| !verdict.holds);
    let results: Vec<Value> = failing.map(|verdict| result(verdict, index(verdict.kind), image)).collect();
    let notifications: Vec<Value> =
        report.troubles.iter().map(|error| json!({"level": "error", "message": {"text": error.to_string()}})).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "nixoscope",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "artifacts": [{"location": {"uri": uri(image)}}],
            "invocations": [{
                "executionSuccessful": report.troubles.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn result(verdict: &Verdict, index: Option<usize>, image: &str) -> Value {
    let level = match verdict.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut text = format!("{} {}: {}", verdict.kind, verdict.subject, verdict.message);
    if let Some(reason) = &verdict.reason {
        text.push_str(&format!(" ({reason})"));
    }
    json!({
        "ruleId": verdict.kind,
        "ruleIndex": index,
        "level": level,
        "message": {"text": text},
        "locations": [{
            "physicalLocation": {"artifactLocation": {"uri": uri(image), "index": 0}},
            "logicalLocations": verdict.evidence.iter().take(1).map(|place| json!({"fullyQualifiedName": place})).collect::<Vec<_>>(),
        }],
        "partialFingerprints": {"assertion/v1": verdict.id},
        "properties": {"evidence": verdict.evidence, "policy": verdict.policy},
    })
}

fn describe(kind: &str) -> String {
    format!("what the image holds is as it was asked for: {kind}")
}

/// A path as the reference of a URI (RFC 3986 §4.2).
fn uri(path: &str) -> String {
    let encoded = path.bytes().fold(String::new(), |mut uri, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
        uri
    });
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded }
}
