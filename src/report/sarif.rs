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
    let rules: Vec<Value> = kinds.keys().map(|kind| rule(kind)).collect();
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
            "artifacts": [{"location": {"uri": uri(image)}, "description": {"text": "the image"}}],
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
    let mut place = json!({"physicalLocation": place(verdict, image)});
    if let (Some(first), Some(place)) = (verdict.evidence.first(), place.as_object_mut()) {
        place.insert("logicalLocations".to_owned(), json!([{"fullyQualifiedName": first}]));
    }
    json!({
        "ruleId": verdict.kind,
        "ruleIndex": index,
        "level": level,
        "message": {"text": text},
        "locations": [place],
        "partialFingerprints": {"assertion/v1": verdict.id},
        "properties": {"evidence": verdict.evidence, "policy": verdict.policy},
    })
}

/// The policy that asks for it, which lies among the sources, or the image. GitHub shows no result without a line.
fn place(verdict: &Verdict, image: &str) -> Value {
    match &verdict.policy {
        Some(policy) => json!({"artifactLocation": {"uri": uri(policy)}, "region": {"startLine": 1}}),
        None => json!({"artifactLocation": {"uri": uri(image), "index": 0}, "region": {"startLine": 1}}),
    }
}

/// What an assertion of a kind is, in the three lengths that GitHub asks for.
fn rule(kind: &str) -> Value {
    let text = match kind {
        "package" => "a package is in the image",
        "installed" => "a package is installed in the default system",
        "not-installed" => "a package is not installed in the default system",
        "forbid" => "a package is not in the image",
        "max-copies" => "a package is in the image in no more copies than asked for",
        "command" => "a command leads through the system path to an executable",
        "file" => "a file is there, as it was asked for",
        "no-file" => "a file is not there",
        "key" => "sshd accepts a key",
        "only-keys" => "sshd accepts no other keys",
        "user" => "a user is as it was asked for",
        "ssh" => "sshd is set up as it was asked for",
        "no-empty-passwords" => "no empty password opens anything",
        "access" => "nobody gets in who should not",
        "secrets" => "no private keys, passwords, hashes or tokens are in the image",
        "integrity" => "every byte of the store is what is registered of it, and all is there that boots",
        "max-size" => "the image is no larger than asked for",
        "volume-id" => "the volume is called as it was asked for",
        "system" => "the default system is for the platform",
        "boot" => "the image boots from the firmware",
        "kernel" => "the kernel has the version that was asked for",
        "param" => "a kernel parameter is in the entry that boots by default",
        "no-param" => "a kernel parameter is in no menu entry",
        _ => "what the image holds is as it was asked for",
    };
    let help = match kind {
        "forbid" => "The properties of the result have the chain of references that brings the package in.",
        "secrets" => {
            "Whoever has the image can read them: keep them out of the store, with sops-nix, agenix or hashedPasswordFile, and \
             replace those that have been handed out. What is meant to be there goes among the globs of allow in [secrets]."
        }
        _ => "The message says what is there instead, and the properties of the result where.",
    };
    json!({
        "id": kind,
        "shortDescription": {"text": text},
        "fullDescription": {"text": text},
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
