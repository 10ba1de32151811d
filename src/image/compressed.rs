//! Compressed images, unpacked so that they can be mapped.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::spool::{CHUNK, Spool};
use super::{Progress, Region, RegionReader, Source};
use crate::error::{Error, Result};

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

/// The compression of an image, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Zstd,
    Bzip2,
    Gzip,
    Xz,
    Lz4,
}

/// What the first bytes of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Stream(Format),
    /// A skippable frame (RFC 8878 §3.1.2), in which pzstd and lz4 keep what decoders ignore.
    Skippable,
}

impl Start {
    fn of(bytes: &[u8]) -> Option<Self> {
        Some(Self::Stream(match bytes {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Format::Zstd,
            [b'B', b'Z', b'h', ..] => Format::Bzip2,
            [0x1f, 0x8b, ..] => Format::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Format::Xz,
            [0x04, 0x22, 0x4d, 0x18, ..] => Format::Lz4,
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => return Some(Self::Skippable),
            _ => return None,
        }))
    }
}

/// Skippable frames at the start of an image, at most. pzstd writes one.
const SKIPPED: usize = 16;

/// Unpacks a compressed image, recognized by its magic number, to an unnamed temporary file. Returns other images unchanged, and
/// also initrds, because their parts may be compressed in several ways. `notes` receives what a user should know about the file.
pub(super) fn unpack(source: Source, progress: Progress<'_>, notes: &mut Vec<String>) -> Result<Source> {
    let whole = Region::whole(&source);
    if is_initrd(&whole)? {
        return Ok(source);
    }
    let Some(format) = format(&whole)? else { return Ok(source) };
    let path = source.path();
    let mut packed =
        Packed { of: whole.length(), read: 0, progress, reader: BufReader::with_capacity(CHUNK, whole.reader()) };
    let mut spool = Spool::new(path)?;
    loop {
        let failed = |source| Error::from_read(source, path);
        let begin = packed.peek(6).map_err(failed)?;
        match Start::of(&begin) {
            Some(Start::Stream(next)) if next == format => stream(path, format, &mut packed, &mut spool)?,
            Some(Start::Skippable) if matches!(format, Format::Zstd | Format::Lz4) => {
                packed.skip_frame().map_err(|_| no_image(path, ENDS_EARLY))?;
            }
            _ => {
                let at = packed.read;
                if packed.is_zero().map_err(failed)? {
                    break;
                }
                let garbage = format!("what follows the compressed image at byte {at} is not part of it");
                // gzip and bzip2 ignore it and say so; the others refuse such files.
                match format {
                    Format::Gzip | Format::Bzip2 => notes.push(format!("{}: {garbage}; ignored", path.display())),
                    _ => return Err(no_image(path, &format!("{garbage}; copy or download it again"))),
                }
                break;
            }
        }
    }
    Source::from_file(path, spool.finish()?)
}

const ENDS_EARLY: &str = "the compressed image ends early; copy or download it again";

