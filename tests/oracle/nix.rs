//! Packages, their sizes and references, names, versions and hashes, compared with Nix.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use nixoscope::store::nix32;
use nixoscope::store::{name, version};
use serde_json::{Value, json};

use crate::listing::scratch;
use crate::random::Random;
use crate::support::{self, fixture};
use crate::tool::{output, text, tool};

/// Images whose registration has hashes and sizes.
const SIZED: [&str; 4] = ["today/result", "middle/result", "compressed/result", "squashfs/nix-store.squashfs"];

/// Images whose registration has no hashes.
const OLD: [&str; 2] = ["era-2014/result", "era-2008/result"];

#[test]
fn packages_are_registered_as_nix_reads_the_registration() {
    for image in SIZED {
        let scratch = scratch();
        let registration = cat(image, "/nix/store/nix-path-registration");
        let theirs = path_info(scratch.path(), &registration);
        let ours = packages(image);
        assert_eq!(ours.len(), theirs.len(), "{image}");
        for package in ours {
            let path = package["path"].as_str().unwrap();
            let info = &theirs[path];
            let mut references = info["references"].as_array().unwrap().clone();
            references.sort_by_key(ToString::to_string);
            let hash = info["narHash"].as_str().unwrap();
            assert_eq!(sri(package["narHash"].as_str().unwrap()), hash, "{image}: {path}");
            assert_eq!(package["narSize"], info["narSize"], "{image}: {path}");
            assert_eq!(package["closureSize"], info["closureSize"], "{image}: {path}");
            assert_eq!(package["references"], Value::Array(references), "{image}: {path}");
        }
    }
}

#[test]
fn what_nix_prints_of_a_closure_is_found_in_the_image() {
    for image in SIZED {
        let scratch = scratch();
        path_info(scratch.path(), &cat(image, "/nix/store/nix-path-registration"));
        let packages = packages(image);
        let largest = packages.iter().max_by_key(|package| package["closureSize"].as_u64()).unwrap();
        let root = largest["path"].as_str().unwrap();
        let list = output(nix(scratch.path(), "nix-store").args(["--query", "--requisites", root]));
        let json = output(nix(scratch.path(), "nix").args(["path-info", "--json", "--recursive", root]));
        let paths = list.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
        assert!(paths > 20, "{image}: {paths}");
        for (text, told) in [(list, "the file has no hashes"), (json, "with the hashes in the file")] {
            let file = scratch.path().join("closure");
            std::fs::write(&file, text).unwrap();
            let run =
                support::program().args(["check", "--json"]).arg(fixture(image)).arg("--closure").arg(&file).output();
            let document: Value = serde_json::from_slice(&run.unwrap().stdout).unwrap();
            let message = document["results"][0]["message"].as_str().unwrap();
            assert!(
                message.starts_with(&format!("all {paths} store paths")) && message.ends_with(told),
                "{image}: {message}"
            );
        }
    }
}

#[test]
fn references_of_an_old_registration_are_those_that_nix_reads() {
    let (image, scratch) = ("era-2014/result", scratch());
    let theirs = path_info(scratch.path(), &cat(image, "/nix/store/nix-path-registration"));
    let ours = packages(image);
    assert_eq!(ours.len(), theirs.len());
    for package in ours {
        let path = package["path"].as_str().unwrap();
        let mut references = theirs[path]["references"].as_array().unwrap().clone();
        references.sort_by_key(ToString::to_string);
        assert_eq!(package["references"], Value::Array(references), "{path}");
        assert_eq!((&package["narSize"], &package["narHash"]), (&Value::Null, &Value::Null), "{path}");
    }
}

