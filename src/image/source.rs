//! The source of an image's bytes.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::Mmap;

use super::Progress;
#[cfg(windows)]
use super::platform::Advise;
use super::platform::{self, Advice, FileExt, FileTypeExt};
#[cfg(feature = "remote")]
use super::remote::{self, Opened, Remote};
use super::spool::{Counted, Spool};
use crate::error::{Budget, Error, Place, Result, Work};

/// The bytes of an image: a mapped file, a device with positioned reads, a server, or memory.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    bytes: Bytes,
    /// The work that the bytes have caused.
    budget: Budget,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mapped),
    /// A mapped device would kill the process at its first bad sector. A read returns an error.
    Device {
        device: File,
        length: u64,
    },
    #[cfg(feature = "remote")]
    Remote(Box<Remote>),
    Memory(Vec<u8>),
    /// A medium with an unreadable part.
    #[cfg(test)]
    Scratched {
        bytes: Vec<u8>,
        bad: std::ops::Range<u64>,
    },
}

impl Source {
    /// Opens the regular file or block device at `path`. What comes through a pipe is first copied to a temporary file.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be opened, measured or mapped.
    pub fn open(path: &Path, progress: Progress<'_>) -> Result<Self> {
        let named = |source| Error::Io { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(named)?;
        if file.metadata().map_err(named)?.file_type().is_fifo() {
            return Self::received(path, file, progress);
        }
        Self::from_file(path, file)
    }

    /// Reads standard input. A regular file that is read from its start is used in place.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read, [`Error::NoImage`] if it is a terminal or does not fit into a temporary file.
    pub fn standard_input(progress: Progress<'_>) -> Result<Self> {
        let path = Path::new("-");
        let named = |source| Error::Io { path: path.to_path_buf(), source };
        let input = io::stdin();
        if input.is_terminal() {
            let reason = "standard input is a terminal; give a file, or write < FILE".to_owned();
            return Err(Error::NoImage { path: path.to_path_buf(), reason });
        }
        let mut file = platform::file_of(&input).map_err(named)?;
        let kind = file.metadata().map_err(named)?.file_type();
        if (kind.is_file() || kind.is_block_device()) && file.stream_position().is_ok_and(|position| position == 0) {
            return Self::from_file(path, file);
        }
        Self::received(path, file, progress)
    }

    /// Copies a stream to a temporary file.
    fn received(path: &Path, input: impl Read, progress: Progress<'_>) -> Result<Self> {
        let mut spool = Spool::new(path)?;
        let mut counted = Counted { input, read: 0, of: 0, progress };
        spool.append(&mut counted, |source| Error::Io { path: path.to_path_buf(), source })?;
        Self::from_file(path, spool.finish()?)
    }

    /// Asks a server for the image at an address.
    ///
    /// # Errors
    /// [`Error::Io`] if the server does not answer as it should.
    #[cfg(feature = "remote")]
    pub(super) fn remote(address: &Path, progress: Progress<'_>) -> Result<Self> {
        let path = remote::shown(address);
        match Remote::open(address, remote::agent(remote::PATIENCE), progress)? {
            Opened::Parts(remote) => Ok(Self { path, bytes: Bytes::Remote(remote), budget: Budget::default() }),
            Opened::Whole(file) => Self::from_file(&path, file),
        }
    }

    /// Requests to a server and bytes received, if the image is on one.
    pub(super) fn traffic(&self) -> Option<(u64, u64)> {
        match &self.bytes {
            #[cfg(feature = "remote")]
            Bytes::Remote(remote) => Some(remote.traffic()),
            _ => None,
        }
    }

    /// Takes an open file. `path` is its name in messages.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be measured or mapped.
    pub fn from_file(path: &Path, mut file: File) -> Result<Self> {
        let named = |source| Error::Io { path: path.to_path_buf(), source };
        let metadata = file.metadata().map_err(named)?;
        let bytes = if metadata.file_type().is_block_device() {
            let length = file.seek(io::SeekFrom::End(0)).map_err(named)?;
            Bytes::Device { device: file, length }
        } else if metadata.len() == 0 {
            Bytes::Memory(Vec::new())
        } else {
            Bytes::Mapped(Mapped::new(&file).map_err(named)?)
        };
        Ok(Self { path: path.to_path_buf(), bytes, budget: Budget::default() })
    }

    /// An image that is already in memory.
    #[must_use]
    pub fn memory(bytes: Vec<u8>) -> Self {
        Self { path: PathBuf::from("memory"), bytes: Bytes::Memory(bytes), budget: Budget::default() }
    }

    /// A medium with bad sectors.
    #[cfg(test)]
    pub(crate) fn scratched(bytes: Vec<u8>, bad: std::ops::Range<u64>) -> Self {
        Self { path: PathBuf::from("/dev/sdz"), bytes: Bytes::Scratched { bytes, bad }, budget: Budget::default() }
    }

    /// Adds work that the bytes cause at a place.
    ///
    /// # Errors
    /// [`Error::Limit`] if the budget is spent.
    pub(super) fn charge(&self, work: (Work, u64), place: &dyn Fn() -> Place) -> Result<()> {
        self.budget.charge(work, self.length(), place)
    }

    /// The path of this source in messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match &self.bytes {
            Bytes::Mapped(mapped) => u64::try_from(mapped.map.len()).unwrap_or(u64::MAX),
            Bytes::Device { length, .. } => *length,
            #[cfg(feature = "remote")]
            Bytes::Remote(remote) => remote.length(),
            Bytes::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            #[cfg(test)]
            Bytes::Scratched { bytes, .. } => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }

