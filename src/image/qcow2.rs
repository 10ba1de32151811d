//! qcow2, the disk images of QEMU (docs/interop/qcow2 of QEMU), unpacked so that they can be mapped.

use std::io::Read;

use nom::Parser;
use nom::bytes::complete::{tag, take};
use nom::combinator::verify;
use nom::number::complete::{be_u32, be_u64};

use super::spool::Spool;
use super::{Progress, Region, Source};
use crate::error::{Error, Result};
use crate::parse::{Parsed, field, parse};

/// The first bytes of an image.
const MAGIC: [u8; 4] = *b"QFI\xfb";

/// Length of the header that is read. It is longer since version 3.
const HEADER: u64 = 112;

/// Limit for the first table in bytes, as in QEMU.
const LONGEST_TABLE: u64 = 32 << 20;

/// Bits of a table entry that are an offset.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

/// The cluster is compressed.
const COMPRESSED: u64 = 1 << 62;

/// The cluster is zeros, whatever its offset says.
const ZERO: u64 = 1;

/// Features that change how an image is read, and that are not understood.
const REFUSED: [(u64, &str); 3] = [
    (0x2, "a qcow2 that is marked as corrupt; repair it with `qemu-img check -r all`"),
    (0x4, "a qcow2 whose data are in another file; convert it with `qemu-img convert -O raw`"),
    (0x10, "a qcow2 with subclusters; convert it with `qemu-img convert -O raw`"),
];

/// The compression is stated. Otherwise it is deflate.
const COMPRESSION: u64 = 0x8;

/// Features that do not matter here: the reference counts may be wrong, and the compression is stated.
const UNDERSTOOD: u64 = 0x1 | COMPRESSION;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    version: u32,
    /// Offset of the name of a backing file. 0 without one.
    backing: u64,
    cluster_bits: u32,
    /// Length of the disk in bytes.
    size: u64,
    encryption: u32,
    /// Entries of the first table.
    entries: u32,
    table: u64,
    features: u64,
    compression: u8,
}

fn header(input: &[u8]) -> Parsed<'_, Header> {
    let (input, (_, version, backing, _, cluster_bits, size, encryption, entries, table, _)) = (
        field("magic", tag(&MAGIC[..])),                                       // byte 0
        field("version", verify(be_u32, |version| matches!(version, 2 | 3))),  // byte 4
        field("backing file", be_u64),                                         // byte 8
        field("length of the backing file's name", be_u32),                    // byte 16
        field("cluster size", verify(be_u32, |bits| (9..=21).contains(bits))), // byte 20
        field("size", be_u64),                                                 // byte 24
        field("encryption", be_u32),                                           // byte 32
        field("length of the first table", be_u32),                            // byte 36
        field("offset of the first table", be_u64),                            // byte 40
        field("reference counts and snapshots", take(24usize)),                // byte 48
    )
        .parse(input)?;
    let (rest, (features, _, length, compression)) = (
        field("features", be_u64),                       // byte 72, since version 3
        field("other features", take(20usize)),          // byte 80
        field("header length", be_u32),                  // byte 100
        field("compression", nom::number::complete::u8), // byte 104
    )
        .parse(input)?;
    let features = if version == 2 { 0 } else { features };
    let is_stated = features & COMPRESSION != 0 && length > 104;
    let compression = if is_stated { compression } else { 0 };
    Ok((rest, Header { version, backing, cluster_bits, size, encryption, entries, table, features, compression }))
}

/// Unpacks a qcow2 to an unnamed temporary file. Returns other images unchanged.
pub(super) fn unpack(source: Source, progress: Progress<'_>) -> Result<Source> {
    let path = source.path().to_path_buf();
    unpacked(source, progress).map_err(|error| match error {
        // These name the image themselves.
        error @ (Error::NoImage { .. } | Error::Io { .. }) => error,
        error => Error::NoImage { path, reason: format!("a damaged qcow2 disk image: {error}") },
    })
}

