//! Files in the store with modes and owners that Nix never gives: it clears these bits, and root owns everything.

use rayon::prelude::*;

use super::finding::{Finding, FindingId};
use crate::error::{Result, Troubles};
use crate::fs::walk::{Entered, Walk};
use crate::fs::{FileType, NodeId, Tree};
use crate::nixos::Disc;
use crate::nixos::software::Software;
use crate::store::contents::Object;

/// Store paths that findings of one kind name. The others are counted in a finding of their own.
const MOST: usize = 20;

/// Bits of a mode (POSIX `S_ISUID`, `S_ISGID`, `S_IWOTH`, `S_ISVTX`).
const SETUID: u16 = 0o4000;
const SETGID: u16 = 0o2000;
const OTHERS_WRITE: u16 = 0o2;
const STICKY: u16 = 0o1000;

/// The kinds of findings, each with what it says about files.
const KINDS: [(FindingId, &str); 3] = [
    (FindingId::SetuidFile, "setuid or setgid, so that anyone can run it as its owner or group"),
    (FindingId::WorldWritable, "writable by everyone"),
    (FindingId::NotOwnedByRoot, "not owned by root, so that its owner can change it"),
];

/// For each kind: how many files of a store path are so, and the first of them.
type Found = [Option<(usize, Vec<u8>)>; KINDS.len()];

/// The findings about files in the store. Only inodes are read.
///
/// # Errors
/// If there is no store.
pub fn modes(disc: &Disc<'_>, software: &Software, troubles: &mut Troubles) -> Result<Vec<Finding>> {
    let tree = disc.require_store()?.tree();
    let entered = Entered::default();
    let objects: Vec<&Object> = software.present().map(|(_, object)| object).collect();
    let found: Vec<(Found, Troubles)> = objects.par_iter().map(|object| of_object(tree, object, &entered)).collect();
    let mut findings = Vec::new();
    for (kind, (id, what)) in KINDS.into_iter().enumerate() {
        let with =
            objects.iter().zip(&found).filter_map(|(object, (found, _))| Some((object, found.get(kind)?.as_ref()?)));
        let with: Vec<(&&Object, &(usize, Vec<u8>))> = with.collect();
        for (object, (count, first)) in with.iter().take(MOST) {
            let path = String::from_utf8_lossy(first);
            let message = match count {
                1 => format!("a file is {what}"),
                count => format!("{count} files are {what}"),
            };
            findings.push(Finding::new(id, object.path.name(), message, Some(&path)));
        }
        if let more @ 1.. = with.len().saturating_sub(MOST) {
            findings.push(Finding::new(
                id,
                "store",
                format!("{more} more store paths have files that are {what}"),
                None,
            ));
        }
    }
    found.into_iter().for_each(|(_, unread)| troubles.append(unread));
    Ok(findings)
}

fn of_object(tree: &dyn Tree, object: &Object, entered: &Entered) -> (Found, Troubles) {
    let (mut found, mut troubles) = (Found::default(), Troubles::default());
    let Some(place) = object.node else { return (found, troubles) };
    let path = object.path.to_string().into_bytes();
    if let Err(error) = look(tree, (place.id, place.file_type), &path, &mut found) {
        troubles.push(error);
    }
    if place.file_type == FileType::Directory {
        for visit in Walk::new(tree, place.id, &path).sharing(entered.clone()) {
            let looked = visit.and_then(|visit| look(tree, (visit.id, visit.file_type), &visit.path, &mut found));
            troubles.extend(looked.err());
        }
    }
    (found, troubles)
}

fn look(tree: &dyn Tree, (id, file_type): (NodeId, FileType), path: &[u8], found: &mut Found) -> Result<()> {
    let node = tree.node(id)?;
    // The mode of a link means nothing, and setgid on a directory gives nobody anything.
    let is_link = file_type == FileType::Symlink;
    let runs = file_type == FileType::File && node.mode & (SETUID | SETGID) != 0;
    let writable = !is_link && node.mode & OTHERS_WRITE != 0 && node.mode & STICKY == 0;
    for (is_so, found) in [runs, writable, node.uid != 0].into_iter().zip(found) {
        if is_so {
            found.get_or_insert_with(|| (0, path.to_vec())).0 += 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::fs::{Entry, Kind, Node};
    use crate::nixos::made::Made;
    use crate::store::StorePath;
    use crate::store::contents::Place;

    /// Files whose contents are their mode and owner: `4555 0`.
    struct Moded(Made);

    impl Tree for Moded {
        fn root(&self) -> NodeId {
            self.0.root()
        }

        fn node(&self, id: NodeId) -> Result<Node> {
            let mut node = self.0.node(id)?;
            if matches!(node.kind, Kind::File { .. }) {
                let mut text = String::new();
                self.0.open(id)?.read_to_string(&mut text).unwrap();
                let (mode, uid) = text.split_once(' ').unwrap();
                (node.mode, node.uid) = (u16::from_str_radix(mode, 8).unwrap(), uid.parse().unwrap());
            }
            Ok(node)
        }

        fn entries(&self, directory: NodeId) -> Result<Vec<Entry>> {
            self.0.entries(directory)
        }

        fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
            self.0.lookup(directory, name)
        }

        fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>> {
            self.0.open(file)
        }
    }

    #[test]
    fn files_with_modes_that_nix_never_gives_are_counted_and_the_first_is_named() {
        let tree = Moded(Made::of(&[
            ("/bin/plain", "555 0"),
            ("/bin/su", "4555 0"),
            ("/bin/wall", "2555 0"),
            ("/share/link", "-> ../bin/su"),
            ("/share/open", "666 0"),
            ("/share/sticky", "1666 0"),
            ("/share/theirs", "444 1000"),
        ]));
        let base = format!("{}-tool-1.0", "a".repeat(32));
        let path = StorePath::from_base(base.as_bytes()).unwrap();
        let node = Some(Place { id: tree.root(), file_type: FileType::Directory });
        let (found, troubles) = of_object(&tree, &Object { path, node, record: None }, &Entered::default());
        assert!(troubles.is_empty());
        let named = |name: &str| format!("/nix/store/{base}/{name}").into_bytes();
        assert_eq!(
            found,
            [Some((2, named("bin/su"))), Some((1, named("share/open"))), Some((1, named("share/theirs")))]
        );
    }
}