    /// Borrows or reads `length` bytes at `start`. A [`Region`](crate::image::Region) has checked that they exist.
    pub(super) fn bytes(&self, start: u64, length: u64) -> Result<Cow<'_, [u8]>> {
        if let Some(lent) = self.lend(start, length) {
            return Ok(Cow::Borrowed(lent));
        }
        let length = usize::try_from(length).map_err(|_| self.io(io::ErrorKind::OutOfMemory.into()))?;
        let mut read = vec![0; length];
        self.read_exact_at(start, &mut read)?;
        Ok(Cow::Owned(read))
    }

    /// Fills `buffer` with the bytes at `start`.
    pub(super) fn read_exact_at(&self, start: u64, buffer: &mut [u8]) -> Result<()> {
        if let Bytes::Device { device, .. } = &self.bytes {
            return read_device(device, start, buffer).map_err(|(source, at)| self.failed(&source, at));
        }
        #[cfg(feature = "remote")]
        if let Bytes::Remote(remote) = &self.bytes {
            return remote.read_exact_at(start, buffer).map_err(|source| self.failed(&source, start));
        }
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        #[cfg(test)]
        if let Bytes::Scratched { bytes, bad } = &self.bytes {
            if start < bad.end && bad.start < start + length {
                return Err(self.failed(&io::Error::other("the medium is scratched"), start));
            }
            let from = bytes.iter().skip(usize::try_from(start).unwrap_or(usize::MAX));
            buffer.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            return Ok(());
        }
        let lent = self.lend(start, length).ok_or_else(|| self.io(io::ErrorKind::UnexpectedEof.into()))?;
        buffer.copy_from_slice(lent);
        Ok(())
    }

    fn lend(&self, start: u64, length: u64) -> Option<&[u8]> {
        let (start, length) = (usize::try_from(start).ok()?, usize::try_from(length).ok()?);
        let all: &[u8] = match &self.bytes {
            Bytes::Mapped(mapped) => {
                mapped.want(start, length);
                &mapped.map
            }
            Bytes::Memory(bytes) => bytes,
            Bytes::Device { .. } => return None,
            #[cfg(feature = "remote")]
            Bytes::Remote(_) => return None,
            #[cfg(test)]
            Bytes::Scratched { .. } => return None,
        };
        all.get(start..start.checked_add(length)?)
    }

    /// The error for a read that failed at a byte of the medium.
    fn failed(&self, source: &io::Error, start: u64) -> Error {
        self.io(io::Error::new(source.kind(), format!("{source} at {start:#x}")))
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Io { path: self.path.clone(), source }
    }
}

/// Fills the buffer from a device. An error says where the device failed: it returns what is before a bad sector first.
fn read_device(device: &File, start: u64, mut buffer: &mut [u8]) -> std::result::Result<(), (io::Error, u64)> {
    let mut at = start;
    while !buffer.is_empty() {
        match device.read_at(buffer, at) {
            Ok(0) => return Err((io::ErrorKind::UnexpectedEof.into(), at)),
            Ok(read) => {
                buffer = buffer.get_mut(read..).unwrap_or_default();
                at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((error, at)),
        }
    }
    Ok(())
}

/// A mapped file. The kernel reads little more than requested.
///
/// By default, the kernel reads ahead around every first access, depending on the disk by megabytes. Listing names
/// touches a few places far apart, and would read a good part of the image.
#[derive(Debug)]
struct Mapped {
    map: Mmap,
    /// One bit for each window that has been requested.
    wanted: Box<[AtomicU64]>,
}

/// Bytes that are read together.
const WINDOW: usize = 128 << 10;

impl Mapped {
    fn new(file: &File) -> io::Result<Self> {
        let map = map(file)?;
        // The advice may be refused. The bytes are the same.
        let _ = map.advise(Advice::Random);
        let windows = map.len().div_ceil(WINDOW).div_ceil(64);
        Ok(Self { map, wanted: (0..windows).map(|_| AtomicU64::new(0)).collect() })
    }

    /// Announces the windows that will be read to the kernel, each of them once.
    fn want(&self, start: usize, length: usize) {
        let mut fresh: Option<usize> = None;
        let end = start.saturating_add(length).div_ceil(WINDOW);
        for window in start / WINDOW..=end {
            if window < end && self.is_fresh(window) {
                fresh.get_or_insert(window);
            } else if let Some(first) = fresh.take() {
                let from = first * WINDOW;
                let to = self.map.len().min(window * WINDOW);
                let _ = self.map.advise_range(Advice::WillNeed, from, to.saturating_sub(from));
            }
        }
    }

    fn is_fresh(&self, window: usize) -> bool {
        let bit = 1 << (window % 64);
        let Some(word) = self.wanted.get(window / 64) else { return false };
        word.load(Ordering::Relaxed) & bit == 0 && word.fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

#[expect(unsafe_code, reason = "the one memory map")]
fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the map is read-only and private to this process. Truncating the file while it is read ends the
    // process with SIGBUS, as with every tool that maps its input; no other guarantee is needed for plain bytes.
    unsafe { Mmap::map(file) }
}
