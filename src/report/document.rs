//! What all JSON documents share: their schema, the image, and what could not be read.

use std::io::Write;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::error::Troubles;

/// What a document is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'d> {
    /// The path of the image that was found.
    pub image: &'d Path,
    /// What could not be read.
    pub troubles: &'d Troubles,
}

/// Writes one document on one line.
pub(super) fn write(
    out: &mut dyn Write,
    schema: &str,
    about: About<'_>,
    body: &impl Serialize,
) -> serde_json::Result<()> {
    line(out, &Document { schema, image: about.image.display().to_string(), body, troubles: Messages(about.troubles) })
}

/// Writes a value on one line.
pub(super) fn line(out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

/// A whole document.
#[derive(Serialize)]
pub(super) struct Document<'d, B, T> {
    pub(super) schema: &'d str,
    pub(super) image: String,
    #[serde(flatten)]
    pub(super) body: B,
    pub(super) troubles: T,
}

/// The messages of troubles, and how many more there were.
pub(super) struct Messages<'t>(pub(super) &'t Troubles);

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let more = self.0.len() - self.0.iter().count();
        let more = (more > 0).then(|| format!("{more} more errors"));
        serializer.collect_seq(self.0.iter().map(ToString::to_string).chain(more))
    }
}
