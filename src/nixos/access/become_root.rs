//! Who becomes root, or somebody else, without a password: rules of sudo and doas, and the users whom Nix trusts.

use std::collections::HashSet;

use super::sudoers;
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::users::{User, Users};

/// Rules that are kept; NixOS writes a few.
pub(super) const MOST_RULES: usize = 1_000;

/// A rule by which users run commands as somebody else without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `sudo`, `doas`, or `nix` for `trusted-users`.
    pub tool: &'static str,
    /// Whom the rule names: a user, or `%wheel` for a group.
    pub who: String,
    /// The users who are meant, as far as the image lists users; all of them where the rule says so.
    pub users: Vec<String>,
    /// As whom the commands are run, if not as root.
    pub target: Option<String>,
    /// The commands, as written; `ALL` for any.
    pub commands: String,
    /// The file, as the running system has it.
    pub source: String,
    /// Its line, counted from 1.
    pub line: u64,
}

impl Rule {
    /// Whether the rule makes root of them. Commands that are taken away of all take away nothing (sudoers(5), SECURITY
    /// NOTES).
    #[must_use]
    pub fn makes_root(&self) -> bool {
        self.target.is_none() && self.is_everything()
    }

    /// Whether it is about all commands.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.commands.split(", ").any(|command| command == "ALL")
    }
}

/// What a rule grants, or takes away, as long as no later one speaks of the same.
pub(super) struct Grant {
    pub(super) rule: Rule,
    /// Whether no password is asked for.
    pub(super) free: bool,
    /// Who is not meant.
    pub(super) except: Vec<String>,
}

/// The rules of a system, and files of rules that are not in the image.
pub(super) fn rules(root: &Root<'_>, users: &Users) -> Result<(Vec<Rule>, Vec<String>)> {
    let etc = |name: &str| root.text(&format!("/etc/{name}"));
    let sudoers = sudoers::read(root)?;
    let mut rules = left(sudoers.grants, users);
    rules.extend(left(etc("doas.conf")?.map(|text| doas(&text)).unwrap_or_default(), users));
    let trusted = etc("nix/nix.conf")?.map(|text| trusted(&text)).unwrap_or_default();
    rules.extend(trusted.into_iter().map(|rule| Rule { users: meant(&rule.who, users), ..rule }));
    // Root needs nobody's leave.
    rules.retain(|rule| rule.who != "root" && rule.who != "#0");
    rules.truncate(MOST_RULES);
    Ok((rules, sudoers.unread))
}

/// The rules that ask for no password and still count: of all that match, sudo and doas follow the last.
fn left(mut grants: Vec<Grant>, users: &Users) -> Vec<Rule> {
    grants.truncate(MOST_RULES);
    for grant in &mut grants {
        let mut meant = meant(&grant.rule.who, users);
        meant.retain(|name| !grant.except.contains(name));
        grant.rule.users = meant;
    }
    // From the last on, with all whom a later one asks for a password.
    let (mut rules, mut asked): (Vec<Rule>, HashSet<String>) = (Vec::new(), HashSet::new());
    for Grant { mut rule, free, .. } in grants.into_iter().rev() {
        if free {
            let some = !rule.users.is_empty();
            rule.users.retain(|name| !asked.contains(name));
            if !some || !rule.users.is_empty() {
                rules.push(rule);
            }
        } else if rule.makes_root() {
            asked.extend(rule.users);
        }
    }
    rules.reverse();
    rules
}

/// The users that a name means: itself, the members of `%group`, the one with the number of `#1000`, or all.
fn meant(who: &str, users: &Users) -> Vec<String> {
    let is_meant = |user: &User| match (who.strip_prefix('%'), who.strip_prefix('#')) {
        (Some(group), _) => user.groups.as_ref().is_some_and(|groups| groups.iter().any(|own| own == group)),
        (_, Some(uid)) => user.uid.is_some_and(|own| own.to_string() == uid),
        _ => who == "ALL" || who == user.name,
    };
    users.list.iter().filter(|user| is_meant(user)).map(|user| user.name.clone()).collect()
}

/// Lines with their numbers, those that a backslash continues joined.
pub(super) fn joined(text: &str) -> Vec<(u64, String)> {
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
    lines.retain(|(_, line)| !line.trim().is_empty());
    lines
}

