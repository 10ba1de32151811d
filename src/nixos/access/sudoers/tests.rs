//! Rules that sudo follows, checked against the real sudo.

use crate::nixos::access::become_root::{Why, rules};
use crate::nixos::access::rule::Rule;
use crate::nixos::made::Made;
use crate::nixos::{User, Users};

fn users() -> Users {
    let user = |name: &str, uid: u64, groups: &[&str]| User {
        uid: Some(uid),
        groups: Some(groups.iter().map(|group| (*group).to_owned()).collect()),
        ..User::implied(name)
    };
    let list = vec![
        user("root", 0, &["root"]),
        user("ann", 1000, &["users"]),
        user("bob", 1001, &["users", "staff"]),
        user("eve", 1002, &["users", "wheel"]),
    ];
    Users { known: true, list }
}

fn shown(files: &[(&str, &str)]) -> Vec<String> {
    let all = [&[("/s/etc/hostname", "nixos\n"), ("/s/etc/group", "staff:x:1006:\n")], files].concat();
    let show = |rule: &Rule| {
        let Rule { line, who, users, target, commands, .. } = rule;
        let reach = if rule.makes_root() { "root" } else { target.as_deref().unwrap_or("partly") };
        format!("{line} {who} ({}) {reach} {commands}{}", users.join(" "), rule.provisos())
    };
    rules(&Made::of(&all).system(), &users()).unwrap().free.iter().map(show).collect()
}

fn of(text: &str) -> Vec<String> {
    shown(&[("/s/etc/sudoers", text)])
}

/// Each text with its result: the users that it makes root, or its rules as shown.
fn assert_root(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let rules = of(text);
        let root: Vec<&str> = rules
            .iter()
            .filter(|rule| rule.contains(") root "))
            .filter_map(|rule| rule.split_once('(')?.1.split_once(')').map(|(users, _)| users))
            .collect();
        assert_eq!(root.join(" "), *expected, "{text}: {rules:?}");
    }
}

#[test]
fn rules_without_a_password_are_found() {
    let text = "\
# a comment NOPASSWD:
Defaults env_keep+=SSH_AUTH_SOCK
root    ALL=(ALL:ALL) SETENV: ALL
%wheel  ALL=(ALL:ALL) NOPASSWD:SETENV: ALL # all of them
bob ALL = (root) NOPASSWD: /opt/a, \\
  /opt/b  x\\,y, PASSWD: /opt/c
ann ALL=(ALL) ALL
";
    assert_eq!(of(text), ["4 %wheel (eve) root ALL", "5 bob (bob) partly /opt/a, /opt/b x\\,y"]);
}

#[test]
fn aliases_and_lists_of_users_are_told_apart() {
    let text = "\
User_Alias ADMINS = eve, bob : GUESTS = ann
Runas_Alias DATABASE = postgres
Cmnd_Alias POWER = /bin/reboot, /bin/halt
ADMINS ALL=(ALL) NOPASSWD: ALL
ann , #1001 ,%wheel nixos = (DATABASE) NOPASSWD:POWER
ALL, !eve ALL = NOPASSWD: ALL, !/bin/su
";
    assert_eq!(
        of(text),
        [
            "4 eve (eve) root ALL",
            "4 bob (bob) root ALL",
            "5 ann (ann) postgres /bin/reboot, /bin/halt",
            "5 #1001 (bob) postgres /bin/reboot, /bin/halt",
            "5 %wheel (eve) postgres /bin/reboot, /bin/halt",
            "6 ALL (ann bob) root ALL, !/bin/su",
        ]
    );
}

