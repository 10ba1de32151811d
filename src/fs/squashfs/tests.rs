//! Whole archives made by mksquashfs, and damaged ones.

use std::io::Read;
use std::path::Path;

use super::*;
use crate::fs::{Device, FileType};
use crate::image::Source;

/// The same tree in every way that mksquashfs can pack it (see `fixtures/README.md`).
const PACKED: [&str; 11] = [
    "gzip",
    "lzma",
    "lzo",
    "xz",
    "lz4",
    "zstd",
    "none",
    "no-fragments",
    "always-use-fragments",
    "gzip-options",
    "bare",
];

fn fixture(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/squashfs");
    std::fs::read(folder.join(name).with_extension("squashfs")).unwrap()
}

fn read(archive: &Archive<'_>, file: NodeId) -> Result<Vec<u8>> {
    let mut contents = Vec::new();
    match archive.open(file)?.read_to_end(&mut contents) {
        Ok(_) => Ok(contents),
        Err(error) => Err(Error::from_read(error, Path::new("archive"))),
    }
}

fn find(archive: &Archive<'_>, path: &str) -> NodeId {
    let step = |id, name: &str| archive.lookup(id, name.as_bytes()).unwrap().unwrap();
    path.split('/').fold(archive.root(), step)
}

/// A file of an archive: path, type, permissions, owner, group, and the contents of a file or the target of a link.
type Row = (Vec<u8>, FileType, u16, u32, u32, Vec<u8>);

fn rows(archive: &Archive<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut stack = vec![(Vec::new(), archive.root())];
    while let Some((path, id)) = stack.pop() {
        let node = archive.node(id).unwrap();
        let contents = match &node.kind {
            Kind::File { size } => {
                let contents = read(archive, id).unwrap();
                assert_eq!(contents.len() as u64, *size);
                contents
            }
            Kind::Symlink { target } => target.clone(),
            Kind::Directory => {
                for entry in archive.entries(id).unwrap() {
                    assert_eq!(archive.lookup(id, &entry.name).unwrap(), Some(entry.id));
                    assert_eq!(archive.node(entry.id).unwrap().kind.file_type(), entry.file_type);
                    stack.push(([path.as_slice(), b"/", &entry.name].concat(), entry.id));
                }
                Vec::new()
            }
            _ => Vec::new(),
        };
        rows.push((path, node.kind.file_type(), node.mode, node.uid, node.gid, contents));
    }
    rows.sort();
    rows
}

#[test]
fn one_tree_reads_the_same_however_it_is_packed() {
    let source = Source::memory(fixture("none"));
    let plain = rows(&Archive::open(Region::whole(&source)).unwrap());
    assert_eq!(plain.len(), 185);
    for name in PACKED {
        let source = Source::memory(fixture(name));
        let mut expected = plain.clone();
        if name == "bare" {
            expected.iter_mut().for_each(|row| (row.3, row.4) = (0, 0)); // packed with one owner
        }
        assert!(rows(&Archive::open(Region::whole(&source)).unwrap()) == expected, "{name}");
    }
}

#[test]
fn nodes_and_contents_are_those_that_were_packed() {
    let source = Source::memory(fixture("zstd"));
    let archive = Archive::open(Region::whole(&source)).unwrap();
    let node = |path| archive.node(find(&archive, path)).unwrap();
    let target = b"small.txt".to_vec();
    let time = 1_000_000_000;
    assert_eq!(node("link"), Node { kind: Kind::Symlink { target }, mode: 0o777, uid: 1000, gid: 100, mtime: time });
    assert_eq!(node("sticky"), Node { kind: Kind::Directory, mode: 0o1777, uid: 0, gid: 0, mtime: time });
    assert_eq!(node("setuid"), Node { kind: Kind::File { size: 20 }, mode: 0o4755, uid: 0, gid: 0, mtime: time });
    assert_eq!(node("small.txt").mtime, 1);
    assert_eq!(node("block").kind, Kind::BlockDevice(Device { major: 8, minor: 300 }));
    assert_eq!(node("extended/block").kind, Kind::BlockDevice(Device { major: 259, minor: 70_000 }));
    assert_eq!(node("extended/character").kind, Kind::CharDevice(Device { major: 5, minor: 1 }));

    let lines: String = (1..=2500).map(|line| format!("{line}\n")).collect();
    let contents = |path| read(&archive, find(&archive, path)).unwrap();
    assert_eq!(contents("blocks.txt"), lines.as_bytes());
    assert_eq!(contents("two-blocks.txt"), &lines.as_bytes()[..8192]);
    assert_eq!(contents("hole.img"), [&[0; 65_536][..], b"end"].concat());
    assert_eq!(contents("empty.txt"), b"");
    assert_eq!(find(&archive, "small.txt"), find(&archive, "hard-link.txt"));
}

