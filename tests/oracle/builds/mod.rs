//! `flake.nix`, `default.nix` and `.nix`: images are built and checked by the real Nix.
//!
//! nixpkgs is replaced by a stand-in with the few functions that are used of it. Every test has a `/nix` of its own, which
//! needs root.

mod remote;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, str};

use serde_json::Value;

use crate::support::fixture;
use crate::tool::{output, scratch, text, tool};

/// What the builds need of the repository.
const SOURCE: [&str; 10] = [
    ".nix",
    "Cargo.lock",
    "Cargo.toml",
    "default.nix",
    "fixtures/keys",
    "fixtures/nix",
    "fixtures/policies",
    "fixtures/today",
    "flake.nix",
    "src/check/policy/schema.json",
];

const CONFIGURATION: &str = "experimental-features = nix-command flakes
sandbox = false
substitute = false
build-users-group =
";

/// A copy of the repository, and a Nix that builds in its own store.
struct Builds {
    folder: PathBuf,
    /// Options of ssh.
    ssh: String,
}

/// How a build ended: the out path, or nothing if it failed; and its log.
struct Built {
    path: Option<String>,
    log: String,
}

impl Builds {
    fn new(name: &str) -> Self {
        let folder = scratch(&format!("builds-{name}"));
        let (here, source) = (Path::new(env!("CARGO_MANIFEST_DIR")), folder.join("source"));
        let copy = |from: &Path, to: &Path| {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            output(tool("cp").arg("-r").args([from, to]));
        };
        for name in SOURCE {
            copy(&here.join(name), &source.join(name));
        }
        copy(&here.join("tests/oracle/builds/nixpkgs"), &source.join("nixpkgs"));
        copy(Path::new(env!("CARGO_BIN_EXE_nixoscope")), &source.join("nixpkgs/nixoscope"));
        copy(&fixture("keys/root.pub"), &source.join("policies/root.pub"));
        let policy = "[[key]]\nuser = \"root\"\nfile = \"../root.pub\"\n";
        for (name, text) in [("image.toml", policy.to_owned()), ("typo.toml", policy.replace("user", "usr"))] {
            let path = source.join("policies/own").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self { folder, ssh: String::new() }
    }

    /// A Nix program.
    fn nix(&self, name: &str) -> Command {
        let mut nix = tool("unshare");
        let store = self.folder.join("nix");
        fs::create_dir_all(&store).unwrap();
        nix.args(["--mount", "sh", "-c", "mount --bind \"$0\" /nix && exec \"$@\""]).arg(store).arg(name);
        nix.env("NIX_REMOTE", "local")
            .env("NIX_CONF_DIR", &self.folder)
            .env("NIX_CONFIG", CONFIGURATION)
            .env("NIX_PATH", "")
            .env("NIX_SSHOPTS", &self.ssh)
            .env("HOME", &self.folder)
            .env("XDG_CACHE_HOME", &self.folder);
        nix
    }

    /// Builds an attribute of `images.nix`.
    fn build(&self, attribute: &str, arguments: &[&str]) -> Built {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/builds/images.nix");
        let mut build = self.nix("nix-build");
        build.args(["--no-out-link", "--arg", "source"]).arg(self.folder.join("source"));
        let ended = build.args(["--attr", attribute]).args(arguments).arg(file).output().unwrap();
        let path = String::from_utf8(ended.stdout).unwrap().lines().last().map(str::to_owned);
        assert_eq!(ended.status.success(), path.is_some(), "{attribute}");
        Built { path, log: String::from_utf8(ended.stderr).unwrap() }
    }

    /// A file in the store of these builds.
    fn read(&self, path: &str) -> String {
        text(self.nix("cat").arg(path))
    }
}

impl Built {
    fn path(&self) -> &str {
        self.path.as_deref().unwrap_or_else(|| panic!("{}", self.log))
    }

