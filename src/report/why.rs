//! Why store paths are in an image.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde::Serialize;

use super::count::counted;
use super::document::{self, About};
#[cfg(feature = "cli")]
use super::table;
use super::{escape, size};
use crate::nixos::software::{Software, shown};
use crate::nixos::why::{Brought, Chain, Reason};

/// Files of one store path that a page names; the others are counted.
const MOST_FILES: usize = 5;

/// The files that hold the references of one chain: for each store path but the last, those that mention the next.
pub type LinkFiles = Vec<Vec<Vec<u8>>>;

/// One chain, each store path below the one that refers to it. `files` may be empty.
///
/// # Errors
/// What the writer meets.
pub fn chain(out: &mut dyn Write, software: &Software, chain: &Chain, files: &LinkFiles) -> io::Result<()> {
    for (depth, &object) in chain.iter().enumerate() {
        let indent = "  ".repeat(depth);
        let arrow = if depth == 0 { "" } else { "-> " };
        writeln!(out, "{indent}{arrow}{}", path(software, object))?;
        let Some(files) = files.get(depth) else { continue };
        for file in files.iter().take(MOST_FILES) {
            let file = if file.is_empty() { "the store path itself".into() } else { escape(file) };
            writeln!(out, "{indent}     {file}")?;
        }
        match files.len().saturating_sub(MOST_FILES) {
            0 if files.is_empty() => writeln!(out, "{indent}     no file mentions the next store path")?,
            0 => {}
            more => writeln!(out, "{indent}     and {}", counted(more, "more file"))?,
        }
    }
    Ok(())
}

/// What store paths bring in: a table of what would go with them, the largest first, and the sums.
///
/// # Errors
/// What the writer meets.
#[cfg(feature = "cli")]
pub fn brought(out: &mut dyn Write, software: &Software, brought: &Brought, width: Option<u16>) -> io::Result<()> {
    let mut table = table::new(&["PACKAGE", "SIZE"], width);
    let mut only = brought.only.clone();
    only.sort_by_key(|&object| std::cmp::Reverse(nar_size(software, object)));
    for object in only {
        let Some(entry) = software.contents.objects.get(object) else { continue };
        let size = nar_size(software, object).map_or_else(|| "?".to_owned(), size::format);
        table.add_row([shown(&entry.path).into(), table::number(size)]);
    }
    if table.row_count() > 0 {
        table::write(out, table)?;
        writeln!(out)?;
    }
    let sum = |objects: &[usize]| match total(software, objects) {
        Some(bytes) => format!("{}, {}", counted(objects.len(), "store path"), size::format(bytes)),
        None => counted(objects.len(), "store path"),
    };
    writeln!(out, "{} would go with it; its closure is {}", sum(&brought.only), sum(&brought.closure))
}

/// The chains as a graph for Graphviz.
///
/// # Errors
/// What the writer meets.
pub fn dot<'c>(
    out: &mut dyn Write,
    software: &Software,
    chains: impl IntoIterator<Item = &'c Chain>,
) -> io::Result<()> {
    let (mut nodes, mut edges) = (BTreeSet::new(), BTreeSet::new());
    for chain in chains {
        nodes.extend(chain.iter().copied());
        edges.extend(chain.iter().copied().zip(chain.iter().copied().skip(1)));
    }
    writeln!(out, "digraph why {{\n  rankdir = LR;\n  node [shape = box];")?;
    // Store paths have no quotes or backslashes.
    for &node in &nodes {
        if let Some(object) = software.contents.objects.get(node) {
            writeln!(out, "  \"{}\" [label = \"{}\"];", object.path.base(), shown(&object.path))?;
        }
    }
    let base = |object: usize| software.contents.objects.get(object).map(|object| object.path.base());
    for (from, to) in edges.into_iter().filter_map(|(from, to)| Some((base(from)?, base(to)?))) {
        writeln!(out, "  \"{from}\" -> \"{to}\";")?;
    }
    writeln!(out, "}}")
}

/// The document of `why`. `files` has an item for each chain, or is empty.
///
/// # Errors
/// What the writer meets.
pub fn json(
    out: &mut dyn Write,
    about: About<'_>,
    software: &Software,
    reasons: &[Reason],
    files: &[LinkFiles],
    brought: Option<&Brought>,
) -> serde_json::Result<()> {
    let mut files = files.iter();
    let reasons = reasons.iter().map(|reason| ReasonEntry {
        path: path(software, reason.object),
        chains: reason.chains.iter().map(|chain| chain_entry(software, chain, files.next())).collect(),
    });
    let body = Body { reasons: reasons.collect(), brings: brought.map(|brought| brings(software, brought)) };
    document::write(out, "nixoscope.why.v1", about, &body)
}

fn chain_entry(software: &Software, chain: &Chain, files: Option<&LinkFiles>) -> ChainEntry {
    let link = |(depth, &object): (usize, &usize)| LinkEntry {
        path: path(software, object),
        files: files
            .and_then(|files| files.get(depth))
            .map(|files| files.iter().map(|file| escape(file).into_owned()).collect()),
    };
    ChainEntry { links: chain.iter().enumerate().map(link).collect() }
}

fn brings(software: &Software, brought: &Brought) -> Brings {
    Brings {
        paths: brought.closure.len(),
        nar_size: total(software, &brought.closure),
        only_size: total(software, &brought.only),
        only: brought
            .only
            .iter()
            .map(|&object| Only { path: path(software, object), nar_size: nar_size(software, object) })
            .collect(),
    }
}

fn path(software: &Software, object: usize) -> String {
    software.contents.objects.get(object).map(|object| object.path.to_string()).unwrap_or_default()
}

fn nar_size(software: &Software, object: usize) -> Option<u64> {
    software.contents.objects.get(object)?.record.as_ref()?.nar_size
}

/// NAR bytes of objects; `None` if no size is registered.
fn total(software: &Software, objects: &[usize]) -> Option<u64> {
    objects.iter().filter_map(|&object| nar_size(software, object)).reduce(u64::saturating_add)
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(super) type Shape = document::Shape<Body>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Body {
    reasons: Vec<ReasonEntry>,
    brings: Option<Brings>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct ReasonEntry {
    path: String,
    chains: Vec<ChainEntry>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct ChainEntry {
    links: Vec<LinkEntry>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct LinkEntry {
    path: String,
    /// Null unless asked for.
    files: Option<Vec<String>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Brings {
    paths: usize,
    nar_size: Option<u64>,
    only_size: Option<u64>,
    only: Vec<Only>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Only {
    path: String,
    nar_size: Option<u64>,
}
