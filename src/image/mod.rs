//! The file of an image, and views of its bytes.

mod compressed;
mod directory;
mod find;
mod known;
#[doc(hidden)]
pub mod platform;
mod products;
mod qcow2;
mod region;
#[cfg(feature = "remote")]
mod remote;
mod source;
mod spool;

use std::path::{Path, PathBuf};

pub use compressed::{PACKED, is_initrd};
pub use directory::Directory;
pub use find::find;
pub use known::{Known, known};
pub use products::{PRODUCTS, products};
pub use region::{Region, RegionReader};
#[cfg(feature = "remote")]
pub(crate) use remote::Texts;
#[cfg(feature = "remote")]
pub use remote::is_address;
pub use source::Source;
pub use spool::Spool;

use crate::error::Result;

/// An opened image: its file, and its bytes.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    source: Source,
    notes: Vec<String>,
    directory: Option<Directory>,
}

/// Receives the progress of long work: bytes done, and total bytes. Any thread may call it.
pub type Progress<'p> = &'p (dyn Fn(u64, u64) + Sync);

impl Image {
    /// Opens the image that `name` leads to: an ISO file or device, the out path of a `nix-build` or a link to it, a compressed
    /// image, a bare squashfs, a disk image, or a directory with a system. `-` is standard input, and with the feature `remote`,
    /// `http://` and `https://` begin an address. A compressed image and what comes through a pipe are written to an
    /// unnamed temporary file. `progress` receives the progress of that; where the size is not known, the total is zero.
    ///
    /// # Errors
    /// [`Error::NoImage`](crate::Error::NoImage) if the path leads to no image, [`Error::Io`](crate::Error::Io) if it
    /// cannot be read.
    pub fn open(name: &Path, progress: Progress<'_>) -> Result<Self> {
        if let Some(directory) = Directory::find(name)? {
            let directory = Some(directory);
            return Ok(Self {
                path: name.to_path_buf(),
                source: Source::memory(Vec::new()),
                notes: Vec::new(),
                directory,
            });
        }
        let (path, source) = if name.as_os_str() == "-" {
            (name.to_path_buf(), Source::standard_input(progress)?)
        } else {
            Self::named(name, progress)?
        };
        let mut notes = Vec::new();
        let source = compressed::unpack(source, progress, &mut notes)?;
        let source = qcow2::unpack(source, progress)?;
        Ok(Self { path, source, notes, directory: None })
    }

    /// The image at an address, or the one that a path leads to.
    fn named(name: &Path, progress: Progress<'_>) -> Result<(PathBuf, Source)> {
        #[cfg(feature = "remote")]
        if remote::is_address(name) {
            let source = Source::remote(name, progress)?;
            return Ok((source.path().to_path_buf(), source));
        }
        let path = find(name)?;
        let source = Source::open(&path, progress)?;
        Ok((path, source))
    }

    /// An image that was unpacked from the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn unpacked(path: PathBuf, file: std::fs::File) -> Result<Self> {
        let source = Source::from_file(&path, file)?;
        Ok(Self { path, source, notes: Vec::new(), directory: None })
    }

    /// An image that is already in memory.
    #[must_use]
    pub fn memory(bytes: Vec<u8>) -> Self {
        let source = Source::memory(bytes);
        Self { path: source.path().to_path_buf(), source, notes: Vec::new(), directory: None }
    }

    /// An image on a medium with bad sectors.
    #[cfg(test)]
    pub(crate) fn scratched(bytes: Vec<u8>, bad: std::ops::Range<u64>) -> Self {
        let source = Source::scratched(bytes, bad);
        Self { path: source.path().to_path_buf(), source, notes: Vec::new(), directory: None }
    }

    /// The file that was found, before unpacking.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that was given instead of an image. The image has no bytes then.
    #[must_use]
    pub fn directory(&self) -> Option<&Directory> {
        self.directory.as_ref()
    }

    /// Requests to a server and bytes received so far, if parts of the image are read from one.
    #[must_use]
    pub fn traffic(&self) -> Option<(u64, u64)> {
        self.source.traffic()
    }

    /// What a user should know about the file, though it could be read.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// All bytes of the image, unpacked.
    #[must_use]
    pub fn region(&self) -> Region<'_> {
        Region::whole(&self.source)
    }
}
