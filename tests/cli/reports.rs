//! Reports for CI: written beside the table, all from the same verdicts.

use serde_json::{Value, json};

use crate::support::{fixture, program, run};

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
            .starts_with("❌ **nixos-minimal-25.11.1234.abcdef-x86\\_64-linux.iso**: 1 passed, 1 failed, 1 warnings\n"),
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
    assert!(lines[0].starts_with(&format!("::error file={file},title=command gone-tool::")), "{errors}");
    assert!(lines[1].starts_with(&format!("::warning file={file},title=forbid firefox::")), "{errors}");
    assert!(lines[1].ends_with("(50%25 | <too> big)"), "{errors}");
    let summary = std::fs::read_to_string(&summary).unwrap();
    assert!(summary.starts_with("before\n❌ **"), "{summary}");
}

#[test]
fn a_report_that_cannot_be_written_is_told() {
    let image = fixture("today/result").display().to_string();
    for (report, told) in [
        ("junit=/no/such/folder/x", "--report /no/such/folder/x"),
        ("html=x", "html is no format: there are junit, sarif, markdown and tap"),
        ("junit", "write junit=FILE"),
    ] {
        let found = run(&["check", &image, "--command", "vim", "--report", report]);
        assert_eq!(found.code, Some(2));
        assert!(found.errors.contains(told), "{}", found.errors);
    }
}
