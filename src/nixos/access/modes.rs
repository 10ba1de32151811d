//! Files with modes, owners and capabilities that matter: in the store, where Nix gives none of them, and on the disc.

use rayon::prelude::*;

use super::capability::{Capabilities, is_as_good_as_root};
use super::finding::{Finding, FindingId, Severity};
use crate::error::{Result, Troubles};
use crate::fs::walk::{Entered, Walk};
use crate::fs::{FileType, NodeId, Tree};
use crate::nixos::software::Software;
use crate::nixos::{Disc, Medium};
use crate::store::contents::Object;
use crate::store::{Carrier, STORE, StorePath};

/// Store paths that findings of one kind name. The others are counted in a finding of their own.
const MOST: usize = 20;

/// Bits of a mode (POSIX `S_ISUID`, `S_ISGID`, `S_IWOTH`, `S_ISVTX`).
const SETUID: u16 = 0o4000;
const SETGID: u16 = 0o2000;
const OTHERS_WRITE: u16 = 0o2;
const STICKY: u16 = 0o1000;

/// The kinds of findings.
const KINDS: [FindingId; 4] =
    [FindingId::SetuidFile, FindingId::CapableFile, FindingId::WorldWritable, FindingId::NotOwnedByRoot];

/// The files of one kind, in a store path or on the disc.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Files {
    /// How many there are.
    count: usize,
    /// The path of the first.
    first: Vec<u8>,
    /// The capabilities of all of them.
    capabilities: Capabilities,
}

/// The files of each kind.
type Found = [Option<Files>; KINDS.len()];

/// The findings about files in the store and on the disc. Only inodes are read.
///
/// # Errors
/// If there is no store.
pub fn modes(disc: &Disc<'_>, software: &Software, troubles: &mut Troubles) -> Result<Vec<Finding>> {
    let mut findings = of_store(disc.require_store()?.tree(), software, troubles);
    findings.extend(of_disc(disc, troubles));
    Ok(findings)
}

fn of_store(tree: &dyn Tree, software: &Software, troubles: &mut Troubles) -> Vec<Finding> {
    let entered = Entered::default();
    let objects: Vec<&Object> = software.present().map(|(_, object)| object).collect();
    let found: Vec<(Found, Troubles)> = objects.par_iter().map(|object| of_object(tree, object, &entered)).collect();
    let mut findings = Vec::new();
    for (kind, id) in KINDS.into_iter().enumerate() {
        let with =
            objects.iter().zip(&found).filter_map(|(object, (found, _))| Some((object, found.get(kind)?.as_ref()?)));
        let with: Vec<(&&Object, &Files)> = with.collect();
        for (object, files) in with.iter().take(MOST) {
            let message = format!("{} {}", files.counted(), what(id, files.capabilities));
            let path = String::from_utf8_lossy(&files.first);
            findings.push(Finding::new(id, object.path.name(), message, Some(&path)));
        }
        let rest = with.get(MOST..).unwrap_or_default();
        if !rest.is_empty() {
            let all = rest.iter().fold(0, |all, (_, files)| all | files.capabilities.0);
            let message =
                format!("{} more store paths have files that are {}", rest.len(), what(id, Capabilities(all)));
            findings.push(Finding::new(id, "store", message, None));
        }
    }
    found.into_iter().for_each(|(_, unread)| troubles.append(unread));
    findings
}

/// The disc is mounted read-only, so that only setuid programs matter to a running system.
fn of_disc(disc: &Disc<'_>, troubles: &mut Troubles) -> Vec<Finding> {
    // What is beside the store of a disk belongs to its users and services.
    if let Medium::Disk(_) | Medium::Directory(_) = &disc.carrier {
        return Vec::new();
    }
    let tree = disc.own_tree();
    let mut found = Found::default();
    troubles.extend(look(tree, (tree.root(), FileType::Directory), b"/", &mut found).err());
    let mut walk = Walk::new(tree, tree.root(), b"/");
    while let Some(visit) = walk.next() {
        let Some(visit) = troubles.keep(visit) else { continue };
        if is_of_store(disc, &visit.path) {
            walk.prune();
        } else {
            troubles.extend(look(tree, (visit.id, visit.file_type), &visit.path, &mut found).err());
        }
    }
    let finding = |(id, files): (FindingId, Option<Files>)| {
        let files = files?;
        let what = what(id, files.capabilities);
        let (severity, more) = match id {
            FindingId::SetuidFile | FindingId::CapableFile => (id.severity(), ""),
            _ => (Severity::Info, "; the disc is read-only, so this matters for copies of it alone"),
        };
        let path = String::from_utf8_lossy(&files.first);
        let message = format!("{} {what}{more}", files.counted());
        Some(Finding { severity, ..Finding::new(id, "disc", message, Some(&path)) })
    };
    KINDS.into_iter().zip(found).filter_map(finding).collect()
}

