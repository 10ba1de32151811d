//! The compression of a part of an initrd, recognized by its first bytes.

use std::fmt;
use std::io::{self, BufRead, Read};

use super::lz4::Lz4;
use super::lzop::Lzop;

/// Memory limit for a decoder of xz or lzma, in bytes.
const MEMORY: u64 = 256 << 20;

/// How a part of an initrd is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Uncompressed.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// zstd (RFC 8878).
    Zstd,
    /// xz.
    Xz,
    /// lzma, the older format.
    Lzma,
    /// bzip2.
    Bzip2,
    /// lz4 in its legacy frame, which Linux accepts.
    Lz4,
    /// lzop.
    Lzop,
}

/// The first bytes of each compression.
const MAGIC: [(&[u8], Compression); 9] = [
    (b"070701", Compression::None),
    (b"070702", Compression::None),
    (b"\x1f\x8b", Compression::Gzip),
    (b"\x28\xb5\x2f\xfd", Compression::Zstd),
    (b"\xfd7zXZ\0", Compression::Xz),
    (b"\x5d\0\0", Compression::Lzma),
    (b"BZh", Compression::Bzip2),
    (b"\x02\x21\x4c\x18", Compression::Lz4),
    (b"\x89LZO\0\r\n\x1a\n", Compression::Lzop),
];

impl Compression {
    /// Recognizes the compression of the next part. `None` if the magic is unknown.
    pub(super) fn next(input: &mut dyn BufRead) -> io::Result<Option<Self>> {
        let buffer = input.fill_buf()?;
        let found = MAGIC.iter().find(|(magic, _)| buffer.starts_with(magic));
        Ok(found.map(|(_, compression)| *compression))
    }

    /// Decompresses the next part, up to its own end.
    pub(super) fn decoder<'i>(self, input: &'i mut dyn BufRead) -> io::Result<Box<dyn Read + 'i>> {
        Ok(match self {
            Self::None => Box::new(input),
            Self::Gzip => Box::new(flate2::bufread::GzDecoder::new(input)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(input)?.single_frame()),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(MEMORY, 0).map_err(io::Error::other)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            Self::Lzma => {
                let stream = liblzma::stream::Stream::new_lzma_decoder(MEMORY).map_err(io::Error::other)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            Self::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(input)),
            Self::Lz4 => Box::new(Lz4::open(input)?),
            Self::Lzop => Box::new(Lzop::open(input)?),
        })
    }
}

/// One word: `none`, `gzip`, `zstd`, `xz`, `lzma`, `bzip2`, `lz4`, `lzop`.
impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Bzip2 => "bzip2",
            Self::Lz4 => "lz4",
            Self::Lzop => "lzop",
        })
    }
}
