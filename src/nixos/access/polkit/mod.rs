//! polkit rules that let somebody do something without a password (polkit(8)).
//!
//! The rules are JavaScript. Their decisions are traced for each user and each action that matters. A decision that depends on
//! more than the image becomes a condition, or unknown.

mod script;

use std::collections::{BTreeMap, BTreeSet};

use self::script::{Answer, Doubt, Question, Script};
use super::become_root::{Rules, Unread, Why};
use super::entry::Condition;
use super::rule::{Reach, Rule, Tool};
use crate::error::{Error, Place, Result};
use crate::nixos::{Root, User, Users};

/// The directory of the system's rules.
pub(super) const FOLDER: &str = "/etc/polkit-1/rules.d";

/// The directory of the packages' rules. If two files have the same name, the system's file counts.
const OF_PACKAGES: &str = "/run/current-system/sw/share/polkit-1/rules.d";

/// Limit for bytes of all rules; NixOS and its packages write a few thousand.
const MOST_BYTES: usize = 1 << 20;

/// Limit for steps through all rules.
const MOST_STEPS: usize = 20_000_000;

/// Actions that make a user root.
const ROOT: [&str; 11] = [
    "org.freedesktop.systemd1.manage-units",
    "org.freedesktop.systemd1.manage-unit-files",
    "org.freedesktop.systemd1.set-environment",
    "org.freedesktop.policykit.exec",
    "org.freedesktop.machine1.host-shell",
    "org.freedesktop.portable1.attach-images",
    "org.freedesktop.portable1.manage-images",
    "org.freedesktop.accounts.user-administration",
    "org.freedesktop.home1.create-home",
    "org.freedesktop.udisks2.open-device-system",
    "org.libvirt.unix.manage",
];

/// Actions that imply another one, even if a rule refuses the other (systemd's own annotations).
const IMPLIED: [(&str, &str); 1] =
    [("org.freedesktop.systemd1.manage-unit-files", "org.freedesktop.systemd1.manage-units")];

/// An action that no rule names.
const ANY: &str = "any.action";

/// Limit for characters of an action's name.
const LONGEST: usize = 200;

/// The rules of all files.
pub(super) fn read(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let mut rules = Rules::default();
    let mut script = Script::default();
    let mut named: BTreeSet<String> = BTreeSet::new();
    let mut bytes = 0;
    for (file, text) in files(root)? {
        bytes += text.len();
        if bytes > MOST_BYTES {
            return Err(Error::Limit { what: "1 MiB of polkit rules", place: Place::File(file.into_bytes()) });
        }
        match script.add(&file, &text) {
            Ok(()) => named.extend(actions(&text)),
            // A script without a yes allows nothing.
            Err(_) if !text.contains("YES") && !text.contains("yes") => {}
            Err(script::NotUnderstood { line }) => {
                let why = Why::Undecided(format!("what its code decides (line {line})"));
                rules.unread.push(Unread { file, why });
            }
        }
    }
    // Services that polkit lets talk to each other give nobody a way to root.
    let people = users.list.iter().filter(|user| !user.is_root() && user.normal != Some(false));
    let mut found = Found::default();
    for user in people {
        found.ask(&script, user, &named)?;
    }
    rules.unread.extend(
        found
            .undecided
            .iter()
            .map(|file| Unread { file: file.clone(), why: Why::Undecided("what its code decides".to_owned()) }),
    );
    rules.free = found.rules(&named);
    Ok(rules)
}

/// The files with their texts, in the order in which polkit reads them.
fn files(root: &Root<'_>) -> Result<Vec<(String, String)>> {
    let mut files: BTreeMap<String, (String, String)> = BTreeMap::new();
    for folder in [OF_PACKAGES, FOLDER] {
        for entry in root.entries(folder)? {
            let name = String::from_utf8_lossy(&entry.name).into_owned();
            let file = format!("{folder}/{name}");
            if name.ends_with(".rules")
                && let Some(text) = root.text(&file)?
            {
                files.insert(name, (file, text));
            }
        }
    }
    Ok(files.into_values().collect())
}

/// Possible actions, or beginnings of actions: quoted texts that contain a dot.
fn actions(text: &str) -> Vec<String> {
    let is_one = |part: &&str| {
        part.contains('.')
            && part.len() < LONGEST
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
    };
    text.split(['"', '\'']).filter(is_one).map(str::to_owned).collect()
}

