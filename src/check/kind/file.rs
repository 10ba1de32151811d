//! `--file PATH` and `[[file]]`: the file exists, with the wanted properties.

use std::fmt;

use globset::GlobMatcher;

use super::super::nearest::listed;
use super::super::paths::{at_path, broken, leads_to, siblings, text};
use super::contents::{self, Pattern};
use super::owner::{Compared, Owner, beside};
use super::{Ask, Flag, Kind, Takes};
use crate::check::systems::Scope;
use crate::check::{Answer, Judgement, Subject};
use crate::error::{Error, Result};
use crate::fs::path::{self, Found};
use crate::fs::{self, FileType, Node};

/// Paths that lead into the store after boot.
const AFTER_BOOT: [&[u8]; 3] = [b"/nix", b"/etc", b"/run"];

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "file",
    says: "a file is there, as it was asked for",
    advice: None,
    flag: Some(Flag { takes: Takes::Path("PATH", |path| File::at(path).into()), help: "The file exists" }),
};

/// The file exists after following links, with this type, mode and contents.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Its path in the running system.
    pub path: Vec<u8>,
    /// Its type after following links. For a symbolic link, the path itself is checked.
    pub file_type: Option<FileType>,
    /// Its permission bits.
    pub mode: Option<u16>,
    /// The SHA-256 of its contents.
    pub sha256: Option<[u8; 32]>,
    /// A text that it contains.
    pub contains: Option<String>,
    /// A text that it does not contain.
    pub not_contains: Option<String>,
    /// A pattern that a part of it matches.
    pub matches: Option<Pattern>,
    /// Its owner.
    pub owner: Option<Owner>,
    /// A glob for where its link leads: as the link is written, or in the end.
    pub target: Option<GlobMatcher>,
}

impl File {
    /// The file at the path, with no further properties.
    #[must_use]
    pub fn at(path: &[u8]) -> Self {
        Self { path: path.to_vec(), ..Self::default() }
    }

    fn is_any(&self) -> bool {
        let others = [self.file_type.is_some(), self.mode.is_some(), self.owner.is_some(), self.target.is_some()];
        !others.contains(&true) && !self.has_contents()
    }

    /// Whether anything is asserted of the contents.
    fn has_contents(&self) -> bool {
        let texts = [self.contains.is_some(), self.not_contains.is_some()];
        self.sha256.is_some() || self.matches.is_some() || texts.contains(&true)
    }
}

/// The path, and what is asserted of it.
impl fmt::Display for File {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", String::from_utf8_lossy(&self.path))?;
        if let Some(mode) = self.mode {
            write!(formatter, " mode {mode:04o}")?;
        }
        if self.sha256.is_some() {
            write!(formatter, " sha256")?;
        }
        self.owner.iter().try_for_each(|owner| write!(formatter, " owner {owner}"))?;
        self.target.iter().try_for_each(|target| write!(formatter, " target {}", target.glob()))?;
        self.contains.iter().try_for_each(|text| write!(formatter, " contains {text:?}"))?;
        self.not_contains.iter().try_for_each(|text| write!(formatter, " does not contain {text:?}"))?;
        self.matches.iter().try_for_each(|pattern| write!(formatter, " matches {:?}", pattern.to_string()))
    }
}

impl Ask for File {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        at_path(subject, Scope::Default, &self.path, |path| {
            let there = exists(subject, path)?;
            let own = Self { path: path.to_vec(), ..self.clone() };
            if self.is_any() { Ok(there) } else { is(subject, &own, there) }
        })
    }
}

/// The file exists after following links.
fn exists(subject: &Subject<'_, '_>, wanted: &[u8]) -> Result<Judgement> {
    let tree = subject.disc.tree();
    match path::resolve(tree, wanted) {
        Ok(found) => Ok(Judgement::pass(leads_to(wanted, &found.path), vec![text(&found.path)])),
        // If the store cannot be read, its contents are unknown.
        Err(_) if subject.disc.store_is_broken() && AFTER_BOOT.iter().any(|place| wanted.starts_with(place)) => {
            Err(subject.disc.require_store().err().unwrap_or(Error::NotFound { path: wanted.to_vec() }))
        }
        Err(error) => {
            let near = siblings(tree, wanted)?;
            let near: Vec<&str> = near.iter().map(String::as_str).collect();
            Ok(Judgement::fail(
                format!("{}{}", broken(tree, wanted, error)?, listed(&near)),
                near.iter().map(|&name| name.to_owned()).collect(),
            ))
        }
    }
}

/// The file exists, with the wanted properties.
fn is(subject: &Subject<'_, '_>, file: &File, there: Judgement) -> Result<Judgement> {
    let tree = subject.disc.tree();
    if there.answer != Answer::Holds && file.file_type != Some(FileType::Symlink) {
        return Ok(there);
    }
    let found = match file.file_type {
        Some(FileType::Symlink) => match path::resolve_link(tree, &file.path) {
            Ok(found) => found,
            Err(Error::NotFound { .. } | Error::WrongType { .. }) => return Ok(there),
            Err(error) => return Err(error),
        },
        _ => path::resolve(tree, &file.path)?,
    };
    let node = tree.node(found.id)?;
    let mut wrong = properties(subject, file, &found, &node)?;
    let mut unknown = None;
    match file.owner.as_ref().map(|owner| owner.compare(subject, &file.path, &node)).transpose()? {
        Some(Compared::Other(told)) => wrong.push(told),
        Some(Compared::Unknown(told)) => unknown = Some(told),
        Some(Compared::Same) | None => {}
    }
    if file.has_contents() {
        match node.kind.file_type() {
            FileType::File => wrong.extend(contents::wrong(tree, &found, file)?),
            own => wrong.push(format!("it is a {}, and has no contents", word(own))),
        }
    }
    let evidence = vec![text(&found.path)];
    Ok(match unknown {
        _ if !wrong.is_empty() => Judgement::fail(wrong.join("; "), evidence),
        Some(told) => Judgement::unknown(told, evidence),
        None => Judgement::pass(there.message, evidence),
    })
}

/// What is wrong with the type, the mode and the target of a link.
fn properties(subject: &Subject<'_, '_>, file: &File, found: &Found, node: &Node) -> Result<Vec<String>> {
    let (tree, own, mut wrong) = (subject.disc.tree(), node.kind.file_type(), Vec::new());
    if let Some(wanted) = file.file_type.filter(|wanted| *wanted != own) {
        wrong.push(format!("it is a {}, not a {}", word(own), word(wanted)));
    }
    if let Some(wanted) = file.mode {
        let set = beside(tree, &file.path, b".mode")?.and_then(|text| u16::from_str_radix(&text, 8).ok());
        let mode = set.unwrap_or(node.mode);
        if mode != wanted {
            wrong.push(format!("its mode is {mode:04o}"));
        }
    }
    if let Some(wanted) = &file.target {
        let link = match tree.node(path::resolve_link(tree, &file.path)?.id)?.kind {
            fs::Kind::Symlink { target } => Some(text(&target)),
            _ => None,
        };
        let end = text(&found.path);
        if !link.iter().chain([&end]).any(|path| wanted.is_match(path)) {
            wrong.push(format!("it leads to {end}"));
        }
    }
    Ok(wrong)
}

fn word(file_type: FileType) -> &'static str {
    match file_type {
        FileType::File => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::CharDevice => "character device",
        FileType::BlockDevice => "block device",
        FileType::Fifo => "named pipe",
        FileType::Socket => "socket",
    }
}