#[test]
fn defaults_say_who_is_not_asked() {
    assert_root(&[
        ("Defaults env_reset,!authenticate\nbob ALL=(ALL) ALL\n", "bob"),
        ("Defaults !authenticate\nDefaults authenticate\nbob ALL=(ALL) ALL\n", ""),
        ("Defaults !authenticate\nbob ALL=(ALL) PASSWD: ALL\n", ""),
        ("Defaults ! authenticate\nbob ALL=(ALL) ALL\n", "bob"),
        ("Defaults:bob !authenticate\nbob ALL=(ALL) ALL\n", "bob"),
        ("Defaults:eve !authenticate\nbob ALL=(ALL) ALL\n", ""),
        ("Defaults:bob, ann !authenticate\nann, bob, eve ALL=(ALL) ALL\n", "ann bob"),
        ("Defaults:%wheel !authenticate\nbob, eve ALL=(ALL) ALL\n", "eve"),
        ("Defaults:#1001 !authenticate\nbob, eve ALL=(ALL) ALL\n", "bob"),
        ("User_Alias A = bob\nDefaults:A !authenticate\nbob, eve ALL=(ALL) ALL\n", "bob"),
        ("Defaults>root !authenticate\nbob ALL=(ALL) ALL\n", "bob"),
        ("Defaults>ann !authenticate\nbob ALL=(ALL) ALL\n", ""),
        ("Defaults@ALL !authenticate\nbob ALL=(ALL) ALL\n", "bob"),
        ("Defaults@other !authenticate\nbob ALL=(ALL) ALL\n", ""),
        ("Defaults!ALL !authenticate\nbob ALL=(ALL) ALL\n", "bob"),
        ("Defaults badpass_message=\"# no\", !authenticate\nbob ALL=(ALL) ALL\n", "bob"),
        ("Defaults badpass_message=no # , !authenticate\nbob ALL=(ALL) ALL\n", ""),
        ("Defaults exempt_group=wheel\nbob, eve ALL=(ALL) ALL\n", "eve"),
        // sudo applies them in file order; only those for commands come last.
        ("Defaults:bob !authenticate\nDefaults authenticate\nbob ALL=(ALL) ALL\n", ""),
        ("Defaults authenticate\nDefaults:bob !authenticate\nbob ALL=(ALL) ALL\n", "bob"),
        ("Defaults>root !authenticate\nDefaults authenticate\nbob ALL=(ALL) ALL\n", ""),
        ("Defaults!/opt/ runas_default=ann, !authenticate\nbob ALL=/opt/a\n", ""),
        ("Defaults!ALL !authenticate\nDefaults authenticate\nbob ALL=(ALL) ALL\n", "bob"),
    ]);
}

#[test]
fn commands_that_defaults_free_of_a_password_are_found() {
    let text = "Defaults!/opt/a !authenticate\nbob ALL=(ALL) ALL\nann ALL=(ALL) PASSWD: ALL\n";
    assert_eq!(of(text), ["2 bob (bob) partly /opt/a"]);
    // Both are patterns, and some program matches both.
    let text = "Defaults!/opt/* !authenticate\nbob ALL=(ALL) /opt/[ab]\nann ALL=(ALL) /srv/[ab]\n";
    assert_eq!(of(text), ["2 bob (bob) partly /opt/*"]);
}

#[test]
fn a_later_rule_counts_where_it_covers_the_earlier_one() {
    assert_root(&[
        ("bob ALL=(ALL) NOPASSWD: ALL\nbob ALL=(ALL) ALL\n", ""),
        ("bob ALL=(ALL) NOPASSWD: ALL\nbob other=(ALL) ALL\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: ALL\nbob ALL=(ALL, !root) ALL\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: ALL\nbob ALL=() ALL\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: ALL\nbob ALL=(:users) ALL\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: ALL\nbob ALL=(ALL) /opt/a\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: ALL\nbob ALL=(ALL) !ALL\n", ""),
        ("bob ALL=(ALL) PASSWD: ALL, NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: ALL, PASSWD: ALL\n", ""),
        ("bob ALL=(ALL) NOPASSWD: ALL\n%users ALL=(root) ALL\n", ""),
        ("bob ALL=(ALL) NOPASSWD: ALL\n%wheel ALL=(root) ALL\n", "bob"),
        ("bob other=(ALL) NOPASSWD: ALL\n", ""),
        ("bob other=(ALL) ALL : nixos=(ALL) NOPASSWD: ALL\n", "bob"),
        ("bob nixos=(ALL) ALL : other=(ALL) NOPASSWD: ALL\n", ""),
        ("bob ALL=(ALL) NOPASSWD: ALL\nbob ALL=(ALL) NOTAFTER=20200101000000Z ALL\n", "bob"),
    ]);
    assert_eq!(of("bob 10.0.0.0/8=(ALL) NOPASSWD: ALL\n"), ["1 bob (bob) root ALL (if the host is 10.0.0.0/8)"]);
    assert_eq!(
        of("bob ALL=(ALL) NOPASSWD: ALL\nbob 10.0.0.0/8=(ALL) ALL\n"),
        ["1 bob (bob) root ALL (unless /etc/sudoers:2 overrides it)"]
    );
}