fn unpacked(source: Source, progress: Progress<'_>) -> Result<Source> {
    let image = Region::whole(&source);
    let mut magic = [0; 4];
    if image.read_at(0, &mut magic)? < magic.len() || magic != MAGIC {
        return Ok(source);
    }
    let path = source.path();
    // A header of version 2 is shorter, and there may be nothing behind it.
    let mut bytes = image.clamp(0, HEADER).bytes("qcow2 header", 0, HEADER.min(image.length()))?.into_owned();
    bytes.resize(bytes.len().max(usize::try_from(HEADER).unwrap_or(0)), 0);
    let header = parse("qcow2 header", &image.place(0), &bytes, header)?;
    if let Some(reason) = refused(&header) {
        return Err(Error::NoImage { path: path.to_path_buf(), reason });
    }
    let mut spool = Spool::new(path)?;
    Disk { image: &image, header, copied: 0 }.unpack(&mut spool, progress)?;
    Source::from_file(path, spool.finish()?)
}

/// Why an image cannot be read.
fn refused(header: &Header) -> Option<String> {
    let known = REFUSED.iter().find(|(bit, _)| header.features & bit != 0).map(|(_, what)| (*what).to_owned());
    let unknown = header.features & !UNDERSTOOD;
    match header.encryption {
        0 => {}
        1 => return Some("a qcow2 with an encrypted disk (AES); convert it with `qemu-img convert -O raw`".to_owned()),
        _ => {
            return Some("a qcow2 with an encrypted disk (LUKS); convert it with `qemu-img convert -O raw`".to_owned());
        }
    }
    if header.backing != 0 {
        return Some("a qcow2 with a backing file; convert it with `qemu-img convert -O raw`".to_owned());
    }
    if header.compression > 1 {
        return Some(format!("a qcow2 with the unknown compression {}", header.compression));
    }
    known.or_else(|| (unknown != 0).then(|| format!("a qcow2 with the unknown features {unknown:#x}")))
}

struct Disk<'r, 'a> {
    image: &'r Region<'a>,
    header: Header,
    /// Bytes of the file that were copied.
    copied: u64,
}

impl Disk<'_, '_> {
    fn wrong(&self, field: &'static str, offset: u64) -> Error {
        Error::Malformed { structure: "qcow2", field, place: self.image.place(offset) }
    }

    fn unpack(&mut self, spool: &mut Spool, progress: Progress<'_>) -> Result<()> {
        let cluster = 1u64 << self.header.cluster_bits;
        let below = cluster / 8 * cluster;
        let length = u64::from(self.header.entries) * 8;
        if length > LONGEST_TABLE || self.header.size.div_ceil(below) > u64::from(self.header.entries) {
            return Err(self.wrong("length of the first table", 36));
        }
        let first = self.image.bytes("qcow2 table", self.header.table, length)?;
        let mut left = self.header.size;
        for entry in numbers(&first) {
            let covered = left.min(below);
            match entry & OFFSET {
                0 => spool.skip(covered)?,
                offset => self.table(offset, covered, spool)?,
            }
            left -= covered;
            progress(self.header.size - left, self.header.size);
        }
        Ok(())
    }

    /// Unpacks the clusters of a second table.
    fn table(&mut self, offset: u64, mut left: u64, spool: &mut Spool) -> Result<()> {
        let cluster = 1u64 << self.header.cluster_bits;
        let second = self.image.bytes("qcow2 table", offset, cluster)?;
        for entry in numbers(&second) {
            let covered = left.min(cluster);
            if covered == 0 {
                break;
            }
            if entry & COMPRESSED != 0 {
                self.compressed(entry, covered, spool)?;
            } else if entry & OFFSET == 0 || (self.header.version > 2 && entry & ZERO != 0) {
                spool.skip(covered)?;
            } else {
                self.copied = self.copied.saturating_add(covered);
                if self.copied > self.image.length() {
                    // A cluster belongs to one place of the disk.
                    return Err(self.wrong("clusters: more than the file has", offset));
                }
                let stored = self.image.slice("qcow2 cluster", entry & OFFSET, covered)?;
                spool.append(&mut stored.reader(), |source| Error::from_read(source, std::path::Path::new("qcow2")))?;
            }
            left -= covered;
        }
        Ok(())
    }

