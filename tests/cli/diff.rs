//! `diff` and `manifest`: every difference is told, and nothing else is.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{fixture, run};

/// The manifest of an image, changed, in a folder of its own.
fn changed(image: &str, change: impl FnOnce(&mut Value)) -> (tempfile::TempDir, PathBuf) {
    let written = run(&["manifest", fixture(image).to_str().unwrap()]);
    assert_eq!((written.code, written.errors.as_str()), (Some(0), ""));
    let mut manifest: Value = serde_json::from_str(&written.out).unwrap();
    change(&mut manifest);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    std::fs::write(&path, manifest.to_string()).unwrap();
    (folder, path)
}

fn diff(old: &Path, new: &Path) -> (Option<i32>, Value) {
    let run = run(&["diff", "--json", old.to_str().unwrap(), new.to_str().unwrap()]);
    assert_eq!(run.errors, "");
    (run.code, serde_json::from_str(&run.out).unwrap())
}

/// The store path of a package, in a list of paths.
fn path<'m>(manifest: &'m mut Value, name: &str) -> &'m mut Value {
    let paths = manifest["paths"].as_array_mut().unwrap();
    paths.iter_mut().find(|path| path["path"].as_str().unwrap().ends_with(&format!("-{name}"))).unwrap()
}

/// Gives a store path another name behind its hash, and other contents.
fn rename(path: &mut Value, from: &str, to: &str) {
    path["path"] = json!(path["path"].as_str().unwrap().replace(from, to));
    path["narHash"] = json!("sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=");
}

#[test]
fn an_image_is_the_same_as_itself_and_as_its_manifest() {
    for image in [
        "today/result",
        "middle/result",
        "compressed/result",
        "era-2014/result",
        "era-2008/result",
        "access/states.squashfs",
    ] {
        let (_folder, manifest) = changed(image, |_| ());
        for (old, new) in
            [(fixture(image), fixture(image)), (fixture(image), manifest.clone()), (manifest, fixture(image))]
        {
            let (code, document) = diff(&old, &new);
            assert_eq!((code, &document["same"]), (Some(0), &json!(true)), "{image}: {document}");
        }
    }
    let text = run(&["diff", fixture("today/result").to_str().unwrap(), fixture("today/result").to_str().unwrap()]);
    assert_eq!((text.code, text.out.as_str()), (Some(0), "no difference\n"));
}

#[test]
fn every_change_is_told_and_nothing_else_in_both_directions() {
    let (_folder, new) = changed("today/result", |manifest| {
        rename(path(manifest, "vim-9.1.1869"), "9.1.1869", "9.2.0");
        rename(path(manifest, "rsync-3.4.1"), "3.4.1", "3.3.0");
        path(manifest, "hello-2.12.2")["narHash"] = json!("sha256-BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=");
        manifest["paths"].as_array_mut().unwrap().push(json!({
            "path": "/nix/store/11111111111111111111111111111111-jq-1.8.1", "narHash": "sha256-C", "narSize": 2048, "installed": true,
        }));
        manifest["paths"].as_array_mut().unwrap().retain(|path| !path["path"].as_str().unwrap().ends_with("-nano-8.7"));
        manifest["users"].as_array_mut().unwrap().push(json!({
            "name": "eve", "uid": 1001, "groups": ["users"], "shell": "/bin/sh", "password": "locked", "logins": [],
        }));
        manifest["keys"][0]["fingerprint"] = json!("SHA256:another");
        for entry in manifest["menu"].as_array_mut().unwrap() {
            entry["params"].as_array_mut().unwrap().push(json!("quiet"));
        }
        manifest["files"].as_array_mut().unwrap().retain(|file| file["path"] != "/boot/memtest.bin");
        manifest["sshd"]["permitRootLogin"] = json!("no");
    });
    let today = fixture("today/result");
    let (code, there) = diff(&today, &new);
    assert_eq!(code, Some(1));
    let package = |package: &Value| {
        let list = |value: &Value| {
            value
                .as_array()
                .unwrap()
                .iter()
                .map(|version| version.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let text = |name: &str| package[name].as_str().unwrap().to_owned();
        format!(
            "{} {} {} [{}] [{}]",
            text("pname"),
            text("status"),
            text("selection"),
            list(&package["old"]),
            list(&package["new"])
        )
    };
    let packages = |document: &Value| document["packages"].as_array().unwrap().iter().map(package).collect::<Vec<_>>();
    assert_eq!(
        packages(&there),
        [
            "jq added newly-installed [] [1.8.1]",
            "nano removed no-longer-installed [8.7] []",
            "rsync downgraded installed [3.4.1] [3.3.0]",
            "vim upgraded installed [9.1.1869] [9.2.0]",
        ]
    );
    assert_eq!(there["rebuilt"], json!([{"pname": "hello", "paths": 1}]));
    assert_eq!(there["users"][0]["name"], json!("eve"));
    assert_eq!(
        (there["keys"]["added"].as_array().unwrap().len(), there["keys"]["removed"].as_array().unwrap().len()),
        (1, 1)
    );
    assert_eq!(there["boot"]["menu"], json!([{"what": "parameter quiet", "old": null, "new": "in 32 entries"}]));
    assert_eq!(there["files"].as_array().unwrap().len(), 1);
    assert_eq!(there["sshd"], json!([{"what": "PermitRootLogin", "old": "yes", "new": "no"}]));
    let quiet = ["systems", "volume", "findings.added", "findings.removed"];
    for name in quiet {
        let value = name.split('.').fold(&there, |value, name| &value[name]);
        assert_eq!(*value, json!([]), "{name}");
    }
    let (code, back) = diff(&new, &today);
    assert_eq!(code, Some(1));
    assert_eq!(
        packages(&back),
        [
            "jq removed no-longer-installed [1.8.1] []",
            "nano added newly-installed [] [8.7]",
            "rsync upgraded installed [3.3.0] [3.4.1]",
            "vim downgraded installed [9.2.0] [9.1.1869]",
        ]
    );
    let sizes = (there["narSizeDelta"].as_i64().unwrap(), back["narSizeDelta"].as_i64().unwrap());
    assert_eq!(sizes.0, -sizes.1);
}

#[test]
fn a_manifest_is_stable_and_a_line_for_each_thing() {
    let image = fixture("today/result").display().to_string();
    let (one, other) = (run(&["manifest", &image]).out, run(&["manifest", &image]).out);
    assert_eq!(one, other);
    assert_eq!(one.lines().filter(|line| line.contains("\"narHash\"")).count(), 130);
    assert!(!one.contains("bar"), "no password is in it");
}

#[test]
fn verify_takes_a_manifest_for_the_closure() {
    let (_folder, manifest) = changed("today/result", |_| ());
    let against = |manifest: &Path| {
        run(&["verify", fixture("today/result").to_str().unwrap(), "--against", manifest.to_str().unwrap()])
    };
    assert_eq!(against(&manifest).code, Some(0));
    let (_folder, other) =
        changed("today/result", |manifest| rename(path(manifest, "vim-9.1.1869"), "9.1.1869", "9.1.1869"));
    assert_eq!(against(&other).code, Some(1));
}

#[test]
fn what_cannot_be_compared_ends_with_2() {
    let today = fixture("today/result").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.json");
    std::fs::write(&other, "{\"schema\": \"x\"}").unwrap();
    for (path, told) in [(other.to_str().unwrap(), "no manifest: "), ("/no/such/image", "no such file")] {
        let found = run(&["diff", &today, path]);
        assert_eq!((found.code, found.out.as_str()), (Some(2), ""));
        assert!(found.errors.to_lowercase().contains(told), "{}", found.errors);
    }
}
