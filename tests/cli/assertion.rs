//! `check`: packages, commands, files and sizes.

use serde_json::{Value, json};

use crate::support::{fixture, run};

/// Runs a check; gives the exit code and the results.
fn check(image: &str, assertions: &[&str]) -> (Option<i32>, Vec<Value>) {
    let image = fixture(image).display().to_string();
    let run = run(&[&["check", "--json", &image], assertions].concat());
    assert_eq!(run.errors, "", "{assertions:?}");
    let mut document: Value = serde_json::from_str(&run.out).unwrap();
    let Value::Array(results) = document["results"].take() else { panic!("{document}") };
    let passed = results.iter().filter(|result| result["status"] == "pass").count();
    assert_eq!((&document["passed"], &document["failed"]), (&json!(passed), &json!(results.len() - passed)));
    (run.code, results)
}

/// Store paths by their names alone: digests follow from the bytes of the fixtures.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("/nix/store/");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| format!("{text}/…/{}", part.get(33..).unwrap_or_default()))
}

#[test]
fn each_assertion_holds_or_says_what_is_there_instead() {
    for (assertion, subject, holds, message) in [
        ("--package", "neovim", true, "neovim 0.11.5"),
        ("--package", "neovim@0.11.5", true, "neovim 0.11.5"),
        ("--package", "git@>=2.40", true, "git 2.51.2"),
        ("--package", "git@^2", true, "git 2.51.2"),
        ("--package", "git@2.*", true, "git 2.51.2"),
        ("--package", "python3*-numpy", true, "python3.13-numpy 2.3.4"),
        ("--package", "neovimm", false, "not in the image; nearest: neovim, vim"),
        ("--installed", "git", true, "git 2.51.2"),
        ("--installed", "openblas", false, "a dependency, not in environment.systemPackages: openblas 0.3.30"),
        ("--forbid", "emacs", true, "not in the image"),
        ("--forbid", "firefox", false, "in the image: firefox 145.0"),
        ("--command", "nvim", true, "/…/neovim-0.11.5/bin/nvim"),
        ("--command", "vi", true, "/…/neovim-0.11.5/bin/nvim"),
        ("--command", "empty-tool", false, "/…/odd-files-1.0/bin/empty-tool is empty: there is nothing to run"),
        (
            "--command",
            "dangling-tool",
            false,
            "a dangling link: it leads to /…/odd-commands-1.0/libexec/gone, which is not there",
        ),
        ("--command", "gone-tool", false, "a dangling link: it leads to /…/gone-1.0, which is not there"),
        ("--command", "loop-a", false, "symbolic link loop"),
        ("--command", "not-executable", false, "/…/odd-commands-1.0/bin/not-executable is not executable (mode 0444)"),
        ("--command", "nvm", false, "not a command of the default system; nearest: nvim"),
        ("--file", "/etc/os-release", true, "/…/etc-os-release"),
        ("--file", "/version.txt", true, "there"),
        ("--file", "/run/current-system/sw/bin/git", true, "/…/git-2.51.2/bin/git"),
        ("--file", "/etc/nothing", false, "no such file"),
        ("--file", "/version.text", false, "no such file; nearest: /version.txt"),
        ("--unit", "sshd", true, "starts at boot"),
        ("--unit", "shd", false, "not there; nearest: sshd.service"),
        ("--unit", "getty@tty1", false, "there, but nothing starts it at boot"),
        ("--max-size", "3145728", true, "the image has 3145728 bytes"),
        ("--max-size", "3MiB", true, "the image has 3145728 bytes"),
        ("--max-size", "3145727", false, "the image has 3145728 bytes, 1 too many"),
    ] {
        let (code, results) = check("today/result", &[assertion, subject]);
        let status = if holds { "pass" } else { "fail" };
        let [result] = &results[..] else { panic!("{results:?}") };
        let told = without_digests(result["message"].as_str().unwrap());
        assert_eq!((told.as_str(), &result["status"]), (message, &json!(status)), "{assertion} {subject}");
        assert_eq!(code, Some(i32::from(!holds)), "{assertion} {subject}");
        assert_eq!(result["kind"], assertion.trim_start_matches('-'), "{assertion} {subject}");
    }
}