#[test]
fn hashes_are_those_that_nix_computes_of_the_extracted_store() {
    let scratch = scratch();
    let (archive, folder) = (scratch.path().join("store.squashfs"), scratch.path().join("store"));
    std::fs::write(&archive, cat("today/result", "/nix-store.squashfs")).unwrap();
    output(tool("unsquashfs").args(["-no-progress", "-quiet", "-d"]).args([&folder, &archive]));
    let packages = packages("today/result");
    let extracted =
        packages.iter().map(|package| folder.join(&package["path"].as_str().unwrap()["/nix/store/".len()..]));
    let mut hash = nix(scratch.path(), "nix-hash");
    let hashes = text(hash.args(["--type", "sha256", "--base32"]).args(extracted));
    for (package, hash) in packages.iter().zip(hashes.lines()) {
        assert_eq!(package["narHash"], json!(format!("sha256:{hash}")), "{}", package["path"]);
    }
    assert_eq!(hashes.lines().count(), packages.len());
}

#[test]
fn names_split_as_nix_splits_them() {
    let mut names: Vec<String> = Vec::new();
    for image in SIZED.iter().chain(&OLD) {
        for package in packages(image) {
            let full = package["name"].as_str().unwrap();
            let (pname, version) = (package["pname"].as_str().unwrap(), package["version"].as_str().unwrap());
            // A known output suffix is not part of the version.
            let version = match package["output"].as_str() {
                Some(output) => format!("{version}-{output}"),
                None => version.to_owned(),
            };
            assert_eq!(name::parse_drv_name(full), (pname, version.as_str()), "{full}");
            names.push(full.to_owned());
        }
    }
    let mut random = Random::new(1);
    for _ in 0..2000 {
        let length = random.below(12);
        names.push((0..length).map(|_| char::from(b"aZq019--..+_?="[random.below(14)])).collect());
    }
    let scratch = scratch();
    let split = eval(scratch.path(), "map builtins.parseDrvName", &json!(names));
    for (name, theirs) in names.iter().zip(split.as_array().unwrap()) {
        let (pname, version) = name::parse_drv_name(name);
        assert_eq!(json!({ "name": pname, "version": version }), *theirs, "{name:?}");
    }
}

#[test]
fn versions_are_ordered_as_nix_orders_them() {
    const PARTS: [&str; 18] = [
        "",
        "0",
        "1",
        "2",
        "10",
        "01",
        "007",
        "a",
        "b",
        "pre",
        "prefix",
        "rc",
        "p",
        "+",
        "_",
        "2147483647",
        "2147483648",
        "99999999999999999999",
    ];
    const JOINTS: [&str; 6] = ["", ".", "-", "..", ".-", "."];
    let mut random = Random::new(2);
    let mut version = || {
        let mut text = PARTS[random.below(PARTS.len())].to_owned();
        for _ in 0..random.below(4) {
            text += JOINTS[random.below(JOINTS.len())];
            text += PARTS[random.below(PARTS.len())];
        }
        text
    };
    let pairs: Vec<[String; 2]> = (0..4000).map(|_| [version(), version()]).collect();
    let scratch = scratch();
    let compare = "map (pair: builtins.compareVersions (builtins.head pair) (builtins.elemAt pair 1))";
    let orders = eval(scratch.path(), compare, &json!(pairs));
    for ([one, other], order) in pairs.iter().zip(orders.as_array().unwrap()) {
        let ours = version::compare(one, other) as i8;
        assert_eq!(i64::from(ours), order.as_i64().unwrap(), "{one:?} {other:?}");
    }
}

