//! `services`: what starts, as whom, and what the firewall lets in.

use crate::support::{fixture, run};

#[test]
fn units_that_start_are_listed_with_their_user_program_and_ports() {
    let today = fixture("today/result").display().to_string();
    let listed = run(&["services", &today]);
    assert_eq!((listed.code, listed.errors.as_str()), (Some(0), ""));
    assert_eq!(
        listed.out,
        "\
UNIT                        STARTS                                                 AS    LISTENS  RUNS
register-nix-paths.service  at boot if ConditionPathExists=/nix-path-registration  root           nix-2.31.2/bin/nix-store
sshd.service                at boot                                                root  tcp 22   openssh-10.2p1/bin/sshd

3 more units do not start by themselves, --all shows them
firewall: NixOS sets up none
"
    );
    let all = run(&["services", "--all", &today]);
    assert_eq!(all.out.matches("by hand").count(), 3, "{}", all.out);
}

#[test]
fn an_image_without_a_system_has_no_services() {
    let bare = fixture("iso/level-1.iso").display().to_string();
    let listed = run(&["services", &bare]);
    assert_eq!((listed.code, listed.out.as_str()), (Some(2), ""));
    assert!(listed.errors.starts_with("nixoscope: "), "{}", listed.errors);
}
