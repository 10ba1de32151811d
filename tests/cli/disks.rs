//! Disk images, kexec tarballs, and directories with a system.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{fixture, run};

/// The system that all of them contain.
const SYSTEM: &str = "/nix/store/ahkyh61c8qrddcjk92rd6vdjbqiy24x9-nixos-system-nixos-25.11.1234.abcdef";

fn shown(name: &str) -> String {
    fixture(name).display().to_string()
}

fn document(arguments: &[&str]) -> Value {
    let found = run(arguments);
    assert_eq!(found.code, Some(0), "{}", found.errors);
    serde_json::from_str(&found.out).unwrap()
}

/// The entries of a tree, without the directory that mkfs adds.
fn entries(image: &str) -> Vec<Value> {
    let found = document(&["ls", "--json", "-R", image]);
    let all = found["entries"].as_array().unwrap().iter();
    all.filter(|entry| !entry["path"].as_str().unwrap().starts_with("/lost+found")).cloned().collect()
}

#[test]
fn ext4_shows_every_kind_of_inode_as_squashfs_does() {
    let squashfs = shown("squashfs/gzip.squashfs");
    let expected = entries(&squashfs);
    for name in ["disks/extents.img.zst", "disks/map.img.zst"] {
        assert_eq!(entries(&shown(name)), expected, "{name}");
        for file in ["/blocks.txt", "/hole.img", "/zeros.img", "/hard-link.txt"] {
            assert_eq!(run(&["cat", &shown(name), file]).out, run(&["cat", &squashfs, file]).out, "{name} {file}");
        }
    }
}

#[test]
fn the_store_of_an_sd_image_matches_its_registration() {
    let found = document(&["verify", "--json", &shown("disks/sd-image")]);
    assert_eq!(
        found["paths"],
        serde_json::json!({ "registered": 81, "present": 81, "verified": 81, "withoutHash": 0 })
    );
    assert_eq!(found["problems"], Value::Array(Vec::new()));
    let summary = document(&["inspect", "--json", &shown("disks/sd-image")]);
    assert_eq!(summary["image"]["kind"], "disk");
    assert_eq!(summary["store"]["kind"], "directory");
    let menu = &summary["boot"]["menu"][0];
    assert_eq!((&menu["file"], &menu["title"]), (&"/boot/extlinux/extlinux.conf".into(), &"NixOS - Default".into()));
    let partitions = summary["boot"]["partitions"].as_array().unwrap().iter();
    assert!(partitions.map(|found| found["kind"].as_str().unwrap()).eq(["0x0b", "0x83"]));
}

