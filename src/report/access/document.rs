//! The document of `access`.

use std::io::Write;

use serde::Serialize;

use super::super::document::{self, About};
use super::user::User;
use crate::nixos::System;
use crate::nixos::access::{self, Access, Finding, Rule};
use crate::nixos::ssh;

/// The document of `access`: the default system, and the others.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, about: About<'_>, systems: &[(System, Access)]) -> serde_json::Result<()> {
    let default = systems.first().map(|(_, access)| access);
    let all = systems.iter().map(|(system, access)| {
        let same = default.is_some_and(|default| default.is_like(access));
        Other {
            path: system.path.to_string(),
            default: system.default,
            specialisation: system.specialisation.as_deref(),
            same_as_default: same,
            access: (!same).then(|| Facts::of(access)),
        }
    });
    let body = Body { facts: default.map(Facts::of), systems: all.collect() };
    document::write(out, "nixoscope.access.v1", about, &body)
}

/// The shape of the document, for its schema.
#[cfg(test)]
pub(in crate::report) type Shape = document::Shape<Body<'static>>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct Body<'a> {
    #[serde(flatten)]
    facts: Option<Facts<'a>>,
    systems: Vec<Other<'a>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Other<'a> {
    path: String,
    default: bool,
    specialisation: Option<&'a str>,
    same_as_default: bool,
    access: Option<Facts<'a>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    users_known: bool,
    users: Vec<User<'a>>,
    sshd: FirstSshd<'a>,
    sudo: Vec<Rule_<'a>>,
    autologin: Vec<Autologin<'a>>,
    findings: Vec<FindingEntry<'a>>,
}

/// The usual sshd, and those that start beside it.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FirstSshd<'a> {
    #[serde(flatten)]
    first: Sshd<'a>,
    others: Vec<Sshd<'a>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sshd<'a> {
    enabled: bool,
    starts_at_boot: bool,
    socket: bool,
    unit: Option<&'a str>,
    config: Option<&'a str>,
    version: Option<&'a str>,
    permit_root_login: Option<String>,
    password_authentication: Option<bool>,
    authorized_keys_files: Vec<String>,
    ports: Vec<u16>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule_<'a> {
    tool: &'static str,
    who: &'a str,
    users: &'a [String],
    target: Option<&'a str>,
    becomes: &'a [String],
    through: Option<&'a str>,
    root: bool,
    commands: &'a str,
    conditions: Vec<String>,
    source: &'a str,
    line: u64,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Autologin<'a> {
    user: &'a str,
    by: &'a str,
    source: &'a str,
    /// A condition that the image leaves open.
    condition: Option<&'a str>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::report) struct FindingEntry<'a> {
    id: &'static str,
    severity: &'static str,
    subject: &'a str,
    message: &'a str,
    path: Option<&'a str>,
}

impl<'a> Facts<'a> {
    fn of(access: &'a Access) -> Self {
        let sshd = &access.people.sshd;
        Self {
            users_known: access.people.users_known,
            users: access.people.accounts.iter().map(User::of).collect(),
            sshd: FirstSshd { first: Sshd::of(sshd), others: sshd.others.iter().map(Sshd::of).collect() },
            sudo: access.people.rules.iter().map(Rule_::of).collect(),
            autologin: access.people.autologin.iter().map(Autologin::of).collect(),
            findings: access.findings.iter().map(FindingEntry::of).collect(),
        }
    }
}

impl<'a> Sshd<'a> {
    fn of(sshd: &'a ssh::Sshd) -> Self {
        let there = sshd.unit.is_some();
        // Defaults are no facts about a configuration of which the contents are unknown.
        let known = there && sshd.unread_config.is_none();
        Self {
            enabled: there,
            starts_at_boot: sshd.starts,
            socket: sshd.socket,
            unit: sshd.unit.as_deref(),
            config: sshd.config.as_deref(),
            version: sshd.version.as_deref(),
            permit_root_login: known.then(|| sshd.permit_root_login()),
            password_authentication: known.then(|| sshd.takes_passwords()),
            authorized_keys_files: if known { sshd.authorized_keys_files() } else { Vec::new() },
            ports: if known { sshd.ports() } else { Vec::new() },
        }
    }
}

impl<'a> Autologin<'a> {
    fn of(login: &'a access::Autologin) -> Self {
        let access::Autologin { user, by, source, condition } = login;
        Self { user, by, source, condition: condition.as_deref() }
    }
}

impl<'a> Rule_<'a> {
    fn of(rule: &'a Rule) -> Self {
        let Rule { tool, who, users, target, becomes, through, commands, conditions, source, line, .. } = rule;
        Self {
            tool: tool.name(),
            who,
            users,
            target: target.as_deref(),
            becomes,
            through: through.as_deref(),
            root: rule.makes_root(),
            commands,
            conditions: conditions.iter().map(ToString::to_string).collect(),
            source,
            line: *line,
        }
    }
}

impl<'a> FindingEntry<'a> {
    pub(in crate::report) fn of(finding: &'a Finding) -> Self {
        let Finding { id, severity, subject, message, path } = finding;
        Self { id: id.name(), severity: severity.name(), subject, message, path: path.as_deref() }
    }
}
