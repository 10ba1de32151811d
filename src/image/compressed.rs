//! Compressed images, unpacked so that they can be mapped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::{Progress, Region, RegionReader, Source};
use crate::error::{Error, Result};

/// Bytes between two progress reports.
const CHUNK: usize = 1 << 20;

/// Limit for the unpacked size of an image, in bytes.
const LARGEST: u64 = 64 << 30;

/// The endings of names of compressed images.
pub const PACKED: [&str; 5] = [".zst", ".xz", ".gz", ".bz2", ".lz4"];

/// The first bytes of a cpio archive, as in an initrd.
const CPIO: [u8; 6] = *b"070701";

/// Whether this is an initrd: a cpio archive, which may be compressed.
///
/// # Errors
/// If the image cannot be read.
pub fn is_initrd(image: &Region<'_>) -> Result<bool> {
    let mut magic = [0; 6];
    let filled = image.read_at(0, &mut magic)?;
    let reader = || BufReader::with_capacity(CHUNK, image.clone().reader());
    let begins = |decoder: &mut dyn Read| {
        let mut start = [0; 6];
        decoder.read_exact(&mut start).is_ok_and(|()| start == CPIO)
    };
    Ok(match magic.get(..filled) {
        Some(start) if start == CPIO => true,
        Some([0x28, 0xb5, 0x2f, 0xfd, ..]) => {
            zstd::Decoder::with_buffer(reader()).is_ok_and(|mut decoder| begins(&mut decoder))
        }
        Some([0x1f, 0x8b, ..]) => begins(&mut flate2::bufread::GzDecoder::new(reader())),
        Some([0xfd, b'7', b'z', b'X', b'Z', 0]) => begins(&mut liblzma::bufread::XzDecoder::new(reader())),
        _ => false,
    })
}

/// Unpacks a compressed image, recognized by its magic number, to an unnamed temporary file. Returns other images unchanged, and
/// also initrds, because their parts may be compressed in several ways.
pub(super) fn unpack(source: Source, progress: Progress<'_>) -> Result<Source> {
    let whole = Region::whole(&source);
    if is_initrd(&whole)? {
        return Ok(source);
    }
    let mut magic = [0; 6];
    let filled = whole.read_at(0, &mut magic)?;
    let path = source.path();
    let packed =
        Packed { of: whole.length(), read: 0, progress, reader: BufReader::with_capacity(CHUNK, whole.reader()) };
    let unpacked = match magic.get(..filled) {
        Some([0x28, 0xb5, 0x2f, 0xfd, ..]) => {
            let decoder = zstd::Decoder::with_buffer(packed);
            copy(path, &mut decoder.map_err(|source| Error::Io { path: path.to_path_buf(), source })?)
        }
        Some([b'B', b'Z', b'h', ..]) => copy(path, &mut bzip2::bufread::MultiBzDecoder::new(packed)),
        Some([0x1f, 0x8b, ..]) => Err(no_image(path, "a gzip file; gunzip it first")),
        Some([0xfd, b'7', b'z', b'X', b'Z', 0]) => Err(no_image(path, "an xz file; unxz it first")),
        _ => return Ok(source),
    };
    Source::from_file(path, unpacked?)
}

fn no_image(path: &Path, reason: &str) -> Error {
    Error::NoImage { path: path.to_path_buf(), reason: reason.to_owned() }
}

fn copy(path: &Path, decoder: &mut dyn Read) -> Result<File> {
    let directory = std::env::temp_dir();
    let output = |source| Error::Io { path: directory.clone(), source };
    let mut file = tempfile::tempfile_in(&directory).map_err(output)?;
    let mut buffer = vec![0; CHUNK];
    let mut length = 0u64;
    loop {
        let filled = decoder.read(&mut buffer).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                no_image(path, "the compressed image ends early; copy or download it again")
            }
            _ => Error::from_read(source, path),
        })?;
        length += u64::try_from(filled).unwrap_or(u64::MAX);
        if length > LARGEST {
            return Err(no_image(path, "it would unpack to more than 64 GiB; unpack it yourself if it is right"));
        }
        match buffer.get(..filled) {
            None | Some([]) => {
                file.set_len(length).map_err(output)?;
                return Ok(file);
            }
            // Zeros take no space on the disk.
            Some(bytes) if bytes.iter().all(|&byte| byte == 0) => {
                file.seek(SeekFrom::Start(length)).map_err(output)?;
            }
            Some(bytes) => file.write_all(bytes).map_err(output)?,
        }
    }
}

/// Counts the bytes that a decoder reads from the compressed image. Only the compressed image has a known length.
struct Packed<'s, 'p> {
    reader: BufReader<RegionReader<'s>>,
    read: u64,
    of: u64,
    progress: Progress<'p>,
}

impl BufRead for Packed<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.reader.consume(amount);
        self.read = self.read.saturating_add(u64::try_from(amount).unwrap_or(0));
        (self.progress)(self.read, self.of);
    }
}

impl Read for Packed<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let filled = self.fill_buf()?.read(buffer)?;
        self.consume(filled);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(bytes: Vec<u8>) -> (Vec<u8>, (u64, u64)) {
        let last = std::sync::Mutex::new((0, 0));
        let source = unpack(Source::memory(bytes), &|done, of| *last.lock().unwrap() = (done, of)).unwrap();
        let mut all = Vec::new();
        Region::whole(&source).reader().read_to_end(&mut all).unwrap();
        (all, last.into_inner().unwrap())
    }

    #[test]
    fn a_zstd_image_is_unpacked_with_progress() {
        let packed = zstd::encode_all(&b"CD001"[..], 3).unwrap();
        let length = u64::try_from(packed.len()).unwrap();
        assert_eq!(unpacked(packed), (b"CD001".to_vec(), (length, length)));
    }

    #[test]
    fn a_bzip2_image_of_several_streams_is_unpacked_whole() {
        let mut packed = Vec::new();
        for part in [b"CD", b"00"] {
            bzip2::bufread::BzEncoder::new(&part[..], bzip2::Compression::best()).read_to_end(&mut packed).unwrap();
        }
        assert_eq!(unpacked(packed).0, b"CD00");
    }

    #[test]
    fn any_other_image_is_given_back() {
        assert_eq!(unpacked(b"plain".to_vec()), (b"plain".to_vec(), (0, 0)));
    }

    #[test]
    fn a_truncated_compressed_image_is_an_error() {
        let mut packed = zstd::encode_all(&[7; 1000][..], 3).unwrap();
        packed.truncate(packed.len() - 2);
        assert!(unpack(Source::memory(packed), &|_, _| ()).is_err());
    }
}
