//! Compares the image file itself with a published hash.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest, Sha256};

use super::{Problem, ProblemKind, Remark, own_path};
use crate::error::{Error, Result};
use crate::fs::digest;
use crate::image::{PRODUCTS, Progress, products};
use crate::nixos::{Disc, Medium};

/// Reads a published SHA-256: bare digits, or lines as `sha256sum` or BSD (`SHA256 (name) = digits`) prints them. If there are
/// several lines, the one that names the image counts.
///
/// # Errors
/// If the text has no hash, or several and none of them names the image.
pub fn published(text: &str, image: &Path) -> std::result::Result<[u8; 32], String> {
    let wanted = image.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let all: Vec<([u8; 32], &str)> = text.lines().filter_map(|line| entry(line.trim())).collect();
    let mut named = all.iter().filter(|(_, name)| name.rsplit('/').next() == Some(wanted.as_str()));
    match (named.next(), all.as_slice()) {
        (Some((hash, _)), _) | (None, [(hash, _)]) => Ok(*hash),
        (None, []) => Err("no SHA-256 found; expected 64 hexadecimal digits".to_owned()),
        (None, all) => Err(format!("{} hashes found, but none for {wanted}", all.len())),
    }
}

/// Parses a line: the hash, and the file's name, which may be empty.
fn entry(line: &str) -> Option<([u8; 32], &str)> {
    if let Some((name, digits)) = line.strip_prefix("SHA256 (").and_then(|rest| rest.rsplit_once(") = ")) {
        return Some((hash(digits)?, name));
    }
    let (digits, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    Some((hash(digits)?, name.trim_start().trim_start_matches('*')))
}

fn hash(digits: &str) -> Option<[u8; 32]> {
    HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?.try_into().ok()
}

/// Compares the image file with a published hash. A compressed image is hashed as it was downloaded.
///
/// Only the volume counts on a device, and the hash of the volume alone is accepted for a longer file: what follows is what the
/// stick held before.
pub(super) fn check(disc: &Disc<'_>, expected: &[u8; 32], progress: Progress<'_>) -> Result<Option<Problem>> {
    let path = disc.path();
    let named = |source: io::Error| Error::Io { path: path.to_path_buf(), source };
    let file = File::open(path).map_err(named)?;
    let metadata = file.metadata().map_err(named)?;
    let is_device = metadata.file_type().is_block_device();
    let volume = match &disc.carrier {
        Medium::Volume(volume) => volume.descriptors().primary.length(),
        Medium::Archive(_) => u64::MAX,
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

/// Whether the product lines of the build name another file than this.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_in_every_form_that_is_published() {
        let (one, other) = ("1c".repeat(32), "A0".repeat(32));
        let image = Path::new("/tmp/nixos.iso");
        for text in [
            one.clone(),
            format!("{one}\n"),
            format!("{one}  nixos.iso\n"),
            format!("{one} *nixos.iso\n"),
            format!("SHA256 (nixos.iso) = {one}\n"),
            format!("# hashes\n{other}  other.iso\n{one}  ./nixos.iso\n"),
            format!("{one}  renamed.iso\n"),
        ] {
            assert_eq!(published(&text, image), Ok([0x1c; 32]), "{text}");
        }
        for (text, message) in [
            (format!("{one}  a.iso\n{other}  b.iso\n"), "2 hashes found, but none for nixos.iso"),
            ("hello\n".to_owned(), "no SHA-256 found; expected 64 hexadecimal digits"),
            (one[1..].to_owned(), "no SHA-256 found; expected 64 hexadecimal digits"),
        ] {
            assert_eq!(published(&text, image), Err(message.to_owned()));
        }
    }
}
