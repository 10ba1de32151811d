//! The initrd of a system.

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::mask::{named, public, text};
use crate::error::{Error, Place, Result};
use crate::fs::{cpio, digest, path};
use crate::nixos::{Disc, System};

/// Most members of an initrd. Real ones have a few thousand.
const MOST: usize = 200_000;

/// Hashes of store paths are masked in members up to this length in bytes.
const SMALL: u64 = 1 << 20;

/// An initrd.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitrdFacts {
    /// Its file, with links resolved.
    pub path: String,
    /// Its members by path, once they have been read.
    pub members: Option<Vec<MemberFacts>>,
}

/// A member of an initrd.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemberFacts {
    /// Its path, with hashes of store paths masked.
    pub path: String,
    /// Type and permission bits, in octal.
    pub mode: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of a file's contents or a link's target. Hashes of store paths are masked in small ones.
    pub sha256: Option<String>,
}

impl InitrdFacts {
    /// Finds the initrd of a system, without reading it.
    pub(in crate::diff) fn find(disc: &Disc<'_>, system: &System) -> Result<Option<Self>> {
        let found = path::find(disc.tree(), format!("{}/initrd", system.path).as_bytes())?;
        Ok(found.map(|found| Self { path: named(&found.path), members: None }))
    }

    /// Reads its members, unless they have been read.
    pub(in crate::diff) fn read(&mut self, disc: &Disc<'_>) -> Result<()> {
        if self.members.is_none() {
            self.members = Some(members(disc, &self.path)?);
        }
        Ok(())
    }
}

/// The members of the initrd at `file`, by path.
fn members(disc: &Disc<'_>, file: &str) -> Result<Vec<MemberFacts>> {
    let tree = disc.tree();
    let found = path::resolve(tree, file.as_bytes())?;
    let mut input = BufReader::with_capacity(1 << 17, tree.open(found.id)?);
    let mut members = Vec::new();
    cpio::read(&mut input, file, &mut |member, contents| {
        if members.len() == MOST {
            return Err(Error::Limit { what: "200,000 members", place: Place::File(file.as_bytes().to_vec()) });
        }
        let path = text(&named(&member.path));
        let digest = digest(&path, contents, member.size).map_err(|error| Error::from_read(error, Path::new(file)))?;
        let sha256 = (member.size > 0).then_some(digest);
        members.push(MemberFacts { path, mode: format!("{:06o}", member.mode), size: member.size, sha256 });
        Ok(ControlFlow::Continue(()))
    })?;
    number(&mut members);
    members.sort();
    Ok(members)
}

fn digest(path: &str, contents: &mut dyn Read, size: u64) -> std::io::Result<String> {
    if size > SMALL {
        return Ok(HEXLOWER.encode(&digest::sha256(contents)?));
    }
    let mut bytes = Vec::new();
    contents.take(SMALL).read_to_end(&mut bytes)?;
    Ok(HEXLOWER.encode(&Sha256::digest(public(path, &bytes))))
}

/// Numbers members of the same path, which later archives may have.
fn number(members: &mut [MemberFacts]) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for member in members {
        let times = seen.entry(member.path.clone()).or_default();
        *times += 1;
        if *times > 1 {
            member.path = format!("{} ({times})", member.path);
        }
    }
}
