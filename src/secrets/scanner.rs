//! Searches one file, as its bytes come.

use super::known;
use super::rules::{CANDIDATES, Found, LONGEST, test, test_file};

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
    /// What came and is not yet searched, behind a byte that is.
    window: Vec<u8>,
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
    pub(super) fn new(path: &'p str) -> Self {
        Self { path, window: Vec::new(), offset: 0, searched: 0, lines: 0, sightings: Vec::new(), unknown: 0, known: 0 }
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
            self.lines += ends(past);
            self.window.drain(..kept);
            self.offset += u64::try_from(kept).unwrap_or(0);
            self.searched -= kept;
        }
    }

    /// Searches a file that is whole in memory, or the end of one that came in parts.
    pub(super) fn finish(mut self) -> Vec<Sighting> {
        let whole = self.offset == 0 && self.window.len() <= LONGEST;
        if let Some(found) = whole.then(|| test_file(&self.window)).flatten() {
            self.searched = self.sight(found, 0);
        }
        self.search(self.window.len());
        self.sightings
    }

    /// Searches for what begins before `end`.
    fn search(&mut self, end: usize) {
        let Some(candidates) = CANDIDATES.as_ref() else { return };
        let mut at = self.searched;
        while at < end && self.unknown < MOST {
            let Some(candidate) = candidates.find_at(&self.window, at).filter(|found| found.start() < end) else {
                break;
            };
            let start = candidate.start();
            let before = start.checked_sub(1).and_then(|before| self.window.get(before)).copied();
            let text = self.window.get(start..).unwrap_or_default();
            let text = text.get(..LONGEST).unwrap_or(text);
            at = match test(text, before, self.path) {
                Some(found) => self.sight(found, start),
                None => start + 1,
            };
        }
        self.searched = end.max(at.min(self.window.len()));
    }

    /// Keeps what was found at a byte of the window, and says where to go on.
    fn sight(&mut self, found: Found, start: usize) -> usize {
        let next = start + found.length.max(1);
        let (digest, known) = found.identity.as_deref().map(known::digest).unzip();
        let count = if known == Some(true) { &mut self.known } else { &mut self.unknown };
        *count += 1;
        if *count > MOST {
            return next;
        }
        let past = self.window.get(..start).unwrap_or_default();
        let is_text = !past.iter().rev().take(LONGEST).any(|&byte| byte == 0);
        self.sightings.push(Sighting {
            offset: self.offset + u64::try_from(start).unwrap_or(0),
            line: (is_text && !found.what.starts_with("dropbear")).then_some(self.lines + ends(past) + 1),
            kind: found.kind,
            what: found.what,
            fingerprint: digest.map(|digest| digest.chars().take(DIGITS).collect()),
            known: known == Some(true),
        });
        next
    }
}

/// Ends of lines in a text.
fn ends(text: &[u8]) -> u64 {
    // Sums of bytes in runs that cannot overflow one: many bytes are added at a time.
    let run = |run: &[u8]| u64::from(run.iter().map(|&byte| u8::from(byte == b'\n')).sum::<u8>());
    text.chunks(255).map(run).sum()
}