#[test]
fn the_superblock_says_what_mksquashfs_was_told() {
    let source = Source::memory(fixture("zstd"));
    let archive = Archive::open(Region::whole(&source)).unwrap();
    let superblock = archive.superblock();
    assert_eq!(superblock.compression.to_string(), "zstd");
    assert_eq!((superblock.inodes, superblock.ids, superblock.fragments), (184, 3, 1));
    assert_eq!((superblock.block_size, superblock.mkfs_time), (4096, 1_000_000_000));
    assert_eq!(superblock.bytes_used, 15_762);
}

#[test]
fn the_export_table_leads_to_every_inode() {
    let source = Source::memory(fixture("gzip"));
    let archive = Archive::open(Region::whole(&source)).unwrap();
    let exported: Vec<NodeId> = (1..=184).map(|number| archive.exported(number).unwrap().unwrap()).collect();
    assert!(exported.contains(&archive.root()));
    assert!(exported.into_iter().all(|id| archive.node(id).is_ok()));
    assert_eq!([0, 185].map(|number| archive.exported(number).unwrap()), [None, None]);
    let source = Source::memory(fixture("bare"));
    assert_eq!(Archive::open(Region::whole(&source)).unwrap().exported(1).unwrap(), None);
}

#[test]
fn blocks_and_fragments_describe_how_a_file_is_stored() {
    let source = Source::memory(fixture("none"));
    let archive = Archive::open(Region::whole(&source)).unwrap();
    let describe = |path| {
        let data = archive.blocks(find(&archive, path)).unwrap();
        let blocks: Vec<(u32, u32)> =
            data.blocks.map(|block| block.unwrap()).map(|b| (b.stored.length, b.size)).collect();
        (data.size, blocks, data.fragment.map(|fragment| fragment.size))
    };
    assert_eq!(describe("small.txt"), (6, vec![], Some(6)));
    assert_eq!(describe("empty.txt"), (0, vec![], None));
    assert_eq!(describe("two-blocks.txt"), (8192, vec![(4096, 4096); 2], None));
    assert_eq!(describe("hole.img"), (65_539, [vec![(0, 4096); 16], vec![(3, 3)]].concat(), None));
}

#[test]
fn a_lookup_decompresses_the_blocks_on_its_way_and_no_others() {
    let source = Source::memory(fixture("none"));
    let archive = Archive::open(Region::whole(&source)).unwrap();
    assert_eq!(archive.metadata.decompressed(), 0);
    let many = archive.lookup(archive.root(), b"many").unwrap().unwrap();
    assert_eq!(archive.metadata.decompressed(), 2); // the root's inode, its listing
    let last = b"one-of-many-names-that-are-long-enough-to-fill-a-block-150";
    assert!(archive.lookup(many, last).unwrap().is_some());
    assert_eq!(archive.metadata.decompressed(), 2);
    let first = b"one-of-many-names-that-are-long-enough-to-fill-a-block-001";
    assert!(archive.lookup(many, first).unwrap().is_some());
    assert_eq!(archive.metadata.decompressed(), 3); // the listing begins in another block
}

#[test]
fn a_node_of_another_type_is_neither_listed_nor_read() {
    let source = Source::memory(fixture("gzip"));
    let archive = Archive::open(Region::whole(&source)).unwrap();
    let (file, directory) = (find(&archive, "small.txt"), find(&archive, "deep"));
    let is = |error: Error, what: &str| assert!(error.to_string().ends_with(what), "{error}");
    is(archive.entries(file).unwrap_err(), "invalid type, not a directory");
    is(archive.lookup(file, b"x").unwrap_err(), "invalid type, not a directory");
    is(archive.open(directory).err().unwrap(), "invalid type, not a regular file");
    is(archive.node(NodeId(1 << 48)).unwrap_err(), "invalid reference of over 48 bits");
}

#[test]
fn a_truncated_archive_still_opens_and_says_what_is_missing() {
    let source = Source::memory(fixture("gzip")[..96].to_vec());
    let archive = Archive::open(Region::whole(&source)).unwrap();
    assert_eq!(archive.superblock().inodes, 184);
    assert!(matches!(archive.node(archive.root()), Err(Error::Truncated { structure: "metadata block", .. })));
}

