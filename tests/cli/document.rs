//! `--json`: one document each, with all its fields.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{files, fixture, run};

fn document(arguments: &[&str]) -> Value {
    let run = run(arguments);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""), "{arguments:?}");
    assert_eq!(run.out.matches('\n').count(), 1, "one line: {arguments:?}");
    serde_json::from_str(&run.out).unwrap()
}

/// The names of all fields, as `entries[].path`. Objects in one list have the same fields.
fn fields(value: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    collect(value, "", &mut found);
    found.into_iter().collect()
}

fn collect(value: &Value, name: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                found.insert(name.clone());
                collect(value, &name, found);
            }
        }
        Value::Array(items) => {
            let names = |item: &Value| item.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>());
            for item in items {
                assert_eq!(names(item), names(&items[0]), "fields of {name}[]");
                collect(item, &format!("{name}[]"), found);
            }
        }
        _ => {}
    }
}

/// `a{b,c}` → `a`, `a.b`, `a.c`.
fn expected(groups: &[(&str, &str)]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for (group, members) in groups {
        all.extend(members.split(' ').map(|member| format!("{group}{member}")));
    }
    all.sort();
    all
}

const FILE: &str = "path pathBase64 type size mode uid gid mtime target targetBase64";

#[test]
fn every_document_has_its_schema_and_its_fields() {
    let today = fixture("today/result").display().to_string();
    for (arguments, groups) in [
        (&["ls", "-R", "--json", &today][..], &[("", "schema image entries troubles"), ("entries[].", FILE)][..]),
        (
            &["find", "--json", &today, "*vim*", "grub.cfg"],
            &[("", "schema image entries troubles"), ("entries[].", FILE), ("entries[].", "storePath")],
        ),
        (
            &["packages", "--json", &today],
            &[
                ("", "schema image packages disk troubles"),
                ("packages[].", "path name pname version output kind installed"),
                ("packages[].", "narSize closureSize addedSize diskSize narHash references"),
                ("disk.", "total storePaths registration otherFiles metadata unused padding"),
            ],
        ),
        (
            &["why", "--json", &today, "--all", "glibc"],
            &[
                ("", "schema image reasons brings troubles"),
                ("reasons[].", "path chains"),
                ("reasons[].chains[].", "links"),
                ("reasons[].chains[].links[].", "path files"),
            ],
        ),
        (
            &["why", "--json", &today, "--reverse", "firefox"],
            &[
                ("", "schema image reasons brings troubles"),
                ("brings.", "paths narSize only onlySize"),
                ("brings.only[].", "path narSize"),
            ],
        ),
        (
            &["check", "--json", &today, "--package", "git", "--command", "vim"],
            &[
                ("", "schema image results passed failed warnings unknown accepted troubles"),
                ("results[].", "id kind subject system status message evidence severity reason policy line"),
            ],
        ),
        (
            &["services", "--json", &today],
            &[
                ("", "schema image services firewall troubles"),
                (
                    "services[].",
                    "unit start triggeredBy wantedBy condition conditionsHold user hardening program ports",
                ),
                ("services[].hardening.", "level settings"),
                ("services[].ports[].", "protocol port loopback"),
                ("firewall.", "unit open trustedInterfaces further"),
            ],
        ),
        (
            &["access", "--json", &today],
            &[
                ("", "schema image usersKnown users sshd sudo autologin findings systems troubles"),
                ("users[].", "name uid normal shell home groups password keys certificateAuthorities logins sentence"),
                ("users[].", "entrances"),
                ("users[].entrances[].", "entrance verdict needs sshd fingerprint conditions reason cause"),
                ("users[].entrances[].cause.", "path line"),
                ("users[].password.", "state option scheme source"),
                ("users[].keys[].", "sshd"),
                ("users[].keys[].", "type bits fingerprint comment options source line accepted conditions refusal"),
                ("sshd.", "enabled startsAtBoot socket unit config version permitRootLogin passwordAuthentication"),
                ("sshd.", "authorizedKeysFiles ports others"),
                ("sudo[].", "tool who users target becomes through root commands conditions source line"),
                ("autologin[].", "user by source condition"),
                ("findings[].", "id severity subject message path"),
                ("systems[].", "path default specialisation sameAsDefault access"),
            ],
        ),
        (
            &["diff", "--json", &today, &today],
            &[
                (
                    "",
                    "schema images same packages rebuilt paths narSizeDelta systems volume users keys sshd findings boot files",
                ),
                ("", "objects noise units ports firewall reproducible troubles"),
                ("images.", "old new"),
                ("paths.", "added removed changed"),
                ("keys.", "added removed"),
                ("findings.", "added removed"),
                ("boot.", "menu initrd"),
            ],
        ),
        (
            &["secrets", "--json", &today, "--allow", "**"],
            &[("", "schema image secrets further known allowed unused files bytes troubles")],
        ),
        (
            &["verify", "--json", &today],
            &[
                (
                    "",
                    "schema image paths expectedFile implantedMd5 signatures strays problems unchecked notes troubles",
                ),
                ("paths.", "registered present verified withoutHash"),
            ],
        ),
        (
            &["inspect", "--json", &today],
            &[
                ("", "schema image lead volume boot store systems access modes troubles"),
                ("image.", "path bytes kind"),
                ("lead.", "release size boots getsIn services wrong"),
                ("volume.", "id system publisher application preparer created blocks blockSize extensions"),
                ("boot.", "elTorito partitions menu"),
                ("boot.elTorito[].", "platform emulation path bytes"),
                ("boot.partitions[].", "scheme index kind start bytes"),
                ("boot.menu[].", "title submenus file linux initrd init params default"),
                ("store.", "kind path compression blockSize bytes paths narSize registered"),
                ("systems[].", "path label version system kernel default defaultOf specialisation present"),
                ("access.", "sshdEnabled sshdStartsAtBoot logins keys"),
                ("access.logins[].", "user password ways sentence"),
                ("access.keys[].", "user type bits fingerprint comment source line"),
            ],
        ),
    ] {
        let document = document(arguments);
        assert_eq!(document["schema"], format!("nixoscope.{}.v1", arguments[0]));
        assert_eq!(fields(&document), expected(groups), "{arguments:?}");
    }
}

