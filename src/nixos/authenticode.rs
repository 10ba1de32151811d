//! Authenticode signatures of EFI programs: what Secure Boot checks before it starts one (PE Format, certificate table).
//!
//! The firmware decides whose signatures it trusts. That is not checked here.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::fs::digest;

/// Bytes read from the start of a program for its headers.
const HEADERS: u64 = 4096;

/// Limit for the certificate table, in bytes. One signature has about two kilobytes.
const LONGEST_TABLE: usize = 1 << 20;

/// Length of the header of a certificate in bytes: length, revision and type.
const CERTIFICATE_HEADER: usize = 8;

/// The type of a PKCS #7 signature.
const PKCS_SIGNED_DATA: u16 = 2;

/// The object identifier of SHA-256: 2.16.840.1.101.3.4.2.1.
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

/// The object identifier of a common name: 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticode {
    /// The common name of the signer's certificate, if it is in the signature.
    pub signer: Option<String>,
    /// Whether the program still matches the signed hash. `None` if that is not a SHA-256.
    pub intact: Option<bool>,
}

/// The parts of a program that its hash leaves out.
struct Layout {
    /// The checksum, four bytes.
    checksum: u64,
    /// The entry of the certificate table in the data directories, eight bytes.
    entry: u64,
    /// The certificate table itself, to the end of the program.
    table: u64,
}

impl Authenticode {
    /// Reads the first signature of a program. Needs two readers of it. `None` if the program is unsigned, or is not an EFI
    /// program.
    ///
    /// # Errors
    /// If the program cannot be read.
    pub fn of(headers: &mut dyn Read, program: &mut dyn Read) -> io::Result<Option<Self>> {
        let mut start = Vec::new();
        headers.take(HEADERS).read_to_end(&mut start)?;
        let Some(layout) = layout(&start) else { return Ok(None) };
        let (mut sum, mut table, mut at) = (Sha256::new(), Vec::new(), 0u64);
        digest::parts(program, &mut |bytes| {
            let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            let part = |from: u64, to: u64| {
                let place = |offset: u64| usize::try_from(offset.clamp(at, end) - at).unwrap_or(bytes.len());
                bytes.get(place(from)..place(to)).unwrap_or_default()
            };
            sum.update(part(0, layout.checksum));
            sum.update(part(layout.checksum + 4, layout.entry));
            sum.update(part(layout.entry + 8, layout.table));
            let more = part(layout.table, u64::MAX);
            table.extend_from_slice(more.get(..more.len().min(LONGEST_TABLE - table.len())).unwrap_or_default());
            at = end;
        })?;
        let actual: [u8; 32] = sum.finalize().into();
        Ok(signed_data(&table).and_then(|der| signature(der, &actual)))
    }
}

/// The machine that a program is for, by the first 4 KiB of the program (PE Format, COFF header). `None` if it is not an EFI program.
pub(crate) fn machine(start: &[u8]) -> Option<u16> {
    let at = usize::try_from(little32(start, 0x3c)?).ok()?;
    let is_program = start.starts_with(b"MZ") && start.get(at..)?.get(..4)? == b"PE\0\0";
    is_program.then(|| little16(start, at.checked_add(4)?)).flatten()
}

fn layout(start: &[u8]) -> Option<Layout> {
    let at = usize::try_from(little32(start, 0x3c)?).ok()?;
    if !start.starts_with(b"MZ") || start.get(at..)?.get(..4)? != b"PE\0\0" {
        return None;
    }
    let optional = at.checked_add(24)?; // after the COFF header
    // The data directories follow fields that have 64 bits in PE32+.
    let directories = match little16(start, optional)? {
        0x10b => optional.checked_add(96)?,
        0x20b => optional.checked_add(112)?,
        _ => return None,
    };
    let entry = directories.checked_add(4 * 8)?; // the fifth directory
    let (table, size) = (little32(start, entry)?, little32(start, entry.checked_add(4)?)?);
    let place = |offset: usize| u64::try_from(offset).ok();
    (table > 0 && size > 0).then_some(Layout {
        checksum: place(optional.checked_add(64)?)?,
        entry: place(entry)?,
        table: table.into(),
    })
}

fn little16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn little32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// The first PKCS #7 signature of a certificate table, in DER.
fn signed_data(table: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(little32(table, 0)?).ok()?;
    let kind = little16(table, 6)?;
    table.get(CERTIFICATE_HEADER..length).filter(|_| kind == PKCS_SIGNED_DATA)
}

