//! Inodes: seven types of file, each in a basic and an extended form.

use nom::Parser;
use nom::bytes::complete::take;

use super::metadata::Cursor;
use crate::error::{Error, Result};
use crate::fs::Device;
use crate::parse::{Parsed, field, little16, little32, little64};

/// Length in bytes of the common header of all inodes (`struct squashfs_base_inode`).
const HEADER_LENGTH: usize = 16;

/// Longest target of a symbolic link in bytes. This is the limit of mksquashfs. Linux follows no target over 4095.
const TARGET_LIMIT: u32 = 65_535;

/// The number that means "not in a fragment" (`SQUASHFS_INVALID_FRAG`).
const NO_FRAGMENT: u32 = u32::MAX;

/// The number that means "without extended attributes" (`SQUASHFS_INVALID_XATTR`).
const NO_ATTRIBUTES: u32 = u32::MAX;

/// An inode.
#[derive(Clone, Debug)]
pub(super) struct Inode<'m> {
    pub(super) header: Header,
    pub(super) body: Body,
    /// The position after the fixed fields: a file's block sizes, a link's target, a directory's index.
    pub(super) tail: Cursor<'m>,
}

/// The common header of all inodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Selects the body (`inode_type`).
    inode_type: u16,
    /// Permission bits.
    pub(super) mode: u16,
    /// Index of the owner in the id table.
    pub(super) uid: u16,
    /// Index of the group in the id table.
    pub(super) gid: u16,
    /// Seconds since 1970-01-01 UTC.
    pub(super) mtime: u32,
}

/// The data of each type. The basic and the extended form share a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Directory(Directory),
    File(File),
    /// Length of the target in bytes (`symlink_size`).
    Symlink(u32),
    BlockDevice(Device),
    CharDevice(Device),
    Fifo,
    Socket,
}

/// Reads the body of one type.
type BodyParser = fn(&[u8]) -> Parsed<'_, Body>;

/// The location of a directory's listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Metadata block of the listing, counted in bytes from the start of the directory table (`start_block`).
    pub(super) block: u32,
    /// First byte of the listing in the decompressed block (`offset`).
    pub(super) offset: u16,
    /// Length of the listing in bytes, plus 3 for `.` and `..`, which are not stored (`file_size`).
    pub(super) size: u32,
    /// Number of entries in the index after the inode (`i_count`). A basic directory has no index.
    pub(super) index: u16,
}

/// The location of a file's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// First data block, counted in bytes from the start of the archive (`start_block`).
    pub(super) start: u64,
    /// Length of the contents in bytes (`file_size`).
    pub(super) size: u64,
    /// The fragment block with the end of the file, and the offset in it (`fragment`, `offset`).
    pub(super) fragment: Option<(u32, u32)>,
    /// The number of its extended attributes (`xattr`).
    pub(super) attributes: Option<u32>,
}

impl<'m> Inode<'m> {
    /// Reads the inode at `cursor`.
    pub(super) fn read(mut cursor: Cursor<'m>) -> Result<Self> {
        let place = cursor.place();
        let header = cursor.record("inode", HEADER_LENGTH, header)?;
        let (name, length, body): (_, _, BodyParser) = match header.inode_type {
            1 => ("basic directory inode", 16, basic_directory),
            2 => ("basic file inode", 16, basic_file),
            3 => ("basic symbolic link inode", 8, symlink),
            4 => ("basic block device inode", 8, block_device),
            5 => ("basic character device inode", 8, char_device),
            6 => ("basic fifo inode", 4, fifo),
            7 => ("basic socket inode", 4, socket),
            8 => ("extended directory inode", 24, extended_directory),
            9 => ("extended file inode", 40, extended_file),
            10 => ("extended symbolic link inode", 8, symlink), // the extended attributes follow the target
            11 => ("extended block device inode", 12, block_device),
            12 => ("extended character device inode", 12, char_device),
            13 => ("extended fifo inode", 8, fifo),
            14 => ("extended socket inode", 8, socket),
            _ => return Err(Error::Malformed { structure: "inode", field: "inode_type", place }),
        };
        let body = cursor.record(name, length, body)?;
        Ok(Self { header, body, tail: cursor })
    }