/// The compression of a whole image: that of its first stream.
fn format(image: &Region<'_>) -> Result<Option<Format>> {
    let mut at = 0;
    for _ in 0..SKIPPED {
        let mut begin = [0; 8];
        let filled = image.read_at(at, &mut begin)?;
        match begin.get(..filled).and_then(Start::of) {
            Some(Start::Stream(format)) => return Ok(Some(format)),
            Some(Start::Skippable) => {
                let [.., a, b, c, d] = begin;
                at = at.saturating_add(8 + u64::from(u32::from_le_bytes([a, b, c, d])));
            }
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// Unpacks one stream, and leaves `packed` behind its last byte.
fn stream(path: &Path, format: Format, packed: &mut Packed<'_, '_>, spool: &mut Spool) -> Result<()> {
    let mut failure = None;
    let failed = |error: io::Error| {
        let told = error.to_string();
        failure = Some(error);
        no_image(path, &told)
    };
    let unpacked = match format {
        Format::Zstd => match zstd::Decoder::with_buffer(&mut *packed) {
            Ok(decoder) => spool.append(&mut decoder.single_frame(), failed),
            Err(source) => return Err(Error::Io { path: path.to_path_buf(), source }),
        },
        Format::Bzip2 => spool.append(&mut bzip2::bufread::BzDecoder::new(&mut *packed), failed),
        Format::Gzip => spool.append(&mut flate2::bufread::GzDecoder::new(&mut *packed), failed),
        Format::Xz => spool.append(&mut liblzma::bufread::XzDecoder::new(&mut *packed), failed),
        Format::Lz4 => spool.append(&mut lz4_flex::frame::FrameDecoder::new(Unended(&mut *packed)), failed),
    };
    let Some(error) = failure else { return unpacked };
    // The decoders have different errors for an early end.
    if packed.fill_buf().is_ok_and(<[u8]>::is_empty) {
        return Err(no_image(path, ENDS_EARLY));
    }
    let at = packed.read;
    match Error::from_read(error, path) {
        Error::Io { source, .. } => {
            Err(no_image(path, &format!("the compressed image is damaged near byte {at}: {source}")))
        }
        error => Err(error),
    }
}

fn no_image(path: &Path, reason: &str) -> Error {
    Error::NoImage { path: path.to_path_buf(), reason: reason.to_owned() }
}

/// A reader for which the end of the file is an error. The decoder of LZ4 takes it for the end of a frame.
struct Unended<R>(R);

impl<R: Read> Read for Unended<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::Error::other("no end mark")),
            filled => Ok(filled),
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

impl Packed<'_, '_> {
    /// The next bytes, at most `count`, which stay unread.
    fn peek(&mut self, count: usize) -> io::Result<Vec<u8>> {
        // The buffer may end between two streams.
        let here = u64::try_from(count).unwrap_or(u64::MAX);
        let buffered = self.reader.buffer().len();
        if buffered >= count {
            return Ok(self.reader.buffer().get(..count).unwrap_or_default().to_vec());
        }
        let region = self.reader.get_ref().rest(self.read);
        let mut bytes = Vec::new();
        region.reader().take(here).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Skips a skippable frame: magic number, length, contents.
    fn skip_frame(&mut self) -> io::Result<()> {
        let mut header = [0; 8];
        self.read_exact(&mut header)?;
        let [.., a, b, c, d] = header;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        match io::copy(&mut self.take(length), &mut io::sink())? {
            skipped if skipped == length => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Whether nothing but zeros follows, as on tapes and sticks. Reads them.
    fn is_zero(&mut self) -> io::Result<bool> {
        loop {
            let bytes = self.fill_buf()?;
            if bytes.iter().any(|&byte| byte != 0) {
                return Ok(false);
            }
            match bytes.len() {
                0 => return Ok(true),
                zeros => self.consume(zeros),
            }
        }
    }
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
        let told = |done, of| *last.lock().unwrap() = (done, of);
        let source = unpack(Source::memory(bytes), &told, &mut Vec::new()).unwrap();
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

    /// The same five bytes, packed in each format.
    fn all() -> Vec<(Format, Vec<u8>)> {
        use std::io::Write;
        let plain = &b"CD001"[..];
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(plain).unwrap();
        let read = |mut encoder: Box<dyn Read>| {
            let mut packed = Vec::new();
            encoder.read_to_end(&mut packed).unwrap();
            packed
        };
        vec![
            (Format::Zstd, zstd::encode_all(plain, 3).unwrap()),
            (Format::Bzip2, read(Box::new(bzip2::bufread::BzEncoder::new(plain, bzip2::Compression::best())))),
            (Format::Gzip, read(Box::new(flate2::bufread::GzEncoder::new(plain, flate2::Compression::best())))),
            (Format::Xz, read(Box::new(liblzma::bufread::XzEncoder::new(plain, 1)))),
            (Format::Lz4, lz4.finish().unwrap()),
        ]
    }

    fn failure(bytes: Vec<u8>) -> String {
        unpack(Source::memory(bytes), &|_, _| (), &mut Vec::new()).unwrap_err().to_string()
    }

    #[test]
    fn every_format_may_have_several_streams_and_zeros_behind_the_last() {
        for (format, packed) in all() {
            let expected = (b"CD001CD001".to_vec(), u64::try_from(2 * packed.len() + 512).unwrap());
            let (all, (read, _)) = unpacked([packed.clone(), packed, vec![0; 512]].concat());
            assert_eq!((all, read), expected, "{format:?}");
        }
    }

    #[test]
    fn garbage_behind_an_image_is_ignored_with_a_note_where_the_real_tools_ignore_it() {
        for (format, packed) in all() {
            let (at, bytes) = (packed.len(), [packed, b"hello".to_vec()].concat());
            let expected = format!("memory: what follows the compressed image at byte {at} is not part of it");
            if matches!(format, Format::Gzip | Format::Bzip2) {
                let mut notes = Vec::new();
                let source = unpack(Source::memory(bytes), &|_, _| (), &mut notes).unwrap();
                assert_eq!((source.length(), notes), (5, vec![format!("{expected}; ignored")]), "{format:?}");
            } else {
                assert_eq!(failure(bytes), format!("{expected}; copy or download it again"), "{format:?}");
            }
        }
    }

    #[test]
    fn skippable_frames_before_between_and_behind_frames_are_skipped() {
        let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"size"].concat();
        for (format, packed) in all().into_iter().filter(|(format, _)| matches!(format, Format::Zstd | Format::Lz4)) {
            let parts = [&skippable, &packed, &skippable, &packed, &skippable].map(Vec::as_slice);
            assert_eq!(unpacked(parts.concat()).0, b"CD001CD001", "{format:?}");
            let mut cut = parts.concat();
            cut.truncate(cut.len() - 2);
            assert!(failure(cut).contains("ends early"), "{format:?}");
        }
    }

    #[test]
    fn a_compressed_image_that_is_cut_anywhere_ends_early() {
        for (format, packed) in all() {
            for length in 6..packed.len() {
                let cut = packed.get(..length).unwrap().to_vec();
                assert!(failure(cut).contains("the compressed image ends early"), "{format:?} {length}");
            }
        }
    }
}
