//! Large files of the disc, such as kernels and boot images, which are read only where nothing else tells whether they are the same.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use data_encoding::HEXLOWER;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::disc::is_of_store;
use super::{DiscFile, Manifest};
use crate::diff::bytes::first_difference;
use crate::diff::masked::Masked;
use crate::error::{Error, Result};
use crate::image::Region;
use crate::nixos::{Disc, Medium};

/// Bytes that are read at once.
const PART: usize = 1 << 16;

impl Manifest {
    /// Digests the large files of its disc, so that they can be compared when the disc is gone.
    pub fn read_large(&mut self, disc: &Disc<'_>, troubles: &mut Vec<Error>) {
        let large: Vec<&mut DiscFile> = self.files.iter_mut().filter(|file| file.sha256.is_none()).collect();
        let read: Vec<Result<()>> = large.into_par_iter().map(|file| file.digest(disc)).collect();
        troubles.extend(read.into_iter().filter_map(Result::err));
    }

    /// Digests the large files that differ from those of another image, or may differ from those of a manifest, although path
    /// and length are the same. A manifest has no disc.
    pub fn compare_large(
        &mut self,
        disc: Option<&Disc<'_>>,
        (other, other_disc): (&mut Self, Option<&Disc<'_>>),
        troubles: &mut Vec<Error>,
    ) {
        let mut twins: HashMap<String, &mut DiscFile> = HashMap::new();
        twins.extend(other.files.iter_mut().map(|file| (file.path.clone(), file)));
        for file in &mut self.files {
            // As with a store path itself, the hash part vouches for the file; `verify` does not take its word.
            let compared = |twin: &&mut &mut DiscFile| twin.size == file.size && !is_of_store(file.path.as_bytes());
            let Some(twin) = twins.get_mut(&file.path).filter(compared) else { continue };
            let read = match (&file.sha256, &twin.sha256, disc, other_disc) {
                (None, Some(_), Some(disc), _) => file.digest(disc),
                (Some(_), None, _, Some(other)) => twin.digest(other),
                (None, None, Some(disc), Some(other)) => match differ((file, disc), (twin, other)) {
                    Ok(true) => {
                        let (one, two) = rayon::join(|| file.digest(disc), || twin.digest(other));
                        one.and(two)
                    }
                    compared => compared.map(|_| ()),
                },
                _ => Ok(()),
            };
            troubles.extend(read.err());
        }
    }
}

impl DiscFile {
    fn digest(&mut self, disc: &Disc<'_>) -> Result<()> {
        let Some(node) = self.node else { return Ok(()) };
        let mut exact = Exact { input: disc.own_tree().open(node)?, digest: Sha256::new() };
        let (mut masked, mut digest, mut part) = (Masked::new(&mut exact), Sha256::new(), vec![0; PART]);
        loop {
            match masked.read(&mut part).map_err(|error| Error::from_read(error, Path::new(&self.path)))? {
                0 => break,
                read => digest.update(part.get(..read).unwrap_or_default()),
            }
        }
        let (same, exact) = (HEXLOWER.encode(&digest.finalize()), HEXLOWER.encode(&exact.digest.finalize()));
        self.exact = Some(exact).filter(|exact| *exact != same);
        self.sha256 = Some(same);
        Ok(())
    }
}

/// Digests what it reads.
struct Exact<R> {
    input: R,
    digest: Sha256,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.digest.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// Whether the recorded bytes of two files differ, which is told sooner than their digests. Compressed ones may.
fn differ((file, disc): (&DiscFile, &Disc<'_>), (twin, other): (&DiscFile, &Disc<'_>)) -> Result<bool> {
    match (region(file, disc), region(twin, other)) {
        (Some(one), Some(other)) => Ok(first_difference(&one, &other)?.is_some()),
        _ => Ok(true),
    }
}

fn region<'i>(file: &DiscFile, disc: &Disc<'i>) -> Option<Region<'i>> {
    match &disc.carrier {
        Medium::Volume(volume) => volume.file_region(file.node?).ok(),
        Medium::Archive(_) => None,
    }
}
