//! Searches one file while it is being read.

use std::mem;

use super::filter::Filter;
use super::rules::{Candidate, FileKind, Found, LONGEST, filter, test};
use super::subject::{AROUND, Subject};
use super::{known, whole};

/// A secret in a file. The caller knows the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) offset: u64,
    /// From the offset to the end of the secret.
    pub(super) length: usize,
    pub(super) line: Option<u64>,
    pub(super) kind: &'static str,
    pub(super) what: String,
    pub(super) subject: Option<Subject>,
    pub(super) fingerprint: Option<String>,
    /// Whether it is a well-known test key, or a key in the documentation of a package.
    pub(super) known: bool,
}

impl Sighting {
    /// A secret that is a whole file.
    pub(super) fn whole(kind: &'static str, what: &str, length: usize, identity: Option<&[u8]>) -> Self {
        let (digest, known) = identity.map(known::digest).unzip();
        let fingerprint = digest.map(|digest| digest.chars().take(DIGITS).collect());
        let known = known.unwrap_or_default();
        Self { offset: 0, length, line: None, kind, what: what.to_owned(), subject: None, fingerprint, known }
    }
}

/// Limit for the secrets kept per file. Only a file made for the purpose has more.
const MOST: usize = 1_000;

/// Zeros of a hole that are searched: twice as many as the window keeps.
const HOLE: usize = 2 * (AROUND + LONGEST);

/// Digits of a fingerprint.
const DIGITS: usize = 12;

/// Searches one file. A secret may span two chunks, so the end of each chunk is kept until the next arrives.
pub(super) struct Scanner<'w> {
    of: FileKind,
    filter: &'static Filter,
    /// Bytes that are not searched yet, preceded by a few that are: the text before a secret says whose it is.
    window: &'w mut Vec<u8>,
    /// The offset of the window in the file.
    offset: u64,
    /// Bytes of the window that have been searched.
    searched: usize,
    /// Line ends before the window. `None` if the file is not text.
    lines: Option<u64>,
    pub(super) sightings: Vec<Sighting>,
    /// Zero bytes that follow the window but are not searched yet: a hole in a sparse file.
    zeros: u64,
    /// Counted separately, so that many known test keys cannot exhaust the limit.
    unknown: usize,
    known: usize,
}

impl<'w> Scanner<'w> {
    /// `window` is reused from file to file.
    pub(super) fn new(of: FileKind, window: &'w mut Vec<u8>) -> Self {
        window.clear();
        Self {
            of,
            filter: filter(of.places),
            window,
            offset: 0,
            searched: 0,
            lines: Some(0),
            sightings: Vec::new(),
            zeros: 0,
            unknown: 0,
            known: 0,
        }
    }

    /// Skips zero bytes. No secret continues across them.
    pub(super) fn skip(&mut self, count: u64) {
        self.zeros += count;
    }

    /// Searches the bytes before a hole. A few zeros mark its beginning.
    fn end_hole(&mut self) {
        let zeros = mem::take(&mut self.zeros);
        let few = usize::try_from(zeros).unwrap_or(usize::MAX).min(HOLE);
        if few > 0 {
            self.append(&vec![0; few]);
            // If the hole is longer, the window contains only zeros.
            self.offset += zeros - few as u64;
        }
    }

