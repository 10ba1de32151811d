//! `du`

use std::fs;

use serde_json::Value;

use crate::support::{fixture, run};

fn document(arguments: &[&str]) -> Value {
    let found = run(&[&["du", "--json"], arguments].concat());
    assert_eq!(found.code, Some(0), "{}", found.errors);
    serde_json::from_str(&found.out).unwrap()
}

fn sum(entries: &Value, field: &str) -> u64 {
    entries.as_array().unwrap().iter().map(|entry| entry[field].as_u64().unwrap()).sum()
}

#[test]
fn the_directories_of_a_disc_add_up_to_the_image_and_those_below_to_their_parent() {
    let today = fixture("today/result").display().to_string();
    let image = fixture("today/result/iso").read_dir().unwrap().next().unwrap().unwrap().path();
    let era = fixture("era-2008/result").display().to_string();
    for image_of in [&today, &era] {
        let whole = document(&[image_of]);
        let (bytes, rest) = (whole["whole"]["diskSize"].as_u64().unwrap(), whole["rest"].as_u64().unwrap());
        assert_eq!(sum(&whole["entries"], "diskSize") + rest, bytes, "{image_of}");
        if *image_of == today {
            assert_eq!(bytes, fs::metadata(&image).unwrap().len());
        }
        let store = document(&[image_of, "/nix/store"]);
        assert_eq!(sum(&store["entries"], "diskSize"), store["whole"]["diskSize"].as_u64().unwrap());
        assert_eq!(sum(&store["entries"], "files"), store["whole"]["files"].as_u64().unwrap());
        let packages: Value = serde_json::from_str(&run(&["packages", "--json", image_of]).out).unwrap();
        for package in packages["packages"].as_array().unwrap() {
            let path = package["path"].as_str().unwrap();
            let found = document(&[image_of, path, "--depth", "3"]);
            assert_eq!(found["whole"]["diskSize"], package["diskSize"], "{path}");
        }
    }
}

#[test]
fn the_table_fits_into_80_columns_and_its_last_line_is_the_whole() {
    let today = fixture("today/result").display().to_string();
    let out = run(&["du", &today]).out;
    assert!(out.lines().all(|line| line.len() <= 80), "{out}");
    assert!(out.lines().next().unwrap().ends_with("FILES  PATH"), "{out}");
    assert!(out.lines().last().unwrap().ends_with("  /"), "{out}");
}

#[test]
fn a_path_that_is_not_there_is_a_failure() {
    let found = run(&["du", &fixture("today/result").display().to_string(), "/nix/nothing"]);
    assert_eq!((found.code, found.out.as_str()), (Some(1), ""));
}

#[test]
fn hints_name_what_an_image_could_do_without_and_what_it_would_save() {
    let found = run(&["du", "--hints", "--json", &fixture("packages/kinds.squashfs").display().to_string()]);
    let document: Value = serde_json::from_str(&found.out).unwrap();
    let kinds: Vec<&str> =
        document["hints"].as_array().unwrap().iter().map(|hint| hint["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["development"], "{document}");
}
