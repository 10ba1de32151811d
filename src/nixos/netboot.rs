//! The initrd of a network boot or kexec, which carries the store as a squashfs.

use std::ffi::OsStr;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::fs::cpio;
use crate::image::{Image, is_initrd};

/// The first bytes of a squashfs.
const MAGIC: [u8; 4] = *b"hsqs";

/// Extracts the squashfs from an initrd to an unnamed temporary file. Returns any other image unchanged.
///
/// # Errors
/// If the image is an initrd without a squashfs, or cannot be read.
pub fn unpacked(image: Image) -> Result<Image> {
    if !is_initrd(&image.region())? {
        return Ok(image);
    }
    let path = image.path().to_path_buf();
    let directory = std::env::temp_dir();
    let output = |source| Error::Io { path: directory.clone(), source };
    let mut file = tempfile::tempfile_in(&directory).map_err(output)?;
    let mut found = false;
    let mut input = BufReader::with_capacity(1 << 20, image.region().reader());
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
        std::io::copy(&mut magic.as_slice().chain(contents), &mut file).map_err(read)?;
        Ok(ControlFlow::Break(()))
    })?;
    if !found {
        let reason = "an initrd without a squashfs; give the image that it boots".to_owned();
        return Err(Error::NoImage { path, reason });
    }
    file.seek(SeekFrom::Start(0)).map_err(output)?;
    Image::unpacked(path, file)
}
