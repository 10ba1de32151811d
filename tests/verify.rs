//! `verify`, on images that are whole and on images that are not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so at once"
)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fixtures::fixture;
use nixoscope::fs::Tree;
use nixoscope::fs::walk::Walk;
use nixoscope::image::Image;
use nixoscope::nixos::Disc;
use nixoscope::store::Carrier;
use nixoscope::verify::Expectations;
use nixoscope::{Place, verify};
use program::run;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

#[path = "support/fixtures.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod fixtures;
#[path = "support/program.rs"]
mod program;

const TODAY: &str = "today/result/iso/nixos-minimal-25.11.1234.abcdef-x86_64-linux.iso";

fn document(image: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let mut all = vec!["verify", "--json", image.to_str().unwrap()];
    all.extend(arguments);
    let run = run(&all);
    assert_eq!(run.errors, "");
    (run.code, serde_json::from_str(&run.out).unwrap())
}

/// Kind and path of each problem.
fn problems(document: &Value) -> Vec<(&str, &str)> {
    let problems = document["problems"].as_array().unwrap().iter();
    problems.map(|problem| (problem["kind"].as_str().unwrap(), problem["path"].as_str().unwrap())).collect()
}

/// A copy of today's image, changed.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("changed.iso");
    let mut bytes = std::fs::read(fixture(TODAY)).unwrap();
    change(&mut bytes);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

/// Replaces each occurrence with other bytes of the same length, and returns how many there were.
fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) -> usize {
    assert_eq!(old.len(), new.len());
    let places: Vec<usize> = (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).collect();
    places.iter().for_each(|&at| bytes[at..at + new.len()].copy_from_slice(new));
    places.len()
}

/// A data block or fragment block of an image: its bytes there, and a file that needs it.
struct Block {
    path: String,
    bytes: Range<usize>,
}

/// All blocks of the store of an image.
fn blocks(image: &Image) -> Vec<Block> {
    let disc = Disc::open(image).unwrap();
    let store = disc.store.as_ref().unwrap();
    let Carrier::Squashfs { archive, .. } = &store.carrier else { panic!("no squashfs") };
    let mut blocks = Vec::new();
    for visit in Walk::new(store.tree(), archive.root(), b"/nix/store") {
        let visit = visit.unwrap();
        let Ok(data) = archive.blocks(visit.id) else { continue };
        let fragment = data.fragment.map(|fragment| archive.fragment(fragment.number).unwrap());
        for stored in data.blocks.map(|block| block.unwrap().stored).chain(fragment) {
            let Place::Byte(start) = archive.place(stored.start) else { panic!("no byte") };
            let start = usize::try_from(start).unwrap();
            let bytes = start..start + usize::try_from(stored.length).unwrap();
            if !bytes.is_empty() && !blocks.iter().any(|block: &Block| block.bytes == bytes) {
                blocks.push(Block { path: String::from_utf8_lossy(&visit.path).into_owned(), bytes });
            }
        }
    }
    blocks
}

#[test]
fn images_with_hashes_are_verified_path_by_path() {
    let cases = [
        ("today/result", 130),
        ("middle/result", 54),
        ("compressed/result", 73),
        ("compressed/bzip2", 73),
        ("squashfs/nix-store.squashfs", 73),
        ("verify/tree.iso", 4),
    ];
    for (image, paths) in cases {
        for threads in ["1", "2", "7"] {
            let (code, document) = document(&fixture(image), &["-j", threads]);
            assert_eq!(problems(&document), [], "{image} with {threads} threads");
            let counts = json!({"registered": paths, "present": paths, "verified": paths, "withoutHash": 0});
            assert_eq!((code, &document["paths"]), (Some(0), &counts), "{image} with {threads} threads");
        }
    }
}

#[test]
fn a_menu_that_names_what_is_not_on_the_disc_is_a_problem() {
    let (_folder, image) = changed(|bytes| {
        assert!(replace(bytes, b"LINUX /boot/memtest.bin", b"LINUX /boot/gonetest.bi") == 1);
    });
    let (code, document) = document(&image, &[]);
    assert_eq!((code, problems(&document)), (Some(1), vec![("boot", "/boot/gonetest.bi")]));
    let message =
        "the menu entry \"Memtest86+\" of /isolinux/isolinux.cfg starts it as kernel, but it is not on the disc";
    assert_eq!(document["problems"][0]["message"], message);
}

