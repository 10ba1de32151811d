//! Who becomes root, or somebody else, without a password: rules of sudo and doas, and the users whom Nix trusts.

use super::text;
use crate::error::Result;
use crate::fs::Tree;
use crate::nixos::users::Users;

/// Rules that are kept; NixOS writes a few.
const MOST_RULES: usize = 1_000;

/// A rule by which users run commands as somebody else without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `sudo`, `doas`, or `nix` for `trusted-users`.
    pub tool: &'static str,
    /// Whom the rule names: a user, or `%wheel` for a group.
    pub who: String,
    /// The users who are meant, as far as the image lists users; all of them where the rule says so.
    pub users: Vec<String>,
    /// The commands, as written; `ALL` for any.
    pub commands: String,
    /// The file, as the running system has it.
    pub source: String,
    /// Its line, counted from 1.
    pub line: u64,
}

/// The rules of a system.
pub(super) fn rules(tree: &dyn Tree, toplevel: &str, users: &Users) -> Result<Vec<Rule>> {
    let mut rules = Vec::new();
    let etc = |name: &str| text(tree, &format!("{toplevel}/etc/{name}"));
    rules.extend(etc("sudoers")?.map(|text| sudo(&text)).unwrap_or_default());
    rules.extend(etc("doas.conf")?.map(|text| doas(&text)).unwrap_or_default());
    rules.extend(etc("nix/nix.conf")?.map(|text| trusted(&text)).unwrap_or_default());
    rules.truncate(MOST_RULES);
    for rule in &mut rules {
        rule.users = meant(&rule.who, users);
    }
    Ok(rules)
}

/// The users that a name means: itself, the members of `%group`, or all.
fn meant(who: &str, users: &Users) -> Vec<String> {
    let is_meant = |name: &str, groups: Option<&[String]>| match who.strip_prefix('%') {
        Some(group) => groups.is_some_and(|groups| groups.iter().any(|own| own == group)),
        None => who == "ALL" || who == name,
    };
    let meant = users.list.iter().filter(|user| is_meant(&user.name, user.groups.as_deref()));
    meant.map(|user| user.name.clone()).collect()
}

