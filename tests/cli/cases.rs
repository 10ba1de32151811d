//! Questions that people ask about images, each with a small image on which the answer was once wrong.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Disc, Run, SYSTEM, fixture, run};

/// The lines of two keys.
const ALICE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHCUWQIwB6q30aqZ6vSHPKtRfh+hU3J3KHEXqJeQCRNL alice@laptop";
const BACKUP: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBD4RQBDmQv2qM5+oFsDTeF2I3CLnhXCVIfeEQMC7Vsr backup@server";

/// A disc in a folder of its own.
struct Case {
    folder: tempfile::TempDir,
    image: String,
}

impl Case {
    fn of(disc: &Disc) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let image = disc.write(folder.path()).display().to_string();
        Self { folder, image }
    }

    fn path(&self) -> &Path {
        Path::new(&self.image)
    }

    /// Runs a command on the image, whose name follows the command's.
    fn run(&self, arguments: &[&str]) -> Run {
        let (command, rest) = arguments.split_first().unwrap();
        run(&[&[*command, &self.image], rest].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", run.errors))
    }

    /// Status, kind and message of each result of a policy.
    fn policy(&self, policy: &str) -> Vec<String> {
        let path = self.folder.path().join("policy.toml");
        std::fs::write(&path, policy).unwrap();
        let document = self.json(&["check", "--policy", path.to_str().unwrap()]);
        let results = document["results"].as_array().unwrap().iter();
        let shown =
            |result: &Value| ["status", "kind", "message"].map(|field| result[field].as_str().unwrap()).join(" ");
        results.map(shown).collect()
    }

    /// Status and message of one assertion.
    fn check(&self, arguments: &[&str]) -> (String, String) {
        let document = self.json(&[&["check"], arguments].concat());
        let result = &document["results"][0];
        let field = |name: &str| result[name].as_str().unwrap().to_owned();
        (field("status"), field("message"))
    }
}

fn store(number: char, name: &str) -> String {
    format!("/nix/store/{}-{name}", number.to_string().repeat(32))
}

#[test]
fn a_preset_is_asked_of_every_system_that_a_menu_offers() {
    let image = fixture("menus/mixed.iso").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("policy.toml"), "preset = \"appliance\"").unwrap();
    let policy = folder.path().join("policy.toml").display().to_string();
    let run = run(&["check", &image, "--policy", &policy]);
    assert_eq!(run.code, Some(1));
    let failed: Vec<&str> = run.out.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(failed.len() >= 2 && failed.iter().all(|line| line.contains("specialisation open")), "{failed:?}");
}

#[test]
fn a_derivation_a_source_or_a_configuration_is_no_package() {
    let case = Case::of(
        &Disc::with_system()
            .file(&store('4', "hello-2.12.2.drv"), "Derive([],[],[],\"x\",\"x\",[],[])")
            .file(&store('5', "hello-2.12.2.tar.gz"), "\u{1f}")
            .file(&format!("{}/session.conf", store('6', "dbus-1")), "<busconfig></busconfig>"),
    );
    let (status, message) = case.check(&["--package", "hello"]);
    assert_eq!(status, "fail");
    assert_eq!(
        message,
        "not in the image as software; only a derivation (hello-2.12.2.drv) and a source (hello-2.12.2.tar.gz) have this name"
    );
    assert_eq!(case.check(&["--package", "dbus"]).0, "fail");
    let packages = case.json(&["packages"]);
    let names: Vec<&str> = packages["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["kind"] == "software")
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["openssh-10.2p1"]);
}

#[test]
fn keys_that_boot_writes_count_and_a_unit_that_may_write_them_leaves_it_unknown() {
    let policy = format!("[[key]]\nuser = \"nixos\"\nkey = \"{ALICE}\"\nonly = true\n");
    let own = "ssh/authorized_keys.d/nixos";
    let path = "/home/nixos/.ssh/authorized_keys";
    let accepted = "pass key sshd accepts it for nixos";
    for rule in [
        format!("f+ {path} 0600 nixos users - {BACKUP}"),
        format!("C+ {path} 0600 nixos users - {}", store('4', "extra-keys")),
    ] {
        let disc = Disc::with_system().etc(own, ALICE).etc("tmpfiles.d/00-nixos.conf", &rule);
        let results = Case::of(&disc.file(&store('4', "extra-keys"), BACKUP)).policy(&policy);
        assert_eq!(results[0], accepted, "{rule}");
        assert!(results[1].starts_with("fail only-keys another key does: ssh-ed25519 SHA256:"), "{rule}: {results:?}");
    }
    let unit = format!("[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo {BACKUP} >> {path}'\n");
    let disc = Disc::with_system().etc(own, ALICE).unit("add-key.service", "multi-user.target", &unit);
    let results = Case::of(&disc).policy(&policy);
    assert_eq!(results[0], accepted);
    assert!(results[1].starts_with("unknown only-keys add-key.service may write keys of nixos"), "{results:?}");
}

