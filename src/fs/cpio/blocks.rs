//! A stream that is decompressed block by block.

use std::io::{self, Read};

/// A format that consists of blocks.
pub(super) trait Source {
    /// Decompresses the next block into `block`, which is empty. At the end it stays empty.
    fn fill(&mut self, block: &mut Vec<u8>) -> io::Result<()>;
}

/// Reads the blocks of a source as one stream.
pub(super) struct Blocks<S> {
    source: S,
    block: Vec<u8>,
    /// How many bytes of the block have been read.
    at: usize,
    ended: bool,
}

impl<S: Source> Blocks<S> {
    pub(super) fn of(source: S) -> Self {
        Self { source, block: Vec::new(), at: 0, ended: false }
    }
}

impl<S: Source> Read for Blocks<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() && !self.ended {
            self.at = 0;
            self.block.clear();
            // An error also ends the stream.
            self.ended = true;
            if let Err(error) = self.source.fill(&mut self.block) {
                self.block.clear();
                return Err(error);
            }
            self.ended = self.block.is_empty();
        }
        let rest = self.block.get(self.at..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.at += read;
        Ok(read)
    }
}
