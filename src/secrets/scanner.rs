//! Searches one file, as its bytes come.

use super::filter::Filter;
use super::known;
use super::rules::{Found, LONGEST, filter, test, test_file};

/// A secret in a file whose path is known elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) offset: u64,
    pub(super) line: Option<u64>,
    pub(super) kind: &'static str,
    pub(super) what: String,
    pub(super) fingerprint: Option<String>,
    /// Whether nixpkgs ships it for its tests.
    pub(super) known: bool,
}

/// Sightings in one file; more than that no file has but one made for it.
const MOST: usize = 1_000;

/// Digits of a fingerprint.
const DIGITS: usize = 12;

/// Searches one file. A secret may lie across the border of two parts: the end of what came is kept until more does.
pub(super) struct Scanner<'p> {
    path: &'p str,
    filter: &'static Filter,
    /// What came and is not yet searched, behind a byte that is.
    window: &'p mut Vec<u8>,
    /// Where the window begins in the file.
    offset: u64,
    /// Bytes of the window that have been searched.
    searched: usize,
    /// Ends of lines before the window.
    lines: u64,
    pub(super) sightings: Vec<Sighting>,
    /// Sightings of what is no known key, and of known ones: many of these must not hide one of those.
    unknown: usize,
    known: usize,
}

impl<'p> Scanner<'p> {
    /// `window` is room that is used again and again.
    pub(super) fn new(path: &'p str, window: &'p mut Vec<u8>) -> Self {
        window.clear();
        Self {
            path,
            filter: filter(path),
            window,
            offset: 0,
            searched: 0,
            lines: 0,
            sightings: Vec::new(),
            unknown: 0,
            known: 0,
        }
    }

    /// Takes the next bytes of the file.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.window.extend_from_slice(bytes);
        // What begins in the last bytes may go on in the next part.
        let ready = self.window.len().saturating_sub(LONGEST);
        if ready > self.searched {
            self.search(ready);
            let kept = self.searched.saturating_sub(1);
            let past = self.window.get(..kept).unwrap_or_default();
            self.lines += ends_of_lines(past);
            self.window.drain(..kept);
            self.offset += u64::try_from(kept).unwrap_or(0);
            self.searched -= kept;
        }
    }

    /// Searches a file that is whole in memory, or the end of one that came in parts.
    pub(super) fn finish(mut self) -> Vec<Sighting> {
        if self.offset == 0
            && self.searched == 0
            && let Some(found) = test_file(self.window)
        {
            self.sighted(0, found);
        }
        self.search(self.window.len());
        self.sightings
    }

    /// Searches for what begins before `end`.
    fn search(&mut self, end: usize) {
        let mut candidates = Vec::new();
        self.filter.each(self.window, (self.searched, end), &mut |at| candidates.push(at));
        candidates.sort_unstable();
        let mut after = self.searched;
        for start in candidates {
            if start < after || self.unknown >= MOST {
                continue;
            }
            let before = start.checked_sub(1).and_then(|before| self.window.get(before)).copied();
            let text = self.window.get(start..).unwrap_or_default();
            let text = text.get(..LONGEST).unwrap_or(text);
            if let Some(found) = test(text, before, self.path) {
                after = start + found.length.max(1);
                self.sighted(start, found);
            }
        }
        self.searched = end.max(after.min(self.window.len()));
    }

    fn sighted(&mut self, start: usize, found: Found) {
        let (digest, known) = found.identity.as_deref().map(known::digest).unzip();
        let count = if known == Some(true) { &mut self.known } else { &mut self.unknown };
        *count += 1;
        if *count > MOST {
            return;
        }
        let fingerprint = digest.map(|digest| digest.chars().take(DIGITS).collect());
        let past = self.window.get(..start).unwrap_or_default();
        let is_text = !past.iter().rev().take(LONGEST).any(|&byte| byte == 0);
        let ends = ends_of_lines(past);
        self.sightings.push(Sighting {
            offset: self.offset + u64::try_from(start).unwrap_or(0),
            line: is_text.then_some(self.lines + ends + 1),
            kind: found.kind,
            what: found.what,
            fingerprint,
            known: known == Some(true),
        });
    }
}

/// Counts ends of lines, in parts so short that their sum fits a byte: compilers make vectors of that.
fn ends_of_lines(bytes: &[u8]) -> u64 {
    let of_part = |part: &[u8]| part.iter().fold(0u8, |sum, &byte| sum + u8::from(byte == b'\n'));
    bytes.chunks(255).map(|part| u64::from(of_part(part))).sum()
}