    /// Searches the next bytes of the file.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.end_hole();
        self.append(bytes);
    }

    fn append(&mut self, bytes: &[u8]) {
        let mut window = mem::take(self.window);
        // A secret in the last bytes may continue in the next chunk.
        match bytes.get(..AROUND + LONGEST) {
            Some(head) if bytes.len() > 2 * (AROUND + LONGEST) => {
                // Only the ends of a long chunk are copied.
                let seam = window.len();
                window.extend_from_slice(head);
                self.search(&window, seam + AROUND);
                self.leave(&window, seam);
                self.search(bytes, bytes.len() - LONGEST);
                let past = self.searched.saturating_sub(AROUND);
                self.leave(bytes, past);
                window.clear();
                window.extend_from_slice(bytes.get(past..).unwrap_or_default());
            }
            _ => {
                window.extend_from_slice(bytes);
                let ready = window.len().saturating_sub(LONGEST);
                if ready > self.searched {
                    self.search(&window, ready);
                    let past = self.searched.saturating_sub(AROUND);
                    self.leave(&window, past);
                    window.drain(..past);
                }
            }
        }
        *self.window = window;
    }

    /// Searches the last bytes of the file, which may be the whole file.
    pub(super) fn finish(mut self, bytes: &[u8]) -> Vec<Sighting> {
        self.end_hole();
        let mut window = mem::take(self.window);
        let rest = match window.is_empty() {
            true => bytes,
            false => {
                window.extend_from_slice(bytes);
                &window
            }
        };
        if self.offset == 0 && self.searched == 0 {
            for (start, found) in whole::test(rest, self.of.places) {
                self.sighted(rest, start, found);
            }
        }
        self.search(rest, rest.len());
        *self.window = window;
        self.sightings
    }

    /// Searches for secrets that begin before `end`. `bytes` begin at the scanner's offset.
    fn search(&mut self, bytes: &[u8], end: usize) {
        let mut candidates = Vec::new();
        self.filter.each(bytes, (self.searched, end), &mut |at| candidates.push(at));
        candidates.sort_unstable();
        let mut after = self.searched;
        for start in candidates {
            if start < after || self.unknown >= MOST {
                continue;
            }
            let past = bytes.get(start.saturating_sub(AROUND)..start).unwrap_or_default();
            let text = bytes.get(start..).unwrap_or_default();
            let text = text.get(..LONGEST).unwrap_or(text);
            if let Some(found) = test(Candidate { text, past, of: self.of }) {
                after = start + found.length.max(1);
                self.sighted(bytes, start, found);
            }
        }
        self.searched = end.max(after.min(bytes.len()));
    }

    /// Moves the offset past bytes that are searched.
    fn leave(&mut self, bytes: &[u8], length: usize) {
        let left = bytes.get(..length).unwrap_or_default();
        self.lines = self.lines.filter(|_| !left.contains(&0)).map(|lines| lines + ends_of_lines(left));
        self.offset += u64::try_from(length).unwrap_or(0);
        self.searched -= length;
    }

    fn sighted(&mut self, bytes: &[u8], start: usize, found: Found) {
        let (digest, known) = found.identity.as_deref().map(known::digest).unzip();
        // A hash whose password is in a published test lets anyone in who reads the test.
        let known = match found.kind {
            "password-hash" => known == Some(true) && !self.of.has_accounts(),
            "private-key" => known == Some(true) || self.of.is_published(),
            _ => known == Some(true),
        };
        let count = if known { &mut self.known } else { &mut self.unknown };
        *count += 1;
        if *count > MOST {
            return;
        }
        let fingerprint = digest.map(|digest| digest.chars().take(DIGITS).collect());
        let past = bytes.get(..start).unwrap_or_default();
        let ends = self.lines.filter(|_| !past.contains(&0)).map(|lines| lines + ends_of_lines(past));
        self.sightings.push(Sighting {
            offset: self.offset + u64::try_from(start).unwrap_or(0),
            length: found.length,
            line: ends.map(|ends| ends + 1),
            kind: found.kind,
            what: found.what,
            subject: found.subject,
            fingerprint,
            known,
        });
    }
}

/// Counts line ends, in chunks whose sum fits a byte, so that the compiler can use SIMD.
fn ends_of_lines(bytes: &[u8]) -> u64 {
    let of_part = |part: &[u8]| part.iter().fold(0u8, |sum, &byte| sum + u8::from(byte == b'\n'));
    bytes.chunks(255).map(|part| u64::from(of_part(part))).sum()
}
