//! Who gets in through ssh: the real sshd and nixoscope answer the same questions about the same files.
//!
//! The OpenSSH of an image may be newer than the one here, so two things are left out: names of algorithms that are unknown here,
//! and the keywords `RefuseConnection`, `PerSourcePenalties`, `PAMServiceName` and `SshdSessionPath`.
//!
//! `NIXOSCOPE_ORACLE_SEED` and `NIXOSCOPE_ORACLE_COUNT` choose other configurations and their number, `NIXOSCOPE_ORACLE_FIRST`
//! the first of them. `NIXOSCOPE_ORACLE_LOG` prints the log of sshd. For thousands, with any seed:
//!
//! ```text
//! NIXOSCOPE_ORACLE_SEED=7 NIXOSCOPE_ORACLE_COUNT=5000 cargo test --test oracle sshd::
//! ```

mod case;
mod generator;
mod image;
mod judge;
mod lines;
mod named;

use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use case::{Case, Credential};
use image::{Ours, Says};
use judge::{Keys, Theirs};

/// Configurations to compare, unless the environment says otherwise.
const COUNT: u64 = 300;

fn number<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).ok().map_or(default, |value| value.parse().ok().unwrap_or_else(|| panic!("{name}={value}")))
}

#[test]
fn nobody_gets_into_a_system_by_a_way_that_is_not_reported() {
    let (seed, count) = (number("NIXOSCOPE_ORACLE_SEED", 1), number("NIXOSCOPE_ORACLE_COUNT", COUNT));
    let first = number("NIXOSCOPE_ORACLE_FIRST", 0);
    let keys = Keys::new();
    let cases: Vec<Case> = (first..first + count).map(|number| generator::case(seed, number, &keys)).collect();
    let ours = image::ask(&cases, &keys);
    let theirs = ask_sshd(&cases, &keys);
    let mut told = String::new();
    let mut wrong = 0;
    for ((case, ours), theirs) in cases.iter().zip(&ours).zip(&theirs) {
        let differences = differences(case, ours, theirs);
        if !differences.is_empty() {
            wrong += 1;
            writeln!(told, "{}\n{}", described(case, theirs), differences.join("\n")).unwrap();
        }
    }
    let started = theirs.iter().filter(|theirs| theirs.broken.is_none()).count();
    let open = theirs.iter().flat_map(|theirs| theirs.open.values().flatten()).filter(|open| **open).count();
    // Otherwise nothing would have been compared.
    assert!(count < 100 || started * 10 > cases.len() * 5 && open > cases.len(), "{started} start, {open} open");
    assert!(wrong == 0, "{wrong} of {count} configurations of seed {seed} disagree\n{told}");
}

/// Pairs of configurations for two daemons of one system.
const PAIRS: u64 = 30;

#[test]
fn a_second_sshd_of_a_system_lets_in_whom_it_lets_in() {
    let seed = number("NIXOSCOPE_ORACLE_SEED", 1);
    let keys = Keys::new();
    let text = |case: &Case| case.files["ssh/sshd_config"].0.clone();
    // An included file would belong to both.
    let is_alone = |case: &Case| !text(case).to_ascii_lowercase().contains("include");
    let of_pairs = |number: u64| generator::case(seed, 1_000_000 + number, &keys);
    let mut configurations = (0..).map(of_pairs).filter(is_alone);
    let pairs: Vec<(Case, Case)> = (0..PAIRS)
        .map(|_| {
            let (first, second) = (configurations.next().unwrap(), text(&configurations.next().unwrap()));
            let mut beside = first.clone();
            beside.files.get_mut("ssh/sshd_config").unwrap().0.clone_from(&second);
            let unit = "[Service]\nExecStart=/x/bin/sshd -D -f /etc/ssh/second\n";
            let both = first.with("ssh/second", &second).with("systemd/system/rescue.service", unit);
            (both.with("systemd/system/multi-user.target.wants/rescue.service", unit), beside)
        })
        .collect();
    let (both, beside): (Vec<Case>, Vec<Case>) = pairs.into_iter().unzip();
    let ours = image::ask(&both, &keys);
    let (firsts, seconds) = (ask_sshd(&both, &keys), ask_sshd(&beside, &keys));
    let (mut wrong, mut by_second) = (Vec::new(), 0);
    for (((case, ours), first), second) in both.iter().zip(&ours).zip(&firsts).zip(&seconds) {
        for ((user, credential), says) in &ours.says {
            let question = (user.clone(), *credential);
            let (Some(first), Some(second)) = (first.open.get(&question), second.open.get(&question)) else { continue };
            let open: Vec<bool> = first.iter().zip(second).map(|(first, second)| *first || *second).collect();
            by_second += usize::from(open != *first);
            if matches!(says, Says::No(_)) && open.contains(&true) || *says == Says::Yes && open.contains(&false) {
                let second = &case.files["ssh/second"].0;
                wrong.push(format!("{user} {credential:?} {open:?}: {says:?}\n{}\n-- second\n{second}", text(case)));
            }
        }
    }
    assert!(by_second >= 10, "only {by_second} entrances that only the second sshd opens");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Lines of `authorized_keys` to compare, unless the environment says otherwise.
const LINES: usize = 150;

#[test]
fn a_line_of_authorized_keys_lets_in_whom_sshd_lets_in() {
    let (seed, count) = (number("NIXOSCOPE_ORACLE_SEED", 1), number("NIXOSCOPE_ORACLE_COUNT", LINES));
    let keys = Keys::new();
    let case = lines::case(seed, count, &keys);
    let ours = image::ask(std::slice::from_ref(&case), &keys).remove(0);
    let theirs = judge::ask(&case, &keys);
    let told: Vec<String> = differences(&case, &ours, &theirs)
        .into_iter()
        .map(|difference| {
            let user = difference.split(' ').find(|word| case.files.contains_key(&format!("ssh/keys/{word}")));
            let line = user.map(|user| case.files[&format!("ssh/keys/{user}")].0.as_str()).unwrap_or_default();
            format!("{difference}\n    {line:?}")
        })
        .collect();
    let open = theirs.open.values().flatten().filter(|open| **open).count();
    assert!(open > case.people.len() / 5, "only {open} open");
    assert!(told.is_empty(), "{} of {} lines disagree\n{}", told.len(), case.people.len(), told.join("\n"));
}

/// Asks the real sshd about all cases. A client mostly waits for its server, so many run at once.
fn ask_sshd(cases: &[Case], keys: &Keys) -> Vec<Theirs> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut answers = Vec::new();
        while let Some((at, case)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, cases.get(at)?)))
        {
            answers.push((at, judge::ask(case, keys)));
        }
        answers
    };
    let mut answers: Vec<(usize, Theirs)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, theirs)| theirs).collect()
}