#[test]
fn errors_name_bytes_of_the_image_around_the_archive() {
    let archive = fixture("none");
    let table = u64::from_le_bytes(archive[64..72].try_into().unwrap());
    let mut image = vec![0; 4096];
    image.extend(&archive);
    image[4096 + usize::try_from(table).unwrap()..][..2].copy_from_slice(&[0, 0]);
    let source = Source::memory(image);
    let region = Region::whole(&source);
    let archive = Archive::open(region.slice("archive", 4096, region.length() - 4096).unwrap()).unwrap();
    let error = archive.node(NodeId(0)).unwrap_err();
    assert_eq!(error.to_string(), format!("metadata block at {:#x}: invalid length", 4096 + table));
}

/// An archive with one file in 4 KiB blocks. Each block is given by its size as in the block list, and its stored bytes.
fn one_file(size: u64, blocks: &[(u32, &[u8])]) -> (Source, NodeId) {
    let data: Vec<u8> = blocks.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
    let mut table = Vec::new();
    for number in [9_u16, 0o644, 0, 0] {
        table.extend(number.to_le_bytes()); // type, mode, uid, guid
    }
    table.extend([0; 8]); // mtime, inode_number
    for number in [96, size, 0] {
        table.extend(number.to_le_bytes()); // start_block, file_size, sparse
    }
    for number in [1, u32::MAX, 0, u32::MAX] {
        table.extend(number.to_le_bytes()); // nlink, fragment, offset, xattr
    }
    table.extend(blocks.iter().flat_map(|(size, _)| size.to_le_bytes()));

    let mut image = superblock::tests::example();
    let change = |image: &mut Vec<u8>, at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    change(&mut image, 12, &4096_u32.to_le_bytes());
    change(&mut image, 22, &12_u16.to_le_bytes());
    let start = 96 + data.len() as u64;
    let end = start + table.len() as u64 + 2 * table.len().div_ceil(8192) as u64;
    change(&mut image, 40, &end.to_le_bytes());
    for at in (48..96).step_by(8) {
        change(&mut image, at, &if at == 64 { start } else { end }.to_le_bytes());
    }
    image.extend(data);
    for part in table.chunks(8192) {
        image.extend((0x8000 | u16::try_from(part.len()).unwrap()).to_le_bytes());
        image.extend(part);
    }
    (Source::memory(image), NodeId(0))
}

const STORED: u32 = 1 << 24;

#[test]
fn a_file_of_many_blocks_is_delivered_in_order_on_any_number_of_threads() {
    let block = |number: u16| [number.to_le_bytes(); 2048].concat();
    let parts: Vec<Vec<u8>> = (0..3000).map(block).collect();
    let mut blocks: Vec<(u32, &[u8])> = parts.iter().map(|part| (STORED | 4096, part.as_slice())).collect();
    blocks[1] = (0, &[]);
    blocks[2999] = (STORED | 5, &parts[2999][..5]);
    let (source, file) = one_file(2999 * 4096 + 5, &blocks);
    let mut expected = parts.concat();
    expected.truncate(2999 * 4096 + 5);
    expected[4096..8192].fill(0);
    let archive = Archive::open(Region::whole(&source)).unwrap();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert!(pool.install(|| read(&archive, file)).unwrap() == expected, "{threads} threads");
    }
}

#[test]
fn all_that_stands_before_a_damaged_block_is_read() {
    for damaged in [0, 1, 7, 2000] {
        let good = vec![1; 4096];
        let mut blocks: Vec<(u32, &[u8])> = vec![(STORED | 4096, &good); 2001];
        blocks[damaged] = (7, b"no zstd");
        let (source, file) = one_file(2001 * 4096, &blocks);
        let archive = Archive::open(Region::whole(&source)).unwrap();
        let mut reader = archive.open(file).unwrap();
        let mut contents = Vec::new();
        let error = reader.read_to_end(&mut contents).unwrap_err();
        assert_eq!(contents.len(), damaged * 4096);
        let place = 96 + damaged * 4096;
        assert_eq!(error.to_string(), format!("data block at {place:#x}: invalid compressed data"));
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0);
    }
}

#[test]
fn a_size_that_the_block_list_does_not_bear_out_is_an_error_at_its_end() {
    let (source, file) = one_file(u64::MAX, &[(STORED | 4096, &[1; 4096]), (0, &[])]);
    let archive = Archive::open(Region::whole(&source)).unwrap();
    assert_eq!(archive.blocks(file).unwrap().size, u64::MAX);
    let place = 96 + 4096;
    assert_eq!(
        read(&archive, file).unwrap_err().to_string(),
        format!("block list at {place:#x}+0x40: invalid length, past the end of its table")
    );
}

