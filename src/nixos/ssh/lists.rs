//! The lists of users and groups that sshd lets in or keeps out (sshd_config(5), `AllowUsers`).

use super::pattern::fits;
use super::settings::Settings;
use crate::nixos::answer::{Cause, Caused, Condition, Refusal};
use crate::nixos::users::User;

/// The four lists, in the order in which sshd checks them.
pub(super) fn lists(
    settings: &Settings<'_>,
    user: &User,
    conditions: &mut Vec<Caused<Condition>>,
) -> Option<Caused<Refusal>> {
    users(settings, user, conditions).or_else(|| groups(settings, user, conditions))
}

/// `DenyUsers` and `AllowUsers`.
fn users(settings: &Settings<'_>, user: &User, conditions: &mut Vec<Caused<Condition>>) -> Option<Caused<Refusal>> {
    let name = &user.name;
    let (denied, allowed) = (settings.values("denyusers"), settings.values("allowusers"));
    let plain = |(pattern, _): &&(&str, &Cause)| !pattern.contains('@') && fits(pattern, name);
    // `user@host` decides only for some hosts.
    let from =
        |(pattern, _): &&(&str, &Cause)| pattern.rsplit_once('@').is_some_and(|(pattern, _)| fits(pattern, name));
    if let Some((_, cause)) = denied.iter().find(plain) {
        return Some(Caused::by(Refusal::DenyUsers(name.clone()), (*cause).clone()));
    }
    if let Some((pattern, cause)) = denied.iter().find(from) {
        conditions.push(Caused::by(Condition::NotFromHosts((*pattern).to_owned()), (*cause).clone()));
    }
    if allowed.is_empty() || allowed.iter().any(|pattern| plain(&pattern)) {
        return None;
    }
    let Some((pattern, cause)) = allowed.iter().find(from) else {
        return Some(settings.caused(Refusal::AllowUsers(name.clone()), "allowusers"));
    };
    conditions.push(Caused::by(Condition::OnlyFromHosts((*pattern).to_owned()), (*cause).clone()));
    None
}

/// `DenyGroups` and `AllowGroups`.
fn groups(settings: &Settings<'_>, user: &User, conditions: &mut Vec<Caused<Condition>>) -> Option<Caused<Refusal>> {
    let (denied, allowed) = (settings.values("denygroups"), settings.values("allowgroups"));
    let (_, first) = denied.first().or(allowed.first())?;
    let Some(groups) = &user.groups else {
        conditions.push(Caused::by(Condition::UnlistedGroups, (*first).clone()));
        return None;
    };
    let member = |(pattern, _): &&(&str, &Cause)| groups.iter().any(|group| fits(pattern, group));
    if let Some((_, cause)) = denied.iter().find(member) {
        return Some(Caused::by(Refusal::DenyGroups(user.name.clone()), (*cause).clone()));
    }
    let shut_out = !allowed.is_empty() && !allowed.iter().any(|pattern| member(&pattern));
    shut_out.then(|| settings.caused(Refusal::AllowGroups(user.name.clone()), "allowgroups"))
}
