//! `access`: who can log in, in images of all times.

use serde_json::{Value, json};

use crate::support::{fixture, run};

fn document(image: &str) -> Value {
    let run = run(&["access", "--json", fixture(image).to_str().unwrap()]);
    assert_eq!((run.code, run.errors.as_str()), (Some(0), ""), "{image}");
    serde_json::from_str(&run.out).unwrap()
}

/// Each user with the state of the password, the scheme, and the ways in.
fn users(document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let user = |user: &Value| {
        let ways: Vec<String> = user["logins"].as_array().unwrap().iter().map(text).collect();
        let password = &user["password"];
        format!("{} {} {} {}", text(&user["name"]), text(&password["state"]), text(&password["scheme"]), ways.join(","))
    };
    document["users"].as_array().unwrap().iter().map(user).collect()
}

/// Each finding but the sentences of users.
fn findings(document: &Value) -> Vec<String> {
    let findings = document["findings"].as_array().unwrap().iter().filter(|finding| finding["id"] != "login");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings
        .map(|finding| format!("{} {} {}", text(&finding["severity"]), text(&finding["id"]), text(&finding["subject"])))
        .collect()
}

#[test]
fn every_state_of_a_password_and_every_way_in_is_told() {
    assert_eq!(
        users(&document("access/states.squashfs")),
        [
            "bcrypt hashed bcrypt console-password,ssh-password",
            "both hashed sha512 console-password,ssh-password",
            "des hashed des console-password,ssh-password",
            "doas none - ",
            "file hashed sha512 console-password,ssh-password",
            "initial plaintext - autologin,console-password,ssh-password",
            "keys none - ssh-key",
            "locked locked - ",
            "md5 hashed md5 console-password,ssh-password",
            "nixos empty - autologin,console-without-password",
            "none none - ",
            "outside none - ",
            "plain plaintext - console-password,ssh-password",
            "root hashed yescrypt console-password,ssh-password",
            "secret file - ",
            "sha256 hashed sha256 console-password,ssh-password",
            "web hashed sha512 ssh-password",
        ]
    );
}

#[test]
fn users_are_read_in_the_forms_of_all_releases() {
    for (image, expected) in [
        (
            "userborn",
            &["bob file - ", "eve empty - console-without-password", "root hashed yescrypt console-password,ssh-key"][..],
        ),
        ("userborn-static", &["eve hashed yescrypt console-password", "root locked - "]),
        (
            "sysusers",
            &[
                "backup file - ",
                "mail hashed sha512 console-password,ssh-password",
                "root hashed yescrypt console-password,ssh-key",
                "web plaintext - console-password,ssh-password",
            ],
        ),
        ("records-2009", &["eve none - ", "nixbld1 none - ", "root empty - console-without-password"]),
        (
            "records-2012",
            &[
                "eve plaintext - console-password,ssh-password",
                "nixbld1 none - ",
                "open empty - console-without-password",
                "root empty - autologin,console-without-password",
                "sshd none - ",
            ],
        ),
        ("records-2014", &["root locked - "]),
        (
            "passwd-14_04",
            &[
                "ann file - ",
                "bob none - ",
                "eve hashed sha512 console-password",
                "nobody none - ",
                "root empty - console-without-password",
            ],
        ),
        (
            "initial-first",
            &[
                "ann hashed sha512 console-password",
                "bob plaintext - console-password",
                "eve plaintext - console-password",
                "nixbld1 none - ",
                "nobody none - ",
                "root empty - console-without-password",
            ],
        ),
    ] {
        assert_eq!(users(&document(&format!("access/{image}.squashfs"))), expected, "{image}");
    }
}

#[test]
fn inspect_shows_who_gets_in_with_a_key_or_without_a_password() {
    let image = fixture("access/records-2009.squashfs");
    let page = run(&["inspect", image.to_str().unwrap()]).out;
    assert!(page.contains("login        root: can log in on the console without a password\n"), "{page}");
    let document = run(&["inspect", "--json", image.to_str().unwrap()]).out;
    let document: Value = serde_json::from_str(&document).unwrap();
    let login = json!({
        "user": "root", "password": "empty", "ways": ["console-without-password"],
        "sentence": "can log in on the console without a password",
    });
    assert_eq!(document["access"]["logins"], json!([login]));
}

#[test]
fn what_should_be_known_is_a_finding() {
    for (image, expected) in [
        (
            "today/result",
            &[
                "error plaintext-password root",
                "error root-password-over-ssh root",
                "warning passwordless-root %wheel",
                "warning key-without-user backup",
                "warning autologin nixos",
                "warning empty-password nixos",
                "info shell-on-kernel-line boot.shell_on_fail",
            ][..],
        ),
        (
            "access/sysusers.squashfs",
            &[
                "error plaintext-password web",
                "warning password-not-in-image backup",
                "warning sshd-not-started sshd",
                "info hash-in-store mail",
                "info hash-in-store root",
            ],
        ),
        (
            "access/userborn.squashfs",
            &["warning password-not-in-image bob", "warning empty-password eve", "info hash-in-store root"],
        ),
        (
            "access/passwd-14_04.squashfs",
            &[
                "warning password-not-in-image ann",
                "warning empty-password root",
                "info hash-in-store eve",
                "info sshd-absent sshd",
            ],
        ),
    ] {
        assert_eq!(findings(&document(image)), expected, "{image}");
    }
    let states = findings(&document("access/states.squashfs"));
    for finding in [
        "warning malformed-key authorized keys",
        "warning key-refused keys",
        "warning key-without-user nobody-here",
        "warning trusted-user plain",
        "warning passwordless-root doas",
        "info no-key-for-root root",
    ] {
        assert!(states.iter().any(|found| found == finding), "{finding}: {states:?}");
    }
}

