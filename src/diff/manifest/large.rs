//! Files of the disc that are too long to be read for every question.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::Manifest;
use crate::diff::masked::Masked;
use crate::error::{Error, Result};
use crate::fs::path;
use crate::nixos::Disc;

/// Bytes that are read at once.
const PART: usize = 1 << 16;

impl Manifest {
    /// Reads the long files of the disc; where they are compared with those of another one, those of which the length does not
    /// tell. Kernels and initrds that a menu names are compared with their systems.
    pub fn read_large(&mut self, disc: &Disc<'_>, other: Option<&Self>, troubles: &mut Vec<Error>) {
        let started: BTreeSet<&str> =
            disc.menu.iter().flat_map(|entry| entry.linux.iter().chain(&entry.initrd)).map(String::as_str).collect();
        for file in self.files.iter_mut().filter(|file| file.sha256.is_none() && !started.contains(file.path.as_str()))
        {
            let same = |other: &Self| other.files.iter().any(|it| it.path == file.path && it.size == file.size);
            if other.is_none_or(same) {
                match digest(disc, &file.path) {
                    Ok(digest) => file.sha256 = Some(digest),
                    Err(error) => troubles.push(error),
                }
            }
        }
    }
}

fn digest(disc: &Disc<'_>, file: &str) -> Result<String> {
    let tree = disc.own_tree();
    let found = path::resolve(tree, file.as_bytes())?;
    let mut contents = Masked::new(tree.open(found.id)?);
    let (mut digest, mut part) = (Sha256::new(), vec![0; PART]);
    loop {
        match contents.read(&mut part).map_err(|error| Error::from_read(error, Path::new(file)))? {
            0 => return Ok(HEXLOWER.encode(&digest.finalize())),
            read => digest.update(part.get(..read).unwrap_or_default()),
        }
    }
}