#[test]
fn lists_are_read_as_sudo_reads_them() {
    assert_root(&[
        ("# comment \\\nbob ALL=(ALL) NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(ALL) \\ \n NOPASSWD: ALL\n", "bob"),
        ("%#1006 ALL=(ALL) NOPASSWD: ALL\n", "bob"),
        ("%#1007, %#100 ALL=(ALL) PASSWD: ALL\n", ""),
        ("!!bob ALL=(ALL) NOPASSWD: ALL\n", "bob"),
        ("!bob ALL=(ALL) NOPASSWD: ALL\n", ""),
        ("bob, !bob, bob ALL=(ALL) NOPASSWD: ALL\n", "bob"),
        ("bob, !bob ALL=(ALL) NOPASSWD: ALL\n", ""),
        ("bob ALL=(ALL) CWD=/tmp NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(ALL) CHROOT=/srv NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(ALL) TIMEOUT=10 NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(ALL) NOTBEFORE=20200101000000Z NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(ALL) ROLE=unconfined_r NOPASSWD: ALL\n", ""),
        ("bob ALL=(ALL) NOPASSWD: ALL ALL\nann ALL=(ALL) NOPASSWD: ALL\n", "ann"),
        // A token missing at the end of a line is not taken from the next.
        ("bob ALL=(ALL) NOPASSWD:\nann ALL=(ALL) NOPASSWD: ALL\n", "ann"),
        ("bob\nann ALL=(ALL) NOPASSWD: ALL\n", "ann"),
        ("User_Alias\nann ALL=(ALL) NOPASSWD: ALL\n", "ann"),
        ("Defaults\nann ALL=(ALL) NOPASSWD: ALL\n", "ann"),
        ("\\ # NOPASSWD: ALL\nann ALL=(ALL) NOPASSWD: ALL\n", "ann"),
    ]);
}

