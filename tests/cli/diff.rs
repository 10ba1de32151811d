//! `diff` and `manifest`: every difference is reported, and nothing else is.

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

/// Gives a store path another name after its hash, and other contents.
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
    assert_eq!((text.code, text.out.as_str()), (Some(0), "no differences\n"));
}

#[test]
fn a_large_file_of_the_disc_that_keeps_its_length_is_compared_by_its_bytes() {
    let image = fixture("today/result/iso/nixos-minimal-25.11.1234.abcdef-x86_64-linux.iso");
    let mut bytes = std::fs::read(&image).unwrap();
    let label = bytes.windows(7).position(|window| window == b"EFIBOOT").unwrap();
    bytes[label + (1 << 19)] ^= 1; // in room of efi.img that no file of it takes
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.iso");
    std::fs::write(&other, bytes).unwrap();
    let (_folder, manifest) = changed("today/result", |_| ());
    for (old, new) in [(&image, &other), (&other, &image), (&manifest, &other), (&other, &manifest)] {
        let (code, document) = diff(old, new);
        let told: Vec<&Value> = document["files"].as_array().unwrap().iter().map(|change| &change["what"]).collect();
        assert_eq!((code, told), (Some(1), vec![&json!("/boot/efi.img")]), "{document}");
    }
}

#[test]
fn every_change_is_reported_and_nothing_else_in_both_directions() {
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
    assert_eq!(there["boot"]["menu"], json!([{"what": "parameter quiet", "old": null, "new": 32}]));
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
    for (path, told) in [(other.to_str().unwrap(), "not a manifest: "), ("/no/such/image", "no such file")] {
        let found = run(&["diff", &today, path]);
        assert_eq!((found.code, found.out.as_str()), (Some(2), ""));
        assert!(found.errors.to_lowercase().contains(told), "{}", found.errors);
    }
}

/// One of the images that were made to be compared.
fn made(name: &str) -> String {
    fixture(&format!("diff/{name}/result")).display().to_string()
}