#[test]
fn a_stick_boots_by_each_firmware_that_boots_the_cd() {
    let missing_uefi = "UEFI: no partition has a boot loader (EFI/BOOT/BOOT*.EFI)";
    let missing_bios = "BIOS: the first sector has no boot code";
    for (image, holds, message, evidence) in [
        ("today/result", true, "boots by BIOS and UEFI", &[][..]),
        ("iso/efi-only.iso", false, "not by every firmware that boots it from a CD", &[missing_uefi]),
        ("iso/hard-disk-boot.iso", false, "not by every firmware that boots it from a CD", &[missing_bios]),
        ("verify/tree.iso", false, "neither BIOS nor UEFI finds anything to start", &[]),
    ] {
        let (code, results) = check(image, &["--usb"]);
        let [result] = &results[..] else { panic!("{results:?}") };
        assert_eq!((&result["message"], &result["evidence"]), (&json!(message), &json!(evidence)), "{image}");
        assert_eq!(code, Some(i32::from(!holds)), "{image}");
    }
}

#[test]
fn a_forbidden_package_shows_the_chain_that_brings_it_in() {
    let (_, results) = check("today/result", &["--forbid", "libunistring"]);
    let chain: Vec<String> =
        results[0]["evidence"].as_array().unwrap().iter().map(|path| without_digests(path.as_str().unwrap())).collect();
    let expected = [
        "nixos-system-nixos-25.11.1234.abcdef",
        "coreutils-full-9.8",
        "glibc-2.40-66",
        "libidn2-2.3.8",
        "libunistring-1.4.1",
    ];
    assert_eq!(chain, expected.map(|name| format!("/…/{name}")));
}

#[test]
fn results_stand_in_the_order_of_the_command_line() {
    let (_, results) =
        check("today/result", &["--command", "vim", "--max-size", "1", "--package", "git", "--command", "gone-tool"]);
    let ids: Vec<&str> = results.iter().filter_map(|result| result["id"].as_str()).collect();
    assert_eq!(ids, ["command:vim", "max-size:1", "package:git", "command:gone-tool"]);
}

#[test]
fn one_failure_among_many_that_hold_ends_with_1() {
    let (code, results) =
        check("today/result", &["--package", "git", "--command", "vim", "--package", "emacs", "--file", "/etc/fstab"]);
    let failed: Vec<&Value> =
        results.iter().filter(|result| result["status"] == "fail").map(|result| &result["id"]).collect();
    assert_eq!((code, failed), (Some(1), vec![&json!("package:emacs")]));
}

#[test]
fn a_package_of_every_era_is_found() {
    for (image, package) in [
        ("today/result", "git@2.51.2"),
        ("middle/result", "nix@2.3.12"),
        ("era-2014/result", "bash@4.3-p30"),
        ("era-2008/result", "glibc@2.7"),
        ("squashfs/nix-store.squashfs", "bash-interactive"),
    ] {
        assert_eq!(check(image, &["--package", package]).0, Some(0), "{image}");
        assert_eq!(check(image, &["--package", "no-such-package"]).0, Some(1), "{image}");
        assert_eq!(check(image, &["--forbid", package]).0, Some(1), "{image}");
    }
}

#[test]
fn what_asks_for_a_store_cannot_be_told_of_a_disc_without_one() {
    let image = fixture("iso/rock-ridge-xorriso.iso").display().to_string();
    for assertion in [["--package", "git"], ["--installed", "git"], ["--forbid", "git"]] {
        let run = run(&[&["check", &image][..], &assertion].concat());
        let expected = format!("nixoscope: {image}: no NixOS store is in it\n");
        assert_eq!((run.code, run.errors), (Some(2), expected), "{assertion:?}");
        assert!(run.out.contains("0 passed, 0 failed, 1 could not be checked"), "{}", run.out);
    }
}

#[test]
fn the_table_marks_each_verdict_and_ends_with_the_sum() {
    let image = fixture("today/result").display().to_string();
    let run = run(&["check", &image, "--package", "git", "--command", "nvm", "--max-size", "4MiB"]);
    let lines: Vec<String> =
        run.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "ASSERTION SUBJECT WHAT IS THERE",
        "pass package git git 2.51.2",
        "FAIL command nvm not a command of the default system; nearest: nvim",
        "pass max-size 4194304 the image has 3145728 bytes",
        "",
        "command nvm: see",
        "nvim",
        "",
        "2 passed, 1 failed",
    ];
    assert_eq!((run.code, run.errors.as_str()), (Some(1), ""));
    assert_eq!(lines, expected);
}
