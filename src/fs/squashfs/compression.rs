//! The six compressors of a squashfs. The superblock names one. Every block is compressed separately.

use std::cell::RefCell;
use std::fmt;

use libdeflater::Decompressor;
use liblzma::stream::{Action, Status, Stream};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use crate::error::{Error, Place, Result};

/// Memory limit for a decoder of xz or lzma, in bytes, including its dictionary. mksquashfs uses dictionaries of up to
/// 1 MiB. The limit leaves room for 8 MiB, the default of the xz tools. Blocks that need more are refused.
const DICTIONARY_LIMIT: u64 = 9 << 20;

/// Binary logarithm of the limit for the window of a zstd stream, in bytes: no block is longer than 1 MiB.
const WINDOW_LOG_LIMIT: u32 = 20;

/// Bytes skipped at a time. A zstd block has no more.
const SKIPPED: usize = 128 << 10;

/// How the blocks of an archive are compressed (superblock field `compression`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// 1: zlib streams. All tools call them gzip.
    Gzip,
    /// 2: the header of the lzma tool and a raw LZMA stream. It is older than xz, and no kernel reads it any more.
    Lzma,
    /// 3: LZO1X.
    Lzo,
    /// 4: whole xz streams. Each block has its own filter chain: mksquashfs compresses with and without a branch filter, and
    /// keeps the smaller result.
    Xz,
    /// 5: LZ4 blocks without a frame.
    Lz4,
    /// 6: zstd frames.
    Zstd,
    /// Another number. The archive can still be read where its blocks are stored
    /// uncompressed. That may be all of them.
    Unknown(u16),
}

impl Compression {
    /// Converts the number in the superblock.
    pub(super) fn from_id(id: u16) -> Self {
        match id {
            1 => Self::Gzip,
            2 => Self::Lzma,
            3 => Self::Lzo,
            4 => Self::Xz,
            5 => Self::Lz4,
            6 => Self::Zstd,
            _ => Self::Unknown(id),
        }
    }

