//! What is past a limit is unknown, and the rest counts.

use super::*;

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
        (vec![format!("reached, so what the rest opens is unknown: {what}")], 1)
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
fn what_stands_before_a_limit_is_found() {
    let over = |access: &Access| access.over_limits.iter().map(ToString::to_string).collect::<Vec<_>>();
    // More keys than a file may have, and more lines than a unit may have.
    let config = ("/s/etc/ssh/sshd_config", "UsePAM yes\nAuthorizedKeysFile /etc/ssh/keys/%u\n");
    let keys = format!("{KEY}\n").repeat(10_001);
    let shell = format!("[Service]\nExecStart=/x/bin/ttyd\n{}", "A=\n".repeat(200_001));
    let wanted = ("/s/etc/systemd/system/multi-user.target.wants/a.service", "-> ../a.service");
    let files =
        [UNIT, WANTED, config, ("/s/etc/ssh/keys/eve", &keys), ("/s/etc/systemd/system/a.service", &shell), wanted];
    let found = access("!", &files);
    assert_eq!(
        over(&found),
        [
            "10,000 lines of a unit at /s/etc/systemd/system/a.service: over the limit",
            "10,000 keys in a file at /s/etc/ssh/keys/eve: over the limit",
        ]
    );
    assert_eq!(found.people.accounts[0].ssh.keys.len(), 10_000);
    assert!(found.people.accounts[0].is_unsure());
    assert!(found.findings.iter().any(|finding| finding.message == "gives a terminal through a web page"));

    // 1,000 rules, and 1,000 members of an alias, before the one that counts.
    let rules = format!("{}eve ALL=(ALL) NOPASSWD: ALL\n", "bob ALL=(ALL) /opt/a\n".repeat(1_000));
    let members: Vec<String> = (0..1_000).map(|number| format!("u{number}")).collect();
    let alias = format!("User_Alias A = {}, eve\nA ALL=(ALL) NOPASSWD: ALL\n", members.join(", "));
    for text in [rules, alias] {
        let found = access("!", &[("/s/etc/sudoers", &text)]);
        assert_eq!(over(&found), [""; 0]);
        let of_eve = |finding: &&Finding| finding.id == FindingId::PasswordlessRoot && finding.subject == "eve";
        assert_eq!(found.findings.iter().filter(of_eve).count(), 1, "{text:.40}");
    }
}

#[test]
fn thousands_of_units_in_the_initrd_hide_none_of_its_doors() {
    let names: Vec<String> = (0..1_000).map(|number| format!("etc/x{number}/emergency.service")).collect();
    let mut members: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "[Service]\n")).collect();
    members.push(("etc/ssh/authorized_keys.d/root", KEY));
    members.push(("etc/shadow", "root::1::::::\n"));
    let mut found = findings(&[("/s/initrd", &*archive(&members))]);
    assert!(found.remove(1).starts_with("initrd-ssh-key initrd: the key SHA256:"));
    let shell = "initrd-shell initrd: gives a root shell without a password if booting fails (boot.initrd.systemd.emergencyAccess)";
    assert_eq!(found, [shell]);
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
