//! A manifest as JSON: one line for each thing, so that a change of one is a change of one line.

use std::io::{self, Write};

use serde_json::Value;

use crate::diff::Manifest;

/// Writes the document.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, manifest: &Manifest) -> io::Result<()> {
    let Value::Object(members) = serde_json::to_value(manifest)? else { return Ok(()) };
    writeln!(out, "{{")?;
    let last = members.len().saturating_sub(1);
    for (index, (name, value)) in members.iter().enumerate() {
        let comma = if index == last { "" } else { "," };
        match value {
            Value::Array(items) if !items.is_empty() => {
                writeln!(out, "  {}: [", serde_json::to_string(name)?)?;
                let end = items.len() - 1;
                for (index, item) in items.iter().enumerate() {
                    writeln!(out, "    {}{}", serde_json::to_string(item)?, if index == end { "" } else { "," })?;
                }
                writeln!(out, "  ]{comma}")?;
            }
            other => writeln!(out, "  {}: {}{comma}", serde_json::to_string(name)?, serde_json::to_string(other)?)?,
        }
    }
    writeln!(out, "}}")
}