/// A list of texts of a document, each made by `told`.
fn list(document: &Value, pointer: &str, told: impl Fn(&Value) -> String) -> Vec<String> {
    document.pointer(pointer).unwrap().as_array().unwrap().iter().map(told).collect()
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// All that differs between two of the images, in short lines.
fn told(old: &str, new: &str) -> Vec<String> {
    let run = run(&["diff", "--json", "--content", &made(old), &made(new)]);
    assert_eq!((run.code, run.errors.as_str()), (Some(1), ""));
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let words = |value: &Value| value.as_array().unwrap().iter().map(word).collect::<Vec<_>>().join(",");
    let mut lines = list(&document, "/packages", |package| {
        let (old, new) = (words(&package["old"]), words(&package["new"]));
        format!(
            "{} {} {}: {old} > {new}",
            word(&package["status"]),
            word(&package["selection"]),
            word(&package["pname"])
        )
    });
    lines.extend(list(&document, "/rebuilt", |package| format!("rebuilt {}", word(&package["pname"]))));
    for section in ["/systems", "/volume", "/sshd", "/boot/menu", "/boot/initrd", "/files"] {
        lines.extend(list(&document, section, |change| format!("{section} {}", word(&change["what"]))));
    }
    lines.extend(list(&document, "/users", |user| format!("user {}", word(&user["name"]))));
    for section in ["/keys/added", "/keys/removed"] {
        lines.extend(list(&document, section, |key| {
            format!("{section} {} {}", word(&key["user"]), word(&key["comment"]))
        }));
    }
    for section in ["/findings/added", "/findings/removed"] {
        lines.extend(list(&document, section, |finding| format!("{section} {}", word(finding))));
    }
    lines
}

#[test]
fn every_difference_of_two_builds_is_reported_and_nothing_else() {
    let common = [
        "rebuilt ",
        "rebuilt initrd-linux",
        "rebuilt toolkit",
        "rebuilt viewer",
        "/systems system, version",
        "/boot/menu parameter quiet",
        "/boot/initrd /etc/modprobe.d/nixos.conf",
        "/files /EFI/BOOT/grub.cfg",
        "/files /boot/efi.img",
        "/files /boot/initrd",
        "/files /isolinux/isolinux.cfg",
        "/files /version.txt",
        "user eve",
    ];
    let with = |more: &[&str]| -> Vec<String> {
        let mut all: Vec<String> = common.iter().skip(1).chain(more).map(|line| (*line).to_owned()).collect();
        all.sort();
        all
    };
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    assert_eq!(
        sorted(told("old", "new")),
        with(&[
            "downgraded installed browser: 2.10 > 2.9",
            "upgraded dependency codec: 0.9 > 0.10",
            "upgraded installed editor: 1.2 > 1.10",
            "upgraded dependency nixos-system-nixos: 25.11.1234.abcdef > 25.11.2345.fedcba",
            "changed newly-installed decoder: 4.2 > 4.2",
            "changed no-longer-installed helper: 1.4 > 1.4",
            "added newly-installed player:  > 7",
            "removed no-longer-installed recorder: 0.5 > ",
            "/keys/added root nixos@installer",
            "/keys/removed root joachim@lenovo-t530",
            "/findings/added hash-in-store eve",
        ])
    );
    assert_eq!(
        sorted(told("new", "old")),
        with(&[
            "upgraded installed browser: 2.9 > 2.10",
            "downgraded dependency codec: 0.10 > 0.9",
            "downgraded installed editor: 1.10 > 1.2",
            "downgraded dependency nixos-system-nixos: 25.11.2345.fedcba > 25.11.1234.abcdef",
            "changed no-longer-installed decoder: 4.2 > 4.2",
            "changed newly-installed helper: 1.4 > 1.4",
            "removed no-longer-installed player: 7 > ",
            "added newly-installed recorder:  > 0.5",
            "/keys/added root joachim@lenovo-t530",
            "/keys/removed root nixos@installer",
            "/findings/removed hash-in-store eve",
        ])
    );
}

#[test]
fn a_page_has_every_difference_and_nothing_else() {
    let pages = [("old", "new"), ("new", "old")].map(|(old, new)| {
        let page = run(&["diff", &made(old), &made(new)]);
        assert_eq!((page.code, page.errors.as_str()), (Some(1), ""));
        page.out
    });
    assert_eq!(pages[0], include_str!("diff_old_new.txt"));
    assert_eq!(pages[1], include_str!("diff_new_old.txt"));
}

/// A document of the other direction.
fn turned(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let turned = members.iter().map(|(name, value)| {
                let name = match name.as_str() {
                    "old" => "new",
                    "new" => "old",
                    "added" => "removed",
                    "removed" => "added",
                    name => name,
                };
                let value = match (name, value.as_str(), value.as_i64()) {
                    ("status", Some(status), _) => json!(match status {
                        "upgraded" => "downgraded",
                        "downgraded" => "upgraded",
                        "added" => "removed",
                        "removed" => "added",
                        status => status,
                    }),
                    ("selection", Some(selection), _) => json!(match selection {
                        "newly-installed" => "no-longer-installed",
                        "no-longer-installed" => "newly-installed",
                        selection => selection,
                    }),
                    ("narSizeDelta", _, Some(bytes)) => json!(-bytes),
                    _ => turned(value),
                };
                (name.to_owned(), value)
            });
            Value::Object(turned.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(turned).collect()),
        value => value.clone(),
    }
}

#[test]
fn each_direction_is_the_reverse_of_the_other() {
    for (one, other) in [
        ("diff/old/result", "diff/new/result"),
        ("diff/old/result", "diff/remastered/result"),
        ("era-2008/result", "today/result"),
        ("era-2014/result", "today/result"),
        ("squashfs/nix-store.squashfs", "today/result"),
        ("access/states.squashfs", "access/sysusers.squashfs"),
    ] {
        let document = |old: &str, new: &str| {
            let (old, new) = (fixture(old).display().to_string(), fixture(new).display().to_string());
            let run = run(&["diff", "--json", "--files", &old, &new]);
            serde_json::from_str::<Value>(&run.out).unwrap()
        };
        let (there, back) = (document(one, other), document(other, one));
        assert!(turned(&there) == back, "{one}, {other}");
        // The same fields, whatever differs.
        let names: Vec<&str> = there.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "boot",
                "files",
                "findings",
                "firewall",
                "images",
                "keys",
                "narSizeDelta",
                "noise",
                "objects",
                "packages",
                "paths",
                "ports",
                "rebuilt",
                "reproducible",
                "same",
                "schema",
                "sshd",
                "systems",
                "troubles",
                "units",
                "users",
                "volume"
            ]
        );
    }
}

/// The files that differ inside the store path of that name: signs, paths and facts.
fn inside(arguments: &[&str], name: &str) -> (Vec<String>, u64, u64) {
    let run = run(arguments);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let objects = document["objects"].as_array().unwrap();
    let object = objects.iter().find(|object| word(&object["new"]).ends_with(name)).unwrap();
    let files = list(object, "/files", |file| {
        let facts = |side: &str| match &file[side] {
            Value::Null => "-".to_owned(),
            facts => format!(
                "{} {} {:o} {}",
                word(&facts["type"]),
                facts["size"],
                facts["mode"].as_u64().unwrap(),
                word(&facts["target"])
            ),
        };
        let content = match &file["content"] {
            Value::Null => String::new(),
            content => format!(" lines {} from {}", content["lines"].as_array().map_or(0, Vec::len), content["offset"]),
        };
        format!("{}: {} > {}{content}", word(&file["path"]), facts("old"), facts("new"))
    });
    (files, object["unread"].as_u64().unwrap(), object["onlyHashParts"].as_u64().unwrap())
}

