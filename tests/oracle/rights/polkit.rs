//! Rules of polkit, compared with polkit itself.

use nixoscope::nixos::access::{People, Rule, Tool};

use super::generator::Generator;
use super::world::{Files, Probe, accesses, judged, number};

/// Configurations per run, unless the environment says otherwise. polkit is restarted for each.
const COUNT: usize = 40;

const EXEC: &str = "org.freedesktop.policykit.exec";
const UNITS: &str = "org.freedesktop.systemd1.manage-units";
const TIME: &str = "org.freedesktop.timedate1.set-time";

fn probes() -> Vec<Probe> {
    ["ann", "bob", "eve"].into_iter().flat_map(|user| [EXEC, UNITS, TIME].map(|action| (user, "-", action))).collect()
}

#[test]
fn random_rules_of_polkit_allow_what_polkit_allows() {
    let seed = number("NIXOSCOPE_ORACLE_SEED", 1) as u64;
    let count = number("NIXOSCOPE_ORACLE_COUNT", COUNT);
    let texts = (0..count as u64).map(|index| script(&mut Generator::new(seed << 32 | index)));
    let wrong = disagreements(&texts.collect::<Vec<_>>());
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn rules_of_polkit_of_every_form_allow_what_polkit_allows() {
    let texts: Vec<String> = include_str!("polkit.txt").split("\n---\n").map(str::to_owned).collect();
    let wrong = disagreements(&texts);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn disagreements(texts: &[String]) -> Vec<String> {
    let files = |text: &String| -> Files { vec![("polkit-1/rules.d/10-nixos.rules".to_owned(), text.clone())] };
    let configurations: Vec<Files> = texts.iter().map(files).collect();
    let asked: Vec<(Files, Vec<Probe>)> = configurations.iter().map(|files| (files.clone(), probes())).collect();
    let open = judged("polkit.sh", &asked);
    let mut wrong = Vec::new();
    for (index, (people, text)) in accesses(&configurations).iter().zip(texts).enumerate() {
        for (user, _, action) in probes() {
            let theirs = open.contains(&format!("{index:05} {user} - {action}"));
            if let Some(kind) = disagreement(people, (user, action), theirs) {
                wrong.push(format!("#### {index}: {kind}: {user} {action}\n{text}\n{:?}", people.rules));
            }
        }
    }
    wrong
}

/// A rule that depends on something else may go either way.
fn disagreement(people: &People, (user, action): (&str, &str), theirs: bool) -> Option<&'static str> {
    let allows = |rule: &&Rule| {
        rule.tool == Tool::Polkit
            && rule.users.iter().any(|own| own == user)
            && rule.commands.split(", ").any(|name| name == "ALL" || action.starts_with(name))
            && !rule.commands.split(", ").filter_map(|name| name.strip_prefix('!')).any(|name| action.starts_with(name))
    };
    let mut rules = people.rules.iter().filter(allows);
    match theirs {
        true => rules.next().is_none().then_some("MISSED"),
        false => rules.any(|rule| rule.conditions.is_empty()).then_some("FALSE ALARM"),
    }
}

fn script(generator: &mut Generator) -> String {
    // nixoscope does not ask about an action that only a pattern matches.
    let named = format!("var named = [\"{TIME}\"];\n");
    named
        + &generator.some(3, &["\n"], &mut |generator| {
            let statements = generator.some(3, &["\n  "], &mut statement);
            format!("polkit.addRule(function(action, subject) {{\n  {statements}\n}});")
        })
}

fn statement(generator: &mut Generator) -> String {
    let (condition, own, other) = (condition(generator), result(generator), result(generator));
    match generator.of(&[0, 0, 1, 2, 3, 4]) {
        0 => format!("if ({condition}) {{ return {own}; }}"),
        1 => format!("if ({condition}) return {own}; else return {other};"),
        2 => format!("return ({condition}) ? {own} : {other};"),
        3 => format!("var is = {condition};\n  if (!is) {{ }} else if (subject.user != \"root\") {{ return {own} }}"),
        _ => format!("if ({condition}) {{ if (!({})) return {own}; }}", self::condition(generator)),
    }
}

fn result(generator: &mut Generator) -> &'static str {
    generator.of(&[
        "polkit.Result.YES",
        "polkit.Result.YES",
        "polkit.Result.YES",
        "\"yes\"",
        "polkit.Result.NO",
        "polkit.Result.AUTH_ADMIN",
        "polkit.Result.NOT_HANDLED",
        "null",
    ])
}

fn condition(generator: &mut Generator) -> String {
    generator.some(3, &[" && ", " && ", " || "], &mut |generator| {
        let all = [
            "subject.isInGroup(\"wheel\")",
            "subject.isInGroup(\"staff\")",
            "!subject.isInGroup('users')",
            "subject.user == \"bob\"",
            "subject.user !== \"eve\"",
            "[\"ann\", \"bob\"].indexOf(subject.user) >= 0",
            "subject.groups.indexOf(\"wheel\") == -1",
            "action.id == \"org.freedesktop.systemd1.manage-units\"",
            "action.id != \"org.freedesktop.policykit.exec\"",
            "action.id.indexOf(\"org.freedesktop.systemd1.\") == 0",
            "/^org\\.freedesktop\\.(timedate1|policykit)\\./.test(action.id)",
            "action.id.match(/units$/)",
            "action.id.substring(0, 24) == \"org.freedesktop.systemd1\"",
            "subject.local",
            "!subject.active",
            "action.lookup(\"unit\") == \"x.service\"",
            "action.lookup(\"unit\") != \"x.service\"",
            "(subject.user == \"eve\" || action.id == \"org.freedesktop.timedate1.set-time\")",
            "true",
        ];
        generator.of(&all).to_owned()
    })
}