#[test]
fn a_live_system_mounts_its_disc_at_iso() {
    let disc = Disc::with_system().file("/authorized_keys", ALICE);
    let disc =
        disc.etc("ssh/sshd_config", "UsePAM yes\nPasswordAuthentication no\nAuthorizedKeysFile /iso/authorized_keys\n");
    let case = Case::of(&disc);
    assert_eq!(case.run(&["cat", "/iso/authorized_keys"]).out, ALICE);
    assert_eq!(
        case.check(&["--user", "root", "--key", ALICE]),
        ("pass".to_owned(), "sshd accepts it for root".to_owned())
    );
    let users = r#"{"mutableUsers":true,"users":[{"name":"bob","uid":1000,"isNormalUser":true,"group":"users","shell":"/bin/sh","hashedPasswordFile":"/iso/bob.pw"}],"groups":[]}"#;
    let (json, script) = (store('5', "users-groups.json"), store('6', "update-users-groups.pl"));
    let disc = Disc::with_system()
        .without("passwd")
        .without("shadow")
        .without("group")
        .file(&json, users)
        .file(&script, "")
        .system("activate", &format!("perl -w {script} {json}\n"));
    let hash = "$6$abcdefgh$yVfUwsw5T.JApa8POvClA1pQ5peiq97DUNyXCZN5IrF.BMSkiaLQ5kvpuEm/VQ1Tvh/KV2TcaWh8qinoW5dhA1";
    let access = Case::of(&disc.file("/bob.pw", hash)).json(&["access"]);
    let users = access["systems"][0]["users"].as_array().or(access["users"].as_array()).unwrap();
    let bob = users.iter().find(|user| user["name"] == "bob").unwrap();
    assert_eq!((&bob["password"]["state"], &bob["password"]["scheme"]), (&json!("hashed"), &json!("sha512")));
}

#[test]
fn polkit_and_docker_make_members_root() {
    let rule = "polkit.addRule(function(action, subject) {\n  if (subject.isInGroup(\"wheel\")) {\n    return polkit.Result.YES;\n  }\n});\n";
    let policy = "preset = \"appliance\"";
    let polkit = Case::of(&Disc::with_system().etc("polkit-1/rules.d/10-nixos.rules", rule)).policy(policy);
    let failed: Vec<&String> = polkit.iter().filter(|result| result.starts_with("fail")).collect();
    assert!(failed.len() == 1 && failed[0].contains("%wheel") && failed[0].contains("polkit"), "{polkit:?}");
    let docker = Disc::with_system()
        .unit(
            "docker.socket",
            "sockets.target",
            "[Socket]\nListenStream=/run/docker.sock\nSocketGroup=docker\nSocketMode=0660\n",
        )
        .etc("systemd/system/docker.service", "[Service]\nExecStart=/run/current-system/sw/bin/dockerd -H fd://\n");
    let docker = Case::of(&docker).policy(policy);
    let failed: Vec<&String> = docker.iter().filter(|result| result.starts_with("fail")).collect();
    assert!(failed.len() == 1 && failed[0].contains("%docker"), "{docker:?}");
}

