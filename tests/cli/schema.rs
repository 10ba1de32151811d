//! The published schemas: every document of every command, on every fixture, is as its schema says, and has nothing that it does
//! not say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jsonschema::Validator;
use rayon::prelude::*;
use serde_json::Value;

use crate::support::{files, fixture, run};

/// Commands that take any image, with what follows its name.
const OF_IMAGES: [&[&str]; 8] = [
    &["inspect"],
    &["ls", "-R"],
    &["find", "*sshd*"],
    &["du"],
    &["secrets"],
    &["verify"],
    &["diff", "--reproducible", "OTHER"],
    &["check", "--package", "vim", "--key", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
];

/// Commands that write nothing about an image without a store.
const OF_STORES: [&[&str]; 9] = [
    &["packages"],
    &["packages", "--tree"],
    &["why", "--all", "--files", "openssh"],
    &["why", "--reverse", "openssh"],
    &["services"],
    &["du", "--hints"],
    &["access"],
    &["manifest"],
    &["diff", "OTHER"],
];

fn images() -> Vec<PathBuf> {
    let results = ["today", "middle", "era-2014", "era-2008", "compressed", "diff/old", "diff/new"];
    let mut images: Vec<PathBuf> = results.iter().map(|name| fixture(&format!("{name}/result"))).collect();
    images.retain(|path| path.exists());
    for (folder, suffix) in [
        ("access", ".squashfs"),
        ("packages", ".squashfs"),
        ("squashfs", ".squashfs"),
        ("verify", ".squashfs"),
        ("menus", ".iso"),
        ("iso", ".iso"),
    ] {
        images.extend(files(folder, suffix));
    }
    images
}

/// The schema without room for members that it does not name.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.values_mut().for_each(close);
            if members.contains_key("properties") {
                members.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

/// The validators, by the `schema` of their documents.
fn validators() -> BTreeMap<String, Validator> {
    let names = run(&["schema"]).out;
    let written = names.lines().filter(|name| *name != "policy").map(|name| {
        let mut schema: Value = serde_json::from_str(&run(&["schema", name]).out).unwrap();
        let of = schema["properties"]["schema"]["const"].as_str().unwrap().to_owned();
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        close(&mut schema);
        (of, jsonschema::validator_for(&schema).unwrap())
    });
    written.collect()
}

#[test]
fn every_document_is_as_its_schema_says_and_has_nothing_else() {
    let validators = validators();
    let other = fixture("diff/old/result").display().to_string();
    let images = images();
    let met = images.par_iter().map(|image| documents(&image.display().to_string(), &other)).flatten_iter();
    let mut met: BTreeMap<String, Value> = met.map(|(words, document)| judged(&validators, &words, document)).collect();
    let unreadable = run(&["inspect", "--json", "gone.iso", &other]).out;
    let unreadable: Value = serde_json::from_str(unreadable.lines().next().unwrap()).unwrap();
    assert!(validators["nixoscope.unreadable.v1"].is_valid(&unreadable), "{unreadable}");
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("out").display().to_string();
    let extracted = run(&["extract", "--json", &other, "/version.txt", "-o", &into]).out;
    let extracted: Value = serde_json::from_str(&extracted).unwrap();
    assert!(validators["nixoscope.extract.v1"].is_valid(&extracted), "{extracted}");
    for document in [unreadable, extracted] {
        met.insert(document["schema"].as_str().unwrap().to_owned(), document);
    }
    assert!(met.keys().eq(validators.keys()), "{:?}", met.keys());
    for (schema, document) in met {
        let mut more = document.clone();
        more["more"] = Value::Null;
        assert!(!validators[&schema].is_valid(&more), "{schema}");
        let mut less = document;
        less.as_object_mut().unwrap().remove("troubles");
        assert!(!validators[&schema].is_valid(&less), "{schema}");
    }
}

/// What the commands write about an image, with their command lines.
fn documents(image: &str, other: &str) -> Vec<(Vec<String>, Value)> {
    let mut documents = Vec::new();
    let inspected: Value = serde_json::from_str(&run(&["inspect", "--json", image]).out).unwrap();
    let of_stores = OF_STORES.iter().filter(|_| !inspected["store"].is_null());
    for command in OF_IMAGES.iter().chain(of_stores) {
        let words = command.iter().map(|word| if *word == "OTHER" { other } else { word });
        let mut words: Vec<String> = words.map(str::to_owned).collect();
        words.splice(1..1, ["--json".to_owned(), image.to_owned()]);
        let out = run(&words).out;
        if !out.is_empty() {
            documents.push((words, serde_json::from_str(&out).unwrap()));
        }
    }
    documents
}

/// The document, once its schema has accepted it.
fn judged(validators: &BTreeMap<String, Validator>, words: &[String], document: Value) -> (String, Value) {
    let schema = document["schema"].as_str().unwrap().to_owned();
    let errors = validators[&schema].iter_errors(&document);
    let errors: Vec<String> = errors.map(|error| format!("{}: {error:.300}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{words:?}: {errors:#?}");
    let is_named = ["image", "images"].iter().any(|name| !document[*name].is_null());
    assert!(is_named && document["troubles"].is_array(), "{words:?}");
    (schema, document)
}
