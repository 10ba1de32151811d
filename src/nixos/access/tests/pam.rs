//! Rules of PAM that a daemon follows.

use super::*;

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
