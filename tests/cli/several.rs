//! Several images on one command line, completions, and manual pages.

use std::process::Stdio;

use crate::support::{fixture, program, run};

fn images() -> [String; 3] {
    let broken = fixture("README.md");
    [fixture("today/result"), broken, fixture("nix/result")].map(|path| path.display().to_string())
}

#[test]
fn several_images_have_a_heading_each_and_a_summary() {
    let [first, broken, _] = images();
    let run = run(&["check", &first, &broken, &first, "--package", "git"]);
    assert_eq!(run.code, Some(2));
    let lines: Vec<&str> = run.out.lines().filter(|line| line.starts_with("==>") || line.contains(" images")).collect();
    let heading = |path: &str| format!("==> {path} <==");
    let expected =
        [&heading(&first), &heading(&broken), &heading(&first), "3 images: 2 fine, 1 could not be read in full"];
    assert_eq!(lines, expected);
    assert!(run.errors.contains("README.md: "), "{}", run.errors);
}

#[test]
fn several_images_have_one_json_document_each_in_the_order_given() {
    let [first, broken, _] = images();
    for command in [
        &["inspect"][..],
        &["packages"],
        &["access"],
        &["secrets"],
        &["services"],
        &["verify"],
        &["check", "--package", "git"],
    ] {
        let mut arguments = vec![command[0], first.as_str(), broken.as_str(), first.as_str(), "--json"];
        arguments.extend(&command[1..]);
        let run = run(&arguments);
        let documents: Vec<serde_json::Value> =
            run.out.lines().map(|line| serde_json::from_str(line).expect("one document a line")).collect();
        let images: Vec<&str> = documents.iter().map(image).collect();
        assert_eq!(images.len(), 3, "{command:?}: {}", run.errors);
        assert!(images[0].ends_with(".iso") && images[1] == broken && images[0] == images[2], "{images:?}");
        assert_eq!(documents[0], documents[2]);
    }
}

/// The path in a document: most have it as a text, `inspect` with more about the image.
fn image(document: &serde_json::Value) -> &str {
    document["image"].as_str().or(document["image"]["path"].as_str()).expect("the path of the image")
}

#[test]
fn the_worst_exit_code_of_several_images_counts_and_1_is_worse_than_2() {
    let [first, broken, _] = images();
    for (arguments, code) in [
        (vec!["packages", &first, &first, "git"], 0),
        (vec!["packages", &first, &broken, "git"], 2),
        (vec!["packages", &first, &broken, "emacs"], 1),
        (vec!["check", &broken, &first, "--package", "emacs"], 1),
    ] {
        assert_eq!(run(&arguments).code, Some(code), "{arguments:?}");
    }
}

#[test]
fn a_report_contains_all_images() {
    let [first, broken, _] = images();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let formats = ["junit", "sarif", "markdown", "tap"];
    let mut arguments = vec!["check".to_owned(), first.clone(), broken.clone(), "--package".into(), "git".into()];
    for format in formats {
        arguments.extend(["--report".to_owned(), format!("{format}={}", file(format))]);
    }
    assert_eq!(run(&arguments).code, Some(2));
    let [junit, sarif, markdown, tap] = formats.map(|format| std::fs::read_to_string(file(format)).unwrap());
    assert_eq!(junit.matches("<testsuite ").count(), 2, "{junit}");
    assert!(junit.contains(r#"<testsuites tests="2" failures="0" errors="1">"#), "{junit}");
    let sarif: serde_json::Value = serde_json::from_str(&sarif).unwrap();
    assert_eq!(sarif["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(markdown.matches("| assertion | subject |").count(), 2, "{markdown}");
    assert!(tap.starts_with("TAP version 13\n1..2\n") && tap.contains("\nnot ok 2 - package git\n"), "{tap}");
}

#[test]
fn the_verdict_on_each_of_several_images_survives_a_closed_pipe() {
    let [first, broken, _] = images();
    for arguments in [
        &["cat", &first, "/no-such-file", "/isolinux/isolinux.cfg"][..],
        &["verify", &first, &broken],
        &["packages", &first, &broken, "emacs"],
        &["secrets", &first, &first],
    ] {
        let expected = run(arguments).code;
        let mut child = program().args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        assert_eq!(child.wait().unwrap().code(), expected, "{arguments:?}");
    }
}

#[test]
fn every_shell_has_completions_for_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = run(&["completions", shell]);
        assert_eq!((run.code, run.errors.as_str()), (Some(0), ""), "{shell}");
        assert!(run.out.contains("packages") && run.out.contains("--require-hashes") || shell == "fish", "{shell}");
    }
    assert_eq!(run(&["completions", "bash", "--json"]).code, Some(2));
}

#[test]
fn the_manual_has_a_page_for_the_program_and_one_for_each_command() {
    let page = run(&["man"]);
    assert_eq!((page.code, page.errors.as_str()), (Some(0), ""));
    assert!(page.out.contains(".TH nixoscope 1"), "{}", page.out);
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&["man", &folder.path().display().to_string()]).code, Some(0));
    let check = std::fs::read_to_string(folder.path().join("nixoscope-check.1")).unwrap();
    assert!(check.contains("\\-\\-policy") && check.contains("Examples:"), "{check}");
}
