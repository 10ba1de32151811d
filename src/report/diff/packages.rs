//! Packages and store paths in nvd's notation.

use super::sections::{Length, Section, section};
use super::{Detail, SHOWN};
use crate::diff::{PackageChange, PathChanges, Status};
use crate::report::size;

/// The kinds of changes, each with its heading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Version,
    Selection,
    Added,
    Removed,
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::Version, "Version changes"),
    (Kind::Selection, "Selection state changes"),
    (Kind::Added, "Added packages"),
    (Kind::Removed, "Removed packages"),
];

impl Kind {
    fn of(change: &PackageChange) -> Self {
        match change.status {
            Status::Added => Self::Added,
            Status::Removed => Self::Removed,
            _ if change.versions.differs() || change.old_pname.is_some() => Self::Version,
            _ => Self::Selection,
        }
    }
}

/// A section for each kind of change.
pub(super) fn sections(changes: &[PackageChange]) -> Vec<Section> {
    let section = |(kind, heading): (Kind, &str)| {
        let changes: Vec<&PackageChange> = changes.iter().filter(|change| Kind::of(change) == kind).collect();
        section(heading.to_owned(), lines(&changes), Length::Whole)
    };
    KINDS.into_iter().filter_map(section).collect()
}

fn lines(changes: &[&PackageChange]) -> Vec<String> {
    let names: Vec<String> = changes.iter().map(|change| name(change)).collect();
    let width = names.iter().map(String::len).max().unwrap_or(0);
    let line = |((number, change), name): ((usize, &&PackageChange), &String)| {
        let marks = format!("[{}{}]", change.status.letter(), change.selection.sign());
        let delta = delta(change.nar_size_delta);
        format!("{marks}  #{number:<3}  {name:<width$}  {}{delta}", versions(change))
    };
    (1..).zip(changes).zip(&names).map(line).collect()
}

fn name(change: &PackageChange) -> String {
    let old = change.old_pname.as_ref().map(|old| format!("{old} -> ")).unwrap_or_default();
    format!("{old}{}", change.pname)
}

fn versions(change: &PackageChange) -> String {
    let versions = &change.versions;
    match Kind::of(change) {
        Kind::Added | Kind::Selection => counted(&versions.new),
        Kind::Removed => counted(&versions.old),
        // Only the interpreter changed.
        Kind::Version if !versions.differs() => counted(&versions.new),
        Kind::Version => format!("{} -> {}", counted(&versions.old), counted(&versions.new)),
    }
}

/// Versions as nvd lists them: each once, with its number.
fn counted(versions: &[String]) -> String {
    let version = |same: &[String]| {
        let version = same.first().filter(|version| !version.is_empty()).map_or("<none>", String::as_str);
        if same.len() > 1 { format!("{version} x{}", same.len()) } else { version.to_owned() }
    };
    versions.chunk_by(|one, other| one == other).map(version).collect::<Vec<_>>().join(", ")
}

/// By how much a size grew or shrank, after a comma. Nothing if it is the same.
pub(super) fn delta(bytes: Option<i64>) -> String {
    match bytes {
        None | Some(0) => String::new(),
        Some(bytes) => {
            let sign = if bytes < 0 { '-' } else { '+' };
            format!(", {sign}{}", size::format(bytes.unsigned_abs()))
        }
    }
}

/// What was rebuilt in the same version: in one line, or a line for each package.
pub(super) fn rebuilt(paths: &PathChanges, detail: Detail) -> Vec<String> {
    let named: Vec<(&str, usize)> =
        paths.rebuilt.iter().filter_map(|rebuilt| Some((rebuilt.pname.as_deref()?, rebuilt.paths))).collect();
    let all: usize = paths.rebuilt.iter().map(|rebuilt| rebuilt.paths).sum();
    let unnamed = all - named.iter().map(|(_, paths)| paths).sum::<usize>();
    match detail {
        _ if all == 0 => Vec::new(),
        Detail::Main if named.is_empty() => vec![counted_paths(all)],
        Detail::Main => {
            let names: Vec<&str> = named.iter().take(SHOWN).map(|(name, _)| *name).collect();
            let more = named.len() - names.len();
            let more = if more > 0 { format!(" and {more} more (--all lists them)") } else { String::new() };
            vec![format!("{}: {}{more}", counted_paths(all), names.join(", "))]
        }
        Detail::All => {
            let others = (unnamed > 0).then(|| format!("{} without a version", counted_paths(unnamed)));
            named.iter().map(|(name, paths)| format!("{name} ({paths})")).chain(others).collect()
        }
    }
}

/// A line for each store path that was added, removed or changed.
pub(super) fn paths(paths: &PathChanges) -> Vec<String> {
    let added = paths.added.iter().map(|path| format!("+ {path}"));
    let removed = paths.removed.iter().map(|path| format!("- {path}"));
    let changed = paths.changed.iter().map(|pair| format!("~ {} -> {}", pair.old, pair.new));
    added.chain(removed).chain(changed).collect()
}

pub(super) fn counted_paths(count: usize) -> String {
    if count == 1 { "1 store path".to_owned() } else { format!("{count} store paths") }
}