    /// Reads the target of a symbolic link. `length` is its length in bytes.
    pub(super) fn target(mut self, length: u32) -> Result<Vec<u8>> {
        if length > TARGET_LIMIT {
            return Err(Error::Limit { what: "target of a symbolic link", place: self.tail.place() });
        }
        let mut target = Vec::new();
        self.tail.append("symbolic link target", length as usize, &mut target)?;
        Ok(target)
    }

    /// The error for an inode whose type differs from the one in its directory entry.
    pub(super) fn mistyped(&self, field: &'static str) -> Error {
        Error::Malformed { structure: "inode", field, place: self.tail.place() }
    }
}

fn header(input: &[u8]) -> Parsed<'_, Header> {
    let (rest, (inode_type, mode, uid, gid, mtime, _)) = (
        field("inode_type", little16),
        field("mode", little16),
        field("uid", little16),
        field("guid", little16),
        field("mtime", little32),
        field("inode_number", little32), // the reference identifies it better
    )
        .parse(input)?;
    Ok((rest, Header { inode_type, mode: mode & 0o7777, uid, gid, mtime }))
}

fn basic_directory(input: &[u8]) -> Parsed<'_, Body> {
    let (rest, (block, _, size, offset, _)) = (
        field("start_block", little32),
        field("nlink", little32),
        field("file_size", little16),
        field("offset", little16),
        field("parent_inode", little32),
    )
        .parse(input)?;
    Ok((rest, Body::Directory(Directory { block, offset, size: u32::from(size), index: 0 })))
}

fn extended_directory(input: &[u8]) -> Parsed<'_, Body> {
    let (rest, (_, size, block, _, index, offset, _)) = (
        field("nlink", little32),
        field("file_size", little32),
        field("start_block", little32),
        field("parent_inode", little32),
        field("i_count", little16),
        field("offset", little16),
        field("xattr", little32),
    )
        .parse(input)?;
    Ok((rest, Body::Directory(Directory { block, offset, size, index })))
}

fn basic_file(input: &[u8]) -> Parsed<'_, Body> {
    let (rest, (start, fragment, size)) =
        (field("start_block", little32), fragment, field("file_size", little32)).parse(input)?;
    Ok((rest, Body::File(File { start: u64::from(start), size: u64::from(size), fragment, attributes: None })))
}

fn extended_file(input: &[u8]) -> Parsed<'_, Body> {
    let (rest, (start, size, _, _, fragment, attributes)) = (
        field("start_block", little64),
        field("file_size", little64),
        field("sparse", little64), // bytes in holes
        field("nlink", little32),
        fragment,
        field("xattr", little32.map(|number| (number != NO_ATTRIBUTES).then_some(number))),
    )
        .parse(input)?;
    Ok((rest, Body::File(File { start, size, fragment, attributes })))
}

fn fragment(input: &[u8]) -> Parsed<'_, Option<(u32, u32)>> {
    let (rest, (number, offset)) = (field("fragment", little32), field("offset", little32)).parse(input)?;
    Ok((rest, (number != NO_FRAGMENT).then_some((number, offset))))
}

fn symlink(input: &[u8]) -> Parsed<'_, Body> {
    let (rest, (_, length)) = (field("nlink", little32), field("symlink_size", little32)).parse(input)?;
    Ok((rest, Body::Symlink(length)))
}

fn block_device(input: &[u8]) -> Parsed<'_, Body> {
    device.map(Body::BlockDevice).parse(input)
}

fn char_device(input: &[u8]) -> Parsed<'_, Body> {
    device.map(Body::CharDevice).parse(input)
}

/// The device number as Linux packs it: 12 bits of the major number between the lower 8 and the upper 12 of the minor number.
fn device(input: &[u8]) -> Parsed<'_, Device> {
    let (rest, (_, number)) = (field("nlink", little32), field("rdev", little32)).parse(input)?;
    let (major, minor) = (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xf_ff00);
    Ok((rest, Device { major, minor }))
}

fn fifo(input: &[u8]) -> Parsed<'_, Body> {
    field("nlink", take(4usize)).map(|_| Body::Fifo).parse(input)
}

