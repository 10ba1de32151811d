//! `check --closure` and `[[closure]]`: is a closure known from elsewhere in the image?

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::support::{fixture, run};

const IMAGE: &str = "squashfs/nix-store.squashfs";

/// The store paths of an image as `packages` lists them.
fn packages(image: &str) -> Vec<Value> {
    let document = run(&["packages", "--json", fixture(image).to_str().unwrap()]).out;
    let Value::Array(packages) = serde_json::from_str::<Value>(&document).unwrap()["packages"].take() else { panic!() };
    packages
}

/// What `nix path-info --json -r` of Nix 2.19 says of these packages.
fn path_info(packages: &[Value]) -> Map<String, Value> {
    let info = |package: &Value| json!({"narHash": package["narHash"], "narSize": package["narSize"], "references": package["references"]});
    packages.iter().map(|package| (package["path"].as_str().unwrap().to_owned(), info(package))).collect()
}

fn written(folder: &Path, text: &str) -> PathBuf {
    let file = folder.join("host.json");
    std::fs::write(&file, text).unwrap();
    file
}

/// Exit code, status, message and evidence of the one assertion, without digests.
fn check(image: &str, arguments: &[&str]) -> (Option<i32>, String, String, Vec<String>) {
    let run = run(&[&["check", "--json", fixture(image).to_str().unwrap()], arguments].concat());
    assert_eq!(run.errors, "");
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let result = &document["results"][0];
    let evidence = result["evidence"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
    let text = |field: &str| result[field].as_str().unwrap().to_owned();
    (run.code, text("status"), text("message"), evidence.collect())
}

#[test]
fn a_closure_that_is_in_the_image_holds_whatever_else_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let some: Vec<Value> = packages(IMAGE).into_iter().take(5).collect();
    let paths: Vec<&str> = some.iter().map(|package| package["path"].as_str().unwrap()).collect();
    for (text, message) in [
        (Value::Object(path_info(&some)).to_string(), "all 5 store paths are there, with the hashes in the file"),
        (paths.join("\n"), "all 5 store paths are there; the file has no hashes"),
        (format!("{}\r\n", paths[0]), "its store path is there; the file has no hashes"),
    ] {
        let file = written(folder.path(), &text);
        let expected = (Some(0), "pass".to_owned(), message.to_owned(), Vec::new());
        assert_eq!(check(IMAGE, &["--closure", file.to_str().unwrap()]), expected, "{text}");
    }
}

#[test]
fn what_is_missing_of_a_closure_is_listed_with_its_size_and_what_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut info = path_info(&packages(IMAGE));
    let path = |digit: &str, name: &str| format!("/nix/store/{}-{name}", digit.repeat(32));
    let (app, library, file) = (path("0", "host-app-1.0"), path("1", "host-library-2.0"), path("2", "unknown"));
    let hash = "sha256:0mdqa9w1p6cmli6976v4wi0sw9r4p5prkj7lzfd1877wk11c9c73";
    info.insert(app.clone(), json!({"narHash": hash, "narSize": 2048, "references": [app, library]}));
    info.insert(library.clone(), json!({"narHash": hash, "narSize": 1024, "references": []}));
    info.insert(file.clone(), Value::Null);
    let total = info.len();
    let given = written(folder.path(), &Value::Object(info).to_string());
    let (code, status, message, evidence) = check(IMAGE, &["--closure", given.to_str().unwrap()]);
    let told =
        format!("3 of {total} store paths are missing (at least 3.0 KiB): host-app 1.0, host-library 2.0, unknown");
    assert_eq!((code, status.as_str(), message), (Some(1), "fail", told));
    assert_eq!(evidence, [format!("{app} (2.0 KiB)"), format!("{library} (1.0 KiB), needed by {app}"), file]);
}

#[test]
fn contents_are_compared_and_not_what_is_registered_of_them() {
    let folder = tempfile::tempdir().unwrap();
    // Its registration has the hash of `etc-hosts` before that file became executable.
    let image = "verify/executable.squashfs";
    let info = path_info(&packages(image));
    let given = written(folder.path(), &Value::Object(info).to_string());
    let (code, status, message, evidence) = check(image, &["--closure", given.to_str().unwrap()]);
    assert_eq!((code, status.as_str()), (Some(1), "fail"));
    assert_eq!(message, "1 store path with other contents: etc-hosts");
    assert!(evidence[0].ends_with("-etc-hosts: other contents"), "{evidence:?}");
}

