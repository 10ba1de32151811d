//! File sections: the extents of a file, with a directory record each.

use super::directory::{DirectoryRecord, Sectors};
use crate::error::{Error, Result};
use crate::image::Region;

/// Limit for the sections of a file. Sections of 4 GiB, as writers make them, would fill the largest volume twice.
const MAX_SECTIONS: u64 = 4096;

/// The contents of the file that begins with this record: its sections in sequence.
///
/// # Errors
/// [`Error::Truncated`] if a section ends past the volume, [`Error::Unsupported`] if it is interleaved.
pub(super) fn contents<'a>(volume: &Region<'a>, block_size: u64, first: &DirectoryRecord<'_>) -> Result<Region<'a>> {
    let mut sections = Vec::new();
    each(volume, first, |record| {
        let start = start(volume, block_size, record)?;
        sections.push(volume.slice("file section", start, record.extent.length.into())?);
        Ok(())
    })?;
    Ok(Region::join(&sections).unwrap_or_else(|| volume.clamp(0, 0)))
}

/// The length of that file in bytes, even if some sections are missing.
pub(super) fn size(volume: &Region<'_>, first: &DirectoryRecord<'_>) -> Result<u64> {
    let mut size = 0;
    each(volume, first, |record| {
        size += u64::from(record.extent.length);
        Ok(())
    })?;
    Ok(size)
}

/// First byte of a record's section, counted from the start of the volume: after the extended attribute record
/// (ECMA-119 §6.5.1). An empty section may have any address.
///
/// # Errors
/// [`Error::Unsupported`] if the section is interleaved.
pub(super) fn start(volume: &Region<'_>, block_size: u64, record: &DirectoryRecord<'_>) -> Result<u64> {
    if record.interleaving != [0, 0] {
        return Err(Error::Unsupported { what: "interleaved file".into(), place: volume.place(record.offset) });
    }
    Ok((u64::from(record.extent.location) + u64::from(record.extended_attributes)) * block_size)
}

/// Passes the records of a file's sections, which are consecutive, to `visitor`.
fn each(
    volume: &Region<'_>,
    first: &DirectoryRecord<'_>,
    mut visitor: impl FnMut(&DirectoryRecord<'_>) -> Result<()>,
) -> Result<()> {
    if !first.has(DirectoryRecord::MULTI_EXTENT) {
        return visitor(first);
    }
    // The end of the directory is unknown here: the last section ends the loop.
    let length = (MAX_SECTIONS * 256).min(volume.length().saturating_sub(first.offset));
    for sector in Sectors::new(volume, first.offset, length)? {
        let sector = sector?;
        for record in sector.records() {
            let record = record?;
            visitor(&record)?;
            if !record.has(DirectoryRecord::MULTI_EXTENT) {
                return Ok(());
            }
        }
    }
    Err(Error::Limit { what: "file sections", place: volume.place(first.offset) })
}
