//! Whether two images are the same build.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::json::{self, UNASKED};
use super::value::changes;
use crate::diff::{FirstDifference, Pair, Reason, Reproducibility, Structure, Verdict};
use crate::report::style::STRONG;
use crate::report::{document, escape, files};

/// Whether both images could be read completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Everything that the verdict depends on was read.
    All,
    /// Parts could not be read.
    Part,
}

/// The page: the verdict, the first difference, and the names of all other differences.
///
/// # Errors
/// If the writer fails.
pub fn page(out: &mut dyn Write, found: &Reproducibility, known: Known) -> io::Result<()> {
    let verdict = match found.verdict {
        Verdict::Identical if !found.differences.is_empty() => "identical up to the end of the volume",
        Verdict::Identical => "identical",
        Verdict::IsoMetadata => "only ISO metadata differs",
        Verdict::SquashfsPacking => "only squashfs packing differs",
        Verdict::Contents => "contents differ",
    };
    // Files that differ do so whatever could not be read.
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
        Some(offset) => format!("{path}: {} from byte {offset} on", words(first.reason)),
        None => format!("{path}: {}", words(first.reason)),
    }
}

fn placed(first: &FirstDifference) -> String {
    let offset = first.offset.unwrap_or(0);
    match &first.path {
        Some(path) if first.structure == Structure::FileData => format!("byte {offset} of {}", files::text(path)),
        Some(path) => format!("byte {offset} of {}, {}", files::text(path), first.structure),
        None => format!("{offset:#x}, {}", first.structure),
    }
}

/// A reason in words, after the name of what differs.
fn words(reason: Reason) -> String {
    let words = match reason {
        Reason::FirstByte => "the first byte that differs",
        Reason::Contents => "its contents differ",
        Reason::OnlyOld => "is only in the old image",
        Reason::OnlyNew => "is only in the new image",
        Reason::Executable => "is executable in one image only",
        Reason::Target => "points elsewhere",
        Reason::FileType => "has another type",
        Reason::Device => "is another device",
        Reason::Medium => "is a disc in one image and a bare squashfs in the other",
        Reason::Packed => "is packed as a squashfs in one image only",
        Reason::Packing(at) => {
            return format!("the files are the same, but their packing differs from byte {at} of the squashfs on");
        }
    };
    words.to_owned()
}

/// The document. `images` are the paths of both images.
///
/// # Errors
/// If the writer fails.
pub fn json(
    out: &mut dyn Write,
    found: &Reproducibility,
    images: Pair<&Path>,
    troubles: &[String],
) -> serde_json::Result<()> {
    let first = |first: &FirstDifference| -> Value {
        json!({
            "structure": first.structure.to_string(),
            "path": first.path.as_deref().map(files::text),
            "offset": first.offset,
            "message": words(first.reason),
        })
    };
    let mut document = json!({
        "schema": "nixoscope.diff.v1",
        "images": json::paths_of(images),
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
    document::line(out, &document)
}
