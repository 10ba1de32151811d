//! Who can log in, and what the program says about it, in systems made of a few texts.

use super::*;
use crate::nixos::made::{Made, archive};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

const UNIT: (&str, &str) = ("/s/etc/systemd/system/sshd.service", "[Service]\nExecStart=/bin/sshd -D\n");
const WANTED: (&str, &str) = ("/s/etc/systemd/system/multi-user.target.wants/sshd.service", "-> ../sshd.service");

/// A system with a user `eve` and files of its own. A hash is written short, `$6$a$b`.
fn access(hash: &str, files: &[(&str, &str)]) -> Access {
    let length = if hash.starts_with("$6$") { 86 } else { 22 };
    let hash = hash.replace("$a$b", &format!("$a${}", "b".repeat(length)));
    let shadow = format!("eve:{hash}:1::::::\n");
    let users = [
        ("/s/etc/passwd", "eve:x:1000:100::/home/eve:/bin/sh\n"),
        ("/s/etc/group", "users:x:100:\n"),
        ("/s/etc/shadow", shadow.as_str()),
        ("/s/etc/pam.d/login", "auth sufficient pam_unix.so nullok\n"),
    ];
    let mut all = files.to_vec();
    all.extend(users.into_iter().filter(|(path, _)| !files.iter().any(|(own, _)| own == path)));
    Access::read(&Made::of(&all).system(), Vec::new()).unwrap()
}

/// The sentence about `eve` under a configuration of sshd, and whether the answer is uncertain.
fn told(hash: &str, config: &str, keys: &str) -> (String, bool) {
    let config = format!("AuthorizedKeysFile /etc/ssh/keys/%u\n{config}");
    let files = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", &config), ("/s/etc/ssh/keys/eve", keys)];
    let account = access(hash, &files).people.accounts.remove(0);
    (account.sentence(), account.is_unsure())
}

/// Findings other than the users' sentences and the missing sshd.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let found = access("!", files).findings;
    let told = found.into_iter().filter(|finding| !matches!(finding.id, FindingId::Login | FindingId::SshdAbsent));
    told.map(|finding| format!("{} {}: {}", finding.id, finding.subject, finding.message)).collect()
}

#[test]
fn where_the_image_cannot_tell_nobody_is_said_to_be_shut_out() {
    let block = "Match Address 10.0.0.0/8\n";
    for (hash, config, keys, sentence, unsure) in [
        ("!", "UsePAM yes\n", KEY, "can log in through ssh with a key", false),
        ("!", "UsePAM yes\nAuthorizedKeysCommand none\n", "", "cannot log in: the password is locked, no key", false),
        (
            "!",
            "UsePAM yes\nAuthorizedKeysCommand /bin/keys\nAuthorizedKeysCommandUser nobody\n",
            "",
            "may be able to log in through ssh with a key (AuthorizedKeysCommand /bin/keys may know more keys)",
            true,
        ),
        (
            "!",
            &format!("UsePAM yes\nPubkeyAuthentication no\n{block}PubkeyAuthentication yes\n"),
            KEY,
            "may be able to log in through ssh with a key (sshd does not accept keys (PubkeyAuthentication no); a `Match Address` block may say otherwise)",
            true,
        ),
        (
            "$6$a$b",
            &format!("PasswordAuthentication no\n{block}PasswordAuthentication yes\n"),
            "",
            "can log in on the console with a password (sha512); perhaps through ssh with the password (sshd does not \
             accept passwords (PasswordAuthentication no); a `Match Address` block may say otherwise)",
            true,
        ),
        (
            "$1$a$b",
            "PasswordAuthentication no\n",
            "",
            "may be able to log in on the console with a password (md5; libcrypt may refuse md5 hashes)",
            true,
        ),
        (
            "!",
            "UsePAM yes\n",
            &format!("cert-authority {KEY}"),
            "can log in through ssh with a certificate of SHA256:XqW7m0NKQIB9dC5GlP34cwjymuFHC1zNSQHW7flwxtc",
            false,
        ),
        (
            "!",
            "",
            KEY,
            "cannot log in: the password is locked, no key counts: sshd does not let eve in: a `!` locks the account, and \
             sshd works without PAM (UsePAM no)",
            false,
        ),
        ("*", "", KEY, "can log in through ssh with a key", false),
    ] {
        assert_eq!(told(hash, config, keys), (sentence.to_owned(), unsure), "{config}");
    }
}

#[test]
fn files_of_keys_that_may_come_at_boot_are_told() {
    let config = "UsePAM yes\nAuthorizedKeysFile /run/keys/%u\n";
    let files = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", config)];
    let account = &access("!", &files).people.accounts[0];
    let sentence = "may be able to log in through ssh with a key (sshd also reads keys from /run/keys/eve, which is not in the image)";
    assert_eq!((account.sentence().as_str(), account.is_unsure()), (sentence, true));
    let told = "keys-elsewhere eve: sshd also reads keys from /run/keys/eve, which is not in the image";
    assert_eq!(findings(&files), [told]);
}

