//! Reports, checked with real readers: against the schemas of JUnit and SARIF, and with the parser of TAP.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::listing::scratch;
use crate::nix::nix;
use crate::support::{self, fixture};
use crate::tool::{output, text, tool};

/// Policies that pass, that fail in many ways, and that contain unusual names.
fn policies(folder: &Path) -> Vec<PathBuf> {
    let odd = folder.join("odd.toml");
    let text = "[[file]]\npath = \"/no <such> & \\\"file\\\" \\u0001 # %0A\"\nreason = \"because ]]> -- of\\nthis\"\n[[package]]\nname = \"git\"\nseverity = \"warning\"\nversion = \"1\"\n";
    std::fs::write(&odd, text).unwrap();
    vec![fixture("policies/installer.toml"), odd]
}

/// The report of each policy in a format.
fn reports(format: &str, folder: &Path) -> Vec<PathBuf> {
    let mut reports = Vec::new();
    for (index, policy) in policies(folder).iter().enumerate() {
        let path = folder.join(format!("{index}.{format}"));
        let argument = format!("{format}={}", path.display());
        let mut command = support::program();
        let run = command.arg("check").arg(fixture("today/result")).arg("--policy").arg(policy);
        let run = run.arg("--report").arg(argument).output().unwrap();
        assert_eq!(run.status.code(), Some(1), "{}", String::from_utf8_lossy(&run.stderr));
        reports.push(path);
    }
    reports
}

#[test]
fn junit_reports_are_valid_for_the_schema_of_jenkins() {
    let scratch = scratch();
    let folder = scratch.path();
    // The schema that the xunit plugin of Jenkins publishes, in the copy that pytest keeps for its own tests.
    output(
        tool("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest"])
            .arg(folder)
            .arg("pytest==8.3.4"),
    );
    let member = "pytest-8.3.4/testing/example_scripts/junit-10.xsd";
    output(tool("tar").arg("-xzf").arg(folder.join("pytest-8.3.4.tar.gz")).arg("-C").arg(folder).arg(member));
    for report in reports("junit", folder) {
        output(tool("xmllint").args(["--noout", "--schema"]).arg(folder.join(member)).arg(report));
    }
}

#[test]
fn sarif_reports_are_valid_for_the_schema_of_oasis() {
    let scratch = scratch();
    // The crate contains the schema of OASIS.
    output(tool("cargo").args(["info", "--quiet", "serde-sarif@0.8.0"]).current_dir(scratch.path()));
    let home = std::env::var_os("CARGO_HOME")
        .map_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"), PathBuf::from);
    let found =
        text(tool("find").arg(home.join("registry/src")).args(["-path", "*/serde-sarif-0.8.0/src/schema.json"]));
    let schema = found.lines().next().expect("the schema of SARIF");
    let mut schema: Value = serde_json::from_slice(&std::fs::read(schema).unwrap()).unwrap();
    // A superfluous bracket makes these patterns invalid.
    for of in ["run", "toolComponent"] {
        let language = schema.pointer_mut(&format!("/definitions/{of}/properties/language")).unwrap();
        language.as_object_mut().unwrap().remove("pattern");
    }
    let schema = jsonschema::validator_for(&schema).unwrap();
    for report in reports("sarif", scratch.path()) {
        let document: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
        let errors: Vec<String> = schema.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        assert!(!schema.is_valid(&serde_json::json!({"version": "2.1.0"})), "the schema asks for runs");
    }
}

#[test]
fn tap_reports_are_counted_as_prove_counts_them() {
    let scratch = scratch();
    for report in reports("tap", scratch.path()) {
        let ours = std::fs::read_to_string(&report).unwrap();
        let failing = ours.lines().filter(|line| line.starts_with("not ok") && !line.contains("# TODO")).count();
        // `cat` prints the report as if it were the output of a test.
        let told = tool("prove").args(["--exec", "cat"]).arg(&report).output().expect("prove");
        let told = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
        let points = ours.lines().filter(|line| line.starts_with("ok") || line.starts_with("not ok")).count();
        assert!(told.contains(&format!("Failed {failing}/{points} subtests")), "{told}");
        assert!(!told.contains("Parse errors"), "{told}");
    }
}

#[test]
fn a_policy_that_nix_writes_asks_for_the_same() {
    let scratch = scratch();
    let nix_policy = fixture("policies/installer.nix");
    let expression = format!("builtins.toJSON (import {})", nix_policy.display());
    let json = text(nix(scratch.path(), "nix-instantiate").args(["--eval", "--json", "--expr"]).arg(expression));
    let json: String = serde_json::from_str(&json).unwrap();
    // Key files are relative to the policy, so this one uses absolute paths.
    let path = scratch.path().join("policy.json");
    std::fs::write(&path, json.replace("../keys", fixture("keys").to_str().unwrap())).unwrap();
    let results = |policy: &Path| {
        let run = support::program()
            .args(["check", "--json"])
            .arg(fixture("today/result"))
            .arg("--policy")
            .arg(policy)
            .output()
            .unwrap();
        let mut document: Value = serde_json::from_slice(&run.stdout).unwrap();
        for result in document["results"].as_array_mut().unwrap() {
            // Nix writes everything on one line.
            (result["policy"], result["line"]) = (Value::Null, Value::Null);
        }
        document
    };
    assert_eq!(results(&path), results(&fixture("policies/installer.toml")));
}
