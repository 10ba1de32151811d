//! An initrd: a series of cpio archives, each compressed or not (Linux, `initramfs buffer format`).
//!
//! It is read as a stream, member by member. Only what the caller keeps stays in memory.

mod blocks;
mod compression;
mod lz4;
mod lzop;
mod newc;

#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read};
use std::ops::ControlFlow;

pub use compression::Compression;
pub use newc::Member;

use crate::error::{Error, Place, Result};

/// Limit for the members of all archives together. An initrd has some thousands.
const MOST_MEMBERS: usize = 1_000_000;

/// Limit for the decompressed size of all archives, in bytes. Real ones have some hundred MiB.
const LONGEST: u64 = 4 << 30;

/// Limit for archives and compressed parts in one initrd. Real ones have two.
const MOST_PARTS: usize = 1_000;

/// Receives each member and its contents.
pub type Visitor<'v> = &'v mut dyn FnMut(&Member, &mut dyn Read) -> Result<ControlFlow<()>>;

/// Reads an initrd. Returns how its parts are compressed. `file` is its name in errors. If the visitor breaks off, the
/// rest is not read.
///
/// # Errors
/// [`Error::Malformed`] if a part is neither an archive nor a compressed archive, or a member is broken.
/// [`Error::Limit`] if it exceeds the size of any real initrd. Also the errors of the visitor.
pub fn read(input: &mut dyn BufRead, file: &str, visit: Visitor<'_>) -> Result<Vec<Compression>> {
    let mut walk = Walk { file, members: 0, left: LONGEST, visit };
    let mut parts = Vec::new();
    while !walk.at_end(input)? {
        if parts.len() == MOST_PARTS {
            return Err(walk.over("1,000 parts of an initrd"));
        }
        let compression = Compression::next(input).map_err(|error| walk.failed(error))?;
        let compression = compression.ok_or_else(|| walk.wrong("magic number"))?;
        parts.push(compression);
        let flow = match compression {
            Compression::None => walk.archive(input)?,
            _ => {
                let decoder = compression.decoder(input).map_err(|error| walk.failed(error))?;
                let mut decoder = io::BufReader::with_capacity(1 << 16, decoder);
                let flow = walk.archives(&mut decoder)?;
                if flow.is_continue() {
                    // The checksums come last.
                    io::copy(&mut decoder, &mut io::sink()).map_err(|error| walk.failed(error))?;
                }
                flow
            }
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(parts)
}

struct Walk<'f, 'v> {
    file: &'f str,
    members: usize,
    /// Bytes that may still be read.
    left: u64,
    visit: Visitor<'v>,
}

impl Walk<'_, '_> {
    /// Reads all archives in a compressed part.
    fn archives(&mut self, input: &mut dyn BufRead) -> Result<ControlFlow<()>> {
        while !self.at_end(input)? {
            if self.archive(input)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads one archive, up to its trailer.
    fn archive(&mut self, input: &mut dyn BufRead) -> Result<ControlFlow<()>> {
        loop {
            self.members += 1;
            if self.members > MOST_MEMBERS {
                return Err(self.over("1,000,000 members of an initrd"));
            }
            let Some(member) = self.member(input)? else { return Ok(ControlFlow::Continue(())) };
            let mut contents = input.take(member.size);
            let flow = (self.visit)(&member, &mut contents)?;
            if flow.is_break() {
                return Ok(flow);
            }
            let unread = contents.limit();
            let padding = member.padding();
            self.skip(input, unread + padding)?;
        }
    }

    /// Reads the next member. Its contents are still unread. `None` at the trailer.
    fn member(&mut self, input: &mut dyn BufRead) -> Result<Option<Member>> {
        let mut header = [0; newc::HEADER];
        self.fill(input, &mut header)?;
        let (mut member, name_length) = newc::header(&header).ok_or_else(|| self.wrong("header of a member"))?;
        let mut name = vec![0; name_length];
        self.fill(input, &mut name)?;
        self.skip(input, newc::padding(u64::try_from(newc::HEADER + name_length).unwrap_or(0)))?;
        name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
        if name == newc::TRAILER {
            return Ok(None);
        }
        let taken = member.size.saturating_add(newc::HEADER as u64);
        self.left = self.left.checked_sub(taken).ok_or_else(|| self.over("4 GiB of an initrd"))?;
        member.path = newc::clean(&name);
        Ok(Some(member))
    }

    /// Whether only padding follows.
    fn at_end(&self, input: &mut dyn BufRead) -> Result<bool> {
        loop {
            let buffer = input.fill_buf().map_err(|error| self.failed(error))?;
            if buffer.is_empty() {
                return Ok(true);
            }
            let zeros = buffer.iter().take_while(|&&byte| byte == 0).count();
            let all = zeros == buffer.len();
            input.consume(zeros);
            if !all {
                return Ok(false);
            }
        }
    }

    fn fill(&self, input: &mut dyn BufRead, buffer: &mut [u8]) -> Result<()> {
        input.read_exact(buffer).map_err(|error| self.failed(error))
    }

    /// Skips bytes without copying them.
    fn skip(&self, input: &mut dyn BufRead, count: u64) -> Result<()> {
        let mut left = count;
        while left > 0 {
            let available = input.fill_buf().map_err(|error| self.failed(error))?.len();
            if available == 0 {
                return Err(self.wrong("length of a member: the archive ends before"));
            }
            let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(available);
            input.consume(skipped);
            left -= skipped as u64;
        }
        Ok(())
    }

    fn wrong(&self, field: &'static str) -> Error {
        Error::Malformed { structure: "initrd", field, place: self.place() }
    }

    fn over(&self, what: &'static str) -> Error {
        Error::Limit { what, place: self.place() }
    }

    fn place(&self) -> Place {
        Place::File(self.file.as_bytes().to_vec())
    }

    /// Keeps the place of an error of the medium. An error of a decoder gets the place of the file.
    fn failed(&self, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(inner) => inner,
            Err(_) => self.wrong("compressed contents"),
        }
    }
}