#[test]
fn secrets_are_found_in_the_files_of_the_programs_that_people_use() {
    let disc = Disc::with_system()
        .etc("msmtprc", "account default\nhost smtp.example.org\nuser bot\npassword hunter2hunter2\n")
        .etc("my.cnf", "[client]\nuser=root\npassword=hunter2\n")
        .etc("ppp/chap-secrets", "\"alice\" * \"hunter2secret\"\n")
        .etc("davfs2/secrets", "https://dav.example.org alice hunter2secret\n")
        .etc("attic/config.toml", "[servers.x]\ntoken = \"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhdHRpYyJ9.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U\"\n")
        .unit("proxy.service", "multi-user.target", "[Service]\nEnvironment=\"http_proxy=http://user:s3cr3tpw@proxy.example.org:3128\"\nEnvironment=\"DATABASE_URL=postgres://app:hunter2pw@db/app\"\nExecStart=/bin/x\n");
    let found = Case::of(&disc).json(&["secrets"]);
    let mut shown: Vec<String> = found["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| {
            let path = secret["path"].as_str().unwrap();
            format!("{} {}:{}", secret["kind"].as_str().unwrap(), path.rsplit('/').next().unwrap(), secret["line"])
        })
        .collect();
    shown.sort();
    assert_eq!(
        shown,
        [
            "password chap-secrets:1",
            "password msmtprc:4",
            "password my.cnf:3",
            "password proxy.service:2",
            "password proxy.service:3",
            "password secrets:1",
            "token config.toml:2",
        ]
    );
}

#[test]
fn keys_of_tests_that_packages_publish_are_only_counted() {
    let pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIHQf/khLvYrQ8IOika5yqtWvI0oquHlpRLTZiJy5dRJmoAoGCCqGSM49\nAwEHoUQDQgAEKF0DYGbBwbj06tA3fd/+yP44cvmwmHBWXZCKbS+RQlAKvLXMWkpN\nr1lwMyJZoSGgBHoUahoYjTh9/sJL7XLJtA==\n-----END EC PRIVATE KEY-----\n";
    let disc = Disc::with_system()
        .file(&format!("{}/lib/node_modules/tunnel/test/keys/agent.pem", store('4', "app-1.0")), pem);
    let found = Case::of(&disc).json(&["secrets"]);
    assert_eq!((&found["secrets"], &found["known"]), (&json!([]), &json!(1)));
}

#[test]
fn versions_are_compared_as_people_mean_them() {
    let package = |disc: Disc, number, name: &str| disc.program(&format!("{}/bin/x", store(number, name)));
    let disc = package(Disc::with_system(), '4', "glibc-2.40-66");
    let disc = package(disc, '5', "bar-0-unstable-2024-11-20");
    let case = Case::of(&package(disc, '6', "db-17beta1"));
    for (query, status) in [
        ("glibc@2.40-*", "pass"),
        ("bar@0-unstable-*", "pass"),
        ("bar@0-*", "pass"),
        ("db@>=17", "fail"),
        ("db@<17", "pass"),
    ] {
        assert_eq!(case.check(&["--package", query]).0, status, "{query}");
    }
    let released = Case::of(&package(Disc::with_system(), '7', "db-17"));
    let changes = run(&["diff", "--json", &case.image, &released.image]);
    let changes: Value = serde_json::from_str(&changes.out).unwrap();
    let db = changes["packages"].as_array().unwrap().iter().find(|one| one["pname"] == "db").unwrap();
    assert_eq!(db["status"], "upgraded");
}

#[test]
fn a_key_must_have_the_options_that_are_asked_for() {
    let options = "command=\"/run/current-system/sw/bin/true\",no-pty";
    let wanted = format!("{options} {BACKUP}");
    // The options have a line of their own, which sshd ignores.
    let split = Case::of(&Disc::with_system().etc("ssh/authorized_keys.d/root", &format!("{options}\n{BACKUP}\n")));
    let (status, message) = split.check(&["--user", "root", "--key", &wanted]);
    assert_eq!((status.as_str(), message.ends_with("its line lacks command, no-pty")), ("fail", true), "{message}");
    assert_eq!(split.check(&["--user", "root", "--key", BACKUP]).0, "pass");
    let joined = Case::of(&Disc::with_system().etc("ssh/authorized_keys.d/root", &wanted));
    assert_eq!(joined.check(&["--user", "root", "--key", &wanted]).0, "pass");
    let policy = |options: &str| format!("[[key]]\nuser = \"root\"\nkey = \"{BACKUP}\"\noptions = {options}\n");
    assert!(joined.policy(&policy("[\"no-pty\"]"))[0].starts_with("pass key "));
    assert!(joined.policy(&policy("\"restrict\""))[0].starts_with("fail key "));
    // A key in three lines is none.
    let three = Disc::with_system().etc("ssh/authorized_keys.d/root", &BACKUP.replace(' ', "\n"));
    let access = Case::of(&three).run(&["access"]).out;
    assert!(access.contains("not a key: nothing follows the key type on its line"), "{access}");
    assert!(access.contains("not a key: the key has no type before it on its line"), "{access}");
    let (status, message) = Case::of(&three).check(&["--user", "root", "--key", BACKUP]);
    assert!(message.ends_with("/etc/ssh/authorized_keys.d/root:2, where sshd does not see a key: the key has no type before it on its line"), "{message}");
    assert_eq!(status, "fail");
    let options = Case::of(&Disc::with_system().etc("ssh/authorized_keys.d/root", &format!("{options}\n{BACKUP}\n")));
    let access = options.run(&["access"]).out;
    assert!(access.contains("not a key: nothing follows the options on their line"), "{access}");
}

