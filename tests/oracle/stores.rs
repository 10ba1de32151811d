//! Made-up stores with all sorts of names and contents. `packages`, `policy` and `check` must agree on them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::random::Random;
use crate::support;
use crate::tool::{output, tool};

const STORES: usize = 40;

const NAMES: [&str; 12] = [
    "git",
    "openssl",
    "perl5.42.0-File",
    "python3.13-x",
    "7zip",
    "2048-in",
    "gtk+",
    "a_b",
    "unit-x",
    "etc",
    "dbus",
    "x",
];
const VERSIONS: [&str; 12] = [
    "-1.0",
    "-2.51.2",
    "-1.1.1w",
    "-0-unstable-2024-05-01",
    "-2025b",
    "-5.0-dev",
    "-1",
    "-6.18-rc5",
    "-1.0_p3",
    "",
    "-.service",
    "-3?",
];
const ENDINGS: [&str; 16] = [
    "", "", "", "", "-bin", "-dev", "-man", "-doc", "-lib", "-debug", ".drv", ".tar.gz", ".patch", "-src", ".conf",
    "-env",
];
const CONTENTS: [&[&str]; 12] = [
    &["bin/PROGRAM"],
    &["bin/PROGRAM", "share/man/man1/x.1"],
    &["lib/libx.so"],
    &["include/x.h", "nix-support/propagated-build-inputs"],
    &["include/x.h", "bin/x-config"],
    &["share/man/man1/x.1"],
    &["system.conf"],
    &["x.service"],
    &["Makefile", "README"],
    &["etc/x"],
    &["nix-support/setup-hook"],
    &["FV/x.fd"],
];

/// One object of a store.
struct Object {
    base: String,
    /// Its files. Empty if it is a file itself.
    files: Vec<String>,
    installed: bool,
}

fn objects(random: &mut Random) -> Vec<Object> {
    let mut pick = |from: &[&'static str]| from[random.below(from.len())];
    let names: Vec<String> =
        (0..30).map(|_| format!("{}{}{}", pick(&NAMES), pick(&VERSIONS), pick(&ENDINGS))).collect();
    let object = |(number, name): (usize, String)| {
        // Few program names, so that packages hide each other's programs.
        let program = format!("p{}", random.below(8));
        let is_file = name.ends_with(".drv") || name.ends_with(".gz") || random.below(8) == 0;
        let files =
            CONTENTS[random.below(CONTENTS.len())].iter().map(|file| file.replace("PROGRAM", &program)).collect();
        let files = if is_file { Vec::new() } else { files };
        Object { base: format!("{number:032}-{name}"), files, installed: random.below(2) == 0 }
    };
    names.into_iter().enumerate().map(object).collect()
}

/// A bare squashfs with the objects, and a system in which some of them are installed. With a registration, its references decide
/// which. Otherwise the links of the system path do.
fn image(objects: &[Object], registered: &[&str], folder: &Path) -> PathBuf {
    let stage = folder.join("stage");
    let write = |path: PathBuf, text: &str| {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let system_path = format!("{}-system-path", "y".repeat(32));
    let system = format!("{}-nixos-system-case-25.11", "z".repeat(32));
    fs::create_dir_all(stage.join(&system_path)).unwrap();
    let mut references = Vec::new();
    for object in objects {
        let files = object.files.iter().map(String::as_str);
        let files: Vec<&str> = if object.files.is_empty() { vec![""] } else { files.collect() };
        for file in files {
            let place = if file.is_empty() { stage.join(&object.base) } else { stage.join(&object.base).join(file) };
            write(place, "text");
            let link = stage.join(&system_path).join(if file.is_empty() { &object.base } else { file });
            if object.installed && fs::symlink_metadata(&link).is_err() {
                fs::create_dir_all(link.parent().unwrap()).unwrap();
                symlink(format!("/nix/store/{}/{file}", object.base).trim_end_matches('/'), link).unwrap();
                references.push(&object.base);
            }
        }
    }
    for (path, text) in [("init", "#!"), ("activate", "#!"), ("nixos-version", "25.11"), ("etc/hostname", "case")] {
        write(stage.join(&system).join(path), text);
    }
    symlink(format!("/nix/store/{system_path}"), stage.join(&system).join("sw")).unwrap();
    references.dedup();
    let record = |base: &str, references: &[&String]| {
        let references: String = references.iter().map(|base| format!("/nix/store/{base}\n")).collect();
        format!("/nix/store/{base}\n{}\n0\n\n{}\n{references}", "0".repeat(64), references.lines().count())
    };
    let bases = objects.iter().map(|object| record(&object.base, &[]));
    let registration: String = match registered {
        [] => String::new(),
        _ => bases.chain([record(&system_path, &references), record(&system, &[&system_path])]).collect(),
    };
    fs::write(stage.join("nix-path-registration"), registration).unwrap();
    let image = folder.join("store.squashfs");
    output(tool("mksquashfs").arg(&stage).arg(&image).args(["-quiet", "-no-progress", "-no-xattrs", "-all-root"]));
    image
}

fn run(arguments: &[&str], image: &Path) -> (Option<i32>, String) {
    let output = support::program().arg(arguments[0]).arg(image).args(&arguments[1..]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_ne!(text, "", "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    (output.status.code(), text)
}

#[test]
fn packages_policy_and_check_agree_on_stores_of_any_form() {
    let mut asserted = 0;
    for seed in 0..STORES {
        let folder = tempfile::tempdir().unwrap();
        let objects = objects(&mut Random::new(seed as u64));
        let registered: &[&str] = if seed % 2 == 0 { &["all"] } else { &[] };
        let image = image(&objects, registered, folder.path());
        let policy = folder.path().join("policy.toml");
        let (_, text) = run(&["policy"], &image);
        fs::write(&policy, &text).unwrap();
        let (code, checked) = run(&["check", "--policy", policy.to_str().unwrap()], &image);
        assert_eq!(code, Some(0), "seed {seed}: {checked}");

        let listed: Value = serde_json::from_str(&run(&["packages", "--json"], &image).1).unwrap();
        let listed = listed["packages"].as_array().unwrap();
        let written: toml::Table = toml::from_str(&text).unwrap();
        let demanded = written.get("package").and_then(toml::Value::as_array).into_iter().flatten();
        let demanded = demanded.flat_map(|table| table["name"].as_array().unwrap());
        let demanded: BTreeSet<&str> = demanded.map(|name| name.as_str().unwrap()).collect();
        let names: BTreeSet<&str> = listed.iter().filter_map(|package| package["pname"].as_str()).collect();
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            let (_, checked) = run(&["check", "--json", "--installed", name], &image);
            let result = serde_json::from_str::<Value>(&checked).unwrap()["results"][0].take();
            let same = |package: &&Value| package["pname"] == name && package["kind"] == "software";
            let mut installed = listed.iter().filter(same).filter(|package| package["installed"] == true);
            let passes = result["status"] == "pass";
            assert!(passes || !demanded.contains(name), "seed {seed}: {name} is demanded, but {result}");
            assert!(!passes || installed.next().is_some(), "seed {seed}: {name} is not installed, but {result}");
            asserted += usize::from(passes);
        }
    }
    assert!(asserted > STORES, "{asserted} packages were installed");
}
