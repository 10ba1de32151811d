//! A manifest as JSON. Each thing has a line of its own, so that a change of one thing changes one line.

use std::io::{self, Write};

use serde_json::Value;

use super::document::{self, Messages};
use crate::diff::Manifest;
use crate::error::Troubles;

/// Down to this depth, lists and objects always have a line for each member.
const OPEN: usize = 2;

/// Writes the document, with the troubles of making it.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, manifest: &Manifest, troubles: &Troubles) -> io::Result<()> {
    let mut document = serde_json::to_value(manifest)?;
    if let Some(members) = document.as_object_mut() {
        members.insert("troubles".to_owned(), serde_json::to_value(Messages(troubles))?);
    }
    write(out, &document, 0)?;
    writeln!(out)
}

fn write(out: &mut dyn Write, value: &Value, depth: usize) -> io::Result<()> {
    let mut first = true;
    let mut begin = |out: &mut dyn Write| {
        let comma = if std::mem::take(&mut first) { "" } else { "," };
        write!(out, "{comma}\n{}", "  ".repeat(depth + 1))
    };
    let end = |out: &mut dyn Write, sign: char| write!(out, "\n{}{sign}", "  ".repeat(depth));
    match value {
        Value::Array(items) if !items.is_empty() && (depth < OPEN || !is_flat(value)) => {
            write!(out, "[")?;
            for item in items {
                begin(out)?;
                write(out, item, OPEN.max(depth + 1))?;
            }
            end(out, ']')
        }
        Value::Object(members) if !members.is_empty() && (depth < OPEN || !is_flat(value)) => {
            write!(out, "{{")?;
            for (name, member) in members {
                begin(out)?;
                write!(out, "{}: ", document::text(name)?)?;
                write(out, member, depth + 1)?;
            }
            end(out, '}')
        }
        other => write!(out, "{}", document::text(other)?),
    }
}

/// Whether it holds only values without members, or lists of them.
fn is_flat(value: &Value) -> bool {
    let is_simple = |value: &Value| !value.is_array() && !value.is_object();
    let is_list = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(is_simple));
    match value {
        Value::Object(members) => members.values().all(|member| is_simple(member) || is_list(member)),
        other => is_simple(other) || is_list(other),
    }
}