#[test]
fn a_key_that_something_writes_at_boot_may_have_the_wanted_options() {
    let wanted = format!("no-pty {BACKUP}");
    let disc = |rules: &str| {
        let disc = Disc::with_system().etc("ssh/authorized_keys.d/root", &format!("{BACKUP}\n"));
        Case::of(&disc.etc("tmpfiles.d/00-nixos.conf", rules))
    };
    let at = "/root/.ssh/authorized_keys 0600 root root -";
    for (rules, status, told) in [
        ("d /root/.ssh 0700 root root -\n".to_owned(), "fail", "its line lacks no-pty"),
        (format!("f {at} {wanted}\n"), "pass", "sshd accepts it for root"),
        (format!("f {at} {BACKUP}\n"), "fail", "its line lacks no-pty"),
        (format!("C {at} /run/secrets/keys\n"), "unknown", "the image shows only a part of it"),
    ] {
        let (found, message) = disc(&rules).check(&["--user", "root", "--key", &wanted]);
        assert_eq!((found.as_str(), message.contains(told)), (status, true), "{rules}: {message}");
    }
}

#[test]
fn the_hash_of_an_image_is_read_in_every_form_in_which_it_is_published() {
    use sha2::Digest;
    let case = Case::of(&Disc::with_system());
    let digest = sha2::Sha256::digest(std::fs::read(case.path()).unwrap());
    let hex = data_encoding::HEXLOWER.encode(&digest);
    let sri = format!("sha256-{}", data_encoding::BASE64.encode(&digest));
    let upper = hex.to_uppercase();
    let shown = format!(
        "\nAlgorithm       Hash    Path\n---------       ----    ----\nSHA256          {upper}       C:\\disc.iso\n\n"
    );
    for (text, holds) in [
        (format!("{sri}\n"), true),
        (format!("sha256:{hex}\n"), true),
        (format!("\u{feff}{hex}  disc.iso\r\n"), true),
        (shown, true),
        (format!("{}  disc.iso\n", "0".repeat(64)), false),
    ] {
        let file = case.folder.path().join("disc.sha256");
        std::fs::write(&file, &text).unwrap();
        let run = case.run(&["verify", "--sha256", file.to_str().unwrap()]);
        let told = run.out.contains("the image file matches the given SHA-256");
        assert_eq!(told, holds, "{text}: {} {}", run.out, run.errors);
    }
    let argument = case.run(&["verify", "--sha256", &format!("sha256:{hex}")]);
    assert!(argument.out.contains("the image file matches"), "{} {}", argument.out, argument.errors);
}

