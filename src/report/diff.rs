//! What changed between two images, in the notation of nvd.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::table::STRONG;
use super::{escape, size};
use crate::diff::{Change, Difference, Key, PackageChange, Status};

/// Store paths and files of one sort that a page names.
const SHOWN: usize = 20;

/// What a page tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// What matters: packages, systems, people.
    Main,
    /// Rebuilds and store paths one by one, too.
    All,
}

/// The page.
///
/// # Errors
/// What the writer meets.
pub fn page(out: &mut dyn Write, difference: &Difference, told: Told) -> io::Result<()> {
    if difference.is_none() {
        return writeln!(out, "no difference");
    }
    let of = |wanted: &[Status]| -> Vec<&PackageChange> {
        difference.packages.iter().filter(|change| wanted.contains(&change.status)).collect()
    };
    for (heading, statuses) in [
        ("Version changes", &[Status::Upgraded, Status::Downgraded, Status::Changed][..]),
        ("Added packages", &[Status::Added]),
        ("Removed packages", &[Status::Removed]),
    ] {
        let changes = of(statuses);
        if !changes.is_empty() {
            writeln!(out, "{STRONG}{heading}{STRONG:#}")?;
        }
        let width = changes.iter().map(|change| change.pname.len()).max().unwrap_or(0);
        for (number, change) in (1..).zip(&changes) {
            let marks = format!("[{}{}]", change.status.letter(), change.selection.sign());
            let name = escape(change.pname.as_bytes());
            writeln!(
                out,
                "{marks}  #{number:<3}  {name:<width$}  {}{}",
                escape(versions(change).as_bytes()),
                delta(change.nar_size_delta)
            )?;
        }
    }
    let rebuilt: usize = difference.rebuilt.iter().map(|(_, count)| count).sum();
    if rebuilt > 0 {
        let packages = difference.rebuilt.iter().filter(|(name, _)| !name.is_empty()).count();
        writeln!(
            out,
            "{STRONG}Built anew in the same version{STRONG:#}\n  {rebuilt} store paths, of {packages} packages among them"
        )?;
        if told == Told::All {
            for (name, count) in difference.rebuilt.iter().filter(|(name, _)| !name.is_empty()) {
                writeln!(out, "  {} ({count})", escape(name.as_bytes()))?;
            }
        }
    }
    let parts = &difference.parts;
    section(out, "Systems", &parts.systems)?;
    section(out, "Volume", &parts.volume)?;
    for user in &parts.users {
        section(out, &format!("User {}", user.name), &user.changes)?;
    }
    keys(out, &parts.keys_added, &parts.keys_removed)?;
    section(out, "sshd", &parts.sshd)?;
    for (sign, findings) in [('+', &parts.findings_added), ('-', &parts.findings_removed)] {
        for finding in findings {
            writeln!(out, "finding {sign} {}", escape(finding.as_bytes()))?;
        }
    }
    section(out, "Boot menu", &parts.boot)?;
    section(out, "Files of the disc", &parts.files)?;
    if told == Told::All {
        for (sign, paths) in [('+', &difference.added), ('-', &difference.removed)] {
            for path in paths {
                writeln!(out, "{sign} {}", escape(path.as_bytes()))?;
            }
        }
        for (old, new) in &difference.changed {
            writeln!(out, "~ {} -> {}", escape(old.as_bytes()), escape(new.as_bytes()))?;
        }
    }
    writeln!(
        out,
        "\n{STRONG}{} store paths added, {} removed, {} changed{}{STRONG:#}",
        difference.added.len(),
        difference.removed.len(),
        difference.changed.len(),
        delta(difference.nar_size_delta)
    )
}

fn versions(change: &PackageChange) -> String {
    match change.status {
        Status::Added => change.new.join(", "),
        Status::Removed => change.old.join(", "),
        _ => format!("{} -> {}", change.old.join(", "), change.new.join(", ")),
    }
}

fn delta(bytes: Option<i64>) -> String {
    match bytes {
        None | Some(0) => String::new(),
        Some(bytes) => {
            let sign = if bytes < 0 { '-' } else { '+' };
            format!(", {sign}{}", size::format(bytes.unsigned_abs()))
        }
    }
}

fn section(out: &mut dyn Write, heading: &str, changes: &[Change]) -> io::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    writeln!(out, "{STRONG}{}{STRONG:#}", escape(heading.as_bytes()))?;
    for Change { what, old, new } in changes.iter().take(SHOWN) {
        let text = match (old, new) {
            (Some(old), Some(new)) => format!("~ {what}: {} -> {}", named(old), named(new)),
            (None, Some(new)) => format!("+ {what}: {}", named(new)),
            (Some(old), None) => format!("- {what}: {}", named(old)),
            (None, None) => continue,
        };
        writeln!(out, "  {}", escape(text.as_bytes()))?;
    }
    match changes.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more, which --json lists"),
    }
}

fn named(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}

fn keys(out: &mut dyn Write, added: &[Key], removed: &[Key]) -> io::Result<()> {
    if !added.is_empty() || !removed.is_empty() {
        writeln!(out, "{STRONG}Keys{STRONG:#}")?;
    }
    for (sign, keys) in [('+', added), ('-', removed)] {
        for key in keys {
            let text = format!("{sign} {} {} {} {}", key.user, key.r#type, key.fingerprint, key.comment);
            writeln!(out, "  {}", escape(text.trim_end().as_bytes()))?;
        }
    }
    Ok(())
}

/// The document of `diff`.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, difference: &Difference) -> serde_json::Result<()> {
    let parts = &difference.parts;
    let packages = difference.packages.iter().map(|change| Package {
        pname: &change.pname,
        status: change.status.name(),
        selection: change.selection.name(),
        old: &change.old,
        new: &change.new,
        nar_size_delta: change.nar_size_delta,
    });
    let changed: Vec<Value> = difference.changed.iter().map(|(old, new)| json!({"old": old, "new": new})).collect();
    let rebuilt: Vec<Value> = difference
        .rebuilt
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, count)| json!({"pname": name, "paths": count}))
        .collect();
    let users: Vec<Value> =
        parts.users.iter().map(|user| json!({"name": user.name, "changes": told(&user.changes)})).collect();
    let key = |key: &Key| json!({"user": key.user, "type": key.r#type, "fingerprint": key.fingerprint, "comment": key.comment});
    let document = json!({
        "schema": "nixoscope.diff.v1",
        "same": difference.is_none(),
        "packages": packages.collect::<Vec<_>>(),
        "rebuilt": rebuilt,
        "paths": {"added": difference.added, "removed": difference.removed, "changed": changed},
        "narSizeDelta": difference.nar_size_delta,
        "systems": told(&parts.systems),
        "volume": told(&parts.volume),
        "users": users,
        "keys": {
            "added": parts.keys_added.iter().map(key).collect::<Vec<_>>(),
            "removed": parts.keys_removed.iter().map(key).collect::<Vec<_>>(),
        },
        "sshd": told(&parts.sshd),
        "findings": {"added": parts.findings_added, "removed": parts.findings_removed},
        "boot": {"menu": told(&parts.boot)},
        "files": told(&parts.files),
    });
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

fn told(changes: &[Change]) -> Vec<Value> {
    changes.iter().map(|Change { what, old, new }| json!({"what": what, "old": old, "new": new})).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'d> {
    pname: &'d str,
    status: &'static str,
    selection: &'static str,
    old: &'d [String],
    new: &'d [String],
    nar_size_delta: Option<i64>,
}