#[test]
fn a_policy_names_its_closure_from_its_own_folder_on() {
    let folder = tempfile::tempdir().unwrap();
    let some: Vec<Value> = packages(IMAGE).into_iter().take(3).collect();
    written(folder.path(), &Value::Object(path_info(&some)).to_string());
    let policy = folder.path().join("policy.toml");
    std::fs::write(&policy, "[[closure]]\nfile = \"host.json\"\n").unwrap();
    let (code, status, message, _) = check(IMAGE, &["--policy", policy.to_str().unwrap()]);
    let told = "all 3 store paths are there, with the hashes in the file";
    assert_eq!((code, status.as_str(), message.as_str()), (Some(0), "pass", told));
    std::fs::write(folder.path().join("host.json"), "[image]\nmax-size = 1\n").unwrap();
    let refused = run(&["check", fixture(IMAGE).to_str().unwrap(), "--policy", policy.to_str().unwrap()]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""));
    assert!(refused.errors.contains("host.json: this is TOML, perhaps a policy; expected"), "{}", refused.errors);
}

#[test]
fn a_file_of_another_kind_is_refused_and_called_what_it_is() {
    let image = fixture(IMAGE).display().to_string();
    for (flag, command) in [("--closure", "check"), ("--against", "verify")] {
        let refused = run(&[command, &image, flag, &fixture("menus/same.iso").display().to_string()]);
        assert_eq!((refused.code, refused.out.as_str()), (Some(2), ""), "{flag}");
        assert!(
            refused.errors.contains("this is an ISO image; expected the output of nix path-info"),
            "{}",
            refused.errors
        );
    }
}

#[test]
fn verify_suggests_the_check_where_an_image_only_holds_more() {
    let folder = tempfile::tempdir().unwrap();
    let image = fixture(IMAGE).display().to_string();
    let mut info = path_info(&packages(IMAGE).into_iter().take(5).collect::<Vec<_>>());
    let note =
        "note: the store holds all of the given closure and more, which nixoscope check --closure FILE accepts\n";
    let against = |info: &Map<String, Value>| {
        let file = written(folder.path(), &Value::Object(info.clone()).to_string());
        run(&["verify", &image, "--against", file.to_str().unwrap()])
    };
    let more = against(&info);
    assert!(more.code == Some(1) && more.out.contains(note), "{}", more.out);
    info.insert(format!("/nix/store/{}-gone-1.0", "0".repeat(32)), Value::Null);
    let gone = against(&info);
    assert!(gone.out.contains("-gone-1.0\n") && !gone.out.contains(note), "{}", gone.out);
    let list = written(folder.path(), &format!("/nix/store/{}-gone-1.0\n", "0".repeat(32)));
    let refused = run(&["verify", &image, "--against", list.to_str().unwrap()]);
    let told = "it lists paths without hashes; nixoscope check --closure checks that they are there\n";
    assert!(refused.code == Some(2) && refused.errors.ends_with(told), "{}", refused.errors);
}

#[test]
fn the_digest_of_the_image_may_be_given_in_every_notation() {
    let folder = tempfile::tempdir().unwrap();
    let path = fixture("verify/tree.iso");
    let image = path.display().to_string();
    let hex = {
        use sha2::Digest;
        data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(std::fs::read(&path).unwrap()))
    };
    let published = folder.path().join("published");
    std::fs::write(&published, format!("SHA256 hash of tree.iso:\r\n{hex}\r\nCertUtil: done.\r\n")).unwrap();
    for given in [hex.clone(), format!("sha256:{hex}"), format!("{hex}  tree.iso"), published.display().to_string()] {
        assert_eq!(run(&["verify", &image, "--sha256", &given]).code, Some(0), "{given}");
    }
    let refused = run(&["verify", &image, "--sha256", "abc"]);
    let told = "nixoscope: --sha256 abc: not a SHA-256: that is 64 hexadecimal digits, sha256:…, sha256-…, or a file with one\n";
    assert_eq!((refused.code, refused.errors.as_str()), (Some(2), told));
    let gone = run(&["verify", &image, "--sha256", "nowhere/nixos.iso.sha256"]);
    assert!(gone.errors.contains("No such file or directory"), "{}", gone.errors);
}
