//! Reports for CI: written beside the table, all from the same verdicts.

use serde_json::{Value, json};

use crate::support::{files, fixture, program, run};

const REASON: &str = "[[package]]\nname = \"firefox\"\nstate = \"forbidden\"\nseverity = \"warning\"\nreason = \"50% | <too> big\"\n[[command]]\nname = \"vim\"\n[[command]]\nname = \"gone-tool\"\n";

#[test]
fn several_reports_are_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("policy.toml"), REASON).unwrap();
    let image = fixture("today/result").display().to_string();
    let mut arguments = vec!["check".to_owned(), image, "--policy".to_owned(), path("policy.toml")];
    for (format, name) in
        [("junit", "junit.xml"), ("sarif", "report.sarif"), ("markdown", "report.md"), ("tap", "report.tap")]
    {
        arguments.extend(["--report".to_owned(), format!("{format}={}", path(name))]);
    }
    let found = run(&arguments);
    assert_eq!((found.code, found.errors.as_str()), (Some(1), ""));
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();

    let junit = read("junit.xml");
    assert!(junit.contains("<testsuites tests=\"3\" failures=\"1\" errors=\"0\">"), "{junit}");
    assert!(junit.contains("<failure message=\"") && junit.contains("50% | &lt;too&gt; big"), "{junit}");

    let sarif: Value = serde_json::from_str(&read("report.sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let told: Vec<_> = results.iter().map(|result| (result["ruleId"].clone(), result["level"].clone())).collect();
    assert_eq!(told, [(json!("forbid"), json!("warning")), (json!("command"), json!("error"))]);

    let markdown = read("report.md");
    assert!(
        markdown
            .starts_with("❌ **nixos-minimal-25.11.1234.abcdef-x86\\_64-linux.iso**: 1 passed, 1 failed, 1 warning\n"),
        "{markdown}"
    );
    assert!(markdown.contains("50% \\| &lt;too&gt; big"), "{markdown}");

    let tap = read("report.tap");
    let points: Vec<&str> = tap.lines().filter(|line| line.contains("ok ")).collect();
    assert_eq!(
        points,
        ["not ok 1 - forbid firefox # TODO warning", "ok 2 - command vim", "not ok 3 - command gone-tool"]
    );
}

#[test]
fn github_is_told_what_fails_and_gets_the_table_for_its_summary() {
    let folder = tempfile::tempdir().unwrap();
    let (policy, summary) = (folder.path().join("policy.toml"), folder.path().join("summary.md"));
    std::fs::write(&policy, REASON).unwrap();
    std::fs::write(&summary, "before\n").unwrap();
    let mut command = program();
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let output = command.arg("check").arg(fixture("today/result")).arg("--policy").arg(&policy).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 2, "{errors}");
    let file = policy.display();
    assert!(lines[0].starts_with(&format!("::error file={file},line=8,title=command gone-tool::")), "{errors}");
    assert!(lines[1].starts_with(&format!("::warning file={file},line=1,title=forbid firefox::")), "{errors}");
    assert!(lines[1].ends_with("(50%25 | <too> big)"), "{errors}");
    let summary = std::fs::read_to_string(&summary).unwrap();
    assert!(summary.starts_with("before\n❌ **"), "{summary}");
}

#[test]
fn a_report_that_cannot_be_written_is_told() {
    let image = fixture("today/result").display().to_string();
    for (report, told) in [
        ("junit=/no/such/folder/x", "--report /no/such/folder/x"),
        ("html=x", "unknown format html; use json, junit, sarif, markdown or tap"),
        ("junit", "write json=FILE"),
    ] {
        let found = run(&["check", &image, "--command", "vim", "--report", report]);
        assert_eq!(found.code, Some(2));
        assert!(found.errors.contains(told), "{}", found.errors);
    }
}

#[test]
fn a_report_on_standard_output_takes_the_place_of_the_table() {
    let image = fixture("today/result").display().to_string();
    let found = run(&["check", &image, "--command", "vim", "--report", "sarif=-"]);
    assert_eq!(found.code, Some(0));
    let sarif: Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!(sarif["version"], "2.1.0");
}

#[test]
fn a_report_in_json_is_the_document_beside_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("check.json");
    let image = fixture("today/result").display().to_string();
    let asked = ["check", &image, "--command", "vim", "--command", "gone"];
    let report = format!("json={}", file.display());
    let beside = run(&[&asked[..], &["--report", &report]].concat());
    let alone = run(&[&asked[..], &["--json"]].concat());
    assert_eq!((beside.code, alone.code), (Some(1), Some(1)));
    assert_eq!(std::fs::read_to_string(file).unwrap(), alone.out);
    assert!(beside.out.ends_with("1 passed, 1 failed\n"), "{}", beside.out);
}

