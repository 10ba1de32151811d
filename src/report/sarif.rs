//! Verdicts as SARIF 2.1.0 (OASIS), which code scanning reads.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::document;
use crate::check::{Answer, Kind, Report, Severity, Verdict};

/// Where the program is at home: `repository` of its manifest. Empty if that says nothing.
const HOME: &str = env!("CARGO_PKG_REPOSITORY");

/// The chapter about assertions on that page.
const CHAPTER: &str = "check";

/// The names of files in a report.
#[derive(Clone, Copy, Debug)]
struct Names<'n> {
    /// The image.
    image: &'n str,
    /// The folder of the sources. Files below it are named from there on.
    root: &'n Path,
}

/// Writes one run for each image: a rule for each kind, and a result for each verdict that does not hold. If something could not be read, the
/// run was not successful. `root` is the folder of the sources: files below it are named from there on.
///
/// # Errors
/// If the writer fails.
pub fn write(out: &mut dyn Write, reports: &[(String, Report)], root: &Path) -> io::Result<()> {
    let runs: Vec<Value> = reports.iter().map(|(image, report)| run(report, Names { image, root })).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": runs,
    });
    document::line(out, &document)?;
    Ok(())
}

fn run(report: &Report, names: Names<'_>) -> Value {
    let kinds: BTreeMap<&str, &Kind> =
        report.verdicts.iter().map(|verdict| (verdict.kind.name, verdict.kind)).collect();
    let index = |kind: &Kind| kinds.keys().position(|known| *known == kind.name);
    let rules: Vec<Value> = kinds.values().map(|kind| rule(kind, HOME)).collect();
    let failing = report.verdicts.iter().filter(|verdict| verdict.answer != Answer::Holds);
    let results: Vec<Value> = failing.map(|verdict| result(verdict, index(verdict.kind), names)).collect();
    let notifications: Vec<Value> =
        report.troubles.iter().map(|error| json!({"level": "error", "message": {"text": error.to_string()}})).collect();
    json!({
        "tool": {"driver": driver(&rules, HOME)},
        "artifacts": [{"location": location(names.image, names), "description": {"text": "the image"}}],
        "invocations": [{
            "executionSuccessful": report.troubles.is_empty() && report.unknown() == 0,
            "toolExecutionNotifications": notifications,
        }],
        "results": results,
    })
}

/// The program. A tool whose page is not known has no address.
fn driver(rules: &[Value], home: &str) -> Value {
    let mut driver = json!({"name": "nixoscope", "version": env!("CARGO_PKG_VERSION"), "rules": rules});
    if let Some(driver) = driver.as_object_mut().filter(|_| !home.is_empty()) {
        driver.insert("informationUri".to_owned(), json!(home));
    }
    driver
}

fn result(verdict: &Verdict, index: Option<usize>, names: Names<'_>) -> Value {
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
    let mut place = json!({"physicalLocation": place(verdict, names)});
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

/// The line of the policy that asks for it, or the image. GitHub shows no result without a line.
fn place(verdict: &Verdict, names: Names<'_>) -> Value {
    let line = verdict.line.unwrap_or(1);
    match &verdict.policy {
        Some(policy) => json!({"artifactLocation": location(policy, names), "region": {"startLine": line}}),
        None => {
            let mut image = location(names.image, names);
            image.as_object_mut().map(|image| image.insert("index".to_owned(), json!(0)));
            json!({"artifactLocation": image, "region": {"startLine": 1}})
        }
    }
}

/// A file. One below the sources is named relative to them, wherever they are (SARIF 2.1.0 §3.4.4).
fn location(path: &str, names: Names<'_>) -> Value {
    let uri = uri(from_root(path, names.root));
    if uri.starts_with("file:") { json!({"uri": uri}) } else { json!({"uri": uri, "uriBaseId": "%SRCROOT%"}) }
}

/// The path from the folder of the sources on, if the file is below it.
pub(super) fn from_root<'p>(path: &'p str, root: &Path) -> &'p str {
    Path::new(path).strip_prefix(root).ok().and_then(Path::to_str).filter(|path| !path.is_empty()).unwrap_or(path)
}

/// What an assertion of a kind says, in the lengths that GitHub asks for, and how severe a failure is.
fn rule(kind: &Kind, home: &str) -> Value {
    let help = kind.advice.unwrap_or("The message says what is there instead, and the properties of the result where.");
    let says = capitalized(kind.says);
    let severity = severity(kind.name);
    let mut tags = vec!["nixos"];
    let mut properties = json!({"precision": "very-high"});
    if let Some(properties) = properties.as_object_mut() {
        if let Some(severity) = severity {
            tags.push("security");
            properties.insert("security-severity".to_owned(), json!(severity));
        }
        properties.insert("tags".to_owned(), json!(tags));
    }
    let mut rule = json!({
        "id": kind.name,
        "name": kind.name.split('-').map(capitalized).collect::<String>(),
        "shortDescription": {"text": says},
        "fullDescription": {"text": format!("{says}.")},
        "help": {"text": help, "markdown": format!("**{says}.** {help}")},
        "defaultConfiguration": {"level": "error"},
        "properties": properties,
    });
    if let Some(rule) = rule.as_object_mut().filter(|_| !home.is_empty()) {
        rule.insert("helpUri".to_owned(), json!(format!("{}#{CHAPTER}", home.trim_end_matches('/'))));
    }
    rule
}

/// How severe a failure is on the scale of CVSS, as GitHub wants it: from 9 on critical, from 7 on high, from 4 on medium. `None`
/// for what has nothing to do with security.
fn severity(kind: &str) -> Option<&'static str> {
    match kind {
        "no-empty-passwords" | "secrets" => Some("9.0"),
        "access" | "only-keys" | "integrity" | "ssh" | "user" | "firewall" | "port" => Some("8.0"),
        "forbid" | "no-file" | "no-param" => Some("5.0"),
        _ => None,
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::kind::KINDS;

    #[test]
    fn a_rule_leads_to_the_chapter_about_assertions_if_the_page_of_the_program_is_known() {
        for kind in KINDS {
            let known = rule(kind, "https://example.org/nixoscope/");
            assert_eq!(known["helpUri"], "https://example.org/nixoscope#check");
            assert_eq!(rule(kind, "").get("helpUri"), None);
        }
        assert_eq!(driver(&[], "https://example.org/nixoscope")["informationUri"], "https://example.org/nixoscope");
        assert!(include_str!("../../README.md").lines().any(|line| line.to_lowercase() == format!("## {CHAPTER}")));
    }
}
