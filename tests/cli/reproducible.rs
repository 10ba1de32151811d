//! `diff --reproducible`: the first layer in which two builds differ.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{fixture, run};

fn compare(old: &Path, new: &Path) -> (Option<i32>, Value) {
    let run = run(&["diff", "--reproducible", "--json", old.to_str().unwrap(), new.to_str().unwrap()]);
    assert_eq!(run.errors, "");
    let document: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(document["same"], json!(run.code == Some(0)));
    (run.code, document["reproducible"].clone())
}

/// The image in a result.
fn iso(name: &str) -> std::path::PathBuf {
    let folder = fixture(&format!("{name}/result/iso"));
    std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

/// A copy of an image with one byte changed.
fn flipped(image: &Path, at: usize) -> tempfile::NamedTempFile {
    let mut bytes = std::fs::read(image).unwrap();
    bytes[at] ^= 1;
    let file = tempfile::Builder::new().suffix(".iso").tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn whats(found: &Value) -> Vec<&str> {
    found["differences"].as_array().unwrap().iter().map(|change| change["what"].as_str().unwrap()).collect()
}

#[test]
fn each_layer_has_its_verdict() {
    let old = iso("diff/old");
    for (other, verdict) in [
        ("diff/old", "identical"),
        ("diff/remastered", "iso-metadata"),
        ("diff/repacked", "squashfs-packing"),
        ("diff/new", "contents"),
    ] {
        let new = iso(other);
        for (one, two) in [(&old, &new), (&new, &old)] {
            let (code, found) = compare(one, two);
            let expected = if verdict == "identical" { 0 } else { 1 };
            assert_eq!((code, found["verdict"].as_str()), (Some(expected), Some(verdict)), "{other}");
        }
    }
}

#[test]
fn differences_are_named() {
    let old = iso("diff/old");
    let (_, found) = compare(&old, &iso("diff/remastered"));
    assert_eq!(
        whats(&found),
        [
            "GPT disk GUID",
            "boot information table of /isolinux/isolinux.bin",
            "order of extents",
            "places of partitions",
            "volume created",
            "volume modified",
            "addresses in the boot catalog /.boot.cat",
            "times, owners or modes of files",
        ]
    );
    let (_, found) = compare(&old, &iso("diff/repacked"));
    assert_eq!(whats(&found), ["places of partitions", "squashfs length", "squashfs packing", "volume length"]);
    let (_, found) = compare(&old, &iso("diff/new"));
    let first = &found["first"];
    assert_eq!((first["path"].as_str(), first["offset"].as_u64()), (Some("/EFI/BOOT/grub.cfg"), Some(296)));
}

#[test]
fn a_changed_byte_is_located() {
    let image = iso("diff/old");
    let bytes = std::fs::read(&image).unwrap();
    let at = |text: &[u8]| bytes.windows(text.len()).position(|window| window == text).unwrap();
    let version = at(b"25.11.1234.abcdef\0"); // version.txt, the only text that fills its sector
    for (place, verdict, structure, path, offset) in [
        (440, "iso-metadata", "signature of the master boot record", None, 440),
        (0x8000 + 813, "iso-metadata", "volume descriptor, creation date", None, 0x8000 + 813),
        (bytes.len() - 1, "iso-metadata", "", None, bytes.len() - 1),
        (version + 3, "contents", "data of a file", Some("/version.txt"), 3),
    ] {
        let changed = flipped(&image, place);
        let (code, found) = compare(&image, changed.path());
        assert_eq!((code, found["verdict"].as_str()), (Some(1), Some(verdict)), "{place:#x}: {found}");
        let first = &found["image"];
        assert!(first["structure"].as_str().unwrap().starts_with(structure), "{place:#x}: {found}");
        assert_eq!((first["path"].as_str(), first["offset"].as_u64()), (path, u64::try_from(offset).ok()), "{found}");
    }
}

#[test]
fn the_first_difference_of_two_packings_names_the_field_or_the_block() {
    let image = iso("diff/old");
    let bytes = std::fs::read(&image).unwrap();
    let (_, found) = compare(&image, &iso("diff/repacked"));
    let first = &found["first"];
    assert_eq!(first["structure"], json!("squashfs superblock, block size"), "{found}");
    let start = bytes.windows(4).position(|window| window == b"hsqs").unwrap();
    // The lowest byte of 1 MiB and of 128 KiB is the same.
    assert_eq!(first["offset"].as_u64(), u64::try_from(start + 14).ok());
    assert!(first["message"].as_str().unwrap().ends_with("from byte 14 of the squashfs on"), "{found}");
    let page = run(&["diff", "--reproducible", image.to_str().unwrap(), iso("diff/repacked").to_str().unwrap()]).out;
    assert!(
        page.contains(&format!("  first byte of the squashfs: {:#x}, squashfs superblock, block size\n", start + 14)),
        "{page}"
    );
    // The creation time.
    let (code, found) = compare(&image, flipped(&image, start + 8).path());
    assert_eq!((code, found["verdict"].as_str()), (Some(1), Some("squashfs-packing")));
    assert_eq!(found["first"]["structure"], json!("squashfs superblock, creation time"));
    assert_eq!(found["image"]["path"], json!("/nix-store.squashfs"));
    assert_eq!((&found["image"]["structure"], &found["image"]["offset"]), (&found["first"]["structure"], &json!(8)));
}

#[test]
fn two_writers_differ_in_a_field_of_the_superblock() {
    let archive = |name: &str| fixture(&format!("squashfs/{name}.squashfs"));
    for (one, other, structure) in [
        ("gzip", "xz", "squashfs superblock, compression"),
        ("gzip", "gzip-options", "squashfs superblock, flags"),
        ("gzip", "no-fragments", "squashfs superblock, number of fragment blocks"),
    ] {
        let (code, found) = compare(&archive(one), &archive(other));
        assert_eq!((code, found["verdict"].as_str()), (Some(1), Some("squashfs-packing")), "{found}");
        assert_eq!(found["first"]["structure"], json!(structure), "{found}");
        assert_eq!(found["image"]["structure"], json!(structure), "{found}");
    }
}

#[test]
fn a_stick_is_longer_than_what_was_written_to_it() {
    let image = iso("diff/old");
    let longer = |rest: &[u8]| {
        let mut bytes = std::fs::read(&image).unwrap();
        bytes.extend_from_slice(rest);
        let file = tempfile::Builder::new().suffix(".iso").tempfile().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        file
    };
    let stick = longer(&[7; 100_000]);
    let (code, found) = compare(&image, stick.path());
    assert_eq!((code, found["verdict"].as_str()), (Some(0), Some("identical")), "{found}");
    assert_eq!(found["differences"], json!([{"what": "bytes after the end of the volume", "old": 0, "new": 100_000}]));
    let page = run(&["diff", "--reproducible", stick.path().to_str().unwrap(), image.to_str().unwrap()]);
    let said = "identical up to the end of the volume\n  ~ bytes after the end of the volume: 100000 -> 0\n";
    assert_eq!((page.code, page.out.as_str()), (Some(0), said));
    // The contents at that place differ, so the first differing byte is reported.
    let (code, found) = compare(stick.path(), longer(&[8; 100_000]).path());
    assert_eq!((code, found["verdict"].as_str()), (Some(1), Some("iso-metadata")), "{found}");
    assert_eq!(found["image"]["structure"], json!("bytes after the end of the volume"));
}

#[test]
fn a_store_in_the_tree_of_a_disc_is_compared_file_by_file() {
    let image = iso("era-2008");
    let bytes = std::fs::read(&image).unwrap();
    let at = bytes.windows(12).position(|window| window == b"Port 22\nUseP" || window == b"#! /nix/stor").unwrap();
    let (code, found) = compare(&image, flipped(&image, at + 1).path());
    assert_eq!((code, found["verdict"].as_str()), (Some(1), Some("contents")), "{found}");
    let first = &found["first"];
    assert!(first["path"].as_str().unwrap().starts_with("/nix/store/"), "{found}");
    assert_eq!((&found["files"], first["structure"].as_str()), (&json!(1), Some("data of a file")));
    assert_eq!((&found["image"]["path"], &found["image"]["offset"]), (&first["path"], &first["offset"]));
}

#[test]
fn a_disc_is_no_bare_squashfs_even_where_it_has_the_same() {
    let image = iso("diff/old");
    let bytes = std::fs::read(&image).unwrap();
    let start = bytes.windows(4).position(|window| window == b"hsqs").unwrap();
    let used = usize::try_from(u64::from_le_bytes(bytes[start + 40..start + 48].try_into().unwrap())).unwrap();
    let bare = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(bare.path(), &bytes[start..start + used]).unwrap();
    for (one, other) in [(image.as_path(), bare.path()), (bare.path(), image.as_path())] {
        let (code, found) = compare(one, other);
        assert_eq!((code, found["verdict"].as_str()), (Some(1), Some("contents")), "{found}");
        assert_eq!((&found["first"]["path"], &found["files"]), (&json!("/"), &json!(1)));
        assert_eq!(found["first"]["message"], json!("is a disc in one image and a bare squashfs in the other"));
    }
}

#[test]
fn bare_archives_are_compared_too() {
    let (one, other) = (fixture("squashfs/gzip.squashfs"), fixture("squashfs/xz.squashfs"));
    let (code, found) = compare(&one, &other);
    assert_eq!((code, found["verdict"].as_str()), (Some(1), Some("squashfs-packing")), "{found}");
}

#[test]
fn a_manifest_cannot_be_the_same_build() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("manifest.json");
    let image = iso("diff/old").display().to_string();
    std::fs::write(&manifest, run(&["manifest", &image]).out).unwrap();
    let asked = run(&["diff", "--reproducible", &image, manifest.to_str().unwrap()]);
    assert_eq!((asked.code, asked.out.as_str()), (Some(2), ""));
    assert!(asked.errors.contains("need two images"), "{}", asked.errors);
}
