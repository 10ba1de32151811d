//! The directory tree of a volume.

use std::io::Read;
use std::mem;
use std::ops::ControlFlow;

use super::directory::{DirectoryRecord, Sectors};
use super::rock_ridge::RockRidge;
use super::symbolic_link::Target;
use super::{Names, Volume, identifier, joliet, section};
use crate::error::{Error, Place, Result, Work};
use crate::fs::{Device, Entry, FileType, Kind, Listing, Node, NodeId, Tree};

/// Bytes of a logical sector (ECMA-119 §6.1.2).
const SECTOR: u64 = 2048;

impl<'a> Volume<'a> {
    /// Passes the entries of a directory to `visitor` as recorded, until it stops.
    pub(super) fn visit<B>(
        &self,
        directory: NodeId,
        mut visitor: impl FnMut(&DirectoryRecord<'_>, Entry) -> ControlFlow<B>,
    ) -> Result<Option<B>> {
        let mut goes_on = false;
        for sector in self.sectors(directory)? {
            let sector = sector?;
            self.region.charge((Work::Metadata, SECTOR), &|| self.region.place(directory.0))?;
            for record in sector.records() {
                let record = match record {
                    Ok(record) => record,
                    Err(error) => {
                        self.fault(error);
                        continue;
                    }
                };
                // Further sections of a file repeat its name.
                let first = !mem::replace(&mut goes_on, record.has(DirectoryRecord::MULTI_EXTENT));
                if !first || record.is_dot() || record.has(DirectoryRecord::ASSOCIATED) {
                    continue;
                }
                // Damage of a node is reported when that node is read. The others can still be listed.
                let mut rock_ridge = RockRidge::default();
                let _ = self.take_rock_ridge(&record, &mut rock_ridge);
                if rock_ridge.relocated {
                    continue; // listed at its child link
                }
                let file_type = rock_ridge.file_type(&record);
                let entry = Entry { name: self.name(&record, rock_ridge.name), id: NodeId(record.offset), file_type };
                if let ControlFlow::Break(found) = visitor(&record, entry) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// The logical sectors of a directory.
    fn sectors(&self, directory: NodeId) -> Result<Sectors<'a>> {
        let sector = self.described(directory)?;
        let record = sector.record()?;
        if self.rock_ridge(&record).file_type(&record) != FileType::Directory {
            return Err(self.wrong("file type: not a directory", directory));
        }
        if record.has(DirectoryRecord::MULTI_EXTENT) {
            // A directory is always a single file section (§6.8.1).
            let what = "directory of several sections".into();
            return Err(Error::Unsupported { what, place: self.region.place(record.offset) });
        }
        let start = section::start(&self.region, self.block_size, &record)?;
        Sectors::new(&self.region, start, record.extent.length.into())
    }

    /// The name of an entry, with `harmless` applied.
    fn name(&self, record: &DirectoryRecord<'_>, alternate: Option<Vec<u8>>) -> Vec<u8> {
        let name = match (self.names, alternate) {
            (_, Some(name)) if !name.is_empty() => name,
            (Names::Joliet, _) => joliet::name(record.identifier),
            _ => identifier::plain(record.identifier),
        };
        identifier::harmless(name)
    }
}

impl Tree for Volume<'_> {
    fn root(&self) -> NodeId {
        NodeId(self.root)
    }

    fn node(&self, id: NodeId) -> Result<Node> {
        let sector = self.described(id)?;
        let record = sector.record()?;
        let rock_ridge = self.rock_ridge(&record);
        let device = rock_ridge.device.unwrap_or(Device { major: 0, minor: 0 });
        let file_type = rock_ridge.file_type(&record);
        let modified = rock_ridge.modified.or(record.recorded);
        let kind = match file_type {
            FileType::File => Kind::File {
                size: match rock_ridge.compressed {
                    Some(compressed) => compressed.size,
                    None => section::size(&self.region, &record)?,
                },
            },
            FileType::Directory => Kind::Directory,
            FileType::Symlink => {
                Kind::Symlink { target: rock_ridge.target.map(Target::into_bytes).unwrap_or_default() }
            }
            FileType::CharDevice => Kind::CharDevice(device),
            FileType::BlockDevice => Kind::BlockDevice(device),
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
        };
        // Without Rock Ridge everyone may read and execute, as in mount(8).
        let (mode, uid, gid) = match rock_ridge.attributes {
            Some(attributes) => (attributes.permissions(), attributes.uid, attributes.gid),
            None => (0o555, 0, 0),
        };
        Ok(Node { kind, mode, uid, gid, mtime: modified.map_or(0, |date| date.timestamp()) })
    }

    /// If a name is recorded twice, the first record counts, as in Linux.
    fn entries(&self, directory: NodeId) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.visit(directory, |_, entry| {
            entries.push(entry);
            ControlFlow::<()>::Continue(())
        })?;
        let listed = u64::try_from(entries.len()).unwrap_or(u64::MAX);
        self.charge((Work::Entries, listed), &|| self.region.place(directory.0))?;
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        entries.dedup_by(|later, first| later.name == first.name);
        Ok(entries)
    }

    fn lookup(&self, directory: NodeId, name: &[u8]) -> Result<Option<NodeId>> {
        self.visit(directory, |_, entry| match entry.name == name {
            true => ControlFlow::Break(entry.id),
            false => ControlFlow::Continue(()),
        })
    }

    fn listing(&self, directory: NodeId) -> Result<Listing> {
        let sector = self.described(directory)?;
        let record = sector.record()?;
        let start = section::start(&self.region, self.block_size, &record)?;
        Ok(Listing { start, end: start.saturating_add(u64::from(record.extent.length)) })
    }

    fn charge(&self, work: (Work, u64), place: &dyn Fn() -> Place) -> Result<()> {
        self.region.charge(work, place)
    }

    fn open(&self, file: NodeId) -> Result<Box<dyn Read + Send + '_>> {
        match self.contents(file)? {
            (region, None) => Ok(Box::new(region.reader())),
            (region, Some(compressed)) => Ok(Box::new(compressed.open(region)?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::build::{both32, descriptor, mode, name, record, record_with, system_use, volume};
    use super::*;
    use crate::image::{Region, Source};

    const FILE: u32 = 0o100_644;
    const DIRECTORY: u32 = 0o040_755;
    const SYMLINK: u32 = 0o120_777;

    /// The records for itself and its parent in a directory of one block.
    fn dots(location: u32, parent: u32, own: &[u8]) -> Vec<u8> {
        [record_with(&[0], location, 2048, 2, own), record(&[1], parent, 2048, 2)].concat()
    }

    /// The Rock Ridge entries of the root's own record.
    fn own() -> Vec<u8> {
        [system_use(b"SP", &[0xbe, 0xef, 0]), mode(DIRECTORY)].concat()
    }

    /// A Rock Ridge volume with these records in its root.
    fn rock_ridge(records: &[Vec<u8>], blocks: &[(usize, Vec<u8>)]) -> Source {
        let root = [dots(30, 30, &own()), records.concat()].concat();
        let blocks = [&[(30, root)], blocks].concat();
        Source::memory(volume(&[descriptor(1, 1, b""), descriptor(255, 1, b"")], &blocks))
    }

    fn open(source: &Source) -> Volume<'_> {
        Volume::open(Region::whole(source)).unwrap()
    }

    fn names(tree: &Volume<'_>, directory: NodeId) -> Vec<String> {
        let entries = tree.entries(directory).unwrap().into_iter();
        entries.map(|entry| String::from_utf8(entry.name).unwrap()).collect()
    }

    fn read(tree: &Volume<'_>, path: &[&str]) -> String {
        let step = |id, name: &&str| tree.lookup(id, name.as_bytes()).unwrap().unwrap();
        let mut text = String::new();
        tree.open(path.iter().fold(tree.root(), step)).unwrap().read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn alternate_names_and_attributes_come_before_those_of_the_record() {
        let link = [name(b"link"), mode(SYMLINK), system_use(b"SL", b"\0\0\x04File")].concat();
        let source = rock_ridge(
            &[
                record_with(b"LINK.;1", 0, 0, 0, &link),
                record_with(b"FILE.;1", 32, 5, 0, &[name(b"File"), mode(FILE)].concat()),
                record_with(b"DIR", 31, 2048, 2, &[name(b"dir"), mode(DIRECTORY)].concat()),
            ],
            &[(31, dots(31, 30, &[])), (32, b"hello".to_vec())],
        );
        let tree = open(&source);
        assert_eq!(names(&tree, tree.root()), ["File", "dir", "link"]);
        let nodes = tree.entries(tree.root()).unwrap();
        let nodes: Vec<_> = nodes.iter().map(|entry| (entry.file_type, tree.node(entry.id).unwrap())).collect();
        assert!(nodes.iter().all(|(file_type, node)| node.kind.file_type() == *file_type && node.mtime == 315_532_800));
        assert_eq!(nodes[0].1.kind, Kind::File { size: 5 });
        assert_eq!(nodes[1].1.mode, 0o755);
        assert_eq!(nodes[2].1.kind, Kind::Symlink { target: b"File".to_vec() });
        assert_eq!(read(&tree, &["File"]), "hello");
        assert_eq!(tree.node(tree.root()).unwrap().mode, 0o755);
    }

    #[test]
    fn a_file_of_several_sections_is_one_entry_and_reads_as_one() {
        let source = rock_ridge(
            &[
                record_with(b"A.;1", 33, 2048, 0x80, &name(b"a")),
                record_with(b"A.;1", 31, 2048, 0x80, &name(b"a")),
                record_with(b"A.;1", 32, 3, 0, &name(b"a")),
                record_with(b"B.;1", 32, 1, 0, &name(b"b")),
            ],
            &[(31, vec![b'2'; 2048]), (32, b"end".to_vec()), (33, vec![b'1'; 2048])],
        );
        let tree = open(&source);
        assert_eq!(names(&tree, tree.root()), ["a", "b"]);
        let id = tree.lookup(tree.root(), b"a").unwrap().unwrap();
        assert_eq!(tree.node(id).unwrap().kind, Kind::File { size: 4099 });
        assert_eq!(read(&tree, &["a"]), ["1".repeat(2048), "2".repeat(2048), "end".to_owned()].concat());
        assert_eq!(tree.file_region(id).unwrap().place(2048), crate::Place::Byte(31 * 2048));
    }

    #[test]
    fn an_extended_attribute_record_comes_before_the_contents() {
        let mut file = record_with(b"A.;1", 31, 5, 0, &name(b"a"));
        file[1] = 2;
        let source = rock_ridge(&[file], &[(31, vec![b'?'; 4096]), (33, b"hello".to_vec())]);
        assert_eq!(read(&open(&source), &["a"]), "hello");
    }

    #[test]
    fn logical_blocks_may_be_smaller_than_sectors() {
        let mut primary = descriptor(1, 1, b"");
        primary[128..132].copy_from_slice(&[0, 2, 2, 0]);
        primary[158..166].copy_from_slice(&both32(30 * 4));
        let root = [dots(30 * 4, 30 * 4, &own()), record_with(b"A.;1", 31 * 4 + 1, 2, 0, &name(b"a"))].concat();
        let file = [vec![0; 512], b"hi".to_vec()].concat();
        let source = Source::memory(volume(&[primary], &[(30, root), (31, file)]));
        assert_eq!(read(&open(&source), &["a"]), "hi");
    }

    #[test]
    fn a_relocated_directory_is_seen_where_its_child_link_stands() {
        let deep = [mode(0o040_700), name(b"deep")].concat();
        let source = rock_ridge(
            &[
                record_with(
                    b"DEEP",
                    0,
                    0,
                    0,
                    &[mode(DIRECTORY), name(b"deep"), system_use(b"CL", &both32(32))].concat(),
                ),
                record_with(b"RR_MOVED", 31, 2048, 2, &[name(b"rr_moved"), mode(DIRECTORY)].concat()),
            ],
            &[
                (
                    31,
                    [
                        dots(31, 30, &[]),
                        record_with(b"DEEP", 32, 2048, 2, &[deep.clone(), system_use(b"RE", b"")].concat()),
                    ]
                    .concat(),
                ),
                (32, [dots(32, 31, &deep), record_with(b"F.;1", 33, 1, 0, &name(b"f"))].concat()),
                (33, b"x".to_vec()),
            ],
        );
        let tree = open(&source);
        assert_eq!(names(&tree, tree.root()), ["deep", "rr_moved"]);
        let [deep, moved] =
            [b"deep".as_slice(), b"rr_moved"].map(|name| tree.lookup(tree.root(), name).unwrap().unwrap());
        assert_eq!((tree.node(deep).unwrap().kind, tree.node(deep).unwrap().mode), (Kind::Directory, 0o700));
        assert_eq!((names(&tree, deep), names(&tree, moved)), (vec!["f".to_owned()], Vec::new()));
        assert_eq!(read(&tree, &["deep", "f"]), "x");
    }

    #[test]
    fn directories_whose_records_overlap_are_walked_once_and_reported() {
        let directory = |name: &str, location, length| {
            let own = [self::name(name.as_bytes()), mode(DIRECTORY)].concat();
            record_with(name.to_uppercase().as_bytes(), location, length, 2, &own)
        };
        let source = rock_ridge(
            &[directory("a", 31, 4096), directory("b", 32, 2048)],
            &[(31, dots(31, 30, &[])), (32, record_with(b"F.;1", 33, 1, 0, &name(b"f")))],
        );
        let tree = open(&source);
        let walk = crate::fs::walk::Walk::new(&tree, tree.root(), b"/");
        let seen: Vec<String> = walk
            .map(|visit| match visit {
                Ok(visit) => String::from_utf8(visit.path).unwrap(),
                Err(error) => error.to_string(),
            })
            .collect();
        let error = "directory at /b: invalid place: it shares entries with another directory";
        assert_eq!(seen, ["/a", "/a/f", "/b", error]);
    }

    #[test]
    fn associated_files_and_second_names_are_hidden() {
        let source = rock_ridge(
            &[
                record_with(b"A.;1", 31, 1, 0x04, &name(b"a")),
                record_with(b"A.;1", 32, 1, 0, &name(b"a")),
                record_with(b"B.;1", 33, 1, 0, &name(b"a")),
            ],
            &[(31, b"1".to_vec()), (32, b"2".to_vec()), (33, b"3".to_vec())],
        );
        let tree = open(&source);
        assert_eq!(names(&tree, tree.root()), ["a"]);
        assert_eq!(tree.entries(tree.root()).unwrap()[0].id, tree.lookup(tree.root(), b"a").unwrap().unwrap());
        assert_eq!(read(&tree, &["a"]), "2");
    }

    #[test]
    fn a_record_with_a_faulty_system_use_has_what_came_before_the_fault() {
        let mut times = system_use(b"TF", &[0; 8]);
        times[2] = 255;
        let file = [name(b"File"), mode(0o100_600), times].concat();
        let source = rock_ridge(&[record_with(b"FILE.;1", 31, 5, 0, &file)], &[(31, b"hello".to_vec())]);
        let tree = open(&source);
        assert_eq!(names(&tree, tree.root()), ["File"]);
        let id = tree.lookup(tree.root(), b"File").unwrap().unwrap();
        let node = tree.node(id).unwrap();
        assert_eq!((node.kind, node.mode), (Kind::File { size: 5 }, 0o600));
        assert_eq!(read(&tree, &["File"]), "hello");
        let faults: Vec<String> = tree.take_faults().iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("system use entry at 0xf"), "{faults:?}");
        assert!(tree.take_faults().is_empty(), "they are reported once");
    }

    #[test]
    fn a_malformed_record_hides_no_other() {
        for (length, expected) in [(1, &["a"][..]), (32, &["a"]), (33, &["a"]), (34, &["a", "c"])] {
            let mut malformed = record_with(b"B.;1", 31, 1, 0, &name(b"b"));
            malformed.truncate(34);
            malformed[0] = length;
            malformed[32] = 200; // the identifier overruns the record
            let after = record_with(b"C.;1", 31, 1, 0, &name(b"c"));
            let source = rock_ridge(&[record_with(b"A.;1", 31, 1, 0, &name(b"a")), malformed, after], &[]);
            let tree = open(&source);
            assert_eq!(names(&tree, tree.root()), expected, "{length}");
            assert_eq!(tree.take_faults().len(), 1, "{length}");
        }
    }

    #[test]
    fn joliet_is_read_where_the_tree_of_rock_ridge_is_empty() {
        let joliet_name: Vec<u8> = "a".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let blocks = [(30, dots(30, 30, &own())), (31, [dots(31, 31, &[]), record(&joliet_name, 32, 2, 0)].concat())];
        let source = Source::memory(volume(&[descriptor(1, 1, b""), descriptor(2, 1, b"%/E")], &blocks));
        let tree = open(&source);
        assert_eq!(names(&tree, tree.root()), ["a"]);
    }

    #[test]
    fn the_other_tree_is_that_which_is_not_shown() {
        let joliet_name: Vec<u8> = "a".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let blocks = [
            (30, [dots(30, 30, &own()), record_with(b"A.;1", 32, 2, 0, &name(b"a"))].concat()),
            (31, [dots(31, 31, &[]), record(&joliet_name, 33, 7, 0)].concat()),
        ];
        let source = Source::memory(volume(&[descriptor(1, 1, b""), descriptor(2, 1, b"%/E")], &blocks));
        let tree = open(&source);
        let [other] = &tree.other_trees()[..] else { panic!("one other tree") };
        let extent = |tree: &Volume<'_>| tree.extent(tree.lookup(tree.root(), b"a").unwrap().unwrap()).unwrap();
        assert_eq!((extent(&tree), other.name, extent(&other.volume)), ((32 * 2048, 2), "Joliet", (33 * 2048, 7)));
    }

    #[test]
    fn names_that_lead_elsewhere_are_made_harmless() {
        let evil =
            [record_with(b"A.;1", 0, 0, 0, &system_use(b"NM", b"\x04")), record_with(b"B.;1", 0, 0, 0, &name(b"../b"))];
        let source = rock_ridge(&evil, &[]);
        let tree = open(&source);
        assert_eq!(names(&tree, tree.root()), [".._b", "__"]);
    }

    #[test]
    fn joliet_is_read_where_there_is_no_rock_ridge_and_plain_identifiers_last() {
        let joliet_name: Vec<u8> = "Grüße.txt;1".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let blocks = [
            (30, [dots(30, 30, &[]), record(b"GRUSSE.;1", 32, 2, 0)].concat()),
            (31, [dots(31, 31, &[]), record(&joliet_name, 32, 2, 0)].concat()),
            (32, b"hi".to_vec()),
        ];
        for (second, expected) in [(descriptor(2, 1, b"%/E"), "Grüße.txt"), (descriptor(255, 1, b""), "GRUSSE")] {
            let source = Source::memory(volume(&[descriptor(1, 1, b""), second], &blocks));
            let tree = open(&source);
            assert_eq!(names(&tree, tree.root()), [expected]);
            assert_eq!(read(&tree, &[expected]), "hi");
            let root = tree.node(tree.root()).unwrap();
            assert_eq!((root.kind, root.mode, root.mtime), (Kind::Directory, 0o555, 315_532_800));
        }
    }

    #[test]
    fn a_file_is_no_directory_and_a_directory_no_file() {
        let source = rock_ridge(&[record_with(b"A.;1", 0, 0, 0, &name(b"a"))], &[]);
        let tree = open(&source);
        let file = tree.lookup(tree.root(), b"a").unwrap().unwrap();
        let error = tree.entries(file).unwrap_err();
        assert_eq!(error.to_string(), "directory record at 0xf06f: invalid file type: not a directory");
        assert!(tree.open(tree.root()).is_err() && tree.file_region(tree.root()).is_err());
    }

    #[test]
    fn what_cannot_be_read_in_place_is_refused_where_it_is_asked_for() {
        let zisofs = system_use(b"ZF", &[&b"pz\x04\x0f"[..], &both32(100_000)].concat());
        let mut interleaved = record_with(b"B.;1", 31, 1, 0, &name(b"b"));
        interleaved[26] = 1;
        let source = rock_ridge(&[record_with(b"A.;1", 31, 9, 0, &[name(b"a"), zisofs].concat()), interleaved], &[]);
        let tree = open(&source);
        let [a, b] = [b"a", b"b"].map(|name| tree.lookup(tree.root(), name).unwrap().unwrap());
        assert_eq!(tree.node(a).unwrap().kind, Kind::File { size: 100_000 });
        assert!(tree.file_region(a).unwrap_err().to_string().starts_with("file section at 0xf800: truncated"));
        assert!(tree.file_region(b).unwrap_err().to_string().starts_with("interleaved file at 0xf0"));
    }
}