/// Actions without those that begin with another one. The beginning of a name covers all names that begin so.
fn shortest<'a>(actions: impl Iterator<Item = &'a str> + Clone) -> impl Iterator<Item = &'a str> {
    let all = actions.clone();
    actions.filter(move |action| !all.clone().any(|other| other != *action && action.starts_with(other)))
}

/// The properties shared by users of one [`Rule`].
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    answer: Answer,
    actions: Vec<String>,
}

#[derive(Default)]
struct Found {
    by_key: BTreeMap<Key, Vec<String>>,
    /// Files whose answer is unknown.
    undecided: BTreeSet<String>,
    people: usize,
    steps: usize,
}

impl Found {
    fn ask(&mut self, script: &Script, user: &User, named: &BTreeSet<String>) -> Result<()> {
        self.people += 1;
        let groups = user.groups.as_deref().unwrap_or_default();
        let mut own: BTreeMap<Answer, Vec<String>> = BTreeMap::new();
        let others = named.iter().map(String::as_str).filter(|name| !ROOT.contains(name));
        for action in [ANY].into_iter().chain(ROOT).chain(others) {
            let (answers, steps) = script.ask(Question { action, user: &user.name, groups });
            self.steps += steps;
            if self.steps > MOST_STEPS {
                let place = Place::File(FOLDER.as_bytes().to_vec());
                return Err(Error::Limit { what: "20,000,000 steps through polkit rules", place });
            }
            let matters = action == ANY || ROOT.contains(&action);
            let Some(answers) = answers else {
                self.undecided.extend(matters.then(|| FOLDER.to_owned()));
                continue;
            };
            for answer in answers {
                if !answer.doubts.contains(&Doubt::Code) {
                    own.entry(answer).or_default().push(action.to_owned());
                } else if matters {
                    self.undecided.insert(answer.file.to_string());
                }
            }
        }
        for (answer, mut actions) in own {
            for (action, implied) in IMPLIED {
                let has = |wanted: &str| actions.iter().any(|own| own == wanted);
                if has(action) && !has(implied) {
                    actions.push(implied.to_owned());
                }
            }
            self.by_key.entry(Key { answer, actions }).or_default().push(user.name.clone());
        }
        Ok(())
    }

    fn rules(self, named: &BTreeSet<String>) -> Vec<Rule> {
        let people = self.people;
        self.by_key.into_iter().map(|(key, users)| key.rule((users, people), named)).collect()
    }
}