/// The rules of `doas.conf` (doas.conf(5)).
fn doas(text: &str) -> Vec<Grant> {
    let rule = |(number, line): (u64, String)| {
        let line = line.split('#').next().unwrap_or_default();
        let spaced = line.replace('{', " { ").replace('}', " } ");
        let mut words = spaced.split_ascii_whitespace().peekable();
        let permits = match words.next()? {
            "permit" => true,
            "deny" => false,
            _ => return None,
        };
        let mut free = false;
        while let Some(option) =
            words.next_if(|word| matches!(*word, "nopass" | "persist" | "keepenv" | "nolog" | "setenv"))
        {
            free |= option == "nopass";
            if option == "setenv" {
                words.by_ref().take_while(|word| *word != "}").for_each(drop);
            }
        }
        let who = words.next()?.trim_matches('"');
        // doas writes groups with a colon.
        let who = who.strip_prefix(':').map_or_else(|| who.to_owned(), |group| format!("%{group}"));
        let target = words.next_if_eq(&"as").and_then(|_| words.next()).map(str::to_owned);
        let commands = match words.next() {
            Some("cmd") => words.collect::<Vec<_>>().join(" "),
            _ => "ALL".to_owned(),
        };
        let (users, source) = (Vec::new(), "/etc/doas.conf".to_owned());
        let target = target.filter(|target| target != "root");
        let rule = Rule { tool: "doas", who, users, target, commands, source, line: number };
        Some(Grant { rule, free: free && permits, except: Vec::new() })
    };
    joined(text).into_iter().filter_map(rule).collect()
}

/// `trusted-users` of `nix.conf`: they are root in all but name (nix.conf(5)).
fn trusted(text: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (number, line) in (1u64..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let Some((name, value)) = line.split_once('=') else { continue };
        let name = name.trim();
        if name != "trusted-users" && name != "extra-trusted-users" {
            continue;
        }
        if name == "trusted-users" {
            rules.clear(); // the last one counts
        }
        for who in value.split_ascii_whitespace() {
            let who = match (who.strip_prefix('@'), who) {
                (Some(group), _) => format!("%{group}"),
                (None, "*") => "ALL".to_owned(),
                (None, who) => who.to_owned(),
            };
            let (users, commands, source) = (Vec::new(), "ALL".to_owned(), "/etc/nix/nix.conf".to_owned());
            rules.push(Rule { tool: "nix", who, users, target: None, commands, source, line: number });
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    /// Rules that are left, of users in `wheel` and in `users`.
    fn shown(file: &str, text: &str) -> Vec<String> {
        let user = |name: &str, uid: u64, group: &str| User {
            uid: Some(uid),
            groups: Some(vec![group.to_owned()]),
            ..User::implied(name)
        };
        let list = vec![user("root", 0, "root"), user("eve", 1000, "wheel"), user("bob", 1001, "users")];
        let users = Users { known: true, list };
        let (rules, unread) = rules(&Made::of(&[(file, text)]).system(), &users).unwrap();
        assert!(unread.is_empty());
        let show = |Rule { line, who, users, target, commands, .. }: &Rule| {
            format!("{line} {who} ({}) {} {commands}", users.join(" "), target.as_deref().unwrap_or("root"))
        };
        rules.iter().map(show).collect()
    }

    #[test]
    fn rules_of_doas_without_a_password_are_found() {
        let text = "permit :wheel\npermit nopass keepenv setenv { A B=c } :wheel # c\npermit nopass bob as root cmd reboot now\n\
                    permit nopass bob as eve\n";
        assert_eq!(
            shown("/s/etc/doas.conf", text),
            ["2 %wheel (eve) root ALL", "3 bob (bob) root reboot now", "4 bob (bob) eve ALL"]
        );
        let text = "permit nopass eve\npermit nopass bob\ndeny bob\npermit persist :wheel\n";
        assert!(shown("/s/etc/doas.conf", text).is_empty());
    }

    #[test]
    fn trusted_users_are_those_of_the_last_line_and_of_what_adds_to_it() {
        let text = "trusted-users = root old\ntrusted-users = root @wheel * # all\nextra-trusted-users = eve\n";
        assert_eq!(
            shown("/s/etc/nix/nix.conf", text),
            ["2 %wheel (eve) root ALL", "2 ALL (root eve bob) root ALL", "3 eve (eve) root ALL"]
        );
    }

    #[test]
    fn a_rule_tells_the_users_that_it_means() {
        let text = "%wheel ALL=(ALL) NOPASSWD: ALL\nALL, !bob ALL=(ALL) NOPASSWD: /bin/x\n#1001 ALL=NOPASSWD: ALL\n\
                    gone ALL=NOPASSWD: ALL\nroot ALL=NOPASSWD: ALL\n";
        assert_eq!(
            shown("/s/etc/sudoers", text),
            ["1 %wheel (eve) root ALL", "2 ALL (root eve) root /bin/x", "3 #1001 (bob) root ALL", "4 gone () root ALL"]
        );
    }

    #[test]
    fn a_later_rule_that_asks_for_a_password_counts() {
        let text = "%wheel ALL=(ALL) NOPASSWD: ALL\nbob ALL=(ALL) NOPASSWD: ALL\neve ALL=(ALL) ALL\n";
        assert_eq!(shown("/s/etc/sudoers", text), ["2 bob (bob) root ALL"]);
        let text = "eve ALL=(ALL) ALL\n%wheel ALL=(ALL) NOPASSWD: ALL\n";
        assert_eq!(shown("/s/etc/sudoers", text), ["2 %wheel (eve) root ALL"]);
    }
}
