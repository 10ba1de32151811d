//! Policies: what they ask for, and how mistakes are reported.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Disc, fixture, run};

/// A policy in a folder of its own.
fn written(name: &str, text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

fn check(image: &str, name: &str, policy: &str) -> (Option<i32>, Value) {
    let (_folder, path) = written(name, policy);
    let run = run(&["check", "--json", fixture(image).to_str().unwrap(), "--policy", path.to_str().unwrap()]);
    assert_eq!(run.errors, "", "{policy}");
    (run.code, serde_json::from_str(&run.out).unwrap())
}

/// Kind, subject and status of each result.
fn results(document: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let results = document["results"].as_array().unwrap().iter();
    results
        .map(|result| format!("{} {} {}", text(&result["status"]), text(&result["kind"]), text(&result["subject"])))
        .collect()
}

/// Each table on its own, and what comes of it for today's image.
const TABLES: [(&str, &[&str]); 53] = [
    ("[image]\nmax-size = \"4 MiB\"", &["pass max-size 4194304"]),
    ("[image]\nmax-size = 1024", &["fail max-size 1024"]),
    ("[image]\nvolume-id = \"nixos-*-25.11-*\"", &["pass volume-id nixos-*-25.11-*"]),
    ("[image]\nsystem = \"aarch64-linux\"", &["fail system aarch64-linux"]),
    ("[image]\nboot = [\"bios\", \"uefi\"]", &["pass boot bios", "pass boot uefi"]),
    ("[image]\nboot = \"uefi\"", &["pass boot uefi"]),
    ("[image]\nusb = true", &["pass usb image"]),
    ("[image]\nsecure-boot = true", &["fail secure-boot boot loaders"]),
    ("[image]\nkernel = \"^6\"", &["pass kernel ^6"]),
    ("[image]\nkernel = \"<6\"", &["fail kernel <6"]),
    (
        "[image]\nparams.require = [\"loglevel=4\", \"root\", \"quiet\"]",
        &["pass param loglevel=4", "pass param root", "fail param quiet"],
    ),
    ("[image]\nparams.forbid = [\"copytoram\", \"quiet\"]", &["fail no-param copytoram", "pass no-param quiet"]),
    ("[[package]]\nname = \"git\"\nversion = \">=2\"\ninstalled = true", &["pass installed git@>=2"]),
    ("[[package]]\nname = \"git\"\ninstalled = false", &["pass package git", "fail not-installed git"]),
    ("[[package]]\nname = \"firefox\"\nstate = \"forbidden\"", &["fail forbid firefox"]),
    ("[[package]]\nname = \"vim\"\nmax-copies = 1", &["pass package vim", "pass max-copies vim, at most 1"]),
    ("[[command]]\nname = \"vim\"\n[[command]]\nname = \"gone-tool\"", &["pass command vim", "fail command gone-tool"]),
    (
        "[[file]]\npath = \"/etc/hosts\"\ntype = \"file\"\ncontains = \"localhost\"",
        &["pass file /etc/hosts contains \"localhost\""],
    ),
    ("[[file]]\npath = \"/etc/hosts\"\ntype = \"directory\"", &["fail file /etc/hosts"]),
    ("[[file]]\npath = \"/etc/sudoers\"\nmode = \"0440\"", &["pass file /etc/sudoers mode 0440"]),
    (
        "[[file]]\npath = \"/etc/nothing\"\nabsent = true\n[[file]]\npath = \"/etc/hosts\"\nabsent = true",
        &["pass no-file /etc/nothing", "fail no-file /etc/hosts"],
    ),
    (
        "[[unit]]\nname = \"sshd\"\n[[unit]]\nname = \"getty@tty1\"",
        &["pass unit sshd.service", "fail unit getty@tty1.service"],
    ),
    (
        "[[unit]]\nname = \"sshd\"\nenabled = false\n[[unit]]\nname = \"sshd\"\nexists = false",
        &["fail unit sshd.service manual or masked or missing", "fail unit sshd.service missing"],
    ),
    (
        "[[unit]]\nname = \"getty@tty1\"\nstate = [\"boot\", \"manual\"]\n[[unit]]\nname = \"x.timer\"\nstate = \"missing\"",
        &["pass unit getty@tty1.service boot or manual", "pass unit x.timer missing"],
    ),
    ("[[user]]\nname = \"root\"\npassword = [\"locked\", \"none\"]", &["fail user root password locked or none"]),
    (
        "[[user]]\nname = \"nixos\"\npassword = \"empty\"\ngroups = [\"wheel\"]",
        &["pass user nixos password empty in wheel"],
    ),
    ("[[user]]\nname = \"eve\"\nexists = false", &["pass user eve does not exist"]),
    ("[[user]]\nname = \"eve\"\nexists = true", &["fail user eve"]),
    (
        "[[key]]\nuser = \"root\"\nfingerprint = \"SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k\"\nonly = true",
        &["pass key SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k for root", "pass only-keys root"],
    ),
    (
        "[[key]]\nfingerprint = \"SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k\"\nonly = true",
        &["pass key SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k", "fail only-keys all users"],
    ),
    (
        "[ssh]\nenabled = true\npassword-authentication = false\npermit-root-login = [\"no\", \"prohibit-password\"]",
        &[
            "pass ssh enabled",
            "fail ssh no password-authentication",
            "fail ssh permit-root-login no or prohibit-password",
        ],
    ),
    (
        "[[file]]\npath = \"/etc/hostname\"\nsha256 = \"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
        &["fail file /etc/hostname sha256"],
    ),
    ("[image]\nfile-name = \"nixos-minimal-25.11.*.iso\"", &["pass file-name nixos-minimal-25.11.*.iso"]),
    ("[image]\nfile-name = \"nixos-graphical*\"", &["fail file-name nixos-graphical*"]),
    ("[[package]]\nname = [\"git\", \"emacs\"]\ninstalled = true", &["pass installed git", "fail installed emacs"]),
    (
        "[[menu]]\ntitle = \"*Installer*\"\n[[menu]]\ntitle = \"Memtest*\"\nabsent = true",
        &["pass menu *Installer*", "fail menu no Memtest*"],
    ),
    ("[[menu]]\ntitle = \"Windows\"", &["fail menu Windows"]),
    (
        "[size]\nclosure = \"16 MiB\"\npackage = 1024",
        &["pass size closure, at most 16777216", "fail size each package, at most 1024"],
    ),
    ("[integrity]\nverify = true", &["pass integrity store"]),
    ("[image]\nparams.require = [\"root=LABEL=nixos-*\"]", &["pass param root=LABEL=nixos-*"]),
    ("[image]\nparams.forbid = [\"console=ttyU*\", \"log*\"]", &["pass no-param console=ttyU*", "fail no-param log*"]),
    (
        "[[file]]\npath = \"/etc/hosts\"\nmatches = \"^127\\\\.0\\\\.0\\\\.1 +localhost$\"\nnot-contains = \"evil\"",
        &["pass file /etc/hosts does not contain \"evil\" matches \"^127\\\\.0\\\\.0\\\\.1 +localhost$\""],
    ),
    (
        "[[file]]\npath = \"/etc/hosts\"\nnot-contains = \"localhost\"",
        &["fail file /etc/hosts does not contain \"localhost\""],
    ),
    ("[[file]]\npath = \"/etc/hosts\"\nmatches = \"^host\"", &["fail file /etc/hosts matches \"^host\""]),
    ("[[file]]\npath = \"/etc/sudoers\"\nowner = \"root:root\"", &["pass file /etc/sudoers owner root:root"]),
    ("[[file]]\npath = \"/etc/sudoers\"\nowner = \"nixos\"", &["fail file /etc/sudoers owner nixos"]),
    (
        "[[file]]\npath = \"/run/current-system/sw/bin/git\"\ntarget = \"/nix/store/*-git-*/bin/git\"",
        &["pass file /run/current-system/sw/bin/git target /nix/store/*-git-*/bin/git"],
    ),
    (
        "[[key]]\nuser = \"root\"\nfingerprint = \"SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k\"\noptions = [\"restrict\"]",
        &["fail key SHA256:t2OsNBhPwj/q3ZhvXsqNyex0nr3b3DKm3TYL+q/1l2k with restrict for root"],
    ),
    (
        "[[port]]\nport = 22\n[[port]]\nport = \"20-30\"\nprotocol = \"udp\"\nstate = \"closed\"",
        &["pass port tcp 22 open", "unknown port udp 20-30 closed"],
    ),
    (
        "[firewall]\nenabled = true\nudp = []",
        &["fail firewall enabled", "fail firewall no udp", "fail firewall no trusted interfaces"],
    ),
    ("[firewall]\nenabled = false", &["pass firewall not enabled"]),
    ("[secrets]\ndeny = true", &["fail secrets none"]),
    ("[secrets]\ndeny = true\nallow = [\"/nix/store/*-users-groups.json\"]", &["pass secrets none"]),
];

#[test]
fn every_table_is_judged() {
    for (policy, expected) in TABLES {
        let (code, document) = check("today/result", "policy.toml", policy);
        assert_eq!(results(&document), expected, "{policy}");
        let fails = expected.iter().any(|result| result.starts_with("fail"));
        let unknown = expected.iter().any(|result| result.starts_with("unknown"));
        let expected = if fails { 1 } else { i32::from(unknown) * 2 };
        assert_eq!(code, Some(expected), "{policy}");
    }
}

#[test]
fn an_accepted_finding_does_not_fail_until_its_last_day_is_over() {
    let policy = "preset = \"installer\"\n[secrets]\ndeny = true\n
[[accept]]\nfinding = \"plaintext-password\"\nsubject = \"root\"\nreason = \"a demo\"\nexpires = 2026-12-31
[[accept]]\nfinding = \"pass*\"\nsubject = \"/nix/store/*-users-groups.json\"\nreason = \"the same\"
[[accept]]\nfinding = \"autologin\"\nreason = \"old\"";
    let (_folder, path) = written("policy.toml", policy);
    let check = |seconds: &str| {
        let mut command = crate::support::program();
        command.env("SOURCE_DATE_EPOCH", seconds).args(["check", "--json", "--policy"]).arg(&path);
        let output = command.arg(fixture("today/result")).output().unwrap();
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), document)
    };
    // 2026-12-31 and 2027-01-01.
    let (code, document) = check("1798761599");
    assert_eq!((code, &document["failed"]), (Some(0), &json!(0)), "{document}");
    let accepted: Vec<(&Value, &Value)> =
        document["accepted"].as_array().unwrap().iter().map(|one| (&one["matches"], &one["expired"])).collect();
    // Both systems have the user.
    assert_eq!(accepted[0], (&json!(2), &json!(false)));
    assert_eq!(accepted[2], (&json!(0), &json!(false)));
    let message = document["results"][0]["message"].as_str().unwrap();
    assert!(message.ends_with(" (accepted until 2026-12-31: a demo)"), "{message}");
    let (code, document) = check("1798761600");
    assert_eq!((code, &document["failed"], &document["accepted"][0]["expired"]), (Some(1), &json!(1), &json!(true)));
    let message = document["results"][0]["message"].as_str().unwrap();
    assert!(message.ends_with(" (accepted until 2026-12-31: a demo)"), "{message}");
}