#[test]
fn the_boot_image_of_uefi_has_the_files_of_the_disc() {
    // The text is in a file of the disc and in one of `efi.img`; the second comes later.
    let menu = b"submenu \"Options\"";
    for which in 0..2 {
        let (_folder, image) = changed(|bytes| {
            let places: Vec<usize> =
                (0..bytes.len() - menu.len()).filter(|&at| bytes[at..].starts_with(menu)).collect();
            assert_eq!(places.len(), 2);
            bytes[places[which] + 9] = b'o';
        });
        let (code, document) = document(&image, &[]);
        assert_eq!((code, problems(&document)), (Some(1), vec![("boot", "/EFI/BOOT/grub.cfg")]));
        let message = document["problems"][0]["message"].as_str().unwrap();
        assert!(message.starts_with("differs from the copy in /boot/efi.img, which UEFI boots, at byte "), "{message}");
    }
}

#[test]
fn a_boot_image_without_a_loader_or_with_a_broken_chain_is_a_problem() {
    let (_folder, image) = changed(|bytes| assert_eq!(replace(bytes, b"BOOTX64 EFI", b"BOOTX64 OLD"), 1));
    let (code, found) = document(&image, &[]);
    assert_eq!((code, problems(&found)), (Some(1), vec![("boot", "/boot/efi.img")]));
    let (_folder, image) = changed(|bytes| assert_eq!(replace(bytes, b"mkfs.fat", b"xxxx.xxx"), 1));
    assert_eq!(document(&image, &[]).0, Some(0), "who formatted it is not looked at");
    let (_folder, image) = changed(|bytes| {
        let start = (0..bytes.len()).find(|&at| bytes[at..].starts_with(b"\xeb\x3c\x90mkfs.fat")).unwrap();
        bytes[start + 11] = 1;
    });
    let (code, found) = document(&image, &[]);
    assert_eq!((code, problems(&found)), (Some(1), vec![("unreadable", "/boot/efi.img")]));
}

#[test]
fn images_without_hashes_are_read_and_said_to_be_unverified() {
    for (image, paths) in [("era-2014/result", 55), ("era-2008/result", 19)] {
        let (code, found) = document(&fixture(image), &[]);
        assert_eq!((code, problems(&found)), (Some(0), vec![]));
        let counts = json!({"registered": paths, "present": paths, "verified": 0, "withoutHash": paths});
        assert_eq!(found["paths"], counts);
        let (code, found) = document(&fixture(image), &["--require-hashes"]);
        assert_eq!((code, problems(&found)), (Some(1), vec![("unregistered", "nix-path-registration")]));
        let text = run(&["verify", fixture(image).to_str().unwrap()]).out;
        assert!(text.contains(&format!("{paths} store paths without a recorded hash")), "{text}");
    }
}

#[test]
fn what_is_not_as_registered_is_named() {
    let hello = "/nix/store/8chpd7i8vn6vxpqrr8kxcj41j90d2g48-hello-2.12.2";
    let hosts = "/nix/store/3dinnch5bhs5kmmyl70ldy3l2mmg8prq-etc-hosts";
    let gone = "/nix/store/00000000000000000000000000000000-gone-1.0";
    let right = "sha256:03fq7rbj1andqq7ifckfbqivznj1rscw08vzpj3kqlyn6hvxpx8p";
    let wrong = "sha256:1iyvhnjspcwmh41xgmdj10nam6279afl3ansjp0rkiasivb89sgi";
    for (image, kind, path, expected, actual, message) in [
        ("missing", "missing", hello, json!(null), json!(null), "registered, but not in the store"),
        ("unregistered", "unregistered", hosts, json!(null), json!(null), "in the store, but not registered"),
        (
            "dangling",
            "dangling-reference",
            hello,
            json!(gone),
            json!(null),
            "refers to /nix/store/00000000000000000000000000000000-gone-1.0, which is neither in the store nor registered",
        ),
        (
            "size",
            "hash-mismatch",
            hello,
            json!("4096"),
            json!("1416"),
            "the hash matches, but its NAR has 1416 bytes instead of the registered 4096",
        ),
        (
            "executable",
            "hash-mismatch",
            hosts,
            json!(right),
            json!(wrong),
            "its contents do not match the registered hash: its NAR has 200 bytes instead of the registered 168",
        ),
        (
            "fifo",
            "unreadable",
            "/nix/store/8kjkhlymqh8c2j46gqr54r7aqp5jzai3-nix.conf",
            json!(null),
            json!(null),
            "not a regular file, directory or symbolic link, as all in a store must be",
        ),
    ] {
        let (code, document) = document(&fixture(&format!("verify/{image}.squashfs")), &[]);
        let problem = json!({
            "kind": kind, "path": path, "pathBase64": null, "expected": expected, "actual": actual, "message": message,
        });
        assert_eq!((code, &document["problems"]), (Some(1), &json!([problem])), "{image}");
    }
}

