//! Who can log in.

use std::io::{self, Write};

use serde::Serialize;

use super::document::{self, About};
use super::escape;
use super::style::STRONG;
#[cfg(feature = "cli")]
use super::table;
use crate::nixos::access::{Access, Account, Finding, FindingId, Grant, Needs, Rule, Severity, Tool};
use crate::nixos::ssh::{Authority, AuthorizedKey};
use crate::nixos::{Scheme, System};

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
#[cfg(feature = "cli")]
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
    for account in &listed {
        let keys = account.ssh.keys.iter().filter(|key| key.answer.opens()).count();
        table.add_row([
            &*escape(account.user.name.as_bytes()),
            &password(account),
            &keys.to_string(),
            &escape(account.sentence().as_bytes()),
        ]);
    }
    table::write(out, table)?;
    match hidden.len() {
        0 => {}
        1 => writeln!(out, "and a service account that cannot log in (--all)")?,
        many => writeln!(out, "and {many} service accounts that cannot log in (--all)")?,
    }
    writeln!(out)?;
    writeln!(out, "sshd       {}", escape(sshd(access).as_bytes()))?;
    for rule in &access.people.rules {
        let Rule { tool, commands, source, line, target, .. } = rule;
        let commands = if rule.is_everything() { "everything" } else { commands };
        let target = target.as_ref().map(|target| format!(" as {target}")).unwrap_or_default();
        let text = match *tool {
            Tool::Nix => format!("{} is trusted, which is as good as root ({source}:{line})", rule.who),
            Tool::Polkit if !rule.is_everything() => {
                format!("{} may {commands} without a password ({source}:{line})", rule.who)
            }
            _ => {
                let provisos = rule.provisos();
                format!("{} runs {commands}{target} without a password{provisos} ({source}:{line})", rule.who)
            }
        };
        writeln!(out, "{tool:<10} {}", escape(text.as_bytes()))?;
    }
    for login in &access.people.autologin {
        let text = format!("{} by {} ({})", login.user, login.by, login.source);
        writeln!(out, "autologin  {}", escape(text.as_bytes()))?;
    }
    findings(out, access)
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

fn sshd(access: &Access) -> String {
    let sshd = &access.people.sshd;
    if sshd.unit.is_none() {
        return "none".to_owned();
    }
    let start = match (sshd.starts, sshd.socket) {
        (true, true) => "starts by a socket",
        (true, false) => "starts at boot",
        (false, _) => "does NOT start at boot",
    };
    if let Some(file) = &sshd.missing_config {
        return format!("{start}; its configuration, {file}, is not in the image");
    }
    let ports: Vec<String> = sshd.ports().iter().map(u16::to_string).collect();
    let passwords = if access.people.password_authentication() { "passwords taken" } else { "no passwords" };
    let word = if ports.len() == 1 { "port" } else { "ports" };
    format!("{start}, {word} {}, {passwords}, PermitRootLogin {}", ports.join(" "), sshd.permit_root_login())
}

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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(flatten)]
    facts: Option<Facts<'a>>,
    systems: Vec<Other<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Other<'a> {
    path: String,
    default: bool,
    specialisation: Option<&'a str>,
    same_as_default: bool,
    access: Option<Facts<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts<'a> {
    users_known: bool,
    users: Vec<User<'a>>,
    sshd: Sshd<'a>,
    sudo: Vec<Rule_<'a>>,
    autologin: Vec<Autologin<'a>>,
    findings: Vec<Finding_<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    name: &'a str,
    uid: Option<u64>,
    normal: Option<bool>,
    shell: Option<&'a str>,
    home: &'a str,
    groups: &'a [String],
    password: Password<'a>,
    keys: Vec<Key<'a>>,
    certificate_authorities: Vec<AuthorityFacts<'a>>,
    logins: Vec<&'static str>,
    sentence: String,
    entrances: Vec<EntranceFacts<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Password<'a> {
    state: &'static str,
    option: Option<&'a str>,
    scheme: Option<&'static str>,
    source: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Key<'a> {
    r#type: &'a str,
    bits: Option<usize>,
    fingerprint: String,
    comment: &'a str,
    options: &'a str,
    source: String,
    line: u64,
    accepted: bool,
    conditions: Vec<String>,
    refusal: Option<String>,
}

/// The answer for one entrance.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntranceFacts<'a> {
    entrance: &'static str,
    verdict: &'static str,
    /// What somebody must have: `password`, `key`.
    needs: &'static str,
    /// The fingerprint of the key or of the authority.
    fingerprint: Option<&'a str>,
    /// Conditions of what is granted; what leaves the answer open.
    conditions: Vec<String>,
    /// Why it is refused.
    reason: Option<String>,
    cause: Option<CauseFacts<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CauseFacts<'a> {
    path: &'a str,
    line: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorityFacts<'a> {
    r#type: &'a str,
    fingerprint: String,
    principals: &'a [String],
    source: String,
    line: u64,
}

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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule_<'a> {
    tool: &'static str,
    who: &'a str,
    users: &'a [String],
    target: Option<&'a str>,
    root: bool,
    commands: &'a str,
    conditions: Vec<String>,
    source: &'a str,
    line: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Autologin<'a> {
    user: &'a str,
    by: &'a str,
    source: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding_<'a> {
    id: &'static str,
    severity: &'static str,
    subject: &'a str,
    message: &'a str,
    path: Option<&'a str>,
}

