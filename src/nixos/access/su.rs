//! The users whom PAM asks for no password, in `su` and in programs like sudo that use PAM.

use std::collections::HashSet;

use super::become_root::Rules;
use super::pam::{Secret, Service};
use super::rule::{Rule, Tool};
use crate::error::Result;
use crate::nixos::answer::Verdict;
use crate::nixos::password::PasswordState;
use crate::nixos::{Root, User, Users};

/// The rules that PAM follows for `su`.
pub(super) const FILE: &str = "/etc/pam.d/su";

/// The users whom PAM lets become root through `su` without root's password, or because that password is empty.
pub(super) fn read(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let service = Service::of(root, "su")?;
    let becomes = User { uid: Some(0), ..User::implied("root") };
    let becomes = users.named("root").unwrap_or(&becomes);
    let mut rules: Vec<Rule> = Vec::new();
    for user in users.list.iter().filter(|user| !user.is_root()) {
        let said = service.opens_for(becomes, secret(becomes), Some(user));
        let (Verdict::Granted, Some((cause, _))) = (said.verdict, said.by) else { continue };
        let line = cause.line.unwrap_or(1);
        match rules.iter_mut().find(|rule| rule.line == line && *rule.source == *cause.path) {
            Some(rule) => rule.users.push(user.name.clone()),
            None => rules.push(Rule::to_root(Tool::Su, String::new(), vec![user.name.clone()], (&cause.path, line))),
        }
    }
    let all = users.list.iter().filter(|user| !user.is_root()).count();
    for rule in &mut rules {
        rule.who = if rule.users.len() == all { "ALL".to_owned() } else { rule.users.join(", ") };
    }
    Ok(rules.into())
}

/// The users for whom PAM lets a program give root without asking for a password.
pub(super) fn unasked(root: &Root<'_>, users: &Users, service: &str) -> Result<HashSet<String>> {
    let service = Service::of(root, service)?;
    let is_unasked = |user: &&User| service.opens_for(user, secret(user), Some(user)).verdict == Verdict::Granted;
    Ok(users.list.iter().filter(|user| !user.is_root()).filter(is_unasked).map(|user| user.name.clone()).collect())
}

/// What anyone has for this account: the empty password, or nothing.
fn secret(user: &User) -> Secret {
    if user.password.state == PasswordState::Empty { Secret::Empty } else { Secret::Nothing }
}
