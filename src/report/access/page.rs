//! The page of one system.

use std::collections::HashSet;
use std::io::{self, Write};

use super::super::escape;
use super::super::style::STRONG;
use super::super::table::{self, Layout};
use crate::nixos::System;
use crate::nixos::access::{Access, Account, Finding, FindingId, Rule, Severity, Tool};
use crate::nixos::answer::Unread;
use crate::nixos::ssh::Sshd;

const BAD: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const DOUBTFUL: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();

/// Findings of one sort that a page shows; a hostile image may have thousands.
const SHOWN: usize = 50;

/// Which accounts a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Those that can log in, and those of people.
    Interesting,
    /// All of them.
    All,
}

/// The page of one system.
///
/// # Errors
/// What the writer meets.
pub fn page(
    out: &mut dyn Write,
    (system, access): (&System, &Access),
    shown: Shown,
    width: Option<u16>,
) -> io::Result<()> {
    let name = system.specialisation.as_ref().map(|name| format!(" (specialisation {name})")).unwrap_or_default();
    writeln!(out, "{STRONG}{}{name}{STRONG:#}\n", escape(system.path.to_string().as_bytes()))?;
    let (listed, hidden): (Vec<&Account>, Vec<&Account>) =
        access.people.accounts.iter().partition(|account| shown == Shown::All || is_interesting(account));
    let mut table = table::new(&["USER", "PASSWORD", "KEYS", "LOGIN"], width);
    listed.iter().for_each(|account| table.add_row(row(account)));
    table::write(out, table)?;
    match hidden.len() {
        0 => {}
        1 => writeln!(out, "and a service account that cannot log in (--all)")?,
        many => writeln!(out, "and {many} service accounts that cannot log in (--all)")?,
    }
    writeln!(out)?;
    for one in access.people.sshd.all() {
        writeln!(out, "sshd       {}", escape(sshd(one).as_bytes()))?;
    }
    for rule in &access.people.rules {
        writeln!(out, "{:<10} {}", rule.tool, escape(told(rule).as_bytes()))?;
    }
    for login in &access.people.autologin {
        let text = format!("{} by {}{} ({})", login.user, login.by, login.proviso(), login.source);
        writeln!(out, "autologin  {}", escape(text.as_bytes()))?;
    }
    findings(out, access)
}

/// The users of all systems, with tabs between the columns, for programs.
///
/// # Errors
/// What the writer meets.
pub fn tsv(out: &mut dyn Write, systems: &[(System, Access)], shown: Shown) -> io::Result<()> {
    let mut table = table::new(&["SYSTEM", "USER", "PASSWORD", "KEYS", "LOGIN"], Layout::Tabs);
    for (system, access) in systems {
        let accounts = access.people.accounts.iter();
        for account in accounts.filter(|account| shown == Shown::All || is_interesting(account)) {
            table.add_row(std::iter::once(system.path.to_string()).chain(row(account)));
        }
    }
    table::write(out, table)
}

/// The cells of a user.
fn row(account: &Account) -> [String; 4] {
    let keys = account.keys().filter(|key| key.answer.opens());
    // Two daemons may accept the same key.
    let keys = keys.map(|key| (&key.key.file, key.key.number)).collect::<HashSet<_>>().len();
    [
        escape(account.user.name.as_bytes()).into_owned(),
        password(account),
        keys.to_string(),
        escape(account.sentence().as_bytes()).into_owned(),
    ]
}

/// What a rule allows, and where it is.
fn told(rule: &Rule) -> String {
    let Rule { tool, who, source, line, target, through, .. } = rule;
    let commands = rule.told_commands();
    let provisos = rule.provisos();
    let who = if who == "ALL" { "everyone" } else { who };
    let what = match (tool, through, target) {
        (_, Some(way), _) => match way.strip_prefix('%') {
            Some(group) => format!("runs {commands} in the group {group}, whose members become root"),
            None => format!("runs {commands} as {way}, who becomes root"),
        },
        (Tool::Nix, ..) => "is trusted, which is as good as root".to_owned(),
        // Members of its group are root by what it does for them.
        (Tool::Docker | Tool::Podman | Tool::Libvirt | Tool::Incus | Tool::Lxd | Tool::Disk | Tool::Memory, ..) => {
            return format!("{who} is as good as root ({source})");
        }
        (Tool::Polkit, ..) => format!("may do {commands} without a password"),
        (_, _, Some(target)) => format!("runs {commands} as {target} without a password"),
        (_, _, None) => format!("runs {commands} without a password"),
    };
    format!("{who} {what}{provisos} ({source}:{line})")
}

/// The findings; sentences about logins are in the table of users.
fn findings(out: &mut dyn Write, access: &Access) -> io::Result<()> {
    let told: Vec<&Finding> = access.findings.iter().filter(|finding| finding.id != FindingId::Login).collect();
    if !told.is_empty() {
        writeln!(out, "\n{STRONG}Findings{STRONG:#}")?;
    }
    for finding in told.iter().take(SHOWN) {
        let style = match finding.severity {
            Severity::Error => BAD,
            Severity::Warning => DOUBTFUL,
            Severity::Info => anstyle::Style::new(),
        };
        let text = format!("{}: {}", finding.subject, finding.message);
        writeln!(out, "{style}{:<7}{style:#} {}", finding.severity, escape(text.as_bytes()))?;
        if let Some(path) = &finding.path {
            writeln!(out, "        {}", escape(path.as_bytes()))?;
        }
    }
    match told.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(out, "and {more} more, which --json lists"),
    }
}

/// Whether a reader would miss the account.
fn is_interesting(account: &Account) -> bool {
    let user = &account.user;
    user.name == "root" || user.normal != Some(false) || !account.ways().is_empty() || account.is_unsure()
}

fn password(account: &Account) -> String {
    let password = &account.user.password;
    match password.scheme {
        Some(scheme) => format!("{} ({})", password.state, scheme.name()),
        None => password.state.to_string(),
    }
}

fn sshd(sshd: &Sshd) -> String {
    let Some(unit) = &sshd.unit else { return "none".to_owned() };
    let start = match (sshd.starts, sshd.socket) {
        (true, true) => "starts on the first connection",
        (true, false) if sshd.condition.is_some() => "starts at boot under a condition",
        (true, false) => "starts at boot",
        (false, _) => "does NOT start at boot",
    };
    let of = match sshd.is_further() {
        true => format!("another one, of {}, ", unit.rsplit('/').next().unwrap_or(unit)),
        false => String::new(),
    };
    match &sshd.unread_config {
        Some(Unread::Missing(file)) => return format!("{of}{start}; its configuration, {file}, is not in the image"),
        Some(Unread::OverLimit(file)) => return format!("{of}{start}; its configuration, {file}, is over a limit"),
        None => {}
    }
    let ports: Vec<String> = sshd.ports().iter().map(u16::to_string).collect();
    let passwords = match (sshd.takes_passwords(), sshd.password_blocks().first()) {
        (true, _) => "passwords accepted".to_owned(),
        (false, Some(block)) => format!("passwords accepted under `Match {block}` only"),
        (false, None) => "no passwords".to_owned(),
    };
    let word = if ports.len() == 1 { "port" } else { "ports" };
    format!("{of}{start}, {word} {}, {passwords}, PermitRootLogin {}", ports.join(" "), sshd.permit_root_login())
}