#[test]
fn a_condition_of_the_unit_of_sshd_decides_or_is_told() {
    let keys = [("/s/etc/ssh/sshd_config", "UsePAM yes\nAuthorizedKeysFile /etc/keys\n"), ("/s/etc/keys", KEY), WANTED];
    let told = |condition: &str| {
        let unit = format!("[Unit]\n{condition}\n[Service]\nExecStart=/bin/sshd -D\n");
        let files = [&keys[..], &[(UNIT.0, unit.as_str())]].concat();
        let sentence = access("!", &files).people.accounts[0].sentence();
        (sentence, findings(&files).first().cloned().unwrap_or_default())
    };
    let open = "can log in through ssh with a key";
    let (unit, no_finding) = ("/etc/systemd/system/sshd.service", String::new());
    for (condition, notes, finding) in [
        ("ConditionVirtualization=!container", "", no_finding.clone()),
        ("ConditionPathExists=/var/x", " (only if sshd starts, which needs ConditionPathExists=/var/x)", no_finding),
        (
            "ConditionPathExists=/nix/store/e-gone",
            " (once somebody starts sshd: nothing does at boot)",
            format!(
                "sshd-not-started sshd: does not start at boot: ConditionPathExists=/nix/store/e-gone of {unit} does not \
                 hold; a key is authorized"
            ),
        ),
    ] {
        assert_eq!(told(condition), (format!("{open}{notes}"), finding), "{condition}");
    }
}

#[test]
fn scripts_that_write_keys_at_boot_leave_open_which_keys_let_in() {
    let config = ("/s/etc/ssh/sshd_config", "UsePAM yes\n");
    let wanted = ("/s/etc/systemd/system/multi-user.target.wants/keys.service", "-> ../keys.service");
    let script = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-unit-script-keys-start/bin/keys-start";
    let unit = format!("[Service]\nType=oneshot\nExecStart={script}\n");
    let unit = ("/s/etc/systemd/system/keys.service", unit.as_str());
    let text = |path: &str| format!("#!/bin/sh\nmkdir -p /root/.ssh\necho \"$key\" >> {path}/.ssh/authorized_keys\n");
    let (own, others) = (text("/home/eve"), text("/home/bob"));
    let files = [UNIT, WANTED, config, unit, wanted, (script, own.as_str())];
    let account = &access("!", &files).people.accounts[0];
    let sentence = "may be able to log in through ssh with a key (keys.service may write keys to \
                    /home/eve/.ssh/authorized_keys at boot)";
    assert_eq!((account.sentence().as_str(), account.is_unsure()), (sentence, true));
    let told = "keys-written-at-boot keys.service: may write keys to /home/eve/.ssh/authorized_keys at boot: which keys \
                let in eve is unknown";
    assert_eq!(findings(&files), [told]);
    assert_eq!(findings(&[UNIT, WANTED, config, unit, wanted, (script, others.as_str())]), [""; 0]);
    assert_eq!(findings(&[UNIT, WANTED, config, unit, (script, own.as_str())]), [""; 0]);
}

#[test]
fn an_empty_password_opens_sshd_where_pam_takes_it_too() {
    let config = ("/s/etc/ssh/sshd_config", "UsePAM yes\nPermitEmptyPasswords yes\n");
    for (pam, expected) in [("auth sufficient pam_unix.so nullok\n", true), ("auth sufficient pam_unix.so\n", false)] {
        let access = access("", &[UNIT, WANTED, config, ("/s/etc/pam.d/sshd", pam)]);
        assert_eq!(access.people.accounts[0].has(Way::SshWithoutPassword), expected, "{pam}");
    }
}

#[test]
fn what_is_wrong_or_elsewhere_is_a_finding() {
    for (files, expected) in [
        (
            &[UNIT, WANTED, ("/s/etc/ssh/sshd_config", "PermitRootLogn no\n")][..],
            "malformed-sshd-config sshd: does not start because of this line: unknown keyword PermitRootLogn",
        ),
        (
            &[UNIT, WANTED, ("/s/etc/ssh/sshd_config", "Include /run/sshd.conf\n")],
            "unread-file /run/sshd.conf: is included but not in the image: what it grants is unknown",
        ),
        (
            &[("/s/etc/sudoers", "root ALL=(ALL) ALL\n@include /run/sudoers\n")],
            "unread-file /run/sudoers: is included but not in the image: what it grants is unknown",
        ),
        (
            &[("/s/etc/sudoers", "eve ALL=(web) NOPASSWD: ALL\n")],
            "passwordless-command eve: sudo runs everything as web without a password (eve)",
        ),
        (&[(UNIT.0, "-> /dev/null")], "sshd-masked sshd: cannot start: /etc/systemd/system/sshd.service is masked"),
        (
            &[("/s/etc/systemd/system/rescue.service", "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n")],
            "emergency-shell emergency shell: gives a root shell without a password if booting fails (SYSTEMD_SULOGIN_FORCE)",
        ),
    ] {
        assert_eq!(findings(files), [expected]);
    }
    let old = access("$1$a$b", &[("/s/nixos-version", "25.11.1234.abcdef")]).findings;
    assert!(old.iter().any(|finding| finding.id == FindingId::OldHash));
    let older = access("$1$a$b", &[("/s/nixos-version", "22.11.1234.abcdef")]).findings;
    assert!(!older.iter().any(|finding| finding.id == FindingId::OldHash));
}

/// The entrances of `eve`: each with its verdict, conditions, reason and cause.
fn entrances(hash: &str, files: &[(&str, &str)]) -> Vec<String> {
    let account = access(hash, files).people.accounts.remove(0);
    let shown = |grant: &Grant| {
        let answer = &grant.answer;
        let reasons = answer.phrases().into_iter().chain(answer.refusal.as_ref().map(ToString::to_string));
        let cause = grant.cause().map(|cause| format!(" [{cause}]")).unwrap_or_default();
        let reasons: Vec<String> = reasons.collect();
        format!("{} {}: {}{cause}", grant.entrance.name(), grant.verdict().name(), reasons.join("; "))
    };
    account.entrances.iter().map(shown).collect()
}

