//! `diff` and `manifest` where something is wrong, hostile or too much.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{fixture, program, run};

fn made(name: &str) -> String {
    fixture(&format!("diff/{name}/result")).display().to_string()
}

fn manifest(image: &str) -> Value {
    let written = run(&["manifest", image]);
    assert_eq!((written.code, written.errors.as_str()), (Some(0), ""));
    serde_json::from_str(&written.out).unwrap()
}

fn kept(document: &Value) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(document.to_string().as_bytes()).unwrap();
    file
}

fn json(old: &Path, new: &Path) -> Value {
    let run = run(&["diff", "--json", old.to_str().unwrap(), new.to_str().unwrap()]);
    serde_json::from_str(&run.out).unwrap()
}

/// The bytes of the image in a result.
fn bytes(name: &str) -> Vec<u8> {
    let folder = fixture(&format!("{name}/result/iso"));
    std::fs::read(std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()).unwrap()
}

fn image(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".iso").tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

#[test]
fn an_image_without_its_end_is_never_the_same() {
    let whole = bytes("diff/old");
    let short = image(&whole[..whole.len() - 1000]);
    for arguments in [["diff", &made("old"), path(&short)], ["diff", path(&short), &made("old")]] {
        let found = run(&arguments);
        assert_eq!(found.code, Some(2));
        assert!(found.out.ends_with("no differences; not everything could be compared\n"), "{}", found.out);
        let named = format!("nixoscope: {}: volume at 0x0: truncated", path(&short));
        assert!(found.errors.starts_with(&named) && found.errors.contains("the image is cut off"), "{}", found.errors);
    }
    let found = run(&["diff", "--json", &made("old"), path(&short)]);
    let document: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!((&document["same"], document["troubles"].as_array().unwrap().len()), (&json!(false), 1));
    let found = run(&["diff", "--reproducible", &made("old"), path(&short)]);
    assert_eq!(found.code, Some(2));
    assert!(found.out.starts_with("only ISO metadata differs; not everything could be compared\n"), "{}", found.out);
    // Of a store without its tables nothing is known.
    let shorter = image(&whole[..200_000]);
    let found = run(&["diff", path(&shorter), &made("old")]);
    assert_eq!((found.code, found.out.as_str()), (Some(2), ""));
    assert!(
        found.errors.contains("the image is cut off") && found.errors.contains("cannot compare"),
        "{}",
        found.errors
    );
}

#[test]
fn a_manifest_says_what_it_lacks_and_so_does_each_comparison_with_it() {
    let whole = bytes("diff/old");
    let short = image(&whole[..whole.len() - 1000]);
    let written = run(&["manifest", path(&short)]);
    assert_eq!(written.code, Some(2));
    let document: Value = serde_json::from_str(&written.out).unwrap();
    assert_eq!(document["incomplete"].as_array().unwrap().len(), 1, "{}", document["incomplete"]);
    let manifest = kept(&document);
    let found = run(&["diff", path(&manifest), &made("old")]);
    assert_eq!(found.code, Some(2));
    assert!(found.errors.contains("the manifest of the old image is incomplete: volume at 0x0"), "{}", found.errors);
}

#[test]
fn an_initrd_that_a_manifest_lacks_is_not_the_same() {
    let mut document = manifest(&made("old"));
    document["initrd"]["members"] = Value::Null;
    let manifest = kept(&document);
    let found = run(&["diff", path(&manifest), &made("new")]);
    assert_eq!(found.code, Some(2));
    assert!(found.errors.contains("the initrds are not compared"), "{}", found.errors);
    // The same store path has the same in it.
    assert_eq!(run(&["diff", path(&manifest), &made("old")]).code, Some(0));
}