    /// The name for `mksquashfs -comp`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Lzma => "lzma",
            Self::Lzo => "lzo",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Decompresses all of `input` to the beginning of `output`. Returns the number of bytes. It never writes more
    /// than fits into `output`: a longer block is refused.
    ///
    /// # Errors
    /// [`Error::Malformed`] at `place` in `structure` if the compressor refuses the input, [`Error::Unsupported`]
    /// if the compressor is unknown.
    pub(super) fn decompress(
        self,
        (structure, place): (&'static str, Place),
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize> {
        let length = match self {
            Self::Gzip => CODECS.with_borrow_mut(|codecs| codecs.gzip().zlib_decompress(input, output).ok()),
            Self::Zstd => CODECS.with_borrow_mut(|codecs| codecs.zstd()?.decompress(output, input).ok()),
            Self::Xz => Stream::new_stream_decoder(DICTIONARY_LIMIT, 0).ok().and_then(|xz| finish(xz, input, output)),
            Self::Lzma => Stream::new_lzma_decoder(DICTIONARY_LIMIT).ok().and_then(|lzma| finish(lzma, input, output)),
            Self::Lzo => lzokay::decompress::decompress(input, output).ok(),
            Self::Lz4 => lz4_flex::block::decompress_into(input, output).ok(),
            Self::Unknown(id) => {
                return Err(Error::Unsupported { what: format!("squashfs compression {id}").into(), place });
            }
        };
        length.ok_or(Error::Malformed { structure, field: "compressed data", place })
    }

    /// Decompresses `input`, skips the first `skip` bytes, and fills `output` with the next ones. It reads no further.
    /// False if that fails: decompressing all of the input may show why. Only for zstd, which mksquashfs writes without
    /// checksums. In xz, the checksums come after all data.
    pub(super) fn decompress_part(self, input: &[u8], skip: usize, output: &mut [u8]) -> bool {
        self == Self::Zstd
            && CODECS.with_borrow_mut(|codecs| {
                let mut input = InBuffer::around(input);
                codecs.rewind().is_some()
                    && codecs.skip(&mut input, skip).is_some()
                    && codecs.zstd().is_some_and(|zstd| fill(zstd, &mut input, output).is_some())
            })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

thread_local! {
    /// Setting up these two takes longer than decompressing a metadata block, so each thread keeps its own.
    static CODECS: RefCell<Codecs> = const { RefCell::new(Codecs { gzip: None, zstd: None, skipped: Vec::new() }) };
}

struct Codecs {
    gzip: Option<Decompressor>,
    zstd: Option<DCtx<'static>>,
    /// The skipped bytes before the wanted part.
    skipped: Vec<u8>,
}

impl Codecs {
    fn gzip(&mut self) -> &mut Decompressor {
        self.gzip.get_or_insert_with(Decompressor::new)
    }

    fn zstd(&mut self) -> Option<&mut DCtx<'static>> {
        if self.zstd.is_none() {
            let mut context = DCtx::try_create()?;
            context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_LIMIT)).ok()?;
            self.zstd = Some(context);
        }
        self.zstd.as_mut()
    }

    /// Begins a new zstd stream.
    fn rewind(&mut self) -> Option<()> {
        self.zstd()?.reset(ResetDirective::SessionOnly).ok().map(|_| ())
    }

    /// Skips bytes of a zstd stream.
    fn skip(&mut self, input: &mut InBuffer<'_>, mut left: usize) -> Option<()> {
        let mut skipped = std::mem::take(&mut self.skipped);
        skipped.resize(SKIPPED, 0);
        while left > 0 {
            let length = left.min(SKIPPED);
            fill(self.zstd()?, input, skipped.get_mut(..length)?)?;
            left -= length;
        }
        self.skipped = skipped;
        Some(())
    }
}

/// Runs a stream of liblzma to its end. `None` if the input or the output ends earlier.
fn finish(mut stream: Stream, input: &[u8], output: &mut [u8]) -> Option<usize> {
    match stream.process(input, output, Action::Finish) {
        Ok(Status::StreamEnd) => usize::try_from(stream.total_out()).ok(),
        _ => None,
    }
}

/// Runs a zstd stream until the output is full. `None` if the stream ends earlier.
fn fill(context: &mut DCtx<'_>, input: &mut InBuffer<'_>, output: &mut [u8]) -> Option<()> {
    let (room, mut output) = (output.len(), OutBuffer::around(output));
    while output.pos() < room {
        let before = (input.pos(), output.pos());
        let left = context.decompress_stream(&mut output, input).ok()?;
        if (left == 0 && output.pos() < room) || (input.pos(), output.pos()) == before {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use liblzma::stream::{Check, Filters, LzmaOptions};

    use super::*;

    fn plain() -> Vec<u8> {
        (0..3000_u32).flat_map(|number| number.to_string().into_bytes()).collect()
    }

    fn run(mut encoder: Stream) -> Vec<u8> {
        let mut packed = Vec::with_capacity(1 << 16);
        assert_eq!(encoder.process_vec(&plain(), &mut packed, Action::Finish), Ok(Status::StreamEnd));
        packed
    }

    fn xz(filters: &Filters) -> Vec<u8> {
        run(Stream::new_stream_encoder(filters, Check::Crc32).unwrap())
    }

    fn options() -> LzmaOptions {
        LzmaOptions::new_preset(6).unwrap()
    }

    fn packed() -> Vec<(Compression, Vec<u8>)> {
        let mut gzip = vec![0; 1 << 16];
        let length =
            libdeflater::Compressor::new(libdeflater::CompressionLvl::default()).zlib_compress(&plain(), &mut gzip);
        gzip.truncate(length.unwrap());
        let mut zstd = vec![0; 1 << 16];
        let length = zstd::zstd_safe::compress(zstd.as_mut_slice(), &plain(), 3).unwrap();
        zstd.truncate(length);
        vec![
            (Compression::Gzip, gzip),
            (Compression::Lzma, run(Stream::new_lzma_encoder(&options()).unwrap())),
            (Compression::Lzo, lzokay::compress::compress(&plain()).unwrap()),
            (Compression::Xz, xz(Filters::new().lzma2(&options()))),
            (Compression::Xz, xz(Filters::new().x86().lzma2(&options()))),
            (Compression::Lz4, lz4_flex::block::compress(&plain())),
            (Compression::Zstd, zstd),
        ]
    }

    fn decompress(compression: Compression, input: &[u8], room: usize) -> Result<Vec<u8>> {
        let mut output = vec![0; room];
        let length = compression.decompress(("data block", Place::Byte(7)), input, &mut output)?;
        output.truncate(length);
        Ok(output)
    }

    #[test]
    fn what_each_compressor_packs_is_unpacked() {
        for (compression, packed) in packed() {
            for room in [plain().len(), 1 << 16] {
                assert!(decompress(compression, &packed, room).unwrap() == plain(), "{compression}");
            }
        }
    }

    #[test]
    fn what_is_cut_short_or_longer_than_its_room_is_refused() {
        for (compression, packed) in packed() {
            for (input, room) in [(&packed[..], plain().len() - 1), (&packed[..packed.len() - 6], 1 << 16)] {
                let error = decompress(compression, input, room).unwrap_err();
                assert_eq!(error.to_string(), "data block at 0x7: invalid compressed data", "{compression}");
            }
        }
    }

    #[test]
    fn a_part_of_a_zstd_frame_is_had_without_the_rest() {
        let long: Vec<u8> = plain().into_iter().cycle().take(400_000).collect();
        let mut packed = vec![0; 1 << 19];
        let length = zstd::zstd_safe::compress(packed.as_mut_slice(), &long, 3).unwrap();
        packed.truncate(length);
        for (input, skip, size, there) in [
            (&packed[..], 0, 1, true),
            (&packed, 1, 2000, true),
            (&packed, 131_072, 131_072, true),
            (&packed, 300_001, 99_999, true),
            (&packed, 300_001, 100_000, false),
            (&packed, 400_001, 1, false),
            (&packed[..packed.len() / 2], 0, long.len(), false),
            (&packed[1..], 0, 1, false),
            (&[], 0, 1, false),
        ] {
            let mut output = vec![0; size];
            assert_eq!(Compression::Zstd.decompress_part(input, skip, &mut output), there, "{skip} {size}");
            assert!(!there || output == long[skip..skip + size]);
            assert!(!Compression::Xz.decompress_part(input, skip, &mut output));
        }
        assert!(decompress(Compression::Zstd, &packed, 1 << 19).unwrap() == long, "the next question begins anew");
    }

    #[test]
    fn a_dictionary_larger_than_any_is_not_allocated() {
        let large = xz(Filters::new().lzma2(options().dict_size(64 << 20)));
        assert!(decompress(Compression::Xz, &large, 1 << 16).is_err());
    }

    #[test]
    fn an_unknown_compressor_is_named_by_its_number() {
        let error = decompress(Compression::from_id(9), b"", 0).unwrap_err();
        assert_eq!(error.to_string(), "squashfs compression 9 at 0x7: not supported");
        assert_eq!(
            (1..7).map(|id| Compression::from_id(id).name()).collect::<Vec<_>>().join(" "),
            "gzip lzma lzo xz lz4 zstd"
        );
    }
}
