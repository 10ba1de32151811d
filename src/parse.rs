//! The nom idioms that all formats share.
//!
//! A parser works on bytes alone and does not know its place. Its error keeps the rest of the input and the innermost field
//! name, both of which are free; [`parse`] turns them into an [`Error`] with a [`Place`], once.

use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Parser};

use crate::error::{Error, Place, Result};

/// What a parser of image bytes returns.
pub type Parsed<'a, T> = IResult<&'a [u8], T, Trouble<'a>>;

/// A parse error that costs nothing to make: where the input stood, and which field was being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble<'a> {
    /// The input from the failing field on.
    pub rest: &'a [u8],
    /// The innermost named field.
    pub field: Option<&'static str>,
}

impl<'a> ParseError<&'a [u8]> for Trouble<'a> {
    fn from_error_kind(rest: &'a [u8], _: ErrorKind) -> Self {
        Self { rest, field: None }
    }

    fn append(_: &'a [u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Names the field that `parser` reads; a name given further inside stands.
pub fn field<'a, P>(name: &'static str, mut parser: P) -> impl Parser<&'a [u8], Output = P::Output, Error = Trouble<'a>>
where
    P: Parser<&'a [u8], Error = Trouble<'a>>,
{
    move |input| {
        parser.parse(input).map_err(|error| match error {
            // nom's own `length_data` asks for more where there is no more.
            nom::Err::Incomplete(_) => nom::Err::Error(Trouble { rest: input, field: Some(name) }),
            error => error.map(|trouble| Trouble { field: trouble.field.or(Some(name)), ..trouble }),
        })
    }
}

/// Runs `parser` over `input`, the bytes of `structure` that begin at `place`; what it leaves over is not looked at.
///
/// # Errors
/// [`Error::Malformed`] at the byte where the failing field begins.
pub fn parse<'a, T>(
    structure: &'static str,
    place: &Place,
    input: &'a [u8],
    mut parser: impl Parser<&'a [u8], Output = T, Error = Trouble<'a>>,
) -> Result<T> {
    match parser.parse(input) {
        Ok((_, value)) => Ok(value),
        Err(nom::Err::Error(trouble) | nom::Err::Failure(trouble)) => Err(Error::Malformed {
            structure,
            field: trouble.field.unwrap_or("contents"),
            place: place.advance(distance(input, trouble.rest)),
        }),
        Err(nom::Err::Incomplete(_)) => Err(Error::Malformed { structure, field: "length", place: place.clone() }),
    }
}

/// How far into `input` the failing field begins. A parser of a counted field sees only a part of the input, so `rest` may not
/// reach the end.
fn distance(input: &[u8], rest: &[u8]) -> u64 {
    let inside = rest.as_ptr().addr().checked_sub(input.as_ptr().addr()).filter(|distance| *distance <= input.len());
    u64::try_from(inside.unwrap_or(input.len().saturating_sub(rest.len()))).unwrap_or(u64::MAX)
}

/// An unsigned byte (ECMA-119 §7.1.1).
pub fn uint8(input: &[u8]) -> Parsed<'_, u8> {
    nom::number::complete::u8(input)
}

/// A 16-bit number, least significant byte first (ECMA-119 §7.2.1).
pub fn little16(input: &[u8]) -> Parsed<'_, u16> {
    nom::number::complete::le_u16(input)
}

/// A 32-bit number, least significant byte first (ECMA-119 §7.3.1).
pub fn little32(input: &[u8]) -> Parsed<'_, u32> {
    nom::number::complete::le_u32(input)
}

/// A 64-bit number, least significant byte first.
pub fn little64(input: &[u8]) -> Parsed<'_, u64> {
    nom::number::complete::le_u64(input)
}

/// A 16-bit number in both byte orders (ECMA-119 §7.2.3). The little-endian half is taken, as every kernel does: writers
/// are known to get the other one wrong.
pub fn both16(input: &[u8]) -> Parsed<'_, u16> {
    let (rest, (little, _)) = (little16, nom::number::complete::be_u16).parse(input)?;
    Ok((rest, little))
}

/// A 32-bit number in both byte orders (ECMA-119 §7.3.3); the little-endian half, as in [`both16`].
pub fn both32(input: &[u8]) -> Parsed<'_, u32> {
    let (rest, (little, _)) = (little32, nom::number::complete::be_u32).parse(input)?;
    Ok((rest, little))
}

/// Fails at the current input, as a parser that finds a value outside its range does.
///
/// # Errors
/// Always.
pub fn refuse<T>(input: &[u8]) -> Parsed<'_, T> {
    Err(nom::Err::Error(Trouble { rest: input, field: None }))
}

#[cfg(test)]
mod tests {
    use nom::bytes::complete::tag;

    use super::*;

    #[test]
    fn a_failing_field_is_named_with_the_byte_at_which_it_begins() {
        let mut row = (field("first", uint8), field("second", both16));
        let error = parse("row", &Place::Byte(0x8800), &[1, 2, 0, 0], |input| row.parse(input)).unwrap_err();
        assert_eq!(error.to_string(), "row at 0x8803: invalid second");
    }

    #[test]
    fn the_innermost_name_stands() {
        let inner = field("magic", tag(&b"hsqs"[..]));
        let error = parse("superblock", &Place::Byte(0), b"xsqs", field("header", inner)).unwrap_err();
        assert_eq!(error.to_string(), "superblock at 0x0: invalid magic");
    }

    #[test]
    fn a_field_that_asks_for_more_than_there_is_is_named() {
        let mut row = (field("flags", uint8), field("identifier", nom::multi::length_data(uint8)));
        let error = parse("row", &Place::Byte(0), &[1, 3, 0, 0], |input| row.parse(input)).unwrap_err();
        assert_eq!(error.to_string(), "row at 0x1: invalid identifier");
    }

    #[test]
    fn a_field_inside_a_counted_one_is_placed_where_it_is() {
        let counted = |input| {
            let (rest, inner) = nom::multi::length_data(uint8).parse(input)?;
            let (_, value) = field("inner", little16).parse(inner)?;
            Ok((rest, value))
        };
        let error = parse("row", &Place::Byte(0), &[1, 1, 9, 9, 9, 9], counted).unwrap_err();
        assert_eq!(error.to_string(), "row at 0x1: invalid inner");
    }

    #[test]
    fn both_byte_order_numbers_take_the_little_endian_half() {
        assert_eq!(both16(&[1, 2, 2, 1, 9]), Ok((&[9][..], 0x0201)));
        assert_eq!(both32(&[1, 2, 3, 4, 4, 3, 2, 1]), Ok((&[][..], 0x0403_0201)));
    }
}
