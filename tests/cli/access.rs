//! `check --key`: who is let in, and why a key that is there may not count.

use serde_json::Value;

use crate::support::{fixture, run};

/// The message about a key that is not found: not all of the image is read.
const NOWHERE: &str = "not found in any key or configuration file";

fn key(name: &str) -> String {
    format!("@{}", fixture(&format!("keys/{name}.pub")).display())
}

/// Runs a check of one key; gives the exit code, the message and the names of the files in the evidence.
fn check(image: &str, key: &str, users: &[&str]) -> (Option<i32>, String, Vec<String>) {
    let image = fixture(image).display().to_string();
    let users: Vec<&str> = users.iter().flat_map(|user| ["--user", user]).collect();
    let run = run(&[&["check", "--json", &image, "--key", key], &users[..]].concat());
    assert_eq!(run.errors, "", "{key}");
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let [result] = &document["results"].as_array().unwrap()[..] else { panic!("{document}") };
    let files = result["evidence"].as_array().unwrap().iter().map(|place| {
        let place = place.as_str().unwrap();
        place.strip_prefix("/nix/store/").map_or(place, |place| &place[33..]).to_owned()
    });
    (run.code, result["message"].as_str().unwrap().to_owned(), files.collect())
}

#[test]
fn a_key_counts_where_sshd_reads_it_for_that_user() {
    for (image, name, users, message, file) in [
        ("today/result", "root", &[][..], "sshd accepts it for root", "root-authorized_keys:1"),
        ("today/result", "root", &["root"], "sshd accepts it for root", "root-authorized_keys:1"),
        ("today/result", "nixos", &["nixos"], "sshd accepts it for nixos", "nixos-authorized_keys:1"),
        (
            "era-2014/result",
            "root",
            &["root"],
            "sshd accepts it for root; once somebody starts sshd: nothing does at boot",
            "root-authorized_keys:1",
        ),
    ] {
        let expected = (Some(0), message.to_owned(), vec![file.to_owned()]);
        assert_eq!(check(image, &key(name), users), expected, "{image} {name} {users:?}");
    }
}

#[test]
fn a_key_of_another_user_or_of_nobody_fails_and_says_where_it_is() {
    for (name, users, message, file) in [
        ("root", &["nixos"][..], "sshd accepts it for root, not for nixos", "root-authorized_keys:1"),
        ("nixos", &["root"], "sshd accepts it for nixos, not for root", "nixos-authorized_keys:1"),
        ("backup", &["backup"], "", "backup-authorized_keys:1"),
        ("backup", &[], "", "backup-authorized_keys:1"),
        ("snake-oil", &["root"], "", "nixos-25.11.1234.abcdef/nixos/nixos/tests/ssh-keys.nix:3"),
    ] {
        let (code, told, files) = check("today/result", &key(name), users);
        assert_eq!((code, files), (Some(1), vec![file.to_owned()]), "{name} {users:?}");
        match message {
            "" => assert!(told.starts_with("found in ") && told.contains("which does not count"), "{told}"),
            message => assert_eq!(told, message, "{name} {users:?}"),
        }
    }
}

#[test]
fn a_key_that_is_nowhere_fails_and_shows_those_that_are_authorized() {
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP me@home";
    let nixos = "ssh-ed25519 SHA256:1Vy07CgtwFEG7XsYg8YPTbBMcmXxzU5g3MACN5xjXBw nixos@installer for nixos";
    let root = "ssh-rsa SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k joachim@lenovo-t530 for root";
    for (users, instead) in [(&["root"][..], &[root][..]), (&["nixos"], &[nixos]), (&[], &[nixos, root])] {
        let (code, message, evidence) = check("today/result", OTHER, users);
        let expected = format!("{NOWHERE}; authorized instead: {}", instead.join(", "));
        assert_eq!((code, message), (Some(1), expected), "{users:?}");
        assert_eq!(evidence, instead, "{users:?}");
    }
}

#[test]
fn a_key_that_only_stands_in_a_declaration_is_said_to_stand_there() {
    let snake_oil = key("snake-oil");
    for form in [snake_oil.as_str(), "SHA256:XRjrSKJRnKyQ7PT9DdzU1vVws5r8fIetp0YFYznWStE"] {
        let (code, message, evidence) = check("today/result", form, &["root"]);
        let read = "sshd reads /root/.ssh/authorized_keys, /etc/ssh/authorized_keys.d/root";
        assert_eq!(code, Some(1));
        assert!(message.ends_with(&format!("ssh-keys.nix:3, which does not count: {read}")), "{message}");
        let [place] = &evidence[..] else { panic!("{evidence:?}") };
        assert!(place.ends_with("/nixos/tests/ssh-keys.nix:3"), "{place}");
    }
}

#[test]
fn a_key_is_asked_for_as_a_line_a_file_or_a_fingerprint() {
    let line = std::fs::read_to_string(fixture("keys/root.pub")).unwrap();
    let (kind, base64) = line.trim_end().rsplit_once(' ').unwrap().0.split_once(' ').unwrap();
    for form in [
        line.trim_end().to_owned(),
        format!("{kind} {base64}"),
        format!("{kind} {base64} of somebody else"),
        key("root"),
        "SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k".to_owned(),
    ] {
        assert_eq!(check("today/result", &form, &["root"]).0, Some(0), "{form}");
        assert_eq!(check("today/result", &form, &["nixos"]).0, Some(1), "{form}");
    }
}

#[test]
fn options_that_are_asked_for_must_be_in_the_line_of_the_key() {
    let line = std::fs::read_to_string(fixture("keys/root.pub")).unwrap();
    let asked = format!("no-pty,command=\"echo hello\" {line}");
    let (code, message, evidence) = check("today/result", &asked, &["root"]);
    let why = "authorized for root, which does not count: its line lacks command, no-pty";
    assert_eq!((code, message.as_str()), (Some(1), why));
    assert_eq!(evidence, ["root-authorized_keys:1"]);
    let image = fixture("today/result").display().to_string();
    let run = run(&["check", &image, "--key", &format!("no-ptty {line}")]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.errors.ends_with("the options before the key are malformed: unknown option no-ptty\n"),
        "{}",
        run.errors
    );
}

#[test]
fn each_key_is_asked_for_each_user() {
    let image = fixture("today/result").display().to_string();
    let (root, nixos) = (key("root"), key("nixos"));
    let run = run(&["check", "--json", &image, "--key", &root, "--key", &nixos, "--user", "root", "--user", "nixos"]);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let results = document["results"].as_array().unwrap();
    let status: Vec<&str> = results.iter().map(|result| result["status"].as_str().unwrap()).collect();
    assert_eq!((run.code, status), (Some(1), vec!["pass", "fail", "fail", "pass"]));
}

#[test]
fn a_system_without_sshd_lets_nobody_in() {
    let (code, message, _) = check("era-2008/result", &key("root"), &["root"]);
    let expected = format!("{NOWHERE}; there is no sshd in this system (services.openssh.enable)");
    assert_eq!((code, message), (Some(1), expected));
}
