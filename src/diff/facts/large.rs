//! Large files of the disc, such as kernels and boot images. They are read only if nothing else says whether they are the same.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;

use data_encoding::HEXLOWER;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::{DiscFile, Masked, is_of_store};
use crate::diff::Pair;
use crate::error::{Error, Result, Troubles};
use crate::fs::digest;
use crate::image::Region;
use crate::nixos::{Disc, Medium};

/// Hashes the large files of a disc, so that they can be compared when the disc is gone.
pub(in crate::diff) fn read(files: &mut [DiscFile], disc: &Disc<'_>, troubles: &mut Troubles) {
    let large: Vec<&mut DiscFile> = files.iter_mut().filter(|file| file.sha256.is_none()).collect();
    let read: Vec<Result<()>> = large.into_par_iter().map(|file| file.hash(disc)).collect();
    troubles.extend(read.into_iter().filter_map(Result::err));
}

/// Hashes the large files that have the same path and length in both images, if their contents may differ. A side without a disc
/// is a manifest.
pub(in crate::diff) fn compare(files: Pair<&mut [DiscFile]>, discs: Pair<Option<&Disc<'_>>>, troubles: &mut Troubles) {
    let mut twins: HashMap<String, &mut DiscFile> = HashMap::new();
    twins.extend(files.new.iter_mut().map(|file| (file.path.clone(), file)));
    for file in files.old {
        // The hash in its name vouches for a file of the store; `verify` checks that.
        let compared = |twin: &&mut &mut DiscFile| twin.size == file.size && !is_of_store(file.path.as_bytes());
        let Some(twin) = twins.get_mut(&file.path).filter(compared) else { continue };
        let read = match (&file.sha256, &twin.sha256, discs.old, discs.new) {
            (None, Some(_), Some(disc), _) => file.hash(disc),
            (Some(_), None, _, Some(other)) => twin.hash(other),
            (None, None, Some(disc), Some(other)) => {
                match differ(Pair { old: (&*file, disc), new: (&**twin, other) }) {
                    Ok(true) => {
                        let (one, two) = rayon::join(|| file.hash(disc), || twin.hash(other));
                        one.and(two)
                    }
                    compared => compared.map(|_| ()),
                }
            }
            _ => Ok(()),
        };
        troubles.extend(read.err());
    }
}

impl DiscFile {
    fn hash(&mut self, disc: &Disc<'_>) -> Result<()> {
        let Some(node) = self.node else { return Ok(()) };
        let mut exact = Exact { input: disc.own_tree().open(node)?, digest: Sha256::new() };
        let same = digest::sha256(&mut Masked::new(&mut exact));
        let same = HEXLOWER.encode(&same.map_err(|error| Error::from_read(error, Path::new(&self.path)))?);
        let exact = HEXLOWER.encode(&exact.digest.finalize());
        self.exact = Some(exact).filter(|exact| *exact != same);
        self.sha256 = Some(same);
        Ok(())
    }
}

/// Hashes what it reads.
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

/// Whether the stored bytes of two files differ. That is quicker than hashing both. Compressed files may always differ.
fn differ(files: Pair<(&DiscFile, &Disc<'_>)>) -> Result<bool> {
    match files.map(|(file, disc)| region(file, disc)) {
        Pair { old: Some(old), new: Some(new) } => Ok(digest::first_difference(&old, &new)?.is_some()),
        _ => Ok(true),
    }
}

fn region<'i>(file: &DiscFile, disc: &Disc<'i>) -> Option<Region<'i>> {
    match &disc.carrier {
        Medium::Volume(volume) => volume.file_region(file.node?).ok(),
        Medium::Archive(_) | Medium::Disk(_) | Medium::Directory(_) => None,
    }
}
