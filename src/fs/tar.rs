//! Tar archives (POSIX pax, "ustar Interchange Format"): the files in them, uncopied.

use nom::Parser;
use nom::bytes::complete::{tag, take};

use crate::error::{Error, Result};
use crate::image::Region;
use crate::parse::{Parsed, field, parse, uint8};

/// Bytes in a block. A header is one.
const BLOCK: u64 = 512;

/// Limit for the members that are looked at. A tarball for kexec has four.
const MOST: usize = 10_000;

/// The regular files of an archive, with their names. There are none if the region is not an archive.
pub struct Members<'a> {
    archive: Region<'a>,
    at: u64,
    seen: usize,
}

/// A header without what no reader here needs.
struct Header {
    name: Vec<u8>,
    size: u64,
    is_file: bool,
}

fn header(input: &[u8]) -> Parsed<'_, Header> {
    let (rest, (name, _, size, _, kind, _, _, _, prefix)) = (
        field("name", take(100usize)),                // byte 0
        field("mode and owner", take(24usize)),       // byte 100
        field("size", take(12usize).map_opt(number)), // byte 124
        field("time and checksum", take(20usize)),    // byte 136
        field("type", uint8),                         // byte 156
        field("link", take(100usize)),                // byte 157
        field("magic", tag(&b"ustar"[..])),           // byte 257
        field("version and owner", take(83usize)),    // byte 262
        field("prefix", take(155usize)),              // byte 345
    )
        .parse(input)?;
    let text = |bytes: &[u8]| bytes.split(|&byte| byte == 0).next().unwrap_or_default().to_vec();
    let (mut whole, name) = (text(prefix), text(name));
    if !whole.is_empty() {
        whole.push(b'/');
    }
    whole.extend_from_slice(&name);
    Ok((rest, Header { name: whole, size, is_file: matches!(kind, b'0' | 0 | b'7') }))
}

/// A size: octal digits, or since GNU tar a binary number if the first bit is set.
fn number(field: &[u8]) -> Option<u64> {
    if let Some((0x80, rest)) = field.split_first() {
        let (high, low) = rest.split_last_chunk::<8>()?;
        return high.iter().all(|&byte| byte == 0).then_some(u64::from_be_bytes(*low));
    }
    let digits = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

impl<'a> Members<'a> {
    /// The files in the archive that fills the region.
    #[must_use]
    pub fn new(archive: &Region<'a>) -> Self {
        Self { archive: archive.clone(), at: 0, seen: 0 }
    }

    /// The next member. `None` at the end, or if the region is something else.
    fn member(&mut self) -> Result<Option<(Header, Region<'a>)>> {
        if self.seen == 0 {
            let mut magic = [0; 5];
            self.archive.read_at(257, &mut magic)?;
            if magic != *b"ustar" {
                return Ok(None);
            }
        }
        self.seen += 1;
        if self.seen > MOST {
            return Err(Error::Limit { what: "10,000 members of a tarball", place: self.archive.place(self.at) });
        }
        let bytes = self.archive.bytes("tar header", self.at, BLOCK)?;
        // Two empty blocks end the archive.
        if bytes.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let header = parse("tar header", &self.archive.place(self.at), &bytes, header)?;
        let start = self.at.saturating_add(BLOCK);
        let contents = self.archive.slice("tar member", start, header.size)?;
        self.at = start.saturating_add(header.size.div_ceil(BLOCK).saturating_mul(BLOCK));
        Ok(Some((header, contents)))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<(Vec<u8>, Region<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // After an error, the place of the next header is not known.
            if self.at == u64::MAX {
                return None;
            }
            match self.member() {
                Ok(None) => return None,
                Ok(Some((header, contents))) if header.is_file => return Some(Ok((header.name, contents))),
                Ok(Some(_)) => {}
                Err(error) => {
                    self.at = u64::MAX;
                    return Some(Err(error));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Source;

    fn member(name: &str, kind: u8, size: &str, contents: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        bytes[124..124 + size.len()].copy_from_slice(size.as_bytes());
        bytes[156] = kind;
        bytes[257..262].copy_from_slice(b"ustar");
        bytes.extend_from_slice(contents);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn names(bytes: Vec<u8>) -> Vec<std::result::Result<(String, Vec<u8>), String>> {
        let source = Source::memory(bytes);
        let found = Members::new(&Region::whole(&source)).map(|member| {
            let (name, contents) = member.map_err(|error| error.to_string())?;
            let bytes = contents.bytes("contents", 0, contents.length()).unwrap();
            Ok((String::from_utf8(name).unwrap(), bytes.into_owned()))
        });
        found.collect()
    }

    #[test]
    fn regular_files_are_found_with_their_contents() {
        let archive = [
            member("kexec/", b'5', "0", b""),
            member("kexec/run", b'0', "00000000003", b"run"),
            member("kexec/initrd", b'0', "00000001001", &[7; 513]),
            vec![0; 1024],
        ];
        let expected = [Ok(("kexec/run".to_owned(), b"run".to_vec())), Ok(("kexec/initrd".to_owned(), vec![7; 513]))];
        assert_eq!(names(archive.concat()), expected);
        assert_eq!(names(vec![0; 2048]), []);
    }

    #[test]
    fn a_damaged_archive_ends_with_an_error() {
        let expected = "tar member at 0x200: truncated, needs 4096 bytes, 0 are there";
        assert_eq!(names(member("a", b'0', "10000", b"")), [Err(expected.to_owned())]);
        let expected = "tar header at 0x7c: invalid size";
        assert_eq!(names(member("a", b'0', "9", b"")), [Err(expected.to_owned())]);
        let cut = [member("a", b'0', "0", b""), vec![1; 100]].concat();
        let expected = "tar header at 0x200: truncated, needs 512 bytes, 100 are there";
        assert_eq!(names(cut), [Ok(("a".to_owned(), Vec::new())), Err(expected.to_owned())]);
    }
}
