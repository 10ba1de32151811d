//! How results are written: colours, pipes, strange names, and the same bytes every time.

use std::process::Stdio;

use crate::support::{fixture, program, run};

fn today() -> String {
    fixture("today/result").display().to_string()
}

/// A command of each kind, for the image.
fn commands(image: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["inspect", image],
        vec!["ls", "-lR", image],
        vec!["find", image, "*"],
        vec!["packages", "--all", "--sort", "disk", image],
        vec!["why", image, "*"],
        vec!["services", "--all", image],
        vec!["check", image, "--package", "git", "--key", "SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k"],
    ]
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let image = today();
    for (flags, variable, coloured) in [
        (&[][..], None, false),
        (&["--color", "always"], None, true),
        (&["--color", "always"], Some("NO_COLOR"), true),
        (&["--color", "never"], Some("CLICOLOR_FORCE"), false),
        (&["--color", "auto"], None, false),
        (&[], Some("CLICOLOR_FORCE"), true),
        (&[], Some("NO_COLOR"), false),
        (&["--color", "always", "--json"], None, false),
    ] {
        for arguments in [&["packages", &image][..], &["check", &image, "--package", "git"], &["inspect", &image]] {
            let mut program = program();
            program.args(arguments).args(flags);
            if let Some(variable) = variable {
                program.env(variable, "1");
            }
            let output = program.output().unwrap();
            assert_eq!(output.status.code(), Some(0));
            assert_eq!(output.stdout.contains(&0x1b), coloured, "{arguments:?} {flags:?} {variable:?}");
        }
    }
}

#[test]
fn a_reader_that_closes_the_pipe_early_is_no_error() {
    let image = today();
    let mut all = commands(&image);
    all.push(vec!["cat", &image, "/nix-store.squashfs", "/isolinux/ldlinux.c32"]);
    for arguments in all {
        // cat refuses --json.
        let forms = if arguments[0] == "cat" { &[&[][..]][..] } else { &[&[][..], &["--json"]] };
        for json in forms {
            let mut program = program();
            program.args(&arguments).args(*json).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = program.spawn().unwrap();
            drop(child.stdout.take());
            let output = child.wait_with_output().unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?} {json:?}");
        }
    }
}

#[test]
fn a_failed_assertion_stays_one_when_nobody_reads_the_verdict() {
    let image = today();
    for arguments in [
        &["check", &image, "--package", "emacs"][..],
        &["find", &image, "no-such-file", "git"],
        &["packages", &image, "emacs", "git"],
    ] {
        for json in [&[][..], &["--json"]] {
            let mut program = program();
            program.args(arguments).args(json).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = program.spawn().unwrap();
            drop(child.stdout.take());
            assert_eq!(child.wait().unwrap().code(), Some(1), "{arguments:?} {json:?}");
        }
    }
}

#[test]
fn the_same_image_gives_the_same_bytes_whatever_the_number_of_threads() {
    for image in
        ["today/result", "era-2014/result", "era-2008/result"].map(|image| fixture(image).display().to_string())
    {
        for arguments in commands(&image) {
            for json in [&[][..], &["--json"]] {
                let once = |jobs: &str| run(&[&arguments, json, &["-j", jobs]].concat());
                let first = once("1");
                assert!(!first.out.is_empty(), "{arguments:?}");
                for jobs in ["1", "2", "2", "4"] {
                    let again = once(jobs);
                    assert_eq!(again.code, first.code, "{arguments:?} {json:?} -j {jobs}");
                    assert!(again.out == first.out && again.errors == first.errors, "{arguments:?} {json:?} -j {jobs}");
                }
            }
        }
    }
}

#[test]
fn a_system_that_allows_no_more_threads_gets_the_same_answers() {
    let image = today();
    let mut asked = commands(&image);
    asked.extend([vec!["verify", &image], vec!["secrets", &image], vec!["access", &image]]);
    for arguments in asked {
        // No thread can have a stack this large.
        let alone = program().args(&arguments).env("RUST_MIN_STACK", (1u64 << 60).to_string()).output().unwrap();
        let usual = run(&arguments);
        assert_eq!(String::from_utf8_lossy(&alone.stderr), usual.errors, "{arguments:?}");
        assert_eq!((alone.status.code(), alone.stdout), (usual.code, usual.out.into_bytes()), "{arguments:?}");
    }
}

#[test]
fn no_name_of_an_image_reaches_the_terminal_unescaped() {
    let image = today();
    let odd = ["line\\nbreak.txt", "red\\u{1b}[31m.txt", "caf\\xe9.txt", "grün.txt", "it's \"quoted\".txt"];
    for arguments in [&["ls", "-R", &image][..], &["ls", "-lR", &image], &["find", &image, "*.txt"]] {
        let run = run(arguments);
        assert!(!run.out.chars().any(|letter| letter.is_control() && letter != '\n'), "{arguments:?}");
        for name in odd {
            assert_eq!(
                run.out.lines().filter(|line| line.ends_with(&format!("/{name}"))).count(),
                1,
                "{arguments:?} {name}"
            );
        }
    }
}

#[test]
fn quiet_leaves_only_results() {
    let image = today();
    for (arguments, message) in [
        (&["find", &image, "no-such-file"][..], "nixoscope: no-such-file: no file matches\n"),
        (&["packages", &image, "emacs"], "nixoscope: emacs: not in the image\n"),
    ] {
        let (loud, quiet) = (run(arguments), run(&[arguments, &["-q"]].concat()));
        assert_eq!((loud.code, loud.errors.as_str()), (Some(1), message));
        assert_eq!((quiet.code, quiet.errors.as_str(), &quiet.out), (Some(1), "", &loud.out));
    }
}

#[test]
fn bytes_that_are_no_text_are_printed_as_they_are() {
    let image = today();
    let output = program().args(["cat", &image, "/nix-store.squashfs"]).output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    assert_eq!(output.stdout.get(..4), Some(&b"hsqs"[..]));
    let twice = program().args(["cat", &image, "/version.txt", "/version.txt"]).output().unwrap();
    assert_eq!(twice.stdout, b"25.11.1234.abcdef25.11.1234.abcdef");
}
