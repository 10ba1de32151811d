//! Reads the contents of a file, decompressing some blocks ahead.

use std::io::{self, Read};

use rayon::prelude::*;

use super::Archive;
use super::data::{DataBlock, FileData};
use crate::error::{Error, Result};

/// Bytes decompressed ahead per thread: two blocks of the largest size.
const AHEAD_OF_A_THREAD: usize = 2 << 20;

/// Limit for the bytes decompressed ahead by all threads together.
const AHEAD_LIMIT: usize = 16 << 20;

/// Reads a file from start to end. The first read decompresses one block, because some callers only need the beginning. For further
/// reads, all threads of the pool decompress the next blocks together.
pub(super) struct FileReader<'s> {
    archive: &'s Archive<'s>,
    data: FileData<'s>,
    /// The next blocks in order, decompressed.
    ready: Vec<Ready<'s>>,
    /// The block being returned, and how many of its bytes have been.
    current: usize,
    offset: usize,
    /// The error that ended reading. It is reported after everything before it.
    trouble: Option<Error>,
}

/// A block's contents.
#[derive(Default)]
struct Ready<'s> {
    /// Reused for another block.
    buffer: Vec<u8>,
    /// The contents, if they can be borrowed from the image. They replace the buffer.
    lent: Option<&'s [u8]>,
}

impl<'s> FileReader<'s> {
    pub(super) fn new(archive: &'s Archive<'s>, data: FileData<'s>) -> Self {
        Self { archive, data, ready: Vec::new(), current: 0, offset: 0, trouble: None }
    }

    /// Decompresses the next blocks. At the end of the file, no block is ready afterwards.
    fn refill(&mut self) -> Result<()> {
        (self.current, self.offset) = (0, 0);
        if let Some(trouble) = self.trouble.take() {
            self.ready.clear();
            return Err(trouble);
        }
        let mut batch: Vec<DataBlock> = Vec::new();
        let ahead = self.ahead();
        while batch.len() < ahead
            && let Some(block) = self.data.blocks.next()
        {
            match block {
                Ok(block) => batch.push(block),
                Err(error) => self.stop(error),
            }
        }
        self.ready.resize_with(batch.len(), Ready::default);
        let archive = self.archive;
        let fill = |(ready, block): (&mut Ready<'s>, &DataBlock)| ready.fill(archive, *block);
        let done: Vec<Result<()>> = match batch.len() {
            0 | 1 => self.ready.iter_mut().zip(&batch).map(fill).collect(),
            _ => self.ready.par_iter_mut().zip(&batch).map(fill).collect(),
        };
        if let Some((good, error)) = done.into_iter().enumerate().find_map(|(at, done)| Some((at, done.err()?))) {
            self.ready.truncate(good);
            self.stop(error);
        }
        if self.ready.is_empty() {
            if let Some(trouble) = self.trouble.take() {
                return Err(trouble);
            }
            if let Some(fragment) = self.data.fragment.take() {
                self.ready.push(Ready { buffer: archive.cached_fragment(fragment)?, lent: None });
            }
        }
        Ok(())
    }

    /// How many blocks to decompress together.
    fn ahead(&self) -> usize {
        // Most files have one block. For these the pool is not used, and so not started.
        if self.ready.is_empty() || self.data.blocks.size_hint().1.is_some_and(|blocks| blocks < 2) {
            return 1;
        }
        match rayon::current_num_threads() {
            1 => 1,
            threads => {
                let bytes = threads.saturating_mul(AHEAD_OF_A_THREAD).min(AHEAD_LIMIT);
                bytes / self.archive.superblock().block_size as usize
            }
        }
    }

    /// Ends reading with an error.
    fn stop(&mut self, error: Error) {
        self.data.blocks.stop();
        self.data.fragment = None;
        self.trouble = Some(error);
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        loop {
            let current = self.ready.get(self.current).map(Ready::bytes);
            let mut rest = current.and_then(|bytes| bytes.get(self.offset..)).unwrap_or_default();
            if !rest.is_empty() || output.is_empty() {
                let length = rest.read(output)?;
                self.offset += length;
                return Ok(length);
            }
            (self.current, self.offset) = (self.current + 1, 0);
            if self.current >= self.ready.len() {
                self.refill()?;
                if self.ready.is_empty() {
                    return Ok(0);
                }
            }
        }
    }
}

impl<'s> Ready<'s> {
    fn fill(&mut self, archive: &'s Archive<'s>, block: DataBlock) -> Result<()> {
        self.lent = archive.lend_or_fill(block, &mut self.buffer)?;
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        self.lent.unwrap_or(&self.buffer)
    }
}
