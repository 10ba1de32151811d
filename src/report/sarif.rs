//! Verdicts as SARIF 2.1.0 (OASIS), which code scanning reads.

use std::collections::BTreeMap;
use std::io::{self, Write};

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::check::{Answer, Kind, Report, Severity, Verdict};

/// Writes one run: a rule for each kind, a result for each verdict that does not hold. Something that could not be read makes
/// the run unsuccessful.
///
/// # Errors
/// What the writer meets.
pub fn write(out: &mut dyn Write, report: &Report, image: &str) -> io::Result<()> {
    let kinds: BTreeMap<&str, &Kind> =
        report.verdicts.iter().map(|verdict| (verdict.kind.name, verdict.kind)).collect();
    let index = |kind: &Kind| kinds.keys().position(|known| *known == kind.name);
    let rules: Vec<Value> = kinds.values().map(|kind| rule(kind)).collect();
    let failing = report.verdicts.iter().filter(|verdict| verdict.answer != Answer::Holds);
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
            "artifacts": [{"location": {"uri": uri(image)}, "description": {"text": "the image"}}],
            "invocations": [{
                "executionSuccessful": report.troubles.is_empty() && report.unknown() == 0,
                "toolExecutionNotifications": notifications,
            }],
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn result(verdict: &Verdict, index: Option<usize>, image: &str) -> Value {
    // A result that is not a failure has no level (SARIF 2.1.0 §3.27.10).
    let (kind, level) = match (verdict.answer, verdict.severity) {
        (Answer::Holds, _) => ("pass", "none"),
        (Answer::Unknown, _) => ("open", "none"),
        (Answer::Fails, Severity::Error) => ("fail", "error"),
        (Answer::Fails, Severity::Warning) => ("fail", "warning"),
    };
    let mut text = format!("{} {}: {}", verdict.kind.name, verdict.subject, verdict.message);
    if let Some(reason) = &verdict.reason {
        text.push_str(&format!(" ({reason})"));
    }
    let mut place = json!({"physicalLocation": place(verdict, image)});
    if let (Some(first), Some(place)) = (verdict.evidence.first(), place.as_object_mut()) {
        place.insert("logicalLocations".to_owned(), json!([{"fullyQualifiedName": first}]));
    }
    json!({
        "ruleId": verdict.kind.name,
        "ruleIndex": index,
        "kind": kind,
        "level": level,
        "message": {"text": text},
        "locations": [place],
        "partialFingerprints": {"assertion/v1": verdict.id, "primaryLocationLineHash": fingerprint(&verdict.id)},
        "properties": {"evidence": verdict.evidence, "policy": verdict.policy},
    })
}

/// GitHub compares results by this fingerprint alone. It would compute one from the line, which all results without one share.
fn fingerprint(id: &str) -> String {
    let digest = HEXLOWER.encode(&Sha256::digest(id));
    format!("{}:1", digest.get(..16).unwrap_or(&digest))
}

/// The policy that asks for it, which lies among the sources, or the image. GitHub shows no result without a line.
fn place(verdict: &Verdict, image: &str) -> Value {
    match &verdict.policy {
        Some(policy) => json!({"artifactLocation": {"uri": uri(policy)}, "region": {"startLine": 1}}),
        None => json!({"artifactLocation": {"uri": uri(image), "index": 0}, "region": {"startLine": 1}}),
    }
}

/// What an assertion of a kind says, in the three lengths that GitHub asks for.
fn rule(kind: &Kind) -> Value {
    let help = kind.advice.unwrap_or("The message says what is there instead, and the properties of the result where.");
    json!({
        "id": kind.name,
        "shortDescription": {"text": kind.says},
        "fullDescription": {"text": kind.says},
        "help": {"text": help},
        "defaultConfiguration": {"level": "error"},
    })
}

/// A path as the reference of a URI (RFC 3986 §4.2).
fn uri(path: &str) -> String {
    let mut path = path;
    // GitHub takes references from the root of the sources on, as git writes them.
    while let Some(rest) = path.strip_prefix("./") {
        path = rest.trim_start_matches('/');
    }
    let encoded = path.bytes().fold(String::new(), |mut uri, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            other => uri.push_str(&format!("%{other:02X}")),
        }
        uri
    });
    if path.starts_with('/') { format!("file://{encoded}") } else { encoded }
}