#[test]
fn each_failure_of_a_preset_can_be_accepted() {
    let policy = "preset = \"appliance\"\n[[accept]]\nfinding = \"*\"\nreason = \"a demo\"\n";
    let (code, document) = check("today/result", "policy.toml", policy);
    assert_eq!((code, &document["failed"]), (Some(0), &json!(0)), "{document}");
    let last = document["results"].as_array().unwrap().last().unwrap();
    assert_eq!(last["message"], "sshd takes passwords (accepted: a demo)");
    let one = policy.replace('*', "password-authentication");
    let (code, document) = check("today/result", "policy.toml", &one);
    assert_eq!((code, &document["accepted"][0]["matches"]), (Some(1), &json!(1)));
}

#[test]
fn a_warning_is_told_and_does_not_fail() {
    let policy = "[[package]]\nname = \"firefox\"\nstate = \"forbidden\"\nseverity = \"warning\"\nreason = \"too big\"";
    let (code, document) = check("today/result", "policy.toml", policy);
    assert_eq!(code, Some(0));
    assert_eq!((&document["passed"], &document["failed"], &document["warnings"]), (&json!(0), &json!(0), &json!(1)));
    let result = &document["results"][0];
    assert_eq!(
        (&result["status"], &result["severity"], &result["reason"]),
        (&json!("fail"), &json!("warning"), &json!("too big"))
    );
    assert!(result["policy"].as_str().unwrap().ends_with("/policy.toml"));
}