/// Parses `SignedData` (RFC 2315 §9.1) that contains the `SpcIndirectDataContent` of Authenticode.
fn signature(der: &[u8], actual: &[u8; 32]) -> Option<Authenticode> {
    let mut content_info = Der(der).inside(SEQUENCE)?;
    content_info.next()?; // the type: signed data
    let mut signed = content_info.inside(EXPLICIT)?.inside(SEQUENCE)?;
    signed.next()?; // the version
    signed.next()?; // the digest algorithms
    let mut content = signed.inside(SEQUENCE)?;
    content.next()?; // the type
    let mut indirect = content.inside(EXPLICIT)?.inside(SEQUENCE)?;
    indirect.next()?; // what is signed
    let mut digest = indirect.inside(SEQUENCE)?;
    let algorithm = digest.inside(SEQUENCE)?.next()?;
    let expected = digest.next()?;
    let intact = (algorithm.content == SHA_256).then(|| expected.content == actual);
    let (mut certificates, mut signers) = (Der(&[]), Der(&[]));
    while let Some(part) = signed.next() {
        match part.tag {
            EXPLICIT => certificates = Der(part.content),
            SET => signers = Der(part.content),
            _ => {}
        }
    }
    let mut signer = signers.inside(SEQUENCE)?;
    signer.next()?; // the version
    let mut wanted = signer.inside(SEQUENCE)?;
    let (issuer, serial) = (wanted.next()?.content, wanted.next()?.content);
    let name = std::iter::from_fn(|| certificates.next()).find_map(|certificate| {
        let mut fields = Der(certificate.content).inside(SEQUENCE)?;
        let mut field = fields.next()?;
        if field.tag == EXPLICIT {
            field = fields.next()?; // after the version
        }
        let own_serial = field.content;
        fields.next()?; // the algorithm of the signature
        let own_issuer = fields.next()?.content;
        fields.next()?; // the validity
        let subject = fields.next()?.content;
        (own_serial == serial && own_issuer == issuer).then(|| common_name(Der(subject)))?
    });
    Some(Authenticode { signer: name, intact })
}

/// The last common name of a distinguished name.
fn common_name(mut names: Der<'_>) -> Option<String> {
    let parts = std::iter::from_fn(|| names.next());
    let named = parts.filter_map(|part| {
        let mut pair = Der(part.content).inside(SEQUENCE)?;
        let (kind, value) = (pair.next()?, pair.next()?);
        (kind.content == COMMON_NAME).then(|| match value.tag {
            BMP_STRING => {
                let units: Vec<u16> =
                    value.content.as_chunks().0.iter().map(|unit| u16::from_be_bytes(*unit)).collect();
                String::from_utf16_lossy(&units)
            }
            _ => String::from_utf8_lossy(value.content).into_owned(),
        })
    });
    named.last()
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT: u8 = 0xa0;
const BMP_STRING: u8 = 0x1e;

/// Values in DER, one after another (X.690).
struct Der<'a>(&'a [u8]);

struct Value<'a> {
    tag: u8,
    content: &'a [u8],
}

impl<'a> Der<'a> {
    fn next(&mut self) -> Option<Value<'a>> {
        let (&[tag, length], rest) = self.0.split_first_chunk()?;
        // Above 127, the byte is 128 plus the number of bytes that hold the length.
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (digits.iter().fold(0usize, |number, digit| number << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Value { tag, content })
    }

    /// The values inside the next value, which must have this tag.
    fn inside(&mut self, tag: u8) -> Option<Self> {
        self.next().filter(|value| value.tag == tag).map(|value| Self(value.content))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `fixtures/make verify` with osslsigncode.
    const SIGNED: &[u8] = include_bytes!("../../fixtures/verify/signed.efi");

    fn read(program: &[u8]) -> Option<Authenticode> {
        Authenticode::of(&mut &*program, &mut &*program).unwrap()
    }

    #[test]
    fn the_signer_is_read_and_the_hash_compared() {
        let signer = Some("nixoscope test signer".to_owned());
        assert_eq!(read(SIGNED), Some(Authenticode { signer: signer.clone(), intact: Some(true) }));
        let mut changed = SIGNED.to_vec();
        changed[0x210] ^= 1;
        assert_eq!(read(&changed), Some(Authenticode { signer, intact: Some(false) }));
    }

    #[test]
    fn whatever_a_program_holds_reading_it_ends() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"MZ stand-in"), None);
        for length in 0..SIGNED.len() {
            read(&SIGNED[..length]);
            let mut changed = SIGNED.to_vec();
            changed[length] = 0xff;
            read(&changed);
        }
    }
}
