//! `please.ini` (please.ini(5)): the last matching section decides.

use regex::bytes::RegexBuilder;

use super::become_root::{MOST_RULES, Rules};
use super::rule::{Reach, Rule, Tool};
use crate::error::{Error, Place, Result};
use crate::nixos::{Root, User, Users};

/// The file that please reads.
pub(super) const FILE: &str = "/etc/please.ini";

/// Limit for the memory of a regular expression, in bytes.
const LARGEST_REGEX: usize = 1 << 18;

/// One section.
#[derive(Default)]
struct Section {
    line: u64,
    name: Option<Pattern>,
    target: Option<Pattern>,
    rule: Option<Pattern>,
    /// Whether `name` refers to groups.
    group: bool,
    permits: bool,
    asks: bool,
    runs: bool,
}

/// A regular expression, or literal text.
struct Pattern {
    text: String,
    exact: bool,
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        if self.exact {
            return self.text == text;
        }
        let regex = RegexBuilder::new(&format!("^(?:{})$", self.text)).unicode(false).size_limit(LARGEST_REGEX).build();
        regex.is_ok_and(|regex| regex.is_match(text.as_bytes()))
    }
}

/// The rules of the file that ask for no password.
pub(super) fn read(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let Some(text) = root.text(FILE)? else { return Ok(Rules::default()) };
    let sections = sections(&text)?;
    let mut rules: Vec<Rule> = Vec::new();
    for (index, section) in sections.iter().enumerate().filter(|(_, section)| section.is_free()) {
        let later = || sections.iter().skip(index + 1).filter(|later| later.runs && (later.asks || !later.permits));
        let meant = users.list.iter().filter(|user| !user.is_root() && section.is_for(user));
        let left = meant.filter(|user| !later().any(|later| later.is_for(user) && later.covers(section)));
        let is_root = section.target.as_ref().is_none_or(|target| target.matches("root"));
        let pattern = section.rule.as_ref().map_or(".*", |rule| rule.text.as_str());
        let rule = section.rule.as_ref();
        let shells = ["/run/current-system/sw/bin/bash", "/bin/sh", "/usr/bin/env"];
        let reach = match rule {
            None => Reach::Listed,
            Some(_) if is_anything(pattern) => Reach::Everything,
            Some(rule) if shells.iter().any(|shell| rule.matches(shell)) => Reach::Shell,
            Some(_) => Reach::Listed,
        };
        let sign = if section.group { "%" } else { "" };
        let who = format!("{sign}{}", section.name.as_ref().map_or("", |name| &name.text));
        let target = section.target.as_ref().filter(|_| !is_root);
        let is_target = |user: &&User| !user.is_root() && target.is_some_and(|target| target.matches(&user.name));
        rules.push(Rule {
            target: target.map(|target| target.text.clone()),
            becomes: users.list.iter().filter(is_target).map(|user| user.name.clone()).collect(),
            reach,
            commands: if reach == Reach::Everything { "ALL".to_owned() } else { pattern.to_owned() },
            ..Rule::to_root(Tool::Please, who, left.map(|user| user.name.clone()).collect(), (FILE, section.line))
        });
    }
    Ok(rules.into())
}

fn is_anything(pattern: &str) -> bool {
    matches!(pattern.trim_start_matches('^').trim_end_matches('$'), ".*" | ".+")
}

impl Section {
    fn is_free(&self) -> bool {
        self.runs && self.permits && !self.asks && self.name.is_some()
    }

    fn is_for(&self, user: &User) -> bool {
        let Some(name) = &self.name else { return false };
        match self.group {
            true => user.groups.iter().flatten().any(|group| name.matches(group)),
            false => name.matches(&user.name),
        }
    }

    fn covers(&self, other: &Self) -> bool {
        let text = |pattern: &Option<Pattern>| pattern.as_ref().map(|pattern| pattern.text.clone());
        let same = |one: &Option<Pattern>, other: &Option<Pattern>| {
            text(one) == text(other) || one.as_ref().is_some_and(|one| is_anything(&one.text))
        };
        same(&self.rule, &other.rule) && same(&self.target, &other.target)
    }
}

fn sections(text: &str) -> Result<Vec<Section>> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in (1u64..).zip(text.lines()) {
        let line = line.trim();
        if line.starts_with('[') {
            if sections.len() == MOST_RULES {
                let place = Place::Line { file: FILE.to_owned(), line: number };
                return Err(Error::Limit { what: "10,000 sections of please.ini", place });
            }
            sections.push(Section { line: number, permits: true, asks: true, runs: true, ..Section::default() });
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';'])) else { continue };
        let Some(section) = sections.last_mut() else { continue };
        let (key, value) = (key.trim(), value.trim());
        let pattern = Some(Pattern { text: value.to_owned(), exact: key.starts_with("exact_") });
        match key {
            "name" | "exact_name" => section.name = pattern,
            "target" | "exact_target" => section.target = pattern,
            "rule" | "regex" | "exact_rule" => section.rule = pattern,
            "group" => section.group = value == "true",
            "permit" => section.permits = value == "true",
            "require_pass" => section.asks = value != "false",
            "type" => section.runs = value == "run",
            _ => {}
        }
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn sections_that_ask_for_no_password_are_found() {
        let user = |name: &str, group: &str| User {
            uid: Some(1000),
            groups: Some(vec![group.to_owned()]),
            ..User::implied(name)
        };
        let users = Users { known: true, list: vec![user("bob", "users"), user("eve", "wheel")] };
        for (text, expected) in [
            ("[wheel]\nname=wheel\ngroup=true\ntarget=root\nrule=.*\nrequire_pass=false\n", vec!["%wheel (eve) root"]),
            ("[wheel]\nname=wheel\ngroup=true\ntarget=root\nrule=.*\nrequire_pass=true\n", vec![]),
            ("[bob]\nname=b.b\ntarget=root\nrule=^/opt/a$\nrequire_pass = false\n", vec!["b.b (bob) partly"]),
            ("[bob]\nname=bob\ntarget=web\nrule=.*\nrequire_pass=false\n", vec!["bob (bob) partly"]),
            (
                "[a]\nname=bob\ntarget=root\nrule=.*\nrequire_pass=false\n[b]\nname=bob\ntarget=root\nrule=.*\npermit=false\n",
                vec!["bob () root"],
            ),
        ] {
            let rules = read(&Made::of(&[("/s/etc/please.ini", text)]).system(), &users).unwrap().free;
            let show = |rule: &Rule| {
                let root = if rule.makes_root() { "root" } else { "partly" };
                format!("{} ({}) {root}", rule.who, rule.users.join(" "))
            };
            assert_eq!(rules.iter().map(show).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