#[test]
fn presets_tell_installers_from_appliances() {
    let of = |image: &str, preset: &str| {
        let (code, document) = check(image, "policy.toml", &format!("preset = \"{preset}\""));
        let failed = results(&document).into_iter().filter_map(|result| Some(result.strip_prefix("fail ")?.to_owned()));
        (code, failed.collect::<Vec<_>>())
    };
    assert_eq!(of("compressed/result", "installer"), (Some(0), vec![]));
    assert_eq!(of("today/result", "installer"), (Some(1), vec!["access no plaintext-password".to_owned()]));
    let (code, failed) = of("compressed/result", "appliance");
    assert_eq!(code, Some(1));
    assert!(failed.contains(&"access no empty-password".to_owned()), "{failed:?}");
    assert!(failed.contains(&"access no autologin".to_owned()), "{failed:?}");
    assert_eq!(of("access/userborn-static.squashfs", "appliance"), (Some(0), vec![]));
}

#[test]
fn no_empty_passwords_names_who_has_one() {
    let of = |image: &str| run(&["check", fixture(image).to_str().unwrap(), "--no-empty-passwords"]);
    let found = of("today/result");
    assert_eq!(found.code, Some(1));
    assert!(found.out.contains("nixos: anyone at the console can log in without a password"), "{}", found.out);
    assert_eq!(of("access/sysusers.squashfs").code, Some(0));
    let unknown = of("era-2008/result");
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.out.contains("unknown  no-empty-passwords"), "{}", unknown.out);
    assert!(unknown.out.contains("the image does not say what the password of root is"), "{}", unknown.out);
}

#[test]
fn what_the_image_does_not_tell_is_unknown_and_a_failure_weighs_more() {
    let unknown = "[[user]]\nname = \"root\"\npassword = \"locked\"\n";
    for (policy, code, expected) in [
        (unknown.to_owned(), 2, &["unknown user root password locked"][..]),
        (format!("{unknown}severity = \"warning\""), 0, &["unknown user root password locked"]),
        (
            format!("[[command]]\nname = \"no-such-command\"\n{unknown}"),
            1,
            &["fail command no-such-command", "unknown user root password locked"],
        ),
        (
            "preset = \"installer\"".to_owned(),
            2,
            &[
                "unknown access no plaintext-password",
                "pass access no empty-password-over-ssh",
                "pass access no empty-password except for root, nixos",
                "pass access no initrd-host-key",
                "pass access no password-on-kernel-line",
            ],
        ),
    ] {
        let (found, document) = check("era-2008/result", "policy.toml", &policy);
        assert_eq!(
            (found, results(&document).as_slice()),
            (Some(code), &expected.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()[..]),
            "{policy}"
        );
        assert_eq!(document["unknown"], 1, "{policy}");
    }
}

