//! The header of a member in the portable format of SVR4 (cpio(5), "New ASCII Format").

use crate::error::Work;

/// Length of a header in bytes.
pub(super) const HEADER: usize = 110;

/// The name that marks the end of an archive.
pub(super) const TRAILER: &[u8] = b"TRAILER!!!";

/// The longest name. It is the longest path in Linux.
const LONGEST_NAME: u32 = 4096;

/// The type in a mode (inode(7)).
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// From the root, with a leading `/`, without `.` and `..`.
    pub path: Vec<u8>,
    /// Type and permission bits, as in `stat`.
    pub mode: u32,
    /// Length of a file's contents or a link's target, in bytes.
    pub size: u64,
}

impl Member {
    /// The work of unpacking it.
    #[must_use]
    pub fn work(&self) -> (Work, u64) {
        let path = u64::try_from(self.path.len()).unwrap_or(u64::MAX);
        (Work::Initrds, self.size.saturating_add(path))
    }

    /// Whether it is a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.mode & TYPE == REGULAR
    }

    /// Whether it is a symbolic link. Its contents are the target.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.mode & TYPE == SYMLINK
    }

    pub(super) fn padding(&self) -> u64 {
        padding(self.size)
    }
}

/// Number of bytes up to the next multiple of four.
pub(super) fn padding(length: u64) -> u64 {
    (4 - length % 4) % 4
}

/// Reads a header. Returns the member without its path, and the length of its name including the NUL.
pub(super) fn header(bytes: &[u8; HEADER]) -> Option<(Member, usize)> {
    let magic = bytes.get(..6)?;
    if !matches!(magic, b"070701" | b"070702") {
        return None;
    }
    // Thirteen numbers with eight hexadecimal digits: ino, mode, uid, gid, nlink, filesize at 54, … namesize at 94, check.
    let number = |at: usize| u32::from_str_radix(std::str::from_utf8(bytes.get(at..at + 8)?).ok()?, 16).ok();
    let (mode, size, name) = (number(14)?, number(54)?, number(94)?);
    if name == 0 || name > LONGEST_NAME {
        return None;
    }
    Some((Member { path: Vec::new(), mode, size: u64::from(size) }, usize::try_from(name).ok()?))
}

/// Converts a name to a path from the root: `./etc/x` and `etc/x` become `/etc/x`.
pub(super) fn clean(name: &[u8]) -> Vec<u8> {
    let parts = name.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"." | b".."));
    let path = parts.fold(Vec::new(), |mut path, part| {
        path.push(b'/');
        path.extend_from_slice(part);
        path
    });
    if path.is_empty() { b"/".to_vec() } else { path }
}
