//! A manifest as JSON: one line for each thing, so that a change of one is a change of one line.

use std::io::{self, Write};

use serde_json::Value;

use crate::diff::Manifest;

/// How deep lists and tables have a line for each of their members whatever these are.
const OPEN: usize = 2;

/// Writes the document.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, manifest: &Manifest) -> io::Result<()> {
    write(out, &serde_json::to_value(manifest)?, 0)?;
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
                write!(out, "{}: ", serde_json::to_string(name)?)?;
                write(out, member, depth + 1)?;
            }
            end(out, '}')
        }
        other => write!(out, "{}", serde_json::to_string(other)?),
    }
}

/// Whether nothing is in it but what has no members, or lists of such.
fn is_flat(value: &Value) -> bool {
    let is_simple = |value: &Value| !value.is_array() && !value.is_object();
    let is_list = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(is_simple));
    match value {
        Value::Object(members) => members.values().all(|member| is_simple(member) || is_list(member)),
        other => is_simple(other) || is_list(other),
    }
}
