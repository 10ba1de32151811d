//! `secrets`: what is found, where, and that it is never printed.

use serde_json::{Value, json};

use crate::support::{fixture, program, run};

fn document(image: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let image = fixture(image).display().to_string();
    let run = run(&[&["secrets", "--json", &image], arguments].concat());
    assert_eq!(run.errors, "");
    (run.code, serde_json::from_str(&run.out).unwrap())
}

/// The kind and description of each secret, and the name of its file without the hash of the store path.
fn secrets(document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let shown = |secret: &Value| {
        let path = text(&secret["path"]);
        let name = path.strip_prefix("/nix/store/").map_or(path.as_str(), |path| &path[33..]);
        format!("{} {} {name}", text(&secret["kind"]), text(&secret["what"]))
    };
    document["secrets"].as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn secrets_are_found_in_the_store_and_in_the_initrd() {
    let (code, found) = document("access/secrets.squashfs", &[]);
    assert_eq!(code, Some(1));
    let mut expected = vec![
        "password-hash sha512 plain-files/shadow",
        "password-hash yescrypt plain-files/shadow",
        "private-key OPENSSH PRIVATE KEY plain-files/id_ed25519",
        "private-key OPENSSH PRIVATE KEY initrd /etc/ssh/ssh_host_ed25519_key",
        "private-key PRIVATE KEY plain-files/key.pem",
        "private-key RSA PRIVATE KEY plain-files/old.pem",
        "private-key WireGuard plain-files/wg0.conf",
        "wifi-password pre-shared key plain-files/system-connections/home.nmconnection",
    ];
    let mut found = secrets(&found);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn the_same_secret_in_two_places_has_one_fingerprint() {
    let (_, found) = document("access/secrets.squashfs", &[]);
    let openssh = found["secrets"].as_array().unwrap().iter().filter(|secret| secret["what"] == "OPENSSH PRIVATE KEY");
    let fingerprints: Vec<&Value> = openssh.map(|secret| &secret["fingerprint"]).collect();
    assert_eq!((fingerprints.len(), fingerprints[0]), (2, fingerprints[1]));
}

#[test]
fn a_place_is_told_by_line_and_byte() {
    let (_, found) = document("access/secrets.squashfs", &[]);
    let place = |what: &str| {
        let secret = found["secrets"].as_array().unwrap().iter().find(|secret| secret["what"] == what).unwrap();
        (secret["line"].clone(), secret["offset"].clone())
    };
    assert_eq!(place("WireGuard"), (json!(2), json!(12)));
    assert_eq!(place("sha512"), (json!(2), json!(86)));
}

#[test]
fn files_may_be_allowed_to_hold_some() {
    let (code, found) = document("today/result", &["--allow", "/nix/store/*-users-groups.json"]);
    assert_eq!((code, &found["allowed"], &found["secrets"]), (Some(0), &json!(1), &json!([])));
    assert_eq!(run(&["secrets", fixture("today/result").to_str().unwrap(), "--allow", "[a"]).code, Some(2));
}

#[test]
fn no_secret_is_printed() {
    let image = fixture("access/secrets.squashfs").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml").display().to_string();
    std::fs::write(&policy, "[secrets]\ndeny = true\n").unwrap();
    let mut told = Vec::new();
    for arguments in [&["secrets", &image][..], &["secrets", "--json", &image]] {
        told.push(run(arguments).out);
    }
    let mut command = program();
    let command = command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", folder.path().join("summary"));
    command.args(["check", "--json", &image, "--policy", &policy]);
    for format in ["junit", "sarif", "markdown", "tap"] {
        command.args(["--report", &format!("{format}={}", folder.path().join(format).display())]);
    }
    let output = command.output().unwrap();
    told.extend([output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()));
    for file in ["summary", "junit", "sarif", "markdown", "tap"] {
        told.push(std::fs::read_to_string(folder.path().join(file)).unwrap());
    }
    assert!(told.iter().all(|text| text.contains("secret")), "{told:?}");
    for (text, part) in told
        .iter()
        .flat_map(|text| ["BEGIN", "b3BlbnNzaC1rZXkt", "$6$", "$y$", "correct horse"].map(|part| (text, part)))
    {
        assert!(!text.contains(part), "{text}");
    }
}

#[test]
fn a_glob_that_allows_nothing_is_told() {
    let image = fixture("today/result").display().to_string();
    let (code, found) = document("today/result", &["--allow", "/nix/store/*-users-groups.json", "--allow", "/gone/*"]);
    assert_eq!((code, &found["unused"]), (Some(0), &json!(["/gone/*"])));
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml").display().to_string();
    std::fs::write(&policy, "[secrets]\ndeny = true\nallow = [\"**-users-groups.json\", \"/gone/*\"]\n").unwrap();
    let found = run(&["check", &image, "--policy", &policy]);
    assert!(found.out.contains(" files, 1 allowed; allow /gone/* matched nothing"), "{}", found.out);
    std::fs::write(&policy, "[secrets]\ndeny = true\n").unwrap();
    let found = run(&["check", &image, "--policy", &policy]);
    assert!(found.out.contains("; keep it out of the store, or allow its path"), "{}", found.out);
}

#[test]
fn inspect_does_not_show_a_secret_on_a_kernel_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.iso");
    let mut image = std::fs::read(crate::support::files("today/result/iso", ".iso").remove(0)).unwrap();
    let (old, new) = (b" loglevel=4", b" psk=secret");
    while let Some(at) = image.windows(old.len()).position(|bytes| bytes == old) {
        image[at..at + new.len()].copy_from_slice(new);
    }
    std::fs::write(&file, image).unwrap();
    for arguments in [&["inspect"][..], &["inspect", "--json"]] {
        let out = run(&[arguments, &[file.to_str().unwrap()]].concat()).out;
        assert!(out.contains("psk=…") && !out.contains("psk=secret"), "{out}");
    }
}