#[test]
fn targets_and_commands_that_are_root_in_other_words_are_found() {
    assert_root(&[
        ("bob ALL=(%root) NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(%#0) NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(#00) NOPASSWD: ALL\n", "bob"),
        ("bob ALL=(%users) NOPASSWD: ALL\n", ""),
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/*\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: /opt/bin/*\n", ""),
        ("bob ALL=(ALL) NOPASSWD: ^.*$\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: ^/opt/.*$\n", ""),
        ("bob ALL=(ALL) NOPASSWD: /usr/bin/\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: /run/current-system/sw/bin/bash\n", "bob"),
        ("bob ALL=(ALL) NOPASSWD: /run/current-system/sw/bin/bash \"\"\n", ""),
        ("Defaults runas_default=ann\nbob ALL=NOPASSWD: ALL\n", ""),
    ]);
}

#[test]
fn commands_of_a_list_that_run_as_different_users_are_told_apart() {
    let text = "bob ALL=(ann) NOPASSWD: /x, (:users) /y, (eve) /z\n";
    assert_eq!(of(text), ["1 bob (bob) ann /x", "1 bob (bob) :users /y", "1 bob (bob) eve /z"]);
    let text = "bob ALL=(ann) NOPASSWD: /x, (ann) /y, /z\n";
    assert_eq!(of(text), ["1 bob (bob) ann /x, /y, /z"]);
    let text = "bob ALL=(ann) NOPASSWD: ALL, (:users) /y\nbob ALL=(ALL, !root) PASSWD: /\n";
    assert_eq!(of(text), ["1 bob (bob) ann ALL", "1 bob (bob) :users /y"]);
}

#[test]
fn what_is_included_counts_and_a_missing_file_is_reported() {
    let files = [
        (
            "/s/etc/sudoers",
            "@includedir /etc/sudoers.d\n#include more\n@include \"a b\"\n@include c\\ d\n@include %h\n\
             @include /run/secrets/sudoers\n",
        ),
        ("/s/etc/sudoers.d/a", "eve ALL=(ALL) NOPASSWD: ALL\n"),
        ("/s/etc/sudoers.d/b.off", "bob ALL=(ALL) NOPASSWD: ALL\n"),
        ("/s/etc/more", "ann ALL=(ALL) NOPASSWD: ALL\n"),
        ("/s/etc/a b", "bob ALL=(ALL) NOPASSWD: /opt/a\n"),
        ("/s/etc/c d", "bob ALL=(ALL) NOPASSWD: /opt/c\n"),
        ("/s/etc/nixos", "bob ALL=(ALL) NOPASSWD: /opt/h\n"),
    ];
    assert_eq!(
        shown(&files),
        [
            "1 eve (eve) root ALL",
            "1 ann (ann) root ALL",
            "1 bob (bob) partly /opt/a",
            "1 bob (bob) partly /opt/c",
            "1 bob (bob) partly /opt/h"
        ]
    );
    let unread = |files: &[(&str, &str)]| -> Vec<String> {
        let rules = rules(&Made::of(files).system(), &users()).unwrap();
        rules.unread.into_iter().map(|unread| unread.file).collect()
    };
    assert_eq!(unread(&files), ["/etc/%h", "/run/secrets/sudoers"]);
    assert!(unread(&[]).is_empty());
}

#[test]
fn a_rule_behind_thousands_of_others_counts() {
    let mut text = "bob ALL=(ALL) /opt/a\n".repeat(3000);
    text.push_str("eve ALL=(ALL) NOPASSWD: ALL\n");
    assert_eq!(of(&text), ["3001 eve (eve) root ALL"]);
}

#[test]
fn aliases_that_multiply_are_small_and_those_that_name_each_other_end() {
    let mut text = "User_Alias A0 = bob, ann\n".to_owned();
    for level in 1..100 {
        let below = format!("A{}", level - 1);
        text.push_str(&format!("User_Alias A{level} = {}\n", vec![below; 20].join(", ")));
    }
    text.push_str("A99 ALL=(ALL) NOPASSWD: ALL\nUser_Alias X = Y : Y = X, eve\nX ALL=(ALL) NOPASSWD: /opt/x\n");
    assert_eq!(of(&text), ["101 bob (bob) root ALL", "101 ann (ann) root ALL", "103 eve (eve) partly /opt/x"]);
    let deep: String = (1..200).map(|level| format!("User_Alias A{level} = A{}\n", level + 1)).collect();
    let text = format!("{deep}A1 ALL=(ALL) NOPASSWD: ALL\n");
    assert_eq!(limit(&text), "128 levels of aliases in sudoers at /etc/sudoers: over the limit");
    // In a cycle, the result depends on where resolution starts.
    let text = "User_Alias X = Y, bob : Y = X, eve\nX ALL=(ALL) NOPASSWD: ALL\nY ALL=(ALL) NOPASSWD: ALL\n";
    assert_root(&[(text, "eve bob bob eve")]);
    let circles: String = (0..100).map(|at| format!("User_Alias A{at} = {}\n", ["A0"; 20].join(", "))).collect();
    assert!(of(&format!("{circles}A50 ALL=(ALL) NOPASSWD: ALL\n")).is_empty());
    let all: Vec<String> = (0..100).map(|at| format!("A{at}")).collect();
    let circles: String = all.iter().map(|name| format!("User_Alias {name} = {}\n", all.join(", "))).collect();
    let text = format!("{circles}A0 ALL=(ALL) NOPASSWD: ALL\n");
    assert_eq!(limit(&text), "1,000,000 members of lists in sudoers at /etc/sudoers: over the limit");
}

/// The report for a text that exceeds a limit.
fn limit(text: &str) -> String {
    let rules = rules(&Made::of(&[("/s/etc/sudoers", text)]).system(), &users()).unwrap();
    assert!(rules.free.is_empty());
    let limits = rules.unread.iter().filter_map(|unread| match &unread.why {
        Why::Limit(error) => Some(error.to_string()),
        _ => None,
    });
    limits.collect()
}

#[test]
fn a_long_name_that_many_rules_share_is_kept_once() {
    let long = "x".repeat(100_000);
    let again = ["A"; 1_000].join(", ");
    let text = format!(
        "Cmnd_Alias A = /{long}\n{}bob ALL=(ALL) NOPASSWD: ALL\n",
        format!("ann ALL=(ALL) {again}\n").repeat(100)
    );
    assert_root(&[(&text, "bob")]);
}

#[test]
fn rules_behind_a_limit_are_unknown() {
    let free = "bob ALL=(ALL) NOPASSWD: ALL\n";
    let text = format!("{}{free}", "# comment\n".repeat(110_000));
    assert_eq!(limit(&text), "1 MiB of sudoers at /etc/sudoers:1: over the limit");
    let text = format!("@include sudoers\n{free}");
    assert_eq!(limit(&text), "128 levels of included sudoers at /etc/sudoers:1: over the limit");
    let all = |tag: &str| (0..300).map(|at| format!("ann ALL=(ALL) {tag}: /{tag}{at}*\n")).collect::<String>();
    let text = format!("{}{}{free}", all("NOPASSWD"), all("PASSWD"));
    assert!(limit(&text).starts_with("20,000,000 comparisons of rules"));
    let commands: Vec<String> = (0..5_000).map(|at| format!("/{at}")).collect();
    let text = format!("Cmnd_Alias A = {}\n{}{free}", commands.join(", "), "ALL ALL=NOPASSWD: A\n".repeat(1_000));
    assert_eq!(limit(&text), "1,000,000 commands of users at /etc/sudoers:202: over the limit");
}

#[test]
fn the_work_grows_with_the_number_of_commands_and_not_with_its_square() {
    let list =
        |from: usize, to: usize| (from..to).map(|number| format!("/opt/{number}")).collect::<Vec<_>>().join(", ");
    let all = format!("bob ALL=(root) NOPASSWD: {}\n", list(0, 20_000));
    let denied = format!("bob ALL=(root) {}, PASSWD: {}\n", list(0, 10_000), list(10_000, 20_000));
    assert_eq!(of(&all).len(), 1);
    // Half of them ask again.
    let rules = of(&format!("{all}{denied}"));
    assert!(rules.is_empty(), "{:.200}", rules.join("\n"));
    let half = format!("{all}bob ALL=(root) PASSWD: {}\n", list(1, 20_000));
    assert_eq!(of(&half), ["1 bob (bob) partly /opt/0"]);
}