#[test]
fn an_absent_thing_is_null_or_an_empty_list() {
    for image in [fixture("iso/level-1.iso"), fixture("squashfs/gzip.squashfs")] {
        let image = image.display().to_string();
        let inspected = document(&["inspect", "--json", &image]);
        let (kind, bare) = (&inspected["image"]["kind"], image.ends_with(".squashfs"));
        assert_eq!(kind, if bare { "squashfs" } else { "iso9660" });
        assert_eq!(inspected["volume"].is_null(), bare, "{image}");
        for (field, absent) in [
            ("/store", serde_json::json!(null)),
            ("/access", serde_json::json!(null)),
            ("/systems", serde_json::json!([])),
            ("/boot", serde_json::json!({ "elTorito": [], "partitions": [], "menu": [] })),
        ] {
            assert_eq!(inspected.pointer(field), Some(&absent), "{image}: {field}");
        }
    }
}

#[test]
fn a_registration_of_zeros_records_no_sizes() {
    for image in ["era-2014/result", "era-2008/result"] {
        let listed = document(&["packages", "--json", &fixture(image).display().to_string()]);
        for package in listed["packages"].as_array().unwrap() {
            for field in ["narSize", "closureSize", "narHash"] {
                assert!(package[field].is_null(), "{image}: {field} of {}", package["path"]);
            }
        }
    }
}

#[test]
fn the_files_of_all_fixtures_are_listed_in_the_order_of_their_names() {
    let mut images = files("iso", ".iso");
    images.extend(files("squashfs", ".squashfs"));
    images.retain(|image| !image.ends_with("symlinks-damaged.iso"));
    for image in images {
        let listed = document(&["ls", "-R", "--json", &image.display().to_string()]);
        let raw = |entry: &Value| match entry["pathBase64"].as_str() {
            Some(base64) => data_encoding::BASE64.decode(base64.as_bytes()).unwrap(),
            None => entry["path"].as_str().unwrap().as_bytes().to_vec(),
        };
        // A directory precedes its contents, and both precede the next name.
        let paths: Vec<Vec<u8>> = listed["entries"].as_array().unwrap().iter().map(raw).collect();
        let components = |path: &Vec<u8>| path.split(|&byte| byte == b'/').map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert!(paths.is_sorted_by_key(components), "{}", image.display());
    }
}

#[test]
fn a_manifest_names_its_image_and_one_that_does_not_is_still_read() {
    let today = fixture("today/result").display().to_string();
    let mut manifest: Value = serde_json::from_str(&run(&["manifest", &today]).out).unwrap();
    let image = document(&["ls", "--json", &today])["image"].clone();
    assert_eq!((&manifest["image"], &manifest["troubles"]), (&image, &serde_json::json!([])));
    for field in ["image", "troubles"] {
        manifest.as_object_mut().unwrap().remove(field);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json").display().to_string();
    std::fs::write(&path, manifest.to_string()).unwrap();
    let difference = document(&["diff", "--json", &path, &today]);
    assert_eq!(difference["same"], true);
    assert_eq!(difference["images"], serde_json::json!({"old": path, "new": image}));
}

#[test]
fn no_document_is_printed_if_the_image_cannot_be_read() {
    for command in [&["ls"][..], &["inspect"], &["packages"], &["find"], &["check", "--package", "git"]] {
        let pattern = if command == ["find"] { &["x"][..] } else { &[] };
        let run = run(&[command, &["--json", "/nothing-here"], pattern].concat());
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{command:?}");
    }
}