    /// Unpacks a compressed cluster. Its length is stated in sectors of 512 bytes.
    fn compressed(&self, entry: u64, covered: u64, spool: &mut Spool) -> Result<()> {
        let bits = 62 - (self.header.cluster_bits - 8);
        let offset = entry & ((1 << bits) - 1);
        let sectors = (entry & (COMPRESSED - 1)) >> bits;
        let stored = self.image.clamp(offset, (sectors + 1) * 512 - offset % 512);
        let mut unpacked = Vec::new();
        let read = match self.header.compression {
            1 => zstd::Decoder::new(stored.reader())
                .and_then(|decoder| decoder.single_frame().take(covered).read_to_end(&mut unpacked)),
            _ => flate2::read::DeflateDecoder::new(stored.reader()).take(covered).read_to_end(&mut unpacked),
        };
        match read.map(u64::try_from) {
            Ok(Ok(length)) if length == covered => {
                spool.append(&mut unpacked.as_slice(), |_| self.wrong("compressed cluster", offset))
            }
            _ => Err(self.wrong("compressed cluster", offset)),
        }
    }
}

fn numbers(table: &[u8]) -> impl Iterator<Item = u64> + '_ {
    table.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk of 3 clusters of 512 bytes and 100 bytes, with a cluster of its own, a compressed one, a hole, and another.
    fn image(version: u32) -> Vec<u8> {
        let mut image = vec![0; 512 * 6];
        let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC);
        put(4, &version.to_be_bytes());
        put(20, &9u32.to_be_bytes());
        put(24, &(512u64 * 3 + 100).to_be_bytes());
        put(36, &1u32.to_be_bytes());
        put(40, &512u64.to_be_bytes());
        put(100, &104u32.to_be_bytes());
        put(512, &(1024u64 | 1 << 63).to_be_bytes());
        let mut packed = Vec::new();
        flate2::read::DeflateEncoder::new(&[b'b'; 512][..], flate2::Compression::best())
            .read_to_end(&mut packed)
            .unwrap();
        put(1024, &(1536u64 | 1 << 63).to_be_bytes());
        put(1032, &(COMPRESSED | (2048 + 7)).to_be_bytes());
        put(1048, &(2560u64 | 1 << 63).to_be_bytes());
        put(1536, &[b'a'; 512]);
        put(2055, &packed);
        put(2560, &[b'c'; 512]);
        image
    }

    fn read(image: Vec<u8>) -> std::result::Result<Vec<u8>, String> {
        let source = unpack(Source::memory(image), &|_, _| {}).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        Region::whole(&source).reader().read_to_end(&mut bytes).unwrap();
        Ok(bytes)
    }

    #[test]
    fn clusters_are_copied_decompressed_or_zeros() {
        let expected = [vec![b'a'; 512], vec![b'b'; 512], vec![0; 512], vec![b'c'; 100]].concat();
        assert_eq!(read(image(2)).unwrap(), expected);
        assert_eq!(read(image(3)).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let changed = |at: usize, bytes: &[u8]| {
            let mut image = image(3);
            image[at..at + bytes.len()].copy_from_slice(bytes);
            read(image).unwrap_err()
        };
        let convert = "convert it with `qemu-img convert -O raw`";
        for (at, byte, expected) in [
            (35, 1, format!("memory: a qcow2 with an encrypted disk (AES); {convert}")),
            (35, 2, format!("memory: a qcow2 with an encrypted disk (LUKS); {convert}")),
            (15, 9, format!("memory: a qcow2 with a backing file; {convert}")),
            (79, 0x10, format!("memory: a qcow2 with subclusters; {convert}")),
            (79, 0x20, "memory: a qcow2 with the unknown features 0x20".to_owned()),
            (7, 4, "memory: a damaged qcow2 disk image: qcow2 header at 0x4: invalid version".to_owned()),
            (23, 30, "memory: a damaged qcow2 disk image: qcow2 header at 0x14: invalid cluster size".to_owned()),
            (29, 1, "memory: a damaged qcow2 disk image: qcow2 at 0x24: invalid length of the first table".to_owned()),
            (2055, 0xff, "memory: a damaged qcow2 disk image: qcow2 at 0x807: invalid compressed cluster".to_owned()),
        ] {
            assert_eq!(changed(at, &[byte]), expected);
        }
    }

    #[test]
    fn a_cluster_at_many_places_is_refused() {
        let mut bomb = image(2);
        bomb[24..32].copy_from_slice(&(512u64 * 64).to_be_bytes());
        for entry in bomb[1024..1536].chunks_mut(8) {
            entry.copy_from_slice(&1536u64.to_be_bytes());
        }
        assert_eq!(
            read(bomb).unwrap_err(),
            "memory: a damaged qcow2 disk image: qcow2 at 0x400: invalid clusters: more than the file has"
        );
    }
}
