//! Where the bytes of a disc went.

use std::io::{self, Write};

use serde::Serialize;

use super::document::{self, About};
use super::files::text;
#[cfg(feature = "cli")]
use super::style::STRONG;
use super::{escape, size};
use crate::nixos::du::Du;
use crate::nixos::hints::{Hint, Waste};
use crate::nixos::software::Software;
use crate::store::disk::Branch;

/// Hints that are shown. The others are summed up.
const MOST_HINTS: usize = 10;

/// Store paths that a hint shows. The others are counted.
const SHOWN: usize = 3;

/// A table of the directories and files below, and the whole.
///
/// # Errors
/// If the writer fails.
#[cfg(feature = "cli")]
pub fn table(out: &mut dyn Write, du: &Du) -> io::Result<()> {
    writeln!(out, "{STRONG}{:>10}  {:>10}  {:>7}  PATH{STRONG:#}", "ON DISK", "CONTENTS", "FILES")?;
    let line = |out: &mut dyn Write, branch: &Branch, name: &[u8]| {
        let (disk, contents) = (size::format(branch.disk_size), size::format(branch.size));
        writeln!(out, "{disk:>10}  {contents:>10}  {:>7}  {}", branch.files, escape(name))
    };
    for branch in &du.below {
        let name = branch.path.strip_prefix(&*du.whole.path).unwrap_or(&branch.path);
        line(out, branch, name.strip_prefix(b"/").unwrap_or(name))?;
    }
    if du.rest > 0 {
        writeln!(out, "{:>10}  {:>10}  {:>7}  [directories, tables, padding]", size::format(du.rest), "", "")?;
    }
    line(out, &du.whole, &du.whole.path)?;
    match &du.archive {
        Some(path) => {
            writeln!(out, "\n{}: metadata and padding only; its files count in /nix/store", escape(path))
        }
        None => Ok(()),
    }
}

/// The document of `du`.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, about: About<'_>, du: &Du) -> serde_json::Result<()> {
    let body = Body { whole: Entry::of(&du.whole), rest: du.rest, entries: du.below.iter().map(Entry::of).collect() };
    document::write(out, "nixoscope.du.v1", about, &body)
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(super) type Shape = document::Shape<Body>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Body {
    whole: Entry,
    rest: u64,
    entries: Vec<Entry>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    path: String,
    disk_size: u64,
    size: u64,
    files: u64,
}

impl Entry {
    fn of(branch: &Branch) -> Self {
        Self { path: text(&branch.path), disk_size: branch.disk_size, size: branch.size, files: branch.files }
    }
}

/// What the image could do without, a paragraph each.
///
/// # Errors
/// If the writer fails.
#[cfg(feature = "cli")]
pub fn hints(out: &mut dyn Write, hints: &[Hint], software: &Software) -> io::Result<()> {
    if hints.is_empty() {
        return writeln!(out, "nothing that this image could obviously do without");
    }
    for hint in hints.iter().take(MOST_HINTS) {
        writeln!(
            out,
            "{STRONG}{:>10}{STRONG:#}  {}",
            size::format(hint.disk_size),
            escape(words(&hint.waste).as_bytes())
        )?;
        for (object, bytes) in hint.objects.iter().take(SHOWN) {
            let Some(object) = software.contents.objects.get(*object) else { continue };
            writeln!(out, "{:>12}{:>10}  {}", "", size::format(*bytes), escape(object.path.name().as_bytes()))?;
        }
        if let more @ 1.. = hint.objects.len().saturating_sub(SHOWN) {
            writeln!(out, "{:>24}and {more} more", "")?;
        }
    }
    let smaller = hints.get(MOST_HINTS..).unwrap_or_default();
    if !smaller.is_empty() {
        let bytes = smaller.iter().map(|hint| hint.disk_size).fold(0, u64::saturating_add);
        writeln!(out, "{:>10}  {} more, all with --json", size::format(bytes), smaller.len())?;
    }
    Ok(())
}

/// A hint in words.
#[must_use]
pub fn words(waste: &Waste) -> String {
    match waste {
        Waste::Development => "development files (-dev outputs)".to_owned(),
        Waste::Documentation => "documentation (-doc outputs)".to_owned(),
        Waste::DebugInformation => "debug information".to_owned(),
        Waste::StaticLibraries => "static libraries".to_owned(),
        Waste::Locales => "locales and translations".to_owned(),
        Waste::BuildEnvironment => "the build environment (stdenv)".to_owned(),
        Waste::NixpkgsSource => "nixpkgs sources".to_owned(),
        Waste::OtherVersions(pname) => format!("more than one version of {pname}"),
    }
}

/// The document of `du --hints`.
///
/// # Errors
/// If the writer fails.
pub fn hints_json(
    out: &mut dyn Write,
    about: About<'_>,
    hints: &[Hint],
    software: &Software,
) -> serde_json::Result<()> {
    let path = |object: usize| software.contents.objects.get(object).map(|object| object.path.to_string());
    let entries = hints.iter().map(|hint| HintEntry {
        kind: hint.waste.name(),
        what: words(&hint.waste),
        disk_size: hint.disk_size,
        paths: hint
            .objects
            .iter()
            .filter_map(|(object, disk_size)| Some(Held { path: path(*object)?, disk_size: *disk_size }))
            .collect(),
    });
    document::write(out, "nixoscope.hints.v1", about, &Hints { hints: entries.collect() })
}

/// The shape of the document of hints, for its schema.
#[cfg(test)]
pub(super) type HintsShape = document::Shape<Hints>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Hints {
    hints: Vec<HintEntry>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HintEntry {
    kind: &'static str,
    what: String,
    disk_size: u64,
    paths: Vec<Held>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    path: String,
    disk_size: u64,
}
