//! Who gets in, and what is said of it, in systems made of a few texts.

use super::*;
use crate::nixos::made::Made;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

const UNIT: (&str, &str) = ("/s/etc/systemd/system/sshd.service", "[Service]\nExecStart=/bin/sshd -D\n");
const WANTED: (&str, &str) = ("/s/etc/systemd/system/multi-user.target.wants/sshd.service", "-> ../sshd.service");

/// A system with a user `eve` and files of its own.
fn access(hash: &str, files: &[(&str, &str)]) -> Access {
    let shadow = format!("eve:{hash}:1::::::\n");
    let users = [
        ("/s/etc/passwd", "eve:x:1000:100::/home/eve:/bin/sh\n"),
        ("/s/etc/group", "users:x:100:\n"),
        ("/s/etc/shadow", shadow.as_str()),
        ("/s/etc/pam.d/login", "auth sufficient pam_unix.so nullok\n"),
    ];
    Access::read(&Made::of(&[&users, files].concat()).system(), Vec::new()).unwrap()
}

/// The sentence of `eve` under a configuration of sshd, and whether it may be otherwise.
fn told(hash: &str, config: &str, keys: &str) -> (String, bool) {
    let config = format!("AuthorizedKeysFile /etc/ssh/keys/%u\n{config}");
    let files = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", &config), ("/s/etc/ssh/keys/eve", keys)];
    let login = access(hash, &files).accounts.remove(0).login;
    (login.sentence, login.unsure)
}

/// Findings but the sentences of users, and that there is no sshd.
fn findings(files: &[(&str, &str)]) -> Vec<String> {
    let found = access("!", files).findings;
    let told = found.into_iter().filter(|finding| !matches!(finding.id, "login" | "sshd-absent"));
    told.map(|finding| format!("{} {}: {}", finding.id, finding.subject, finding.message)).collect()
}

#[test]
fn where_the_image_cannot_tell_nobody_is_said_to_be_shut_out() {
    let block = "Match Address 10.0.0.0/8\n";
    for (hash, config, keys, sentence, unsure) in [
        ("!", "UsePAM yes\n", KEY, "through ssh with a key", false),
        ("!", "UsePAM yes\nAuthorizedKeysCommand none\n", "", "cannot log in: the password is locked, no key", false),
        (
            "!",
            "AuthorizedKeysCommand /bin/keys\n",
            "",
            "perhaps through ssh with a key: AuthorizedKeysCommand /bin/keys may know more keys",
            true,
        ),
        (
            "!",
            &format!("PubkeyAuthentication no\n{block}PubkeyAuthentication yes\n"),
            KEY,
            "perhaps through ssh with a key (a `Match Address` block may say otherwise)",
            true,
        ),
        (
            "$6$a$b",
            &format!("PasswordAuthentication no\n{block}PasswordAuthentication yes\n"),
            "",
            "logs in on the console with a password (sha512); perhaps through ssh with the password (a `Match Address` block \
             may say otherwise)",
            true,
        ),
        (
            "$1$a$b",
            "PasswordAuthentication no\n",
            "",
            "logs in on the console with a password (md5), if its libcrypt takes that scheme",
            true,
        ),
        (
            "!",
            "UsePAM yes\n",
            &format!("cert-authority {KEY}"),
            "through ssh with a certificate of SHA256:XqW7m0NKQIB9dC5GlP34cwjymuFHC1zNSQHW7flwxtc",
            false,
        ),
        ("!", "", KEY, "through ssh with a key (unless a `!` locks the account (UsePAM no))", false),
    ] {
        assert_eq!(told(hash, config, keys), (sentence.to_owned(), unsure), "{config}");
    }
}

#[test]
fn files_of_keys_that_may_come_at_boot_are_told() {
    let config = "UsePAM yes\nAuthorizedKeysFile /run/keys/%u\n";
    let files = [UNIT, WANTED, ("/s/etc/ssh/sshd_config", config)];
    let login = &access("!", &files).accounts[0].login;
    let sentence =
        "cannot log in: the password is locked, no key, as long as there is no /run/keys/eve, which sshd would read";
    assert_eq!((login.sentence.as_str(), login.unsure), (sentence, true));
    let told = "keys-elsewhere eve: sshd reads keys from /run/keys/eve, too, which is not in the image and may be there at boot";
    assert_eq!(findings(&files), [told]);
}

#[test]
fn an_empty_password_opens_sshd_where_pam_takes_it_too() {
    let config = ("/s/etc/ssh/sshd_config", "UsePAM yes\nPermitEmptyPasswords yes\n");
    for (pam, expected) in [("auth sufficient pam_unix.so nullok\n", true), ("auth sufficient pam_unix.so\n", false)] {
        let access = access("", &[UNIT, WANTED, config, ("/s/etc/pam.d/sshd", pam)]);
        let ways = &access.accounts[0].login.ways;
        assert_eq!(ways.contains(&Way::SshWithoutPassword), expected, "{pam}");
    }
}

#[test]
fn what_is_wrong_or_elsewhere_is_a_finding() {
    for (files, expected) in [
        (
            &[UNIT, WANTED, ("/s/etc/ssh/sshd_config", "PermitRootLogn no\n")][..],
            "malformed-sshd-config sshd: does not start with such a line: PermitRootLogn is no keyword that is known",
        ),
        (
            &[UNIT, WANTED, ("/s/etc/ssh/sshd_config", "Include /run/sshd.conf\n")],
            "unread-file /run/sshd.conf: is included and not in the image: what it says of who gets in, nobody can tell",
        ),
        (
            &[("/s/etc/sudoers", "root ALL=(ALL) ALL\n@include /run/sudoers\n")],
            "unread-file /run/sudoers: is included and not in the image: what it says of who gets in, nobody can tell",
        ),
        (
            &[("/s/etc/sudoers", "eve ALL=(web) NOPASSWD: ALL\n")],
            "passwordless-command eve: sudo runs everything as web without a password (eve)",
        ),
        (&[(UNIT.0, "-> /dev/null")], "sshd-masked sshd: cannot start: /etc/systemd/system/sshd.service is masked"),
        (
            &[("/s/etc/systemd/system/rescue.service", "[Service]\nEnvironment=SYSTEMD_SULOGIN_FORCE=1\n")],
            "emergency-shell emergency shell: asks for no password where booting fails, and is one of root (SYSTEMD_SULOGIN_FORCE)",
        ),
    ] {
        assert_eq!(findings(files), [expected]);
    }
    let old = access("$1$a$b", &[("/s/nixos-version", "25.11.1234.abcdef")]).findings;
    assert!(old.iter().any(|finding| finding.id == "old-hash"));
    let older = access("$1$a$b", &[("/s/nixos-version", "22.11.1234.abcdef")]).findings;
    assert!(!older.iter().any(|finding| finding.id == "old-hash"));
}
