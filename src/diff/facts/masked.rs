//! A reader that masks the hashes of store paths.

use std::io::{self, Read};

use super::masked;

/// Bytes that are masked at once.
const PART: usize = 1 << 18;

/// Bytes kept around the border of two parts. A match, `nix/store/` with a hash and a dash, is shorter.
const AROUND: usize = 64;

/// Masks what it reads, without changing its length.
pub(in crate::diff) struct Masked<R> {
    input: R,
    /// Unmasked bytes: the end of those already masked, then those that may begin a match.
    raw: Vec<u8>,
    /// How many of them have been masked.
    done: usize,
    /// Masked bytes, and how many of them have been read.
    ready: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<R: Read> Masked<R> {
    pub(in crate::diff) fn new(input: R) -> Self {
        Self { input, raw: Vec::new(), done: 0, ready: Vec::new(), taken: 0, ended: false }
    }

    fn fill(&mut self) -> io::Result<()> {
        let old = self.done.saturating_sub(AROUND);
        self.raw.drain(..old);
        self.done -= old;
        let wanted = u64::try_from(PART).unwrap_or(u64::MAX);
        self.ended = (&mut self.input).take(wanted).read_to_end(&mut self.raw)? < PART;
        let end = if self.ended { self.raw.len() } else { self.raw.len().saturating_sub(AROUND) };
        self.ready.clear();
        self.ready.extend_from_slice(masked(&self.raw).get(self.done..end).unwrap_or_default());
        (self.taken, self.done) = (0, end);
        Ok(())
    }
}

impl<R: Read> Read for Masked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken >= self.ready.len() && !self.ended {
            self.fill()?;
        }
        let read = self.ready.get(self.taken..).unwrap_or_default().read(buffer)?;
        self.taken += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_masked_at_every_offset() {
        let path = b"/nix/store/g1nbmnqnx4gpnv32yprf4ql87ccg5035-f1";
        for before in
            [0, 1, PART - 70, PART - 64, PART - 47, PART - 46, PART - 30, PART - 11, PART - 1, PART, 2 * PART - 40]
        {
            let mut text = vec![b'.'; before];
            text.extend_from_slice(path);
            text.extend_from_slice(&[b'.'; 200]);
            text.extend_from_slice(path);
            let mut read = Vec::new();
            Masked::new(&*text).read_to_end(&mut read).unwrap();
            assert!(read == *masked(&text), "{before}");
            assert_eq!(read.windows(4).filter(|part| part == b"eee-").count(), 2, "{before}");
        }
        let mut read = Vec::new();
        Masked::new(&b""[..]).read_to_end(&mut read).unwrap();
        assert!(read.is_empty());
    }
}