#[test]
fn a_block_of_another_length_than_its_place_asks_for_is_refused() {
    let cases: [(u32, &[u8], &str); 3] = [
        (STORED | 9, &[1; 9], "data block at 0x60: invalid length"),
        (4097, &[1; 4097], "block list at 0x1061+0x38: invalid contents"),
        (STORED | 1 << 25 | 4096, &[1; 4096], "block list at 0x1060+0x38: invalid contents"),
    ];
    for (size, bytes, message) in cases {
        let (source, file) = one_file(4096, &[(size, bytes)]);
        let archive = Archive::open(Region::whole(&source)).unwrap();
        assert_eq!(read(&archive, file).unwrap_err().to_string(), message);
    }
}

/// Reads a little of everything in a damaged archive. That must end, whatever the archive contains.
fn exercise(bytes: Vec<u8>) {
    let source = Source::memory(bytes);
    let Ok(archive) = Archive::open(Region::whole(&source)) else { return };
    let mut stack = vec![archive.root()];
    for _ in 0..400 {
        let Some(id) = stack.pop() else { return };
        let Ok(node) = archive.node(id) else { continue };
        let mut head = Vec::new();
        match node.kind {
            Kind::Directory => {
                let _ = archive.lookup(id, b"one-of-many-names-that-are-long-enough-to-fill-a-block-100");
                stack.extend(archive.entries(id).into_iter().flatten().map(|entry| entry.id));
            }
            Kind::File { .. } => drop(archive.open(id).map(|reader| reader.take(1 << 17).read_to_end(&mut head))),
            _ => {}
        }
    }
}

/// A random number generator with a fixed seed (xorshift).
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state: u64 = 0x2545_f491_4f6c_dd1d;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    }
}

#[test]
fn no_damage_makes_reading_panic_or_go_on_forever() {
    let mut number = numbers();
    for name in PACKED {
        let archive = fixture(name);
        // The tables are at the end, and matter most.
        let tables = usize::try_from(u64::from_le_bytes(archive[64..72].try_into().unwrap())).unwrap();
        for round in 0..60 {
            let mut damaged = archive.clone();
            for _ in 0..=number(8) {
                let at = if round % 3 == 0 { number(archive.len()) } else { tables + number(archive.len() - tables) };
                damaged[at] = if round % 2 == 0 { damaged[at] ^ 1 << number(8) } else { [0, 0xff][number(2)] };
            }
            if round % 10 == 9 {
                damaged.truncate(number(archive.len()));
            }
            exercise(damaged);
        }
        for at in 0..96 {
            let mut damaged = archive.clone();
            damaged[at] ^= 1 << number(8);
            exercise(damaged);
        }
    }
}

#[test]
fn capabilities_are_those_that_setcap_gave_whether_or_not_files_share_the_value() {
    let source = Source::memory(fixture("capabilities"));
    let archive = Archive::open(Region::whole(&source)).unwrap();
    let hex = |name: &str| {
        let value = archive.capabilities(find(&archive, name)).unwrap();
        value.map(|value| value.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    let cases = [
        ("effective", Some("0100000280000000000000004000000000000000")),
        ("inheritable", Some("0000000200000000002000000000000000000000")),
        ("raw", Some("0000000200200000000000000000000000000000")),
        ("shared", Some("0000000200200000000000000000000000000000")),
        ("noted", None),
        ("plain", None),
    ];
    for (name, expected) in cases {
        assert_eq!(hex(name).as_deref(), expected, "{name}");
    }
    assert_eq!(archive.capabilities(archive.root()).unwrap(), None);
}

#[test]
fn a_table_of_attributes_at_a_wrong_place_is_an_error_only_for_files_that_need_it() {
    let mut bytes = fixture("capabilities");
    bytes[56..64].copy_from_slice(&4096_u64.to_le_bytes());
    let source = Source::memory(bytes);
    let archive = Archive::open(Region::whole(&source)).unwrap();
    let message = archive.capabilities(find(&archive, "raw")).unwrap_err().to_string();
    assert_eq!(message, "extended attributes at 0x1000: truncated, needs 16 bytes, 0 are there");
    assert_eq!(archive.capabilities(find(&archive, "plain")).unwrap(), None);
}
