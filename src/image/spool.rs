//! Temporary files without names, for images that cannot be read in place.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::Progress;
use crate::error::{Error, Result};

/// Bytes that are copied at once.
pub(super) const CHUNK: usize = 1 << 20;

/// Limit for the size of an image that is unpacked or received, in bytes.
pub(super) const LARGEST: u64 = 64 << 30;

/// A temporary file that is filled from start to end. It has no name, so nothing is left behind when the program ends.
#[derive(Debug)]
pub struct Spool {
    /// The image that it is for, for messages.
    image: PathBuf,
    directory: PathBuf,
    file: File,
    length: u64,
}

impl Spool {
    /// Creates the file in `TMPDIR`.
    ///
    /// # Errors
    /// [`Error::NoImage`] with advice, if the directory is missing or not writable.
    pub fn new(image: &Path) -> Result<Self> {
        let directory = std::env::temp_dir();
        match tempfile::tempfile_in(&directory) {
            Ok(file) => Ok(Self { image: image.to_path_buf(), directory, file, length: 0 }),
            Err(error) => Err(no_space(image, &directory, &error)),
        }
    }

    /// Appends everything that `input` has.
    ///
    /// # Errors
    /// [`Error::NoImage`] with advice, if the directory is full or the image larger than 64 GiB. Errors of `input` are made by
    /// `failed`.
    pub fn append(&mut self, input: &mut dyn Read, failed: impl FnOnce(io::Error) -> Error) -> Result<()> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let filled = match input.read(&mut buffer) {
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(failed(error)),
            };
            let Some(bytes @ [_, ..]) = buffer.get(..filled) else { return Ok(()) };
            self.lengthen(u64::try_from(filled).unwrap_or(u64::MAX))?;
            // Zeros take no space on the disk.
            let written = if bytes.iter().all(|&byte| byte == 0) {
                self.file.seek(SeekFrom::Start(self.length)).map(drop)
            } else {
                self.file.write_all(bytes)
            };
            written.map_err(|error| no_space(&self.image, &self.directory, &error))?;
        }
    }

    /// Appends zeros, which take no space on the disk.
    ///
    /// # Errors
    /// As [`Spool::append`].
    pub(super) fn skip(&mut self, zeros: u64) -> Result<()> {
        self.lengthen(zeros)?;
        let sought = self.file.seek(SeekFrom::Start(self.length));
        sought.map(drop).map_err(|error| no_space(&self.image, &self.directory, &error))
    }

    fn lengthen(&mut self, more: u64) -> Result<()> {
        self.length = self.length.saturating_add(more);
        if self.length > LARGEST {
            let reason = "it would unpack to more than 64 GiB; unpack it yourself if it is right".to_owned();
            return Err(Error::NoImage { path: self.image.clone(), reason });
        }
        Ok(())
    }

    /// Gives the file, complete.
    ///
    /// # Errors
    /// [`Error::NoImage`] with advice, if the directory is full.
    pub fn finish(mut self) -> Result<File> {
        let ended = self.file.set_len(self.length).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        ended.map_err(|error| no_space(&self.image, &self.directory, &error))?;
        Ok(self.file)
    }
}

/// Tells the progress of a stream. A total of zero is not known.
pub(super) struct Counted<'p, R> {
    pub(super) input: R,
    pub(super) read: u64,
    pub(super) of: u64,
    pub(super) progress: Progress<'p>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let filled = self.input.read(buffer)?;
        self.read = self.read.saturating_add(u64::try_from(filled).unwrap_or(0));
        (self.progress)(self.read, self.of);
        Ok(filled)
    }
}

/// Why no temporary file can be written, and what helps.
pub(super) fn no_space(image: &Path, directory: &Path, error: &io::Error) -> Error {
    let directory = directory.display();
    let reason = format!("needs a temporary file in {directory}: {error}; set TMPDIR to a directory with enough space");
    Error::NoImage { path: image.to_path_buf(), reason }
}
