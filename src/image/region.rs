//! A view of an image's bytes that knows its own address.

use std::borrow::Cow;
use std::io::{self, Read};
use std::sync::Arc;

use crate::error::{Error, Place, Result, Work};
use crate::image::Source;

/// A range of the image: a whole file, a partition, the squashfs inside the ISO. Creating one copies nothing.
///
/// A region is usually one piece. A file of several extents, such as a store of over 4 GiB, is several consecutive
/// pieces, which readers do not notice. All arithmetic on offsets is done here, with checks.
#[derive(Clone, Debug)]
pub struct Region<'a> {
    source: &'a Source,
    pieces: Pieces,
    length: u64,
}

/// The pieces. A single one needs no allocation.
#[derive(Clone, Debug)]
enum Pieces {
    One(u64),
    Many(Arc<[Piece]>),
}

/// A contiguous part of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    /// First byte, counted from the start of the region.
    offset: u64,
    /// First byte, counted from the start of the image.
    start: u64,
    /// Length in bytes.
    length: u64,
}

impl<'a> Region<'a> {
    /// The whole image.
    #[must_use]
    pub fn whole(source: &'a Source) -> Self {
        Self { source, pieces: Pieces::One(0), length: source.length() }
    }

    /// Adds work that the image causes at a place.
    ///
    /// # Errors
    /// [`Error::Limit`] if the image's budget is spent.
    pub fn charge(&self, work: (Work, u64), place: &dyn Fn() -> Place) -> Result<()> {
        self.source.charge(work, place)
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The place in the image of the byte at `offset`. Past the end, it is where that byte would be.
    #[must_use]
    pub fn place(&self, offset: u64) -> Place {
        Place::Byte(match &self.pieces {
            Pieces::One(start) => start.saturating_add(offset),
            Pieces::Many(pieces) => {
                let at = pieces.partition_point(|piece| piece.offset <= offset).saturating_sub(1);
                pieces.get(at).map_or(0, |piece| piece.start.saturating_add(offset - piece.offset))
            }
        })
    }

    /// The part of `length` bytes at `offset`. `structure` names it in errors.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the region ends before the part.
    pub fn slice(&self, structure: &'static str, offset: u64, length: u64) -> Result<Self> {
        let available = self.length.saturating_sub(offset);
        if available < length {
            return Err(Error::Truncated { structure, place: self.place(offset), wanted: length, available });
        }
        let pieces = match &self.pieces {
            Pieces::One(start) => Pieces::One(start + offset),
            Pieces::Many(pieces) => Pieces::Many(cut(pieces, offset, length)),
        };
        Ok(Self { source: self.source, pieces, length })
    }

    /// The part at `offset`, at most `length` bytes long. It ends with the region, and may be empty.
    #[must_use]
    pub fn clamp(&self, offset: u64, length: u64) -> Self {
        let offset = offset.min(self.length);
        let length = length.min(self.length - offset);
        self.slice("region", offset, length).unwrap_or_else(|_| Self { length: 0, ..self.clone() })
    }

    /// Joins several regions of the same image. `None` for an empty list.
    #[must_use]
    pub fn join(regions: &[Self]) -> Option<Self> {
        let first = regions.first()?;
        let mut joined: Vec<Piece> = Vec::with_capacity(regions.len());
        let mut offset: u64 = 0;
        for piece in regions.iter().flat_map(Self::pieces) {
            match joined.last_mut() {
                Some(last) if last.start + last.length == piece.start => last.length += piece.length,
                _ => joined.push(Piece { offset, ..piece }),
            }
            offset = offset.checked_add(piece.length)?;
        }
        let pieces = match joined.as_slice() {
            [] => Pieces::One(0),
            [one] => Pieces::One(one.start),
            _ => Pieces::Many(joined.into()),
        };
        Some(Self { source: first.source, pieces, length: offset })
    }

    /// Borrows `length` bytes at `offset` if the image is mapped and they are in one piece. Otherwise reads them.
    /// Callers request at most a block at a time, because `length` may have to be allocated.
    ///
    /// # Errors
    /// [`Error::Truncated`] if the region ends too early, [`Error::Io`] if the medium cannot be read.
    pub fn bytes(&self, structure: &'static str, offset: u64, length: u64) -> Result<Cow<'a, [u8]>> {
        let wanted = self.slice(structure, offset, length)?;
        if let Pieces::One(start) = wanted.pieces {
            return self.source.bytes(start, length);
        }
        let mut joined = Vec::new();
        for piece in wanted.pieces() {
            joined.extend_from_slice(&self.source.bytes(piece.start, piece.length)?);
        }
        Ok(Cow::Owned(joined))
    }

    /// Reads bytes at `offset` until `buffer` is full or the region ends. Returns their number.
    ///
    /// # Errors
    /// [`Error::Io`] if the medium cannot be read.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        let wanted = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        for piece in self.clamp(offset, wanted).pieces() {
            // The piece is no longer than the buffer, so its length fits a usize.
            let length = usize::try_from(piece.length).unwrap_or(usize::MAX);
            let Some(part) = buffer.get_mut(filled..filled + length) else { break };
            self.source.read_exact_at(piece.start, part)?;
            filled += length;
        }
        Ok(filled)
    }

