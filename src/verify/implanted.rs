//! Compares an image with the MD5 that isomd5sum embeds in it.

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};

use super::{Problem, ProblemKind, own_path};
use crate::error::Result;
use crate::fs::iso9660::ImplantedMd5;
use crate::image::Progress;
use crate::nixos::{Disc, Medium};

/// Bytes that are hashed at once. Fragments end at the end of such a part, so this must be the length that isomd5sum uses.
const PART: u64 = 32_768;

/// Hashes the volume as isomd5sum does, if it has an embedded digest.
pub(super) fn check(disc: &Disc<'_>, progress: Progress<'_>) -> Result<Option<Option<Problem>>> {
    let Medium::Volume(volume) = &disc.carrier else { return Ok(None) };
    let Some(implanted) = volume.implanted_md5()? else { return Ok(None) };
    let region = disc.image().region();
    let mut digest = Md5::new();
    let (mut done, mut fragments) = (0, Fragments::new(&implanted));
    let mut part = Vec::new();
    while done < implanted.length {
        part.clear();
        let length = PART.min(implanted.length - done);
        part.extend_from_slice(&region.bytes("volume", done, length)?);
        for (byte, at) in part.iter_mut().zip(done..) {
            if implanted.cleared.contains(&at) {
                *byte = b' ';
            }
        }
        digest.update(&part);
        fragments.take(done, length, &digest);
        done += length;
        progress(done, implanted.length);
    }
    let actual = HEXLOWER.encode(&digest.finalize());
    if actual == implanted.digest {
        return Ok(Some(None));
    }
    let place = match fragments.first_wrong {
        Some((start, end)) => format!("; the first damage is in bytes {start} to {}", end.saturating_sub(1)),
        None => String::new(),
    };
    let message = format!("the image does not match its embedded MD5 (isomd5sum){place}");
    let problem = Problem::new(ProblemKind::HashMismatch, own_path(disc), message);
    Ok(Some(Some(problem.expected(format!("md5:{}", implanted.digest)).actual(format!("md5:{actual}")))))
}

/// Finds the first fragment whose sum differs from the recorded one.
struct Fragments<'i> {
    sums: &'i [String],
    /// Length of a fragment in bytes.
    length: u64,
    current: u64,
    /// Where the current fragment begins.
    start: u64,
    first_wrong: Option<(u64, u64)>,
}

impl<'i> Fragments<'i> {
    fn new(implanted: &'i ImplantedMd5) -> Self {
        let count = u64::try_from(implanted.fragments.len()).unwrap_or(u64::MAX);
        let length = (implanted.length / (count + 1)).max(1);
        Self { sums: &implanted.fragments, length, current: 0, start: 0, first_wrong: None }
    }

    /// Hashes a part. A fragment ends with the part that begins in the next one.
    fn take(&mut self, offset: u64, length: u64, digest: &Md5) {
        let fragment = offset / self.length;
        if fragment == self.current || self.first_wrong.is_some() {
            return;
        }
        self.current = fragment;
        let Some(sum) = usize::try_from(fragment - 1).ok().and_then(|index| self.sums.get(index)) else { return };
        let end = offset + length;
        // The first digit of each byte, printed in hexadecimal without leading zeros.
        let digits = digest.clone().finalize().into_iter().map(|byte| format!("{byte:x}"));
        let wrong = !digits.zip(sum.chars()).all(|(digits, expected)| digits.starts_with(expected));
        if wrong {
            self.first_wrong = Some((self.start, end));
        }
        self.start = end;
    }
}
