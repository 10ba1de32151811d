//! `--file PATH` and `[[file]]`: the file exists, with the wanted properties.

use std::fmt;
use std::io::Read;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::super::nearest::listed;
use super::super::paths::{at_path, broken, leads_to, siblings, text};
use super::{Ask, Flag, Kind, Takes};
use crate::check::systems::Scope;
use crate::check::{Answer, Judgement, Subject};
use crate::error::{Error, Result};
use crate::fs::path::{self, Found};
use crate::fs::{FileType, Tree};

/// Bytes that are read at once.
const PART: usize = 1 << 18;

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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
}

impl File {
    /// The file at the path, with no further properties.
    #[must_use]
    pub fn at(path: &[u8]) -> Self {
        Self { path: path.to_vec(), ..Self::default() }
    }

    fn is_any(&self) -> bool {
        self.file_type.is_none() && self.mode.is_none() && self.sha256.is_none() && self.contains.is_none()
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
        match &self.contains {
            Some(text) => write!(formatter, " contains {text:?}"),
            None => Ok(()),
        }
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
    let (own, mut wrong) = (node.kind.file_type(), Vec::new());
    if let Some(wanted) = file.file_type.filter(|wanted| *wanted != own) {
        wrong.push(format!("it is a {}, not a {}", word(own), word(wanted)));
    }
    if let Some(wanted) = file.mode {
        let mode = match sidecar(tree, &file.path)? {
            Some(mode) => mode,
            None => node.mode,
        };
        if mode != wanted {
            wrong.push(format!("its mode is {mode:04o}"));
        }
    }
    if own != FileType::File && (file.sha256.is_some() || file.contains.is_some()) {
        wrong.push(format!("it is a {}, and has no contents", word(own)));
    } else if file.sha256.is_some() || file.contains.is_some() {
        let (digest, contains) = read(tree, &found, file.contains.as_deref().unwrap_or_default().as_bytes())?;
        if file.sha256.is_some_and(|wanted| wanted != digest) {
            wrong.push(format!("its SHA-256 is {}", HEXLOWER.encode(&digest)));
        }
        if let Some(wanted) = file.contains.as_ref().filter(|_| !contains) {
            wrong.push(format!("it does not contain {wanted:?}"));
        }
    }
    let evidence = vec![text(&found.path)];
    Ok(if wrong.is_empty() {
        Judgement::pass(there.message, evidence)
    } else {
        Judgement::fail(wrong.join("; "), evidence)
    })
}

/// The mode that NixOS sets for a file in `/etc`, stored in a separate file beside it.
fn sidecar(tree: &dyn Tree, path: &[u8]) -> Result<Option<u16>> {
    if !path.windows(5).any(|part| part == b"/etc/") {
        return Ok(None);
    }
    match path::read(tree, &[path, b".mode"].concat(), 64) {
        Ok(bytes) => Ok(u16::from_str_radix(String::from_utf8_lossy(&bytes).trim(), 8).ok()),
        Err(Error::NotFound { .. } | Error::WrongType { .. } | Error::Limit { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The digest of a file, and whether it contains the text, which is not empty.
fn read(tree: &dyn Tree, file: &Found, wanted: &[u8]) -> Result<([u8; 32], bool)> {
    let shown = || std::path::PathBuf::from(text(&file.path));
    let mut reader = tree.open(file.id)?;
    let mut digest = Sha256::new();
    let mut contains = wanted.is_empty();
    let mut buffer = vec![0; PART];
    // The end of the previous part, where the text may have begun.
    let mut window: Vec<u8> = Vec::new();
    loop {
        let read = reader.read(&mut buffer).map_err(|error| Error::from_read(error, &shown()))?;
        if read == 0 {
            return Ok((digest.finalize().into(), contains));
        }
        let part = buffer.get(..read).unwrap_or_default();
        digest.update(part);
        if !contains {
            window.extend_from_slice(part);
            contains = window.windows(wanted.len()).any(|here| here == wanted);
            let kept = window.len().saturating_sub(wanted.len());
            window.drain(..kept);
        }
    }
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
