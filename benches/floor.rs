//! The least that verifying an image can cost: every block decompressed once, and SHA-256 over all NAR bytes, with the
//! libraries that `verify` uses, in one thread. Prints the CPU seconds of both.
//!
//! `NIXOSCOPE_IMAGE=IMAGE cargo bench --bench floor`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a bench may end early, and prints")]

use std::collections::HashSet;
use std::hint::black_box;
use std::path::Path;

use nixoscope::Troubles;
use nixoscope::fs::squashfs::Stored;
use nixoscope::fs::walk::Walk;
use nixoscope::fs::{FileType, Tree};
use nixoscope::image::Image;
use nixoscope::nixos::Disc;
use nixoscope::store::Carrier;
use sha2::{Digest, Sha256};

/// A block whose decompression is measured.
enum Block {
    Data(nixoscope::fs::squashfs::DataBlock),
    Fragment(Stored),
}

fn main() {
    let image = std::env::var("NIXOSCOPE_IMAGE").unwrap_or_else(|_| "fixtures/today/result".to_owned());
    let image = Image::open(Path::new(&image), &|_, _| {}).expect("an image");
    let disc = Disc::open(&image).expect("a disc");
    let store = disc.require_store().expect("a store");
    let Carrier::Squashfs { archive, .. } = &store.carrier else { return println!("the store is no squashfs") };
    let contents = store.contents(&mut Troubles::default()).expect("a registration");
    let nar: u64 = contents.objects.iter().filter_map(|object| object.record.as_ref()?.nar_size).sum();

    let mut seen = HashSet::new();
    let mut blocks = Vec::new();
    for visit in Walk::new(&**archive, archive.root(), b"/") {
        let visit = visit.expect("a file");
        if visit.file_type != FileType::File {
            continue;
        }
        let data = archive.blocks(visit.id).expect("a file's blocks");
        for block in data.blocks.map(|block| block.expect("a block")) {
            if block.stored.length > 0 && seen.insert(block.stored.start) {
                blocks.push((block.stored.start, Block::Data(block)));
            }
        }
        if let Some(fragment) = data.fragment {
            let stored = archive.fragment(fragment.number).expect("a fragment");
            if seen.insert(stored.start) {
                blocks.push((stored.start, Block::Fragment(stored)));
            }
        }
    }
    blocks.sort_by_key(|block| block.0);

    let mut buffer = Vec::new();
    let mut decompressed = 0usize;
    let decompressing = seconds(|| {
        for (_, block) in &blocks {
            decompressed += match block {
                Block::Data(block) => archive.data_block(*block, &mut buffer).expect("a block").len(),
                Block::Fragment(stored) => archive.fragment_block(*stored, &mut buffer).expect("a block").len(),
            };
        }
    });
    // Hot in the cache, as a block is that has just been decompressed.
    let part = vec![0x5a; 1 << 18];
    let hashing = seconds(|| {
        let mut digest = Sha256::new();
        let mut left = nar;
        while let Some(rest) = left.checked_sub(1 << 18) {
            digest.update(&part);
            left = rest;
        }
        black_box(digest.finalize());
    });
    println!(
        "{} blocks, {decompressed} bytes decompressed: {decompressing:.2} s; {nar} bytes hashed: {hashing:.2} s; floor {:.2} s",
        blocks.len(),
        decompressing + hashing
    );
}

/// CPU time of this thread.
fn seconds(work: impl FnOnce()) -> f64 {
    let now = || -> f64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux kernel that counts");
        text.split(' ').next().expect("nanoseconds").parse::<f64>().expect("a number") / 1e9
    };
    let begun = now();
    work();
    now() - begun
}
