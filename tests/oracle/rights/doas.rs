//! Rules of doas, compared with doas itself.

use nixoscope::nixos::access::{People, Rule, Tool};

use super::generator::Generator;
use super::world::{Files, Probe, accesses, judged, number};

/// Configurations per run, unless the environment says otherwise.
const COUNT: usize = 150;

const PROBES: [Probe; 12] = [
    ("ann", "root", "/srv/generic"),
    ("ann", "root", "/opt/a zz"),
    ("ann", "root", "/opt/a x"),
    ("ann", "web", "/opt/a zz"),
    ("bob", "root", "/srv/generic"),
    ("bob", "root", "/opt/a zz"),
    ("bob", "root", "/opt/a x"),
    ("bob", "web", "/opt/a zz"),
    ("eve", "root", "/srv/generic"),
    ("eve", "root", "/opt/a zz"),
    ("eve", "root", "/opt/a x"),
    ("eve", "web", "/opt/a zz"),
];

#[test]
fn random_rules_of_doas_open_what_doas_opens() {
    let seed = number("NIXOSCOPE_ORACLE_SEED", 1) as u64;
    let count = number("NIXOSCOPE_ORACLE_COUNT", COUNT);
    let configurations: Vec<Files> = (0..count as u64).map(|index| configuration(seed << 32 | index)).collect();
    let wrong = disagreements(&configurations);
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn rules_of_doas_that_were_misread_once_open_what_doas_opens() {
    let cases = include_str!("doas.txt").split("\n---\n");
    let configurations: Vec<Files> = cases.map(|case| vec![("doas.conf".to_owned(), format!("{case}\n"))]).collect();
    let wrong = disagreements(&configurations);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn disagreements(configurations: &[Files]) -> Vec<String> {
    let asked: Vec<(Files, Vec<Probe>)> = configurations.iter().map(|files| (files.clone(), PROBES.to_vec())).collect();
    let open = judged("doas.sh", &asked);
    let mut wrong = Vec::new();
    for (index, (access, files)) in accesses(configurations).iter().zip(configurations).enumerate() {
        for (user, target, command) in PROBES {
            let theirs = open.contains(&format!("{index:05} {user} {target} {command}"));
            if let Some(said) = disagreement(access, (user, target, command), theirs) {
                wrong.push(format!("{index}: {said}\n{}{:?}", files[0].1, access.rules));
            }
        }
    }
    wrong
}

fn disagreement(access: &People, (user, target, command): Probe, theirs: bool) -> Option<String> {
    let rules =
        || access.rules.iter().filter(|rule| rule.tool == Tool::Doas && rule.users.iter().any(|own| own == user));
    let names = |rule: &Rule| rule.commands == "ALL" || rule.commands.split(' ').next() == command.split(' ').next();
    let as_root = |rule: &Rule| target != "root" || rule.target.is_none();
    if theirs && !rules().any(|rule| names(rule) && as_root(rule)) {
        return Some(format!("MISSED: {user} runs {command} as {target}"));
    }
    let claims = |rule: &Rule| match command {
        "/srv/generic" => rule.commands == "ALL" && rule.target.is_none(),
        // A rule without arguments allows any arguments.
        _ => {
            (rule.commands == command || command == format!("{} zz", rule.commands))
                && target == rule.target.as_deref().unwrap_or("root")
        }
    };
    // Through another user, it takes more than one command.
    if !theirs && rules().filter(|rule| rule.through.is_none()).any(claims) {
        return Some(format!("FALSE ALARM: {user} runs {command} as {target}"));
    }
    None
}

fn configuration(seed: u64) -> Files {
    let mut generator = Generator::new(seed);
    let text = generator.some(5, &["\n", "\n", "\n\n", " # nopass\n", " # \\\n"], &mut rule) + "\n";
    vec![("doas.conf".to_owned(), text)]
}

fn rule(generator: &mut Generator) -> String {
    if generator.percent(3) {
        return generator
            .of(&[
                "permit",
                "# comment \\",
                "permit nopass bob cmd /opt/a x",
                "permit nopass persist bob",
                "deny nopass bob",
                "x y",
            ])
            .to_owned();
    }
    let mut words = vec![];
    if generator.percent(80) {
        words.push("permit");
        while generator.percent(60) {
            words.push(generator.of(&["nopass", "nopass", "nopass", "keepenv", "setenv { A B=c -D }", "persist"]));
            if words.contains(&"persist") && words.contains(&"nopass") {
                words.pop();
            }
        }
    } else {
        words.push("deny");
    }
    words.push(generator.of(&[
        "ann",
        "bob",
        "eve",
        ":wheel",
        ":staff",
        ":users",
        ":1006",
        ":1",
        "1001",
        "01001",
        "\"bob\"",
        "b\"o\"b",
        "b\\ob",
        "nobody-here",
        ":100",
        "\\\nbob",
        "2000",
        "\":wheel\"",
    ]));
    if generator.percent(40) {
        words.push("as");
        words.push(generator.of(&["root", "web", "0", "\"root\"", "1003", "00", "bob"]));
    }
    if generator.percent(40) {
        words.push("cmd");
        words.push(generator.of(&["/opt/a", "\"/opt/a\"", "/opt/b", "/opt/*", "a", "/opt/\\a"]));
        if generator.percent(40) {
            words.push(generator.of(&["args", "args x", "args \"x\"", "args *", "args x y", "args \"\""]));
        }
    }
    let blank = generator.of(&[" ", "  ", "\t"]);
    words.join(blank)
}