#[test]
fn a_damaged_block_is_named_with_its_file_and_place_and_the_rest_is_verified() {
    let image = Image::memory(std::fs::read(fixture(TODAY)).unwrap());
    let blocks = blocks(&image);
    let block =
        blocks.iter().find(|block| block.path.ends_with("/several-blocks.txt")).expect("a file of several blocks");
    let (_folder, path) = changed(|bytes| bytes[block.bytes.clone()].fill(0xff));
    let (code, document) = document(&path, &[]);
    assert_eq!((code, problems(&document)), (Some(1), vec![("unreadable", block.path.as_str())]));
    let (first, last) = (block.bytes.start, block.bytes.end - 1);
    let message =
        format!("data block at {first:#x}: invalid compressed data; bytes {first:#x} to {last:#x} of the image");
    assert_eq!(document["problems"][0]["message"], json!(message));
    assert_eq!(document["paths"]["verified"], json!(129));
}

#[test]
fn a_kernel_that_is_not_the_systems_is_found() {
    let (_folder, path) = changed(|bytes| {
        // Only the disc's own copies show the kernel's magic number: those in the store are compressed.
        let at = (0..bytes.len()).find(|&at| bytes[at..].starts_with(b"HdrS")).unwrap();
        bytes[at + 100] ^= 1;
    });
    let (code, document) = document(&path, &[]);
    let problem = &document["problems"][0];
    assert_eq!((code, &problem["kind"]), (Some(1), &json!("boot")), "{document}");
    assert!(problem["path"].as_str().unwrap().ends_with("/bzImage"), "{problem}");
    assert_ne!(problem["expected"], problem["actual"]);
    assert_eq!(document["paths"]["verified"], json!(130));
}

#[test]
fn an_init_that_is_not_in_the_store_is_found() {
    let image = Image::memory(std::fs::read(fixture(TODAY)).unwrap());
    let init = Disc::open(&image).unwrap().menu.iter().find_map(|entry| entry.init.clone()).unwrap();
    let gone = init.replacen("/nix/store/", "/nix/store/0000", 1);
    let gone = format!("{}{}", &gone[..15], &init[15..]);
    let (_folder, path) = changed(|bytes| {
        let (old, new) = (format!("init={init}"), format!("init={gone}"));
        assert!(replace(bytes, old.as_bytes(), new.as_bytes()) >= 2);
    });
    let (code, document) = document(&path, &[]);
    assert_eq!((code, problems(&document)), (Some(1), vec![("boot", gone.as_str())]));
}

#[test]
fn a_truncated_volume_is_found_whatever_is_missing() {
    let whole = std::fs::metadata(fixture(TODAY)).unwrap().len();
    for missing in [1, 2048, 100_000, 1_000_000, 2_000_000] {
        let length = whole - missing;
        let (_folder, path) = changed(|bytes| bytes.truncate(usize::try_from(length).unwrap()));
        let (code, document) = document(&path, &[]);
        let problem = &document["problems"][0];
        let expected = (json!("truncated"), json!(whole.to_string()), json!(length.to_string()));
        let found = (problem["kind"].clone(), problem["expected"].clone(), problem["actual"].clone());
        assert_eq!((code, found), (Some(1), expected), "{missing} bytes are missing");
    }
}