#[test]
fn nix32_is_that_of_nix() {
    let scratch = scratch();
    let mut random = Random::new(3);
    for (kind, length) in [("md5", 16), ("sha1", 20), ("sha256", 32), ("sha512", 64)] {
        let mut hashes: Vec<Vec<u8>> = vec![vec![0; length], vec![0xff; length]];
        for _ in 0..50 {
            hashes.push((0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect());
        }
        let hex = hashes.iter().map(|hash| data_encoding::HEXLOWER.encode(hash));
        let printed = text(nix(scratch.path(), "nix-hash").args(["--type", kind, "--to-base32"]).args(hex));
        let ours: Vec<String> = hashes.iter().map(|hash| nix32::encode(hash)).collect();
        assert_eq!(ours, printed.lines().collect::<Vec<_>>(), "{kind}");
        for (hash, text) in hashes.iter().zip(&ours).filter(|_| kind == "sha256") {
            assert_eq!(nix32::decode::<32>(text).map(Vec::from).as_ref(), Some(hash), "{text}");
        }
    }
}

#[test]
fn why_finds_chains_as_short_as_those_of_nix_why_depends() {
    let scratch = tempfile::tempdir().unwrap();
    let infos = path_info(scratch.path(), &cat("today/result", "/nix/store/nix-path-registration"));
    let answer = support::program().args(["why", "--json"]).arg(fixture("today/result")).arg("*").output().unwrap();
    let document: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let mut compared = 0;
    for reason in document["reasons"].as_array().unwrap() {
        let chain: Vec<&str> = match reason["chains"].as_array().unwrap().as_slice() {
            [] => continue,
            chains => {
                chains[0]["links"].as_array().unwrap().iter().map(|link| link["path"].as_str().unwrap()).collect()
            }
        };
        for pair in chain.windows(2) {
            let references = infos[pair[0]]["references"].as_array().unwrap();
            assert!(references.contains(&pair[1].into()), "{} does not refer to {}", pair[0], pair[1]);
        }
        // Each comparison takes a while.
        if chain.len() < 3 || compared == 12 {
            continue;
        }
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        let printed = text(nix(scratch.path(), "nix").args(["why-depends", first, last]));
        let theirs = printed.lines().filter(|line| line.contains("/nix/store/")).count();
        assert_eq!(chain.len(), theirs, "{printed}");
        compared += 1;
    }
    assert_eq!(compared, 12);
}

/// A Nix program with its own store and configuration.
pub(crate) fn nix(scratch: &Path, name: &str) -> Command {
    let mut nix = tool(name);
    let configuration =
        "experimental-features = nix-command\nsubstitute = false\nbuild-users-group =\nsandbox = false\n";
    let store = scratch.join("root");
    std::fs::create_dir_all(&store).unwrap();
    nix.env("NIX_REMOTE", format!("local?root={}", store.display()))
        .env("NIX_CONF_DIR", scratch)
        .env("NIX_CONFIG", configuration)
        .env("HOME", scratch)
        .env("XDG_CACHE_HOME", scratch);
    nix
}

/// Everything Nix knows about all paths after loading a registration, by path.
fn path_info(scratch: &Path, registration: &[u8]) -> BTreeMap<String, Value> {
    let file = scratch.join("registration");
    std::fs::write(&file, registration).unwrap();
    output(nix(scratch, "nix-store").arg("--load-db").stdin(std::fs::File::open(&file).unwrap()));
    let printed = output(nix(scratch, "nix").args(["path-info", "--all", "--json", "--closure-size"]));
    let infos: Vec<Value> = serde_json::from_slice(&printed).unwrap();
    infos.into_iter().map(|info| (info["path"].as_str().unwrap().to_owned(), info)).collect()
}

/// Applies a Nix function to a value.
fn eval(scratch: &Path, function: &str, argument: &Value) -> Value {
    let file = scratch.join("argument.json");
    std::fs::write(&file, argument.to_string()).unwrap();
    let expression = format!("({function}) (builtins.fromJSON (builtins.readFile {}))", file.display());
    let mut instantiate = nix(scratch, "nix-instantiate");
    let printed = output(instantiate.args(["--eval", "--strict", "--json", "--expr", &expression]));
    serde_json::from_slice(&printed).unwrap()
}

/// A hash in Nix32, as Nix prints it today.
fn sri(hash: &str) -> String {
    let bytes: [u8; 32] = nix32::decode(hash.strip_prefix("sha256:").unwrap()).unwrap();
    format!("sha256-{}", data_encoding::BASE64.encode(&bytes))
}

fn packages(image: &str) -> Vec<Value> {
    let output = support::program().args(["packages", "--json"]).arg(fixture(image)).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{image}: {}", String::from_utf8_lossy(&output.stderr));
    let mut document: Value = serde_json::from_slice(&output.stdout).unwrap();
    match document["packages"].take() {
        Value::Array(packages) if !packages.is_empty() => packages,
        other => panic!("{image}: {other}"),
    }
}

fn cat(image: &str, path: &str) -> Vec<u8> {
    let output = support::program().arg("cat").arg(fixture(image)).arg(path).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{image}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