#[test]
fn sshd_of_each_release_reads_the_configuration_that_its_unit_names() {
    for (release, port, permit, who) in [
        ("13_10", 22, "prohibit-password", &["eve plaintext - console-password,ssh-password", "root locked - ssh-key"]),
        ("14_04", 2214, "yes", &["alice hashed sha512 console-password,ssh-key,ssh-password", "root none - "]),
        (
            "18_03",
            2218,
            "prohibit-password",
            &["eve hashed md5 console-password,ssh-password", "root locked - ssh-key"],
        ),
    ] {
        let document = document(&format!("access/release-{release}.squashfs"));
        let sshd = &document["sshd"];
        assert!(sshd["config"].as_str().unwrap().ends_with("-sshd_config"), "{release}");
        assert_eq!(sshd["startsAtBoot"], json!(true), "{release}");
        assert_eq!((&sshd["ports"], &sshd["permitRootLogin"]), (&json!([port]), &json!(permit)), "{release}");
        assert_eq!(users(&document), who, "{release}");
        assert!(!findings(&document).iter().any(|finding| finding.contains("old-hash")), "{release}");
    }
    assert_eq!(document("access/release-15_05.squashfs")["sshd"]["ports"], json!([2215]));
}

#[test]
fn a_configuration_that_is_not_in_the_image_is_a_finding_and_no_default_is_shown() {
    let document = document("access/config-missing.squashfs");
    let sshd = &document["sshd"];
    assert_eq!((&sshd["enabled"], &sshd["config"], &sshd["ports"]), (&json!(true), &json!(null), &json!([])));
    assert_eq!((&sshd["permitRootLogin"], &sshd["passwordAuthentication"]), (&json!(null), &json!(null)));
    assert!(findings(&document).contains(&"error sshd-config-missing sshd".to_owned()));
    let page = run(&["access", fixture("access/config-missing.squashfs").to_str().unwrap()]).out;
    let line = "sshd       starts at boot; its configuration, /var/lib/sshd/config, is not in the image\n";
    assert!(page.contains(line), "{page}");
}

#[test]
fn without_a_menu_the_parameters_of_the_system_itself_count() {
    let found = findings(&document("access/netboot.squashfs"));
    let expected = [
        "warning key-refused root",
        "warning key-on-kernel-line systemd.set_credential=ssh.authorized_keys.root:ssh-ed25519",
        "warning users-unknown users",
        "info sshd-masked sshd",
        "info shell-on-kernel-line systemd.debug_shell",
    ];
    assert_eq!(found, expected);
    let page = run(&["access", fixture("access/netboot.squashfs").to_str().unwrap()]).out;
    assert!(page.contains("opens a root shell on the ninth console (the system's own kernel parameters)"), "{page}");
}

#[test]
fn sshd_is_described_as_it_would_run() {
    let of = |image: &str, field: &str| document(image)["sshd"][field].clone();
    assert_eq!(of("access/userborn.squashfs", "ports"), json!([2022]));
    assert_eq!(of("access/userborn.squashfs", "socket"), json!(true));
    assert_eq!(of("access/userborn.squashfs", "passwordAuthentication"), json!(false));
    // PAM asks on its behalf, and refuses everybody.
    assert_eq!(of("access/release-15_05.squashfs", "passwordAuthentication"), json!(false));
    assert_eq!(of("access/release-14_04.squashfs", "passwordAuthentication"), json!(true));
    assert_eq!(of("access/states.squashfs", "ports"), json!([22, 2222]));
    assert_eq!(of("access/sysusers.squashfs", "startsAtBoot"), json!(false));
    assert_eq!(of("access/records-2012.squashfs", "permitRootLogin"), json!("prohibit-password"));
    assert_eq!(of("access/passwd-14_04.squashfs", "enabled"), json!(false));
    assert_eq!(of("access/passwd-14_04.squashfs", "permitRootLogin"), json!(null));
}

#[test]
fn systems_that_let_in_the_same_people_are_told_once() {
    let document = document("today/result");
    let systems: Vec<_> = document["systems"].as_array().unwrap().iter().collect();
    let told = |system: &Value| {
        (system["specialisation"].clone(), system["sameAsDefault"].clone(), system["access"].is_null())
    };
    assert_eq!(
        systems.into_iter().map(told).collect::<Vec<_>>(),
        [(json!(null), json!(true), true), (json!("gnome"), json!(true), true)]
    );
    let page = run(&["access", fixture("today/result").to_str().unwrap()]).out;
    assert!(page.ends_with("\nThe same in specialisation gnome\n"), "{page}");
}

#[test]
fn no_password_and_no_hash_is_printed() {
    for image in ["states", "userborn", "userborn-static", "sysusers", "records-2012", "passwd-14_04"] {
        let image = fixture(&format!("access/{image}.squashfs")).display().to_string();
        for arguments in [&["access", "--all", &image][..], &["access", "--json", &image]] {
            let out = run(arguments).out;
            // The name of a user and of a file, and nothing else.
            let out = out
                .replace("/run/secrets/", "")
                .replace("\"secret\"", "")
                .replace("secret ", "")
                .replace("secret:", "");
            assert!(!out.contains("secret"), "{out}");
            assert!(!["$6$", "$5$", "$y$", "$2b$", "$1$"].iter().any(|prefix| out.contains(prefix)), "{out}");
        }
    }
}

#[test]
fn an_image_without_a_system_cannot_be_judged() {
    let run = run(&["access", fixture("squashfs/zstd.squashfs").to_str().unwrap()]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""));
    assert!(run.errors.contains("the image has no system"), "{}", run.errors);
}
