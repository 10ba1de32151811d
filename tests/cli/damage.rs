//! An image with a damaged directory.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{files, run};

/// Where the root directory of the image begins, and its first record after those of itself and its parent.
const ROOT: usize = 20 * 2048;

/// An image whose root directory cannot be read, and why.
fn broken(folder: &Path) -> (String, String) {
    let mut bytes = fs::read(files("today/result/iso", ".iso").remove(0)).unwrap();
    let parent = ROOT + usize::from(bytes[ROOT]);
    let record = parent + usize::from(bytes[parent]);
    bytes[record + 32] = 255; // length of the identifier
    let file = folder.join("broken.iso");
    fs::write(&file, bytes).unwrap();
    let message = format!("directory record at {:#x}: invalid identifier", record + 32);
    (file.to_str().unwrap().to_owned(), message)
}

#[test]
fn every_document_of_a_broken_image_names_the_image_and_what_could_not_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (path, message) = broken(folder.path());
    for command in [&["ls", "-R"][..], &["find", "*.cfg"], &["inspect"], &["secrets"], &["verify"]] {
        let (name, rest) = command.split_first().unwrap();
        let run = run(&[&[*name, "--json", &path], rest].concat());
        let document: Value = serde_json::from_str(&run.out).unwrap();
        let image = document["image"].as_str().or(document["image"]["path"].as_str());
        assert_eq!((image, &document["troubles"]), (Some(path.as_str()), &json!([message])), "{command:?}");
    }
}

#[test]
fn a_broken_root_directory_is_reported_once_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let (path, message) = broken(folder.path());
    for command in [
        &["inspect"][..],
        &["ls", "-R"],
        &["find", "*.cfg"],
        &["packages"],
        &["access"],
        &["check", "--package", "git"],
        &["secrets"],
        &["manifest"],
        &["policy"],
    ] {
        let (name, rest) = command.split_first().unwrap();
        let run = run(&[&[*name, &path], rest].concat());
        let lines: Vec<&str> = run.errors.lines().filter(|line| line.contains("directory record at")).collect();
        assert_eq!((run.code, lines.len()), (Some(2), 1), "{command:?}: {}", run.errors);
        assert!(lines[0].ends_with(&message), "{command:?}: {}", run.errors);
    }
}

/// An image with a directory record that is damaged in part, deep in a store path, and the message about it.
fn faulty(folder: &Path) -> (String, String) {
    let mut bytes = fs::read(files("era-2008/result/iso", ".iso").remove(0)).unwrap();
    let find =
        |text: &[u8], from: usize| from + bytes[from..].windows(text.len()).position(|here| here == text).unwrap();
    // The name of a library, and the times after it.
    let times = find(b"TF", find(b"NM\x0e\x01\0libc.so.6", 0));
    bytes[times + 2] = 255; // length of the entry
    let file = folder.join("faulty.iso");
    fs::write(&file, bytes).unwrap();
    (file.to_str().unwrap().to_owned(), format!("system use entry at {:#x}: invalid length", times + 4))
}

#[test]
fn what_is_found_to_be_damaged_after_opening_is_in_every_document_and_in_the_messages() {
    let folder = tempfile::tempdir().unwrap();
    let (path, message) = faulty(folder.path());
    let library = "/nix/store/aphkx1nz5ng68ivivbh8gln4k37fj49k-glibc-2.7/lib/libc.so.6";
    for command in [
        &["ls", "-R"][..],
        &["find", "libc.so.6"],
        &["secrets"],
        &["check", "--file", library],
        &["packages"],
        &["why", "vim"],
        &["inspect"],
        &["access"],
        &["manifest"],
    ] {
        let (name, rest) = command.split_first().unwrap();
        let run = run(&[&[*name, "--json", &path], rest].concat());
        let document: Value = serde_json::from_str(&run.out).unwrap();
        let troubles = document["troubles"].as_array().unwrap();
        let told: Vec<&str> = run
            .errors
            .lines()
            .filter_map(|line| line.strip_prefix("nixoscope: "))
            .filter(|line| line.starts_with("system use"))
            .collect();
        let written: Vec<&str> = troubles.iter().map(|trouble| trouble.as_str().unwrap()).collect();
        assert_eq!(written, told, "{command:?}");
        if ["ls", "find", "secrets", "check"].contains(name) {
            assert_eq!(written, [&message], "{command:?}");
        }
    }
}
