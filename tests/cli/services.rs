//! `services`: what starts, as whom, and what the firewall lets in.

use serde_json::{Value, json};

use crate::support::{Disc, fixture, program, run};

#[test]
fn units_that_start_are_listed_with_their_user_program_and_ports() {
    let today = fixture("today/result").display().to_string();
    let listed = run(&["services", &today]);
    assert_eq!((listed.code, listed.errors.as_str()), (Some(0), ""));
    assert_eq!(
        listed.out,
        "\
UNIT                        STARTED BY                                                       AS    HARDENING  LISTENS  RUNS
register-nix-paths.service  multi-user.target if ConditionPathExists=/nix-path-registration  root  none                nix-2.31.2/bin/nix-store
sshd.service                multi-user.target                                                root  none       tcp 22   openssh-10.2p1/bin/sshd

3 more units do not start by themselves, --all shows them
firewall: NixOS sets up none
"
    );
    let all = run(&["services", "--all", &today]);
    assert_eq!(all.out.lines().filter(|line| line.split_whitespace().nth(1) == Some("hand")).count(), 3, "{}", all.out);
}

#[test]
fn at_80_columns_each_unit_has_its_program_below_it_and_conditions_follow() {
    let disc = Disc::with_system()
        .unit("web.service", "multi-user.target", "[Unit]\nConditionPathExists=/var/lib/web/enabled-by-the-administrator\n\
             [Service]\nDynamicUser=yes\nExecStart=/nix/store/44444444444444444444444444444444-some-web-server-1.0/bin/serve\n");
    let folder = tempfile::tempdir().unwrap();
    let image = disc.write(folder.path()).display().to_string();
    let listed = program().args(["services", &image]).env("COLUMNS", "80").output().unwrap();
    assert_eq!(
        String::from_utf8(listed.stdout).unwrap(),
        "\
UNIT          STARTED BY              LISTENS  RUNS
sshd.service  multi-user.target       tcp 22   openssh-10.2p1/bin/sshd as
                                               root, hardening none
web.service   multi-user.target if …           some-web-server-1.0/bin/serve
                                               as a dynamic user, hardening
                                               medium

web.service starts if
    ConditionPathExists=/var/lib/web/enabled-by-the-administrator
firewall: NixOS sets up none
"
    );
    let document: Value = serde_json::from_str(&run(&["services", "--json", &image]).out).unwrap();
    let web = document["services"].as_array().unwrap().iter().find(|service| service["unit"] == "web.service").unwrap();
    assert_eq!(web["wantedBy"], "multi-user.target");
    let settings = ["User", "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp"];
    assert_eq!(web["hardening"], json!({"level": "medium", "settings": settings}));
}

#[test]
fn an_image_without_a_system_has_no_services() {
    let bare = fixture("iso/level-1.iso").display().to_string();
    let listed = run(&["services", &bare]);
    assert_eq!((listed.code, listed.out.as_str()), (Some(2), ""));
    assert!(listed.errors.starts_with("nixoscope: "), "{}", listed.errors);
}