#[test]
fn another_document_is_refused_as_a_manifest_with_the_reason() {
    let old = made("old");
    let whole = manifest(&old);
    let mut twice = whole.clone();
    let first = twice["paths"][0].clone();
    twice["paths"].as_array_mut().unwrap().push(first);
    let mut foreign = whole.clone();
    foreign["paths"][0]["path"] = json!("/etc/\u{1b}[2J passwd");
    for (document, told) in [
        (json!({"schema": "nixoscope.manifest.v2", "objects": []}), "its schema is \"nixoscope.manifest.v2\""),
        (json!({"schema": "nixoscope.inspect.v1"}), "its schema is \"nixoscope.inspect.v1\""),
        (json!({"name": "package.json"}), "it has no schema"),
        (twice, " is in it twice"),
        (foreign, "\"/etc/\\u{1b}[2J passwd\" is not a store path"),
    ] {
        let file = kept(&document);
        for arguments in [["diff", &old, path(&file)], ["diff", path(&file), &old]] {
            let found = run(&arguments);
            assert_eq!((found.code, found.out.as_str()), (Some(2), ""));
            assert!(found.errors.contains(told) && !found.errors.contains('\u{1b}'), "{}", found.errors);
        }
    }
}

#[test]
fn a_manifest_may_come_from_a_pipe_and_begin_with_blanks() {
    let document = manifest(&made("old"));
    let mut spaced = tempfile::NamedTempFile::new().unwrap();
    write!(spaced, "\n  {document}").unwrap();
    assert_eq!(run(&["diff", path(&spaced), &made("old")]).code, Some(0));
    let mut child = program()
        .args(["diff", "/dev/stdin", &made("old")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(document.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"no differences\n"[..]));
}

#[test]
fn what_a_manifest_says_twice_is_compared_twice() {
    let old = kept(&manifest(&made("old")));
    let mut document = manifest(&made("old"));
    for name in ["users", "files", "menu", "systems"] {
        let first = document[name][0].clone();
        document[name].as_array_mut().unwrap().push(first);
    }
    let new = kept(&document);
    let there = json(old.path(), new.path());
    let whats = |document: &Value, pointer: &str| -> Vec<String> {
        let all = document.pointer(pointer).unwrap().as_array().unwrap();
        all.iter().map(|change| change["what"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(there["users"][0]["name"].as_str(), Some("messagebus (2)"));
    assert_eq!(whats(&there, "/files"), ["/EFI/BOOT/BOOTX64.EFI (2)"]);
    assert_eq!(whats(&there, "/boot/menu"), [r#"/isolinux/isolinux.cfg "NixOS … Installer" (2)"#]);
    assert_eq!(whats(&there, "/systems"), ["default", "system (2), kernel", "system (2), version"]);
}

#[test]
fn who_gets_in_to_a_specialisation_is_compared_too() {
    let today = fixture("today/result").display().to_string();
    let whole = manifest(&today);
    let gnome = whole["systems"].as_array().unwrap().iter().position(|system| system["specialisation"] == "gnome");
    let gnome = gnome.unwrap();
    assert_eq!(whole["systems"][gnome]["access"], Value::Null, "the same as with the default system");
    let access = |change: &dyn Fn(&mut Value)| {
        let mut access = json!({});
        for name in ["sshd", "users", "keys", "findings"] {
            access[name] = whole[name].clone();
        }
        change(&mut access);
        let mut document = whole.clone();
        document["systems"][gnome]["access"] = access;
        kept(&document)
    };
    let old = access(&|_| ());
    let new = access(&|access| {
        access["users"].as_array_mut().unwrap().push(json!({
            "name": "eve", "uid": 1001, "groups": [], "shell": "/bin/sh", "password": "empty", "logins": ["console-without-password"],
        }));
        access["keys"][0]["options"] = json!("no-pty");
        access["sshd"]["permitRootLogin"] = json!("no");
        access["findings"].as_array_mut().unwrap().push(json!("empty-password eve"));
    });
    let there = json(old.path(), new.path());
    assert_eq!(there["same"], json!(false));
    assert_eq!(there["users"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&there["users"][0]["system"], &there["users"][0]["name"]),
        (&json!("specialisation gnome"), &json!("eve"))
    );
    let key = |name: &str| (there["keys"][name][0]["system"].clone(), there["keys"][name][0]["options"].clone());
    assert_eq!(key("added"), (json!("specialisation gnome"), json!("no-pty")));
    assert_eq!(key("removed"), (json!("specialisation gnome"), json!("")));
    assert_eq!(there["sshd"], json!([{"what": "specialisation gnome, PermitRootLogin", "old": "yes", "new": "no"}]));
    assert_eq!(there["findings"], json!({"added": ["specialisation gnome, empty-password eve"], "removed": []}));
    let page = run(&["diff", path(&new), path(&old)]).out;
    assert!(page.contains("\n  - eve (specialisation gnome): logs in by console-without-password; "), "{page}");
    assert!(page.ends_with("\nthe store paths are the same, other things differ\n"), "{page}");
    // A system that only one image has was added or removed as a whole.
    let mut without: Value = serde_json::from_slice(&std::fs::read(new.path()).unwrap()).unwrap();
    without["systems"].as_array_mut().unwrap().remove(gnome);
    let there = json(kept(&without).path(), new.path());
    let parts = ["users", "sshd"].map(|part| there[part].as_array().unwrap().len());
    assert_eq!((parts, &there["findings"]), ([0, 0], &json!({"added": [], "removed": []})));
    let systems: Vec<_> = there["systems"].as_array().unwrap().iter().map(|change| &change["what"]).collect();
    assert_eq!(systems, ["specialisation gnome, kernel", "specialisation gnome, version"]);
    // What changes in all systems alike is reported once.
    let mut all = whole.clone();
    all["users"].as_array_mut().unwrap().retain(|user| user["name"] != "nixos");
    let there = json(kept(&whole).path(), kept(&all).path());
    assert_eq!(there["users"].as_array().unwrap().len(), 1, "{}", there["users"]);
    assert_eq!(there["users"][0]["system"], Value::Null);
}

#[test]
fn order_and_number_of_kernel_parameters_count() {
    let with = |params: &[&str]| {
        let mut document = manifest(&made("old"));
        document["menu"][0]["params"] = json!(params);
        kept(&document)
    };
    let (one, other, twice) = (
        with(&["a", "console=tty0", "console=ttyS0"]),
        with(&["a", "console=ttyS0", "console=tty0"]),
        with(&["a", "a", "console=tty0", "console=ttyS0"]),
    );
    assert_eq!(
        json(one.path(), other.path())["boot"]["menu"],
        json!([{"what": "order of parameters in 1 entry", "old": "a console=tty0 console=ttyS0", "new": "a console=ttyS0 console=tty0"}])
    );
    assert_eq!(json(one.path(), twice.path())["boot"]["menu"], json!([{"what": "parameter a", "old": null, "new": 1}]));
}

#[test]
fn a_changed_password_shows_in_the_digest_of_its_hash() {
    let users = manifest(&made("new"))["users"].clone();
    let eve = users.as_array().unwrap().iter().find(|user| user["name"] == "eve").unwrap().clone();
    let state = eve["password"].as_str().unwrap();
    assert!(state.starts_with("hashed sha512 ") && state.len() == "hashed sha512 ".len() + 12, "{state}");
    // Nothing is shown of a password in clear text, in DES, whose salt has two letters, or without a salt.
    let users = manifest(&fixture("access/states.squashfs").display().to_string())["users"].clone();
    let of = |name: &str| {
        let user = users.as_array().unwrap().iter().find(|user| user["name"] == name).unwrap();
        user["password"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        (of("plain").as_str(), of("des").as_str(), of("md5").as_str()),
        ("plaintext", "hashed des", "hashed md5")
    );
}

#[test]
fn a_password_on_a_kernel_line_is_in_no_manifest() {
    // A parameter takes the place of two others in each menu.
    let whole = bytes("diff/old");
    let from = b"root=LABEL=nixos-minimal-25.11-x86_64 loglevel=4";
    for parameter in ["live.nixos.passwd=", "systemd.set_credential=wifi.psk:"] {
        let to = format!("{parameter}hunter2{}", "x".repeat(from.len() - parameter.len() - 7));
        let mut image_bytes = whole.clone();
        let places: Vec<usize> = (0..whole.len() - from.len()).filter(|&at| whole[at..].starts_with(from)).collect();
        assert!(places.len() > 5);
        for at in places {
            image_bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
        let changed = image(&image_bytes);
        for arguments in [vec!["manifest", path(&changed)], vec!["diff", "--all", &made("old"), path(&changed)]] {
            let shown = run(&arguments).out;
            assert!(!shown.contains("hunter2") && shown.contains(&format!("{parameter}…")), "{shown}");
        }
    }
}

#[test]
fn a_password_that_an_earlier_version_left_in_a_manifest_is_not_shown() {
    let mut document = manifest(&made("old"));
    document["menu"][0]["params"] = json!(["systemd.set_credential=passwd.plaintext-password.root:hunter2"]);
    let old = kept(&document);
    let shown = run(&["diff", "--all", path(&old), &made("old")]).out;
    let parameter = "parameter systemd.set_credential=passwd.plaintext-password.root:…";
    assert!(!shown.contains("hunter2") && shown.contains(parameter), "{shown}");
}

#[test]
fn a_long_file_of_the_disc_is_compared_by_its_contents() {
    let today = fixture("today/result").display().to_string();
    let mut changed = bytes("today");
    let listed = run(&["ls", "--json", "-x", &today, "/boot"]).out;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let efi = listed["entries"].as_array().unwrap().iter().find(|entry| entry["path"] == "/boot/efi.img").unwrap();
    assert!(efi["size"].as_u64().unwrap() >= 1 << 20);
    // A word in the menu inside it.
    let word = b"Firmware Setup";
    let places: Vec<usize> = (0..changed.len() - word.len()).filter(|&at| changed[at..].starts_with(word)).collect();
    assert_eq!(places.len(), 2, "one on the disc, one in efi.img");
    let inside = places.into_iter().min().unwrap();
    changed[inside] = b'f';
    let changed = image(&changed);
    let manifest = kept(&manifest(&today));
    for old in [Path::new(&today), manifest.path()] {
        let there = json(old, changed.path());
        let whats: Vec<&str> =
            there["files"].as_array().unwrap().iter().map(|file| file["what"].as_str().unwrap()).collect();
        assert_eq!(whats, ["/boot/efi.img"]);
    }
}

#[test]
fn a_manifest_has_a_line_for_each_thing() {
    let written = run(&["manifest", &made("old")]).out;
    assert!(written.lines().all(|line| line.len() < 400), "{:?}", written.lines().max_by_key(|line| line.len()));
    assert_eq!(written.lines().filter(|line| line.contains("\"mode\":\"")).count(), 27);
    assert!(written.contains("\n    \"squashfs made\": "), "{written}");
}

#[test]
fn markdown_stays_below_what_a_comment_takes_and_within_its_fences() {
    let mut old = manifest(&made("old"));
    let mut new = old.clone();
    let hostile = "```\n</details>\n@everyone <script> **x** ~~~ \u{202e}";
    for number in 0..20_000 {
        let user = |name: String| json!({"name": name, "uid": number, "groups": [hostile], "shell": "x".repeat(900), "password": "locked", "logins": []});
        old["users"].as_array_mut().unwrap().push(user(format!("old {number} {hostile}")));
        new["users"].as_array_mut().unwrap().push(user(format!("new {number} {hostile}")));
        new["findings"].as_array_mut().unwrap().push(json!(format!("{number} {hostile}")));
        new["files"]
            .as_array_mut()
            .unwrap()
            .push(json!({"path": format!("/{number}{hostile}"), "size": 1, "sha256": "x"}));
        new["noise"][format!("{number}{hostile}")] = json!("x");
        let path = format!("/nix/store/{number:0>32}-{}-1.{number}", "p".repeat(150));
        new["paths"]
            .as_array_mut()
            .unwrap()
            .push(json!({"path": path, "narHash": null, "narSize": 1, "installed": false}));
    }
    let (old, new) = (kept(&old), kept(&new));
    for all in [&["diff", "--markdown"][..], &["diff", "--markdown", "--all"]] {
        let mut arguments = all.to_vec();
        arguments.extend([path(&old), path(&new)]);
        let found = run(&arguments);
        assert_eq!(found.code, Some(1));
        assert!(found.out.chars().count() < 65_536 && found.out.len() < 65_536, "{}", found.out.len());
        assert!(found.out.starts_with("🔀 **20000 store paths added, 0 removed, 0 changed, "), "{}", found.out);
        let fences: Vec<&str> = found.out.lines().filter(|line| line.contains("```")).collect();
        assert!(fences.iter().all(|line| ["```diff", "```"].contains(line)), "{fences:?}");
        let mut inside = false;
        for line in found.out.lines() {
            inside ^= line.starts_with("```");
            assert!(inside || !(line.contains("@everyone") || line.contains("<script>")), "{line}");
        }
        assert!(!inside && found.out.contains("Too long to show here: "));
    }
    // Nothing but noise, with names that somebody made.
    let mut noisy = manifest(&made("old"));
    for number in 0..100 {
        noisy["noise"][format!("a{number} {hostile}{}", "y".repeat(500))] = json!("x");
    }
    let noisy = kept(&noisy);
    let found = run(&["diff", "--markdown", path(&noisy), &made("old")]);
    assert_eq!((found.code, found.out.lines().count()), (Some(0), 1), "{}", found.out);
    assert!(
        found.out.len() < 2000 && found.out.contains("92 more") && !found.out.contains("@everyone"),
        "{}",
        found.out
    );
}

#[test]
fn many_store_paths_of_one_name_are_compared_in_linear_time() {
    let document = |offset: u32| {
        let mut document = manifest(&made("old"));
        let paths = (0..200_000).map(|number| {
            json!({"path": format!("/nix/store/{:0>32}-same-1.0", number + offset), "narHash": format!("{}", number + offset), "narSize": 1, "installed": false})
        });
        document["paths"].as_array_mut().unwrap().extend(paths);
        kept(&document)
    };
    let (old, new) = (document(0), document(100_000));
    let started = std::time::Instant::now();
    let found = json(old.path(), new.path());
    let took = started.elapsed();
    assert_eq!(found["paths"]["changed"].as_array().unwrap().len(), 100_000);
    assert_eq!(found["rebuilt"], json!([{"pname": "same", "paths": 100_000}]));
    assert!(took.as_secs() < 30, "{took:?}");
}

#[test]
fn an_unreadable_block_is_reported_and_nothing_counts_as_the_same() {
    let mut damaged = bytes("diff/old");
    let packed = {
        let region = run(&["diff", "--reproducible", "--json", &made("old"), &made("repacked")]).out;
        let document: Value = serde_json::from_str(&region).unwrap();
        document["reproducible"]["first"]["offset"].as_u64().unwrap()
    };
    // Data begins after the superblock, and contains the first difference.
    let at = usize::try_from(packed).unwrap() + 90;
    assert_eq!(damaged[at - 2..at + 2], [0x28, 0xb5, 0x2f, 0xfd], "the magic of a block in zstd");
    damaged[at..at + 8].fill(0x55);
    let damaged = image(&damaged);
    let found = run(&["diff", "--reproducible", &made("old"), path(&damaged)]);
    assert_eq!((found.code, found.errors.lines().count()), (Some(2), 1), "{}", found.errors);
    assert!(
        found.out.starts_with("only squashfs packing differs; not everything could be compared\n"),
        "{}",
        found.out
    );
    assert!(found.out.contains(", squashfs fragment block, with /nix/store/"), "{}", found.out);
    let found = run(&["diff", "--content", &made("new"), path(&damaged)]);
    assert_eq!(found.code, Some(2), "{}", found.out);
}

#[test]
fn a_comparison_shows_nothing_secret_of_real_systems() {
    let states = fixture("access/states.squashfs").display().to_string();
    for other in ["userborn", "sysusers", "secrets", "passwd-14_04", "initial-first"] {
        let other = fixture(&format!("access/{other}.squashfs")).display().to_string();
        for kind in ["--json", "--markdown"] {
            let told = run(&["diff", "--content", "--all", kind, &states, &other]).out;
            for secret in
                ["$6$", "$5$", "$y$", "$2b$", "$1$", "PRIVATE KEY-----\\n", "assword\\\": \\\"secret", "psk=s"]
            {
                assert!(!told.contains(secret), "{other} shows {secret}: {told}");
            }
        }
    }
}