#[test]
fn every_entrance_has_a_verdict_its_conditions_and_its_cause() {
    let config = "UsePAM yes\nPasswordAuthentication no\nAuthenticationMethods any\nAllowUsers eve@10.0.0.1\n\
                  AuthorizedKeysFile /etc/ssh/keys/%u\n";
    let keys = format!("from=\"10.0.0.0/8\",command=\"ls\" {KEY}\nno-ptty {KEY}\n");
    let files = [
        UNIT,
        ("/s/etc/ssh/sshd_config", config),
        ("/s/etc/ssh/keys/eve", &keys),
        ("/s/etc/sudoers", "\neve ALL=(ALL) NOPASSWD: ALL\n"),
    ];
    let hosts = "only from hosts in AllowUsers eve@10.0.0.1";
    let by_hand = "once somebody starts sshd: nothing does at boot";
    let line = "only to run \"ls\" (command= in its line)";
    assert_eq!(
        entrances("$6$a$b", &files),
        [
            "console granted:  [/s/etc/shadow]".to_owned(),
            format!(
                "ssh-key granted: {hosts}; only from \"10.0.0.0/8\" (from= in its line); {line}; {by_hand} [/s/etc/ssh/keys/eve:1]"
            ),
            "ssh-key denied: sshd ignores the line: unknown option no-ptty [/s/etc/ssh/keys/eve:2]".to_owned(),
            "ssh-certificate denied: no certificate authority".to_owned(),
            "ssh-password denied: sshd does not accept passwords (PasswordAuthentication no) [/s/etc/ssh/sshd_config:2]"
                .to_owned(),
            format!("ssh-keyboard-interactive granted: {hosts}; {by_hand} [/s/etc/shadow]"),
            "sudo granted:  [/etc/sudoers:2]".to_owned(),
        ]
    );
}

#[test]
fn what_the_image_does_not_tell_is_an_unknown_entrance() {
    let block = "PasswordAuthentication no\nMatch Address 10.0.0.0/8\nPasswordAuthentication yes\n";
    let config = format!("AuthorizedKeysFile /run/keys/%u\n{block}");
    let files = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", &*config)];
    assert_eq!(
        entrances("$6$a$b", &files),
        [
            "console granted:  [/s/etc/shadow]",
            "ssh-key unknown: sshd also reads keys from /run/keys/eve, which is not in the image",
            "ssh-certificate denied: no certificate authority",
            "ssh-password unknown: a `Match Address` block may say otherwise; sshd does not accept passwords \
             (PasswordAuthentication no) [/s/etc/ssh/sshd_config:2]",
            "ssh-keyboard-interactive denied: sshd does not offer keyboard-interactive (UsePAM no)",
        ]
    );
}

#[test]
fn rules_of_pam_that_let_in_without_a_password_are_found() {
    for (pam, sentence) in [
        (
            "auth sufficient pam_permit.so\n",
            "can log in on the console without a password (PAM asks for none: /etc/pam.d/login:1)",
        ),
        ("auth optional pam_permit.so\nauth required pam_deny.so\n", "cannot log in: the password is locked, no key"),
        (
            "AUTH sufficient \\\n pam_succeed_if.so user = eve\nauth required pam_deny.so\n",
            "can log in on the console without a password (PAM asks for none: /etc/pam.d/login:1)",
        ),
        (
            "auth sufficient pam_succeed_if.so user = bob\nauth required pam_deny.so\n",
            "cannot log in: the password is locked, no key",
        ),
        (
            "auth [success=done default=ignore] pam_exec.so /bin/x\nauth required pam_deny.so\n",
            "may be able to log in on the console without a password (the image does not tell whom pam_exec of PAM lets in)",
        ),
        ("auth required pam_deny.so\nauth sufficient pam_permit.so\n", "cannot log in: the password is locked, no key"),
    ] {
        let files = [("/s/etc/pam.d/login", pam)];
        let config = [
            UNIT,
            WANTED,
            ("/s/etc/ssh/sshd_config", "UsePAM yes\nKbdInteractiveAuthentication no\nPasswordAuthentication no\n"),
        ];
        let access = access("!", &[&config[..], &files[..]].concat());
        assert_eq!(access.people.accounts[0].sentence(), sentence, "{pam}");
    }
}

#[test]
fn pam_that_refuses_everybody_shuts_a_password_out() {
    let refused = "cannot log in: PAM refuses the user (pam_deny), no key";
    let hash = "$6$a$b";
    for (pam, expected) in [
        ("auth required pam_deny.so\n", true),
        ("auth sufficient pam_unix.so\nauth required pam_deny.so\n", false),
        ("auth sufficient pam_unix.so\naccount required pam_deny.so\n", true),
    ] {
        let config = [
            UNIT,
            WANTED,
            ("/s/etc/ssh/sshd_config", "UsePAM yes\nKbdInteractiveAuthentication no\nPasswordAuthentication no\n"),
        ];
        let access = access(hash, &[&config[..], &[("/s/etc/pam.d/login", pam)]].concat());
        assert_eq!(
            access.people.accounts[0].sentence() == refused,
            expected,
            "{pam}: {}",
            access.people.accounts[0].sentence()
        );
    }
}

