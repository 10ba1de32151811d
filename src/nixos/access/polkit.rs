//! polkit rules that let somebody do something without a password (polkit(8)).
//!
//! The rules are JavaScript, of which only the usual forms are understood: what a function says of the action, the group and
//! the user before it returns `polkit.Result.YES`. A form that is not understood is taken for one that allows.

use super::become_root::{Reach, Rule, Tool};
use super::entry::{Name, Person};
use crate::error::Result;
use crate::nixos::{Root, Users};

/// Where rules are.
const FOLDERS: [&str; 2] = ["/etc/polkit-1/rules.d", "/run/current-system/sw/share/polkit-1/rules.d"];

/// Actions that make whoever may do them root, or that begin so.
const ROOT: [&str; 9] = [
    "org.freedesktop.systemd1.manage-units",
    "org.freedesktop.systemd1.manage-unit-files",
    "org.freedesktop.systemd1.set-environment",
    "org.freedesktop.policykit.exec",
    "org.freedesktop.machine1.host-shell",
    "org.freedesktop.machine1.host-login",
    "org.freedesktop.accounts.user-administration",
    "org.freedesktop.home1.create-home",
    "org.libvirt.unix.manage",
];

/// What a function asks before it says yes.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    actions: Vec<String>,
    groups: Vec<String>,
    users: Vec<String>,
}

/// The rules of all files.
pub(super) fn read(root: &Root<'_>, users: &Users) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    for folder in FOLDERS {
        for entry in root.entries(folder)? {
            let name = String::from_utf8_lossy(&entry.name).into_owned();
            let file = format!("{folder}/{name}");
            if let Some(text) = root.text(&file)?.filter(|_| name.ends_with(".rules")) {
                for (line, asked) in allowed(&text) {
                    rules.extend(asked.rules(users, (&file, line)));
                }
            }
        }
    }
    Ok(rules)
}

impl Asked {
    fn rules(&self, users: &Users, (file, line): (&str, u64)) -> Vec<Rule> {
        let groups = self.groups.iter().map(|group| (format!("%{group}"), Name::Group(group.clone())));
        let named = self.users.iter().map(|user| (user.clone(), Name::Word(user.clone())));
        let mut whom: Vec<(String, Name)> = groups.chain(named).collect();
        if whom.is_empty() {
            whom.push(("ALL".to_owned(), Name::All));
        }
        let is_root = |action: &String| ROOT.iter().any(|known| known.starts_with(action.as_str()));
        let reach = match self.actions.as_slice() {
            [] => Reach::Everything,
            actions if actions.iter().any(is_root) => Reach::Shell,
            _ => Reach::Listed,
        };
        let commands = if self.actions.is_empty() { "ALL".to_owned() } else { self.actions.join(", ") };
        let rule = |(who, name): (String, Name)| {
            let meant = users.list.iter().filter(|user| !user.is_root() && Person::of(user, |_| None).is_surely(&name));
            Rule {
                tool: Tool::Polkit,
                who,
                users: meant.map(|user| user.name.clone()).collect(),
                target: None,
                reach,
                commands: commands.clone(),
                conditions: Vec::new(),
                source: file.to_owned(),
                line,
            }
        };
        // Services that polkit lets talk to each other are nobody's way to root.
        let is_person = |name: &String| users.named(name).is_some_and(|user| user.normal != Some(false));
        let is_way = |rule: &Rule| rule.who != "root" && rule.users.iter().any(is_person);
        whom.into_iter().map(rule).filter(is_way).collect()
    }
}

/// What is asked before each yes, with its line.
fn allowed(text: &str) -> Vec<(u64, Asked)> {
    let text = without_comments(text);
    let mut all = Vec::new();
    for (at, _) in text.match_indices("polkit.Result.YES") {
        let before = text.get(..at).unwrap_or_default();
        let line = 1 + before.matches('\n').count() as u64;
        let from = before.rfind("addRule").unwrap_or(0);
        let condition = in_scope(before.get(from..).unwrap_or_default());
        all.push((line, Asked::of(&condition)));
    }
    all
}

/// The text without comments, its lines kept.
fn without_comments(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if letter == '"' || letter == '\'' {
            let end = rest.get(1..).and_then(|inside| inside.find(letter)).map_or(rest.len(), |end| end + 2);
            plain.push_str(rest.get(..end).unwrap_or_default());
            rest = rest.get(end..).unwrap_or_default();
            continue;
        } else {
            plain.push(letter);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            continue;
        };
        let (comment, behind) = rest.split_at_checked(skipped).unwrap_or((rest, ""));
        plain.extend(comment.chars().filter(|letter| *letter == '\n'));
        rest = behind;
    }
    plain
}

/// What of a text still holds at its end: without blocks that are closed, and without returns before it.
fn in_scope(text: &str) -> String {
    let mut scopes: Vec<String> = vec![String::new()];
    for letter in text.chars() {
        match letter {
            '{' => scopes.push(String::new()),
            '}' => {
                if scopes.len() > 1 {
                    scopes.pop();
                }
                // The condition of a block that is closed says nothing of what follows.
                if let Some(last) = scopes.last_mut() {
                    let end = last.rfind(';').map_or(0, |at| at + 1);
                    last.truncate(end);
                }
            }
            letter => {
                if let Some(last) = scopes.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    let statement = |scope: String| scope.rsplit(';').next().unwrap_or_default().to_owned();
    scopes.into_iter().map(statement).collect::<Vec<_>>().join(" ")
}

impl Asked {
    fn of(condition: &str) -> Self {
        let mut asked = Self::default();
        for (at, text) in quoted(condition) {
            let before = condition.get(..at).unwrap_or_default().trim_end();
            let tail = before.get(before.len().saturating_sub(40)..).unwrap_or(before);
            let negated = tail.trim_end_matches('(').ends_with("!subject.isInGroup")
                || tail.ends_with("!=")
                || tail.ends_with("!==");
            if negated {
                continue;
            }
            if tail.ends_with("isInGroup(") {
                asked.groups.push(text);
            } else if tail.contains("subject.user") {
                asked.users.push(text);
            } else if text.contains('.') {
                asked.actions.push(text);
            }
        }
        asked
    }
}

/// The texts in quotes, with the places of their quotes.
fn quoted(text: &str) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(['"', '\''])).map(|at| from + at) {
        let Some(quote) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        let Some(end) = text.get(at + 1..).and_then(|rest| rest.find(quote)) else { break };
        all.push((at, text.get(at + 1..at + 1 + end).unwrap_or_default().to_owned()));
        from = at + 2 + end;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::User;
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
            format!("{} {} ({}) {root} {}", rule.line, rule.who, rule.users.join(" "), rule.commands)
        };
        read(&tree.system(), &users).unwrap().into_iter().map(show).collect()
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
