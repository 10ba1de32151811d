//! Full disks, interrupts, and files that must not be written over.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{files, fixture, program, run};

/// Runs the program where no file may grow beyond some blocks of 512 bytes, as on a full disk.
fn on_a_full_disk(blocks: u32, arguments: &[&str], temporary: &Path) -> (Option<i32>, String) {
    let plain = program();
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(plain.get_program()).args(arguments).env("TMPDIR", temporary);
    let output = shell.stdin(Stdio::null()).stdout(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_ends_every_command_that_writes_with_a_message_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let image = fixture("today/result").display().to_string();
    let target = folder.path().join("document").display().to_string();
    for command in [
        &["policy"][..],
        &["manifest"],
        &["sbom", "--format", "spdx"],
        &["report"],
        &["extract", "/isolinux/isolinux.bin", "--nar"],
    ] {
        let (name, rest) = command.split_first().unwrap();
        let (code, errors) = on_a_full_disk(1, &[&[*name, &image], rest, &["-o", &target]].concat(), folder.path());
        let (begin, end) = (format!("nixoscope: --output {target}: "), "File too large (os error 27)\n");
        assert!(errors.starts_with(&begin) && errors.ends_with(end) && errors.lines().count() == 1, "{errors}");
        assert_eq!((code, names(folder.path())), (Some(2), vec![]), "{command:?}");
    }
    let arguments = ["check", &image, "--package", "git", "--report", &format!("sarif={target}")];
    let (code, errors) = on_a_full_disk(1, &arguments, folder.path());
    let expected = format!("nixoscope: --report {target}: File too large (os error 27)\n");
    assert_eq!((code, errors, names(folder.path())), (Some(2), expected, vec![]));
    let (code, errors) = on_a_full_disk(1, &["extract", &image, "/isolinux", "-o", &target], folder.path());
    assert_eq!(code, Some(2));
    assert!(errors.contains("/isolinux/isolinux.bin: File too large (os error 27)\n"), "{errors}");
    let left = names(&folder.path().join("document/isolinux"));
    assert!(left.iter().all(|name| !name.starts_with('.')), "{left:?}");
}

#[test]
fn a_full_directory_for_temporary_files_is_answered_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let image = fixture("compressed/result").display().to_string();
    let (code, errors) = on_a_full_disk(64, &["ls", &image], folder.path());
    let reason = format!("needs a temporary file in {}: File too large (os error 27)", folder.path().display());
    assert!(errors.ends_with(&format!("{reason}; set TMPDIR to a directory with enough space\n")), "{errors}");
    assert_eq!((code, names(folder.path())), (Some(2), vec![]));
}

#[test]
fn an_interrupt_while_an_image_arrives_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = program()
        .args(["inspect", "-"])
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // More than a pipe holds: the program has begun to read once it is written.
    let mut input = child.stdin.take().unwrap();
    input.write_all(&[1; 1 << 20]).unwrap();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait().unwrap();
    assert!(!ended.success(), "{ended}");
    assert_eq!(names(folder.path()), Vec::<String>::new());
    drop(input);
}

#[test]
fn no_input_is_ever_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir_all(path("result/iso")).unwrap();
    let (image, policy) = (path("result/iso/a.iso"), path("policy.toml"));
    fs::copy(files("today/result/iso", ".iso").remove(0), &image).unwrap();
    fs::write(&policy, "[[package]]\nname = \"git\"\n").unwrap();
    for (file, linked) in [(&image, "linked.iso"), (&policy, "linked.toml")] {
        fs::hard_link(file, path(linked)).unwrap();
    }
    let before = (fs::read(&image).unwrap(), fs::read(&policy).unwrap());
    let other = fixture("era-2014/result").display().to_string();
    let result = path("result");
    for (arguments, expected) in [
        (
            vec!["check", &result, "--policy", &policy, "--report", &format!("junit={}", path("linked.toml"))],
            "the policy",
        ),
        (vec!["check", &result, "--policy", &policy, "--report", &format!("junit={policy}")], "the policy"),
        (vec!["check", &result, "--policy", &policy, "--report", &format!("tap={}", path("linked.iso"))], "the image"),
        (vec!["report", &result, &other, "-o", &path("linked.iso")], "the image"),
        (vec!["report", &other, &result, "-o", &path("linked.iso")], "the image"),
        (vec!["extract", &result, "/version.txt", "--nar", "-o", &path("linked.iso")], "the image"),
        (vec!["manifest", &result, "-o", &image], "the image"),
    ] {
        let run = run(&arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}");
        assert!(run.errors.ends_with(&format!(": that is {expected}\n")), "{arguments:?}: {}", run.errors);
    }
    for (name, expected) in [("linked.iso", "the image"), ("linked.toml", "the policy")] {
        let mut command = program();
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", path(name));
        let output = command.args(["check", &result, "--policy", &policy]).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let message = format!("nixoscope: GITHUB_STEP_SUMMARY {}: that is {expected}\n", path(name));
        assert_eq!((output.status.code(), errors), (Some(2), message));
    }
    assert!((fs::read(&image).unwrap(), fs::read(&policy).unwrap()) == before);
}
