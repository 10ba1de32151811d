//! The image file itself, against a hash that was published of it.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use sha2::{Digest, Sha256};

use super::{Problem, ProblemKind, own_path};
use crate::error::{Error, Result};
use crate::image::Progress;
use crate::nixos::{Disc, Medium};

/// Bytes that are hashed in one go.
const PART: usize = 1 << 20;

/// Reads a published SHA-256: bare digits, lines as `sha256sum` prints them, or as BSD does (`SHA256 (name) = digits`). Of
/// several lines the one counts that names the image.
///
/// # Errors
/// Why no hash is in it, or which of several is meant is not clear.
pub fn published(text: &str, image: &Path) -> std::result::Result<[u8; 32], String> {
    let wanted = image.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let all: Vec<([u8; 32], &str)> = text.lines().filter_map(|line| entry(line.trim())).collect();
    let mut named = all.iter().filter(|(_, name)| name.rsplit('/').next() == Some(wanted.as_str()));
    match (named.next(), all.as_slice()) {
        (Some((hash, _)), _) | (None, [(hash, _)]) => Ok(*hash),
        (None, []) => Err("no SHA-256 in it: expected 64 hexadecimal digits".to_owned()),
        (None, all) => Err(format!("{} hashes in it, and none of {wanted}", all.len())),
    }
}

/// A line: the hash, and the file's name, which may be empty.
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

/// Hashes the file that was opened, as it was downloaded: still compressed if it was. Of a device only the volume counts, and
/// of a longer file the volume will do: what lies behind it is what the stick held before.
pub(super) fn check(disc: &Disc<'_>, expected: &[u8; 32], progress: Progress<'_>) -> Result<Option<Problem>> {
    let path = disc.path();
    let named = |source: io::Error| Error::Io { path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(named)?;
    let metadata = file.metadata().map_err(named)?;
    let is_device = metadata.file_type().is_block_device();
    let volume = match &disc.carrier {
        Medium::Volume(volume) => volume.descriptors().primary.length(),
        Medium::Archive(_) => u64::MAX,
    };
    let total = if is_device { volume } else { metadata.len() };
    let mut digest = Sha256::new();
    let mut of_volume = None;
    let mut buffer = vec![0; PART];
    let mut done = 0u64;
    loop {
        if done == volume {
            of_volume = Some(<[u8; 32]>::from(digest.clone().finalize()));
            if is_device {
                break;
            }
        }
        let most = usize::try_from(volume.checked_sub(done).filter(|&left| left > 0).unwrap_or(u64::MAX));
        let part = buffer.len().min(most.unwrap_or(usize::MAX));
        let read = file.read(buffer.get_mut(..part).unwrap_or_default()).map_err(named)?;
        if read == 0 {
            break;
        }
        digest.update(buffer.get(..read).unwrap_or_default());
        done = done.saturating_add(u64::try_from(read).unwrap_or(0));
        progress(done, total);
    }
    let actual = <[u8; 32]>::from(digest.finalize());
    if actual == *expected || of_volume.as_ref() == Some(expected) {
        return Ok(None);
    }
    let problem =
        Problem::new(ProblemKind::HashMismatch, own_path(disc), "the image file is not the one that was published");
    Ok(Some(problem.expected(shown(expected)).actual(shown(&actual))))
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
            (format!("{one}  a.iso\n{other}  b.iso\n"), "2 hashes in it, and none of nixos.iso"),
            ("hello\n".to_owned(), "no SHA-256 in it: expected 64 hexadecimal digits"),
            (one[1..].to_owned(), "no SHA-256 in it: expected 64 hexadecimal digits"),
        ] {
            assert_eq!(published(&text, image), Err(message.to_owned()));
        }
    }
}
