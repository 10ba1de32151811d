//! Damaged volumes, for tests: whatever an image contains, reading it ends in a value or in an error.

use std::io::Read;

use super::Volume;
use super::build::{both32, descriptor, mode, name, record, record_with, system_use, volume};
use crate::fs::Tree;
use crate::fs::partitions::Partitions;
use crate::image::{Region, Source};

/// A volume with a bit of everything, as small as possible.
fn sample() -> Vec<u8> {
    let own = [system_use(b"SP", &[0xbe, 0xef, 0]), mode(0o040_755)].concat();
    let dots =
        |location: u32, own: &[u8]| [record_with(&[0], location, 2048, 2, own), record(&[1], 30, 2048, 2)].concat();
    let long_name = system_use(b"CE", &[both32(34), both32(8), both32(64)].concat());
    let link = [name(b"link"), mode(0o120_777), system_use(b"SL", b"\0\x08\0\0\x03nix")].concat();
    let packed = [name(b"packed"), system_use(b"ZF", &[&b"pz\x04\x0f"[..], &both32(40_000)].concat())].concat();
    let child = [name(b"deep"), system_use(b"CL", &both32(33))].concat();
    let root = [
        dots(30, &own),
        record_with(b"A.;1", 35, 2048, 0x80, &name(b"a")),
        record_with(b"A.;1", 36, 9, 0, &name(b"a")),
        record_with(b"DIR", 32, 2048, 2, &[name(b"dir"), mode(0o040_755)].concat()),
        record_with(b"L.;1", 0, 0, 0, &link),
        record_with(b"N.;1", 36, 9, 0, &long_name),
        record_with(b"Z.;1", 37, 28, 0, &packed),
        record_with(b"D", 33, 2048, 0, &child),
    ];
    let moved = record_with(b"D", 33, 2048, 2, &[name(b"deep"), system_use(b"RE", b"")].concat());
    let area = [vec![0; 8], system_use(b"NM", b"\x01long"), system_use(b"NM", b"\0er")].concat();
    let zisofs =
        [&b"\x37\xe4\x53\x96\xc9\xdb\xd6\x07\x40\x9c\0\0\x04\x0f\0\0"[..], &[0x1c, 0, 0, 0].repeat(3)].concat();
    let mut catalog = vec![0; 160];
    catalog[..32].copy_from_slice(&[&[1, 0][..], &[0; 26], &[0xaa, 0x55, 0x55, 0xaa]].concat());
    catalog[32..34].copy_from_slice(&[0x88, 0]);
    catalog[40] = 36;
    catalog[64..68].copy_from_slice(&[0x91, 0xef, 2, 0]);
    let descriptors = [descriptor(1, 1, b""), descriptor(0, 1, b""), descriptor(2, 1, b"%/E"), descriptor(255, 1, b"")];
    let blocks = [
        (20, catalog),
        (30, root.concat()),
        (31, [dots(31, &[]), record(b"\0J", 36, 9, 0)].concat()),
        (32, [dots(32, &[]), moved].concat()),
        (33, [dots(33, &mode(0o040_700)), record_with(b"F.;1", 36, 9, 0, &name(b"f"))].concat()),
        (34, area),
        (37, zisofs),
    ];
    let mut image = volume(&descriptors, &blocks);
    image[446..462].copy_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    image[510..520].copy_from_slice(b"\x55\xaaEFI PART");
    image[584..600].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 128, 0, 0, 0]);
    image[1024..1040].fill(7);
    image
}

/// Reads everything, a little of each file, and counts the nodes and the errors.
fn walk(image: Vec<u8>) -> (usize, usize) {
    let source = Source::memory(image);
    let (mut nodes, mut errors) = (0, 0);
    let mut count = |failed: bool| errors += usize::from(failed);
    let partitions = Partitions::read(&Region::whole(&source));
    count(partitions.is_err());
    let Ok(tree) = Volume::open(Region::whole(&source)) else { return (0, 1) };
    assert!(tree.extensions(&partitions.unwrap_or_default()).len() < 6);
    match tree.boot_catalog() {
        Ok(catalog) => {
            let images = catalog.into_iter().flat_map(|catalog| catalog.images).take(9);
            images.for_each(|image| count(tree.file_at(image.offset).is_none()));
        }
        Err(_) => count(true),
    }
    let mut waiting = vec![tree.root()];
    while let Some(id) = waiting.pop() {
        nodes += 1;
        count(tree.node(id).is_err());
        count(tree.file_region(id).is_err());
        if let Ok(reader) = tree.open(id) {
            count(reader.take(100_000).read_to_end(&mut Vec::new()).is_err());
        }
        let entries = tree.entries(id).unwrap_or_default();
        for entry in entries {
            count(tree.lookup(id, &entry.name).is_err());
            assert!(!entry.name.is_empty() && !entry.name.contains(&b'/') && !entry.name.contains(&0));
            if nodes + waiting.len() < 50 {
                waiting.push(entry.id);
            }
        }
    }
    (nodes, errors)
}

/// The bytes whose change matters most: descriptors, catalog, directories, continuation area, zisofs file.
const SECTORS: [usize; 10] = [0, 16, 17, 18, 20, 30, 32, 33, 34, 37];

/// Counts for the undamaged sample: nodes, and errors that are expected even there. Three directories, a link and a compressed file
/// have no bytes to read in place, and two section entries lead nowhere.
const WHOLE: (usize, usize) = (8, 7);

#[test]
fn the_sample_is_whole() {
    assert_eq!(walk(sample()), WHOLE);
}

#[test]
fn changed_bytes_end_in_values_or_errors() {
    let sample = sample();
    let mut state = 1u32;
    let mut random = |bound: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 8).unwrap() % bound
    };
    let mut damaged = 0;
    for _ in 0..3000 {
        let mut image = sample.clone();
        for _ in 0..=random(4) {
            let at = SECTORS[random(SECTORS.len())] * 2048 + random(600);
            image[at] = [0, 1, 0xff, 0x80, image[at].wrapping_add(1)][random(5)];
        }
        damaged += usize::from(walk(image) != WHOLE);
    }
    assert!(damaged > 200, "{damaged}");
}

#[test]
fn a_volume_cut_anywhere_ends_in_values_or_errors() {
    let sample = sample();
    for length in (0..sample.len()).step_by(97) {
        walk(sample[..length].to_vec());
    }
    let (nodes, _) = walk(sample[..31 * 2048].to_vec());
    assert_eq!(nodes, 7, "a volume cut behind its root still lists the root");
}
