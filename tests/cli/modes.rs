//! Modes and owners of files, in the store and on the disc.

use serde_json::Value;

use crate::support::{Disc, SYSTEM, fixture, run};

fn document(command: &str, image: &str) -> Value {
    let run = run(&[command, image, "--json"]);
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{command} {image}: {error}: {}", run.errors))
}

/// Name, severity, subject and message of each finding.
fn shown(findings: &Value) -> Vec<String> {
    let findings = findings.as_array().unwrap().iter();
    let field = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
    let line = |finding| ["id", "severity", "subject", "message"].map(|name| field(finding, name)).join(" ");
    findings.map(line).collect()
}

#[test]
fn setuid_files_of_the_disc_matter_and_files_that_only_a_copy_exposes_are_told() {
    let disc = Disc::with_system()
        .moded("/tools/su", 0o4755)
        .moded("/tools/notes", 0o666)
        .moded(&format!("/nix/store/{SYSTEM}/bin/su"), 0o2555);
    let folder = tempfile::tempdir().unwrap();
    let image = disc.write(folder.path()).display().to_string();
    let expected = [
        "setuid-file warning nixos-system-case-25.11 a file is setuid or setgid, so that anyone can run it as its owner or group",
        "setuid-file warning disc a file is setuid or setgid, so that anyone can run it as its owner or group",
        "world-writable info disc a file is writable by everyone; the disc is read-only, so this matters for copies of it alone",
    ];
    assert_eq!(shown(&document("inspect", &image)["modes"]), expected);
    let of_access = shown(&document("access", &image)["findings"]);
    for line in expected {
        assert!(of_access.iter().any(|found| found == line), "{line}\n{of_access:#?}");
    }
    let page = run(&["inspect", &image]).out;
    let row = "\n  files        some are setuid or setgid, writable by everyone (access shows them)\n";
    assert!(page.contains(row), "{page}");
}

#[test]
fn stock_images_have_no_such_files() {
    for image in ["today/result", "middle/result", "era-2014/result", "era-2008/result", "access/netboot.squashfs"] {
        let image = fixture(image).display().to_string();
        assert_eq!(document("inspect", &image)["modes"], Value::Array(Vec::new()), "{image}");
        let page = run(&["inspect", &image]).out;
        let row = "\n  files        none is setuid, has capabilities, is writable by everyone or has another owner than root\n";
        assert!(page.contains(row), "{page}");
    }
}
