//! Several daemons of OpenSSH in one system.

use super::*;

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
