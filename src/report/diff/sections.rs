//! The parts of a comparison, line by line.

use super::Told;
use crate::diff::{
    Change, Content, Difference, FileChange, FileFacts, KeyChange, ObjectChange, PackageChange, Status, UserChange,
};
use crate::report::{files, size};

/// A part with a heading.
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) lines: Vec<String>,
    /// Whether a page has all its lines.
    pub(super) whole: bool,
}

/// The parts that are not empty.
pub(super) fn sections(difference: &Difference, told: Told) -> Vec<Section> {
    let parts = &difference.parts;
    let mut all = Vec::new();
    let mut add = |heading: &str, lines: Vec<String>| {
        // Packages are what people came for; files they asked for.
        let whole = heading.ends_with("packages") || heading.ends_with("changes") || heading.starts_with('/');
        if !lines.is_empty() {
            all.push(Section { heading: heading.to_owned(), lines, whole });
        }
    };
    let packages = |wanted: &dyn Fn(&PackageChange) -> bool| {
        packages(&difference.packages.iter().filter(|change| wanted(change)).collect::<Vec<_>>())
    };
    let is_selection = |change: &PackageChange| change.old == change.new;
    let is_version = |change: &PackageChange| !matches!(change.status, Status::Added | Status::Removed);
    add("Version changes", packages(&|change| is_version(change) && !is_selection(change)));
    add("Selection state changes", packages(&is_selection));
    add("Added packages", packages(&|change| change.status == Status::Added));
    add("Removed packages", packages(&|change| change.status == Status::Removed));
    add("Built anew in the same version", rebuilt(difference, told));
    add("Systems", changes(&parts.systems));
    add("Volume", changes(&parts.volume));
    add("Users", parts.users.iter().flat_map(user).collect());
    let keys = parts.keys_added.iter().map(|key| ('+', key)).chain(parts.keys_removed.iter().map(|key| ('-', key)));
    add("Keys", keys.map(key).collect());
    add("sshd", changes(&parts.sshd));
    let findings = parts.findings_added.iter().map(|finding| format!("+ {finding}"));
    add("Findings", findings.chain(parts.findings_removed.iter().map(|finding| format!("- {finding}"))).collect());
    add("Boot menu", changes(&parts.boot));
    add("Initrd", changes(&parts.initrd));
    add("Files of the disc", changes(&parts.files));
    for object in &difference.objects {
        let lines = inside(object, told);
        let heading =
            if object.old == object.new { object.new.clone() } else { format!("{} -> {}", object.old, object.new) };
        add(&heading, lines);
    }
    add("Could not tell", difference.troubles.clone());
    if told == Told::All {
        let paths = difference.added.iter().map(|path| format!("+ {path}"));
        let paths = paths.chain(difference.removed.iter().map(|path| format!("- {path}")));
        let changed = difference.changed.iter().map(|(old, new)| format!("~ {old} -> {new}"));
        add("Store paths", paths.chain(changed).collect());
        add("What every build makes different", changes(&parts.noise));
    }
    all
}

fn packages(changes: &[&PackageChange]) -> Vec<String> {
    let width = changes.iter().map(|change| change.pname.len()).max().unwrap_or(0);
    let line = |(number, change): (usize, &&PackageChange)| {
        let marks = format!("[{}{}]", change.status.letter(), change.selection.sign());
        let delta = delta(change.nar_size_delta);
        format!("{marks}  #{number:<3}  {:<width$}  {}{delta}", change.pname, versions(change))
    };
    (1..).zip(changes).map(line).collect()
}

fn versions(change: &PackageChange) -> String {
    match change.status {
        Status::Added => counted(&change.new),
        Status::Removed => counted(&change.old),
        _ if change.old == change.new => counted(&change.new),
        _ => format!("{} -> {}", counted(&change.old), counted(&change.new)),
    }
}

/// Versions as nvd lists them: each once, with its number.
fn counted(versions: &[String]) -> String {
    let version = |same: &[String]| {
        let version = same.first().map_or("", String::as_str);
        let version = if version.is_empty() { "<none>" } else { version };
        if same.len() > 1 { format!("{version} x{}", same.len()) } else { version.to_owned() }
    };
    versions.chunk_by(|one, other| one == other).map(version).collect::<Vec<_>>().join(", ")
}

/// A size that grew or shrank, behind a comma; nothing where it did not.
pub(super) fn delta(bytes: Option<i64>) -> String {
    match bytes {
        None | Some(0) => String::new(),
        Some(bytes) => {
            let sign = if bytes < 0 { '-' } else { '+' };
            format!(", {sign}{}", size::format(bytes.unsigned_abs()))
        }
    }
}

fn rebuilt(difference: &Difference, told: Told) -> Vec<String> {
    let paths: usize = difference.rebuilt.iter().map(|(_, count)| count).sum();
    let named = || difference.rebuilt.iter().filter(|(name, _)| !name.is_empty());
    match (paths, told) {
        (0, _) => Vec::new(),
        (_, Told::Main) => {
            let names: Vec<&str> = named().take(super::SHOWN).map(|(name, _)| name.as_str()).collect();
            let more = named().skip(super::SHOWN).count();
            let more = if more > 0 { format!(" and {more} more, which --all lists") } else { String::new() };
            let list = if names.is_empty() { String::new() } else { format!(": {}{more}", names.join(", ")) };
            vec![format!("{}{list}", number(paths, "store path"))]
        }
        (_, Told::All) => {
            let unnamed = paths - named().map(|(_, count)| count).sum::<usize>();
            let others = (unnamed > 0).then(|| format!("{} without a version", number(unnamed, "store path")));
            named().map(|(name, count)| format!("{name} ({count})")).chain(others).collect()
        }
    }
}

