//! The store path hashes that `verify` computes, and its verdict on an embedded MD5, compared with Nix and isomd5sum.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::listing::{only_file, scratch};
use crate::nix::nix;
use crate::support::{self, fixture};
use crate::tool::{output, text, tool};

/// Images with a squashfs, some of them bare.
const PACKED: [&str; 6] = [
    "today/result",
    "middle/result",
    "compressed/result",
    "era-2014/result",
    "verify/executable.squashfs",
    "squashfs/nix-store.squashfs",
];

/// Images whose store is in the tree of the disc.
const PLAIN: [&str; 2] = ["era-2008/result", "verify/tree.iso"];

const STORE: &str = "/nix/store/";

#[test]
fn verify_agrees_with_nix_hash_for_hash() {
    for image in PACKED.into_iter().chain(PLAIN) {
        let scratch = scratch();
        let folder = extracted(image, scratch.path());
        let ours = hashes(image, scratch.path());
        assert!(ours.len() >= 4, "{image}");
        let mut hash = nix(scratch.path(), "nix-hash");
        hash.args(["--type", "sha256", "--base32"]);
        hash.args(ours.keys().map(|path| folder.join(&path[STORE.len()..])));
        let theirs = text(&mut hash);
        let theirs = theirs.lines().map(|hash| format!("sha256:{hash}"));
        for ((path, ours), theirs) in ours.iter().zip(theirs) {
            assert_eq!(*ours, theirs, "{image}: {path}");
        }
    }
}

#[test]
fn signatures_that_nix_makes_count_and_no_others() {
    let (image, scratch) = ("squashfs/nix-store.squashfs", scratch());
    let (root, cache) = (scratch.path().join("root/nix"), scratch.path().join("cache"));
    std::fs::create_dir_all(&root).unwrap();
    std::fs::rename(extracted(image, scratch.path()), root.join("store")).unwrap();
    let registration = root.join("store/nix-path-registration");
    let paths = text(tool("grep").args(["-c", "^[0-9a-f]\\{64\\}$\\|^sha256"]).arg(&registration))
        .trim()
        .parse::<u64>()
        .unwrap();
    output(nix(scratch.path(), "nix-store").arg("--load-db").stdin(std::fs::File::open(&registration).unwrap()));
    let keys = ["test-1", "other-1"].map(|name| {
        let secret = text(nix(scratch.path(), "nix").args(["key", "generate-secret", "--key-name", name]));
        let file = scratch.path().join(name);
        std::fs::write(&file, secret).unwrap();
        let secret = std::fs::File::open(&file).unwrap();
        (file, text(nix(scratch.path(), "nix").args(["key", "convert-secret-to-public"]).stdin(secret)))
    });
    output(nix(scratch.path(), "nix").args(["store", "sign", "--all", "--key-file"]).arg(&keys[0].0));
    let to = format!("file://{}?compression=none", cache.display());
    output(nix(scratch.path(), "nix").args(["copy", "--all", "--no-check-sigs", "--to", &to]));
    let verify = |key: &str| document(&fixture(image), &["--cache", cache.to_str().unwrap(), "--signatures", key]);
    let kinds = |document: &Value| -> Vec<String> {
        let problems = document["problems"].as_array().unwrap().iter();
        problems.map(|problem| problem["message"].as_str().unwrap().chars().take(40).collect()).collect()
    };
    let all = verify(&keys[0].1);
    assert_eq!(kinds(&all), [""; 0]);
    assert_eq!(all["signatures"], json!({"keys": {"test-1": paths}, "signed": paths, "unsigned": 0}));
    let other = verify(&keys[1].1);
    assert_eq!(other["signatures"], json!({"keys": {"other-1": 0}, "signed": 0, "unsigned": paths}));
    assert!(kinds(&other).iter().all(|message| message.starts_with("signed only by test-1")));
    // The narinfo of one path is forged. That of another has no signature.
    let mut infos: Vec<PathBuf> = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    infos.retain(|path| path.extension().is_some_and(|suffix| suffix == "narinfo"));
    infos.sort();
    let edit = |file: &Path, change: &dyn Fn(&str) -> String| {
        let lines: String = std::fs::read_to_string(file).unwrap().lines().map(change).collect();
        std::fs::write(file, lines).unwrap();
    };
    let empty = "NarHash: sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73\n";
    edit(&infos[0], &|line| if line.starts_with("NarHash") { empty.to_owned() } else { format!("{line}\n") });
    edit(&infos[1], &|line| if line.starts_with("Sig") { String::new() } else { format!("{line}\n") });
    let mut forged = kinds(&verify(&keys[0].1));
    forged.sort();
    assert_eq!(forged, ["the cache has it with another hash, so i", "the cache has it without a signature"]);
}

