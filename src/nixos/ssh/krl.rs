//! Key revocation lists in OpenSSH's binary form (PROTOCOL.krl).

use std::collections::BTreeSet;

use nom::Parser;
use nom::bytes::complete::tag;
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

/// Limit for the bits of a list of serial numbers, in bytes (OpenSSH, SSHBUF_MAX_BIGNUM).
const MOST_BITS: usize = 2048;

/// A key revocation list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Krl {
    /// Keys listed whole, in the SSH wire format.
    keys: BTreeSet<Vec<u8>>,
    /// SHA-256 hashes of keys.
    sha256: BTreeSet<Vec<u8>>,
    /// Whether it lists SHA-1 hashes. They are not compared with keys.
    by_sha1: bool,
    /// The authorities of which it revokes certificates by serial number or key ID. An empty one stands for all.
    authorities: BTreeSet<Vec<u8>>,
    /// A section that only some releases accept.
    pub(super) disputed: Option<Disputed>,
}

/// Sections that releases of OpenSSH read differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Disputed {
    /// An extension that may be skipped. Before OpenSSH 9.4 it makes the list malformed.
    Extension,
    /// A signature. OpenSSH 9.4 and later skip it; earlier releases check it.
    Signature,
}

impl Krl {
    /// Parses a list. `None` if it is malformed: one bad section makes sshd refuse the whole list.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (mut rest, ()) = header(bytes).ok()?;
        let mut list = Self::default();
        while !rest.is_empty() {
            let (behind, (kind, data)) = section(rest).ok()?;
            list.add(kind, data)?;
            // A signature follows its key as a second string.
            rest = if kind == SIGNATURE { string(behind).ok()?.0 } else { behind };
        }
        Some(list)
    }

    /// Adds a section.
    fn add(&mut self, kind: u8, data: &[u8]) -> Option<()> {
        match kind {
            1 => self.add_certificates(data)?,
            2 => self.keys.extend(strings(data)?.filter(|key| key.len() >= SHORTEST).map(<[u8]>::to_vec)),
            3 => self.by_sha1 |= !hashes(data, SHA1)?.is_empty(),
            SIGNATURE => self.disputed = Some(Disputed::Signature),
            5 => self.sha256.extend(hashes(data, Sha256::output_size())?),
            255 => self.add_extension(data)?,
            _ => return None,
        }
        Some(())
    }

    /// Adds an extension. No release knows any; those that may not be skipped make the list malformed.
    fn add_extension(&mut self, data: &[u8]) -> Option<()> {
        let (rest, (_, critical, _)) = (string, uint8, string).parse(data).ok()?;
        if critical != 0 || !rest.is_empty() {
            return None;
        }
        self.disputed = self.disputed.max(Some(Disputed::Extension));
        Some(())
    }

    /// Adds a section of certificates: the key of their authority, a reserved field, and lists of certificates.
    fn add_certificates(&mut self, data: &[u8]) -> Option<()> {
        let (mut rest, (authority, _)) = (string, string).parse(data).ok()?;
        if !authority.is_empty() && !PublicKey::is_blob(authority) {
            return None;
        }
        while !rest.is_empty() {
            let (behind, (kind, data)) = section(rest).ok()?;
            let revokes = match kind {
                0x20 => serials(data)?,
                0x21 => range(data)?,
                0x22 => bits(data)?,
                0x23 => key_ids(data)?,
                0x39 => {
                    self.add_extension(data)?;
                    false
                }
                _ => return None,
            };
            if revokes {
                self.authorities.insert(authority.to_vec());
            }
            rest = behind;
        }
        Some(())
    }

    /// Whether the key is revoked. `None` if only a SHA-1 hash could tell.
    pub(super) fn lists(&self, key: &PublicKey) -> Option<bool> {
        let listed = self.keys.contains(&key.blob) || self.sha256.contains(Sha256::digest(&key.blob).as_slice());
        (listed || !self.by_sha1).then_some(listed)
    }

    /// Whether it may revoke certificates of the authority. A certificate is revoked as well if its own key is.
    pub(super) fn may_revoke_certificates_of(&self, authority: &PublicKey) -> bool {
        let of_any = !self.keys.is_empty() || self.by_sha1 || !self.sha256.is_empty();
        of_any || self.authorities.contains(&authority.blob) || self.authorities.contains([].as_slice())
    }
}