/// Whether a path of the disc's own tree is in the store.
fn is_of_store(disc: &Disc<'_>, path: &[u8]) -> bool {
    match (&disc.carrier, disc.store.as_ref().map(|store| &store.carrier)) {
        (_, None) => false,
        (Medium::Volume(_), Some(Carrier::Directory(_))) => path == STORE.as_bytes(),
        (Medium::Volume(_), Some(Carrier::Squashfs { .. } | Carrier::Tree(_))) => false,
        (Medium::Disk(_) | Medium::Directory(_), Some(_)) => path == STORE.as_bytes(),
        (Medium::Archive(_), Some(_)) => path.strip_prefix(b"/").and_then(StorePath::from_base).is_some(),
    }
}

/// What a kind of finding says about files.
fn what(id: FindingId, capabilities: Capabilities) -> String {
    match id {
        FindingId::SetuidFile => "setuid or setgid, so that anyone can run it as its owner or group".to_owned(),
        FindingId::WorldWritable => "writable by everyone".to_owned(),
        FindingId::NotOwnedByRoot => "not owned by root, so that its owner can change it".to_owned(),
        _ => {
            let names = capabilities.names();
            let grave: Vec<&str> = names.iter().map(String::as_str).filter(|name| is_as_good_as_root(name)).collect();
            match grave.is_empty() {
                true => format!("privileged: whoever runs it has {}", names.join(" and ")),
                false => format!("privileged: whoever runs it has {}, which is as good as root", grave.join(" and ")),
            }
        }
    }
}

impl Files {
    fn counted(&self) -> String {
        match self.count {
            1 => "a file is".to_owned(),
            count => format!("{count} files are"),
        }
    }
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
    let is_file = file_type == FileType::File;
    let runs = is_file && node.mode & (SETUID | SETGID) != 0;
    let attribute = if is_file { tree.capabilities(id) } else { Ok(None) };
    let granted = |attribute: &Option<Vec<u8>>| attribute.as_deref().map(Capabilities::granted_by);
    let capabilities = attribute.as_ref().ok().and_then(granted).unwrap_or_default();
    let writable = !is_link && node.mode & OTHERS_WRITE != 0 && node.mode & STICKY == 0;
    for (is_so, found) in [runs, !capabilities.is_empty(), writable, node.uid != 0].into_iter().zip(found) {
        if is_so {
            let files = found.get_or_insert_with(|| Files {
                count: 0,
                first: path.to_vec(),
                capabilities: Capabilities::default(),
            });
            files.count += 1;
            files.capabilities.0 |= capabilities.0;
        }
    }
    attribute.map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::fs::{Entry, Kind, Node};
    use crate::nixos::made::Made;
    use crate::store::StorePath;
    use crate::store::contents::Place;

    /// Files whose contents are their mode, owner and capabilities: `4555 0`, `555 0 2000`.
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
                let mut words = text.split(' ');
                let (mode, uid) = (words.next().unwrap(), words.next().unwrap());
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

        /// A third word is a set of capabilities that the file grants.
        fn capabilities(&self, file: NodeId) -> Result<Option<Vec<u8>>> {
            let mut text = String::new();
            self.0.open(file)?.read_to_string(&mut text).unwrap();
            let set = text.split(' ').nth(2).map(|word| u32::from_str_radix(word, 16).unwrap());
            Ok(set.map(|set| [0x0200_0000, set, 0, 0, 0].into_iter().flat_map(u32::to_le_bytes).collect()))
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
            ("/bin/ping", "555 0 2000"),
            ("/bin/sniff", "555 0 2080"),
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
        let named = |count: usize, name: &str, capabilities: u64| {
            let first = format!("/nix/store/{base}/{name}").into_bytes();
            Some(Files { count, first, capabilities: Capabilities(capabilities) })
        };
        assert_eq!(
            found,
            [
                named(2, "bin/su", 0),
                named(2, "bin/ping", 0x2080),
                named(1, "share/open", 0),
                named(1, "share/theirs", 0)
            ]
        );
    }

    #[test]
    fn capabilities_as_good_as_root_are_named_before_others() {
        let what = |set| what(FindingId::CapableFile, Capabilities(set));
        assert_eq!(what(0x2400), "privileged: whoever runs it has cap_net_bind_service and cap_net_raw");
        assert_eq!(what(0x2080), "privileged: whoever runs it has cap_setuid, which is as good as root");
    }
}
