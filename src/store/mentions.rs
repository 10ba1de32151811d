//! The files of a store object that mention another store path: what Nix's own scan for references finds.

use std::collections::HashMap;
use std::path::Path;

use memchr::memmem::Finder;

use super::contents::Place;
use super::{Store, StorePath};
use crate::error::{self, Error, Result, Troubles};
use crate::fs::walk::Walk;
use crate::fs::{FileType, Kind, NodeId, digest};

/// Limit for the bytes of one object that are searched. The largest packages have a few GB.
const MOST_BYTES: u64 = 32 << 30;

/// The files of an object that mention a store path, relative to the object: `/bin/vim`. If the object itself is a file or a link,
/// its path is empty. A file mentions a store path if it contains the digest. A link does if its target contains the digest.
///
/// What cannot be read is added to `troubles`.
pub fn of(store: &Store<'_>, holder: Place, path: &StorePath, troubles: &mut Troubles) -> Vec<Vec<u8>> {
    let mut search = Search { store, finder: Finder::new(path.digest()), left: MOST_BYTES, known: HashMap::new() };
    let mut files = Vec::new();
    if holder.file_type != FileType::Directory {
        let mentions = search.mentions(holder, b"");
        files.extend(troubles.keep(mentions).filter(|found| *found).map(|_| Vec::new()));
        return files;
    }
    for visit in Walk::new(store.tree(), holder.id, b"") {
        let found = visit.and_then(|visit| {
            let place = Place { id: visit.id, file_type: visit.file_type };
            Ok(search.mentions(place, &visit.path)?.then_some(visit.path))
        });
        let limit = matches!(found, Err(Error::Limit { .. }));
        files.extend(troubles.keep(found).flatten());
        if limit {
            break;
        }
    }
    files
}

struct Search<'s, 'i> {
    store: &'s Store<'i>,
    finder: Finder<'s>,
    /// Bytes that may still be read.
    left: u64,
    /// Files that have been searched, and whether they mention the path: hard links are read once.
    known: HashMap<NodeId, bool>,
}

impl Search<'_, '_> {
    fn mentions(&mut self, place: Place, path: &[u8]) -> Result<bool> {
        match (place.file_type, self.store.tree().node(place.id)?.kind) {
            (FileType::Symlink, Kind::Symlink { target }) => Ok(self.finder.find(&target).is_some()),
            (FileType::File, Kind::File { size }) => {
                if let Some(&known) = self.known.get(&place.id) {
                    return Ok(known);
                }
                self.left = self.left.checked_sub(size).ok_or_else(|| Error::Limit {
                    what: "32 GiB of one store path to search",
                    place: error::Place::File(path.to_vec()),
                })?;
                let found = self.contains(place.id, path)?;
                self.known.insert(place.id, found);
                Ok(found)
            }
            _ => Ok(false),
        }
    }

    /// Whether a file contains the digest. It may span two parts, so the end of each part is kept until the next arrives.
    fn contains(&self, file: NodeId, path: &[u8]) -> Result<bool> {
        let overlap = self.finder.needle().len().saturating_sub(1);
        let (mut found, mut window) = (false, Vec::new());
        let mut reader = self.store.tree().open(file)?;
        digest::parts(&mut *reader, &mut |part| {
            if !found {
                window.extend_from_slice(part);
                found = self.finder.find(&window).is_some();
                window.drain(..window.len().saturating_sub(overlap));
            }
        })
        .map_err(|error| Error::from_read(error, Path::new(&*String::from_utf8_lossy(path))))?;
        Ok(found)
    }
}
