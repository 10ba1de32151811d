//! Lists of packages.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::count::counted;
use super::document::{self, About};
#[cfg(feature = "cli")]
use super::style::STRONG;
#[cfg(feature = "cli")]
use super::table::{self, Layout};
use super::{escape, size};
use crate::nixos::ObjectKind;
use crate::nixos::package::{Column, Package, Packages};
use crate::nixos::software::Software;
use crate::nixos::tree::Twig;
use crate::store::disk::Space;
use crate::store::name::Name;
use crate::store::nix32;

/// Which rows a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All, with their kinds.
    All,
    /// Software, and what is installed; the others are counted.
    Software,
}

/// A table with the sum of the sizes below.
///
/// # Errors
/// If the writer fails.
#[cfg(feature = "cli")]
pub fn table(out: &mut dyn Write, rows: &[Package], columns: &[Column], which: Rows, layout: Layout) -> io::Result<()> {
    let mut headers = vec!["NAME", "VERSION", "OUTPUT", "INSTALLED", "SIZE"];
    if which == Rows::All {
        headers.insert(3, "KIND");
    }
    headers.extend(columns.iter().map(|column| match column {
        Column::Closure => "CLOSURE",
        Column::Added => "ADDED",
        Column::Disk => "ON DISK",
    }));
    let mut table = table::new(&headers, layout);
    let known = |size: Option<u64>| table::number(size.map_or_else(|| "?".to_owned(), size::format));
    let mut hidden = 0;
    for row in rows {
        let name = Name::parse(row.path.name());
        if which == Rows::Software && !row.is_software() && !row.installed {
            hidden += 1;
            continue;
        }
        let mut cells = vec![
            name.pname.into(),
            name.version.into(),
            name.output.unwrap_or_default().into(),
            if row.installed { "installed" } else { "" }.into(),
            known(row.nar_size),
        ];
        if which == Rows::All {
            cells.insert(3, row.kind.map_or("?", ObjectKind::name).into());
        }
        cells.extend(columns.iter().map(|column| match column {
            Column::Closure => known(row.closure_size),
            Column::Added => known(row.added_size),
            Column::Disk => known(row.disk_size),
        }));
        table.add_row(cells);
    }
    if table.row_count() > 0 {
        table::write(out, table)?;
    }
    if layout == Layout::Tabs {
        return Ok(());
    }
    totals(out, rows, hidden)
}

/// The sum of the sizes, and how many rows are not shown.
#[cfg(feature = "cli")]
fn totals(out: &mut dyn Write, rows: &[Package], hidden: usize) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let total: u64 = rows.iter().filter_map(|row| row.nar_size).fold(0, u64::saturating_add);
    write!(out, "{}", counted(rows.len(), "store path"))?;
    if rows.iter().any(|row| row.nar_size.is_some()) {
        write!(out, ", {}", size::format(total))?;
    } else {
        write!(out, "; this image records no sizes")?;
    }
    match hidden {
        0 => writeln!(out),
        _ => writeln!(
            out,
            "; {hidden} that are not software (units, configuration, sources …) are not shown, --all shows them"
        ),
    }
}

/// The store paths alone, one a line.
///
/// # Errors
/// If the writer fails.
pub fn paths(out: &mut dyn Write, rows: &[Package], which: Rows) -> io::Result<()> {
    let shown = rows.iter().filter(|row| which == Rows::All || row.is_software() || row.installed);
    shown.map(|row| &row.path).try_for_each(|path| writeln!(out, "{path}"))
}

/// The tree of references, a store path a line.
///
/// # Errors
/// If the writer fails.
#[cfg(feature = "cli")]
pub fn tree(out: &mut dyn Write, twigs: &[Twig], software: &Software, rows: &[Package]) -> io::Result<()> {
    let known = |size: Option<u64>| size.map_or_else(|| "?".to_owned(), size::format);
    let sized: HashMap<usize, &Package> = rows.iter().map(|row| (row.index, row)).collect();
    writeln!(out, "{STRONG}{:>10}  {:>10}  {:>10}  NAME{STRONG:#}", "SIZE", "CLOSURE", "ADDED")?;
    for twig in twigs {
        let Some(object) = software.contents.objects.get(twig.object) else { continue };
        let row = sized.get(&twig.object);
        let size = |of: fn(&Package) -> Option<u64>| known(row.and_then(|row| of(row)));
        let (size, closure, added) =
            (size(|row| row.nar_size), size(|row| row.closure_size), size(|row| row.added_size));
        let more = if twig.hidden > 0 { format!(" (+{})", twig.hidden) } else { String::new() };
        let indent = "  ".repeat(twig.level);
        writeln!(
            out,
            "{size:>10}  {closure:>10}  {added:>10}  {indent}{}{more}",
            escape(object.path.name().as_bytes())
        )?;
    }
    Ok(())
}