/// Policies with a mistake: the ending of the file, its text, and the message after the name of the file.
const MISTAKES: [(&str, &str, &str); 69] = [
    ("toml", "[[port]]\nport = 0", ":2:8: 0 is not a port"),
    ("toml", "[[port]]\nport = 70000", ":2:8: 70000 is not a port"),
    ("toml", "[[port]]\nport = \"90-80\"", ":2:8: \"90-80\" is not a port or a range: write 22 or \"8000-8010\""),
    (
        "toml",
        "[[port]]\nport = 22\nprotocol = \"tpc\"",
        ":3:12: unknown variant `tpc`, expected `tcp` or `udp`; did you mean `tcp`?",
    ),
    ("toml", "[firewall]\nreason = \"x\"", ":1:1: the table asserts nothing: give enabled, tcp, udp or trusted"),
    ("toml", "[firewall]\nenabled = false\ntcp = [22]", ":1:1: without a firewall, every packet comes in"),
    ("toml", "[[accept]]\nfinding = \"empty-pasword\"\nreason = \"x\"", ":1:1: no finding is called \"empty-pasword\""),
    ("toml", "[[accept]]\nfinding = \"autologin\"", ":1:1: missing field `reason`"),
    ("toml", "[[accept]]\nfinding = \"autologin\"\nreason = \" \"", ":1:1: a reason is needed"),
    (
        "toml",
        "[[accept]]\nfinding = \"autologin\"\nreason = \"x\"\nexpires = 2026-12-31T10:00:00Z",
        ":4:11: \"2026-12-31T10:00:00Z\" is not a day: write 2026-12-31",
    ),
    ("toml", "[[file]]\npath = \"/a\"\nmatches = \"a(b\"", ":1:1: \"a(b\" is not a regular expression: unclosed group"),
    (
        "toml",
        "[[file]]\npath = \"/a\"\nowner = \"a b\"",
        ":1:1: \"a b\" is not an owner: write root, root:wheel or 0:0",
    ),
    ("toml", "[[file]]\npath = \"/a\"\nnot-contains = \"\"", ":1:1: every file contains the empty text"),
    (
        "toml",
        "[[key]]\nfingerprint = \"SHA256:rc+eE/f2bJFfE+l/5GHwjyqf1Rmmgl6CwjPUgKwz2VM\"\noptions = \"no-such-thing\"",
        ":1:1: options is malformed: unknown option no-such-thing",
    ),
    ("toml", "[[package]]\nnaem = \"git\"", ":2:1: unknown field `naem`"),
    ("toml", "[imagee]\nmax-size = 1", ":1:2: unknown field `imagee`"),
    ("toml", "[ssh]\nenabled = true\nenabled = true", ":3:1: duplicate key"),
    ("toml", "[[user]]\nname = \"root\"", ":1:1: the table asserts nothing: give exists, password, shell or groups"),
    ("toml", "[image]", ":1:1: the table asserts nothing"),
    ("toml", "", ":1:1: the policy asserts nothing"),
    ("toml", "[[package]]\nname = \"git\"\nversion = \"new*er\"", ":3:11: \"new*er\" is not a version"),
    // Each of these would match nothing, which a package that must not be there would pass.
    ("toml", "[[package]]\nname = \"git\"\nstate = \"forbidden\"\nversion = \"~2\"", ":4:11: \"~2\" is not a version"),
    (
        "toml",
        "[[package]]\nname = \"fire fox\"\nstate = \"forbidden\"",
        ":1:1: fire fox is neither a package name nor a glob",
    ),
    ("toml", "[[package]]\nname = \"git@2\"\nversion = \"3\"", ":1:1: 2@3 is not a version"),
    ("toml", "[image]\nparams.forbid = [\"\"]", ":2:17: \"\" is not a name"),
    ("toml", "[image]\nparams.forbid = [\"a b\"]", ":2:17: \"a b\" is not a name"),
    ("toml", "[[user]]\nname = \"\"\nexists = false", ":2:8: \"\" is not a name"),
    ("toml", "[image]\nkernel = \"=>6\"", ":2:10: \"=>6\" is not a version"),
    ("toml", "[image]\nvolume-id = \"[a\"", ":2:13: \"[a\" is not a glob"),
    ("toml", "[image]\nmax-size = \"big\"", ":2:12: big is not a size"),
    ("toml", "[image]\nmax-size = -5", ":2:12: -5 is not a size"),
    ("toml", "[image]\nmax-size = true", ":2:12: invalid type: boolean `true`, expected a number of bytes, or a text"),
    ("toml", "[image]\nmax-size = 1\nboot = []", ":3:8: an empty list asserts nothing"),
    ("toml", "[[image]]\nmax-size = 1", ": invalid type: sequence, expected a table"),
    ("toml", "[[user]]\nname = \"root\"\npassword = \"lokced\"", ":3:12: unknown variant `lokced`"),
    ("toml", "[[user]]\nname = \"root\"\npassword = [\"lokced\"]", ":3:13: unknown variant `lokced`"),
    ("toml", "[[user]]\nname = \"root\"\npassword = []", ":3:12: an empty list asserts nothing"),
    ("toml", "[[user]]\nname = \"root\"\ngroups = []", ":1:1: groups is an empty list"),
    ("toml", "[ssh]\npermit-root-login = \"maybe\"", ":2:21: unknown variant `maybe`"),
    ("toml", "preset = []", ":1:10: an empty list asserts nothing"),
    (
        "toml",
        "preset = [\"installer\", \"applianc\"]",
        "unknown variant `applianc`, expected `installer` or `appliance`; did you mean `appliance`?",
    ),
    ("json", "{\"ssh\": [true]}", ":1:9: invalid type: sequence, expected a table"),
    ("json", "[\"installer\"]", ": invalid type: sequence, expected a table"),
    (
        "toml",
        "[[package]]\nname = \"firefox\"\nstate = \"forbidden\"\ninstalled = true",
        ":1:1: installed = true contradicts state = \"forbidden\"",
    ),
    ("toml", "[package]\nname = \"git\"", ":1:1: [package] is one table of a list; write [[package]]"),
    ("toml", "[[file]]\npath = \"/a\"\nmode = 644", ":3:8: a mode is text; write mode = \"0644\""),
    ("toml", "[[unit]]\nname = \"a b\"", ":1:1: \"a b\" is not the name of a unit"),
    ("toml", "[[unit]]\nname = \"sshd\"\nstate = \"running\"", ":3:9: unknown variant `running`"),
    ("toml", "[[unit]]\nname = \"a\"\nexists = false\nenabled = true", ":1:1: a unit that must not exist is neither"),
    ("toml", "[[key]]\nuser = \"root\"", ":1:1: give one of key, file and fingerprint"),
    ("toml", "[[key]]\nkey = \"ssh-ed25519 AAAA\"", "the key behind its type is"),
    ("toml", "[[file]]\npath = \"etc/hosts\"", "\"etc/hosts\" is not an absolute path"),
    ("toml", "[[file]]\npath = \"/etc/hosts\"\nmode = \"rw\"", "\"rw\" is not a mode"),
    ("toml", "[[command]]\nname = \"bin/vim\"", ":2:8: a command is a name without /"),
    ("toml", "[size]", ":1:1: the table asserts nothing: give closure, package or growth"),
    ("toml", "[size]\ngrowth = \"1 MiB\"", ":1:1: growth needs manifest, which says how large the store was"),
    ("toml", "[size]\nclosure = \"big\"", ":2:11: big is not a size"),
    ("toml", "[[menu]]\ntitle = \"[a\"", ":1:1: \"[a\" is not a glob"),
    ("toml", "[[menu]]\ntitle = \"\"", ":1:1: title is empty"),
    ("toml", "[[closure]]\nfile = \"\"", ":1:1: file is empty"),
    ("toml", "[[closure]]\nfile = \"gone.json\"", "gone.json: No such file or directory"),
    ("toml", "[[package]]\nname = []", ":2:8: an empty list asserts nothing"),
    ("toml", "[integrity]\nverify = false", "the table asserts nothing"),
    ("toml", "[secrets]\nallow = [\"x\"]", "the table asserts nothing: give deny = true"),
    (
        "toml",
        "preset = \"aplliance\"",
        ":1:10: unknown variant `aplliance`, expected `installer` or `appliance`; did you mean `appliance`?",
    ),
    ("json", "{\"package\": [{\"name\": \"git\", \"name\": \"vim\"}]}", ":1:30: duplicate field `name`"),
    ("json", "{\"packages\": []}", ":1:2: unknown field `packages`"),
    ("json", "{\"package\": [\n{\"name\": 1}]}", ":2:10: invalid type"),
    ("json", "{\"package\": [", ":1:13: EOF"),
];

