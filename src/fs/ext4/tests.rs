use std::io::Read;
use std::path::Path;

use super::*;
use crate::fs::Device;
use crate::fs::path;
use crate::fs::walk::Walk;
use crate::image::{Image, Source};

/// The bytes of a volume with every kind of inode.
fn volume(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/disks").join(name).with_extension("img.zst");
    let image = Image::open(&path, &|_, _| {}).unwrap();
    let mut bytes = Vec::new();
    image.region().reader().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads everything on a volume, and returns the number of files that could be read.
fn read_all(bytes: Vec<u8>) -> Result<usize> {
    let source = Source::memory(bytes);
    let volume = Volume::open(Region::whole(&source))?;
    let walk = Walk::new(&volume, volume.root(), b"/");
    let mut read = 0;
    for visit in walk {
        let Ok(visit) = visit else { continue };
        if visit.file_type == FileType::File
            && let Ok(mut file) = volume.open(visit.id)
        {
            read += usize::from(std::io::copy(&mut file.by_ref().take(1 << 24), &mut std::io::sink()).is_ok());
        }
    }
    Ok(read)
}

fn changed(at: usize, bytes: &[u8]) -> String {
    let mut image = volume("extents");
    image[at..at + bytes.len()].copy_from_slice(bytes);
    read_all(image).map_or_else(|error| error.to_string(), |read| format!("{read} files"))
}

#[test]
fn files_are_read_by_extents_and_by_maps_of_blocks() {
    for name in ["extents", "map"] {
        let source = Source::memory(volume(name));
        let volume = Volume::open(Region::whole(&source)).unwrap();
        assert_eq!((volume.label(), volume.length(), volume.needs_recovery()), (name, 1 << 20, false));
        let read = |file: &str| path::read(&volume, file.as_bytes(), 1 << 20).unwrap();
        let lines: String = (1..=2500).map(|line| format!("{line}\n")).collect();
        assert_eq!(read("/blocks.txt"), lines.as_bytes(), "{name}");
        assert_eq!(read("/deep/er/still/file.txt"), b"deep\n");
        assert_eq!(read("/hole.img"), [vec![0; 65536], b"end".to_vec()].concat());
        assert_eq!(read("/zeros.img"), vec![0; 20000]);
        assert_eq!(read("/link"), b"small\n");
        let node = |file: &str| volume.node(path::resolve_link(&volume, file.as_bytes()).unwrap().id).unwrap();
        assert_eq!(node("/long-link").kind, Kind::Symlink { target: [b"far/".repeat(40), b"away".to_vec()].concat() });
        assert_eq!(node("/character").kind, Kind::CharDevice(Device { major: 1, minor: 3 }));
        assert_eq!(node("/extended/block").kind, Kind::BlockDevice(Device { major: 259, minor: 70000 }));
        let setuid = node("/setuid");
        assert_eq!((setuid.mode, setuid.mtime), (0o4755, 1_000_000_000));
        let owned = node("/blocks.txt");
        assert_eq!((owned.uid, owned.gid, owned.kind), (1000, 100, Kind::File { size: lines.len() as u64 }));
        let many = path::resolve(&volume, b"/many").unwrap().id;
        assert_eq!(volume.entries(many).unwrap().len(), 150);
        assert!(volume.lookup(many, b"one-of-many-names-that-are-long-enough-to-fill-a-block-149").unwrap().is_some());
        assert_eq!(volume.lookup(many, b"one-of-many").unwrap(), None);
    }
}

#[test]
fn features_that_are_not_understood_are_refused_by_name() {
    for (features, expected) in [
        (0x10u32, "an ext4 volume with group descriptors in meta groups at 0x400: not supported"),
        (0x1, "an ext4 volume with compression at 0x400: not supported"),
        (0x8000_0002, "an ext4 volume with the unknown features 0x80000000 at 0x400: not supported"),
    ] {
        assert_eq!(changed(0x460, &features.to_le_bytes()), expected);
    }
}

#[test]
fn numbers_out_of_range_are_errors() {
    for (at, bytes, expected) in [
        (0x418, &[7][..], "ext4 superblock at 0x418: invalid block size"),
        (0x428, &[0; 4], "ext4 superblock at 0x428: invalid inodes of a group"),
        (0x458, &[0; 2], "ext4 superblock at 0x400: invalid inode size"),
        (0x4fe, &[3; 2], "ext4 superblock at 0x400: invalid group descriptor size"),
        (0x438, &[0; 2], "ext4 superblock at 0x438: invalid magic"),
    ] {
        assert_eq!(changed(at, bytes), expected);
    }
}

#[test]
fn damaged_volumes_are_read_to_an_end() {
    let whole = volume("extents");
    let used = whole.iter().rposition(|&byte| byte != 0).unwrap();
    let mut random: u64 = 1;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    for _ in 0..100 {
        let mut image = whole.clone();
        for _ in 0..20 {
            let at = next(used);
            image[at] = u8::try_from(next(256)).unwrap();
        }
        let _ = read_all(image);
    }
}
