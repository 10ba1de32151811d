//! `--max-size BYTES`: the image is no larger.

use std::fmt;

use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, Subject, size};
use crate::error::Result;
use crate::nixos::Medium;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "max-size",
    says: "the image is no larger than asked for",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Text("BYTES", |text| size::parse(text).map(|bytes| MaxSize(bytes).into())),
        help: "The image is no larger than this: 2147483648 or 2GiB",
    }),
};

/// The image has at most this many bytes.
#[derive(Clone, Debug)]
pub struct MaxSize(pub u64);

impl fmt::Display for MaxSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for MaxSize {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        // A stick is larger than the image that was written to it.
        let file = subject.disc.image().region().length();
        let bytes = match &subject.disc.carrier {
            Medium::Volume(volume) => volume.descriptors().primary.length().min(file),
            Medium::Archive(_) | Medium::Disk(_) => file,
            Medium::Directory(_) => return Ok(Judgement::unknown("a directory has no size of an image", Vec::new())),
        };
        Ok(match bytes.checked_sub(self.0) {
            None | Some(0) => Judgement::pass(format!("the image has {bytes} bytes"), Vec::new()),
            Some(more) => Judgement::fail(format!("the image has {bytes} bytes, {more} too many"), Vec::new()),
        })
    }
}
