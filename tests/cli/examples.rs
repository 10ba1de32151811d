//! The examples at the end of every command's help.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::{fixture, run};

/// The examples in the help of a command.
fn examples(command: &str) -> Vec<String> {
    let help = run(&[command, "--help"]).out;
    let (_, examples) = help.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{command} has no examples"));
    examples.lines().map_while(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
}

#[test]
fn every_example_of_the_help_works() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_nixoscope"), bin.join("nixoscope")).unwrap();
    symlink(fixture("today/result"), folder.path().join("result")).unwrap();
    symlink(fixture("diff/old/result"), folder.path().join("old")).unwrap();
    symlink(fixture("keys/root.pub"), folder.path().join("key.pub")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    for command in [
        "inspect",
        "ls",
        "cat",
        "find",
        "extract",
        "packages",
        "du",
        "report",
        "why",
        "services",
        "access",
        "check",
        "diff",
        "manifest",
        "policy",
        "sbom",
        "secrets",
        "verify",
        "completions",
    ] {
        let examples = examples(command);
        assert!((2..=3).contains(&examples.len()), "{command}: {examples:?}");
        for example in examples {
            works(&example, folder.path(), &path);
        }
    }
}

/// The example ends with an answer, 0 or 1, and not with an error.
fn works(example: &str, folder: &Path, path: &str) {
    let shell = Command::new("sh").args(["-c", example]).current_dir(folder).env("PATH", path).output().unwrap();
    let errors = String::from_utf8_lossy(&shell.stderr);
    assert!(matches!(shell.status.code(), Some(0 | 1)) && !errors.contains("error:"), "{example}: {errors}");
}
