//! Finds the file at an address: El Torito names its boot images only by address.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;

use super::{Volume, section};
use crate::fs::{FileType, NodeId, Tree};

/// Limit for the directories that a search reads. Boot files are near the root.
const MAX_DIRECTORIES: usize = 4096;

/// A file found by its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// From the root, with a leading `/`.
    pub path: Vec<u8>,
    /// The node.
    pub id: NodeId,
}

impl Volume<'_> {
    /// Finds the regular file whose first extent begins at the byte `offset` of the volume. The search is breadth first.
    /// It skips unreadable directories and `/nix`, because stores contain no boot images.
    #[must_use]
    pub fn file_at(&self, offset: u64) -> Option<FoundFile> {
        let mut waiting = VecDeque::from([(Vec::new(), self.root())]);
        // A directory that contains itself is read once.
        let mut seen = HashSet::new();
        while let Some((path, directory)) = waiting.pop_front() {
            let found = self.visit(directory, |record, entry| {
                let path = [path.as_slice(), b"/", &entry.name].concat();
                let starts =
                    |record| section::start(&self.region, self.block_size, record).is_ok_and(|at| at == offset);
                match entry.file_type {
                    FileType::File if record.extent.length > 0 && starts(record) => {
                        return ControlFlow::Break(FoundFile { path, id: entry.id });
                    }
                    FileType::Directory if path != b"/nix" && seen.len() < MAX_DIRECTORIES && seen.insert(entry.id) => {
                        waiting.push_back((path, entry.id));
                    }
                    _ => {}
                }
                ControlFlow::Continue(())
            });
            if let Ok(Some(found)) = found {
                return Some(found);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::{descriptor, record, volume};
    use super::*;
    use crate::image::{Region, Source};

    #[test]
    fn a_file_is_found_by_its_address_though_directories_lead_back_to_the_root() {
        let dots = |location| [record(&[0], location, 2048, 2), record(&[1], 30, 2048, 2)].concat();
        let root = [dots(30), record(b"EMPTY", 34, 0, 0), record(b"BOOT", 31, 2048, 2), record(b"LOOP", 30, 2048, 2)];
        let boot = [dots(31), record(b"EFI.IMG;1", 34, 9, 0)];
        let blocks = [(30, root.concat()), (31, boot.concat()), (34, vec![1; 9])];
        let source = Source::memory(volume(&[descriptor(1, 1, b"")], &blocks));
        let volume = Volume::open(Region::whole(&source)).unwrap();
        assert_eq!(volume.file_at(34 * 2048).unwrap().path, b"/BOOT/EFI.IMG");
        assert_eq!(volume.file_at(35 * 2048), None);
    }
}
