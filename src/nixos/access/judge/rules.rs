//! Findings about rules that make users root, or log them in.

use crate::nixos::access::Facts;
use crate::nixos::access::become_root::{Malformed, Unread, Why};
use crate::nixos::access::finding::{Finding, FindingId, Severity};
use crate::nixos::access::rule::{Rule, Tool};

/// The findings of all rules.
pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts.rules.iter().map(of_rule).collect();
    for Malformed { tool, file, line } in &facts.malformed {
        let message = match tool {
            Tool::Sudo => "sudo ignores this malformed line",
            _ => "doas refuses everybody, because this line is malformed",
        };
        let place = format!("{file}:{line}");
        findings.push(Finding::new(FindingId::MalformedRule, tool.name(), message.to_owned(), Some(&place)));
    }
    for Unread { file, why } in &facts.unread {
        let message = match why {
            Why::Missing => "is included but not in the image: what it grants is unknown".to_owned(),
            Why::Limit(error) => format!("is not read further, so what it grants is unknown: {error}"),
            Why::Undecided(what) => format!("may grant more: the image does not say {what}"),
        };
        findings.push(Finding::new(FindingId::UnreadFile, file, message, None));
    }
    for login in &facts.autologin {
        let message = format!("is logged in at boot by {}{}", login.by, login.proviso());
        findings.push(Finding::new(FindingId::Autologin, &login.user, message, Some(&login.source)));
    }
    findings
}

/// A rule by which users act as others without a password.
fn of_rule(rule: &Rule) -> Finding {
    let place = format!("{}:{}", rule.source, rule.line);
    let users = match rule.users.as_slice() {
        [] => "nobody here".to_owned(),
        users if rule.who.starts_with('%') || rule.who == "ALL" => users.join(", "),
        _ => rule.who.clone(),
    };
    let becomes = match rule.who.as_str() {
        "ALL" => "everyone becomes",
        who if who.starts_with('%') => "members become",
        _ => "becomes",
    };
    let (id, message) = match (rule.tool, &rule.target) {
        (Tool::Nix, _) => {
            let are = match rule.who.as_str() {
                "ALL" => "everyone is",
                who if who.starts_with('%') => "members are",
                _ => "is",
            };
            (FindingId::TrustedUser, format!("{are} trusted by Nix, which is as good as root ({users})"))
        }
        (tool, None) if let Some(way) = &rule.through => {
            let commands = rule.told_commands();
            let way = match way.strip_prefix('%') {
                Some(group) => format!("the group {group}, with which {tool} runs {commands}"),
                None => format!("{way}, as whom {tool} runs {commands}"),
            };
            (FindingId::PasswordlessRoot, format!("{becomes} root without a password by way of {way} ({users})"))
        }
        (tool, None) if rule.is_everything() => {
            (FindingId::PasswordlessRoot, format!("{becomes} root through {tool} without a password ({users})"))
        }
        (tool, None) if rule.makes_root() => {
            let commands = rule.told_commands();
            (
                FindingId::PasswordlessRoot,
                format!("{becomes} root through {tool} without a password, by {commands} ({users})"),
            )
        }
        (Tool::Polkit, _) => {
            let actions = rule.told_commands();
            (FindingId::PasswordlessCommand, format!("polkit allows {actions} without a password ({users})"))
        }
        (tool, target) => {
            let target = target.as_ref().map(|target| format!(" as {target}")).unwrap_or_default();
            let commands = rule.told_commands();
            (FindingId::PasswordlessCommand, format!("{tool} runs {commands}{target} without a password ({users})"))
        }
    };
    let finding = Finding::new(id, &rule.who, format!("{message}{}", rule.provisos()), Some(&place));
    // polkit actions short of root, such as joining a network, are meant to be allowed.
    let severity = if rule.tool == Tool::Polkit && !rule.makes_root() { Severity::Info } else { finding.severity };
    Finding { severity, ..finding }
}
