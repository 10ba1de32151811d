//! Rules of PAM, compared with Linux-PAM.

use nixoscope::nixos::access::{Entrance, Needs, People};
use nixoscope::nixos::answer::Verdict;

use super::generator::Generator;
use super::world::{Files, PASSWD, Probe, accesses, judged, number};

/// Configurations per run, unless the environment says otherwise.
const COUNT: usize = 60;

/// `eve` has the password `secret`, `ann` an empty one, and `bob` is locked.
const SHADOW: &str = "root:!:1::::::\nann::1::::::\nbob:!:1::::::\neve:$6$saltsalt$\
    TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1:1::::::\nweb:!:1::::::\n";

/// Declares the shell of everybody but `bob`.
const SHELLS: &str = "# shells\n/bin/zsh\n/bin/sh\n";

const PROBES: [Probe; 6] = [
    ("ann", "-", "enter"),
    ("bob", "-", "enter"),
    ("eve", "-", "enter"),
    ("ann", "-", "secret"),
    ("bob", "-", "secret"),
    ("eve", "-", "secret"),
];

#[test]
fn random_rules_of_pam_open_what_pam_opens() {
    let seed = number("NIXOSCOPE_ORACLE_SEED", 1) as u64;
    let count = number("NIXOSCOPE_ORACLE_COUNT", COUNT);
    let texts = (0..count as u64).map(|index| text(&mut Generator::new(seed << 32 | index)));
    let wrong = disagreements(&texts.collect::<Vec<_>>());
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn rules_of_pam_that_were_misread_once_open_what_pam_opens() {
    let texts: Vec<String> = include_str!("pam.txt").split("\n---\n").map(|case| format!("{case}\n")).collect();
    let wrong = disagreements(&texts);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn disagreements(texts: &[String]) -> Vec<String> {
    let files = |text: &String| -> Files {
        let passwd = PASSWD.replace("/home/bob:/bin/sh", "/home/bob:/bin/bash");
        let included = "auth sufficient pam_permit.so\nauth required pam_deny.so\naccount required pam_permit.so\n";
        let all = [
            ("pam.d/login", text.as_str()),
            ("pam.d/more", included),
            ("pam.d/shut", "auth required pam_deny.so\n"),
            ("listed", "bob\n"),
            ("shadow", SHADOW),
            ("passwd", &passwd),
            ("shells", SHELLS),
        ];
        all.map(|(name, text)| (name.to_owned(), text.to_owned())).to_vec()
    };
    let configurations: Vec<Files> = texts.iter().map(files).collect();
    let asked: Vec<(Files, Vec<Probe>)> = configurations.iter().map(|files| (files.clone(), PROBES.to_vec())).collect();
    let open = judged("pam.sh", &asked);
    let mut wrong = Vec::new();
    for (index, (access, text)) in accesses(&configurations).iter().zip(texts).enumerate() {
        for (user, _, typed) in PROBES {
            let opens = |typed: &str| open.contains(&format!("{index:05} {user} - {typed}"));
            // If nothing is needed, some input opens. It need not be the password.
            let theirs = opens(typed) || needs_nothing(access, user) && (opens("enter") || opens("secret"));
            if let Some(ours) = answer(access, user, typed).filter(|ours| *ours != theirs) {
                let kind = if ours { "FALSE ALARM" } else { "MISSED" };
                wrong.push(format!("{index}: {kind}: {user} gets in with {typed}\n{text}"));
            }
        }
    }
    wrong
}

/// Whether the user gets in at the console by typing this. `None` if the image does not say.
fn answer(access: &People, user: &str, typed: &str) -> Option<bool> {
    let account = access.accounts.iter().find(|account| account.user.name == user).unwrap();
    let mut console = account.entrances.iter().filter(|grant| grant.entrance == Entrance::Console);
    let answers: Vec<Option<bool>> = console
        .by_ref()
        .map(|grant| match (grant.verdict(), &grant.needs) {
            (Verdict::Unknown, _) => None,
            (Verdict::Denied, _) => Some(false),
            (Verdict::Granted, Needs::Nothing) => Some(true),
            // If nothing is needed, pam_unix ignores the input.
            (Verdict::Granted, Needs::EmptyPassword) => Some(typed == "enter" || user == "ann"),
            (Verdict::Granted, _) => Some(typed == "secret"),
        })
        .collect();
    match answers.iter().any(|answer| *answer == Some(true)) {
        true => Some(true),
        false if answers.contains(&None) => None,
        false => Some(false),
    }
}

fn needs_nothing(access: &People, user: &str) -> bool {
    let account = access.accounts.iter().find(|account| account.user.name == user).unwrap();
    let console = account.entrances.iter().filter(|grant| grant.entrance == Entrance::Console);
    console.clone().any(|grant| grant.needs == Needs::Nothing && grant.verdict() == Verdict::Granted)
}

fn text(generator: &mut Generator) -> String {
    let auth = generator.some(4, &["\n"], &mut |generator| rule(generator, "auth"));
    let account = match generator.of(&[0, 0, 0, 1, 2]) {
        0 => "account required pam_unix.so".to_owned(),
        1 => String::new(),
        _ => generator.some(2, &["\n"], &mut |generator| rule(generator, "account")),
    };
    format!("{auth}\n{account}\npassword sufficient pam_unix.so nullok\nsession required pam_permit.so\n")
}

fn rule(generator: &mut Generator, kind: &str) -> String {
    let kind = match generator.of(&[0, 0, 0, 0, 1, 2]) {
        0 => kind.to_owned(),
        1 => kind.to_uppercase(),
        _ => format!("-{kind}"),
    };
    if generator.percent(8) {
        return match generator.of(&[0, 1, 2]) {
            0 => format!("{kind} include {}", generator.of(&["more", "shut"])),
            1 => format!("{kind} substack {}", generator.of(&["more", "shut"])),
            _ => "@include more".to_owned(),
        };
    }
    let control = generator.of(&[
        "required",
        "required",
        "requisite",
        "sufficient",
        "sufficient",
        "sufficient",
        "optional",
        "Sufficient",
        "[success=1 default=ignore]",
        "[success=ok default=bad]",
        "[default=ignore]",
        "[success=done auth_err=die default=ignore]",
        "[success=ok ignore=ignore default=die]",
        "[success=done new_authtok_reqd=done default=ignore]",
    ]);
    let module = generator.of(&[
        "pam_unix.so nodelay",
        "pam_unix.so nodelay nullok",
        "pam_unix.so nodelay likeauth nullok try_first_pass",
        "pam_unix.so nodelay nullok",
        "pam_unix.so nodelay try_first_pass # nullok",
        "/lib/x86_64-linux-gnu/security/pam_unix.so nodelay nullok",
        "pam_permit.so",
        "pam_deny.so",
        "pam_deny.so",
        "pam_succeed_if.so user = bob",
        "pam_succeed_if.so quiet uid >= 1001",
        "pam_succeed_if.so user ingroup wheel",
        "pam_succeed_if.so user notingroup wheel",
        "pam_succeed_if.so uid < 1001 quiet",
        "pam_succeed_if.so user in ann:bob",
        "pam_rootok.so",
        "pam_localuser.so",
        "pam_listfile.so item=user sense=allow file=/etc/listed onerr=fail",
        "pam_listfile.so item=user sense=deny file=/etc/listed onerr=succeed",
        "pam_wheel.so trust",
        "pam_wheel.so",
        "pam_env.so",
        "pam_faildelay.so delay=0",
        "pam_nologin.so",
        "pam_shells.so",
    ]);
    let blank = generator.of(&[" ", "\t", "  ", " \\\n  "]);
    [kind.as_str(), control, module].join(blank)
}
