//! File systems: the trait [`Tree`], and functions for all of them.

pub mod cpio;
pub mod digest;
pub mod ext4;
pub mod fat;
pub mod host;
pub mod iso9660;
mod listing;
mod lookups;
pub mod namespace;
pub mod partitions;
pub mod path;
pub mod squashfs;
pub mod tar;
pub mod walk;

use std::io::Read;

pub use listing::{Listing, Listings};

use crate::error::{Place, Result, Work};

/// The address of a node's record: the offset of a directory record, or an inode reference.
///
/// Addresses are below 2⁶⁰, so that a [`Namespace`](namespace::Namespace) of several trees can mark them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// A read-only file system tree. Implemented by each file system, by a directory of this machine, and by a namespace of several.
pub trait Tree: Send + Sync {
    /// The root directory.
    fn root(&self) -> NodeId;

    /// The node's type, permissions, owner and time.
    ///
    /// # Errors
    /// If the record of the node cannot be read.
    fn node(&self, id: NodeId) -> Result<Node>;

    /// The entries of a directory, sorted by the bytes of their names, as in a NAR.
    /// `.` and `..` are not included.
    ///
    /// # Errors
    /// If part of the directory cannot be read.
    fn entries(&self, directory: NodeId) -> Result<Vec<Entry>>;

    /// The entry with this name, found without listing the directory if the format allows that.
    ///
    /// # Errors
    /// If the part of the directory that would hold the name cannot be read.
    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>>;

    /// Where the entries of a directory are stored, in coordinates of this tree.
    ///
    /// # Errors
    /// If the record of the directory cannot be read.
    fn listing(&self, directory: NodeId) -> Result<Listing> {
        Ok(Listing { start: directory.0, end: directory.0.saturating_add(1) })
    }

    /// Adds work to the budget of the image that holds the tree.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) if the budget is spent.
    fn charge(&self, _work: (Work, u64), _place: &dyn Fn() -> Place) -> Result<()> {
        Ok(())
    }

    /// The capabilities that a program gets from its file, as stored (`security.capability`, see capabilities(7)). Only squashfs
    /// has them.
    ///
    /// # Errors
    /// If they cannot be read.
    fn capabilities(&self, _file: NodeId) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    /// Reads the contents of a regular file. A failing read contains an [`Error`](crate::Error).
    ///
    /// # Errors
    /// If the node is not a regular file, or its record cannot be read.
    fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>>;
}

/// A node without its name and contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The type, with the data specific to it.
    pub kind: Kind,
    /// The twelve permission bits (POSIX `S_ISUID` to `S_IXOTH`).
    pub mode: u16,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Time of last modification, in seconds since 1970-01-01 UTC.
    pub mtime: i64,
}

/// The type of a node, with the data specific to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File {
        /// Length of the contents in bytes.
        size: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// The target's bytes, as stored.
        target: Vec<u8>,
    },
    /// A character device.
    CharDevice(Device),
    /// A block device.
    BlockDevice(Device),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// The numbers of a device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Selects the driver.
    pub major: u32,
    /// Selects the driver's device.
    pub minor: u32,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name's bytes: not empty, without `/` and NUL.
    pub name: Vec<u8>,
    /// The node with this name.
    pub id: NodeId,
    /// The type of that node. Every format records it in the directory itself.
    pub file_type: FileType,
}

/// The seven types of a POSIX file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// The type alone.
    #[must_use]
    pub fn file_type(&self) -> FileType {
        match self {
            Self::File { .. } => FileType::File,
            Self::Directory => FileType::Directory,
            Self::Symlink { .. } => FileType::Symlink,
            Self::CharDevice(_) => FileType::CharDevice,
            Self::BlockDevice(_) => FileType::BlockDevice,
            Self::Fifo => FileType::Fifo,
            Self::Socket => FileType::Socket,
        }
    }
}
