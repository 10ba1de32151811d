//! `[ssh]`: the configuration of sshd.

use std::fmt;

use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::access::Access;
use crate::nixos::ssh::Sshd;

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "ssh", says: "sshd is set up as it was asked for", advice: None, flag: None };

/// What is asserted about sshd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ssh {
    /// It starts at boot, or does not.
    Enabled(bool),
    /// It accepts passwords, or does not.
    Passwords(bool),
    /// `PermitRootLogin` has one of these values.
    PermitRootLogin(Vec<String>),
}

impl fmt::Display for Ssh {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enabled(true) => write!(formatter, "enabled"),
            Self::Enabled(false) => write!(formatter, "not enabled"),
            Self::Passwords(true) => write!(formatter, "password-authentication"),
            Self::Passwords(false) => write!(formatter, "no password-authentication"),
            Self::PermitRootLogin(values) => write!(formatter, "permit-root-login {}", values.join(" or ")),
        }
    }
}

impl Ask for Ssh {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let scope = match self {
            Self::Enabled(true) | Self::Passwords(true) => Scope::Default,
            Self::Enabled(false) | Self::Passwords(false) | Self::PermitRootLogin(_) => Scope::Offered,
        };
        in_each(subject, scope, |system| {
            let access = subject.access_of(system)?;
            Ok(match self {
                Self::Enabled(wanted) => enabled(access, *wanted),
                Self::Passwords(wanted) => passwords(access, *wanted),
                Self::PermitRootLogin(values) => permit_root_login(access, values),
            })
        })
    }
}

/// sshd starts at boot, or does not.
fn enabled(access: &Access, wanted: bool) -> Judgement {
    let first = &access.people.sshd;
    let sshd = first.all().find(|sshd| sshd.starts && sshd.condition.is_none()).unwrap_or(first);
    let evidence: Vec<String> = sshd.unit.iter().cloned().collect();
    let told = match (&sshd.unit, &sshd.condition) {
        (Some(_), None) if sshd.starts => "sshd starts at boot".to_owned(),
        (Some(_), Some(condition)) if sshd.starts => format!("sshd starts at boot if {condition} holds"),
        (Some(_), Some(condition)) => format!("sshd does not start at boot: {condition} does not hold"),
        (Some(_), None) => "sshd is there, and nothing starts it at boot".to_owned(),
        (None, _) => "there is no sshd".to_owned(),
    };
    let starts = sshd.unit.is_some() && sshd.starts;
    if starts && sshd.condition.is_some() {
        return Judgement::unknown(told, evidence);
    }
    if starts == wanted { Judgement::pass(told, evidence) } else { Judgement::fail(told, evidence) }
}

/// Unknown if the contents of an sshd's configuration are unknown.
fn unread(first: &Sshd) -> Option<Judgement> {
    let (sshd, unread) = first.all().find_map(|sshd| Some((sshd, sshd.unread_config.as_ref()?)))?;
    let evidence = sshd.unit.iter().cloned().collect();
    Some(Judgement::unknown(format!("{} reads {unread}", named(sshd)), evidence))
}

/// How a message names one of the daemons.
fn named(sshd: &Sshd) -> String {
    match sshd.unit.as_deref().filter(|_| sshd.is_further()) {
        Some(unit) => format!("the sshd of {}", unit.rsplit('/').next().unwrap_or(unit)),
        None => "sshd".to_owned(),
    }
}

/// Some sshd accepts passwords, or none does.
fn passwords(access: &Access, wanted: bool) -> Judgement {
    let first = &access.people.sshd;
    let takes = |sshd: &Sshd| {
        let block = sshd.password_blocks().into_iter().next().map(|block| format!(" under `Match {block}`"));
        let within = if sshd.takes_passwords() { Some(String::new()) } else { block };
        Some(format!("{} takes passwords{}", named(sshd), within?))
    };
    let known = |sshd: &&Sshd| sshd.unit.is_some() && sshd.unread_config.is_none();
    if let Some((sshd, told)) = first.all().filter(known).find_map(|sshd| Some((sshd, takes(sshd)?))) {
        let evidence = sshd.config.iter().cloned().collect();
        return if wanted { Judgement::pass(told, evidence) } else { Judgement::fail(told, evidence) };
    }
    if let Some(unknown) = unread(first) {
        return unknown;
    }
    let evidence: Vec<String> = first.config.iter().cloned().collect();
    let told = if first.unit.is_some() { "sshd takes no passwords" } else { "there is no sshd" };
    if wanted { Judgement::fail(told, evidence) } else { Judgement::pass(told, evidence) }
}

/// `PermitRootLogin` of every sshd has one of the values.
fn permit_root_login(access: &Access, values: &[String]) -> Judgement {
    let first = &access.people.sshd;
    let evidence: Vec<String> = first.config.iter().cloned().collect();
    if first.unit.is_none() {
        return Judgement::pass("there is no sshd", evidence);
    }
    for sshd in first.all().filter(|sshd| sshd.unread_config.is_none()) {
        let evidence = sshd.config.iter().cloned().collect();
        let own = sshd.permit_root_login();
        let of = if sshd.is_further() { format!(" for {}", named(sshd)) } else { String::new() };
        let told = format!("PermitRootLogin {own}{of}");
        if !values.contains(&own) {
            return Judgement::fail(told, evidence);
        }
        let mut blocks = sshd.permit_root_login_blocks().into_iter();
        if let Some((value, block)) = blocks.find(|(value, _)| !values.contains(value)) {
            return Judgement::fail(format!("{told}; PermitRootLogin {value} under `Match {block}`"), evidence);
        }
    }
    match unread(first) {
        Some(unknown) => unknown,
        None => Judgement::pass(format!("PermitRootLogin {}", first.permit_root_login()), evidence),
    }
}