#[test]
fn reports_that_would_write_over_each_other_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x").display().to_string();
    let image = folder.path().join("image.iso").display().to_string();
    let iso = "today/result/iso/nixos-minimal-25.11.1234.abcdef-x86_64-linux.iso";
    std::fs::copy(fixture(iso), &image).unwrap();
    let (tap, junit, over) = (format!("tap={file}"), format!("junit={file}"), format!("tap={image}"));
    for (arguments, told) in [
        (&["--report", &tap, "--report", &junit][..], "two reports cannot be written to"),
        (&["--report", "tap=-", "--json"], "--json and a report cannot both be written to standard output"),
        (&["--report", "tap=-", "--report", "junit=-"], "two reports cannot be written to -"),
        (&["--report", &over], "that is the image"),
    ] {
        let found = run(&[&["check", &image, "--command", "vim"], arguments].concat());
        assert_eq!((found.code, found.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(found.errors.contains(told), "{}", found.errors);
    }
    assert!(!std::path::Path::new(&file).exists());
}

#[test]
fn what_was_found_is_told_where_a_report_cannot_be_written() {
    let image = fixture("today/result").display().to_string();
    let found = run(&["check", &image, "--command", "vim", "--report", "tap=/no/such/folder/x"]);
    assert_eq!(found.code, Some(2));
    assert!(found.out.contains("1 passed"), "{}", found.out);
}

#[test]
fn code_scanning_finds_a_line_of_the_policy_for_each_result() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), REASON).unwrap();
    let mut command = program();
    let command = command.current_dir(folder.path()).arg("check").arg(fixture("today/result"));
    let output = command.args(["--policy", "./policy.toml", "--report", "sarif=-"]).output().unwrap();
    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    let run = &sarif["runs"][0];
    for result in run["results"].as_array().unwrap() {
        let place = &result["locations"][0]["physicalLocation"];
        let file = json!({"uri": "policy.toml", "uriBaseId": "%SRCROOT%"});
        let line = if result["ruleId"] == "forbid" { 1 } else { 8 };
        assert_eq!(place, &json!({"artifactLocation": file, "region": {"startLine": line}}));
        let rule = &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(rule["help"]["text"].is_string() && rule["fullDescription"]["text"].is_string(), "{rule}");
    }
}

/// A policy in which everything fails, with the line of each assertion.
const LINES: &str = r#"[image]
volume-id = "no-such-volume"
system = "riscv64-linux"

[[package]]
name = "no-such-package"

[[user]]
name = "root"
shell = "/no/such/shell"
system = "default"
"#;

#[test]
fn a_failure_is_shown_at_the_line_of_the_policy_that_asks_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policies/policy.toml");
    std::fs::create_dir(folder.path().join("policies")).unwrap();
    std::fs::write(&policy, LINES).unwrap();
    let mut command = program();
    let command = command.env("GITHUB_ACTIONS", "true").env("GITHUB_WORKSPACE", folder.path());
    let command = command.env_remove("GITHUB_STEP_SUMMARY").arg("check").arg(fixture("today/result"));
    let output = command.arg("--policy").arg(&policy).args(["--report", "sarif=-"]).output().unwrap();
    let sarif: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let places = results.iter().map(|result| {
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        format!("{} {uri}:{}", result["ruleId"].as_str().unwrap(), place["region"]["startLine"])
    });
    let expected = [
        "volume-id policies/policy.toml:2",
        "system policies/policy.toml:3",
        "package policies/policy.toml:5",
        "user policies/policy.toml:8",
    ];
    assert_eq!(places.collect::<Vec<_>>(), expected);
    let errors = String::from_utf8(output.stderr).unwrap();
    let at: Vec<&str> =
        errors.lines().filter_map(|line| line.strip_prefix("::error ")?.split(",title").next()).collect();
    let expected = [2, 3, 5, 8].map(|line| format!("file=policies/policy.toml,line={line}"));
    assert_eq!(at, expected);
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let user = rules.iter().find(|rule| rule["id"] == "user").unwrap();
    assert_eq!(
        user["properties"],
        json!({"precision": "very-high", "security-severity": "8.0", "tags": ["nixos", "security"]})
    );
    assert_eq!(user["name"], "User");
    assert_eq!(results[3]["partialFingerprints"]["assertion/v1"], "user:root shell /no/such/shell in default");
}