#[test]
fn a_hash_that_no_password_has_opens_nothing() {
    let config = ("/s/etc/ssh/sshd_config", "UsePAM yes\n");
    for (hash, opens) in [
        (format!("$6$salt${}", "b".repeat(86)), true),
        (format!("$6$salt${}", "b".repeat(85)), false),
        (format!("$6$rounds=1000$salt${}", "b".repeat(86)), true),
        (format!("$6$rounds=999$salt${}", "b".repeat(86)), false),
        (format!("$6$rounds=01000$salt${}", "b".repeat(86)), false),
        (format!("$9$salt${}", "b".repeat(86)), false),
        ("abcdefghijklm".to_owned(), true),
        ("abcdefghijklmn".to_owned(), false),
        (format!("abcdefghijklm{}", "b".repeat(11)), true),
    ] {
        let account = access(&hash, &[UNIT, WANTED, config]).people.accounts.remove(0);
        assert_eq!(account.has(Way::ConsolePassword) && account.has(Way::SshPassword), opens, "{hash}");
        assert_eq!(account.sentence().starts_with("cannot log in"), !opens, "{hash}");
    }
}

#[test]
fn an_empty_text_that_is_hashed_opens_what_a_password_opens() {
    let list = "/nix/store/e-users-groups.json";
    let activate = format!("{list}\n");
    let config = "UsePAM yes\nPasswordAuthentication yes\n";
    for (option, through_ssh) in [(r#""password": """#, true), (r#""hashedPassword": """#, false)] {
        let text =
            format!(r#"{{"users": [{{"name": "eve", "uid": 1000, "shell": "/bin/sh", {option}}}], "groups": []}}"#);
        let files = [
            UNIT,
            WANTED,
            ("/s/etc/ssh/sshd_config", config),
            ("/s/activate", activate.as_str()),
            (list, text.as_str()),
            ("/s/etc/pam.d/sshd", "auth sufficient pam_unix.so\nauth required pam_deny.so\n"),
        ];
        let files = [&files[..], &[("/s/etc/pam.d/login", "auth sufficient pam_unix.so nullok\n")]].concat();
        let account = Access::read(&Made::of(&files).system(), Vec::new()).unwrap().people.accounts.remove(0);
        assert!(account.has(Way::ConsoleWithoutPassword), "{option}");
        let refused: Vec<Option<String>> = account.entrances.iter().map(|grant| grant.answer.refused()).collect();
        assert_eq!(account.has(Way::SshWithoutPassword), through_ssh, "{:?}: {refused:?}", account.user.password);
    }
}

#[test]
fn a_shell_that_ends_at_once_closes_consoles_but_not_the_forwarding_of_sshd() {
    let ssh = [
        UNIT,
        WANTED,
        (
            "/s/etc/ssh/sshd_config",
            "AuthorizedKeysFile /etc/ssh/keys/%u\nUsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n",
        ),
    ];
    for (shell, keys, sentence) in [
        ("/bin/nologin", KEY, "can log in through ssh with a key (no shell (nologin); port forwarding and sftp work)"),
        ("/bin/sh", KEY, "can log in on the console with a password (sha512); through ssh with a key"),
        ("/bin/nologin", "", "cannot log in: the shell is nologin, no key"),
    ] {
        let passwd = format!("eve:x:1000:100::/home/eve:{shell}\n");
        let own = [("/s/etc/passwd", passwd.as_str()), ("/s/etc/ssh/keys/eve", keys)];
        let account = access("$6$a$b", &[&ssh[..], &own].concat()).people.accounts.remove(0);
        assert_eq!(account.sentence(), sentence, "{shell} {keys:.7}");
    }
}

#[test]
fn a_shell_that_is_not_installed_lets_nobody_in() {
    for (shell, sentence) in [
        ("/bin/sh", "can log in through ssh with a key"),
        ("/run/current-system/sw/bin/bash", "can log in through ssh with a key"),
        (
            "/run/current-system/sw/bin/zsh",
            "cannot log in: the shell /run/current-system/sw/bin/zsh is not in the image",
        ),
    ] {
        let passwd = format!("eve:x:1000:100::/home/eve:{shell}\n");
        let files = [
            UNIT,
            WANTED,
            ("/s/etc/passwd", &passwd),
            ("/s/etc/ssh/sshd_config", "AuthorizedKeysFile /etc/ssh/keys/%u\nUsePAM yes\n"),
            ("/s/etc/ssh/keys/eve", KEY),
            ("/s/sw/bin/bash", ""),
        ];
        assert_eq!(access("!", &files).people.accounts[0].sentence(), sentence);
    }
}

#[test]
fn the_account_rules_of_pam_count_for_keys_where_sshd_asks_pam() {
    let denies = "account required pam_deny.so\nauth sufficient pam_unix.so\n";
    let admits = "account required pam_unix.so\nauth sufficient pam_unix.so\n";
    let refused = "cannot log in: the password is locked, no key counts: PAM refuses the user (pam_deny)";
    for (config, service, rules, sentence) in [
        ("UsePAM yes\n", "/s/etc/pam.d/sshd", denies, refused),
        ("UsePAM yes\n", "/s/etc/pam.d/sshd", admits, "can log in through ssh with a key"),
        ("UsePAM yes\n", "/s/etc/pam.d/other-sshd", denies, "can log in through ssh with a key"),
        ("UsePAM yes\nPAMServiceName other-sshd\n", "/s/etc/pam.d/other-sshd", denies, refused),
    ] {
        let config = format!("AuthorizedKeysFile /etc/ssh/keys/%u\n{config}");
        let files = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", &config), ("/s/etc/ssh/keys/eve", KEY), (service, rules)];
        assert_eq!(access("!", &files).people.accounts[0].sentence(), sentence, "{config} {service}");
    }
}

#[test]
fn other_methods_of_sshd_and_authorities_outside_the_image_are_reported() {
    let found = |config: &str| findings(&[UNIT, WANTED, ("/s/etc/ssh/sshd_config", config)]);
    let told = |method: &str| {
        vec![format!("other-ssh-method sshd: also lets in by {method}: for whom, the image does not tell")]
    };
    assert_eq!(
        found("HostbasedAuthentication no\nMatch User x\nHostbasedAuthentication yes\n"),
        told("HostbasedAuthentication")
    );
    assert_eq!(found("GSSAPIAuthentication yes\n"), told("GSSAPIAuthentication"));
    assert!(found("GSSAPIAuthentication no\nKerberosAuthentication no\n").is_empty());
    let (sentence, unsure) = told_of("TrustedUserCAKeys /run/ca.pub\n");
    let why = "sshd reads certificate authorities from /run/ca.pub, which is not in the image";
    assert_eq!((sentence, unsure), (format!("may be able to log in through ssh with a certificate ({why})"), true));
    assert!(!told_of("TrustedUserCAKeys /etc/ssh/ca.pub\n").1);
}

fn told_of(config: &str) -> (String, bool) {
    told("!", &format!("UsePAM yes\n{config}"), "")
}

#[test]
fn passwords_that_pam_refuses_are_not_taken() {
    let denies = "account required pam_unix.so\nauth required pam_deny.so\n";
    let admits = "account required pam_unix.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n";
    let off = "UsePAM yes\nPasswordAuthentication no\n";
    let block = "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMatch User eve\nPasswordAuthentication yes\n";
    for (config, rules, takes, blocks) in [
        (off, denies, false, 0),
        (off, admits, true, 0),
        ("UsePAM no\n", denies, true, 0),
        (block, admits, false, 1),
        (block, denies, false, 0),
    ] {
        let people =
            access("$6$a$b", &[UNIT, WANTED, ("/s/etc/ssh/sshd_config", config), ("/s/etc/pam.d/sshd", rules)]).people;
        assert_eq!(
            (people.sshd.takes_passwords(), people.sshd.password_blocks().len()),
            (takes, blocks),
            "{config}{rules}"
        );
    }
}

#[test]
fn what_the_initrd_writes_into_the_system_is_unknown() {
    let own = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", "UsePAM yes\nPasswordAuthentication no\n")];
    let keys = "f /sysroot/home/eve/.ssh/authorized_keys 0600 - - - ssh-ed25519\\x20AAAA\n";
    let unit = "[Service]\nExecStart=/bin/cp /keys/shadow /sysroot/etc/shadow\n";
    let quiet = "d /sysroot/home/eve 0700 - - -\nf /run/x 0600 - - - /home/eve/.ssh/authorized_keys\n";
    for (member, text, sentence, found) in [
        (
            "etc/tmpfiles.d/keys.conf",
            keys,
            "may be able to log in through ssh with a key \
             (initrd /etc/tmpfiles.d/keys.conf may write keys to /home/eve/.ssh/authorized_keys at boot)",
            vec![
                "keys-written-at-boot initrd /etc/tmpfiles.d/keys.conf: \
                 may write keys to /home/eve/.ssh/authorized_keys at boot: which keys let in eve is unknown",
            ],
        ),
        (
            "etc/systemd/system/a.service",
            unit,
            "may be able to log in on the console with a password (/etc/systemd/system/a.service of the initrd may set passwords)",
            vec![
                "passwords-written-at-boot initrd: may set passwords before the system starts: which ones count is unknown",
            ],
        ),
        ("etc/tmpfiles.d/keys.conf", quiet, "cannot log in: the password is locked, no key", vec![]),
    ] {
        let initrd = archive(&[(member, text)]);
        let files = [&own[..], &[("/s/initrd", &*initrd)]].concat();
        assert_eq!(access("!", &files).people.accounts[0].sentence(), sentence, "{text}");
        assert_eq!(findings(&files), found, "{text}");
    }
}

/// The sentence about `eve`, whose account is declared like this, where a password opens sshd.
fn declared(by: &str, account: &str) -> String {
    let text = format!(
        r#"{{"users": [{{"name": "eve", "uid": 1000, "home": "/home/eve", "shell": "/bin/sh", {account}}}], "groups": []}}"#
    );
    let list = format!("/nix/store/{}-{by}.json", "e".repeat(32));
    let (activate, unit) = (format!("{list}\n"), format!("[Service]\nExecStart=/bin/userborn {list} /etc\n"));
    let starter = match by {
        "userborn" => ("/s/etc/systemd/system/userborn.service", unit.as_str()),
        _ => ("/s/activate", activate.as_str()),
    };
    let files = [
        UNIT,
        WANTED,
        ("/s/etc/ssh/sshd_config", "UsePAM yes\n"),
        ("/s/etc/pam.d/login", "auth sufficient pam_unix.so nullok\n"),
        ("/s/etc/pam.d/sshd", "auth sufficient pam_unix.so\n"),
        starter,
        (&list, &text),
    ];
    Access::read(&Made::of(&files).system(), Vec::new()).unwrap().people.accounts.remove(0).sentence()
}

#[test]
fn an_account_opens_as_its_options_say() {
    let hash = format!("$6$salt${}", "b".repeat(86));
    let (stored, gone) = ("/run/agenix/eve", "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-gone");
    let of_file = |file: &str| {
        let why = format!("the password comes from {file}, which is not in the image");
        format!(
            "may be able to log in on the console with a password ({why}); perhaps through ssh with the password ({why})"
        )
    };
    let both = "can log in on the console with a password (sha512); through ssh with the password".to_owned();
    let shut = |why: &str| format!("cannot log in: {why}, no key");
    let (old, new) = ("users-groups", "userborn");
    for (by, account, expected) in [
        (old, format!(r#""hashedPassword": "{hash}""#), both.clone()),
        (old, r#""hashedPassword": "!""#.to_owned(), shut("the password is locked")),
        (old, r#""uid": 1"#.replace("uid", "x"), shut("no password")),
        // A text is hashed, so Enter opens sshd too; an empty hash opens the console only.
        (
            old,
            r#""password": """#.to_owned(),
            "can log in on the console without a password; through ssh without a password".to_owned(),
        ),
        (
            old,
            r#""initialPassword": """#.to_owned(),
            "can log in on the console without a password; through ssh without a password".to_owned(),
        ),
        (old, r#""hashedPassword": """#.to_owned(), "can log in on the console without a password".to_owned()),
        (old, r#""initialHashedPassword": """#.to_owned(), "can log in on the console without a password".to_owned()),
        // Secrets that arrive at boot.
        (old, format!(r#""hashedPasswordFile": "{stored}""#), of_file(stored)),
        (old, format!(r#""hashedPasswordFile": "{stored}", "hashedPassword": "!""#), of_file(stored)),
        (
            new,
            r#""hashedPasswordFile": "/run/secrets-for-users/eve""#.to_owned(),
            of_file("/run/secrets-for-users/eve"),
        ),
        // A file in the store that is missing.
        (old, format!(r#""hashedPasswordFile": "{gone}""#), of_file(gone)),
        (
            new,
            format!(r#""hashedPasswordFile": "{gone}""#),
            format!("cannot log in: userborn does not make the account eve: {gone} is not in the image"),
        ),
        // A line break cuts the line in shadow.
        (old, format!(r#""hashedPassword": "{hash}\n""#), shut("no password has such a hash")),
        (new, format!(r#""hashedPassword": "{hash}\n""#), both.clone()),
        (old, r#""hashedPassword": "\n""#.to_owned(), shut("the password is locked")),
        (
            old,
            format!(r#""hashedPassword": "{hash}", "expires": "2001-01-01""#),
            "cannot log in: the account expired on 2001-01-01".to_owned(),
        ),
        (
            old,
            format!(r#""hashedPassword": "{hash}", "expires": "9998-01-01""#),
            "can log in on the console with a password (sha512; only before 9998-01-01, when the account expires); \
             through ssh with the password (only before 9998-01-01, when the account expires)"
                .to_owned(),
        ),
    ] {
        assert_eq!(declared(by, &account), expected, "{by} {account}");
    }
}

#[test]
fn what_is_over_a_limit_is_unknown_and_the_rest_is_kept() {
    let config = "UsePAM yes\nPasswordAuthentication no\nAuthorizedKeysFile /etc/ssh/keys/%u\n";
    let list = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-users-groups.json";
    let (users, activate) = (" ".repeat((16 << 20) + 1), format!("{list}\n"));
    let keys = format!("{KEY}\n{}{KEY}\n", format!("#{}\n", "x".repeat(9_999)).repeat(420));
    let unit = format!(
        "[Service]\n{}",
        "ExecStart=/x/bin/ttyd\n".repeat(600) + &format!("#{}\n", "x".repeat(9_999)).repeat(105)
    );
    let with = |files: &[(&str, &str)]| {
        let own = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", config), ("/s/etc/ssh/keys/eve", KEY)];
        let own: Vec<_> = own.into_iter().filter(|(path, _)| !files.iter().any(|(own, _)| own == path)).collect();
        access("!", &[&own[..], files].concat())
    };
    let over = |access: &Access| -> Vec<String> {
        let limits = access.findings.iter().filter(|finding| finding.id == FindingId::OverLimit);
        limits.map(|finding| finding.message.clone()).collect()
    };
    let told = |file: &str| {
        let what = format!("length of a text file at {file}: over the limit");
        (vec![format!("is not read further, so what the rest opens is unknown: {what}")], 1)
    };
    let key = "can log in through ssh with a key";

    let of_keys = with(&[("/s/etc/ssh/keys/eve", &keys)]);
    assert_eq!((over(&of_keys), of_keys.over_limits.len()), told("/s/etc/ssh/keys/eve"));
    let more =
        "perhaps through ssh with a key (/etc/ssh/keys/eve may hold more keys: the image shows only a part of it)";
    assert_eq!(of_keys.people.accounts[0].sentence(), format!("{key}; {more}"));

    let wanted = ("/s/etc/systemd/system/multi-user.target.wants/web.service", "-> ../web.service");
    let of_unit = with(&[("/s/etc/systemd/system/web.service", &unit), wanted]);
    assert_eq!((over(&of_unit), of_unit.over_limits.len()), told("/s/etc/systemd/system/web.service"));
    assert_eq!(of_unit.people.accounts[0].sentence(), key);
    assert!(of_unit.findings.iter().any(|finding| finding.message == "gives a terminal through a web page"));

    let made = Made::of(&[UNIT, WANTED, ("/s/activate", &activate), (list, &users)]);
    let of_users = Access::read(&made.system(), Vec::new()).unwrap();
    assert_eq!((over(&of_users), of_users.over_limits.len()), told(list));
    assert!(!of_users.people.users_known && of_users.people.sshd.starts);

    assert!(over(&with(&[])).is_empty());
}

#[test]
fn a_key_on_a_kernel_line_and_a_trusted_user_are_told_in_whole_sentences() {
    let entry = MenuEntry {
        params: vec!["systemd.set_credential=ssh.authorized_keys.root:x".to_owned()],
        ..MenuEntry::default()
    };
    let told = |files: &[(&str, &str)], wanted: FindingId| -> Vec<String> {
        let found = Access::read(&Made::of(files).system(), vec![&entry]).unwrap().findings;
        found.into_iter().filter(|finding| finding.id == wanted).map(|finding| finding.message).collect()
    };
    let key = "lets root in through ssh with a key";
    let own = "(the system's own kernel parameters)";
    assert_eq!(told(&[UNIT, WANTED], FindingId::KeyOnKernelLine), [format!("{key} {own}")]);
    let absent = format!("{key} {own}, but the system has no sshd that can start");
    assert_eq!(told(&[(UNIT.0, "-> /dev/null")], FindingId::KeyOnKernelLine), [absent]);
    let users = [("/s/etc/passwd", "eve:x:1000:100::/home/eve:/bin/sh\n"), ("/s/etc/shadow", "eve:!:1::::::\n")];
    let group = ("/s/etc/group", "users:x:100:\nwheel:x:1:eve\n");
    for (who, expected) in [
        ("eve", "is trusted by Nix, which is as good as root (eve)"),
        ("@wheel", "members are trusted by Nix, which is as good as root (eve)"),
        ("*", "everyone is trusted by Nix, which is as good as root (eve)"),
    ] {
        let config = format!("trusted-users = {who}\n");
        let files = [&users[..], &[group, ("/s/etc/nix/nix.conf", config.as_str())]].concat();
        assert_eq!(told(&files, FindingId::TrustedUser), [expected], "{who}");
    }
}

/// A second unit that runs sshd with `/etc/ssh/second`.
const SECOND: [(&str, &str); 2] = [
    ("/s/etc/systemd/system/rescue.service", "[Service]\nExecStart=/bin/sshd -D -f /etc/ssh/second\n"),
    ("/s/etc/systemd/system/multi-user.target.wants/rescue.service", "-> ../rescue.service"),
];

#[test]
fn a_key_lets_in_if_any_sshd_that_starts_takes_it() {
    let first =
        "UsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nAuthorizedKeysFile /etc/first\n";
    let second = "Port 2222\nUsePAM yes\nAuthorizedKeysFile /etc/second\n";
    let refusing = "Port 2222\nUsePAM yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nDenyUsers eve\n\
                    AuthorizedKeysFile /etc/second\n";
    let through = "only through the sshd of rescue.service on port 2222";
    let pam = ("/s/etc/pam.d/sshd", "account required pam_unix.so\nauth sufficient pam_unix.so\n");
    let console = "can log in on the console with a password (sha512)";
    for (second, keys, sentence, accepted) in [
        (
            second,
            ["", KEY],
            format!("{console}; through ssh with a key ({through}); through ssh with the password ({through})"),
            1,
        ),
        (second, [KEY, ""], format!("{console}; through ssh with a key; through ssh with the password ({through})"), 1),
        (refusing, ["", KEY], console.to_owned(), 0),
        (refusing, [KEY, KEY], format!("{console}; through ssh with a key"), 1),
    ] {
        let files = [
            UNIT,
            WANTED,
            pam,
            ("/s/etc/ssh/sshd_config", first),
            ("/s/etc/ssh/second", second),
            ("/s/etc/first", keys[0]),
            ("/s/etc/second", keys[1]),
        ];
        let access = access("$6$a$b", &[&files[..], &SECOND].concat());
        let account = &access.people.accounts[0];
        assert_eq!(account.sentence(), sentence, "{second}{keys:?}");
        assert_eq!(account.keys().filter(|key| key.answer.opens()).count(), accepted, "{second}{keys:?}");
        let units: Vec<_> = account.keys().filter(|key| key.answer.opens()).collect();
        let grants =
            account.entrances.iter().filter(|grant| grant.entrance == Entrance::SshKey && grant.answer.opens());
        assert_eq!(grants.count(), units.len());
        let told = access.findings.iter().find(|finding| finding.id == FindingId::AnotherSshd).unwrap();
        let unit = "/etc/systemd/system/rescue.service";
        let message = format!("{unit} starts another sshd, with the configuration /s/etc/ssh/second, on port 2222");
        assert_eq!((told.message.as_str(), told.path.as_deref()), (message.as_str(), Some(unit)));
    }
}

#[test]
fn the_mistakes_of_a_second_sshd_are_its_own() {
    let files = [
        UNIT,
        WANTED,
        ("/s/etc/ssh/sshd_config", "UsePAM yes\nAuthorizedKeysFile /etc/keys\n"),
        ("/s/etc/ssh/second", "PermitRootLogin maybe\n"),
        ("/s/etc/keys", KEY),
    ];
    let files = [&files[..], &SECOND].concat();
    assert_eq!(access("!", &files).people.accounts[0].sentence(), "can log in through ssh with a key");
    let found = findings(&files);
    let told = "malformed-sshd-config sshd: does not start because of this line: PermitRootLogin cannot be maybe";
    assert!(found.iter().any(|finding| finding == told), "{found:?}");
    let gone: Vec<_> = files.iter().filter(|(path, _)| !path.ends_with("second")).copied().collect();
    let told = "sshd-config-missing sshd: reads /etc/ssh/second, which is not in the image: who gets in is unknown";
    assert!(findings(&gone).iter().any(|finding| finding == told), "{:?}", findings(&gone));
    let account = &access("!", &gone).people.accounts[0];
    let sentence = "can log in through ssh with a key; perhaps through ssh with a key (sshd reads /etc/ssh/second, which is \
                    not in the image; only through the sshd of rescue.service; what /etc/ssh/second says is unknown)";
    assert_eq!((account.sentence().as_str(), account.is_unsure()), (sentence, true));
}

#[test]
fn a_shell_that_is_not_declared_shuts_out_where_pam_asks_for_it() {
    let pam = "account required pam_unix.so\naccount required pam_shells.so\nauth sufficient pam_unix.so\n";
    let shells = ("/s/etc/shells", "/run/current-system/sw/bin/bash\n/bin/sh\n");
    let others = ("/s/etc/shells", "# /bin/sh\n/bin/sh \n/bin/shell\n");
    let console = "can log in on the console with a password (sha512)";
    let refused = "cannot log in: PAM refuses the user (pam_shells)";
    for (shells, sentence) in [
        (Some(shells), format!("{console}; through ssh with a key; through ssh with the password")),
        (Some(others), refused.to_owned()),
        (None, refused.to_owned()),
    ] {
        let config = ("/s/etc/ssh/sshd_config", "UsePAM yes\nAuthorizedKeysFile /etc/keys\n");
        let (login, sshd) = (("/s/etc/pam.d/login", pam), ("/s/etc/pam.d/sshd", pam));
        let files = [UNIT, WANTED, config, ("/s/etc/keys", KEY), login, sshd];
        let files: Vec<_> = files.into_iter().chain(shells).collect();
        assert_eq!(access("$6$a$b", &files).people.accounts[0].sentence(), sentence, "{shells:?}");
    }
}

#[test]
fn a_match_may_name_another_service_of_pam() {
    let open = "account required pam_unix.so\nauth sufficient pam_unix.so\n";
    let shut = "account required pam_deny.so\nauth required pam_deny.so\n";
    let console = "can log in on the console with a password (sha512)";
    let ways = format!("{console}; through ssh with a key; through ssh with the password");
    let otherwise = "a `Match Address` block may say otherwise";
    for (config, sentence) in [
        ("PAMServiceName open\n", ways.clone()),
        ("PAMServiceName shut\n", console.to_owned()),
        ("PAMServiceName shut\nMatch User eve\nPAMServiceName open\n", ways.clone()),
        ("PAMServiceName open\nMatch User eve\nPAMServiceName shut\n", console.to_owned()),
        ("PAMServiceName open\nMatch User bob\nPAMServiceName shut\n", ways.clone()),
        (
            "PAMServiceName open\nMatch Address 10.0.0.0/8\nPAMServiceName shut\n",
            format!("{console}; through ssh with a key ({otherwise}); through ssh with the password ({otherwise})"),
        ),
    ] {
        let config = format!("UsePAM yes\nAuthorizedKeysFile /etc/keys\n{config}");
        let (one, other) = (("/s/etc/pam.d/open", open), ("/s/etc/pam.d/shut", shut));
        let files = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", &config), ("/s/etc/keys", KEY), one, other];
        assert_eq!(access("$6$a$b", &files).people.accounts[0].sentence(), sentence, "{config}");
    }
}

#[test]
fn an_sshd_config_over_a_limit_leaves_open_who_gets_in_through_sshd() {
    let includes = "Include /etc/ssh/empty\n".repeat(1_001);
    let config = format!("UsePAM yes\nPasswordAuthentication no\nAuthorizedKeysFile /etc/keys\n{includes}");
    let files = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", &config), ("/s/etc/ssh/empty", ""), ("/s/etc/keys", KEY)];
    let access = access("$6$a$b", &files);
    let unread =
        "sshd reads /s/etc/ssh/sshd_config, which is over a limit; what /s/etc/ssh/sshd_config says is unknown";
    let sentence = format!(
        "can log in on the console with a password (sha512); perhaps through ssh with a key ({unread}); perhaps through \
         ssh with the password ({unread})"
    );
    assert_eq!(access.people.accounts[0].sentence(), sentence);
    let over: Vec<String> = access.over_limits.iter().map(ToString::to_string).collect();
    assert_eq!(over, ["1,000 included files at /s/etc/ssh/empty: over the limit"]);
    let ids: Vec<_> = access.findings.iter().map(|finding| finding.id).collect();
    assert!(ids.contains(&FindingId::OverLimit) && !ids.contains(&FindingId::SshdConfigMissing), "{ids:?}");
}
