//! What only Unix has, and what stands for it elsewhere. Other rooms do not ask for the system.

#[cfg(unix)]
pub use std::os::unix::{
    ffi::OsStrExt,
    fs::{FileExt, FileTypeExt},
};

#[cfg(unix)]
pub(super) use memmap2::Advice;

#[cfg(unix)]
pub(super) use unix::file_of;
#[cfg(unix)]
pub use unix::{device, is_same, kind, mode_of_new, status};
#[cfg(windows)]
pub(super) use windows::{Advice, Advise, file_of};
#[cfg(windows)]
pub use windows::{FileExt, FileTypeExt, OsStrExt, device, is_same, kind, mode_of_new, status};

/// The type of a file of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
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
    /// A socket, or what has no name here.
    Socket,
}

/// Whose a file of this machine is, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The twelve permission bits.
    pub mode: u16,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// Time of last modification, in seconds since 1970-01-01 UTC.
    pub mtime: i64,
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, File, Metadata, Permissions};
    use std::io;
    use std::os::fd::AsFd;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    use std::path::Path;

    use super::{HostKind, Status};

    /// Whether both paths lead to the same file, also by different names or hard links.
    #[must_use]
    pub fn is_same(one: &Path, other: &Path) -> bool {
        let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
        matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
    }

    /// The mode to make a file with that will replace an old one. The umask takes from it.
    #[must_use]
    pub fn mode_of_new(old: Option<&Metadata>) -> Option<Permissions> {
        Some(Permissions::from_mode(old.map_or(0o666, MetadataExt::mode) & 0o777))
    }

    /// The type of a file.
    #[must_use]
    pub fn kind(metadata: &cap_std::fs::Metadata) -> HostKind {
        match cap_std::fs::MetadataExt::mode(metadata) >> 12 & 0o17 {
            0o10 => HostKind::File,
            0o04 => HostKind::Directory,
            0o12 => HostKind::Symlink,
            0o02 => HostKind::CharDevice,
            0o06 => HostKind::BlockDevice,
            0o01 => HostKind::Fifo,
            _ => HostKind::Socket,
        }
    }

    /// Owner, permissions and time of a file.
    #[must_use]
    pub fn status(metadata: &cap_std::fs::Metadata) -> Status {
        use cap_std::fs::MetadataExt;
        let mode = u16::try_from(metadata.mode() & 0o7777).unwrap_or(0);
        Status { mode, uid: metadata.uid(), gid: metadata.gid(), mtime: metadata.mtime() }
    }

    /// The numbers of a device node, major and minor.
    #[must_use]
    pub fn device(metadata: &cap_std::fs::Metadata) -> (u32, u32) {
        let number = cap_std::fs::MetadataExt::rdev(metadata);
        let part = |bits: u64| u32::try_from(bits).unwrap_or(0);
        (part(number >> 8 & 0xfff | number >> 32 & 0xffff_f000), part(number & 0xff | number >> 12 & 0xffff_ff00))
    }

    /// The file that a stream reads.
    pub(crate) fn file_of(stream: &impl AsFd) -> io::Result<File> {
        Ok(File::from(stream.as_fd().try_clone_to_owned()?))
    }
}

#[cfg(windows)]
mod windows {
    use std::ffi::OsStr;
    use std::fs::{File, FileType, Metadata, Permissions};
    use std::io;
    use std::os::windows::fs::FileExt as _;
    use std::os::windows::io::AsHandle;
    use std::path::Path;

    use memmap2::Mmap;

    use super::{HostKind, Status};

    /// The type of a file.
    #[must_use]
    pub fn kind(metadata: &cap_std::fs::Metadata) -> HostKind {
        match metadata.file_type() {
            kind if kind.is_dir() => HostKind::Directory,
            kind if kind.is_symlink() => HostKind::Symlink,
            _ => HostKind::File,
        }
    }

    /// Files of Windows have no owner or permissions of Unix.
    #[must_use]
    pub fn status(metadata: &cap_std::fs::Metadata) -> Status {
        let since =
            metadata.modified().ok().and_then(|time| time.duration_since(cap_std::time::SystemClock::UNIX_EPOCH).ok());
        let mtime = since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0);
        Status { mode: 0o755, uid: 0, gid: 0, mtime }
    }

    /// Windows has no device nodes.
    #[must_use]
    pub fn device(_: &cap_std::fs::Metadata) -> (u32, u32) {
        (0, 0)
    }

    /// Whether both paths lead to the same file. Hard links are not noticed.
    #[must_use]
    pub fn is_same(one: &Path, other: &Path) -> bool {
        matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
    }

    /// Files of Windows have no mode.
    #[must_use]
    pub fn mode_of_new(_: Option<&Metadata>) -> Option<Permissions> {
        None
    }

    /// The file that a stream reads.
    pub(crate) fn file_of(stream: &impl AsHandle) -> io::Result<File> {
        Ok(File::from(stream.as_handle().try_clone_to_owned()?))
    }

    /// Paths of images are bytes.
    pub trait OsStrExt {
        /// The bytes of UTF-8 text as it is. Bytes that are not UTF-8 end it, as Windows has no such names.
        fn from_bytes(bytes: &[u8]) -> &Self;
        /// The bytes of the text.
        fn as_bytes(&self) -> &[u8];
    }

    impl OsStrExt for OsStr {
        fn from_bytes(bytes: &[u8]) -> &Self {
            Self::new(bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid()))
        }

        fn as_bytes(&self) -> &[u8] {
            self.as_encoded_bytes()
        }
    }

    /// Devices, pipes and sockets are no files of Windows.
    pub trait FileTypeExt {
        /// Never.
        fn is_block_device(&self) -> bool {
            false
        }
        /// Never.
        fn is_char_device(&self) -> bool {
            false
        }
        /// Never.
        fn is_fifo(&self) -> bool {
            false
        }
    }

    impl FileTypeExt for FileType {}

    /// Reading and writing at a position, by several threads at once.
    pub trait FileExt {
        /// Reads bytes at a position, and says how many.
        ///
        /// # Errors
        /// If the file cannot be read.
        fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;
        /// Fills the buffer with the bytes at a position.
        ///
        /// # Errors
        /// If the file ends before, or cannot be read.
        fn read_exact_at(&self, buffer: &mut [u8], position: u64) -> io::Result<()>;
        /// Writes all bytes at a position.
        ///
        /// # Errors
        /// If the file cannot be written.
        fn write_all_at(&self, bytes: &[u8], position: u64) -> io::Result<()>;
    }

    impl FileExt for File {
        fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
            self.seek_read(buffer, position)
        }

        fn read_exact_at(&self, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
            while !buffer.is_empty() {
                let read = self.seek_read(buffer, position)?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                buffer = buffer.get_mut(read..).unwrap_or_default();
                position = position.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            }
            Ok(())
        }

        fn write_all_at(&self, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
            while !bytes.is_empty() {
                let written = self.seek_write(bytes, position)?;
                if written == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
                bytes = bytes.get(written..).unwrap_or_default();
                position = position.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
            }
            Ok(())
        }
    }

    /// What a map could be advised. Windows takes no advice.
    pub(crate) enum Advice {
        Random,
        WillNeed,
    }

    pub(crate) trait Advise {
        fn advise(&self, _: Advice) -> io::Result<()> {
            Ok(())
        }
        fn advise_range(&self, _: Advice, _from: usize, _length: usize) -> io::Result<()> {
            Ok(())
        }
    }

    impl Advise for Mmap {}
}