fn number(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

pub(super) fn changes(changes: &[Change]) -> Vec<String> {
    let line = |Change { what, old, new }: &Change| match (old, new) {
        (Some(old), Some(new)) => format!("~ {what}: {} -> {}", named(old), named(new)),
        (None, Some(new)) => format!("+ {what}: {}", named(new)),
        (Some(old), None) => format!("- {what}: {}", named(old)),
        (None, None) => what.clone(),
    };
    changes.iter().map(line).collect()
}

fn named(value: &str) -> &str {
    if value.is_empty() { "nothing" } else { value }
}

/// A user who came or went is one line with all that is known; of others, each change is one.
fn user(user: &UserChange) -> Vec<String> {
    let name = of_system(&user.name, user.system.as_ref());
    let whole = |sign: char, value: fn(&Change) -> Option<&String>| {
        let facts = user.changes.iter().filter(|change| change.what != "user");
        let facts = facts.filter_map(|change| Some(format!("{} {}", change.what, value(change)?)));
        vec![format!("{sign} {name}: {}", facts.collect::<Vec<_>>().join("; "))]
    };
    match user.changes.iter().find(|change| change.what == "user") {
        Some(Change { old: None, .. }) => whole('+', |change| change.new.as_ref()),
        Some(_) => whole('-', |change| change.old.as_ref()),
        None => {
            let lines = changes(&user.changes);
            lines.iter().map(|line| line.replacen(' ', &format!(" {name}, "), 1)).collect()
        }
    }
}

fn key((sign, KeyChange { system, key }): (char, &KeyChange)) -> String {
    let user = of_system(&key.user, system.as_ref());
    let line = format!("{sign} {user} {} {} {}", key.r#type, key.fingerprint, key.comment);
    match key.options.as_str() {
        "" => line.trim_end().to_owned(),
        options => format!("{} ({options})", line.trim_end()),
    }
}

/// A name, with the system in which it counts where that is not the default one.
fn of_system(name: &str, system: Option<&String>) -> String {
    system.map_or_else(|| name.to_owned(), |system| format!("{name} ({system})"))
}

/// What differs inside a store path.
fn inside(object: &ObjectChange, told: Told) -> Vec<String> {
    let mut lines = Vec::new();
    for file in &object.files {
        lines.push(changed_file(file));
        match &file.content {
            Some(Content::Text { lines: text, further }) => {
                lines.extend(text.iter().map(|line| format!("    {line}")));
                lines.extend((*further > 0).then(|| format!("    and {further} more lines")));
            }
            Some(Content::Binary { offset }) => lines.push(format!("    differ from byte {offset} on")),
            Some(Content::Layout) => {
                lines.push("    the same JSON: only its layout or the order of its keys differs".to_owned());
            }
            Some(Content::Secrets) => lines.push("    only secrets differ, which are not shown".to_owned()),
            None => {}
        }
    }
    let counted = |count: usize, what: &str| (count > 0).then(|| format!("({count} {what})"));
    lines.extend(counted(object.unread, "files of the same length, which --content compares"));
    if told == Told::All {
        lines.extend(counted(object.only_hash_parts, "files with other hash parts of store paths"));
    }
    lines.extend(object.troubles.iter().map(|error| format!("could not tell: {error}")));
    lines
}

fn changed_file(file: &FileChange) -> String {
    let path = if file.path.is_empty() { "(itself)".to_owned() } else { files::text(&file.path) };
    match (&file.old, &file.new) {
        (Some(old), Some(new)) => {
            let mut told = Vec::new();
            if old.file_type != new.file_type {
                told.push(format!("{} -> {}", files::type_name(old.file_type), files::type_name(new.file_type)));
            }
            if let (Some(old), Some(new)) = (old.size, new.size)
                && old != new
            {
                told.push(format!("{old} -> {new} bytes"));
            }
            if old.mode != new.mode {
                told.push(format!("mode {:04o} -> {:04o}", old.mode, new.mode));
            }
            if let (Some(old), Some(new)) = (&old.target, &new.target)
                && old != new
            {
                told.push(format!("leads to {old} -> {new}"));
            }
            if told.is_empty() {
                told.push("other contents".to_owned());
            }
            format!("~ {path}: {}", told.join(", "))
        }
        (None, Some(new)) => format!("+ {path}: {}", described(new)),
        (Some(old), None) => format!("- {path}: {}", described(old)),
        (None, None) => path,
    }
}

fn described(file: &FileFacts) -> String {
    let mut text = format!("{}, mode {:04o}", files::type_name(file.file_type), file.mode);
    if let Some(size) = file.size {
        text.push_str(&format!(", {size} bytes"));
    }
    if let Some(target) = &file.target {
        text.push_str(&format!(", leads to {target}"));
    }
    text
}