/// The type of a section with a signature.
const SIGNATURE: u8 = 4;

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

/// Whether there are serial numbers. `None` if one is zero, which no list can revoke, or is cut off.
fn serials(data: &[u8]) -> Option<bool> {
    let serials = data.chunks(8).map(|serial| Some(u64::from_be_bytes(serial.try_into().ok()?)));
    serials.map(|serial| serial.filter(|serial| *serial != 0)).collect::<Option<Vec<u64>>>()?;
    Some(!data.is_empty())
}

/// The first and last of a range of serial numbers. `None` if it is not a range.
fn range(data: &[u8]) -> Option<bool> {
    let (rest, (first, last)) = (serial, serial).parse(data).ok()?;
    (rest.is_empty() && first != 0 && first <= last).then_some(true)
}

/// A serial number, and bits for it and those after it. `None` if a bit stands for a number that does not exist.
fn bits(data: &[u8]) -> Option<bool> {
    let (rest, (first, bits)) = (serial, string).parse(data).ok()?;
    if !rest.is_empty() || bits.first().is_some_and(|byte| *byte >= 0x80) {
        return None; // not a positive number
    }
    let bits = bits.get(bits.iter().take_while(|byte| **byte == 0).count()..).unwrap_or_default();
    let Some(highest) = bits.first() else { return Some(false) };
    let count = (bits.len() as u64).checked_mul(8)?.checked_sub(u64::from(highest.leading_zeros()))?;
    let is_zero_listed = first == 0 && bits.last().is_some_and(|byte| byte & 1 == 1);
    let is_sound = bits.len() <= MOST_BITS && !is_zero_listed && first.checked_add(count - 1).is_some();
    is_sound.then_some(true)
}

/// Whether there are key IDs. `None` if one is not a text.
fn key_ids(data: &[u8]) -> Option<bool> {
    strings(data)?.all(|id| !id.contains(&0)).then_some(!data.is_empty())
}

