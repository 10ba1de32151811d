//! Key revocation lists in OpenSSH's binary form (PROTOCOL.krl).

use std::collections::BTreeSet;

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;
use nom::multi::length_data;
use nom::number::complete::{be_u32, be_u64};
use sha2::{Digest, Sha256};

use super::key::PublicKey;
use crate::parse::{Parsed, field, uint8};

/// The beginning of a list.
pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";

/// Length of the shortest key, an Ed25519 key, in bytes. Anything shorter revokes nothing and is not kept.
const SHORTEST: usize = 51;

/// Length of a SHA-1 hash in bytes.
const SHA1: usize = 20;

/// A key revocation list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Krl {
    /// Keys listed whole, in the SSH wire format.
    keys: BTreeSet<Vec<u8>>,
    /// SHA-256 hashes of keys.
    sha256: BTreeSet<Vec<u8>>,
    /// Whether it lists SHA-1 hashes. They are not compared with keys.
    by_sha1: bool,
    /// Whether it revokes certificates by serial number or key ID.
    certificates: bool,
    /// Whether it has a signature or an extension. OpenSSH 9.4 treats these differently from the versions before it.
    pub(super) has_disputed_sections: bool,
}

impl Krl {
    /// Parses a list. `None` if it is malformed: one bad section makes sshd refuse the whole list.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut rest, ()) = header(bytes).ok()?;
        let mut list = Self::default();
        while !rest.is_empty() {
            let (behind, (kind, data)) = section(rest).ok()?;
            list.add(kind, data)?;
            rest = behind;
        }
        Some(list)
    }

    /// Adds a section.
    fn add(&mut self, kind: u8, data: &[u8]) -> Option<()> {
        match kind {
            1 => self.certificates |= names_certificates(data)?,
            2 => self.keys.extend(strings(data)?.filter(|key| key.len() >= SHORTEST).map(<[u8]>::to_vec)),
            3 => self.by_sha1 |= !hashes(data, SHA1)?.is_empty(),
            4 | 255 => self.has_disputed_sections = true,
            5 => self.sha256.extend(hashes(data, Sha256::output_size())?),
            _ => return None,
        }
        Some(())
    }

    /// Whether the key is revoked. `None` if only a SHA-1 hash could tell.
    pub(super) fn lists(&self, key: &PublicKey) -> Option<bool> {
        let listed = self.keys.contains(&key.blob) || self.sha256.contains(Sha256::digest(&key.blob).as_slice());
        (listed || !self.by_sha1).then_some(listed)
    }

    /// Whether nothing is revoked.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && !self.by_sha1 && self.sha256.is_empty() && !self.certificates
    }
}

/// A string of the SSH wire format (RFC 4251 §5).
fn string(input: &[u8]) -> Parsed<'_, &[u8]> {
    length_data(be_u32).parse(input)
}

fn header(input: &[u8]) -> Parsed<'_, ()> {
    let (rest, _) = (
        field("magic", tag(MAGIC)),
        field("format version", verify(be_u32, |version| *version == 1)),
        field("version of the list", be_u64),
        field("date", be_u64),
        field("flags", be_u64),
        field("reserved", string),
        field("comment", string),
    )
        .parse(input)?;
    Ok((rest, ()))
}

/// A section, or a section of a section: its type and data.
fn section(input: &[u8]) -> Parsed<'_, (u8, &[u8])> {
    (field("section type", uint8), field("section data", string)).parse(input)
}

/// The strings that the data consists of. `None` if the last one is cut off.
fn strings(data: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let mut rest = data;
    while !rest.is_empty() {
        rest = string(rest).ok()?.0;
    }
    let mut rest = data;
    Some(std::iter::from_fn(move || {
        let (behind, text) = string(rest).ok()?;
        rest = behind;
        Some(text)
    }))
}

/// The hashes that the data consists of. `None` if one has another length.
fn hashes(data: &[u8], length: usize) -> Option<BTreeSet<Vec<u8>>> {
    strings(data)?.map(|hash| (hash.len() == length).then(|| hash.to_vec())).collect()
}