/// Lines with their numbers, those that a backslash continues joined, without comments.
fn joined(text: &str) -> Vec<(u64, String)> {
    let mut lines: Vec<(u64, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1u64..).zip(text.lines()) {
        let (part, continues) = line.strip_suffix('\\').map_or((line, false), |part| (part, true));
        match lines.last_mut() {
            Some((_, last)) if open => last.push_str(part),
            _ => lines.push((number, part.to_owned())),
        }
        open = continues;
    }
    lines.retain(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines
}

/// Rules of `sudoers` with `NOPASSWD`, or all of them under `Defaults !authenticate` (sudoers(5)).
fn sudo(text: &str) -> Vec<Rule> {
    let lines = joined(text);
    let free = lines.iter().any(|(_, line)| {
        let mut words = line.split_ascii_whitespace();
        words.next() == Some("Defaults") && words.any(|word| word.trim_end_matches(',') == "!authenticate")
    });
    let rule = |(number, line): &(u64, String)| {
        let (who, specification) = line.trim().split_once(char::is_whitespace)?;
        let (_, commands) = specification.split_once('=')?;
        if who.starts_with("Defaults") || who.ends_with("_Alias") {
            return None;
        }
        // A tag counts for the commands behind it, up to its contrary.
        let free_commands: Vec<&str> = match commands.split_once("NOPASSWD:") {
            Some((_, free)) => free.split("PASSWD:").take(1).collect(),
            None if free && !commands.contains("PASSWD:") => vec![commands],
            None => return None,
        };
        let commands = free_commands.concat();
        let commands = commands.trim().trim_start_matches("SETENV:").trim().trim_end_matches(',');
        // `(ALL:ALL)` says as whom, not what.
        let commands =
            commands.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(commands, |(_, rest)| rest.trim());
        let words: Vec<&str> = commands.trim_start_matches("SETENV:").split_ascii_whitespace().collect();
        let commands = words.join(" ");
        let (who, source) = (who.to_owned(), "/etc/sudoers".to_owned());
        // Root needs nobody's leave.
        (who != "root").then_some(Rule { tool: "sudo", who, users: Vec::new(), commands, source, line: *number })
    };
    lines.iter().filter_map(rule).collect()
}

/// `permit nopass` rules of `doas.conf` (doas.conf(5)).
fn doas(text: &str) -> Vec<Rule> {
    let rule = |(number, line): (u64, String)| {
        let spaced = line.replace('{', " { ").replace('}', " } ");
        let mut words = spaced.split_ascii_whitespace().peekable();
        if words.next() != Some("permit") {
            return None;
        }
        let mut free = false;
        while let Some(option) =
            words.next_if(|word| matches!(*word, "nopass" | "persist" | "keepenv" | "nolog" | "setenv"))
        {
            free |= option == "nopass";
            if option == "setenv" {
                words.by_ref().take_while(|word| *word != "}").for_each(drop);
            }
        }
        let who = words.next().filter(|_| free)?;
        // doas writes groups with a colon.
        let who = who.strip_prefix(':').map_or_else(|| who.to_owned(), |group| format!("%{group}"));
        let rest: Vec<&str> = words.collect();
        let commands = rest.iter().position(|word| *word == "cmd").and_then(|at| rest.get(at + 1..));
        let commands = commands.map_or_else(|| "ALL".to_owned(), |command| command.join(" "));
        let source = "/etc/doas.conf".to_owned();
        (who != "root").then_some(Rule { tool: "doas", who, users: Vec::new(), commands, source, line: number })
    };
    joined(text).into_iter().filter_map(rule).collect()
}

/// `trusted-users` of `nix.conf`: they are root in all but name (nix.conf(5)).
fn trusted(text: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (number, line) in joined(text) {
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if name != "trusted-users" && name != "extra-trusted-users" {
            continue;
        }
        if name == "trusted-users" {
            rules.clear(); // the last one counts
        }
        for who in value.split_ascii_whitespace().filter(|who| *who != "root") {
            let who = match (who.strip_prefix('@'), who) {
                (Some(group), _) => format!("%{group}"),
                (None, "*") => "ALL".to_owned(),
                (None, who) => who.to_owned(),
            };
            let (commands, source) = ("ALL".to_owned(), "/etc/nix/nix.conf".to_owned());
            rules.push(Rule { tool: "nix", who, users: Vec::new(), commands, source, line: number });
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;
    use crate::nixos::users::User;

    fn shown(rules: &[Rule]) -> Vec<String> {
        rules.iter().map(|rule| format!("{} {} {}", rule.line, rule.who, rule.commands)).collect()
    }

    #[test]
    fn rules_of_sudo_without_a_password_are_found() {
        let text = "\
# a comment NOPASSWD:
Defaults env_keep+=SSH_AUTH_SOCK
root    ALL=(ALL:ALL) SETENV: ALL
%wheel  ALL=(ALL:ALL) NOPASSWD:SETENV: ALL
eve ALL = (root) NOPASSWD: /bin/a, \\
  /bin/b, PASSWD: /bin/c
bob ALL=(ALL) ALL
";
        assert_eq!(shown(&sudo(text)), ["4 %wheel ALL", "5 eve /bin/a, /bin/b"]);
        assert_eq!(shown(&sudo("Defaults !authenticate\nbob ALL=(ALL) ALL\n")), ["2 bob ALL"]);
    }

    #[test]
    fn rules_of_doas_without_a_password_are_found() {
        let text = "permit :wheel\npermit nopass keepenv setenv { A B=c } :wheel\npermit nopass eve as root cmd reboot\ndeny nopass bob\n";
        assert_eq!(shown(&doas(text)), ["2 %wheel ALL", "3 eve reboot"]);
    }

    #[test]
    fn trusted_users_are_those_of_the_last_line_and_of_what_adds_to_it() {
        let text = "trusted-users = root old\ntrusted-users = root @wheel *\nextra-trusted-users = eve\n";
        assert_eq!(shown(&trusted(text)), ["2 %wheel ALL", "2 ALL ALL", "3 eve ALL"]);
    }

    #[test]
    fn a_rule_tells_the_users_that_it_means() {
        let user = |name: &str, group: &str| User { groups: Some(vec![group.to_owned()]), ..User::implied(name) };
        let users = Users { known: true, list: vec![user("eve", "wheel"), user("bob", "users")] };
        let tree = Made::of(&[("/s/etc/sudoers", "%wheel ALL=(ALL) NOPASSWD: ALL\nALL ALL=(ALL) NOPASSWD: /bin/x\n")]);
        let rules = rules(&tree, "/s", &users).unwrap();
        assert_eq!(rules.iter().map(|rule| rule.users.join(" ")).collect::<Vec<_>>(), ["eve", "eve bob"]);
    }
}
