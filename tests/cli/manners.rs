//! Manners of a program that is used in pipes and at terminals.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::support::{fixture, program, run};

fn today() -> String {
    fixture("today/result").display().to_string()
}

/// Runs the program as a terminal of that width shows it.
fn at_width(columns: u16, arguments: &[&str]) -> String {
    let output = program().args(arguments).env("COLUMNS", columns.to_string()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn find_prints_plain_paths_when_piped_and_a_table_on_a_terminal() {
    let image = today();
    let piped = run(&["find", &image, "sshd_config"]);
    let path = "/nix/store/gwqslim7h22i8srwn7qkbxwi8x5jyri0-etc/etc/ssh/sshd_config";
    assert!(piped.out.lines().any(|line| line == path), "{}", piped.out);
    assert!(at_width(200, &["find", &image, "sshd_config", "--format", "table"]).starts_with("PACKAGE"));
    let null = run(&["find", &image, "sshd_config", "-0"]).out;
    assert_eq!(null.split_terminator('\0').collect::<Vec<_>>(), piped.out.lines().collect::<Vec<_>>());
    let tabs = run(&["find", &image, "sshd_config", "--format", "tsv"]).out;
    assert!(tabs.starts_with("PACKAGE\tTYPE\tPATH\n") && tabs.contains(&format!("etc\tsymlink\t{path} -> ")), "{tabs}");
}

#[test]
fn find_ignores_case_and_selects_types() {
    let image = today();
    assert_eq!(run(&["find", &image, "SSHD"]).code, Some(1));
    assert_eq!(run(&["find", &image, "/ISOLINUX/*"]).code, Some(1));
    assert_eq!(run(&["find", &image, "-i", "/ISOLINUX/*"]).code, Some(0));
    let types = |kind: &str| {
        let found: serde_json::Value =
            serde_json::from_str(&run(&["find", &image, "-i", "*SSHD*", "-t", kind, "--json"]).out).unwrap();
        let entries = found["entries"].as_array().unwrap().clone();
        assert!(!entries.is_empty(), "{kind}");
        let mut types: Vec<_> = entries.iter().map(|entry| entry["type"].as_str().unwrap().to_owned()).collect();
        types.dedup();
        types
    };
    assert_eq!(
        (types("f"), types("l"), types("x")),
        (vec!["file".into()], vec!["symlink".into()], vec!["file".into()])
    );
    let run = run(&["find", &image, "sshd_config", "-t", "d"]);
    assert_eq!((run.code, run.errors.as_str()), (Some(1), "nixoscope: sshd_config: no file matches\n"));
}

#[test]
fn ls_takes_the_letters_of_ls() {
    let image = today();
    let by_size = run(&["ls", &image, "-S", "-1", "-a", "/isolinux"]).out;
    let sizes: serde_json::Value =
        serde_json::from_str(&run(&["ls", &image, "-S", "/isolinux", "--json"]).out).unwrap();
    let sizes: Vec<u64> =
        sizes["entries"].as_array().unwrap().iter().map(|e| e["size"].as_u64().unwrap_or(0)).collect();
    assert!(sizes.is_sorted_by(|one, next| one >= next) && sizes.len() == by_size.lines().count(), "{sizes:?}");
    assert!(run(&["ls", &image, "-lh", "/nix-store.squashfs"]).out.contains(" 688 KiB "));
    assert_eq!(run(&["ls", &image, "-t", "/isolinux"]).code, Some(0));
    assert!(run(&["ls", "--help"]).out.contains("Usage: nixoscope ls"));
}

#[test]
fn cat_accepts_the_names_that_find_prints() {
    let image = today();
    let found = run(&["find", &image, "*", "-t", "f"]).out;
    let odd: Vec<&str> = found.lines().filter(|path| path.contains('\\')).collect();
    assert!(!odd.is_empty());
    for path in odd {
        assert_eq!(run(&["ls", &image, path]).code, Some(0), "{path}");
    }
}

#[test]
fn packages_prints_store_paths_alone() {
    let image = today();
    let run = run(&["packages", &image, "git", "vim@ge:9", "--path"]);
    let names: Vec<&str> = run.out.lines().map(|path| path.rsplit_once('-').unwrap().1).collect();
    assert_eq!((run.code, names), (Some(0), vec!["2.51.2", "doc", "9.1.1869"]));
}

#[test]
fn what_the_shell_makes_of_an_unquoted_version_is_explained() {
    let run = run(&["packages", &today(), "vim@"]);
    assert_eq!(run.code, Some(2));
    assert!(run.errors.contains("write 'NAME@>=9' in quotes, or NAME@ge:9"), "{}", run.errors);
}

#[test]
fn no_line_at_80_columns_is_longer_unless_it_is_one_word() {
    let image = today();
    for arguments in [
        &["packages", &image, "--sort", "size"][..],
        &["check", &image, "--package", "git", "--command", "vim", "--forbid", "firefox", "--usb"],
        &["services", &image, "--all"],
        &["access", &image, "--all"],
        &["secrets", &image],
        &["find", &image, "*ssh*", "--format", "table"],
        &["verify", &image],
        &["inspect", &image],
        &["why", &image, "firefox"],
    ] {
        for line in at_width(80, arguments).lines().filter(|line| line.chars().count() > 80) {
            assert_eq!(line.trim_start().trim_start_matches("-> ").split(' ').count(), 1, "{arguments:?}: {line}");
        }
    }
}

#[test]
fn json_as_other_programs_take_it_is_answered_with_the_right_flag() {
    for arguments in
        [&["inspect", "a.iso", "--format", "json"][..], &["verify", "a.iso", "--output=json"], &["ls", "-o", "json"]]
    {
        let run = run(arguments);
        assert_eq!(run.code, Some(2));
        assert!(run.errors.contains("tip: JSON is printed with --json"), "{arguments:?}: {}", run.errors);
    }
}

#[test]
fn a_document_goes_to_a_file_but_never_over_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let (image, linked) = (folder.path().join("a.iso"), folder.path().join("b.iso"));
    let source = fs::read_dir(fixture("today/result/iso")).unwrap().next().unwrap().unwrap().path();
    fs::copy(source, &image).unwrap();
    fs::hard_link(&image, &linked).unwrap();
    let before = fs::read(&image).unwrap();
    let (image, linked) = (image.display().to_string(), linked.display().to_string());
    for command in [&["manifest"][..], &["sbom"], &["sbom", "--format", "csv"], &["report"]] {
        let output = folder.path().join("document").display().to_string();
        let arguments = [command, &[&image, "-o", &output]].concat();
        let (written, printed) = (run(&arguments), run(&[command, &[image.as_str()]].concat()));
        assert_eq!((written.code, written.out.as_str()), (printed.code, ""), "{command:?}: {}", written.errors);
        assert_eq!(fs::read_to_string(&output).unwrap(), printed.out);
        let refused = run(&[command, &[&image, "-o", &linked]].concat());
        assert_eq!(refused.code, Some(2));
        assert!(refused.errors.ends_with("b.iso: that is the image\n"), "{}", refused.errors);
    }
    let report = run(&["check", &image, "--usb", "--report", &format!("junit={linked}")]);
    assert_eq!(report.code, Some(2));
    let older = run(&["report", &linked, &fixture("era-2014/result").display().to_string(), "-o", &image]);
    assert_eq!(older.code, Some(2));
    assert_eq!(fs::read(&image).unwrap(), before);
}

#[test]
fn the_end_of_the_help_fits_eighty_columns() {
    let help = run(&["--help"]).out;
    let end = help.split_once("IMAGE is").expect("the end of the help").1;
    let lines: Vec<&str> = end.lines().filter(|line| line.chars().count() > 80).collect();
    assert_eq!(lines, Vec::<&str>::new());
}

/// Runs the program with bytes on its standard input.
fn with_input(bytes: &[u8], arguments: &[&str], temporary: Option<&str>) -> (Option<i32>, String, String) {
    let mut program = program();
    if let Some(directory) = temporary {
        program.env("TMPDIR", directory);
    }
    let mut child =
        program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn an_image_comes_through_a_pipe_plain_or_compressed() {
    let source = fs::read_dir(fixture("today/result/iso")).unwrap().next().unwrap().unwrap().path();
    let plain = fs::read(&source).unwrap();
    let packed = zstd::encode_all(plain.as_slice(), 1).unwrap();
    let expected = run(&["packages", &source.display().to_string()]).out;
    for bytes in [plain.as_slice(), &packed] {
        let (code, out, errors) = with_input(bytes, &["packages", "-"], None);
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert_eq!(out, expected);
    }
    let named = with_input(&plain, &["packages", "/dev/stdin"], None);
    assert_eq!((named.0, named.1), (Some(0), expected.clone()));
    let file = program().args(["packages", "-"]).stdin(fs::File::open(&source).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8(file.stdout).unwrap(), expected);
    let (code, out, errors) = with_input(b"", &["packages", "-"], None);
    assert_eq!((code, out.as_str()), (Some(2), ""), "{errors}");
}

#[test]
fn a_missing_directory_for_temporary_files_is_answered_with_advice() {
    let (code, _, errors) = with_input(b"bytes", &["inspect", "-"], Some("/nothing-here"));
    let expected = "nixoscope: -: needs a temporary file in /nothing-here: No such file or directory (os error 2); \
                    set TMPDIR to a directory with enough space\n";
    assert!(code == Some(2) && errors.starts_with(expected.split(" (os").next().unwrap()), "{errors}");
    assert!(errors.ends_with("set TMPDIR to a directory with enough space\n"), "{errors}");
}

#[test]
fn access_and_secrets_have_a_row_a_line_for_programs() {
    let image = fixture("today/result").display().to_string();
    let access = run(&["access", "--format", "tsv", &image]).out;
    let mut lines = access.lines();
    assert_eq!(lines.next(), Some("SYSTEM\tUSER\tPASSWORD\tKEYS\tLOGIN"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split('\t').collect()).collect();
    let users: Vec<&str> = rows.iter().map(|row| row[1]).collect();
    // Two systems.
    assert_eq!(users, ["nixos", "root", "nixos", "root"]);
    assert!(rows.iter().all(|row| row.len() == 5 && row[0].starts_with("/nix/store/")), "{access}");
    let secrets = run(&["secrets", "--format", "tsv", &image]);
    assert_eq!(secrets.code, Some(1));
    let mut lines = secrets.out.lines();
    assert_eq!(lines.next(), Some("KIND\tWHAT\tPLACE\tFINGERPRINT"));
    let document = run(&["secrets", "--json", &image]).out;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(lines.clone().count(), document["secrets"].as_array().unwrap().len());
    assert!(lines.all(|line| line.split('\t').count() == 4), "{}", secrets.out);
    let clean = fixture("access/netboot.squashfs").display().to_string();
    assert_eq!(run(&["secrets", "--format", "tsv", &clean]).out, "KIND\tWHAT\tPLACE\tFINGERPRINT\n");
}

#[test]
fn an_image_after_the_other_arguments_is_noticed() {
    let image = fixture("menus/same.iso").display().to_string();
    for command in ["find", "ls", "cat", "du", "extract --output out", "why"] {
        let words: Vec<&str> = command.split(' ').chain(["vim*", &image]).collect();
        let run = run(&words);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{command}");
        let expected = format!("; the image comes before vim*: is it {image}?\n");
        assert!(run.errors.starts_with("nixoscope: vim*: ") && run.errors.ends_with(&expected), "{}", run.errors);
    }
    let missing = run(&["find", "gone.iso", "vim*"]).errors;
    assert!(!missing.contains("comes before"), "{missing}");
}

#[test]
fn a_second_image_is_no_path_of_the_first() {
    let image = fixture("menus/same.iso").display().to_string();
    let run = run(&["ls", &image, &image]);
    assert_eq!((run.code, run.out.as_str()), (Some(1), ""));
    assert!(run.errors.ends_with(" is a file here: ls lists one image at a time\n"), "{}", run.errors);
}