#[test]
fn odd_names_are_shown_and_not_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let odd = r"/a\u001b[31m|`x`<b>$y$]]>%0A::error::z\u202e\u0085\nb # TODO";
    std::fs::write(path("policy.json"), format!("{{\"file\": [{{\"path\": \"{odd}\"}}]}}")).unwrap();
    let mut command = program();
    let command = command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", path("summary.md"));
    let command = command.arg("check").arg(fixture("today/result")).arg("--policy").arg(path("policy.json"));
    for format in ["junit", "sarif", "markdown", "tap"] {
        command.args(["--report", &format!("{format}={}", path(format))]);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.contains("title=file /a\\u{1b}[31m|`x`<b>$y$]]>%250A%3A%3Aerror%3A%3Az\\u{202e}\\u{85}%0Ab # TODO::"),
        "{errors}"
    );
    let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();
    let markdown = read("markdown");
    assert!(
        markdown.contains(
            "| /a\\\\u{1b}\\[31m\\|\\`x\\`&lt;b&gt;\\$y\\$\\]\\]&gt;%0A::error::z\\\\u{202e}\\\\u{85} b \\# TODO |"
        ),
        "{markdown}"
    );
    assert_eq!(read("summary.md"), markdown);
    assert!(
        read("tap")
            .contains("not ok 1 - file /a\\\\u{1b}[31m|`x`<b>$y$]]>%0A::error::z\\\\u{202e}\\\\u{85} b \\# TODO\n"),
        "{}",
        read("tap")
    );
    for name in ["junit", "sarif", "markdown", "tap"] {
        let harmful = |letter: char| letter.is_control() && letter != '\n' || name != "junit" && letter == '\u{202e}';
        let text = read(name);
        // JSON and XML may have it; terminals are not where they are read.
        let text = if name == "sarif" { text.replace(['\u{202e}', '\u{85}'], "") } else { text };
        assert!(!text.contains(harmful), "{name}: {text:?}");
    }
}

/// What each format says about an image that is cut off: both assertions by name, and that they are unknown.
#[test]
fn every_report_names_the_assertions_that_a_cut_image_leaves_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let whole = std::fs::read(files("today/result/iso", ".iso").remove(0)).unwrap();
    // In the directories; in the volume descriptors; in the system area.
    for length in [600_000, 0x8801, 1000] {
        std::fs::write(path("cut.iso"), &whole[..length]).unwrap();
        let mut command = program();
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", path("summary"));
        command.args(["check", "--json", &path("cut.iso"), "--package", "git", "--command", "vim"]);
        for format in ["junit", "sarif", "markdown", "tap"] {
            command.args(["--report", &format!("{format}={}", path(format))]);
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{length}: {errors}");
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let results = document["results"].as_array().unwrap().iter();
        let told: Vec<_> = results.map(|result| (result["id"].as_str(), result["status"].as_str())).collect();
        let expected = [Some("package:git"), Some("command:vim")].map(|id| (id, Some("unknown")));
        assert_eq!((told.as_slice(), &document["unknown"], &document["failed"]), (&expected[..], &json!(2), &json!(0)));
        let read = |name: &str| std::fs::read_to_string(path(name)).unwrap();

        let junit = read("junit");
        assert!(junit.contains("<testsuites tests=\"2\" failures=\"0\" errors=\"2\">"), "{length}: {junit}");
        for name in ["package git", "command vim"] {
            assert!(junit.contains(&format!("name=\"{name}\">\n      <error message=\"")), "{length}: {junit}");
            assert!(errors.contains(&format!("title={name}::could not be checked: ")), "{length}: {errors}");
        }

        let sarif: Value = serde_json::from_str(&read("sarif")).unwrap();
        let results = sarif["runs"][0]["results"].as_array().unwrap().iter();
        let told: Vec<_> = results.map(|result| json!([result["ruleId"], result["kind"], result["level"]])).collect();
        assert_eq!(told, [json!(["package", "open", "none"]), json!(["command", "open", "none"])], "{length}");
        assert_eq!(sarif["runs"][0]["invocations"][0]["executionSuccessful"], false);

        let tap = read("tap");
        let points: Vec<&str> = tap.lines().filter(|line| line.contains("ok ") || line.contains("status: ")).collect();
        let status = "  status: unknown";
        assert_eq!(points, ["not ok 1 - package git", status, "not ok 2 - command vim", status], "{length}");

        let markdown = read("markdown");
        assert!(markdown.starts_with("❔ **cut.iso**: 0 passed, 0 failed, 0 warnings, 2 could not be checked\n"));
        assert!(
            markdown.contains("| ❔ | package | git |") && markdown.contains("| ❔ | command | vim |"),
            "{markdown}"
        );
    }
}

#[test]
fn a_missing_image_is_wrong_usage_and_gets_no_report() {
    let found = run(&["check", "--json", "/nothing-here/image.iso", "--package", "git"]);
    assert_eq!((found.code, found.out.as_str()), (Some(2), ""));
}