#[test]
fn the_image_file_has_the_published_hash_or_is_named() {
    let (folder, path) = changed(|bytes| bytes.extend(b"what the stick held before"));
    let hash = "SHA256 (changed.iso) = ";
    for (image, digits, right) in [
        (fixture(TODAY), sha256(&std::fs::read(fixture(TODAY)).unwrap()), true),
        (path.clone(), sha256(&std::fs::read(&path).unwrap()), true),
        (path.clone(), sha256(&std::fs::read(fixture(TODAY)).unwrap()), true),
        (path.clone(), "0".repeat(64), false),
    ] {
        let file = folder.path().join("sums");
        std::fs::write(&file, format!("{hash}{digits}\n")).unwrap();
        for argument in [digits.as_str(), file.to_str().unwrap()] {
            let (code, document) = document(&image, &["--sha256", argument]);
            assert_eq!((code, &document["expectedFile"]), (Some(i32::from(!right)), &json!(right)));
            let expected = if right { vec![] } else { vec![("hash-mismatch", image.to_str().unwrap())] };
            assert_eq!(problems(&document), expected);
        }
    }
    let run = run(&["verify", path.to_str().unwrap(), "--sha256", "gone"]);
    assert_eq!(
        (run.code, run.errors.as_str()),
        (
            Some(2),
            "nixoscope: --sha256 gone: not a SHA-256: that is 64 hexadecimal digits, sha256:…, sha256-…, or a file with one\n"
        )
    );
}

fn sha256(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

#[test]
fn a_store_is_compared_with_a_closure_known_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let image = fixture("squashfs/nix-store.squashfs");
    let packages: Value = serde_json::from_str(&run(&["packages", "--json", image.to_str().unwrap()]).out).unwrap();
    let mut info = serde_json::Map::new();
    for package in packages["packages"].as_array().unwrap() {
        info.insert(package["path"].as_str().unwrap().to_owned(), json!({"narHash": package["narHash"]}));
    }
    let registration = run(&["cat", image.to_str().unwrap(), "/nix/store/nix-path-registration"]).out;
    let against = |text: String| {
        let file = folder.path().join("closure");
        std::fs::write(&file, text).unwrap();
        document(&image, &["--against", file.to_str().unwrap()])
    };
    for text in [serde_json::to_string(&info).unwrap(), registration] {
        assert_eq!(against(text).0, Some(0));
    }
    let hello = "/nix/store/8chpd7i8vn6vxpqrr8kxcj41j90d2g48-hello-2.12.2";
    let hosts = "/nix/store/3dinnch5bhs5kmmyl70ldy3l2mmg8prq-etc-hosts";
    let gone = "/nix/store/00000000000000000000000000000000-gone-1.0";
    let zero = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    info.insert(hello.to_owned(), json!({"narHash": zero}));
    info.insert(gone.to_owned(), json!({"narHash": zero}));
    info.remove(hosts);
    let (code, document) = against(serde_json::to_string(&info).unwrap());
    let expected = vec![("hash-mismatch", hello), ("missing", gone), ("unregistered", hosts)];
    assert_eq!((code, problems(&document)), (Some(1), expected));
    assert_eq!(document["problems"][0]["expected"], json!(zero));
    let (file, image) = (folder.path().join("closure"), image.to_str().unwrap());
    std::fs::write(&file, "{}").unwrap();
    let run = run(&["verify", image, "--against", file.to_str().unwrap()]);
    let message = format!("nixoscope: --against {}: no store path found\n", file.display());
    assert_eq!((run.code, run.errors), (Some(2), message));
}

#[test]
fn an_image_without_a_store_cannot_be_verified() {
    let run = run(&["verify", fixture("iso/level-1.iso").to_str().unwrap()]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(run.errors.contains("no NixOS store is in it"), "{}", run.errors);
}

/// The kinds of the problems of an image in memory.
fn kinds(bytes: Vec<u8>) -> Vec<&'static str> {
    let image = Image::memory(bytes);
    let mut disc = match Disc::open(&image) {
        Ok(disc) => disc,
        Err(_) => return vec!["unreadable"],
    };
    let troubles = std::mem::take(&mut disc.troubles);
    match verify::run(&disc, &troubles, &Expectations::default(), &|_, _| {}) {
        Ok(report) => report.problems.iter().map(|problem| problem.kind.name()).collect(),
        Err(_) => vec!["unreadable"],
    }
}