#[test]
fn a_policy_with_a_mistake_never_passes() {
    for (ending, policy, expected) in MISTAKES {
        let (_folder, path) = written(&format!("policy.{ending}"), policy);
        let run = run(&["check", fixture("today/result").to_str().unwrap(), "--policy", path.to_str().unwrap()]);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{policy}");
        let told = run.errors.split_once(path.to_str().unwrap()).map_or("", |(_, told)| told);
        assert!(told.contains(expected), "{policy}: {}", run.errors);
        assert_eq!(run.errors.lines().count(), 1, "{}", run.errors);
    }
}

/// Several mistakes in one file.
const SEVERAL: &str = r#"preset = "aplliance"

[image]
max-size = "big"
boot = ["uefi", "bois"]

[[package]]
naem = "git"
version = "new*er"

[[user]]
name = "root"

[[file]]
path = "/a"
mode = 644
"#;

#[test]
fn every_mistake_of_a_policy_is_reported_at_once_in_the_order_of_the_file() {
    let expected = [
        "1:10: unknown variant `aplliance`, expected `installer` or `appliance`; did you mean `appliance`?",
        "4:12: big is not a size: write 2147483648, 1.5GiB or 700MB",
        "5:17: unknown variant `bois`, expected `bios` or `uefi`; did you mean `bios`?",
        "8:1: unknown field `naem`, expected one of `name`, `version`, `installed`, `state`, `max-copies`, `system`, `reason`, `severity`; \
         did you mean `name`?",
        "9:11: \"new*er\" is not a version: write 1.2, >=1.2, ^1 or 1.*",
        "11:1: the table asserts nothing: give exists, password, shell or groups",
        "16:8: a mode is text; write mode = \"0644\"",
    ];
    assert_eq!(mistakes("policy.toml", SEVERAL), expected);
    let json = "{\"package\": [{\"name\": 1},\n{\"name\": \"a\", \"name\": \"b\", \"v\": 2}],\n\"ssh\": {}}";
    let expected = [
        "1:23: invalid type: integer `1`, expected a word, or a list of words",
        "2:15: duplicate field `name`",
        "2:28: unknown field `v`, expected one of `name`, `version`, `installed`, `state`, `max-copies`, `system`, `reason`, `severity`",
        "3:8: the table asserts nothing: give enabled, password-authentication or permit-root-login",
    ];
    assert_eq!(mistakes("policy.json", json), expected);
    assert_eq!(
        mistakes("policy.toml", "a = \n[b\n"),
        ["1:5: string values must be quoted, expected literal string", "2:3: unclosed table, expected `]`"]
    );
}

#[test]
fn a_file_of_keys_that_cannot_be_read_is_reported_at_its_table() {
    let policy = "[[key]]\nfile = \"none.pub\"\n\n[[key]]\nfile = \"policy.toml\"\n";
    let found = mistakes("policy.toml", policy);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("1:1: ") && found[0].contains("none.pub: No such file"), "{found:?}");
    assert!(found[1].starts_with("4:1: ") && found[1].contains("policy.toml: "), "{found:?}");
}

