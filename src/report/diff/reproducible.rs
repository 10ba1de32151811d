//! Whether two images are the same build.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::{self, UNASKED};
use super::value::changes;
use crate::diff::{FirstDifference, Reproducibility, Verdict};
use crate::report::table::STRONG;
use crate::report::{escape, files};

/// Whether all of both images could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// All that the verdict depends on.
    All,
    /// Not what else there is.
    Part,
}

/// The page: the verdict, the first difference, and the names of all other differences.
///
/// # Errors
/// What the writer meets.
pub fn page(out: &mut dyn Write, found: &Reproducibility, known: Known) -> io::Result<()> {
    let verdict = match found.verdict {
        Verdict::Identical if !found.differences.is_empty() => "identical up to the end of the volume",
        Verdict::Identical => "identical",
        Verdict::IsoMetadata => "only ISO metadata differs",
        Verdict::SquashfsPacking => "only squashfs packing differs",
        Verdict::Contents => "contents differ",
    };
    // Files that differ do so whatever else there is.
    let unread = match (known, found.verdict) {
        (Known::All, _) | (_, Verdict::Contents) => "",
        (Known::Part, _) => "; not everything could be compared",
    };
    writeln!(out, "{STRONG}{verdict}{unread}{STRONG:#}")?;
    if let (Verdict::Contents, Some(first)) = (found.verdict, &found.first) {
        writeln!(out, "  first file: {}", escape(described(first).as_bytes()))?;
        if found.files > 1 {
            writeln!(out, "  files that differ: {}", found.files)?;
        }
    }
    if let (Verdict::SquashfsPacking, Some(first)) = (found.verdict, &found.first) {
        writeln!(out, "  first byte of the squashfs: {}", escape(placed(first).as_bytes()))?;
    }
    if let Some(first) = &found.image {
        writeln!(out, "  first byte of the image: {}", escape(placed(first).as_bytes()))?;
    }
    for line in changes(&found.differences) {
        writeln!(out, "  {}", escape(line.as_bytes()))?;
    }
    Ok(())
}

fn described(first: &FirstDifference) -> String {
    let path = files::text(first.path.as_deref().unwrap_or_default());
    match first.offset {
        Some(offset) => format!("{path}: {} from byte {offset} on", first.message),
        None => format!("{path}: {}", first.message),
    }
}

fn placed(first: &FirstDifference) -> String {
    let offset = first.offset.unwrap_or(0);
    match &first.path {
        Some(path) if first.structure == "data of a file" => format!("byte {offset} of {}", files::text(path)),
        Some(path) => format!("byte {offset} of {}, {}", files::text(path), first.structure),
        None => format!("{offset:#x}, {}", first.structure),
    }
}

/// The document.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, found: &Reproducibility, troubles: &[String]) -> serde_json::Result<()> {
    let first = |first: &FirstDifference| -> Value {
        json!({
            "structure": first.structure,
            "path": first.path.as_deref().map(files::text),
            "offset": first.offset,
            "message": first.message,
        })
    };
    let mut document = json!({
        "schema": "nixoscope.diff.v1",
        "same": found.verdict == Verdict::Identical && troubles.is_empty(),
        "reproducible": {
            "verdict": found.verdict.name(),
            "first": found.first.as_ref().map(first),
            "image": found.image.as_ref().map(first),
            "files": found.files,
            "differences": json::changes(&found.differences),
        },
        "troubles": troubles,
    });
    if let Some(members) = document.as_object_mut() {
        members.extend(UNASKED.map(|name| (name.to_owned(), Value::Null)));
    }
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}