#[test]
fn files_in_a_store_path_are_compared_by_metadata_and_with_content_by_their_bytes() {
    let (old, new) = (made("old"), made("new"));
    let metadata = [
        "/share/toolkit/added: - > file 6 444 null",
        "/share/toolkit/current: symlink null 777 one > symlink null 777 two",
        "/share/toolkit/removed: file 8 444 null > -",
        "/share/toolkit/setup: file 14 444 null > file 14 555 null",
    ];
    let conf = "/share/toolkit/toolkit.conf: file 582 444 null > file 583 444 null";
    let (files, unread, _) = inside(&["diff", "--json", "--files", &old, &new], "-toolkit-3.1");
    assert_eq!(files[..4], metadata);
    assert_eq!((files[4].as_str(), files.len(), unread), (conf, 5, 3));
    let (files, unread, hash_parts) = inside(&["diff", "--json", "--content", &old, &new], "-toolkit-3.1");
    assert_eq!(files[..4], metadata);
    assert_eq!(files[4], "/share/toolkit/table: file 9 444 null > file 9 444 null lines 0 from 7");
    assert_eq!(files[5], format!("{conf} lines 22 from null"));
    assert_eq!((files.len(), unread, hash_parts), (6, 0, 0));
    // Its only other byte is in the hash part of a store path.
    let (files, unread, hash_parts) = inside(&["diff", "--json", "--content", &old, &new], "-viewer-1.0");
    assert_eq!((files.len(), unread, hash_parts), (0, 0, 1));
}

#[test]
fn a_comparison_of_contents_shows_no_secret() {
    let page = run(&["diff", "--content", &made("old"), &made("new")]).out;
    assert!(page.contains("\n      +      \"hashedPassword\": \"[password-hash sha512 "), "{page}");
    // The list of users is one line of JSON; of each that is shown, a value.
    assert!(page.contains("\n      +      \"name\": \"eve\",\n"), "{page}");
    assert!(page.lines().all(|line| line.len() < 500));
    assert!(!page.contains("$6$"));
}

#[test]
fn other_packing_and_other_dates_are_noise() {
    for (other, noise) in [
        ("repacked", &["places of partitions", "squashfs length", "squashfs packing", "volume length"][..]),
        (
            "remastered",
            &[
                "GPT disk GUID",
                "boot information table of /isolinux/isolinux.bin",
                "order of extents",
                "places of partitions",
                "volume created",
                "volume modified",
            ],
        ),
    ] {
        let (old, new) = (made("old"), made(other));
        let page = run(&["diff", &old, &new]);
        let kind = if other == "repacked" { "in packing" } else { "what every build changes" };
        let said = format!("no differences except {kind}: {}", noise.join(", "));
        assert_eq!((page.code, page.out), (Some(0), format!("{said} (--all lists them)\n")), "{other}");
        let markdown = run(&["diff", "--markdown", &old, &new]);
        let said_there = said.replace('_', "\\_");
        assert_eq!(
            (markdown.code, markdown.out),
            (Some(0), format!("✅ **{said_there} (--all lists them)**\n")),
            "{other}"
        );
        let all = run(&["diff", "--all", &old, &new]).out;
        assert_eq!(all.lines().last(), Some(said.as_str()));
        let lines: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("  ~ ")?.split(": ").next()).collect();
        assert_eq!(lines, noise, "{other}");
    }
}

#[test]
fn markdown_begins_with_a_summary_and_is_bounded() {
    let written = run(&["diff", "--markdown", "--content", "--all", &made("old"), &made("new")]);
    assert_eq!(written.code, Some(1));
    assert_eq!(written.out.lines().next(), Some("🔀 **6 store paths added, 6 removed, 8 changed, +232 B**"));
    assert!(written.out.contains("<summary>Keys (2)</summary>\n\n```diff\n+ root ssh-ed25519 "), "{}", written.out);
    assert_eq!(written.out.matches("```").count() % 2, 0);
    let (_folder, many) = changed("diff/old/result", |manifest| {
        let added = (0..3000).map(|number| {
            let hash = format!("{number:0>32}");
            json!({"path": format!("/nix/store/{hash}-p{number}-1"), "narHash": "sha256-C", "narSize": 1, "installed": false})
        });
        manifest["paths"].as_array_mut().unwrap().extend(added);
    });
    let written = run(&["diff", "--markdown", &made("old"), many.to_str().unwrap()]).out;
    assert!(written.len() < 65_536 && written.contains("Added packages (3000)") && written.contains("… and 2900 more"));
}