#[test]
fn tables_that_contradict_each_other_are_refused() {
    for (policy, expected) in [
        (
            "[[package]]\nname = \"firefox\"\nstate = \"forbidden\"\n[[package]]\nname = \"firefox\"\ninstalled = true",
            "4:1: firefox is required and forbidden; that contradicts line 1",
        ),
        (
            "[[package]]\nname = \"git\"\ninstalled = true\n\n[[package]]\nname = \"git\"\ninstalled = false",
            "5:1: git must be installed, and must not; that contradicts line 1",
        ),
        (
            "[[file]]\npath = \"/a\"\nabsent = true\n[[file]]\npath = \"/a\"\ncontains = \"x\"",
            "4:1: /a must be there, and must not; that contradicts line 1",
        ),
        (
            "[[unit]]\nname = \"a.service\"\nexists = false\n[[unit]]\nname = \"a.service\"",
            "4:1: a.service must exist, and must not; that contradicts line 1",
        ),
        (
            "[[user]]\nname = \"a\"\npassword = \"locked\"\n[[user]]\nname = \"a\"\npassword = [\"hashed\", \"none\"]",
            "4:1: no password state of a is in both lists; that contradicts line 1",
        ),
        (
            "[[user]]\nname = \"a\"\nexists = false\n[[key]]\nuser = \"a\"\nfingerprint = \"SHA256:rc+eE/f2bJFfE+l/5GHwjyqf1Rmmgl6CwjPUgKwz2VM\"",
            "4:1: a key for a, who must not exist; that contradicts line 1",
        ),
        (
            "[[port]]\nport = \"20-30\"\nstate = \"closed\"\n[[port]]\nport = 22",
            "4:1: tcp 22 must be open, and closed; that contradicts line 1",
        ),
        (
            "[[port]]\nport = 22\n[firewall]\ntcp = [80]",
            "3:1: tcp 22 must be open, and the firewall must not let it in; that contradicts line 1",
        ),
        ("[image.params]\nrequire = [\"quiet\"]\nforbid = [\"quiet\"]", "1:1: quiet is required and forbidden"),
    ] {
        assert_eq!(mistakes("policy.toml", policy), [expected], "{policy}");
    }
    // Both can be true, or they are about different systems.
    for policy in [
        "[[package]]\nname = \"git\"\nversion = \"<2\"\nstate = \"forbidden\"\n[[package]]\nname = \"git\"\nversion = \">=2\"",
        "[[user]]\nname = \"a\"\nexists = false\nsystem = \"x\"\n[[user]]\nname = \"a\"\nexists = true\nsystem = \"y\"",
    ] {
        let (_folder, path) = written("policy.toml", policy);
        let run = run(&["check", fixture("today/result").to_str().unwrap(), "--policy", path.to_str().unwrap()]);
        assert_ne!(run.out, "", "{policy}: {}", run.errors);
    }
}

/// The messages of `check` about the mistakes in a policy, without the name of the file.
fn mistakes(name: &str, policy: &str) -> Vec<String> {
    let (_folder, path) = written(name, policy);
    let run = run(&["check", fixture("today/result").to_str().unwrap(), "--policy", path.to_str().unwrap()]);
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{policy}");
    let prefix = format!("nixoscope: {}:", path.display());
    run.errors.lines().map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned()).collect()
}

#[test]
fn the_published_schema_is_that_of_the_parser_and_judges_as_it_does() {
    let published = include_str!("../../src/check/policy/schema.json");
    assert_eq!(
        run(&["policy", "--schema"]).out,
        published,
        "write it again: NIXOSCOPE_WRITE_SCHEMA=1 cargo test --lib schema"
    );
    let schema = jsonschema::validator_for(&serde_json::from_str(published).unwrap()).unwrap();
    let as_json = |policy: &str| -> Option<Value> {
        toml::from_str::<toml::Value>(policy).ok().map(|value| serde_json::to_value(value).unwrap())
    };
    for (policy, _) in TABLES {
        assert!(schema.is_valid(&as_json(policy).unwrap()), "{policy}");
    }
    assert_eq!(undescribed(&serde_json::from_str(published).unwrap(), ""), [""; 0]);
    // What a schema can tell: names, types and words.
    for policy in [
        "[[package]]\nnaem = \"git\"",
        "[imagee]\nmax-size = 1",
        "[[user]]\nname = \"a\"\npassword = \"lokced\"",
        "[[command]]\nname = \"bin/vim\"",
        "preset = \"aplliance\"",
        "[[package]]\nname = 1",
    ] {
        assert!(!schema.is_valid(&as_json(policy).unwrap()), "{policy}");
    }
}

/// The members and words of a schema that have no description.
fn undescribed(schema: &Value, place: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if property["description"].is_null() {
            found.push(format!("{place}.{name}"));
        }
    }
    for word in schema["enum"].as_array().into_iter().flatten() {
        found.push(format!("{place}={word}"));
    }
    for choice in schema["oneOf"].as_array().into_iter().flatten().filter(|choice| choice["description"].is_null()) {
        found.push(format!("{place}={}", choice["const"]));
    }
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        found.extend(undescribed(definition, name));
    }
    found
}

#[test]
fn the_policy_that_is_written_of_an_image_holds_for_it() {
    for image in [
        "today/result",
        "middle/result",
        "compressed/result",
        "era-2014/result",
        "era-2008/result",
        "access/states.squashfs",
        "access/userborn.squashfs",
        "verify/tree.iso",
        "packages/kinds.squashfs",
        "menus/mixed.iso",
        "menus/same.iso",
        "diff/new/result",
    ] {
        let image = fixture(image).display().to_string();
        let policy = run(&["policy", &image]);
        // What cannot be searched for secrets is reported, and then nothing is promised about them.
        let searched = run(&["secrets", &image]);
        let whole = (Some(i32::from(searched.code == Some(2)) * 2), searched.errors.replace("note: ", ""));
        assert_eq!((policy.code, policy.errors.clone()), whole, "{image}");
        assert_eq!(policy.out.contains("[secrets]"), policy.code == Some(0), "{image}");
        let (_folder, path) = written("policy.toml", &policy.out);
        let checked = run(&["check", &image, "--policy", path.to_str().unwrap()]);
        assert_eq!((checked.code, checked.errors.as_str()), (Some(0), ""), "{image}: {}", checked.out);
    }
    let (folder, path) = written("policy.toml", "");
    let again = run(&["policy", fixture("today/result").to_str().unwrap(), "-o", path.to_str().unwrap()]);
    assert_eq!(again.code, Some(2), "a file that is there is not written over: {folder:?}");
}

