//! Assertions on what a file is and holds.

use std::io::Read;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{FileAssertion, Judgement, Subject};
use crate::error::{Error, Result};
use crate::fs::path::{self, Found};
use crate::fs::{FileType, Tree};

/// Bytes that are read in one go.
const PART: usize = 1 << 18;

/// There is no such file.
pub(super) fn absent(subject: &Subject<'_, '_>, wanted: &[u8]) -> Result<Judgement> {
    // What is in a store that cannot be read, nobody knows.
    if subject.disc.store_is_broken() {
        subject.disc.require_store()?;
    }
    Ok(match path::resolve_link(subject.disc.tree(), wanted) {
        Ok(found) => Judgement::fail("it is there", vec![text(&found.path)]),
        Err(Error::NotFound { .. } | Error::WrongType { .. }) => Judgement::pass("not there", Vec::new()),
        Err(error) => return Err(error),
    })
}

/// The file is there, and as it should be.
pub(super) fn is(subject: &Subject<'_, '_>, file: &FileAssertion) -> Result<Judgement> {
    let there = super::file::exists(subject, &file.path)?;
    let tree = subject.disc.tree();
    if !there.holds && file.file_type != Some(FileType::Symlink) {
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

/// The mode that NixOS gives a file of `/etc`, in a file of its own beside it.
fn sidecar(tree: &dyn Tree, path: &[u8]) -> Result<Option<u16>> {
    if !path.starts_with(b"/etc/") {
        return Ok(None);
    }
    match path::read(tree, &[path, b".mode"].concat(), 64) {
        Ok(bytes) => Ok(u16::from_str_radix(String::from_utf8_lossy(&bytes).trim(), 8).ok()),
        Err(Error::NotFound { .. } | Error::WrongType { .. } | Error::Limit { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The digest of a file, and whether it has the text, which is not empty, in it.
fn read(tree: &dyn Tree, file: &Found, wanted: &[u8]) -> Result<([u8; 32], bool)> {
    let shown = || std::path::PathBuf::from(text(&file.path));
    let mut reader = tree.open(file.id)?;
    let mut digest = Sha256::new();
    let mut contains = wanted.is_empty();
    let mut buffer = vec![0; PART];
    // The end of the part before, in which the text may have begun.
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

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
