//! What all JSON documents share: their schema, the image, and what could not be read.

use std::io::{self, Write};
use std::path::Path;

use serde::ser::Error;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use super::escape::{is_harmful, is_plain};
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

/// Writes the document for an image that could not be opened, so that each of several images has one.
///
/// # Errors
/// If the writer fails.
pub fn unreadable(out: &mut dyn Write, image: &str, reason: &str) -> serde_json::Result<()> {
    let document = serde_json::json!({"schema": "nixoscope.unreadable.v1", "image": image, "troubles": [reason]});
    line(out, &document)
}

/// Writes a value on one line.
pub(super) fn line(out: &mut dyn Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, Harmless))?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

/// A value as text, for documents with a layout of their own.
pub(super) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Harmless))?;
    String::from_utf8(bytes).map_err(serde_json::Error::custom)
}

/// JSON in which letters that could harm a terminal are escaped: serde_json escapes only the control characters of ASCII.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        if is_plain(fragment) {
            return out.write_all(fragment.as_bytes());
        }
        while let Some((at, letter)) = rest.char_indices().find(|(_, letter)| is_harmful(*letter)) {
            let (plain, behind) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            rest = behind.strip_prefix(letter).unwrap_or_default();
        }
        out.write_all(rest.as_bytes())
    }
}

/// A whole document.
#[cfg_attr(test, derive(schemars::JsonSchema))]
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

#[cfg(test)]
impl schemars::JsonSchema for Messages<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Troubles".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Vec::<String>::json_schema(generator)
    }
}

/// A document with a body, for its schema.
#[cfg(test)]
pub(super) type Shape<B> = Document<'static, B, Messages<'static>>;

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let more = self.0.len() - self.0.iter().count();
        let more = (more > 0).then(|| format!("{more} more errors"));
        serializer.collect_seq(self.0.iter().map(ToString::to_string).chain(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_harm_a_terminal_is_escaped_and_reads_back_as_it_was() {
        let text = "a\u{9b}31m \u{202e}b\u{e0041} \u{1b}[0m é\"";
        let mut out = Vec::new();
        line(&mut out, &text).unwrap();
        assert_eq!(
            String::from_utf8(out.clone()).unwrap(),
            "\"a\\u009b31m \\u202eb\\udb40\\udc41 \\u001b[0m é\\\"\"\n"
        );
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}