#[test]
fn an_implanted_md5_is_judged_as_checkisomd5_judges_it() {
    let scratch = scratch();
    let image = scratch.path().join("implanted.iso");
    let today = only_file(&fixture("today/result/iso"));
    std::fs::write(&image, std::fs::read(today).unwrap()).unwrap();
    output(tool("implantisomd5").arg(&image));
    let bytes = std::fs::read(&image).unwrap();
    // In the system area, in the MD5 itself, in the data, and in the skipped sectors.
    for at in [None, Some(600), Some(0x8373 + 20), Some(1_500_000), Some(bytes.len() - 100)] {
        let mut changed = bytes.clone();
        if let Some(at) = at {
            changed[at] ^= 1;
        }
        std::fs::write(&image, changed).unwrap();
        let theirs = tool("checkisomd5").arg(&image).output().expect("checkisomd5");
        let ours = document(&image, &[]);
        assert_eq!(ours["implantedMd5"], json!(theirs.status.success()), "{at:?}");
    }
}

/// The unpacked store of an image: the folder that contains the store paths.
fn extracted(image: &str, scratch: &Path) -> PathBuf {
    let folder = scratch.join("store");
    if PLAIN.contains(&image) {
        let iso = if image.ends_with(".iso") { fixture(image) } else { only_file(&fixture(image).join("iso")) };
        output(
            tool("xorriso").args(["-osirrox", "on", "-indev"]).arg(iso).args(["-extract", "/nix/store"]).arg(&folder),
        );
        return folder;
    }
    let archive = scratch.join("store.squashfs");
    let path = if Path::new(image).extension().is_some() { None } else { Some("/nix-store.squashfs") };
    let bytes = match path {
        None => std::fs::read(fixture(image)).unwrap(),
        Some(path) => output(support::program().arg("cat").arg(fixture(image)).arg(path)),
    };
    std::fs::write(&archive, bytes).unwrap();
    output(tool("unsquashfs").args(["-no-progress", "-quiet", "-d"]).args([&folder, &archive]));
    folder
}

/// The hash of every store path as `verify` computes it. It prints the hashes that differ from the expected ones.
fn hashes(image: &str, scratch: &Path) -> BTreeMap<String, String> {
    let packages = support::program().args(["packages", "--all", "--json"]).arg(fixture(image)).output().unwrap();
    let packages: Value = serde_json::from_slice(&packages.stdout).unwrap();
    let paths = packages["packages"].as_array().unwrap().iter().map(|package| package["path"].as_str().unwrap());
    let zero = "sha256:0000000000000000000000000000000000000000000000000001";
    let wrong: Value = paths.map(|path| json!({"path": path, "narHash": zero})).collect();
    let file = scratch.join("wrong.json");
    std::fs::write(&file, wrong.to_string()).unwrap();
    let document = document(&fixture(image), &["--against", file.to_str().unwrap()]);
    let problems = document["problems"].as_array().unwrap().iter();
    let foreign = problems.filter(|problem| problem["expected"] == json!(zero) && problem["kind"] == "hash-mismatch");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let hashes: BTreeMap<_, _> = foreign.map(|problem| (text(&problem["path"]), text(&problem["actual"]))).collect();
    assert_eq!(hashes.len(), wrong.as_array().unwrap().len(), "{image}: every path is hashed");
    hashes
}

fn document(image: &Path, arguments: &[&str]) -> Value {
    let run = support::program().args(["verify", "--json"]).args(arguments).arg(image).output().unwrap();
    serde_json::from_slice(&run.stdout).unwrap()
}
