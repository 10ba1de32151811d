//! The SHA-256 of contents, and the first byte in which two contents differ.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::Tree;
use super::path::Found;
use crate::error::{Error, Result};
use crate::image::Region;
use crate::image::platform::OsStrExt;

/// Bytes that are read at once.
const PART: usize = 1 << 18;

/// Bytes of two contents that are compared at once.
const COMPARED: u64 = 1 << 20;

/// Passes everything in `reader` to `take`, part by part.
///
/// # Errors
/// If the reader fails.
pub fn parts(reader: &mut dyn Read, take: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; PART];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => take(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The SHA-256 of everything in `reader`.
///
/// # Errors
/// If the reader fails.
pub fn sha256(reader: &mut dyn Read) -> io::Result<[u8; 32]> {
    let mut digest = Sha256::new();
    parts(reader, &mut |bytes| digest.update(bytes))?;
    Ok(digest.finalize().into())
}

/// The SHA-256 of a file.
///
/// # Errors
/// If the file cannot be opened or read.
pub fn of_file(tree: &dyn Tree, file: &Found) -> Result<[u8; 32]> {
    let failed = |error| Error::from_read(error, Path::new(OsStr::from_bytes(&file.path)));
    sha256(&mut *tree.open(file.id)?).map_err(failed)
}

/// The offset of the first byte that differs, or where one region ends. `None` if both are the same. All threads compare.
///
/// # Errors
/// If the medium cannot be read.
pub fn first_difference(old: &Region<'_>, new: &Region<'_>) -> Result<Option<u64>> {
    let common = old.length().min(new.length());
    let part = |index: u64| -> Result<Option<u64>> {
        let start = index.saturating_mul(COMPARED);
        let length = COMPARED.min(common - start);
        let (one, other) = (old.bytes("image", start, length)?, new.bytes("image", start, length)?);
        let at = if one == other { None } else { position(&one, &other) };
        Ok(at.map(|at| start.saturating_add(at)))
    };
    let parts = (0..common.div_ceil(COMPARED)).into_par_iter().map(part);
    match parts.find_first(|found| !matches!(found, Ok(None))) {
        Some(found) => found,
        None => Ok((old.length() != new.length()).then_some(common)),
    }
}

/// The same for the bytes of two readers.
///
/// # Errors
/// If a reader fails.
pub fn first_difference_of_readers(old: &mut dyn Read, new: &mut dyn Read) -> io::Result<Option<u64>> {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut offset = 0u64;
    loop {
        one.clear();
        other.clear();
        (&mut *old).take(COMPARED).read_to_end(&mut one)?;
        (&mut *new).take(COMPARED).read_to_end(&mut other)?;
        let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if one != other {
            let at = position(&one, &other).unwrap_or(length(&one).min(length(&other)));
            return Ok(Some(offset.saturating_add(at)));
        }
        if one.is_empty() {
            return Ok(None);
        }
        offset = offset.saturating_add(length(&one));
    }
}

fn position(one: &[u8], other: &[u8]) -> Option<u64> {
    let at = one.iter().zip(other).position(|(one, other)| one != other)?;
    u64::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    #[test]
    fn the_first_byte_that_differs_is_found_wherever_it_is() {
        let long = vec![7; 3 << 20];
        for (at, expected) in [(0, 0), (1 << 20, 1 << 20), ((3 << 20) - 1, (3 << 20) - 1)] {
            let mut other = long.clone();
            other[at] = 8;
            *other.last_mut().unwrap() = 9;
            let images = [Image::memory(long.clone()), Image::memory(other.clone())];
            assert_eq!(first_difference(&images[0].region(), &images[1].region()).unwrap(), Some(expected));
            assert_eq!(first_difference_of_readers(&mut &*long, &mut &*other).unwrap(), Some(expected));
        }
        let images = [Image::memory(long.clone()), Image::memory(long[..5].to_vec())];
        assert_eq!(first_difference(&images[0].region(), &images[1].region()).unwrap(), Some(5));
        assert_eq!(first_difference_of_readers(&mut &*long, &mut &long[..5]).unwrap(), Some(5));
        assert_eq!(first_difference(&images[0].region(), &images[0].region()).unwrap(), None);
        assert_eq!(first_difference_of_readers(&mut &*long, &mut &*long).unwrap(), None);
    }
}
