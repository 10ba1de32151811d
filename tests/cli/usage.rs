//! What is refused before any image is opened.

use nixoscope::check::kind::{KINDS, Takes};

use crate::support::run;

/// There is no such file: if it were opened before the arguments are refused, the message would say so.
const NOTHING: &str = "/nothing-here/image.iso";

#[test]
fn wrong_usage_ends_with_2_and_nothing_on_standard_output() {
    for arguments in [
        &[][..],
        &["frobnicate"],
        &["ls"],
        &["cat", NOTHING],
        &["find", NOTHING],
        &["find", NOTHING, "[z-a]"],
        &["ls", "-d", "-R", NOTHING],
        &["ls", "-j", "0", NOTHING],
        &["ls", "-j", "many", NOTHING],
        &["ls", "--color", "sometimes", NOTHING],
        &["packages", NOTHING, "--sort", "age"],
        &["packages", NOTHING, "@1"],
        &["check", NOTHING],
        &["check", NOTHING, "--package", ""],
        &["check", NOTHING, "--package", "git@"],
        &["check", NOTHING, "--installed", "@2"],
        &["check", NOTHING, "--forbid", "git@new*er"],
        &["check", NOTHING, "--command", "/bin/sh"],
        &["check", NOTHING, "--user", "root"],
        &["check", NOTHING, "--max-size", "many"],
        &["check", NOTHING, "--max-size", "-1"],
        &["check", NOTHING, "--unit", "a b"],
    ] {
        let run = run(arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!run.errors.contains("image.iso: no such file"), "{arguments:?}: {}", run.errors);
    }
}

#[test]
fn a_check_with_nothing_to_assert_says_what_could_be_asserted() {
    let run = run(&["check", NOTHING]);
    let expected = "nixoscope: nothing to check; assert something with --policy, --package, --installed, \
                    --forbid, --command, --file, --unit, --no-empty-passwords, --max-size, --closure, --usb, --secure-boot \
                    or --key\n";
    assert_eq!((run.code, run.errors.as_str()), (Some(2), expected));
}

#[test]
fn a_malformed_key_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("@{}", path.display())
    };
    let (empty, private) = (file("empty", "\n# only a comment\n"), file("id", "-----BEGIN OPENSSH PRIVATE KEY-----\n"));
    for (key, reason) in [
        ("hello", "no key type such as ssh-ed25519 or ssh-rsa in it"),
        ("", "no public key in it"),
        ("ssh-ed25519", "nothing follows the key type on its line"),
        ("restrict", "nothing follows the options on their line"),
        ("ssh-ed25519 AAAA!", "the key behind its type is no base64; is it cut off?"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4J", "the key behind its type is damaged or cut off"),
        ("SHA256:short", "a fingerprint is SHA256: and 43 letters, as ssh-keygen -l prints it"),
        (&empty, "no public key in it"),
        (&private, "this is a private key; give the public one, from the file that ends in .pub"),
        ("@/nothing-here/key.pub", "No such file or directory (os error 2)"),
    ] {
        let run = run(&["check", NOTHING, "--key", key]);
        let source = if key.starts_with('@') { format!("--key {key}") } else { "--key".to_owned() };
        assert_eq!((run.code, run.errors), (Some(2), format!("nixoscope: {source}: {reason}\n")), "{key}");
    }
}

#[test]
fn the_readme_lists_every_flag_of_the_table_of_kinds() {
    let readme = include_str!("../../README.md");
    let help = run(&["check", "--help"]).out;
    for kind in KINDS {
        let Some(flag) = &kind.flag else { continue };
        let written = match flag.takes {
            Takes::Nothing(_) => format!("--{}", kind.name),
            Takes::Text(value, _) | Takes::Path(value, _) => format!("--{} {value}", kind.name),
        };
        assert!(readme.contains(&format!("\n| `{written}` | ")), "{written}");
        assert!(
            help.contains(&written.replace(&format!("--{} ", kind.name), &format!("--{} <", kind.name))),
            "{written}"
        );
    }
}

#[test]
fn help_and_version_are_no_errors() {
    assert_eq!(run(&["--version"]).out, format!("nixoscope {}\n", env!("CARGO_PKG_VERSION")));
    for command in ["inspect", "ls", "cat", "find", "packages", "check"] {
        let run = run(&[command, "--help"]);
        assert_eq!((run.code, run.errors.as_str()), (Some(0), ""), "{command}");
        assert!(run.out.contains(&format!("Usage: nixoscope {command} ")), "{command}: {}", run.out);
    }
}
