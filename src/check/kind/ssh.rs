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
    let sshd = &access.people.sshd;
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

/// Unknown if sshd's configuration is not in the image.
fn unread(sshd: &Sshd) -> Option<Judgement> {
    let file = sshd.missing_config.as_ref()?;
    let evidence = sshd.unit.iter().cloned().collect();
    Some(Judgement::unknown(format!("sshd reads {file}, which is not in the image"), evidence))
}

/// sshd accepts passwords, or does not.
fn passwords(access: &Access, wanted: bool) -> Judgement {
    if let Some(unknown) = unread(&access.people.sshd) {
        return unknown;
    }
    let evidence: Vec<String> = access.people.sshd.config.iter().cloned().collect();
    let blocks = access.people.password_blocks();
    let (takes, told) = match (&access.people.sshd.unit, access.people.takes_passwords(), blocks.first()) {
        (None, ..) => (false, "there is no sshd".to_owned()),
        (Some(_), true, _) => (true, "sshd takes passwords".to_owned()),
        (Some(_), false, Some(block)) => (true, format!("sshd takes passwords under `Match {block}`")),
        (Some(_), false, None) => (false, "sshd takes no passwords".to_owned()),
    };
    if takes == wanted { Judgement::pass(told, evidence) } else { Judgement::fail(told, evidence) }
}

/// `PermitRootLogin` has one of the values.
fn permit_root_login(access: &Access, values: &[String]) -> Judgement {
    if let Some(unknown) = unread(&access.people.sshd) {
        return unknown;
    }
    let evidence: Vec<String> = access.people.sshd.config.iter().cloned().collect();
    if access.people.sshd.unit.is_none() {
        return Judgement::pass("there is no sshd", evidence);
    }
    let own = access.people.sshd.permit_root_login();
    let other = access.people.sshd.permit_root_login_blocks().into_iter().find(|(value, _)| !values.contains(value));
    let told = format!("PermitRootLogin {own}");
    match other {
        _ if !values.contains(&own) => Judgement::fail(told, evidence),
        Some((value, block)) => {
            Judgement::fail(format!("{told}; PermitRootLogin {value} under `Match {block}`"), evidence)
        }
        None => Judgement::pass(told, evidence),
    }
}
