//! Large files of the disc, such as kernels and initrds, which are read only where nothing else tells whether they are the same.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use data_encoding::HEXLOWER;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::super::bytes::first_difference;
use super::disc::is_of_store;
use super::{DiscFile, Manifest};
use crate::error::{Error, Result};
use crate::image::Region;
use crate::nixos::{Disc, Medium};

/// Bytes that are read in one go.
const PART: usize = 1 << 17;

impl Manifest {
    /// Digests the large files of its disc, so that they can be compared when the disc is gone.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn read_large(&mut self, disc: &Disc<'_>) -> Result<()> {
        self.files.par_iter_mut().filter(|file| file.sha256.is_none()).try_for_each(|file| file.digest(disc))
    }

    /// Digests the large files that differ from those of another image, or may differ from those of a manifest, although path
    /// and length are the same. A manifest has no disc.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn compare_large(
        &mut self,
        disc: Option<&Disc<'_>>,
        other: &mut Self,
        other_disc: Option<&Disc<'_>>,
    ) -> Result<()> {
        let mut twins: HashMap<String, &mut DiscFile> = HashMap::new();
        twins.extend(other.files.iter_mut().map(|file| (file.path.clone(), file)));
        for file in &mut self.files {
            let Some(twin) = twins.get_mut(&file.path).filter(|twin| twin.size == file.size) else { continue };
            // As with the store path itself, the hash part vouches for it; `verify` does not take its word.
            if is_of_store(file.path.as_bytes()) {
                continue;
            }
            match (&file.sha256, &twin.sha256, disc, other_disc) {
                (None, Some(_), Some(disc), _) => file.digest(disc)?,
                (Some(_), None, _, Some(other)) => twin.digest(other)?,
                (None, None, Some(disc), Some(other)) if differ((file, disc), (twin, other))? => {
                    let (one, two) = rayon::join(|| file.digest(disc), || twin.digest(other));
                    one.and(two)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl DiscFile {
    fn digest(&mut self, disc: &Disc<'_>) -> Result<()> {
        let Some(node) = self.node else { return Ok(()) };
        let (mut input, mut digest, mut part) = (disc.own_tree().open(node)?, Sha256::new(), vec![0; PART]);
        loop {
            match input.read(&mut part).map_err(|error| Error::from_read(error, Path::new(&self.path)))? {
                0 => break,
                read => digest.update(part.get(..read).unwrap_or_default()),
            }
        }
        self.sha256 = Some(HEXLOWER.encode(&digest.finalize()));
        Ok(())
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