impl<'a> Facts<'a> {
    fn of(access: &'a Access) -> Self {
        let sshd = &access.people.sshd;
        let there = sshd.unit.is_some();
        // Defaults are no facts about a configuration that is not in the image.
        let known = there && sshd.missing_config.is_none();
        Self {
            users_known: access.people.users_known,
            users: access.people.accounts.iter().map(User::of).collect(),
            sshd: Sshd {
                enabled: there,
                starts_at_boot: sshd.starts,
                socket: sshd.socket,
                unit: sshd.unit.as_deref(),
                config: sshd.config.as_deref(),
                version: sshd.version.as_deref(),
                permit_root_login: known.then(|| sshd.permit_root_login()),
                password_authentication: known.then(|| access.people.password_authentication()),
                authorized_keys_files: if known { sshd.authorized_keys_files() } else { Vec::new() },
                ports: if known { sshd.ports() } else { Vec::new() },
            },
            sudo: access.people.rules.iter().map(Rule_::of).collect(),
            autologin: access
                .people
                .autologin
                .iter()
                .map(|login| Autologin { user: &login.user, by: &login.by, source: &login.source })
                .collect(),
            findings: access.findings.iter().map(Finding_::of).collect(),
        }
    }
}

impl<'a> User<'a> {
    fn of(account: &'a Account) -> Self {
        let user = &account.user;
        let key = |granted: &'a crate::nixos::access::GrantedKey| {
            let line = &granted.key.line;
            Key {
                r#type: &line.key.kind,
                bits: line.key.bits(),
                fingerprint: line.key.fingerprint(),
                comment: &line.comment,
                options: &line.options,
                source: String::from_utf8_lossy(&granted.key.file).into_owned(),
                line: granted.key.number,
                accepted: granted.answer.opens(),
                conditions: if granted.answer.opens() { granted.answer.phrases() } else { Vec::new() },
                refusal: granted.answer.refused(),
            }
        };
        Self {
            name: &user.name,
            uid: user.uid,
            normal: user.normal,
            shell: user.shell.as_deref(),
            home: &user.home,
            groups: user.groups.as_deref().unwrap_or_default(),
            password: Password {
                state: user.password.state.name(),
                option: user.password.option.as_deref(),
                scheme: user.password.scheme.map(Scheme::name),
                source: user.password.source.as_deref(),
            },
            keys: account.ssh.keys.iter().map(key).collect(),
            certificate_authorities: account.ssh.authorities.iter().map(AuthorityFacts::of).collect(),
            logins: account.ways().iter().map(|way| way.name()).collect(),
            sentence: account.sentence(),
            entrances: account.entrances.iter().map(EntranceFacts::of).collect(),
        }
    }
}

impl<'a> EntranceFacts<'a> {
    fn of(grant: &'a Grant) -> Self {
        let fingerprint = match &grant.needs {
            Needs::Key(fingerprint) | Needs::Certificate(fingerprint) => fingerprint.as_deref(),
            Needs::Nothing | Needs::EmptyPassword | Needs::Password => None,
        };
        Self {
            entrance: grant.entrance.name(),
            verdict: grant.verdict().name(),
            needs: grant.needs.name(),
            fingerprint,
            conditions: grant.answer.phrases(),
            reason: grant.answer.refusal.as_ref().map(ToString::to_string),
            cause: grant.cause().map(|cause| CauseFacts { path: &cause.path, line: cause.line }),
        }
    }
}

impl<'a> AuthorityFacts<'a> {
    fn of(authority: &'a Authority) -> Self {
        let AuthorizedKey { line, number, file } = &authority.key;
        Self {
            r#type: &line.key.kind,
            fingerprint: line.key.fingerprint(),
            principals: &authority.principals,
            source: String::from_utf8_lossy(file).into_owned(),
            line: *number,
        }
    }
}

impl<'a> Rule_<'a> {
    fn of(rule: &'a Rule) -> Self {
        let Rule { tool, who, users, target, commands, conditions, source, line, .. } = rule;
        let conditions = conditions.iter().map(ToString::to_string).collect();
        let (tool, target) = (tool.name(), target.as_deref());
        Self { tool, who, users, target, root: rule.makes_root(), commands, conditions, source, line: *line }
    }
}

impl<'a> Finding_<'a> {
    fn of(finding: &'a Finding) -> Self {
        let Finding { id, severity, subject, message, path } = finding;
        Self { id: id.name(), severity: severity.name(), subject, message, path: path.as_deref() }
    }
}
