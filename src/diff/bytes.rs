//! The first byte that differs between two regions or streams.

use std::io::Read;

use rayon::prelude::*;

use crate::error::Result;
use crate::image::Region;

/// Bytes that are compared at once.
const PART: u64 = 1 << 20;

/// The offset of the first byte that differs, or at which only one region ends.
pub(super) fn first_difference(old: &Region<'_>, new: &Region<'_>) -> Result<Option<u64>> {
    let common = old.length().min(new.length());
    let part = |index: u64| -> Result<Option<u64>> {
        let start = index.saturating_mul(PART);
        let length = PART.min(common - start);
        let (one, other) = (old.bytes("image", start, length)?, new.bytes("image", start, length)?);
        let at = if one == other { None } else { one.iter().zip(&*other).position(|(one, other)| one != other) };
        Ok(at.and_then(|at| start.checked_add(u64::try_from(at).ok()?)))
    };
    let found = (0..common.div_ceil(PART)).into_par_iter().map(part).find_first(|found| !matches!(found, Ok(None)));
    match found {
        Some(found) => found,
        None => Ok((old.length() != new.length()).then_some(common)),
    }
}

/// The offset of the first byte that differs, or at which only one stream ends.
pub(super) fn first_of_streams(old: &mut dyn Read, new: &mut dyn Read) -> std::io::Result<Option<u64>> {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut offset = 0u64;
    loop {
        one.clear();
        other.clear();
        (&mut *old).take(PART).read_to_end(&mut one)?;
        (&mut *new).take(PART).read_to_end(&mut other)?;
        if one != other {
            let at = one.iter().zip(&other).position(|(one, other)| one != other);
            let at = at.unwrap_or_else(|| one.len().min(other.len()));
            return Ok(Some(offset.saturating_add(u64::try_from(at).unwrap_or(0))));
        }
        if one.is_empty() {
            return Ok(None);
        }
        offset = offset.saturating_add(u64::try_from(one.len()).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Image;

    #[test]
    fn the_first_byte_that_differs_is_found_wherever_it_lies() {
        let long = vec![7; 3 << 20];
        for (at, expected) in [(0, 0), (1 << 20, 1 << 20), ((3 << 20) - 1, (3 << 20) - 1)] {
            let mut other = long.clone();
            other[at] = 8;
            *other.last_mut().unwrap() = 9;
            let images = [Image::memory(long.clone()), Image::memory(other.clone())];
            assert_eq!(first_difference(&images[0].region(), &images[1].region()).unwrap(), Some(expected));
            assert_eq!(first_of_streams(&mut &*long, &mut &*other).unwrap(), Some(expected));
        }
        let images = [Image::memory(long.clone()), Image::memory(long[..5].to_vec())];
        assert_eq!(first_difference(&images[0].region(), &images[1].region()).unwrap(), Some(5));
        assert_eq!(first_of_streams(&mut &*long, &mut &long[..5]).unwrap(), Some(5));
        assert_eq!(first_difference(&images[0].region(), &images[0].region()).unwrap(), None);
        assert_eq!(first_of_streams(&mut &*long, &mut &*long).unwrap(), None);
    }
}
