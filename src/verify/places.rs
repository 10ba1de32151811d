//! Which file of the disc an unreadable byte belongs to.

use super::own_path;
use super::twins;
use crate::error::{Error, Place};
use crate::nixos::{Disc, Medium};

/// Finds the files that errors belong to. The disc is searched at the first error only.
pub(super) struct Places<'d, 'i> {
    disc: &'d Disc<'i>,
    /// First byte, length and path of each file, in order.
    files: Option<Vec<(u64, u64, Vec<u8>)>>,
}

impl<'d, 'i> Places<'d, 'i> {
    pub(super) fn new(disc: &'d Disc<'i>) -> Self {
        Self { disc, files: None }
    }

    /// The file that an error is about, otherwise the image, and the message.
    pub(super) fn told(&mut self, error: &Error) -> (Vec<u8>, String) {
        let place = match error {
            Error::Malformed { place, .. }
            | Error::Truncated { place, .. }
            | Error::Unsupported { place, .. }
            | Error::Limit { place, .. } => Some(place),
            _ => None,
        };
        let byte = match place {
            Some(Place::Byte(byte) | Place::Metadata { block: byte, .. }) => Some(*byte),
            _ => None,
        };
        let path = byte.and_then(|byte| self.file(byte)).unwrap_or_else(|| own_path(self.disc));
        let message = match (error, self.disc.missing_end()) {
            (Error::Truncated { .. }, Some(_)) => format!("{error}; it is in the part that is missing"),
            (Error::Truncated { structure, place: Place::Byte(byte), wanted, .. }, None)
                if byte.saturating_add(*wanted) > self.disc.image().region().length() =>
            {
                format!("{structure} at {byte:#x}: points past the end of the image, which is complete")
            }
            _ => error.to_string(),
        };
        (path, message)
    }

    /// The file that contains a byte of the image.
    fn file(&mut self, byte: u64) -> Option<Vec<u8>> {
        let Medium::Volume(volume) = &self.disc.carrier else { return None };
        let files = self.files.get_or_insert_with(|| {
            let files = twins::files(volume).into_iter();
            let mut files: Vec<_> = files.map(|(path, (start, length))| (start, length, path)).collect();
            files.sort();
            files
        });
        let before = files.partition_point(|(start, ..)| *start <= byte);
        let (start, length, path) = files.get(before.checked_sub(1)?)?;
        (byte - start < *length).then(|| path.clone())
    }
}