#[test]
fn only_images_have_files_to_compare() {
    let (_folder, manifest) = changed("diff/old/result", |_| ());
    let asked = run(&["diff", "--files", manifest.to_str().unwrap(), &made("new")]);
    assert_eq!((asked.code, asked.out.as_str()), (Some(2), ""));
    assert!(asked.errors.contains("a manifest has no file contents"), "{}", asked.errors);
}

#[test]
fn units_and_ports_of_the_default_system_are_compared() {
    let unit = |name: &str, start: &str, listens: &[&str]| json!({"name": name, "start": start, "listens": listens});
    let with = |units: &Value, hash: &str| {
        changed("diff/old/result", |manifest| {
            manifest["units"] = units.clone();
            path(manifest, "nixos-system-nixos-25.11.1234.abcdef")["narHash"] = json!(hash);
        })
    };
    let one = json!([
        unit("a.timer", "boot", &[]),
        unit("b.service", "manual", &[]),
        unit("d.service", "boot", &[]),
        unit("e.service", "boot", &[]),
        unit("ftp.socket", "boot", &["tcp 21"])
    ]);
    let under = |name: &str, start: &str| json!({"name": name, "start": start, "condition": "ConditionPathExists=/d"});
    let two = json!([
        unit("b.service", "boot", &[]),
        unit("c.service", "masked", &[]),
        under("d.service", "boot"),
        under("e.service", "manual"),
        unit("ftp.socket", "boot", &["tcp 2121"])
    ]);
    let ((_one, old), (_two, new)) = (with(&one, "sha256-A"), with(&two, "sha256-B"));
    let (_, found) = diff(&old, &new);
    assert_eq!(
        found["units"],
        json!([
            {"what": "a.timer", "old": "boot", "new": null},
            {"what": "b.service", "old": "manual", "new": "boot"},
            {"what": "c.service", "old": null, "new": "masked"},
            {"what": "d.service", "old": "boot", "new": "boot if ConditionPathExists=/d"},
            {"what": "e.service", "old": "boot", "new": "never: ConditionPathExists=/d"},
        ])
    );
    assert_eq!(
        found["ports"],
        json!([
            {"what": "tcp 21", "old": ["ftp.socket"], "new": null},
            {"what": "tcp 2121", "old": null, "new": ["ftp.socket"]},
        ])
    );
    let page = run(&["diff", old.to_str().unwrap(), new.to_str().unwrap()]).out;
    assert!(page.contains("\n  ~ b.service: starts on demand -> starts at boot\n"), "{page}");
    let open = "\n  ~ d.service: starts at boot -> starts at boot if ConditionPathExists=/d holds\n";
    let failed = "\n  ~ e.service: starts at boot -> does not start: ConditionPathExists=/d does not hold\n";
    assert!(page.contains(open) && page.contains(failed), "{page}");
    // Real systems, eleven years apart.
    let (_, found) = diff(&fixture("era-2014/result"), &fixture("today/result"));
    let lines = list(&found, "/units", |change| word(&change["what"]));
    assert!(lines.iter().any(|name| name.ends_with(".service")), "{lines:?}");
}

#[test]
fn a_manifest_that_an_earlier_version_wrote_stands_for_its_image() {
    let earlier = fixture("diff/old.manifest.json");
    let (code, document) = diff(&earlier, Path::new(&made("old")));
    assert_eq!((code, &document["same"]), (Some(0), &json!(true)), "{document}");
    let (code, document) = diff(&earlier, Path::new(&made("new")));
    let (_, mut of_images) = diff(Path::new(&made("old")), Path::new(&made("new")));
    // Version 0.1.0 did not list units.
    for name in ["units", "ports", "firewall"] {
        assert!(of_images[name].is_array());
        of_images[name] = Value::Null;
    }
    // Nor did it name the image.
    of_images["images"]["old"] = json!(earlier);
    assert_eq!(code, Some(1));
    assert_eq!(document, of_images);
}

#[test]
fn the_manifest_of_the_old_image_stands_for_it() {
    let (_folder, manifest) = changed("diff/old/result", |_| ());
    let of_images = run(&["diff", "--json", &made("old"), &made("new")]);
    let of_manifest = run(&["diff", "--json", manifest.to_str().unwrap(), &made("new")]);
    assert_eq!(of_images.out, of_manifest.out);
    assert_eq!(of_manifest.code, Some(1));
}
