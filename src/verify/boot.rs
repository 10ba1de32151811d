//! The files that the boot menus name, and those of the systems that they start.

use std::collections::HashMap;

use data_encoding::HEXLOWER;

use super::problem::{Problem, ProblemKind};
use crate::error::{Error, Result};
use crate::fs::path::{self, Found};
use crate::fs::{Kind, Tree, digest};
use crate::nixos::menu::{BootFile, GapKind, MenuEntry};
use crate::nixos::{Disc, toplevel};
use crate::store::StorePath;

/// Checks that the files that menus include are there.
pub(super) fn included(disc: &Disc<'_>) -> Vec<Problem> {
    let missing = disc.menu_gaps.iter().filter_map(|gap| match &gap.kind {
        GapKind::Missing(path) => {
            let message = format!("{} includes it, but it does not exist", String::from_utf8_lossy(&gap.file));
            Some(Problem::new(ProblemKind::Boot, path.as_str(), message))
        }
        GapKind::Unified => None,
    });
    missing.collect()
}

/// Problems by file and system. Menus name the same files again and again.
#[derive(Default)]
struct Findings {
    /// Index in `problems`.
    known: HashMap<(String, Option<StorePath>), usize>,
    /// The problem, if there is one, and how many further entries share it.
    problems: Vec<(Option<Problem>, usize)>,
}

/// Checks that every entry's kernel, initrd and `init=` exist, and that kernel and initrd on the disc are those of the system.
pub(super) fn check(disc: &Disc<'_>) -> Vec<Problem> {
    let mut findings = Findings::default();
    for entry in &disc.menu {
        let system = match toplevel(disc.tree(), entry) {
            Ok(system) => system,
            Err(error) => {
                let file = String::from_utf8_lossy(&entry.file).into_owned();
                findings.add(file.clone(), None, || Some(unreadable(&file, entry, &error)));
                None
            }
        };
        for (what, name, file) in [("kernel", "kernel", &entry.linux), ("initrd", "initrd", &entry.initrd)] {
            if let Some(file) = file {
                let shown = disc.boot_path(entry, file);
                findings.add(shown.clone(), system.clone(), || {
                    let found = on_disc(disc, entry, what, file);
                    found.unwrap_or_else(|error| Some(unreadable(&shown, entry, &error))).or_else(|| {
                        let same = equal(disc, entry, (what, file), (name, system.as_ref()?));
                        same.unwrap_or_else(|error| Some(unreadable(&shown, entry, &error)))
                    })
                });
            }
        }
        if let Some(init) = &entry.init {
            findings.add(init.clone(), None, || match path::find(disc.tree(), init.as_bytes()) {
                Ok(Some(_)) => None,
                Ok(None) if disc.store_is_broken() => None, // the store's own trouble explains it
                Ok(None) => Some(problem(entry, init, "starts it as init, but it is not in the image")),
                Err(error) => Some(unreadable(init, entry, &error)),
            });
        }
        if let Some(system) = &system {
            let path = system.to_string();
            findings.add(path.clone(), None, || match path::find(disc.tree(), path.as_bytes()) {
                Ok(None)
                    if !disc.store_is_broken() && entry.init.as_ref().is_none_or(|init| !init.starts_with(&path)) =>
                {
                    Some(problem(entry, &path, "starts this system, but it is not in the store"))
                }
                _ => None, // the check of `init=` has reported it
            });
        }
    }
    findings.finish()
}

impl Findings {
    /// Runs `look` once per file and system.
    fn add(&mut self, file: String, system: Option<StorePath>, look: impl FnOnce() -> Option<Problem>) {
        if let Some((_, more)) =
            self.known.get(&(file.clone(), system.clone())).and_then(|&at| self.problems.get_mut(at))
        {
            *more += 1;
            return;
        }
        self.known.insert((file, system), self.problems.len());
        self.problems.push((look(), 0));
    }

    fn finish(self) -> Vec<Problem> {
        let shared = |(problem, more): (Option<Problem>, usize)| {
            let problem = problem?;
            let message = match more {
                0 => problem.message,
                1 => format!("{}; so does 1 other entry", problem.message),
                more => format!("{}; so do {more} other entries", problem.message),
            };
            Some(Problem { message, ..problem })
        };
        self.problems.into_iter().filter_map(shared).collect()
    }
}

/// Checks that the file named in an entry is on the disc.
fn on_disc(disc: &Disc<'_>, entry: &MenuEntry, what: &str, file: &str) -> Result<Option<Problem>> {
    let shown = disc.boot_path(entry, file);
    Ok(match disc.boot_file(entry, file)? {
        Some(BootFile { tree, found }) if matches!(tree.node(found.id)?.kind, Kind::File { .. }) => None,
        Some(_) => Some(problem(entry, &shown, &format!("starts it as {what}, but it is not a regular file"))),
        None => {
            let place = if shown == file { "the disc" } else { "the EFI system partition" };
            Some(problem(entry, &shown, &format!("starts it as {what}, but it is not on {place}")))
        }
    })
}

/// Checks that the file on the disc has the same contents as the system's own.
fn equal(
    disc: &Disc<'_>,
    entry: &MenuEntry,
    (what, file): (&str, &str),
    (name, system): (&str, &StorePath),
) -> Result<Option<Problem>> {
    let own = format!("{system}/{name}");
    // Systems before 2010 and containers have no such file.
    let Some(of_system) = path::find(disc.tree(), own.as_bytes())? else { return Ok(None) };
    let expected = sha256(disc.tree(), &of_system)?;
    let Some(BootFile { tree, found }) = disc.boot_file(entry, file)? else { return Ok(None) };
    let actual = sha256(tree, &found)?;
    if expected == actual {
        return Ok(None);
    }
    let message = format!("starts it as {what}, but it differs from {own} of the system that the entry starts");
    Ok(Some(problem(entry, &disc.boot_path(entry, file), &message).expected(expected).actual(actual)))
}

fn sha256(tree: &dyn Tree, file: &Found) -> Result<String> {
    Ok(format!("sha256:{}", HEXLOWER.encode(&digest::of_file(tree, file)?)))
}

fn problem(entry: &MenuEntry, path: &str, message: &str) -> Problem {
    let file = String::from_utf8_lossy(&entry.file);
    let message = format!("the menu entry \"{}\" of {file} {message}", entry.title);
    Problem::new(ProblemKind::Boot, path, message)
}

fn unreadable(path: &str, entry: &MenuEntry, error: &Error) -> Problem {
    let file = String::from_utf8_lossy(&entry.file);
    let message = format!("{error}; the menu entry \"{}\" of {file} needs it", entry.title);
    Problem::new(ProblemKind::Unreadable, path, message)
}
