//! How the contents of two files differ.

use std::io::Read;
use std::path::Path;

use similar::TextDiff;

use super::manifest::masked;
use crate::error::{Error, Result};
use crate::fs::{NodeId, Tree};
use crate::secrets::redacted;

/// Texts of up to so many lines are compared line by line: the time grows with the square.
const MOST_COMPARED: usize = 5_000;

/// Files up to this length in bytes are compared with the hash parts of store paths masked.
const LONGEST_MASKED: usize = 16 << 20;

/// Bytes that are compared in one go of longer files.
const PART: usize = 1 << 18;

/// Lines of a comparison that are kept.
const MOST_LINES: usize = 200;

/// How two files differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// The lines that differ, and three around them, as `diff -u` prints them. Hash parts of store paths are masked, secrets are
    /// told by their kind.
    Text {
        /// The lines, each with its end.
        lines: Vec<String>,
        /// Lines beyond those.
        further: usize,
    },
    /// The first byte that differs, counted from 0.
    Binary {
        /// In both files.
        offset: u64,
    },
}

/// What comparing two files came to.
pub(super) enum Compared {
    Same,
    /// They differ in hash parts of store paths alone.
    OnlyHashParts,
    Differs(Content),
}

pub(super) fn compare(
    (old_tree, old): (&dyn Tree, NodeId),
    (new_tree, new): (&dyn Tree, NodeId),
    path: &[u8],
) -> Result<Compared> {
    let (mut old, mut new) = (old_tree.open(old)?, new_tree.open(new)?);
    let failed = |error| Error::from_read(error, Path::new(&*String::from_utf8_lossy(path)));
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let limit = u64::try_from(LONGEST_MASKED).unwrap_or(0);
    (&mut old).take(limit).read_to_end(&mut before).map_err(failed)?;
    (&mut new).take(limit).read_to_end(&mut after).map_err(failed)?;
    if before.len() == LONGEST_MASKED && before == after {
        return rest(&mut *old, &mut *new).map_err(failed);
    }
    if before == after {
        return Ok(Compared::Same);
    }
    let (masked_before, masked_after) = (masked(&before), masked(&after));
    let is_whole = before.len().max(after.len()) < LONGEST_MASKED;
    if masked_before == masked_after && is_whole {
        return Ok(Compared::OnlyHashParts);
    }
    let (shown_before, shown_after) = (redacted(path, &masked_before), redacted(path, &masked_after));
    if let (Some(before), Some(after)) = (as_text(&shown_before), as_text(&shown_after))
        && before != after
    {
        return Ok(Compared::Differs(lines(before, after)));
    }
    let differs = |(one, other): (&[u8], &[u8])| one.iter().zip(other).position(|(one, other)| one != other);
    let offset = match differs((&masked_before, &masked_after)) {
        Some(at) => at,
        None => masked_before.len().min(masked_after.len()),
    };
    Ok(Compared::Differs(Content::Binary { offset: u64::try_from(offset).unwrap_or(u64::MAX) }))
}

/// Compares what is left of two long files.
fn rest(old: &mut dyn Read, new: &mut dyn Read) -> std::io::Result<Compared> {
    let mut offset = u64::try_from(LONGEST_MASKED).unwrap_or(0);
    let part = u64::try_from(PART).unwrap_or(0);
    loop {
        let (mut before, mut after) = (Vec::with_capacity(PART), Vec::with_capacity(PART));
        (&mut *old).take(part).read_to_end(&mut before)?;
        (&mut *new).take(part).read_to_end(&mut after)?;
        if before.is_empty() && after.is_empty() {
            return Ok(Compared::Same);
        }
        if before != after {
            let at = before.iter().zip(&after).position(|(one, other)| one != other);
            let at = at.unwrap_or_else(|| before.len().min(after.len()));
            offset = offset.saturating_add(u64::try_from(at).unwrap_or(0));
            return Ok(Compared::Differs(Content::Binary { offset }));
        }
        offset = offset.saturating_add(u64::try_from(before.len()).unwrap_or(0));
    }
}

/// The bytes as a text, if they are one that can be compared line by line.
fn as_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.contains('\0') && text.lines().nth(MOST_COMPARED).is_none()).then_some(text)
}

fn lines(old: &str, new: &str) -> Content {
    let text = TextDiff::from_lines(old, new).unified_diff().context_radius(3).missing_newline_hint(false).to_string();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let further = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    Content::Text { lines, further }
}
