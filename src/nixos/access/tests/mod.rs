//! Who can log in, and what the program says about it, in systems made of a few texts.

mod keys;
mod limits;
mod passwords;
mod sshd;

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
