use super::*;
use crate::fs::FileType;
use crate::fs::path;
use crate::image::Source;

/// A FAT12 volume of 32 sectors, which is also 28 clusters: one table of one sector, a root of sixteen entries.
fn volume(chain: &[(usize, u16)], entries: &[[u8; 32]]) -> Vec<u8> {
    let mut bytes = vec![0; 32 * 512];
    bytes[11..13].copy_from_slice(&512u16.to_le_bytes());
    bytes[13] = 1; // sectors per cluster
    bytes[14] = 1; // reserved
    bytes[16] = 1; // tables
    bytes[17] = 16; // root entries
    bytes[19] = 32; // sectors
    bytes[22] = 1; // sectors per table
    bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
    for &(cluster, next) in chain {
        let at = 512 + cluster + cluster / 2;
        let old = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let new = if cluster % 2 == 1 { old & 0x000f | next << 4 } else { old & 0xf000 | next };
        bytes[at..at + 2].copy_from_slice(&new.to_le_bytes());
    }
    for (entry, at) in entries.iter().zip((1024..).step_by(32)) {
        bytes[at..at + 32].copy_from_slice(entry);
    }
    bytes
}

fn entry(name: &[u8; 11], attributes: u8, cluster: u16, size: u32) -> [u8; 32] {
    let mut entry = [0; 32];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    entry[24..26].copy_from_slice(&0x2821u16.to_le_bytes()); // 2000-01-01
    entry[26..28].copy_from_slice(&cluster.to_le_bytes());
    entry[28..32].copy_from_slice(&size.to_le_bytes());
    entry
}

/// The first entry of a long name of up to thirteen letters.
fn long_name(name: &str, checksum: u8) -> [u8; 32] {
    let mut units: Vec<u16> = name.encode_utf16().chain([0]).collect();
    units.resize(13, 0xffff);
    let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).collect();
    let mut entry = [0; 32];
    (entry[0], entry[11], entry[13]) = (0x41, 0x0f, checksum);
    entry[1..11].copy_from_slice(&bytes[..10]);
    entry[14..26].copy_from_slice(&bytes[10..22]);
    entry[28..32].copy_from_slice(&bytes[22..]);
    entry
}

fn read(bytes: Vec<u8>, name: &str) -> std::result::Result<Vec<u8>, String> {
    let source = Source::memory(bytes);
    let volume = Volume::open(Region::whole(&source)).map_err(|error| error.to_string())?;
    path::read(&volume, name.as_bytes(), 1 << 20).map_err(|error| error.to_string())
}

#[test]
fn a_file_is_read_along_its_chain_wherever_its_clusters_lie() {
    let mut bytes = volume(&[(2, 5), (5, 0xfff)], &[entry(b"GRUB    CFG", 0, 2, 600)]);
    bytes[1536..2048].fill(b'a'); // cluster 2
    bytes[1536 + 3 * 512..1536 + 4 * 512].fill(b'b'); // cluster 5
    let text = read(bytes, "/grub.cfg").unwrap();
    assert_eq!(text, [vec![b'a'; 512], vec![b'b'; 88]].concat());
}

#[test]
fn a_long_name_counts_where_it_belongs_to_the_entry_behind_it() {
    let short = entry(b"REFIND~1EFI", 0, 0, 0);
    let sum = directory_sum(&short);
    for (checksum, name) in [(sum, "refind_x64.ef"), (sum.wrapping_add(1), "REFIND~1.EFI")] {
        let label = entry(b"EFIBOOT    ", 0x08, 0, 0);
        let source = Source::memory(volume(&[], &[label, long_name("refind_x64.ef", checksum), short]));
        let volume = Volume::open(Region::whole(&source)).unwrap();
        let entries = volume.entries(volume.root()).unwrap();
        let shown: Vec<_> = entries.iter().map(|entry| (entry.name.as_slice(), entry.file_type)).collect();
        assert_eq!(shown, [(name.as_bytes(), FileType::File)]);
        let node = volume.node(entries[0].id).unwrap();
        assert_eq!((node.kind, node.mtime), (Kind::File { size: 0 }, 946_684_800));
    }
}

fn directory_sum(entry: &[u8; 32]) -> u8 {
    entry[..11].iter().fold(0u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte))
}

#[test]
fn what_is_broken_is_named() {
    let directory = entry(b"EFI        ", 0x10, 3, 0);
    for (bytes, name, error) in [
        (volume(&[(3, 4), (4, 3)], &[directory]), "/efi/x", "FAT at 0x200: invalid chain, which goes round"),
        (volume(&[(3, 90)], &[directory]), "/efi/x", "FAT at 0x200: invalid cluster number"),
        (
            volume(&[(2, 0xfff)], &[entry(b"A          ", 0, 2, 513)]),
            "/a",
            "FAT directory entry at 0x400: invalid size",
        ),
        (
            volume(&[(2, 2)], &[entry(b"A          ", 0, 2, 1 << 30)]),
            "/a",
            "FAT directory entry at 0x400: invalid size",
        ),
        (vec![0; 512], "/a", "FAT boot sector at 0xb: invalid bytes per sector"),
    ] {
        assert_eq!(read(bytes, name), Err(error.to_owned()));
    }
}