    /// Reads the region from its start.
    #[must_use]
    pub fn reader(self) -> RegionReader<'a> {
        RegionReader { region: self, offset: 0 }
    }

    fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        let (one, many) = match &self.pieces {
            Pieces::One(start) => (Some(Piece { offset: 0, start: *start, length: self.length }), &[][..]),
            Pieces::Many(pieces) => (None, &pieces[..]),
        };
        one.into_iter().chain(many.iter().copied()).filter(|piece| piece.length > 0)
    }
}

/// The pieces that cover `length` bytes at `offset`. The caller has checked that these exist.
fn cut(pieces: &[Piece], offset: u64, length: u64) -> Arc<[Piece]> {
    let end = offset + length;
    let covering = pieces.iter().filter(|piece| piece.offset < end && offset < piece.offset + piece.length);
    covering
        .map(|piece| {
            let from = piece.offset.max(offset);
            let to = (piece.offset + piece.length).min(end);
            Piece { offset: from - offset, start: piece.start + (from - piece.offset), length: to - from }
        })
        .collect()
}

/// Reads a [`Region`] from start to end.
#[derive(Debug)]
pub struct RegionReader<'a> {
    region: Region<'a>,
    offset: u64,
}

impl<'a> RegionReader<'a> {
    /// The part of the region behind `offset`.
    pub(super) fn rest(&self, offset: u64) -> Region<'a> {
        self.region.clamp(offset, u64::MAX)
    }
}

impl Read for RegionReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let filled = self.region.read_at(self.offset, buffer)?;
        self.offset += u64::try_from(filled).unwrap_or(0);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> Source {
        Source::memory(b"0123456789".to_vec())
    }

    #[test]
    fn a_slice_knows_its_place_in_the_image() {
        let source = digits();
        let inner = Region::whole(&source).slice("outer", 2, 6).unwrap().slice("inner", 3, 2).unwrap();
        assert_eq!(&*inner.bytes("inner", 0, 2).unwrap(), b"56");
        assert_eq!(inner.place(1), Place::Byte(6));
    }

    #[test]
    fn a_slice_past_the_end_says_what_is_missing() {
        let source = digits();
        let error = Region::whole(&source).slice("inode table", 8, 4).unwrap_err();
        assert_eq!(error.to_string(), "inode table at 0x8: truncated, needs 4 bytes, 2 are there");
        assert!(Region::whole(&source).slice("end", u64::MAX, u64::MAX).is_err());
    }

    #[test]
    fn joined_regions_read_across_their_seams() {
        let source = digits();
        let whole = Region::whole(&source);
        let parts = [whole.clamp(6, 3), whole.clamp(0, 2), whole.clamp(2, 1)];
        let joined = Region::join(&parts).unwrap();
        assert_eq!(joined.length(), 6);
        assert_eq!(&*joined.bytes("file", 0, 6).unwrap(), b"678012");
        assert_eq!(&*joined.slice("file", 2, 3).unwrap().bytes("file", 0, 3).unwrap(), b"801");
        assert_eq!(
            (joined.place(2), joined.place(3), joined.place(5)),
            (Place::Byte(8), Place::Byte(0), Place::Byte(2))
        );
        let mut all = Vec::new();
        joined.reader().read_to_end(&mut all).unwrap();
        assert_eq!(all, b"678012");
    }
}