    fn assert_failed(&self, lines: &[&str]) {
        assert_eq!(self.path, None, "{}", self.log);
        for line in lines {
            assert!(self.log.lines().any(|logged| logged.trim() == *line), "{line} is not in:\n{}", self.log);
        }
    }
}

#[test]
fn an_image_is_built_and_checked_in_one_build() {
    let builds = Builds::new("kept");
    let kept = builds.build("kept", &[]);
    let path = kept.path();
    assert!(kept.log.contains("2 passed, 0 failed"), "{}", kept.log);
    let document: Value = serde_json::from_str(&builds.read(&format!("{path}/check.json"))).unwrap();
    assert_eq!((&document["passed"], &document["failed"]), (&Value::from(2), &Value::from(0)), "{document}");
    assert_eq!(builds.read(&format!("{path}/exit-code")), "0\n");

    // Each line of Hydra names a file that is there.
    let products = builds.read(&format!("{path}/nix-support/hydra-build-products"));
    let kinds: Vec<&str> = products.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
    assert_eq!(kinds, ["txt", "json", "junit", "sarif", "markdown"]);
    for line in products.lines() {
        assert!(!builds.read(line.split(' ').nth(2).unwrap()).is_empty(), "{line}");
    }
}

#[test]
fn a_broken_policy_fails_the_build_and_the_log_ends_with_the_reasons() {
    let builds = Builds::new("broken");
    let broken = builds.build("broken", &[]);
    broken.assert_failed(&["18 passed, 3 failed", "the image does not satisfy the policy:"]);
    let (_, end) = broken.log.split_once("the image does not satisfy the policy:\n").unwrap();
    let reasons: Vec<Vec<&str>> = end
        .lines()
        .take_while(|line| line.starts_with("FAIL"))
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    assert_eq!(reasons, [["FAIL", "installed", "git"], ["FAIL", "command", "vim"], ["FAIL", "command", "gimp"]]);

    // The reports can be built nevertheless. Hydra shows that build as failed.
    let report = builds.build("broken.report", &[]);
    let document: Value = serde_json::from_str(&builds.read(&format!("{}/check.json", report.path()))).unwrap();
    assert_eq!(document["failed"], 3, "{document}");
    assert_eq!(document["results"][0]["policy"], "1/installer.toml", "{document}");
    assert_eq!(builds.read(&format!("{}/nix-support/failed", report.path())), "");

    // What cannot be asked has no report.
    let unusable = builds.build("unusable", &[]);
    unusable.assert_failed(&[]);
    assert!(unusable.log.contains("it's is neither a package name nor a glob"), "{}", unusable.log);
    assert_eq!(builds.build("unusable.report", &[]).path, None);
}

#[test]
fn a_policy_is_checked_when_nix_evaluates_it_and_takes_the_files_that_it_names_along() {
    let builds = Builds::new("policies");
    let file = builds.build("file", &[]);
    let document: Value = serde_json::from_str(&builds.read(&format!("{}/check.json", file.path()))).unwrap();
    let result = &document["results"][0];
    assert_eq!((&result["policy"], &result["line"]), (&"image.toml".into(), &Value::from(1)), "{document}");

    let typo = builds.build("typo", &[]);
    typo.assert_failed(&[
        "error: mistakes in the policy:",
        "preset: unknown variant `instaler`, expected `installer` or `appliance`; did you mean `installer`?",
    ]);
    let table =
        typo.log.lines().find(|line| line.trim().starts_with("unknown field `pakage`, expected one of `")).unwrap();
    assert!(table.ends_with("; did you mean `package`?"), "{table}");
    assert!(typo.log.contains("user[0]: unknown field `pasword`"), "{}", typo.log);
    assert!(!typo.log.contains("will be built"), "{}", typo.log);
    let typo = builds.build("typoInFile", &[]);
    assert!(
        typo.log.contains("key[0]: unknown field `usr`") && typo.log.contains("did you mean `user`?"),
        "{}",
        typo.log
    );
    let text = builds.build("text", &[]);
    assert!(text.log.contains("a policy is a path, such as ./image.toml, or a set"), "{}", text.log);
}

#[test]
fn two_images_are_compared_and_one_may_be_a_manifest() {
    let builds = Builds::new("diff");
    let diff = builds.build("diff", &[]);
    let table = builds.read(&format!("{}/diff.txt", diff.path()));
    assert!(table.contains("browser             2.10 -> 2.9"), "{table}");
    let document: Value = serde_json::from_str(&builds.read(&format!("{}/diff.json", diff.path()))).unwrap();
    assert_eq!(document["same"], false);
    assert!(!builds.read(&format!("{}/diff.md", diff.path())).is_empty());

    let against = builds.build("against", &[]);
    let table = builds.read(&format!("{}/diff.txt", against.path()));
    assert!(table.contains("browser             2.10 -> 2.9"), "{table}");
    builds.build("differs", &[]).assert_failed(&["the images differ"]);
    builds.build("same", &[]).path();
}

#[test]
fn a_system_has_its_image_only_if_the_check_succeeds() {
    let builds = Builds::new("module");
    let checked = builds.build("system.checkedIsoImage", &[]);
    let iso = format!("{}/iso/nixos-minimal-25.11.1234.abcdef-x86_64-linux.iso", checked.path());
    let original = builds.build("old", &[]);
    let resolved = text(builds.nix("readlink").args(["--canonicalize-existing", &iso]));
    assert!(resolved.starts_with(original.path()), "{resolved}");
    builds.build("brokenSystem.checkedIsoImage", &[]).assert_failed(&["0 passed, 1 failed"]);
    let unchecked = builds.build("uncheckedSystem.checkedIsoImage", &[]);
    assert!(unchecked.log.contains("not defined"), "{}", unchecked.log);
}

#[test]
fn the_flake_passes_its_checks_offline_and_installs_completions_and_manuals() {
    let builds = Builds::new("flake");
    let source = builds.folder.join("source");
    let nixpkgs = format!("path:{}", source.join("nixpkgs").display());
    let flake = format!("path:{}", source.display());
    let with_stand_in = ["--offline", "--no-write-lock-file", "--override-input", "nixpkgs", &nixpkgs];
    output(builds.nix("nix").args(["flake", "check"]).args(with_stand_in).arg(&flake));

    let built = builds.build("nixoscope", &[]);
    for file in [
        "bin/nixoscope",
        "share/bash-completion/completions/nixoscope.bash",
        "share/fish/vendor_completions.d/nixoscope.fish",
        "share/man/man1/nixoscope.1",
        "share/man/man1/nixoscope-check.1",
        "share/zsh/site-functions/_nixoscope",
    ] {
        output(builds.nix("test").arg("-s").arg(Path::new(built.path()).join(file)));
    }
    let image = fixture("today/result");
    let run = builds
        .nix("nix")
        .arg("run")
        .args(with_stand_in)
        .arg(&flake)
        .args(["--", "packages", "--json"])
        .arg(image)
        .output();
    let document: Value = serde_json::from_slice(&run.unwrap().stdout).unwrap();
    assert_eq!(document["schema"], "nixoscope.packages.v1");
}

#[test]
fn what_the_readme_shows_of_nix_is_nix() {
    let builds = Builds::new("readme");
    let blocks: Vec<&str> = include_str!("../../../README.md").split("```nix\n").skip(1).collect();
    assert!(blocks.len() >= 3);
    for block in blocks {
        let (expression, _) = block.split_once("```").unwrap();
        output(builds.nix("nix-instantiate").args(["--parse", "--expr", expression]));
    }
}

#[test]
fn checks_of_many_images_run_at_the_same_time() {
    let builds = Builds::new("fleet");
    builds.build("old", &[]);
    builds.build("nixoscope", &[]);
    let fleet = builds.build("fleet", &["--max-jobs", "2"]);
    fleet.path();
    // The stand-in's builds say when they start and end.
    let mut events: Vec<(u64, i32)> = Vec::new();
    for line in fleet.log.lines() {
        match line.split_once(' ') {
            Some(("started", at)) => events.push((at.parse().unwrap(), 1)),
            Some(("ended", at)) => events.push((at.parse().unwrap(), -1)),
            _ => {}
        }
    }
    events.sort_unstable();
    assert_eq!(events.len(), 40, "{}", fleet.log);
    let at_once = events.iter().scan(0, |running, (_, change)| {
        *running += change;
        Some(*running)
    });
    assert_eq!(at_once.max(), Some(2));
}
