//! The README: what its examples show is what the program prints.

use std::path::Path;
use std::process::Command;

use crate::support::{fixture, run};

/// Each `console` block: the command after the dollar sign, and the lines below it.
fn examples() -> Vec<(String, Vec<String>)> {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let example = |block: &str| {
        let mut lines = block.lines().map(str::to_owned);
        let command = lines.next().unwrap().strip_prefix("$ nixoscope ").unwrap().to_owned();
        (command, lines.collect())
    };
    blocks.map(example).collect()
}

#[test]
fn every_example_prints_what_the_readme_shows() {
    let examples = examples();
    assert!(examples.len() >= 3, "{examples:?}");
    for (command, shown) in examples {
        let found = run(&command.split(' ').collect::<Vec<_>>());
        let mut printed = found.out.lines();
        let mut skipping = false;
        for line in shown {
            // An ellipsis matches any lines.
            if line == "…" {
                skipping = true;
                continue;
            }
            let next = if skipping { printed.find(|next| *next == line) } else { printed.next() };
            assert_eq!(next, Some(line.as_str()), "{command}\n{}", found.out);
            skipping = false;
        }
        assert!(skipping || printed.next().is_none(), "{command}: more than the README shows");
    }
}

/// The script of a step of a workflow.
fn step(name: &str) -> String {
    let readme = include_str!("../../README.md");
    let (_, step) = readme.split_once(&format!("- name: {name}\n  run: |\n")).expect("the step");
    let lines = step.lines().map_while(|line| line.strip_prefix("    "));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_step_that_says_what_changed_has_nothing_to_compare_with_on_its_first_run() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, summary) = (folder.path().join("image.json"), folder.path().join("summary"));
    let programs = Path::new(env!("CARGO_BIN_EXE_nixoscope")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let run = |image: &str| {
        let result = folder.path().join("result");
        let _ = std::fs::remove_file(&result);
        std::os::unix::fs::symlink(fixture(image), result).unwrap();
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", &step("What changed?")]).current_dir(&folder);
        let ended = shell.env("PATH", &path).env("GITHUB_STEP_SUMMARY", &summary).output().unwrap();
        assert!(ended.status.success(), "{image}: {}", String::from_utf8_lossy(&ended.stderr));
        std::fs::read_to_string(&summary).unwrap_or_default()
    };
    assert_eq!(run("diff/old/result"), "");
    let first = std::fs::read(&manifest).unwrap();
    assert!(run("diff/new/result").contains("browser"));
    assert_ne!(std::fs::read(&manifest).unwrap(), first);
}