#[test]
fn ports_and_the_firewall_are_written_as_they_are_and_asked_of_a_disc() {
    let rules = "ip46tables -A nixos-fw -p tcp --dport 22 -j nixos-fw-accept\n\
                 ip46tables -A nixos-fw -p tcp --dport 8000:8010 -j nixos-fw-accept\n\
                 ip6tables -A nixos-fw -d fe80::/64 -p udp --dport 546 -j nixos-fw-accept\n";
    let disc = Disc::with_system().firewall(rules);
    let exporter = "/nix/store/44444444444444444444444444444444-x/bin/x_exporter --web.listen-address :9100";
    let disc = disc.service("exporter", exporter);
    let disc = disc.unit(
        "cups.socket",
        "sockets.target",
        "[Socket]\nListenStream=127.0.0.1:631\nListenStream=/run/cups.sock\n",
    );
    let folder = tempfile::tempdir().unwrap();
    let image = disc.write(folder.path()).display().to_string();
    let draft = run(&["policy", &image]).out;
    let tables = "\n[[port]]\nport = 22\nprotocol = \"tcp\"\nstate = \"open\"\n\n\
                  [firewall]\nenabled = true\ntcp = [22, \"8000-8010\"]\nudp = []\n";
    assert!(draft.contains(tables), "{draft}");
    let ask = |policy: &str| {
        let (_folder, path) = written("policy.toml", policy);
        let run = run(&["check", "--json", &image, "--policy", path.to_str().unwrap()]);
        let document: Value = serde_json::from_str(&run.out).unwrap();
        let results = document["results"].as_array().unwrap().iter();
        let shown =
            |result: &Value| ["status", "subject", "message"].map(|name| result[name].as_str().unwrap()).join(" | ");
        results.map(shown).collect::<Vec<String>>()
    };
    assert!(ask(&draft).iter().all(|result| result.starts_with("pass | ")), "{:?}", ask(&draft));
    let lets = "the firewall (firewall.service) lets packets in";
    for (policy, expected) in [
        ("[[port]]\nport = 22", format!("pass | tcp 22 open | sshd.service listens; {lets}")),
        ("[[port]]\nport = 22\nstate = \"closed\"", format!("fail | tcp 22 closed | sshd.service listens; {lets}")),
        ("[[port]]\nport = 8000", format!("unknown | tcp 8000 open | no unit is known to listen; {lets}")),
        (
            "[[port]]\nport = 631\nstate = \"closed\"",
            "pass | tcp 631 closed | the firewall lets no packets in".to_owned(),
        ),
        (
            "[[port]]\nport = 546\nprotocol = \"udp\"\nstate = \"closed\"",
            "pass | udp 546 closed | the firewall lets no packets in".to_owned(),
        ),
        (
            "[[port]]\nport = 9100",
            "fail | tcp 9100 open | exporter.service listens; the firewall lets no packets in".to_owned(),
        ),
        ("[firewall]\ntcp = [22]", "fail | tcp 22 | also lets in tcp 8000-8010".to_owned()),
    ] {
        assert_eq!(ask(policy)[0], expected, "{policy}");
    }
}

#[test]
fn a_store_may_grow_by_no_more_than_its_budget() {
    let folder = tempfile::tempdir().unwrap();
    let [old, new] = ["diff/old/result", "diff/new/result"].map(|image| fixture(image).display().to_string());
    std::fs::write(folder.path().join("old.json"), run(&["manifest", &old]).out).unwrap();
    let policy = folder.path().join("policy.toml");
    let mut told = Vec::new();
    for growth in ["0", "\"1 MiB\""] {
        std::fs::write(&policy, format!("[size]\ngrowth = {growth}\nmanifest = \"old.json\"\n")).unwrap();
        for image in [&old, &new] {
            let run = run(&["check", "--json", image, "--policy", policy.to_str().unwrap()]);
            let result = serde_json::from_str::<Value>(&run.out).unwrap()["results"][0].take();
            told.push(format!("{} {}", result["status"].as_str().unwrap(), result["message"].as_str().unwrap()));
        }
    }
    let more = told[3].strip_prefix("pass ").unwrap();
    assert!(more.ends_with(" more than before"), "{told:?}");
    assert_eq!(
        told[..3],
        [
            "pass 0 B more than before".to_owned(),
            format!("fail {more}, {} over the budget", &more[..more.len() - 17]),
            "pass 0 B more than before".to_owned()
        ]
    );
}

#[test]
fn the_example_passes_with_its_warning() {
    let policy = fixture("policies/installer.toml").display().to_string();
    let run = run(&["check", "--json", fixture("today/result").to_str().unwrap(), "--policy", &policy]);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let failed: Vec<String> = results(&document).into_iter().filter(|result| result.starts_with("fail")).collect();
    assert_eq!(failed, ["fail access no plaintext-password", "fail forbid firefox"]);
    assert_eq!((run.code, &document["warnings"]), (Some(1), &json!(1)));
}