impl Key {
    fn rule(self, (users, people): (Vec<String>, usize), named: &BTreeSet<String>) -> Rule {
        let Self { answer, actions } = self;
        let is = |action: &str| actions.iter().any(|own| own == action);
        let is_root = !answer.doubts.contains(&Doubt::Details) && ROOT.iter().any(|action| is(action));
        let asked = ROOT.into_iter().chain(named.iter().map(String::as_str));
        // A text of the script may be the beginning of an action that is allowed.
        let begins = |text: &str| actions.iter().any(|own| own.starts_with(text));
        let denied: BTreeSet<&str> = asked.filter(|action| is(ANY) && !is(action) && !begins(action)).collect();
        let reach = match is_root {
            true if is(ANY) && denied.is_empty() => Reach::Everything,
            true => Reach::Shell,
            false => Reach::Listed,
        };
        let commands = match is(ANY) {
            true => {
                let all = shortest(denied.iter().copied()).map(|action| format!("!{action}"));
                std::iter::once("ALL".to_owned()).chain(all).collect::<Vec<_>>().join(", ")
            }
            false => shortest(actions.iter().map(String::as_str)).collect::<Vec<_>>().join(", "),
        };
        let who = match answer.who.as_str() {
            "" if users.len() == people => "ALL".to_owned(),
            "" => users.join(", "),
            who => who.to_owned(),
        };
        let condition = |doubt: &Doubt| match doubt {
            Doubt::Local => Some(Condition::Local),
            Doubt::Details => Some(Condition::Details),
            Doubt::Code => None,
        };
        let conditions = answer.doubts.iter().filter_map(condition).collect();
        let place = (&*answer.file, answer.line);
        Rule { reach, commands, conditions, ..Rule::to_root(Tool::Polkit, who, users, place) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn shown(text: &str) -> Vec<String> {
        let user = |name: &str, group: &str| User {
            uid: Some(1000),
            groups: Some(vec![group.to_owned()]),
            ..User::implied(name)
        };
        let users = Users { known: true, list: vec![user("bob", "users"), user("eve", "wheel")] };
        let tree = Made::of(&[("/s/etc/polkit-1/rules.d/10-nixos.rules", text)]);
        let show = |rule: Rule| {
            let root = if rule.makes_root() { "root" } else { "partly" };
            let provisos = rule.provisos();
            format!("{} {} ({}) {root} {}{provisos}", rule.line, rule.who, rule.users.join(" "), rule.commands)
        };
        let rules = read(&tree.system(), &users).unwrap();
        let unknown = rules.unread.iter().map(|unread| match &unread.why {
            Why::Undecided(what) => format!("unknown: {what}"),
            _ => unread.file.clone(),
        });
        rules.free.into_iter().map(show).chain(unknown).collect()
    }

    #[test]
    fn scripts_that_never_end_or_nest_deeply_are_unknown() {
        let deep = format!("polkit.addRule(function(a, s) {{ return {}polkit.Result.YES; }});", "!(".repeat(10_000));
        let long =
            format!("polkit.addRule(function(a, s) {{ return \"\"{} + polkit.Result.YES; }});", " + a".repeat(10_000));
        let endless = "polkit.addRule(function(a, s) { while (true) { } return polkit.Result.YES; });".to_owned();
        let again = "function f() { return f(); } polkit.addRule(function(a, s) { f(); return polkit.Result.YES; });"
            .to_owned();
        let ways = format!(
            "polkit.addRule(function(a, s) {{ {} return polkit.Result.YES; }});",
            "if (a.lookup(\"x\")) { s.x; } ".repeat(20)
        );
        for text in [deep, long, endless, again, ways] {
            let shown = shown(&text);
            assert!(matches!(shown.as_slice(), [one] if one.starts_with("unknown: ")), "{text}: {shown:?}");
        }
    }

    #[test]
    fn rules_that_say_yes_are_found_with_their_actions_and_groups() {
        for (text, expected) in [
            (
                "polkit.addRule(function(action, subject) {\n  if (subject.isInGroup(\"wheel\")) {\n    return polkit.Result.YES;\n  }\n});\n",
                vec!["3 %wheel (eve) root ALL"],
            ),
            (
                "polkit.addRule(function(action, subject) {\n  if (action.id == \"org.freedesktop.systemd1.manage-units\" &&\n    subject.isInGroup('wheel')) return polkit.Result.YES;\n});\n",
                vec!["3 %wheel (eve) root org.freedesktop.systemd1.manage-units"],
            ),
            (
                "polkit.addRule(function(action, subject) { if (action.id.indexOf(\"org.freedesktop.NetworkManager.\") == 0 && \
                 subject.isInGroup(\"users\")) { return polkit.Result.YES; } });",
                vec!["1 %users (bob) partly org.freedesktop.NetworkManager."],
            ),
            (
                "polkit.addRule(function(action, subject) { return polkit.Result.YES; });",
                vec!["1 ALL (bob eve) root ALL"],
            ),
            (
                "polkit.addRule(function(a, s) { if (s.isInGroup(\"wheel\")) { return polkit.Result.AUTH_SELF; } });",
                vec![],
            ),
            // The stock rule of NixOS, and the rules of its graphical installers, of run0 and of NetworkManager.
            ("polkit.addAdminRule(function(action, subject) {\n  return [\"unix-group:wheel\"];\n});\n", vec![]),
            (
                "polkit.addRule(function(action, subject) {\n  if (\n    subject.isInGroup(\"users\")\n    && (action.id.indexOf(\"org.freedesktop.NetworkManager.\") == 0 ||\n        action.id.indexOf(\"org.freedesktop.ModemManager\") == 0)\n    )\n    { return polkit.Result.YES; }\n});\n",
                vec!["7 %users (bob) partly org.freedesktop.ModemManager, org.freedesktop.NetworkManager."],
            ),
            // Rules that require more than the group.
            (
                "polkit.addRule(function(action, subject) { if ((action.id == \"org.freedesktop.Flatpak.app-install\" || action.id == \"org.freedesktop.policykit.exec\") && subject.active == true && subject.local == true && subject.isInGroup(\"wheel\")) { return polkit.Result.YES; } return polkit.Result.NOT_HANDLED; });",
                vec![
                    "1 %wheel (eve) root org.freedesktop.policykit.exec, org.freedesktop.Flatpak.app-install (if at the machine itself)",
                ],
            ),
            (
                "polkit.addRule(function(action, subject) { if (action.id == \"org.freedesktop.systemd1.manage-units\" && action.lookup(\"unit\") == \"web.service\" && subject.user == \"bob\") return polkit.Result.YES; });",
                vec![
                    "1 bob (bob) partly org.freedesktop.systemd1.manage-units (depending on the details of the action)",
                ],
            ),
            (
                "polkit.addRule(function(action, subject) { if (action.lookup(\"unit\") == \"web.service\") return polkit.Result.YES; if (subject.user == \"bob\") return polkit.Result.YES; });",
                vec!["1 bob (bob) root ALL", "1 eve (eve) partly ALL (depending on the details of the action)"],
            ),
            (
                "polkit.addRule(function(action, subject) { if (action.id.indexOf(\"org.freedesktop.systemd1.\") == 0) return polkit.Result.NO; if (subject.user == \"bob\") return polkit.Result.YES; });",
                vec!["1 bob (bob) root ALL, !org.freedesktop.systemd1."],
            ),
            (
                "polkit.addRule(function(action, subject) { if (action.id.substring(0, 24) == \"org.freedesktop.systemd1\" && action.id.indexOf(\"org.freedesktop.systemd1.\") != 0) return polkit.Result.NO; if (subject.user == \"bob\") return polkit.Result.YES; });",
                vec!["1 bob (bob) root ALL"],
            ),
            // Whoever may manage unit files may manage units.
            (
                "polkit.addRule(function(action, subject) { if (action.id == \"org.freedesktop.systemd1.manage-units\") return polkit.Result.NO; if (subject.user == \"bob\") return polkit.Result.YES; });",
                vec!["1 bob (bob) root ALL"],
            ),
            // The first rule that answers counts.
            (
                "polkit.addRule(function(a, s) { if (!s.isInGroup(\"users\")) return polkit.Result.NO; });\npolkit.addRule(function(a, s) { return polkit.Result.YES; });",
                vec!["2 bob (bob) root ALL"],
            ),
            (
                "var all = [\"bob\", \"gone\"];\nfunction is(s) { return all.indexOf(s.user) >= 0; }\npolkit.addRule(function(a, s) { for (var i = 0; i < all.length; i++) { if (all[i] == s.user && is(s)) { return polkit.Result.YES; } } });",
                vec!["3 bob (bob) root ALL"],
            ),
            (
                "polkit.addRule(function(action, subject) { if (/^org\\.freedesktop\\.systemd1\\./.test(action.id) && subject.isInGroup(\"wheel\")) { return \"yes\"; } });",
                vec![
                    "1 %wheel (eve) root org.freedesktop.systemd1.manage-units, org.freedesktop.systemd1.manage-unit-files, org.freedesktop.systemd1.set-environment",
                ],
            ),
            // A script that runs a program or is not understood is unknown; without a yes it allows nothing.
            (
                "polkit.addRule(function(action, subject) { try { polkit.spawn([\"test\"]); return polkit.Result.YES; } catch (e) { } });",
                vec!["unknown: what its code decides (line 1)"],
            ),
            (
                "polkit.addRule(function(action, subject) {\n if (polkit.spawn([\"test\"]) == \"1\") return polkit.Result.YES; });",
                vec!["unknown: what its code decides"],
            ),
            ("polkit.addRule(function(action, subject) { try { polkit.spawn([\"x\"]); } catch (e) { } });", vec![]),
            ("// return polkit.Result.YES;\n/* polkit.Result.YES */\n", vec![]),
            (
                "polkit.addRule(function(action, subject) {\n if (subject.isInGroup(\"wheel\")) { return polkit.Result.NO; }\n if \
                 (subject.user == \"bob\") { return polkit.Result.YES; }\n});\n",
                vec!["3 bob (bob) root ALL"],
            ),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }
}
