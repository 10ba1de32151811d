//! `sbom`: every store path is a component, and every component is in the graph.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{fixture, run};

fn sbom(arguments: &[&str]) -> String {
    let today = fixture("today/result").display().to_string();
    let mut all = vec!["sbom", &today];
    all.extend(arguments);
    let run = run(&all);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""), "{arguments:?}");
    run.out
}

fn texts<'v>(values: &'v Value, field: &str) -> BTreeSet<&'v str> {
    values.as_array().unwrap().iter().map(|value| value[field].as_str().unwrap()).collect()
}

#[test]
fn every_component_is_in_the_graph_and_can_be_reached_from_the_image() {
    let bill: Value = serde_json::from_str(&sbom(&[])).unwrap();
    let components = texts(&bill["components"], "bom-ref");
    let mut nodes = texts(&bill["dependencies"], "ref");
    assert!(nodes.remove("image"));
    assert_eq!(components, nodes);
    let mut reached = BTreeSet::new();
    let mut next = vec!["image"];
    while let Some(node) = next.pop() {
        let dependency = bill["dependencies"].as_array().unwrap().iter().find(|entry| entry["ref"] == node).unwrap();
        for to in dependency["dependsOn"].as_array().unwrap().iter().map(|to| to.as_str().unwrap()) {
            if reached.insert(to) {
                next.push(to);
            }
        }
    }
    assert_eq!(components, reached);
}

#[test]
fn a_component_has_its_hash_size_and_package_url_and_the_image_its_version() {
    let bill: Value = serde_json::from_str(&sbom(&["--hash"])).unwrap();
    let path = "/nix/store/zw35v64s4cdwgykspqqwm59khzcyjf5y-firefox-145.0";
    let firefox = bill["components"].as_array().unwrap().iter().find(|entry| entry["bom-ref"] == path).unwrap();
    assert_eq!(
        (firefox["name"].as_str(), firefox["version"].as_str(), firefox["type"].as_str()),
        (Some("firefox"), Some("145.0"), Some("application"))
    );
    assert_eq!(firefox["purl"], "pkg:nix/firefox@145.0?output=out&outputhash=zw35v64s4cdwgykspqqwm59khzcyjf5y");
    assert_eq!(firefox["hashes"][0]["content"].as_str().map(str::len), Some(64));
    assert_eq!(firefox["cpe"], Value::Null);
    let image = &bill["metadata"]["component"];
    assert_eq!(image["version"], "25.11.1234.abcdef");
    assert_eq!(image["hashes"][0]["alg"], "SHA-256");
}

#[test]
fn the_same_image_gives_the_same_bill_and_cpes_are_marked_as_guesses() {
    for format in ["cyclonedx", "spdx", "csv"] {
        assert_eq!(sbom(&["--format", format]), sbom(&["--format", format]), "{format}");
    }
    let bill: Value = serde_json::from_str(&sbom(&["--format", "spdx", "--cpe"])).unwrap();
    let packages = bill["packages"].as_array().unwrap();
    let references = packages.iter().filter_map(|package| package["externalRefs"].as_array()).flatten();
    let guesses: Vec<&Value> = references.filter(|reference| reference["referenceType"] == "cpe23Type").collect();
    assert!(guesses.iter().all(|guess| guess["comment"] == "guessed from the name"));
    let firefox = "cpe:2.3:a:*:firefox:145.0:*:*:*:*:*:*:*";
    assert!(guesses.iter().any(|guess| guess["referenceLocator"] == firefox));
}

#[test]
fn a_list_has_a_line_for_each_store_path() {
    let list = sbom(&["--format", "csv"]);
    let lines: Vec<&str> = list.split_terminator("\r\n").collect();
    assert_eq!(lines[0], "path,pname,version,output,installed,narSize,narHash,purl");
    assert!(lines[1..].iter().all(|line| line.split(',').count() == 8), "{list}");
    let today = fixture("today/result").display().to_string();
    let refused = run(&["sbom", &today, "--format", "csv", "--json"]);
    assert_eq!(refused.code, Some(2));
    assert_eq!(refused.errors, "nixoscope: --format csv writes no JSON; leave out --json\n");
}