fn serial(input: &[u8]) -> Parsed<'_, u64> {
    be_u64.parse(input)
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
            let may = [&authority, &other].map(|key| list.may_revoke_certificates_of(key));
            (list.lists(&revoked), list.lists(&other), list.lists(&authority), may)
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(answers(WHOLE), (yes, no, no, [true; 2]));
        assert_eq!(answers(BY_SHA256), (yes, no, no, [true; 2]));
        assert_eq!(answers(BY_SHA1), (None, None, None, [true; 2]));
        assert_eq!(answers(CERTIFICATES), (no, no, no, [true, false]));
    }

    #[test]
    fn a_list_that_is_cut_off_or_has_an_unknown_section_is_malformed() {
        let header = bytes(WHOLE).iter().take(44).copied().collect::<Vec<u8>>();
        assert_eq!(Krl::parse(&header), Some(Krl::default()));
        for list in [WHOLE, BY_SHA256, BY_SHA1, CERTIFICATES].map(bytes) {
            for end in (0..list.len()).filter(|end| *end != header.len()) {
                assert_eq!(Krl::parse(&list[..end]), None, "{end}");
            }
        }
        let with = |tail: &[u8]| Krl::parse(&[&header, tail].concat());
        assert_eq!(with(&[9, 0, 0, 0, 0]), None);
        assert_eq!(with(&[3, 0, 0, 0, 5, 0, 0, 0, 1, 7]), None);
        assert_eq!(with(&[1, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0x24, 0, 0, 0, 0]), None);
        let other_version: Vec<u8> =
            bytes(WHOLE).iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 11)).collect();
        assert_eq!(Krl::parse(&other_version), None);
    }

    /// A string, and a section.
    fn string(data: &[u8]) -> Vec<u8> {
        [&u32::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
    }

    fn section(kind: u8, data: &[u8]) -> Vec<u8> {
        [&[kind][..], &string(data)].concat()
    }

    #[test]
    fn sections_that_some_releases_skip_are_disputed_and_critical_ones_malformed() {
        let header = bytes(WHOLE).iter().take(44).copied().collect::<Vec<u8>>();
        let disputed = |tail: Vec<u8>| Krl::parse(&[header.clone(), tail].concat()).map(|list| list.disputed);
        let extension = |critical: u8| [string(b"x"), vec![critical], string(b"data")].concat();
        let certificates = |inner: Vec<u8>| section(1, &[string(b""), string(b""), inner].concat());
        for (tail, expected) in [
            (section(255, &extension(0)), Some(Some(Disputed::Extension))),
            (section(255, &extension(1)), None),
            (section(255, &[extension(0), vec![0]].concat()), None),
            (section(255, b""), None),
            (certificates(section(0x39, &extension(0))), Some(Some(Disputed::Extension))),
            (certificates(section(0x39, &extension(1))), None),
            ([section(4, b"key"), string(b"signature")].concat(), Some(Some(Disputed::Signature))),
            (section(4, b"key"), None),
        ] {
            assert_eq!(disputed(tail.clone()), expected, "{tail:?}");
        }
    }

    #[test]
    fn serial_numbers_and_ids_of_certificates_are_checked_as_ssh_keygen_does() {
        let header = bytes(WHOLE).iter().take(44).copied().collect::<Vec<u8>>();
        let other = key("AAAAC3NzaC1lZDI1NTE5AAAAIF9ZvyGkk03rpU/fnPaVn+KH+PtDu7TqtD5SOBAyH7pb");
        let may = |authority: &[u8], (kind, data): (u8, Vec<u8>)| {
            let certificates = section(1, &[string(authority), string(b""), section(kind, &data)].concat());
            Some(Krl::parse(&[header.clone(), certificates].concat())?.may_revoke_certificates_of(&other))
        };
        let numbers = |numbers: &[u64]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
        let bits = |first: u64, bits: &[u8]| [numbers(&[first]), string(bits)].concat();
        for (list, expected) in [
            ((0x20, numbers(&[5, 9])), Some(true)),
            ((0x20, Vec::new()), Some(false)),
            ((0x20, numbers(&[0])), None),
            ((0x20, vec![0; 7]), None),
            ((0x21, numbers(&[1, 9])), Some(true)),
            ((0x21, numbers(&[9, 1])), None),
            ((0x21, numbers(&[0, 1])), None),
            ((0x21, numbers(&[1, 9, 10])), None),
            ((0x22, bits(4, &[2])), Some(true)),
            ((0x22, bits(4, &[])), Some(false)),
            ((0x22, bits(4, &[0x82])), None),
            ((0x22, bits(u64::MAX, &[1])), Some(true)),
            ((0x22, bits(u64::MAX, &[2])), None),
            ((0x22, bits(0, &[2])), Some(true)),
            ((0x22, bits(0, &[1])), None),
            ((0x22, [bits(4, &[2]), vec![0]].concat()), None),
            ((0x23, string(b"eve")), Some(true)),
            ((0x23, string(b"e\0e")), None),
            ((0x24, Vec::new()), None),
        ] {
            assert_eq!(may(b"", list.clone()), expected, "{list:?}");
        }
        assert_eq!(may(&other.blob, (0x20, numbers(&[5]))), Some(true));
        let another = key("AAAAC3NzaC1lZDI1NTE5AAAAIOdSqBwcSy6JloA0xLbZKpxus93yL1/FOCL1zal2lxo/");
        assert_eq!(may(&another.blob, (0x20, numbers(&[5]))), Some(false));
        assert_eq!(may(b"no key", (0x20, numbers(&[5]))), None);
    }
}