/// The document of a tree: its store paths from above, each with its level.
///
/// # Errors
/// If the writer fails.
pub fn tree_json(
    out: &mut dyn Write,
    about: About<'_>,
    (twigs, software): (&[Twig], &Software),
    rows: &[Package],
) -> serde_json::Result<()> {
    let sized: HashMap<usize, &Package> = rows.iter().map(|row| (row.index, row)).collect();
    let entry = |twig: &Twig| {
        let object = software.contents.objects.get(twig.object)?;
        let row = sized.get(&twig.object);
        Some(TwigEntry {
            path: object.path.to_string(),
            level: twig.level,
            nar_size: row.and_then(|row| row.nar_size),
            closure_size: row.and_then(|row| row.closure_size),
            added_size: row.and_then(|row| row.added_size),
            deeper: twig.hidden,
        })
    };
    document::write(out, "nixoscope.tree.v1", about, &TreeBody { tree: twigs.iter().filter_map(entry).collect() })
}

/// The shape of the document of a tree, for its schema.
#[cfg(test)]
pub(super) type TreeShape = document::Shape<TreeBody>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct TreeBody {
    tree: Vec<TwigEntry>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TwigEntry {
    path: String,
    /// Levels below the system.
    level: usize,
    nar_size: Option<u64>,
    closure_size: Option<u64>,
    added_size: Option<u64>,
    /// Store paths below it that are deeper than the tree.
    deeper: usize,
}

/// The document of `packages`.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, about: About<'_>, software: &Software, packages: &Packages) -> serde_json::Result<()> {
    let objects = &software.contents.objects;
    let reference = |index: usize| objects.get(index).map(|object| object.path.to_string());
    let rows = packages.rows.iter().map(|row| {
        let Name { pname, version, output } = Name::parse(row.path.name());
        Entry {
            path: row.path.to_string(),
            name: row.path.name(),
            pname,
            version,
            output,
            kind: row.kind.map(ObjectKind::name),
            installed: row.installed,
            nar_size: row.nar_size,
            closure_size: row.closure_size,
            added_size: row.added_size,
            disk_size: row.disk_size,
            nar_hash: row.nar_hash.map(|hash| format!("sha256:{}", nix32::encode(&hash))),
            references: software.contents.graph.of(row.index).filter_map(reference).collect(),
        }
    });
    document::write(
        out,
        "nixoscope.packages.v1",
        about,
        &Body { packages: rows.collect(), disk: packages.space.map(Disk::of) },
    )
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(super) type Shape = document::Shape<Body<'static>>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Body<'n> {
    packages: Vec<Entry<'n>>,
    disk: Option<Disk>,
}

/// Where the bytes of the store went. They add up to `total`.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Disk {
    total: u64,
    store_paths: u64,
    registration: u64,
    other_files: u64,
    metadata: u64,
    unused: u64,
    padding: u64,
}

impl Disk {
    fn of(space: Space) -> Self {
        let Space { total, store_paths, registration, other_files, metadata, unused, padding } = space;
        Self { total, store_paths, registration, other_files, metadata, unused, padding }
    }
}

/// The bytes of the store in words: each part, and the whole.
///
/// # Errors
/// If the writer fails.
#[cfg(feature = "cli")]
pub fn space(out: &mut dyn Write, space: Space) -> io::Result<()> {
    let parts = [
        (space.store_paths, "store paths"),
        (space.registration, "registration"),
        (space.other_files, "other files"),
        (space.metadata, "metadata"),
        (space.unused, "unused"),
        (space.padding, "padding"),
    ];
    let parts = parts.iter().filter(|(bytes, _)| *bytes > 0);
    let parts: Vec<String> = parts.map(|(bytes, name)| format!("{name} {}", size::format(*bytes))).collect();
    writeln!(out, "on disc: {} = {}", size::format(space.total), parts.join(" + "))
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'n> {
    path: String,
    name: &'n str,
    pname: &'n str,
    version: &'n str,
    output: Option<&'n str>,
    kind: Option<&'static str>,
    installed: bool,
    nar_size: Option<u64>,
    closure_size: Option<u64>,
    added_size: Option<u64>,
    disk_size: Option<u64>,
    nar_hash: Option<String>,
    references: Vec<String>,
}
