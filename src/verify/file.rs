//! Compares the image file itself with a published hash.

use std::fs::File;
use std::io::{self, Read};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Problem, ProblemKind, Remark, own_path};
use crate::error::{Error, Result};
use crate::fs::digest;
use crate::image::platform::FileTypeExt;
use crate::image::{PRODUCTS, Progress, products};
use crate::nixos::{Disc, Medium};

/// Compares the image file with a published hash. A compressed image is hashed as it was downloaded.
///
/// On a device, only the volume counts. For a longer file, the hash of the volume alone is also accepted: the rest is what the
/// stick held before.
pub(super) fn check(disc: &Disc<'_>, expected: &[u8; 32], progress: Progress<'_>) -> Result<Option<Problem>> {
    let path = disc.path();
    let named = |source: io::Error| Error::Io { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(named)?;
    let metadata = file.metadata().map_err(named)?;
    let is_device = metadata.file_type().is_block_device();
    let volume = match &disc.carrier {
        Medium::Volume(volume) => volume.descriptors().primary.length(),
        Medium::Archive(_) | Medium::Disk(_) | Medium::Directory(_) => u64::MAX,
    };
    let total = if is_device { volume } else { metadata.len() };
    let (mut sum, mut done) = (Sha256::new(), 0u64);
    let mut take = |reader: &mut dyn Read| -> Result<[u8; 32]> {
        let read = digest::parts(reader, &mut |bytes| {
            sum.update(bytes);
            done = done.saturating_add(u64::try_from(bytes.len()).unwrap_or(0));
            progress(done, total);
        });
        read.map_err(named)?;
        Ok(sum.clone().finalize().into())
    };
    let of_volume = take(&mut (&file).take(volume))?;
    let actual = if is_device { of_volume } else { take(&mut &file)? };
    if [actual, of_volume].contains(expected) {
        return Ok(None);
    }
    let problem = Problem::new(ProblemKind::HashMismatch, own_path(disc), "the image file is not the published one");
    Ok(Some(problem.expected(shown(expected)).actual(shown(&actual))))
}

/// Notes if the product lines of the build name another file.
pub(super) fn product(disc: &Disc<'_>) -> Option<Remark> {
    let path = disc.path();
    let result = path.ancestors().skip(1).take(2).find(|above| above.join(PRODUCTS).is_file())?;
    let names = products(&std::fs::read_to_string(result.join(PRODUCTS)).ok()?);
    let own = path.file_name()?.to_string_lossy().into_owned();
    let is_own =
        |name: &String| own.strip_prefix(name.as_str()).is_some_and(|rest| ["", ".zst", ".bz2"].contains(&rest));
    if names.is_empty() || names.iter().any(is_own) {
        return None;
    }
    let message = format!("{PRODUCTS} names {} instead of {own}", names.join(", "));
    Some(Remark::new(own_path(disc), message))
}

fn shown(hash: &[u8; 32]) -> String {
    format!("sha256:{}", HEXLOWER.encode(hash))
}