#[test]
fn every_form_has_the_same_system() {
    let iso = document(&["access", "--json", &shown("diff/old/result")]);
    let packages = |image: &str| {
        let found = document(&["packages", "--json", image]);
        let all = found["packages"].as_array().unwrap().iter();
        all.map(|package| package["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = packages(&shown("diff/old/result"));
    for name in ["disks/sd-image", "disks/nixos.qcow2", "disks/nixos-kexec-installer-x86_64-linux.tar.gz"] {
        let image = shown(name);
        let found = document(&["access", "--json", &image]);
        let logins = |found: &Value| found["users"].clone();
        assert_eq!(logins(&found), logins(&iso), "{name}");
        assert_eq!(packages(&image), expected, "{name}");
        let summary = document(&["inspect", "--json", &image]);
        assert_eq!(summary["systems"][0]["path"], SYSTEM, "{name}");
        let checked = run(&["check", &image, "--installed", "editor", "--file", "/etc/os-release"]);
        assert_eq!(checked.code, Some(0), "{name}: {}", checked.out);
    }
}

#[test]
fn an_installed_disk_boots_through_its_esp_and_says_that_it_has_no_registration() {
    let image = shown("disks/nixos.qcow2");
    let summary = document(&["inspect", "--json", &image]);
    assert_eq!(summary["boot"]["menu"][0]["file"], "(gpt1)/loader/entries/nixos-generation-1.conf");
    let listed = run(&["packages", &image, "editor"]);
    let note = "the store has no registration; Nix's database is not read, so hashes, sizes and references are unknown";
    assert_eq!((listed.code, listed.errors), (Some(0), format!("nixoscope: {note}\n")));
    let verified = run(&["verify", &image]);
    let expected = "note: the store has no registration, so its paths are unverified\n\
                    no problems: 0 store paths registered, 81 present, 0 verified\n";
    assert_eq!((verified.code, verified.out.as_str()), (Some(0), expected));
    // Its own files are shown, and the links in `/etc` lead to those of the system.
    let etc = run(&["ls", &image, "/etc"]);
    assert_eq!(etc.out, "/etc/NIXOS\n/etc/os-release\n/etc/static\n");
    assert!(run(&["cat", &image, "/etc/os-release"]).out.contains("VERSION_ID=\"25.11\""));
}

#[test]
fn a_directory_is_read_by_its_root_or_by_a_system_in_its_store() {
    let made = tempfile::tempdir().unwrap();
    let root = made.path().join("root");
    let given = root.display().to_string();
    let copied = run(&["extract", &shown("disks/sd-image"), "/nix", "/nix-path-registration", "-o", &given]);
    assert_eq!(copied.code, Some(0), "{}", copied.errors);
    let link = made.path().join("result");
    std::os::unix::fs::symlink(root.join(SYSTEM.trim_start_matches('/')), &link).unwrap();
    for name in [&given, &link.display().to_string()] {
        let summary = document(&["inspect", "--json", name]);
        assert_eq!((&summary["image"]["kind"], &summary["systems"][0]["path"]), (&"directory".into(), &SYSTEM.into()));
        let found = document(&["verify", "--json", name]);
        assert_eq!(
            found["paths"],
            serde_json::json!({ "registered": 81, "present": 81, "verified": 81, "withoutHash": 0 }),
            "{name}"
        );
        let users = |found: Value| found["users"].clone();
        let iso = document(&["access", "--json", &shown("diff/old/result")]);
        assert_eq!(users(document(&["access", "--json", name])), users(iso), "{name}");
    }
    // The system that runs is the default, and links never lead out of the directory.
    fs::create_dir_all(root.join("run")).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    std::os::unix::fs::symlink(SYSTEM, root.join("run/current-system")).unwrap();
    std::os::unix::fs::symlink("../../outside", root.join("etc/up")).unwrap();
    fs::write(made.path().join("outside"), "secret").unwrap();
    let up = run(&["cat", &given, "/etc/up"]);
    assert_eq!((up.code, up.out.as_str()), (Some(1), ""));
    fs::write(root.join("etc/shadow"), "root:!:1::::::\n").unwrap();
    let told = run(&["access", &given]);
    assert!(
        told.errors
            .contains("the users and passwords of a system that has run, beside those that it declares at /etc/shadow"),
        "{}",
        told.errors
    );
    assert_eq!(told.code, Some(2));
}

#[test]
fn what_cannot_be_read_is_named_with_the_next_step() {
    let made = tempfile::tempdir().unwrap();
    let mut disk = vec![0; 3 << 20];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    // A partition of type 0x83 that begins at 1 MiB and has 1 MiB.
    disk[450] = 0x83;
    disk[454..458].copy_from_slice(&2048u32.to_le_bytes());
    disk[458..462].copy_from_slice(&2048u32.to_le_bytes());
    disk[(1 << 20) + 0x1_0040..][..8].copy_from_slice(b"_BHRfS_M");
    let luks = [b"LUKS\xba\xbe".as_slice(), &[0; 0x9000]].concat();
    let docker = [&[b'x'; 257], b"ustar".as_slice(), &[0; 250]].concat();
    for (name, bytes, expected) in [
        (
            "btrfs.img",
            disk,
            "a disk image without an ext4 file system, the only one that is read of disks; it has a btrfs file system \
             (partition 1)",
        ),
        (
            "luks.img",
            luks,
            "a LUKS encrypted volume; open it with `cryptsetup open --readonly`, and give the device /dev/mapper/NAME",
        ),
    ] {
        let path = made.path().join(name);
        fs::write(&path, bytes).unwrap();
        let refused = run(&["packages".as_ref(), path.as_os_str()]);
        let expected = format!("nixoscope: {}: {expected}\n", path.display());
        assert_eq!((refused.code, refused.errors), (Some(2), expected));
    }
    let path = made.path().join("docker.tar");
    fs::write(&path, docker).unwrap();
    let refused = run(&[Path::new("packages").as_os_str(), path.as_os_str()]);
    assert_eq!(refused.code, Some(2));
    assert_eq!(refused.errors.lines().count(), 1, "{}", refused.errors);
}
