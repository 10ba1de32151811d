//! Inodes: seven types of file, each in a basic form and an extended one.

use nom::Parser;
use nom::bytes::complete::take;

use super::metadata::Cursor;
use crate::error::{Error, Result};
use crate::fs::Device;
use crate::parse::{Parsed, field, little16, little32, little64};

/// Length in bytes of what all inodes begin with (`struct squashfs_base_inode`).
const HEADER_LENGTH: usize = 16;

/// Longest target of a symbolic link in bytes: mksquashfs takes no longer one, and Linux follows none over 4095.
const TARGET_LIMIT: u32 = 65_535;

/// The number that stands for "not in a fragment" (`SQUASHFS_INVALID_FRAG`).
const NO_FRAGMENT: u32 = u32::MAX;

/// An inode.
#[derive(Clone, Debug)]
pub(super) struct Inode<'m> {
    pub(super) header: Header,
    pub(super) body: Body,
    /// Stands behind the fixed fields: at a file's block sizes, a link's target, a directory's index.
    pub(super) tail: Cursor<'m>,
}

/// What all inodes begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Selects the body (`inode_type`).
    inode_type: u16,
    /// Permission bits.
    pub(super) mode: u16,
    /// Entry of the owner in the id table.
    pub(super) uid: u16,
    /// Entry of the group in the id table.
    pub(super) gid: u16,
    /// Seconds since 1970-01-01 UTC.
    pub(super) mtime: u32,
}

/// What belongs to a type alone, the basic and the extended form in one.
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

/// Where a directory's listing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Metadata block of the listing, counted in bytes from the start of the directory table (`start_block`).
    pub(super) block: u32,
    /// First byte of the listing in the decompressed block (`offset`).
    pub(super) offset: u16,
    /// Length of the listing in bytes, and 3 more for `.` and `..`, which are not stored (`file_size`).
    pub(super) size: u32,
    /// Number of entries in the index behind the inode (`i_count`); a basic directory has none.
    pub(super) index: u16,
}

/// Where a file's contents are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// First data block, counted in bytes from the start of the archive (`start_block`).
    pub(super) start: u64,
    /// Length of the contents in bytes (`file_size`).
    pub(super) size: u64,
    /// The fragment block that holds the end of the file, and the first byte in it (`fragment`, `offset`).
    pub(super) fragment: Option<(u32, u32)>,
}

impl<'m> Inode<'m> {
    /// Reads the inode at which `cursor` stands.
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

    /// Reads the target of a symbolic link of that `length`.
    pub(super) fn target(mut self, length: u32) -> Result<Vec<u8>> {
        if length > TARGET_LIMIT {
            return Err(Error::Limit { what: "target of a symbolic link", place: self.tail.place() });
        }
        let mut target = Vec::new();
        self.tail.append("symbolic link target", length as usize, &mut target)?;
        Ok(target)
    }

    /// The error for an inode that is not of the type that was asked for: a directory entry said otherwise.
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
        field("inode_number", little32), // the reference is the better name
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
    Ok((rest, Body::File(File { start: u64::from(start), size: u64::from(size), fragment })))
}

fn extended_file(input: &[u8]) -> Parsed<'_, Body> {
    let (rest, (start, size, _, _, fragment, _)) = (
        field("start_block", little64),
        field("file_size", little64),
        field("sparse", little64), // bytes in holes
        field("nlink", little32),
        fragment,
        field("xattr", little32),
    )
        .parse(input)?;
    Ok((rest, Body::File(File { start, size, fragment })))
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

/// The number as Linux packs it: 12 bits of major between the lower 8 and the upper 12 of minor.
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
