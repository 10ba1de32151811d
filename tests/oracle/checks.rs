//! The functions for Nix, evaluated and built by Nix itself. What they need of nixpkgs is made here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::fixture;
use crate::tool::{scratch, tool};

/// A store of its own, in which builds run without a sandbox.
struct Nix {
    folder: PathBuf,
}

impl Nix {
    fn new(name: &str) -> Self {
        let folder = scratch(name);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = Path::new(env!("CARGO_BIN_EXE_nixoscope"));
        let nixpkgs = format!(
            r#"rec {{
  runCommand = name: env: script: derivation {{
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-e" "-c" "export PATH={}:/usr/bin:/bin\n${{script}}" ];
  }};
  writeText = builtins.toFile;
  checks = import {}/nix/lib.nix {{ inherit runCommand writeText; nixoscope = null; }};
  today = "{}";
  old = "{}";
  new = "{}";
}}"#,
            program.parent().unwrap().display(),
            root.display(),
            fixture("today/result").display(),
            fixture("diff/old/result").display(),
            fixture("diff/new/result").display(),
        );
        fs::write(folder.join("world.nix"), nixpkgs).unwrap();
        Self { folder }
    }

    fn command(&self, name: &str) -> Command {
        let mut nix = tool(name);
        let configuration = "substitute = false\nbuild-users-group =\nsandbox = false\n";
        nix.env("NIX_STORE_DIR", self.folder.join("store"))
            .env("NIX_STATE_DIR", self.folder.join("state"))
            .env("NIX_LOG_DIR", self.folder.join("log"))
            .env("NIX_CONF_DIR", &self.folder)
            .env("NIX_CONFIG", configuration)
            .env("HOME", &self.folder)
            .env_remove("NIX_REMOTE");
        nix
    }

    fn build(&self, expression: &str) -> Output {
        let expression = format!("with import ./world.nix; {expression}");
        let mut nix = self.command("nix-build");
        nix.args(["--no-out-link", "--expr", &expression]).current_dir(&self.folder).output().unwrap()
    }

    /// The output of a build that must succeed.
    fn built(&self, expression: &str) -> PathBuf {
        let output = self.build(expression);
        assert!(output.status.success(), "{expression}: {}", String::from_utf8_lossy(&output.stderr));
        let path = String::from_utf8(output.stdout).unwrap();
        PathBuf::from(path.trim_end())
    }

    /// The messages of a build that must fail.
    fn failure(&self, expression: &str) -> String {
        let output = self.build(expression);
        assert!(!output.status.success(), "{expression}");
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn an_image_that_holds_to_its_policy_is_built_with_reports() {
    let nix = Nix::new("nix-check");
    let policy = r#"{ package = [{ name = "git"; installed = true; }]; image.boot = [ "bios" "uefi" ]; }"#;
    let out = nix.built(&format!("checks.checkImage {{ image = today; policy = {policy}; }}"));
    let json: Value = serde_json::from_slice(&fs::read(out.join("check.json")).unwrap()).unwrap();
    assert_eq!(json["failed"], 0, "{json}");
    assert!(json["passed"].as_u64().unwrap() >= 2, "{json}");
    let products = fs::read_to_string(out.join("nix-support/hydra-build-products")).unwrap();
    for line in products.lines() {
        let file = line.split(' ').nth(2).unwrap();
        assert!(fs::metadata(file).unwrap().len() > 0, "{file}");
    }
    assert_eq!(products.lines().count(), 4);
}

#[test]
fn a_build_fails_with_the_report_in_its_log_and_keeps_it_if_asked() {
    let nix = Nix::new("nix-failure");
    let check = |more: &str| {
        format!(r#"checks.checkImage {{ image = today; policy.package = [{{ name = "emacs"; }}]; {more} }}"#)
    };
    let log = nix.failure(&check(""));
    assert!(log.contains("FAIL  package") && log.contains("0 passed, 1 failed"), "{log}");
    let out = nix.built(&check("keepFailed = true;"));
    assert!(out.join("nix-support/failed").exists() && out.join("check.xml").exists());
}

#[test]
fn a_misspelled_policy_fails_while_nix_evaluates() {
    let nix = Nix::new("nix-schema");
    for (policy, mistake) in [
        (r#"{ packages = [ ]; }"#, "policy: unknown word packages"),
        (r#"{ package = [{ nmae = "git"; name = "git"; }]; }"#, "policy.package[0]: unknown word nmae"),
        (r#"{ package = [{ name = "git"; installed = "yes"; }]; }"#, "policy.package[0].installed: not of type"),
        (r#"{ package = [{ name = "git"; state = "maybe"; }]; }"#, "policy.package[0].state: must be one of"),
    ] {
        let log = nix.failure(&format!("checks.checkImage {{ image = today; policy = {policy}; }}"));
        assert!(log.contains(mistake) && !log.contains("building"), "{policy}: {log}");
    }
}

#[test]
fn two_images_are_compared_and_a_manifest_stands_for_one() {
    let nix = Nix::new("nix-diff");
    let out = nix.built("checks.diffImages { inherit old new; }");
    assert!(fs::read_to_string(out.join("diff.txt")).unwrap().contains("browser"));
    let same = nix.built("checks.diffImages { old = checks.manifest { image = new; }; inherit new; }");
    let json: Value = serde_json::from_slice(&fs::read(same.join("diff.json")).unwrap()).unwrap();
    assert_eq!(json["same"], true);
}

#[test]
fn a_configuration_has_its_check_and_the_image_that_depends_on_it() {
    let nix = Nix::new("nix-module");
    let world = r#"let
              nothing = _: null;
              lib = {
                mkOption = option: option; mkEnableOption = _: { }; literalExpression = text: text;
                mkIf = _: content: content; optional = one: item: if one then [ item ] else [ ];
                types = { package = null; path = null; str = null; bool = null; anything = null; either = _: nothing;
                  attrsOf = nothing; listOf = nothing; };
              };
              config = (import ROOT/nix/module.nix {
                inherit lib;
                pkgs = { inherit runCommand writeText; };
                config = {
                  image.check = {
                    enable = true; package = null; image = today; policy = POLICY; arguments = [ ]; keepFailed = false;
                  };
                  system.build = config.system.build;
                };
              }).config;
            in config.system.build.checkedImage"#;
    let world = world.replace("ROOT", env!("CARGO_MANIFEST_DIR"));
    let build = |policy| world.replace("POLICY", policy);
    let image = nix.built(&build(r#"{ package = [{ name = "git"; }]; }"#));
    assert!(image.join("nix-support/hydra-build-products").exists());
    assert!(nix.failure(&build(r#"{ package = [{ name = "emacs"; }]; }"#)).contains("FAIL  package"));
}

#[test]
fn every_nix_file_parses() {
    let nix = Nix::new("nix-parse");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = ["flake.nix", "default.nix", "nix/lib.nix", "nix/module.nix", "nix/package.nix", "nix/policy.nix"];
    for file in files {
        let output = nix.command("nix-instantiate").arg("--parse").arg(root.join(file)).output().unwrap();
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
