//! Errors: what can go wrong while an image is read, and where.

mod budget;
mod troubles;

pub use budget::{Budget, Work};
pub use troubles::Troubles;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// A result whose error is [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why something could not be read. There is one variant per kind of trouble, for all structures.
///
/// An `Error` means that we could not read. What we read and found wrong is a finding, never an `Error`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system reported an error.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or device.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The given path does not lead to an image.
    #[error("{}: {reason}", path.display())]
    NoImage {
        /// The path as the user gave it.
        path: PathBuf,
        /// What it is instead, and what to do about it.
        reason: String,
    },
    /// The image has no readable store.
    #[error("{}: {reason}", path.display())]
    NoStore {
        /// The image.
        path: PathBuf,
        /// Whether there is no store, or it cannot be read.
        reason: &'static str,
    },
    /// The image has no system that boots.
    #[error("{}: {}", path.display(), no_system(missing.as_deref()))]
    NoSystem {
        /// The image.
        path: PathBuf,
        /// The system that the menu names, if it is not in the store.
        missing: Option<String>,
    },
    /// A field has a value that the standard does not allow.
    #[error("{structure} at {place}: invalid {field}")]
    Malformed {
        /// The structure's name in the standard.
        structure: &'static str,
        /// The field of the structure, or what is wrong with it.
        field: &'static str,
        /// Where the field is.
        place: Place,
    },
    /// The image ends before the structure does.
    #[error("{structure} at {place}: truncated, needs {wanted} bytes, {available} are there")]
    Truncated {
        /// The structure's name in the standard.
        structure: &'static str,
        /// Where the structure begins.
        place: Place,
        /// How many bytes the structure needs.
        wanted: u64,
        /// How many of them the image has.
        available: u64,
    },
    /// The image is valid, but this version cannot read it.
    #[error("{what} at {place}: not supported")]
    Unsupported {
        /// What is not supported.
        what: Cow<'static, str>,
        /// Where it is.
        place: Place,
    },
    /// Reading on would take more than any real image needs.
    #[error("{what} at {place}: over the limit")]
    Limit {
        /// Which limit was reached.
        what: &'static str,
        /// Where it was reached.
        place: Place,
    },
    /// The image has no file at that path.
    #[error("{}: no such file in the image", path.escape_ascii())]
    NotFound {
        /// The path, in the namespace of the image.
        path: Vec<u8>,
    },
    /// A path leads through a loop of symbolic links.
    #[error("{}: symbolic link loop", path.escape_ascii())]
    LinkLoop {
        /// The path, in the namespace of the image.
        path: Vec<u8>,
    },
    /// The file is of another type than wanted.
    #[error("{}: not a {wanted}", path.escape_ascii())]
    WrongType {
        /// The path, in the namespace of the image.
        path: Vec<u8>,
        /// The type that is wanted.
        wanted: &'static str,
    },
}

fn no_system(missing: Option<&str>) -> String {
    match missing {
        Some(system) => format!("the default system {system} is not in the store"),
        None => "the image has no system".to_owned(),
    }
}

/// Where something is, in coordinates that a reader of a message can look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A byte of the image file: `0x8800`, as `xxd -s` accepts it.
    Byte(u64),
    /// A byte of a decompressed metadata block: `0x3c40+0x1f`.
    Metadata {
        /// The byte of the image at which the metadata block begins.
        block: u64,
        /// The byte inside the decompressed block.
        offset: u64,
    },
    /// A file of the image, by its path in the namespace.
    File(Vec<u8>),
    /// A line of a text file inside the image: `nix-path-registration:17`.
    Line {
        /// The file, in the namespace of the image.
        file: String,
        /// The line, counted from 1.
        line: u64,
    },
}

impl Place {
    /// The place `distance` bytes further on. A file and a line stay where they are.
    #[must_use]
    pub fn advance(&self, distance: u64) -> Self {
        match self {
            Self::Byte(byte) => Self::Byte(byte.saturating_add(distance)),
            Self::Metadata { block, offset } => {
                Self::Metadata { block: *block, offset: offset.saturating_add(distance) }
            }
            Self::File(_) | Self::Line { .. } => self.clone(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(byte) => write!(formatter, "{byte:#x}"),
            Self::Metadata { block, offset } => write!(formatter, "{block:#x}+{offset:#x}"),
            Self::File(path) => write!(formatter, "{}", path.escape_ascii()),
            Self::Line { file, line } => write!(formatter, "{}:{line}", file.escape_debug()),
        }
    }
}

/// A reader can only return an [`io::Error`], so the real error travels inside it.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            Error::NotFound { .. } => io::ErrorKind::NotFound,
            Error::Unsupported { .. } => io::ErrorKind::Unsupported,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

impl Error {
    /// Takes the error back out of a reader's [`io::Error`]. A plain one belongs to the file at `path`.
    #[must_use]
    pub fn from_read(error: io::Error, path: &std::path::Path) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(source) => Self::Io { path: path.to_path_buf(), source },
        }
    }
}
