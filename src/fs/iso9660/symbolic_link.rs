//! Targets of symbolic links, recorded in component records.

use std::borrow::Cow;

use nom::Parser;
use nom::multi::length_data;

use super::system_use::SystemUseEntry;
use crate::error::{Error, Result};
use crate::parse::{field, uint8};

/// The target of a symbolic link, assembled from the component records of consecutive SL entries (RRIP §4.1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Target {
    bytes: Vec<u8>,
    /// Whether the next component follows a separator.
    separated: bool,
}

/// Component flag: continues in the next component record (RRIP §4.1.3.1).
const CONTINUE: u8 = 0x01;
/// Component flag: `.`.
const CURRENT: u8 = 0x02;
/// Component flag: `..`.
const PARENT: u8 = 0x04;
/// Component flag: `/`.
const ROOT: u8 = 0x08;

impl Target {
    /// Appends the components of one SL entry.
    ///
    /// # Errors
    /// [`Error::Malformed`] if a component is longer than its entry, [`Error::Unsupported`] for the flags of the
    /// first edition that name the volume root or the host.
    pub(super) fn append(&mut self, entry: &SystemUseEntry<'_>) -> Result<()> {
        let (mut place, mut rest) = (entry.place.advance(1), entry.data.get(1..).unwrap_or_default());
        while !rest.is_empty() {
            let row = |input| (field("component flags", uint8), field("component", length_data(uint8))).parse(input);
            let (flags, content): (u8, &[u8]) = crate::parse::parse("symbolic link", &place, rest, row)?;
            match flags & !CONTINUE {
                0 => self.push(content),
                CURRENT => self.push(b"."),
                PARENT => self.push(b".."),
                ROOT => self.push(b"/"),
                other => {
                    let what = Cow::Owned(format!("symbolic link with component flags {other:#04x}"));
                    return Err(Error::Unsupported { what, place });
                }
            }
            self.separated = flags & (CONTINUE | ROOT) == 0;
            let length = content.len() + 2;
            rest = rest.get(length..).unwrap_or_default();
            place = place.advance(u64::try_from(length).unwrap_or(0));
        }
        Ok(())
    }

    fn push(&mut self, component: &[u8]) {
        if self.separated {
            self.bytes.push(b'/');
        }
        self.bytes.extend_from_slice(component);
    }

    /// The whole target.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Place;

    fn target(entries: &[&[u8]]) -> Result<String> {
        let mut target = Target::default();
        for data in entries {
            target.append(&SystemUseEntry { signature: *b"SL", version: 1, data, place: Place::Byte(0x40) })?;
        }
        Ok(String::from_utf8(target.into_bytes()).unwrap())
    }

    #[test]
    fn components_are_joined_by_separators() {
        let cases: [(&[&[u8]], &str); 7] = [
            (&[b"\0\x08\0\0\x03nix\0\x05store"], "/nix/store"),
            (&[b"\0\x04\0\x04\0\0\x01a\x02\0"], "../../a/."),
            (&[b"\0\0\x01a\0\0"], "a/"),
            (&[b"\0\x08\0\0\0\0\x01a"], "//a"),
            (&[b"\x01\0\x01a", b"\0\0\x01b"], "a/b"),
            (&[b"\x01\0\x01a\x01\x02bc", b"\0\0\x02de\0\x01f"], "a/bcde/f"),
            (&[b"\0"], ""),
        ];
        for (entries, expected) in cases {
            assert_eq!(target(entries).unwrap(), expected);
        }
    }

    #[test]
    fn a_component_longer_than_its_entry_is_malformed_at_its_place() {
        let error = target(&[b"\0\0\x01a\0\x09b"]).unwrap_err();
        assert_eq!(error.to_string(), "symbolic link at 0x45: invalid component");
    }

    #[test]
    fn the_volume_root_of_the_first_edition_is_not_supported() {
        let error = target(&[b"\0\x10\0"]).unwrap_err();
        assert_eq!(error.to_string(), "symbolic link with component flags 0x10 at 0x41: not supported");
    }
}
