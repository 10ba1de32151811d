//! What counts as an image, and the messages about everything else.

use std::fs;
use std::path::Path;

use crate::support::{files, fixture, run};

#[test]
fn what_is_no_image_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(place(name), bytes).unwrap();
        place(name)
    };
    fs::create_dir_all(place("folder/iso")).unwrap();
    fs::create_dir_all(place("two/iso")).unwrap();
    write("two/iso/a.iso", b"");
    write("two/iso/b.iso", b"");
    std::os::unix::fs::symlink("/nothing-here", place("result")).unwrap();
    let no_volume = "no ISO 9660 volume descriptor (CD001) at 0x8001, no squashfs superblock (hsqs) at 0x0, and no ext4 \
                     volume";
    let two = format!("holds several images, name one of them: {}, {}", place("two/iso/a.iso"), place("two/iso/b.iso"));
    let mut wrong_magic = fs::read(fixture("iso/level-1.iso")).unwrap();
    wrong_magic[0x8001] = b'X';
    for (path, reason) in [
        (place("nothing"), "no such file or directory".to_owned()),
        (
            place("result"),
            "the link leads to /nothing-here, which does not exist; build it again with nix-build".to_owned(),
        ),
        (
            place("folder"),
            "a directory without an image: it has no product line `file iso …`, no iso/*.iso, sd-image/*.img or *.qcow2, \
             and no NixOS system (nix/store, or init, sw and activate)"
                .to_owned(),
        ),
        (place("two"), two),
        ("/dev/null".to_owned(), "a character device cannot be read in place; copy it to a file first".to_owned()),
        (write("empty", b""), format!("an empty file: {no_volume}")),
        (write("text", b"hello\n"), format!("too short for an image: {no_volume}")),
        (write("elf", &[b"\x7fELF".as_slice(), &[0; 0x9000]].concat()), format!("an ELF program: {no_volume}")),
        (write("qcow2", &[b"QFI\xfb".as_slice(), &[0; 0x9000]].concat()), "a damaged qcow2 disk image: qcow2 header at 0x4: invalid version".to_owned()),
        (write("vdi", &[&[0; 0x40], b"\x7f\x10\xda\xbe".as_slice(), &[0; 0x9000]].concat()), "a VirtualBox disk image (vdi); convert it with `qemu-img convert -O raw`".to_owned()),
        (write("zeros", &[0; 0x9000]), format!("no image: {no_volume}")),
        (write("wrong-magic", &wrong_magic), format!("no image: {no_volume}")),
    ] {
        for command in [&["inspect"][..], &["ls"], &["packages"], &["check", "--package", "git"]] {
            let run = run(&[command, &[path.as_str()]].concat());
            let expected = format!("nixoscope: {path}: {reason}\n");
            // `check` names what it could not check, too.
            let judged = command[0] == "check" && std::path::Path::new(&path).is_file();
            let verdict = if judged { "0 passed, 0 failed, 1 could not be checked\n" } else { "" };
            assert_eq!((run.code, run.errors), (Some(2), expected), "{command:?}");
            assert!(run.out.ends_with(verdict) && run.out.is_empty() == verdict.is_empty(), "{command:?}: {}", run.out);
        }
    }
}

#[test]
fn archives_of_other_versions_and_compressors_are_not_taken_for_broken_ones() {
    let archive = fs::read(fixture("squashfs/gzip.squashfs")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // The major version and the compressor are numbers of two bytes in the superblock, least significant byte first.
    for (at, value, word) in [(28, 3, "version 3.0"), (20, 7, "compression 7")] {
        let mut changed = archive.clone();
        changed[at] = value;
        let path = folder.path().join("changed.squashfs");
        fs::write(&path, changed).unwrap();
        let run = run(&["ls".as_ref(), path.as_os_str()]);
        assert_eq!((run.code, run.out.as_str(), run.errors.lines().count()), (Some(2), "", 1));
        assert!(run.errors.contains(word) && run.errors.contains("not supported"), "{word}: {}", run.errors);
    }
}

#[test]
fn every_form_of_an_image_opens() {
    let folder = tempfile::tempdir().unwrap();
    let iso = |result: &str| files(&format!("{result}/iso"), "").remove(0).display().to_string();
    // A wrapper has only a product line, with the place of the image on the machine that built it: here, as if it were
    // built here.
    let wrapper = folder.path().join("wrapper");
    fs::create_dir_all(wrapper.join("nix-support")).unwrap();
    fs::write(wrapper.join("nix-support/hydra-build-products"), format!("file iso {}\n", iso("era-2014/result")))
        .unwrap();
    let link = folder.path().join("result");
    std::os::unix::fs::symlink(fixture("today/result"), &link).unwrap();
    // A stick has more bytes than the image that was written to it.
    let stick = folder.path().join("stick");
    fs::write(&stick, [fs::read(iso("today/result")).unwrap(), vec![0xff; 100_000]].concat()).unwrap();
    for (name, path) in [
        ("a link to a result", link.display().to_string()),
        ("a result without a product line", fixture("era-2014/result").display().to_string()),
        ("a wrapper", wrapper.display().to_string()),
        ("a file", iso("today/result")),
        ("a copy of a stick", stick.display().to_string()),
        ("a bare squashfs", fixture("squashfs/nix-store.squashfs").display().to_string()),
        ("a zstd image", fixture("compressed/result").display().to_string()),
        ("a bzip2 image", fixture("compressed/bzip2").display().to_string()),
        ("a zstd file", iso("compressed/result")),
        ("a folder with an ISO", Path::new(&iso("today/result")).parent().unwrap().display().to_string()),
    ] {
        let run = run(&["ls", &path, "/nix/store/nix-path-registration"]);
        let expected = (Some(0), "/nix/store/nix-path-registration\n", "");
        assert_eq!((run.code, run.out.as_str(), run.errors.as_str()), expected, "{name}");
    }
}

#[test]
fn a_product_that_lies_elsewhere_says_where_it_was_looked_for() {
    let wrapper = fixture("era-2014/wrapper");
    let line = fs::read_to_string(wrapper.join("nix-support/hydra-build-products")).unwrap();
    let product = line.trim_end().strip_prefix("file iso ").unwrap();
    let run = run(&["ls".as_ref(), wrapper.as_os_str()]);
    let reason =
        format!("nix-support/hydra-build-products names {product}, which is neither there nor under this directory");
    assert_eq!((run.code, run.errors), (Some(2), format!("nixoscope: {}: {reason}\n", wrapper.display())));
}

#[test]
fn a_truncated_compressed_image_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for result in ["compressed/result", "compressed/bzip2"] {
        let whole = files(&format!("{result}/iso"), "").remove(0);
        let cut = folder.path().join(whole.file_name().unwrap());
        let bytes = fs::read(&whole).unwrap();
        fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
        let run = run(&["ls".as_ref(), cut.as_os_str()]);
        assert_eq!((run.code, run.out.as_str(), run.errors.lines().count()), (Some(2), "", 1), "{result}");
        assert!(run.errors.starts_with(&format!("nixoscope: {}: ", cut.display())), "{}", run.errors);
    }
}
