//! The action for GitHub: its scripts get a release, and check an image with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::fixture;
use crate::tool::{output, scratch, tool};

/// A runner, and a server of releases, which is a folder here.
struct Runner(PathBuf);

impl Runner {
    /// The release has the program in an archive, with its checksum.
    fn new(name: &str) -> Self {
        let runner = Self(scratch(&format!("action-{name}")));
        fs::create_dir(runner.0.join("temporary")).unwrap();
        let release = runner.release();
        fs::create_dir_all(&release).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_nixoscope"));
        let archive = format!("nixoscope-{}-linux.tar.gz", std::env::consts::ARCH);
        let mut tar = tool("tar");
        output(tar.arg("-czf").arg(release.join(&archive)).arg("-C").arg(program.parent().unwrap()).arg("nixoscope"));
        let sum = output(tool("sha256sum").arg(&archive).current_dir(&release));
        fs::write(release.join("SHA256SUMS"), sum).unwrap();
        runner
    }

    fn release(&self) -> PathBuf {
        self.0.join("server/owner/nixoscope/releases/download/v1.2.3")
    }

    /// Runs a script of the action.
    fn run(&self, script: &str, inputs: &[(&str, &str)]) -> Output {
        let at = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/actions/check").join(script);
        let mut run = Command::new(at);
        let added = fs::read_to_string(self.0.join("path")).unwrap_or_default();
        run.env("PATH", format!("{}:{}", added.trim(), std::env::var("PATH").unwrap()))
            .env("GITHUB_SERVER_URL", format!("file://{}", self.0.join("server").display()))
            .env("GITHUB_PATH", self.0.join("path"))
            .env("GITHUB_OUTPUT", self.0.join("outputs"))
            .env("RUNNER_TEMP", self.0.join("temporary"))
            .envs([("REPOSITORY", "owner/nixoscope"), ("VERSION", "1.2.3"), ("POLICY", ""), ("ASSERTIONS", "")]);
        run.envs(inputs.iter().copied()).output().unwrap()
    }
}

#[test]
fn the_action_gets_the_program_of_a_release_and_checks_with_it() {
    let runner = Runner::new("check");
    let got = runner.run("get", &[]);
    assert!(got.status.success(), "{}", String::from_utf8_lossy(&got.stdout));

    let (image, policy, key) = (fixture("today/result"), fixture("policies/installer.toml"), fixture("keys/root.pub"));
    let assertions = format!("--package git\n\n--usb\n--key @{}\n", key.display());
    let inputs =
        [("IMAGE", image.to_str().unwrap()), ("POLICY", policy.to_str().unwrap()), ("ASSERTIONS", &assertions)];
    let check = runner.run("check", &inputs);
    assert_eq!(check.status.code(), Some(1), "{}", String::from_utf8_lossy(&check.stderr));
    assert!(String::from_utf8_lossy(&check.stdout).ends_with("21 passed, 1 failed, 1 warning\n"));
    let outputs = fs::read_to_string(runner.0.join("outputs")).unwrap();
    let files: Vec<(&str, &str)> = outputs.lines().map(|line| line.split_once('=').unwrap()).collect();
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["sarif", "junit", "json"]);
    let document: Value = serde_json::from_slice(&fs::read(files[2].1).unwrap()).unwrap();
    assert_eq!(document["failed"], 1);
}

#[test]
fn an_image_that_is_not_there_fails_the_action_and_has_no_reports() {
    let runner = Runner::new("missing");
    runner.run("get", &[]);
    let check = runner.run("check", &[("IMAGE", "/nowhere"), ("ASSERTIONS", "--package git")]);
    assert_eq!(check.status.code(), Some(2));
    assert!(!runner.0.join("outputs").exists());
}

#[test]
fn the_action_refuses_a_program_with_another_checksum_and_a_release_that_is_not_there() {
    let runner = Runner::new("refused");
    let missing = runner.run("get", &[("VERSION", "9.9.9")]);
    assert_eq!(missing.status.code(), Some(2));
    let told = String::from_utf8(missing.stdout).unwrap();
    assert!(told.starts_with("::error::file://") && told.trim_end().ends_with("cannot be downloaded"), "{told}");

    let sums = runner.release().join("SHA256SUMS");
    let text = fs::read_to_string(&sums).unwrap();
    fs::write(&sums, format!("{}{}", "0".repeat(64), &text[64..])).unwrap();
    let refused = runner.run("get", &[]);
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8(refused.stdout).unwrap();
    assert!(told.contains("does not match its checksum"), "{told}");
    assert!(!runner.0.join("path").exists());
}
