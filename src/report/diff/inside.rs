//! What differs inside a store path.

use super::Detail;
use super::sections::{Length, Section, section};
use crate::diff::{Content, FileChange, FileFacts, ObjectChange, Pair};
use crate::report::files;

/// The section of a store path, if it has lines.
pub(super) fn section_of(object: &ObjectChange, detail: Detail) -> Option<Section> {
    let Pair { old, new } = &object.paths;
    let heading = if old == new { new.to_string() } else { format!("{old} -> {new}") };
    section(heading, lines(object, detail), Length::Whole)
}

fn lines(object: &ObjectChange, detail: Detail) -> Vec<String> {
    let mut lines = Vec::new();
    for file in &object.files {
        lines.push(changed_file(file));
        lines.extend(file.content.as_ref().into_iter().flat_map(content));
    }
    let counted = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("(1 {one})")),
        count => Some(format!("({count} {many})")),
    };
    lines.extend(counted(
        object.unread,
        "file of the same length; --content compares it",
        "files of the same length; --content compares them",
    ));
    if detail == Detail::All {
        lines.extend(counted(
            object.only_hash_parts,
            "file differs only in hashes of store paths",
            "files differ only in hashes of store paths",
        ));
    }
    lines.extend(object.troubles.iter().map(|error| format!("could not be compared: {error}")));
    lines
}

/// How contents differ, indented below their file.
fn content(content: &Content) -> Vec<String> {
    let lines = match content {
        Content::Text { lines, further } => {
            let more = (*further > 0).then(|| format!("and {further} more lines"));
            lines.iter().cloned().chain(more).collect()
        }
        Content::Binary { offset } => vec![format!("differ from byte {offset} on")],
        Content::Layout => vec!["the same JSON; only its layout or the order of its keys differs".to_owned()],
        Content::Secrets => vec!["only secrets differ, which are not shown".to_owned()],
    };
    lines.into_iter().map(|line| format!("    {line}")).collect()
}

fn changed_file(file: &FileChange) -> String {
    let path = if file.path.is_empty() { "(itself)".to_owned() } else { files::text(&file.path) };
    match file.facts.as_ref().map(Option::as_ref) {
        Pair { old: Some(old), new: Some(new) } => format!("~ {path}: {}", changes(Pair { old, new })),
        Pair { old: None, new: Some(new) } => format!("+ {path}: {}", described(new)),
        Pair { old: Some(old), new: None } => format!("- {path}: {}", described(old)),
        Pair { old: None, new: None } => path,
    }
}

fn changes(facts: Pair<&FileFacts>) -> String {
    let Pair { old, new } = facts;
    let mut changes = Vec::new();
    if old.file_type != new.file_type {
        changes.push(format!("{} -> {}", files::type_name(old.file_type), files::type_name(new.file_type)));
    }
    if let (Some(old), Some(new)) = (old.size, new.size)
        && old != new
    {
        changes.push(format!("{old} -> {new} bytes"));
    }
    if old.mode != new.mode {
        changes.push(format!("mode {:04o} -> {:04o}", old.mode, new.mode));
    }
    if let (Some(old), Some(new)) = (&old.target, &new.target)
        && old != new
    {
        changes.push(format!("points to {old} -> {new}"));
    }
    if changes.is_empty() {
        changes.push("different contents".to_owned());
    }
    changes.join(", ")
}

fn described(file: &FileFacts) -> String {
    let mut text = format!("{}, mode {:04o}", files::type_name(file.file_type), file.mode);
    if let Some(size) = file.size {
        text.push_str(&format!(", {size} bytes"));
    }
    if let Some(target) = &file.target {
        text.push_str(&format!(", points to {target}"));
    }
    text
}
