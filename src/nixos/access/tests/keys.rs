//! Which keys let in, and what is said about them.

use super::*;

#[test]
fn a_shared_list_of_keys_raises_no_alarm_for_accounts_without_a_login() {
    let config = ("/s/etc/ssh/sshd_config", "UsePAM yes\nAuthorizedKeysFile /etc/keys\n");
    let told = |shell: &str, rest: &str| {
        let passwd = format!("eve:x:1000:100::/home/eve:/bin/sh\nweb:x:990:100::/var/empty:{shell}\n");
        let shadow = format!("eve:!:1::::{rest}\nweb:!:1::::::\n");
        findings(&[UNIT, WANTED, config, ("/s/etc/keys", KEY), ("/s/etc/passwd", &passwd), ("/s/etc/shadow", &shadow)])
    };
    let gone = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-shadow/bin";
    let refused = |user: &str, why: &str| {
        let key = "SHA256:XqW7m0NKQIB9dC5GlP34cwjymuFHC1zNSQHW7flwxtc";
        format!("key-refused {user}: the key {key} does not count: {why}")
    };
    let missing = |name: &str| refused("web", &format!("the shell {gone}/{name} is not in the image"));
    assert_eq!(told(&format!("{gone}/nologin"), "::"), [""; 0]);
    assert_eq!(told(&format!("{gone}/zsh"), "::"), [missing("zsh")]);
    // If the line lets nobody in, it is reported for every account.
    let expired = refused("eve", "the account expired on 1970-01-03");
    assert_eq!(told(&format!("{gone}/nologin"), ":2:"), [expired, missing("nologin")]);
}

#[test]
fn tools_that_log_in_as_root_are_only_said_to_fail_where_sshd_does_not_take_the_password() {
    let passwd = "root:x:0:0::/root:/bin/sh\neve:x:1000:100::/home/eve:/bin/sh\n";
    let hash = format!("$6$a${}", "b".repeat(86));
    for (of_root, config, expected) in [
        ("!", "PermitRootLogin yes\n", "cannot connect"),
        (hash.as_str(), "PermitRootLogin yes\n", "need the password"),
        (hash.as_str(), "PermitRootLogin prohibit-password\n", "cannot connect"),
    ] {
        let shadow = format!("root:{of_root}:1::::::\neve:!:1::::::\n");
        let config = format!("UsePAM yes\nAuthorizedKeysFile /etc/keys/%u\n{config}");
        let files = [("/s/etc/ssh/sshd_config", config.as_str()), ("/s/etc/keys/eve", KEY)];
        let users = [
            ("/s/etc/passwd", passwd),
            ("/s/etc/shadow", &shadow),
            ("/s/etc/pam.d/sshd", "auth sufficient pam_unix.so\n"),
        ];
        let found = findings(&[&[UNIT, WANTED][..], &files, &users].concat());
        let of_root = format!(
            "no-key-for-root root: no key lets root in, only eve: tools that install over ssh as root {expected}"
        );
        assert!(found.contains(&of_root), "{config} {found:?}");
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
        vec![format!("other-ssh-method sshd: also lets in by {method}: the image does not say for whom")]
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
