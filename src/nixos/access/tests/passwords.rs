//! What passwords open, and what PAM makes of them.

use super::*;

/// A system whose users come from a list for the activation script.
fn listed(account: &str, files: &[(&str, &str)]) -> Access {
    let list = "/nix/store/e-users-groups.json";
    let text = format!(r#"{{"users": [{{"name": "eve", "uid": 1000, {account}}}], "groups": []}}"#);
    let activate = format!("#!/bin/sh\nperl /nix/store/e-update-users-groups.pl {list}\n");
    let own = [
        ("/s/activate", activate.as_str()),
        (list, text.as_str()),
        ("/s/etc/pam.d/login", "auth sufficient pam_unix.so nullok\n"),
    ];
    Access::read(&Made::of(&[&own[..], files].concat()).system(), Vec::new()).unwrap()
}

#[test]
fn a_password_that_a_file_may_replace_at_boot_is_uncertain_but_an_empty_one_is_still_found() {
    let replaces = "/run/secrets/eve, which is not in the image, replaces the password if it exists at boot";
    for (others, sentence, ids) in [
        (
            r#""hashedPassword": """#,
            format!("may be able to log in on the console without a password ({replaces})"),
            &["empty-password", "login"][..],
        ),
        (
            r#""initialPassword": "x""#,
            format!("may be able to log in on the console with a password that is in the image in clear text ({replaces})"),
            &["plaintext-password", "login"],
        ),
        (
            r#""hashedPassword": "!""#,
            "may be able to log in on the console with a password (the password comes from /run/secrets/eve, which is not \
             in the image)"
                .to_owned(),
            &["password-not-in-image", "login"],
        ),
    ] {
        let access = listed(&format!(r#""hashedPasswordFile": "/run/secrets/eve", {others}"#), &[]);
        let account = &access.people.accounts[0];
        assert_eq!((account.sentence(), account.is_unsure()), (sentence, true), "{others}");
        let found: Vec<&str> = access.findings.iter().map(|finding| finding.id.name()).collect();
        let found: Vec<&str> = found.into_iter().filter(|id| *id != "sshd-absent").collect();
        assert_eq!(found, ids, "{others}");
    }
    // Without that file, the image decides.
    let account = &listed(r#""hashedPassword": """#, &[]).people.accounts[0];
    assert_eq!(
        (account.sentence().as_str(), account.is_unsure()),
        ("can log in on the console without a password", false)
    );
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
            "may be able to log in on the console without a password (the image does not say whom pam_exec of PAM lets in)",
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