/// The paths of a small store: base, digest in base64 and size of each.
fn registered(image: &str) -> Vec<(String, String, u64)> {
    let run = run(&["packages", "--all", "--json", image]);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let packages = document["packages"].as_array().unwrap().iter();
    let digest = |text: &str| {
        let digits = "0123456789abcdfghijklmnpqrsvwxyz";
        let mut bytes = [0u8; 32];
        // Nix32 begins with the highest digit.
        for (place, letter) in text.chars().rev().enumerate() {
            let value = digits.find(letter).unwrap() << (place * 5 % 8);
            let byte = place * 5 / 8;
            bytes[byte] |= u8::try_from(value & 0xff).unwrap();
            if byte + 1 < 32 {
                bytes[byte + 1] |= u8::try_from(value >> 8).unwrap();
            }
        }
        data_encoding::BASE64.encode(&bytes)
    };
    packages
        .map(|one| {
            let path = one["path"].as_str().unwrap().strip_prefix("/nix/store/").unwrap().to_owned();
            let hash = one["narHash"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            (path, digest(hash), one["narSize"].as_u64().unwrap())
        })
        .collect()
}

#[test]
fn a_closure_is_read_as_every_nix_writes_it_and_may_be_a_part_of_the_image() {
    let image = fixture("squashfs/nix-store.squashfs").display().to_string();
    let all = registered(&image);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    // Version 2 of nix path-info, with a hash in parts.
    let info = |paths: &[(String, String, u64)]| {
        let entry = |(path, hash, size): &(String, String, u64)| {
            let hash = json!({"algorithm": "sha256", "format": "base64", "hash": hash});
            (
                path.clone(),
                json!({"narHash": hash, "narSize": size, "references": [], "storeDir": "/nix/store", "version": 2}),
            )
        };
        json!({"info": paths.iter().map(entry).collect::<serde_json::Map<_, _>>(), "storeDir": "/nix/store", "version": 2}).to_string()
    };
    let (whole, part) = (write("whole.json", info(&all)), write("part.json", info(&all[..2])));
    let list = write("list.txt", all[..2].iter().map(|(path, ..)| format!("/nix/store/{path}\n")).collect());
    let verified = run(&["verify", &image, "--against", &whole]);
    assert_eq!(verified.code, Some(0), "{} {}", verified.out, verified.errors);
    for file in [&whole, &part, &list] {
        let checked = run(&["check", &image, "--closure", file]);
        assert_eq!(checked.code, Some(0), "{file}: {} {}", checked.out, checked.errors);
    }
    let partly = run(&["verify", &image, "--against", &part]);
    assert!(partly.code == Some(1) && partly.out.contains("check --closure"), "{} {}", partly.out, partly.errors);
    let listed = run(&["verify", &image, "--against", &list]);
    assert!(listed.errors.contains("it lists paths without hashes; nixoscope check --closure"), "{}", listed.errors);
    let mut wrong = all[..2].to_vec();
    wrong[0].1 = data_encoding::BASE64.encode(&[7; 32]);
    assert_eq!(run(&["check", &image, "--closure", &write("wrong.json", info(&wrong))]).code, Some(1));
}

#[test]
fn a_menu_that_leads_nowhere_is_a_problem() {
    let boot = |disc: &Disc| {
        let report = Case::of(disc).json(&["verify"]);
        let problems = report["problems"].as_array().unwrap().iter().filter(|problem| problem["kind"] == "boot");
        problems.map(|problem| problem["path"].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    assert_eq!(boot(&Disc::with_system()), [""; 0]);
    let gone = Disc::with_system().file("/boot/grub/loopback.cfg", "source /boot/grub/grub.cfg\n");
    assert_eq!(boot(&gone), ["/boot/grub/grub.cfg"]);
    let live = "menuentry Live {\n linux /live/vmlinuz\n initrd /live/initrd.gz\n}\n";
    assert_eq!(boot(&Disc::with_system().file("/boot/grub/loopback.cfg", live)), ["/live/initrd.gz", "/live/vmlinuz"]);
    let limine = format!(
        "/NixOS\n    protocol: linux\n    kernel_path: boot():/boot/gone\n    cmdline: init=/nix/store/{SYSTEM}/init\n    module_path: boot():/boot/initrd\n"
    );
    assert_eq!(boot(&Disc::with_system().file("/boot/limine/limine.conf", &limine)), ["/boot/gone"]);
}

#[test]
fn an_image_that_boots_from_a_cd_may_not_boot_from_a_stick() {
    let image = fixture("iso/three-boot-images.iso").display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.toml").display().to_string();
    std::fs::write(&policy, "[image]\nboot = [\"bios\", \"uefi\"]\nusb = true\n").unwrap();
    let run = run(&["check", "--json", &image, "--policy", &policy]);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    let results: Vec<&Value> = document["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!(results, ["pass", "pass", "fail"]);
    assert_eq!(document["results"][2]["evidence"][0], "BIOS: the first sector has no boot code");
}

#[test]
fn a_service_a_port_a_rule_and_a_key_that_came_are_told_by_diff() {
    let old = Case::of(&Disc::with_system());
    let new = Disc::with_system()
        .firewall("ip46tables -A nixos-fw -p tcp --dport 443 -j nixos-fw-accept\n")
        .service("nginx", "/run/current-system/sw/bin/nginx")
        .unit("avahi-daemon.socket", "sockets.target", "[Socket]\nListenDatagram=5353\n")
        .etc(
            "polkit-1/rules.d/10-nixos.rules",
            "polkit.addRule(function(action, subject) { return polkit.Result.YES; });\n",
        )
        .etc("tmpfiles.d/00-nixos.conf", &format!("f+ /root/.ssh/authorized_keys 0600 root root - {BACKUP}\n"));
    let new = Case::of(&new);
    let changed = run(&["diff", &old.image, &new.image]);
    for line in [
        "  + nginx.service: starts at boot",
        "  + avahi-daemon.socket: starts at boot",
        "  + udp 5353: avahi-daemon.socket",
        "  + set up by: firewall.service",
        "  + tcp 443: let in",
        "  + passwordless-root ALL",
    ] {
        assert!(changed.out.lines().any(|own| own == line), "{line}: {}", changed.out);
    }
    assert!(changed.out.contains("  + root ssh-ed25519 SHA256:"), "{}", changed.out);
}

#[test]
fn a_policy_of_an_image_with_only_a_manual_or_headers_installed_holds_for_it() {
    let image = fixture("packages/kinds.squashfs").display().to_string();
    let policy = run(&["policy", &image]);
    for name in ["gcc", "openssl"] {
        assert!(!policy.out.contains(&format!("\"{name}\"")), "{name}: {}", policy.out);
        let installed = run(&["check", &image, "--installed", name]);
        assert!(
            installed.out.contains("only its documentation or development files are installed"),
            "{}",
            installed.out
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml").display().to_string();
    std::fs::write(&path, &policy.out).unwrap();
    assert_eq!(run(&["check", &image, "--policy", &path]).code, Some(0));
}

#[test]
fn a_package_is_forbidden_by_the_name_that_nixpkgs_prints() {
    let disc = Disc::with_system()
        .program(&format!("{}/bin/openssl", store('4', "openssl-1.1.1w-bin")))
        .program(&format!("{}/bin/electron", store('5', "electron-unwrapped-25.9.0")));
    let case = Case::of(&disc);
    for (query, status, message) in [
        ("openssl-1.1.1w", "fail", "in the image: openssl 1.1.1w (bin)"),
        ("openssl-1.1", "pass", "not in the image; did you mean openssl@1.1.*?"),
        ("electron-25.9.0", "fail", "in the image under another name, in the same version: electron-unwrapped 25.9.0"),
        ("electron-26.0.0", "pass", "not in the image"),
    ] {
        assert_eq!(case.check(&["--forbid", query]), (status.to_owned(), message.to_owned()), "{query}");
    }
}

/// An archive with one file, as an initrd has it (cpio, `newc`).
fn cpio(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, bytes, mode) in [(name, bytes, 0o100_644), ("TRAILER!!!", &[][..], 0)] {
        let fields = [1, mode, 0, 0, 1, 0, bytes.len(), 0, 0, 0, 0, name.len() + 1, 0];
        archive.extend(b"070701");
        fields.iter().for_each(|field| archive.extend(format!("{field:08X}").bytes()));
        archive.extend([name.as_bytes(), &[0]].concat());
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(bytes);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

#[test]
fn the_store_of_a_netboot_initrd_is_read() {
    let squashfs = std::fs::read(fixture("squashfs/nix-store.squashfs")).unwrap();
    let plain = cpio("nix-store.squashfs", &squashfs);
    let compressed = [zstd::encode_all(&cpio("init", b"#!/bin/sh\n")[..], 3).unwrap(), plain.clone()].concat();
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("initrd", plain), ("initrd2", compressed)] {
        let path = folder.path().join(name).display().to_string();
        std::fs::write(&path, bytes).unwrap();
        let run = run(&["inspect", "--json", &path]);
        let document: Value =
            serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{name}: {error}: {}", run.errors));
        assert_eq!((run.code, &document["store"]["kind"]), (Some(0), &json!("squashfs")), "{name}");
    }
}
