//! Stock software has no secrets: packages that these tests need anyway, packed as the store of an image. `benches/secrets` does
//! the same with some thousand packages.

use std::fs::{self, File};
use std::path::Path;

use crate::support::run;
use crate::tool::{output, scratch, text, tool};

/// Packages that `.ci/run` installs, or that every Debian has. They contain test keys of GnuTLS and hashes in a test of GRUB.
const PACKAGES: [&str; 14] = [
    "grub-pc-bin",
    "libgnutls30",
    "libssl3",
    "openssh-client",
    "openssh-server",
    "opendoas",
    "pamtester",
    "passwd",
    "perl",
    "perl-base",
    "squashfs-tools",
    "sudo",
    "systemd",
    "xorriso",
];

#[test]
fn no_secret_is_found_in_stock_packages() {
    let folder = scratch("secrets");
    let mut files = String::from("nix-path-registration\n");
    for package in PACKAGES {
        let listed = text(tool("dpkg-query").args(["--listfiles", package]));
        // Links lead to other listed files. Documentation may not be installed.
        let own = listed.lines().filter(|path| Path::new(path).symlink_metadata().is_ok_and(|data| data.is_file()));
        own.for_each(|path| files.extend([path, "\n"]));
    }
    fs::write(folder.join("files"), files).unwrap();
    // This file makes a squashfs a Nix store.
    fs::write(folder.join("nix-path-registration"), "").unwrap();
    let path = format!("s,^/,{}-stock-1.0/,", "0".repeat(32));
    let options = ["--create", "--absolute-names", "--file=stock.tar", "--files-from=files", "--transform", &path];
    output(tool("tar").current_dir(&folder).args(options));
    let image = folder.join("stock.squashfs").display().to_string();
    let tar = File::open(folder.join("stock.tar")).unwrap();
    output(tool("sqfstar").args(["-quiet", "-no-progress", &image]).stdin(tar));
    let found = run(&["secrets", "--json", &image]);
    let found: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(found["secrets"], serde_json::json!([]));
    assert!(found["files"].as_u64().unwrap() > 1_000 && found["known"].as_u64().unwrap() >= 10, "{}", found["known"]);
}