/// The errors of nixoscope, the worst first.
fn differences(case: &Case, ours: &Ours, theirs: &Theirs) -> Vec<String> {
    let mut found = Vec::new();
    for ((user, credential), says) in &ours.says {
        let Some(open) = theirs.open.get(&(user.clone(), *credential)) else { continue };
        if *credential == Credential::Password && open == &vec![false; open.len()] && ends_at_once(case, user) {
            continue;
        }
        let told = match says {
            Says::No(why) if open.contains(&true) => format!("0 LETS IN UNSEEN: nixoscope says no ({why})"),
            Says::Yes if open.contains(&false) => "1 FALSE ALARM: nixoscope says yes".to_owned(),
            // If nothing depends on the client, an entrance with conditions must open.
            Says::Perhaps(why) if case.addresses.len() == 1 && open == &[false] && !may_stay_shut(why) => {
                format!("1 FALSE ALARM: nixoscope says perhaps ({why})")
            }
            _ => continue,
        };
        found.push(format!("{told}: {user} {credential:?} {open:?}"));
    }
    match (&theirs.broken, ours.mistakes.first()) {
        (Some(message), None) => found.push(format!("2 sshd does not start, which is not reported: {message}")),
        (None, Some(mistake)) => found.push(format!("1 FALSE ALARM: sshd starts, but {mistake}")),
        (Some(_), Some(_)) => {}
        (None, None) if ours.ports != theirs.ports => {
            found.push(format!("2 ports are {:?}, not {:?}", theirs.ports, ours.ports));
        }
        (None, None) => {}
    }
    found.sort();
    found
}

/// Whether sshd may end the connection at the first question of the client here, which is whether the user gets in without
/// anything. It does if that succeeds, but `AuthenticationMethods` wants another method. A client that first tries a wrong
/// password gets in with the empty one.
fn ends_at_once(case: &Case, user: &str) -> bool {
    let is_empty = case.people.iter().any(|person| person.name == user && person.hash.is_empty());
    let mut texts = case.files.values().map(|(text, _)| text.to_ascii_lowercase());
    let permits = case.files.get("pam.d/sshd").is_some_and(|(text, _)| text.contains("auth required pam_permit"));
    (is_empty || permits) && texts.any(|text| text.contains("authenticationmethods"))
}

/// Conditions that the client here never meets, whatever its address.
fn may_stay_shut(why: &str) -> bool {
    ["AuthenticationMethods", "RevokedKeys", "from=", "certificate that has a command"]
        .iter()
        .any(|word| why.contains(word))
}

fn described(case: &Case, theirs: &Theirs) -> String {
    let mut text = format!("==== {} (password {:?}, from {:?})\n", case.name, case.people[0].hash, case.addresses);
    for (path, (file, mode)) in case.files.iter().filter(|(path, _)| !path.contains("/principals/")) {
        writeln!(text, "-- {path} {mode:o}\n{}", file.trim_end()).unwrap();
    }
    if let Some(broken) = &theirs.broken {
        writeln!(text, "-- {broken}").unwrap();
    }
    text
}
