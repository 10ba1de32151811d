//! The document of `extract`.

use std::io::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::document::{self, About};
use super::files::{raw, text, type_name};
use crate::fs::Kind;

/// A file that was copied out of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// Its path in the image.
    pub path: Vec<u8>,
    /// Its path below the folder that it was copied into.
    pub to: PathBuf,
    /// Its type.
    pub kind: Kind,
}

/// The document of `extract`: every file that was copied, in the order of the walk.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, about: About<'_>, done: &[Extracted]) -> serde_json::Result<()> {
    let extracted = done.iter().map(Entry::of).collect();
    document::write(out, "nixoscope.extract.v1", about, &Body { extracted })
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(super) type Shape = document::Shape<Body>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Body {
    extracted: Vec<Entry>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    path: String,
    path_base64: Option<String>,
    to: String,
    r#type: &'static str,
    size: Option<u64>,
}

impl Entry {
    fn of(done: &Extracted) -> Self {
        let size = match done.kind {
            Kind::File { size } => Some(size),
            _ => None,
        };
        Self {
            path: text(&done.path),
            path_base64: raw(&done.path),
            to: done.to.display().to_string(),
            r#type: type_name(done.kind.file_type()),
            size,
        }
    }
}