/// The contents of all blocks of a store. `None` if one cannot be decompressed.
fn contents(bytes: Vec<u8>, at: usize) -> Option<Vec<u8>> {
    let image = Image::memory(bytes);
    let disc = Disc::open(&image).ok()?;
    let store = disc.store.as_ref()?;
    let Carrier::Squashfs { archive, .. } = &store.carrier else { return None };
    let mut buffer = Vec::new();
    for visit in Walk::new(store.tree(), archive.root(), b"/") {
        let visit = visit.ok()?;
        let Ok(data) = archive.blocks(visit.id) else { continue };
        let here = |start: u64, length: u32| match archive.place(start) {
            Place::Byte(first) => (first..first + u64::from(length)).contains(&u64::try_from(at).unwrap()),
            _ => false,
        };
        if let Some(fragment) = data.fragment {
            let stored = archive.fragment(fragment.number).ok()?;
            if here(stored.start, stored.length) {
                return Some(archive.fragment_block(stored, &mut buffer).ok()?.to_vec());
            }
        }
        for block in data.blocks {
            let block = block.ok()?;
            if here(block.stored.start, block.stored.length) {
                return Some(archive.data_block(block, &mut buffer).ok()?.to_vec());
            }
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flipped_bit_in_a_block_is_always_found(store in 0..3_usize, block: Index, byte: Index, bit in 0..8_u32) {
        let stores = [TODAY, "middle/result/iso/nixos-minimal-21.05.1234.abcdef01234-x86_64-linux.iso", "squashfs/nix-store.squashfs"];
        let whole = std::fs::read(fixture(stores[store])).unwrap();
        let blocks = blocks(&Image::memory(whole.clone()));
        let place = byte.get(&blocks[block.index(blocks.len())].bytes.clone().collect::<Vec<_>>()).to_owned();
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << bit;
        let known = kinds(whole.clone()).len();
        let found = kinds(flipped.clone());
        // A bit that no decompressor looks at changes nothing that could be found.
        if found.len() == known {
            prop_assert_eq!(contents(flipped, place), contents(whole, place), "bit {} of byte {:#x}", bit, place);
        }
    }
}

/// Replaces one occurrence of a text by another of the same length.
fn replace_one(bytes: &mut [u8], which: usize, old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let at = (0..bytes.len() - old.len()).filter(|&at| bytes[at..].starts_with(old)).nth(which).unwrap();
    bytes[at..at + new.len()].copy_from_slice(new);
}

fn message(document: &Value) -> &str {
    document["problems"][0]["message"].as_str().unwrap()
}

#[test]
fn the_menu_of_the_efi_system_partition_is_checked_if_it_is_another() {
    // The second one is the copy in `efi.img`.
    let (_folder, image) = changed(|bytes| replace_one(bytes, 1, b"linux /boot//nix/", b"linux /gone//nix/"));
    let (code, found) = document(&image, &[]);
    let paths: Vec<&str> = problems(&found).iter().map(|(_, path)| *path).collect();
    assert_eq!((code, paths.len(), paths[0]), (Some(1), 2, "/EFI/BOOT/grub.cfg"));
    assert!(paths[1].starts_with("/gone/nix/store/") && paths[1].ends_with("/bzImage"), "{}", paths[1]);
    let message = found["problems"][1]["message"].as_str().unwrap();
    assert!(
        message.contains(" of (/boot/efi.img)/EFI/BOOT/grub.cfg starts it as kernel, but it is not on"),
        "{message}"
    );
}

#[test]
fn a_disc_that_boots_without_a_menu_that_can_be_read_is_unchecked() {
    let (_folder, image) = changed(|bytes| {
        for (old, new) in [
            (&b"isolinux.cfg"[..], &b"isolinux.xxx"[..]),
            (b"grub.cfg", b"grub.xxx"),
            (b"GRUB    CFG", b"GRUB    XXX"),
            (b"loopback.cfg", b"loopback.xxx"),
        ] {
            replace(bytes, old, new);
        }
    });
    let (code, found) = document(&image, &[]);
    let unchecked = found["unchecked"].as_array().unwrap();
    assert_eq!((code, problems(&found), unchecked.len()), (Some(2), vec![], 1));
    let message = unchecked[0]["message"].as_str().unwrap();
    assert!(message.starts_with("the image boots, but has no boot menu that can be read"), "{message}");
    let text = run(&["verify", image.to_str().unwrap()]).out;
    assert!(text.contains("no problems found, but 1 thing could not be checked: 130 store paths"), "{text}");
    let check = run(&["check", image.to_str().unwrap(), "--policy", "/dev/stdin"]);
    assert_eq!(check.code, Some(2));
}

#[test]
fn a_loopback_menu_that_leads_nowhere_is_a_problem() {
    let (_folder, image) =
        changed(|bytes| assert_eq!(replace(bytes, b"source /EFI/BOOT/grub.cfg", b"source /EFI/GONE/grub.cfg"), 1));
    let (code, found) = document(&image, &[]);
    assert_eq!((code, problems(&found)), (Some(1), vec![("boot", "/EFI/GONE/grub.cfg")]));
    assert_eq!(message(&found), "/boot/grub/loopback.cfg includes it, but it does not exist");
}

#[test]
fn a_menu_that_looks_for_another_volume_is_a_problem() {
    let (_folder, image) = changed(|bytes| {
        assert!(replace(bytes, b"LABEL=nixos-minimal-25.11-x86_64", b"LABEL=nixos-minimal-25.11-x86_65") > 0);
    });
    let (code, found) = document(&image, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(problems(&found), [("boot", "/EFI/BOOT/grub.cfg"), ("boot", "/isolinux/isolinux.cfg")]);
    let expected = "the menu entry \"NixOS 25.11.1234.abcdef Installer\" looks for the volume \
                    nixos-minimal-25.11-x86_65, but this one is called nixos-minimal-25.11-x86_64";
    assert_eq!(message(&found), expected);
}

#[test]
fn what_firmware_starts_must_be_there() {
    // The address of ISOLINUX in the boot code.
    let (_folder, image) = changed(|bytes| bytes[432] ^= 1);
    let (code, found) = document(&image, &[]);
    assert_eq!((code, found["problems"].as_array().unwrap().len()), (Some(1), 1));
    assert!(message(&found).starts_with("the boot code of the MBR starts ISOLINUX from sector 2365, where"));
    // The EFI system partition of the MBR.
    let (_folder, image) = changed(|bytes| bytes[446 + 16 + 12] ^= 1);
    let (_, found) = document(&image, &[]);
    assert!(message(&found).starts_with("the EFI system partition of the MBR (partition 2 at 0x19800, "), "{found}");
    assert_eq!(found["problems"].as_array().unwrap().len(), 1);
}

#[test]
fn a_partition_table_with_a_wrong_checksum_is_a_problem() {
    for (at, what) in [(512 + 56, "header"), (1024 + 60, "entries")] {
        let (_folder, image) = changed(|bytes| bytes[at] ^= 1);
        let (code, found) = document(&image, &[]);
        assert_eq!(code, Some(1));
        let expected = format!("the checksum of the GPT's {what} is wrong, so firmware and systems ignore the table");
        let messages: Vec<&str> =
            found["problems"].as_array().unwrap().iter().map(|problem| problem["message"].as_str().unwrap()).collect();
        assert!(messages.contains(&expected.as_str()), "{messages:?}");
    }
}

#[test]
fn a_boot_loader_for_another_machine_is_a_problem() {
    // Both copies: on the disc, and in the boot image of UEFI.
    let (_folder, image) = changed(|bytes| assert!(replace(bytes, b"PE\0\0\x64\x86", b"PE\0\0\x64\xaa") >= 2));
    let (code, found) = document(&image, &[]);
    assert_eq!(code, Some(1));
    let expected = "it is a program for aarch64, but firmware of x86_64 starts the file of this name";
    let problems = found["problems"].as_array().unwrap().iter();
    let told: Vec<&Value> = problems.filter(|problem| problem["message"] == expected).collect();
    assert_eq!(told.len(), 1, "{found}");
    assert_eq!(told[0]["kind"], "boot");
}

#[test]
fn two_readers_that_see_two_discs_are_a_problem() {
    let utf16: Vec<u8> = "version.txt".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let find = |bytes: &[u8], name: &[u8]| (0..bytes.len()).find(|&at| bytes[at..].starts_with(name)).unwrap() - 33;
    // Joliet leads to other contents.
    let (_folder, image) = changed(|bytes| {
        let record = find(bytes, &utf16);
        bytes[record + 2] ^= 1;
    });
    let (code, found) = document(&image, &[]);
    assert_eq!((code, problems(&found)), (Some(1), vec![("ambiguous", "/version.txt")]));
    assert_eq!(message(&found), "it has other contents in the Joliet tree, which Windows shows");
    // Both halves of an address.
    let (_folder, image) = changed(|bytes| {
        let record = find(bytes, b"VERSION.TXT;1");
        bytes[record + 9] ^= 1;
    });
    let (code, found) = document(&image, &[]);
    assert_eq!((code, problems(&found)), (Some(1), vec![("ambiguous", "/version.txt")]));
    let expected = "its directory record has two addresses or lengths: the numbers in both byte orders differ";
    assert_eq!(message(&found), expected);
}

#[test]
fn a_store_without_its_magic_is_damaged_and_named() {
    let (_folder, image) = changed(|bytes| replace_one(bytes, 0, b"hsqs", b"xsqs"));
    let (code, found) = document(&image, &[]);
    let in_store: Vec<_> = problems(&found).into_iter().filter(|(kind, _)| *kind == "unreadable").collect();
    assert_eq!((code, in_store), (Some(1), vec![("unreadable", "/nix-store.squashfs")]));
    assert!(found.to_string().contains("the store is damaged"), "{found}");
}

#[test]
fn the_files_that_a_cut_off_image_lacks_are_named_once() {
    let (_folder, image) = changed(|bytes| bytes.truncate(1_000_000));
    let (code, found) = document(&image, &[]);
    assert_eq!((code, found["problems"][0]["kind"].as_str()), (Some(1), Some("truncated")));
    let mut paths: Vec<&str> = problems(&found).iter().skip(1).map(|(_, path)| *path).collect();
    assert!(paths.contains(&"/nix-store.squashfs"), "{paths:?}");
    assert!(paths.iter().all(|path| !path.ends_with(".iso")), "{paths:?}");
    let all = paths.len();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), all, "{paths:?}");
}

#[test]
fn signatures_count_if_a_trusted_key_made_them_for_what_the_image_has() {
    let image = fixture("compressed/result");
    let packages: Value = serde_json::from_str(&run(&["packages", "--json", image.to_str().unwrap()]).out).unwrap();
    let packages = packages["packages"].as_array().unwrap();
    let pair = |seed: u8| ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([seed; 32]));
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let cache = tempfile::tempdir().unwrap();
    for (index, package) in packages.iter().enumerate() {
        let text = |name: &str| package[name].as_str().unwrap();
        let references: Vec<&str> =
            package["references"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let hash = text("narHash");
        let fingerprint = format!("1;{};{hash};{};{}", text("path"), package["narSize"], references.join(","));
        let sign = |name: &str, seed: u8| format!("{name}:{}", base64(&*pair(seed).sk.sign(&fingerprint, None)));
        let empty = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
        let info = match index {
            0 => continue,
            1 => format!("NarHash: {hash}\n"),
            2 => format!("NarHash: {hash}\nSig: {}\n", sign("other-1", 2)),
            3 => format!("NarHash: {hash}\nSig: {}\n", sign("test-1", 2)),
            4 => format!("NarHash: {empty}\nSig: {}\n", sign("test-1", 1)),
            _ => format!("NarHash: {hash}\nSig: {}\nSig: {}\n", sign("other-1", 2), sign("test-1", 1)),
        };
        let digest = &text("path")["/nix/store/".len()..][..32];
        std::fs::write(cache.path().join(format!("{digest}.narinfo")), info).unwrap();
    }
    let key = format!("test-1:{}", base64(&*pair(1).pk));
    let cache = cache.path().to_str().unwrap();
    let (code, found) = document(&image, &["--signatures", &key, "--cache", cache]);
    assert_eq!(code, Some(1));
    assert_eq!(found["signatures"], json!({"keys": {"test-1": 68}, "signed": 68, "unsigned": 5}));
    let told: Vec<&str> =
        found["problems"].as_array().unwrap().iter().map(|problem| problem["message"].as_str().unwrap()).collect();
    let expected = [
        "the cache does not have it",
        "the cache has it without a signature",
        "signed only by other-1, which is not among the given keys",
        "the signature by test-1 is invalid: the key, the contents or the references differ",
        "the cache has it with another hash, so its signature is for something else",
    ];
    assert_eq!(told, expected);
    let served = document(&image, &["--signatures", &key, "--cache", &serve(cache)]);
    assert_eq!(served, (code, found), "the same cache at an address");
    let gone = "http://127.0.0.1:1/cache";
    let refused = run(&["verify", image.to_str().unwrap(), "--signatures", &key, "--cache", gone]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.errors.contains("http://127.0.0.1:1/cache/"), "{}", refused.errors);
    let secret = format!("test-1:{}", base64(&*pair(1).sk));
    let refused = run(&["verify", image.to_str().unwrap(), "--signatures", &secret, "--cache", cache]);
    assert_eq!(refused.code, Some(2));
    assert!(!refused.errors.contains(&base64(&*pair(1).sk)[..40]), "a secret key is not printed");
}

/// Serves the files of a folder, as long as the test runs. Returns the address.
fn serve(folder: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let request: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let name = request[0].split(' ').nth(1).unwrap().trim_start_matches('/');
            let (status, body) = match std::fs::read(Path::new(&folder).join(name)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    address
}

#[test]
fn the_store_in_the_initrd_of_a_network_boot_is_verified() {
    let member = |name: &str, contents: &[u8]| {
        let fields = [1, 0o100_644, 0, 0, 1, 1, contents.len(), 0, 0, 0, 0, name.len() + 1, 0];
        let mut bytes = b"070701".to_vec();
        bytes.extend(fields.iter().flat_map(|field| format!("{field:08X}").into_bytes()));
        for part in [[name.as_bytes(), b"\0"].concat().as_slice(), contents] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    };
    let store = std::fs::read(fixture("squashfs/nix-store.squashfs")).unwrap();
    let end = member("TRAILER!!!", b"");
    let base = zstd::encode_all(&[member("init", b"#! /bin/sh\n"), end.clone()].concat()[..], 3).unwrap();
    let with_store = [member("nix-store.squashfs", &store), end].concat();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("initrd");
    for initrd in [with_store.clone(), [&base[..], &with_store].concat(), zstd::encode_all(&with_store[..], 1).unwrap()]
    {
        std::fs::write(&file, initrd).unwrap();
        let (code, found) = document(&file, &[]);
        assert_eq!((code, &found["paths"]["verified"], problems(&found)), (Some(0), &json!(73), vec![]));
    }
    std::fs::write(&file, base).unwrap();
    let run = run(&["verify", file.to_str().unwrap()]);
    let expected =
        format!("nixoscope: {}: an initrd without a squashfs; give the image that it boots\n", file.display());
    assert_eq!((run.code, run.errors), (Some(2), expected));
}

#[test]
fn a_product_line_that_names_another_file_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (images, support) = (folder.path().join("iso"), folder.path().join("nix-support"));
    std::fs::create_dir(&images).unwrap();
    std::fs::create_dir(&support).unwrap();
    let image = images.join("renamed.iso");
    std::fs::copy(fixture(TODAY), &image).unwrap();
    for (product, note) in [
        ("nixos.iso", Some("nix-support/hydra-build-products names nixos.iso instead of renamed.iso")),
        ("renamed.iso", None),
    ] {
        let line = format!("file iso /nix/store/eeee-{product}/iso/{product}\n");
        std::fs::write(support.join("hydra-build-products"), line).unwrap();
        let (code, found) = document(&image, &[]);
        assert_eq!((code, found["notes"][0]["message"].as_str()), (Some(0), note));
    }
}
