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