/// The results of a policy on a disc with two systems: status, subject, system and message.
fn of_systems(disc: &str, more: &str) -> Vec<String> {
    let key = std::fs::read_to_string(fixture("keys/root.pub")).unwrap();
    let policy = format!(
        "[[user]]\nname = \"root\"\npassword = \"locked\"\n{more}[[key]]\nuser = \"root\"\nkey = \"{}\"\nonly = true\n{more}\
         [ssh]\nenabled = true\npassword-authentication = false\n{more}",
        key.trim()
    );
    let (_, document) = check(&format!("menus/{disc}.iso"), "policy.toml", &policy);
    let text = |value: &str| value.split(" (").next().unwrap().split(": ssh-").next().unwrap().to_owned();
    let shown = |result: &Value| {
        ["status", "kind", "system", "message"]
            .map(|field| result[field].as_str().map_or("-".to_owned(), text))
            .join(" | ")
    };
    document["results"].as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn what_must_be_there_is_asked_of_every_default_and_what_must_not_of_every_entry() {
    let open = "specialisation open";
    let in_open = [
        format!("fail | user | open | {open}: the password is empty"),
        format!("fail | only-keys | open | {open}: another key does"),
        format!("fail | ssh | open | {open}: sshd takes passwords"),
    ];
    let key = "pass | key | default | sshd accepts it for root";
    let enabled = "pass | ssh | default | sshd starts at boot";
    assert_eq!(of_systems("same", ""), [&in_open[0], key, &in_open[1], enabled, &in_open[2]]);
    // Here the menu of UEFI starts the specialisation, in which the key lets nobody in.
    let mixed = of_systems("mixed", "");
    assert!(mixed[1].starts_with("fail | key | open | specialisation open: found in /nix/store/1111"), "{}", mixed[1]);
    assert_eq!([&mixed[0], &mixed[2], &mixed[3], &mixed[4]], [&in_open[0], &in_open[1], enabled, &in_open[2]]);
    // A table may name its system.
    let narrowed = of_systems("mixed", "system = \"default\"\n");
    assert!(narrowed.iter().all(|result| result.starts_with("pass | ")), "{narrowed:?}");
    let unknown = of_systems("same", "system = \"opne\"\n");
    let told = "no system is called opne; there are default, open";
    assert!(unknown.iter().all(|result| result.ends_with(told)), "{unknown:?}");
}

/// What a policy of other tables says of a disc with two systems: each result's status, kind, subject, system and message.
fn of_tables(disc: &str, policy: &str) -> Vec<String> {
    let (_, document) = check(&format!("menus/{disc}.iso"), "policy.toml", policy);
    let shown = |result: &Value| {
        let field = |name: &str| result[name].as_str().unwrap_or("-").to_owned();
        ["status", "kind", "subject", "system", "message"].map(field).join(" | ")
    };
    document["results"].as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn commands_files_kernels_and_parameters_are_asked_of_the_systems_that_menus_start() {
    let policy = r#"
[image]
kernel = ">=6"
params.require = ["quiet"]
params.forbid = ["loglevel"]
[[command]]
name = "guard"
[[file]]
path = "/etc/ssh/sshd_config"
contains = "PasswordAuthentication no"
[[file]]
path = "/run/current-system/sw/bin/backdoor"
absent = true
[[unit]]
name = "guard"
[[unit]]
name = "backdoor"
exists = false
"#;
    let both = [
        "fail | no-file | /run/current-system/sw/bin/backdoor | open | specialisation open: it is there",
        "fail | unit | backdoor.service missing | open | specialisation open: starts at boot",
    ];
    let mixed = of_tables("mixed", policy);
    let expected = [
        "fail | kernel | >=6 | open | specialisation open: this system has kernel 5.15.2",
        "fail | param | quiet | - | not in the entry \"Open\" of the UEFI menu (GRUB) that boots by default",
        "fail | no-param | loglevel | - | in one menu entry",
        "fail | command | guard | open | specialisation open: not a command of this system",
        "fail | file | /etc/ssh/sshd_config contains \"PasswordAuthentication no\" | open | specialisation open: it does not \
         contain \"PasswordAuthentication no\"",
        both[0],
        "fail | unit | guard.service | open | specialisation open: not there",
        both[1],
    ];
    assert_eq!(mixed, expected);
    // Both menus start the locked system here, but that of UEFI masks the unit.
    let same = of_tables("same", policy);
    let failing: Vec<&String> = same.iter().filter(|result| result.starts_with("fail")).collect();
    assert_eq!(failing, [expected[2], both[0], "fail | unit | guard.service | default | masked", both[1]]);
    let narrowed = of_tables("mixed", "[[command]]\nname = \"guard\"\nsystem = \"default\"\n");
    assert!(narrowed[0].starts_with("pass | command | guard | default | "), "{narrowed:?}");
    let narrowed = of_tables("same", "[[command]]\nname = \"guard\"\nsystem = \"open\"\n");
    assert!(narrowed[0].starts_with("fail | command | guard | open | "), "{narrowed:?}");
}

#[test]
fn what_a_configuration_says_that_is_not_in_the_image_is_unknown() {
    let policy = "[ssh]\nenabled = true\npassword-authentication = true\npermit-root-login = \"prohibit-password\"\n";
    let (code, document) = check("access/config-missing.squashfs", "p.toml", policy);
    let expected =
        ["pass ssh enabled", "unknown ssh password-authentication", "unknown ssh permit-root-login prohibit-password"];
    assert_eq!((code, results(&document).as_slice()), (Some(2), &expected.map(str::to_owned)[..]));
}

#[test]
fn a_draft_in_json_demands_what_the_draft_in_toml_demands() {
    let image = fixture("today/result").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let subjects = |name: &str, text: &str| {
        let policy = folder.path().join(name);
        std::fs::write(&policy, text).unwrap();
        let run = run(&["check", "--json", &image, "--policy", policy.to_str().unwrap()]);
        assert_eq!(run.code, Some(0), "{}", run.errors);
        let document: Value = serde_json::from_str(&run.out).unwrap();
        let results = document["results"].as_array().unwrap().iter();
        let mut subjects: Vec<String> =
            results.map(|result| format!("{} {}", result["kind"], result["subject"])).collect();
        subjects.sort();
        subjects
    };
    let toml = subjects("policy.toml", &run(&["policy", &image]).out);
    let json = run(&["policy", "--json", &image]);
    assert_eq!((json.code, json.out.lines().count()), (Some(0), 1), "{}", json.errors);
    assert_eq!(subjects("policy.json", &json.out), toml);
    assert!(toml.len() > 20, "{toml:?}");
}
