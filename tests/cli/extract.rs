//! `nixoscope extract`: files and directories copied out of an image.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::support::{Disc, Run, fixture, run};

fn extract(image: &str, arguments: &[&str], folder: &Path) -> Run {
    let folder = folder.display().to_string();
    run(&[&["extract", image], arguments, &["--output", &folder]].concat())
}

fn today() -> String {
    fixture("today/result").display().to_string()
}

#[test]
fn a_store_path_comes_out_as_nix_would_have_it() {
    let folder = tempfile::tempdir().unwrap();
    let found = extract(&today(), &["git-2.51.2", "/etc/ssh"], folder.path());
    assert_eq!((found.code, found.errors.as_str()), (Some(0), ""));
    let git = folder.path().join("zbhydw2lwv0awq2537cpcxxmhkchzi1h-git-2.51.2");
    for (path, mode) in [("", 0o555), ("bin", 0o555), ("bin/git", 0o555)] {
        let metadata = fs::metadata(git.join(path)).unwrap();
        assert_eq!((metadata.permissions().mode() & 0o7777, metadata.mtime()), (mode, 1), "{path}");
    }
    let link = fs::read_link(folder.path().join("ssh/sshd_config")).unwrap();
    assert!(link.starts_with("/nix/store/"), "links are copied, and not followed: {}", link.display());
}

#[test]
fn a_nar_has_the_registered_hash() {
    let image = today();
    let packages = run(&["packages", &image, "git@2.51.2", "--json"]);
    let document: Value = serde_json::from_str(&packages.out).unwrap();
    let paths = document["packages"].as_array().unwrap();
    assert!(!paths.is_empty());
    for package in paths {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nar");
        let path = package["path"].as_str().unwrap();
        let found = extract(&image, &[path, "--nar"], &file);
        assert_eq!((found.code, found.errors.as_str()), (Some(0), ""));
        let bytes = fs::read(&file).unwrap();
        let hash = nixoscope::store::nix32::encode(&Sha256::digest(&bytes));
        assert_eq!(package["narHash"], format!("sha256:{hash}"), "{path}");
        assert_eq!(package["narSize"], bytes.len());
    }
}

#[test]
fn nothing_is_written_over_and_what_is_missing_does_not_stop_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("version.txt"), "mine").unwrap();
    let found = extract(&today(), &["/version.txt", "/EFI"], folder.path());
    assert_eq!(found.code, Some(2));
    let told = "nixoscope: cannot copy /version.txt: it exists already, and nothing is written over\n";
    assert_eq!(found.errors, told);
    assert_eq!(fs::read_to_string(folder.path().join("version.txt")).unwrap(), "mine");
    assert!(folder.path().join("EFI/BOOT/grub.cfg").is_file());
    let found = extract(&today(), &["/nope", "/isolinux"], folder.path());
    assert_eq!((found.code, found.errors.as_str()), (Some(1), "nixoscope: /nope: no such file in the image\n"));
    assert!(folder.path().join("isolinux/isolinux.cfg").is_file());
    let found = run(&["extract", &today(), "/EFI"]);
    assert_eq!((found.code, found.errors.as_str()), (Some(2), "nixoscope: where to? Add --output DIR\n"));
}

#[test]
fn the_document_says_what_went_where() {
    let folder = tempfile::tempdir().unwrap();
    let found = extract(&today(), &["/EFI/BOOT/grub.cfg", "--json"], folder.path());
    let document: Value = serde_json::from_str(&found.out).unwrap();
    let size = fs::metadata(folder.path().join("grub.cfg")).unwrap().len();
    let entry = serde_json::json!({
        "path": "/EFI/BOOT/grub.cfg", "pathBase64": null, "to": "grub.cfg", "type": "file", "size": size,
    });
    assert_eq!(document["extracted"], serde_json::json!([entry]));
    assert_eq!(document["schema"], "nixoscope.extract.v1");
}

#[test]
fn links_never_lead_a_file_out_of_the_folder() {
    let outside = tempfile::tempdir().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = outside.path().display().to_string();
    // The folder already has a link where the image has a directory.
    let image = Disc::new()
        .file("/trap/file", "evil")
        .link("/away", &target)
        .file("/z/../../evil", "evil")
        .write(outside.path());
    std::os::unix::fs::symlink(outside.path(), folder.path().join("trap")).unwrap();
    let found = extract(&image.display().to_string(), &["/"], folder.path());
    assert_eq!(found.code, Some(2));
    assert_eq!(found.errors, "nixoscope: cannot copy /trap: it exists already, and nothing is written over\n");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "only the image");
    assert_eq!(fs::read_link(folder.path().join("away")).unwrap(), outside.path());
}