/// Whether a section of certificates names any. `None` if it is malformed.
fn names_certificates(data: &[u8]) -> Option<bool> {
    let (mut rest, _) = (string, string).parse(data).ok()?; // the key of the authority, and a reserved field
    let mut any = false;
    while !rest.is_empty() {
        let (behind, (kind, data)) = section(rest).ok()?;
        let is_whole = match kind {
            0x20 => data.len().is_multiple_of(8), // serial numbers
            0x21 => data.len() == 16,             // the first and last serial number
            0x22 => (take::<_, _, nom::error::Error<&[u8]>>(8usize), length_data(be_u32))
                .parse(data)
                .is_ok_and(|(rest, _)| rest.is_empty()), // a serial number, and the bits from there on
            0x23 => strings(data).is_some(),      // key IDs
            _ => false,
        };
        any |= is_whole.then_some(true)?;
        rest = behind;
    }
    Some(any)
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;
    use crate::nixos::ssh::KeyLine;

    /// Made by `ssh-keygen -k`: of the key itself, of its two hashes, and of serial numbers and an ID of certificates.
    const WHOLE: &str = "U1NIS1JMCgAAAAABAAAAAAAAAAAAAAAAaws1bwAAAAAAAAAAAAAAAAAAAAACAAAANwAAADMAAAALc3NoLWVkMjU1MTkAAAAg\
                         claK5iuHzStnYuM8oNmFp3Dxksuotgb1LgcuQ14JpXs=";
    const BY_SHA256: &str = "U1NIS1JMCgAAAAABAAAAAAAAAAAAAAAAaws1bwAAAAAAAAAAAAAAAAAAAAAFAAAAJAAAACBLwq5bjisat5O4UePZ2cwc\
                             BmMg7iMjwGkZS3Hi1wda1A==";
    const BY_SHA1: &str = "U1NIS1JMCgAAAAABAAAAAAAAAAAAAAAAaws1bwAAAAAAAAAAAAAAAAAAAAADAAAAGAAAABS+LnHJMHRmu8arJwymGr6rkfDT\
                           zQ==";
    const CERTIFICATES: &str = "U1NIS1JMCgAAAAABAAAAAAAAAAAAAAAAaws1bwAAAAAAAAAAAAAAAAAAAAABAAAAWQAAADMAAAALc3NoLWVkMjU1MTkA\
                                AAAg51KoHBxLLomWgDTEttkqnG6z3fIvX8U4IvXNqXaXGj8AAAAAIgAAAA0AAAAAAAAABQAAAAEfIwAAAAcAAAADZXZl";

    fn bytes(list: &str) -> Vec<u8> {
        BASE64.decode(list.as_bytes()).unwrap()
    }

    fn key(base64: &str) -> PublicKey {
        KeyLine::parse(&format!("ssh-ed25519 {base64}")).unwrap().unwrap().key
    }

    #[test]
    fn a_list_revokes_whole_keys_and_sha_256_hashes_and_leaves_sha_1_open() {
        let revoked = key("AAAAC3NzaC1lZDI1NTE5AAAAIHJWiuYrh80rZ2LjPKDZhadw8ZLLqLYG9S4HLkNeCaV7");
        let other = key("AAAAC3NzaC1lZDI1NTE5AAAAIF9ZvyGkk03rpU/fnPaVn+KH+PtDu7TqtD5SOBAyH7pb");
        let authority = key("AAAAC3NzaC1lZDI1NTE5AAAAIOdSqBwcSy6JloA0xLbZKpxus93yL1/FOCL1zal2lxo/");
        let answers = |text| {
            let list = Krl::parse(&bytes(text)).unwrap();
            (list.lists(&revoked), list.lists(&other), list.lists(&authority), list.certificates, list.is_empty())
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(answers(WHOLE), (yes, no, no, false, false));
        assert_eq!(answers(BY_SHA256), (yes, no, no, false, false));
        assert_eq!(answers(BY_SHA1), (None, None, None, false, false));
        assert_eq!(answers(CERTIFICATES), (no, no, no, true, false));
    }

    #[test]
    fn a_list_that_is_cut_off_or_has_an_unknown_section_is_malformed() {
        let header = bytes(WHOLE).iter().take(44).copied().collect::<Vec<u8>>();
        assert!(Krl::parse(&header).unwrap().is_empty());
        for list in [WHOLE, BY_SHA256, BY_SHA1, CERTIFICATES].map(bytes) {
            for end in (0..list.len()).filter(|end| *end != header.len()) {
                assert_eq!(Krl::parse(&list[..end]), None, "{end}");
            }
        }
        let with = |tail: &[u8]| Krl::parse(&[&header, tail].concat());
        assert_eq!(with(&[9, 0, 0, 0, 0]), None);
        assert_eq!(with(&[3, 0, 0, 0, 5, 0, 0, 0, 1, 7]), None);
        assert_eq!(with(&[1, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0x24, 0, 0, 0, 0]), None);
        assert!(with(&[255, 0, 0, 0, 0]).unwrap().has_disputed_sections);
        let other_version: Vec<u8> =
            bytes(WHOLE).iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 11)).collect();
        assert_eq!(Krl::parse(&other_version), None);
    }
}