fn socket(input: &[u8]) -> Parsed<'_, Body> {
    field("nlink", take(4usize)).map(|_| Body::Socket).parse(input)
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::{blocks, metadata};
    use super::*;

    /// A number and its length in bytes.
    type Number = (u64, usize);

    fn inode(inode_type: u16, fields: &[Number]) -> Vec<u8> {
        let header = [(u64::from(inode_type), 2), (0o4755, 2), (1, 2), (2, 2), (1_000_000_000, 4), (7, 4)];
        header.iter().chain(fields).flat_map(|&(number, length)| number.to_le_bytes()[..length].to_vec()).collect()
    }

    fn read(bytes: &[u8]) -> Result<(Header, Body, String)> {
        let source = blocks(&[bytes]);
        let metadata = metadata(&source);
        let inode = Inode::read(metadata.cursor(0, 1, 0)?)?;
        Ok((inode.header, inode.body, inode.tail.place().to_string()))
    }

    #[test]
    fn each_of_the_fourteen_types_has_its_fields() {
        let device = Device { major: 259, minor: 70_000 };
        let packed = (0x1111_0370, 4);
        let basic = Directory { block: 9, offset: 5, size: 100, index: 0 };
        let extended = Directory { block: 9, offset: 5, size: 70_000, index: 3 };
        let small = File { start: 96, size: 10, fragment: Some((3, 20)), attributes: None };
        let large = File { start: 1 << 33, size: 1 << 34, fragment: None, attributes: Some(6) };
        let none = (u64::from(NO_FRAGMENT), 4);
        let cases: [(u16, &[Number], Body, &str); 14] = [
            (1, &[(9, 4), (2, 4), (100, 2), (5, 2), (1, 4)], Body::Directory(basic), "0x0+0x20"),
            (2, &[(96, 4), (3, 4), (20, 4), (10, 4)], Body::File(small), "0x0+0x20"),
            (3, &[(1, 4), (8, 4)], Body::Symlink(8), "0x0+0x18"),
            (4, &[(1, 4), packed], Body::BlockDevice(device), "0x0+0x18"),
            (5, &[(1, 4), packed], Body::CharDevice(device), "0x0+0x18"),
            (6, &[(1, 4)], Body::Fifo, "0x0+0x14"),
            (7, &[(1, 4)], Body::Socket, "0x0+0x14"),
            (8, &[(2, 4), (70_000, 4), (9, 4), (1, 4), (3, 2), (5, 2), none], Body::Directory(extended), "0x0+0x28"),
            (9, &[(1 << 33, 8), (1 << 34, 8), (0, 8), (1, 4), none, (0, 4), (6, 4)], Body::File(large), "0x0+0x38"),
            (10, &[(1, 4), (8, 4)], Body::Symlink(8), "0x0+0x18"),
            (11, &[(1, 4), packed, none], Body::BlockDevice(device), "0x0+0x1c"),
            (12, &[(1, 4), packed, none], Body::CharDevice(device), "0x0+0x1c"),
            (13, &[(1, 4), none], Body::Fifo, "0x0+0x18"),
            (14, &[(1, 4), none], Body::Socket, "0x0+0x18"),
        ];
        for (inode_type, fields, body, tail) in cases {
            let header = Header { inode_type, mode: 0o4755, uid: 1, gid: 2, mtime: 1_000_000_000 };
            let expected = (header, body, tail.to_owned());
            let mut bytes = inode(inode_type, fields);
            assert_eq!(read(&bytes).unwrap(), expected, "type {inode_type}");
            bytes.pop();
            assert!(read(&bytes).is_err(), "type {inode_type}, cut short");
        }
    }

    #[test]
    fn other_types_are_refused() {
        for inode_type in [0, 15, u16::MAX] {
            let error = read(&inode(inode_type, &[(0, 8); 5])).unwrap_err();
            assert_eq!(error.to_string(), "inode at 0x0+0x0: invalid inode_type");
        }
    }

    #[test]
    fn a_target_is_read_to_its_length_and_no_further_than_the_limit() {
        let mut bytes = inode(3, &[(1, 4), (5, 4)]);
        bytes.extend(b"small.txt");
        let source = blocks(&[&bytes]);
        let metadata = metadata(&source);
        let read = || Inode::read(metadata.cursor(0, 1, 0).unwrap()).unwrap();
        assert_eq!(read().target(5).unwrap(), b"small");
        assert_eq!(
            read().target(10).unwrap_err().to_string(),
            "symbolic link target at 0x0+0x18: invalid length, past the end of its table"
        );
        assert_eq!(
            read().target(65_536).unwrap_err().to_string(),
            "target of a symbolic link at 0x0+0x18: over the limit"
        );
    }
}
