//! The initrd of a network boot or kexec, which carries the store as a squashfs, and the tarball that carries the initrd.

use std::ffi::OsStr;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::fs::cpio;
use crate::fs::tar::Members;
use crate::image::{Image, Region, Spool, is_initrd};

/// The first bytes of a squashfs.
const MAGIC: [u8; 4] = *b"hsqs";

/// Extracts the squashfs from an initrd, or from the initrd in a tarball for kexec, to an unnamed temporary file. Returns any other image unchanged.
///
/// # Errors
/// If the image is an initrd without a squashfs, or cannot be read.
pub fn unpacked(image: Image) -> Result<Image> {
    let Some(initrd) = initrd(&image.region())? else { return Ok(image) };
    let path = image.path().to_path_buf();
    let mut spool = Spool::new(&path)?;
    let mut found = false;
    let mut input = BufReader::with_capacity(1 << 20, initrd.reader());
    let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
    cpio::read(&mut input, &name, &mut |member, contents| {
        let mut magic = Vec::new();
        let read = |source| Error::from_read(source, &path);
        if !member.is_file() {
            return Ok(ControlFlow::Continue(()));
        }
        (&mut *contents).take(4).read_to_end(&mut magic).map_err(read)?;
        if magic != MAGIC {
            return Ok(ControlFlow::Continue(()));
        }
        found = true;
        spool.append(&mut magic.as_slice().chain(contents), read)?;
        Ok(ControlFlow::Break(()))
    })?;
    if !found {
        let reason = "an initrd without a squashfs; give the image that it boots".to_owned();
        return Err(Error::NoImage { path, reason });
    }
    Image::unpacked(path, spool.finish()?)
}

/// The initrd: the whole image, or a member of a tarball.
fn initrd<'i>(image: &Region<'i>) -> Result<Option<Region<'i>>> {
    if is_initrd(image)? {
        return Ok(Some(image.clone()));
    }
    // `kexec/initrd` since nixos-images exists, and `./initrd` or `kexec/initrd.gz` in others.
    let is_named =
        |name: &[u8]| name.rsplit(|&byte| byte == b'/').next().is_some_and(|base| base.starts_with(b"initrd"));
    for member in Members::new(image) {
        let (name, contents) = member?;
        if is_named(&name) && is_initrd(&contents)? {
            return Ok(Some(contents));
        }
    }
    Ok(None)
}
