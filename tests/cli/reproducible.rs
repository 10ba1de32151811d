//! `diff --reproducible`: the layer in which two builds part.

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
fn what_differs_is_named() {
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
fn a_changed_byte_is_placed() {
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
    assert!(asked.errors.contains("want two images"), "{}", asked.errors);
}
