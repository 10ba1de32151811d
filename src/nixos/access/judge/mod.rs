//! The findings that follow from who can log in.

mod boot;
mod rules;

use std::collections::{BTreeSet, HashSet};

use self::boot::{emergency, initrd, menu, without_sshd};
use self::rules::rules;
use super::finding::{Finding, FindingId, Severity};
use super::grants::{Entrance, Needs, ends_at_once};
use super::login::Way;
use super::{Account, Facts, GrantedKey, Shells, SshSources};
use crate::error::Error;
use crate::nixos::answer;
use crate::nixos::menu::MenuEntry;
use crate::nixos::password::{PasswordState, Quirk, Scheme};
use crate::nixos::ssh::{Obstacle, Sshd, Writer};

/// Limit for menu entries that a finding names.
const SHOWN: usize = 3;

/// Shells and other doors that open before anybody logs in.
pub(super) struct Doors<'m> {
    /// The menu entries that start the system.
    pub(super) entries: Vec<&'m MenuEntry>,
    pub(super) shells: Shells,
    /// Limits that files are over.
    pub(super) over_limits: &'m [Error],
}

/// All findings, the worst first, then by subject.
pub(super) fn findings(facts: &Facts, accounts: &[Account], doors: &Doors<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for account in accounts {
        findings.push(login(account));
        findings.extend(password(account, facts.takes_old_hashes));
    }
    findings.extend(sshd(facts, accounts));
    findings.extend(keys(facts, accounts));
    findings.extend(rules(facts));
    findings.extend(emergency(&doors.shells));
    findings.extend(menu(&doors.entries).into_iter().map(|finding| without_sshd(finding, &facts.sshd)));
    findings.extend(initrd(&doors.shells));
    findings.extend(doors.shells.others.iter().cloned());
    for over in doors.over_limits {
        let (subject, message) = match over {
            Error::Unsupported { .. } => ("users", format!("there may be others than are shown: {over}")),
            over => ("limit", format!("reached, so what the rest opens is unknown: {over}")),
        };
        findings.push(Finding::new(FindingId::OverLimit, subject, message, None));
    }
    if !facts.users.known {
        let message = "the image does not list its users in any known form: there may be more than are shown";
        findings.push(Finding::new(FindingId::UsersUnknown, "users", message.to_owned(), None));
    }
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| {
            (finding.severity, finding.id == FindingId::Login, finding.subject.clone(), finding.id.name())
        };
        key(one).cmp(&key(other))
    });
    findings
}

/// The sentence about one user, with the file that lets the user in.
fn login(account: &Account) -> Finding {
    let user = &account.user;
    let severity = if account.is_unsure() { Severity::Warning } else { Severity::Info };
    let key = account.keys().find(|key| key.answer.opens());
    let key = key.map(|key| String::from_utf8_lossy(&key.key.file).into_owned());
    let path = user.password.source.clone().filter(|_| user.password.state != PasswordState::None).or(key);
    Finding { severity, ..Finding::new(FindingId::Login, &user.name, account.sentence(), path.as_deref()) }
}

fn password(account: &Account, takes_old_hashes: Option<bool>) -> Vec<Finding> {
    let (user, password) = (&account.user, &account.user.password);
    let mut findings = Vec::new();
    let mut add = |id, message: String| {
        findings.push(Finding::new(id, &user.name, message, password.source.as_deref()));
    };
    let option = password.option.as_deref().unwrap_or("password");
    let has = |way| account.has(way);
    match password.state {
        PasswordState::Plaintext => {
            add(
                FindingId::PlaintextPassword,
                format!("the password is in the image in clear text, readable by anyone who has the image ({option})"),
            );
        }
        PasswordState::Hashed => {
            let scheme = password.scheme.map(Scheme::name).unwrap_or_default();
            if password.quirk == Some(Quirk::Broken) {
                let message = format!("no password has such a hash: it is cut or malformed ({option})");
                add(FindingId::BrokenHash, message);
            }
            let old = password.scheme.is_some_and(|scheme| !scheme.is_current());
            if old && takes_old_hashes == Some(false) {
                let message = format!(
                    "the password may open nothing: libcrypt of NixOS refuses {scheme} hashes since 23.05 ({option})"
                );
                add(FindingId::OldHash, message);
            }
            add(
                FindingId::HashInStore,
                format!("the hash of the password ({scheme}) is readable by anyone who has the image ({option})"),
            );
        }
        PasswordState::File => {
            let file = password.source.as_deref().unwrap_or("a file");
            add(
                FindingId::PasswordNotInImage,
                format!("the password comes from {file}, which is not in the image ({option})"),
            );
        }
        _ => {}
    }
    // A PAM service that asks for no password, or accepts the empty one.
    let why = |is_one: fn(Entrance) -> bool| {
        let mut open = account.entrances.iter().filter(|grant| grant.needs == Needs::Nothing && grant.answer.opens());
        let cause = open.find(|grant| is_one(grant.entrance)).and_then(|grant| grant.cause());
        cause.map_or_else(|| option.to_owned(), |cause| format!("PAM asks for none: {cause}"))
    };
    if has(Way::SshWithoutPassword) {
        let why = why(Entrance::is_ssh);
        add(FindingId::EmptyPasswordOverSsh, format!("anyone who reaches sshd can log in without a password ({why})"));
    } else if has(Way::ConsoleWithoutPassword) {
        let why = why(|entrance| entrance == Entrance::Console);
        add(FindingId::EmptyPassword, format!("anyone at the console can log in without a password ({why})"));
    }
    if has(Way::SshPassword) && user.is_root() {
        add(FindingId::RootPasswordOverSsh, "can log in through ssh with a password (PermitRootLogin yes)".to_owned());
    }
    findings
}

/// Why sshd is missing or does not start at boot.
fn start(sshd: &Sshd, accounts: &[Account]) -> Vec<Finding> {
    let keys = accounts.iter().map(|account| account.ssh.keys.len()).sum::<usize>();
    let config = sshd.config.as_deref();
    let mut findings = Vec::new();
    match (&sshd.unit, &sshd.obstacle) {
        (None, Some(Obstacle::Masked(unit))) => {
            let message = format!("cannot start: {unit} is masked");
            findings.push(Finding::new(FindingId::SshdMasked, "sshd", message, None));
        }
        (None, Some(Obstacle::NoCommand(unit))) => {
            let message = format!("cannot start: {unit} has no command that runs it");
            findings.push(Finding::new(FindingId::SshdWithoutCommand, "sshd", message, Some(unit)));
        }
        (None, Some(Obstacle::Dangling { unit, missing })) => {
            let message = format!("cannot start: {unit} links to {missing}, which is not in the image");
            findings.push(Finding::new(FindingId::SshdDangling, "sshd", message, None));
        }
        (None, None) => {
            let message = "not in this system; without services.openssh.enable, NixOS drops declared keys";
            findings.push(Finding::new(FindingId::SshdAbsent, "sshd", message.to_owned(), None));
        }
        (Some(unit), _) if !sshd.starts => {
            let keys = match keys {
                0 => String::new(),
                1 => "; a key is authorized".to_owned(),
                many => format!("; {many} keys are authorized"),
            };
            let why = match &sshd.condition {
                Some(condition) => format!("{condition} of {unit} does not hold"),
                None => format!("nothing wants {unit}"),
            };
            let message = format!("does not start at boot: {why}{keys}");
            findings.push(Finding::new(FindingId::SshdNotStarted, "sshd", message, config));
        }
        (Some(_), _) => {}
    }
    findings
}

fn sshd(facts: &Facts, accounts: &[Account]) -> Vec<Finding> {
    let mut findings = start(&facts.sshd, accounts);
    for (at, sshd) in facts.sshd.all().enumerate() {
        findings.extend(further(sshd));
        let sources = || accounts.iter().filter_map(|account| account.all_ssh().nth(at));
        if let Some(command) = sources().find_map(|sources| sources.entrance.command()) {
            let message = command.to_string();
            findings.push(Finding::new(FindingId::KeysByCommand, "sshd", message, sshd.config.as_deref()));
        }
        findings.extend(configured(sshd));
    }
    findings.extend(no_key_for_root(accounts));
    findings
}

/// An sshd beside the usual one.
fn further(sshd: &Sshd) -> Option<Finding> {
    let unit = sshd.unit.as_deref().filter(|_| sshd.is_further())?;
    let ports = || sshd.ports().iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let message = match &sshd.config {
        Some(config) if sshd.unread_config.is_none() => {
            format!("{unit} starts another sshd, with the configuration {config}, on port {}", ports())
        }
        None if sshd.unread_config.is_none() => format!("{unit} starts another sshd on port {}", ports()),
        _ => format!("{unit} starts another sshd"),
    };
    Some(Finding::new(FindingId::AnotherSshd, "sshd", message, Some(unit)))
}

/// What the configuration of an sshd says, apart from users.
fn configured(sshd: &Sshd) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(answer::Unread::Missing(file)) = &sshd.unread_config {
        let message = format!("reads {file}, which is not in the image: who gets in is unknown");
        findings.push(Finding::new(FindingId::SshdConfigMissing, "sshd", message, sshd.unit.as_deref()));
    }
    for mistake in sshd.mistakes() {
        let place = format!("{}:{}", mistake.file, mistake.line);
        let message = format!("does not start because of this line: {}", mistake.message);
        findings.push(Finding::new(FindingId::MalformedSshdConfig, "sshd", message, Some(&place)));
    }
    for (method, cause) in sshd.further_methods().into_iter().filter(|_| sshd.unit.is_some()) {
        let message = format!("also lets in by {method}: the image does not say for whom");
        findings.push(Finding::new(FindingId::OtherSshMethod, "sshd", message, Some(&cause.to_string())));
    }
    findings
}

/// Installation tools that work over ssh log in as root.
fn no_key_for_root(accounts: &[Account]) -> Option<Finding> {
    let root = accounts.iter().find(|account| account.user.name == "root");
    let others: Vec<&str> = accounts
        .iter()
        .filter(|account| account.user.name != "root" && account.has(Way::SshKey))
        .map(|account| account.user.name.as_str())
        .collect();
    let ways = root?.ways();
    let has = |way| ways.contains(&way);
    if has(Way::SshKey) || has(Way::SshCertificate) || has(Way::SshWithoutPassword) || others.is_empty() {
        return None;
    }
    let how = if has(Way::SshPassword) { "need the password" } else { "cannot connect" };
    let message = format!("no key lets root in, only {}: tools that install over ssh as root {how}", others.join(", "));
    Some(Finding::new(FindingId::NoKeyForRoot, "root", message, None))
}

fn keys(facts: &Facts, accounts: &[Account]) -> Vec<Finding> {
    let accepted: HashSet<_> = accounts.iter().flat_map(accepted_lines).collect();
    let mut findings: Vec<Finding> = accounts.iter().flat_map(|account| refused_keys(account, &accepted)).collect();
    for account in accounts {
        let mut own: Vec<Finding> = account.all_ssh().flat_map(|sources| sources_of_keys(account, sources)).collect();
        // Two daemons may read the same files.
        let mut seen = BTreeSet::new();
        own.retain(|finding| seen.insert((finding.message.clone(), finding.path.clone())));
        findings.extend(own);
    }
    findings.extend(written(accounts));
    for doubt in &facts.passwords_written {
        let message = "may set passwords before the system starts: which ones count is unknown";
        let place = doubt.cause.as_ref().map(ToString::to_string);
        findings.push(Finding::new(FindingId::PasswordsWrittenAtBoot, "initrd", message, place.as_deref()));
    }
    for (name, keys) in &facts.orphans {
        let file = keys.first().map(|key| String::from_utf8_lossy(&key.file).into_owned());
        let count = if keys.len() == 1 { "a key is".to_owned() } else { format!("{} keys are", keys.len()) };
        let message = format!("{count} authorized for {name}, but there is no such user");
        findings.push(Finding::new(FindingId::KeyWithoutUser, name, message, file.as_deref()));
    }
    for line in &facts.bad_lines {
        let place = format!("{}:{}", String::from_utf8_lossy(&line.file), line.number);
        let message = format!("not a key: {}", line.error);
        findings.push(Finding::new(FindingId::MalformedKey, "authorized keys", message, Some(&place)));
    }
    findings
}

/// A line of a file of keys.
type Line<'k> = (&'k [u8], u64);

/// The lines with keys that let the user in.
fn accepted_lines(account: &Account) -> impl Iterator<Item = Line<'_>> {
    account.keys().filter(|key| key.answer.opens()).map(|key| (&*key.key.file, key.key.number))
}

/// The user's keys that no sshd accepts. `accepted` has the lines that let in anybody.
fn refused_keys(account: &Account, accepted: &HashSet<Line<'_>>) -> Vec<Finding> {
    let mut seen: HashSet<_> = accepted_lines(account).collect();
    // Nobody wants an account without a login to share a list of keys.
    let shares = account.user.shell.as_deref().is_some_and(ends_at_once);
    let authorities: HashSet<_> = account
        .all_ssh()
        .flat_map(|sources| &sources.authorities)
        .map(|authority| (&*authority.key.file, authority.key.number))
        .collect();
    let mut findings = Vec::new();
    for GrantedKey { key, answer } in account.keys() {
        let place = (&*key.file, key.number);
        let Some(why) = answer.refused() else { continue };
        if shares && accepted.contains(&place) {
            continue;
        }
        if authorities.contains(&place) {
            continue; // it exists to sign
        }
        if seen.insert(place) {
            let place = key.cause().to_string();
            let message = format!("the key {} does not count: {why}", key.line.key.fingerprint());
            findings.push(Finding::new(FindingId::KeyRefused, &account.user.name, message, Some(&place)));
        }
    }
    findings
}

/// What else than listed keys lets a user in through an sshd, or may do so.
fn sources_of_keys(account: &Account, sources: &SshSources) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !sources.entrance.answer().opens() {
        return findings;
    }
    let mut add = |id, message: String, place: Option<&str>| {
        findings.push(Finding::new(id, &account.user.name, message, place));
    };
    for authority in sources.authorities.iter().take(SHOWN) {
        let place = authority.key.cause().to_string();
        let names =
            if authority.unsure { "names that a command returns".to_owned() } else { authority.principals.join(", ") };
        let message =
            format!("certificates signed by {} for {names} let the user in", authority.key.line.key.fingerprint());
        add(FindingId::CertificateAuthority, message, Some(&place));
    }
    for file in &sources.untold {
        let message = format!("sshd reads keys from {file}, of which the image shows only a part");
        add(FindingId::KeysElsewhere, message, None);
    }
    for file in &sources.elsewhere {
        let message = format!("sshd also reads keys from {file}, which is not in the image");
        add(FindingId::KeysElsewhere, message, None);
    }
    findings
}

/// Scripts and units that may write keys at boot, with each line once for all users.
fn written(accounts: &[Account]) -> Vec<Finding> {
    let mut lines: Vec<(&Writer, Vec<&str>)> = Vec::new();
    for account in accounts {
        let open = account.all_ssh().filter(|sources| sources.entrance.answer().opens());
        for writer in open.flat_map(|sources| &sources.writers) {
            let name = account.user.name.as_str();
            match lines.iter_mut().find(|(known, _)| *known == writer) {
                Some((_, users)) if users.last() == Some(&name) => {}
                Some((_, users)) => users.push(name),
                None => lines.push((writer, vec![name])),
            }
        }
    }
    let finding = |(writer, users): (&Writer, Vec<&str>)| {
        let shown = users.get(..SHOWN).unwrap_or(&users).join(", ");
        let more = match users.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("may write keys to {} at boot: which keys let in {shown}{more} is unknown", writer.path);
        Finding::new(FindingId::KeysWrittenAtBoot, &writer.by, message, Some(&writer.cause.to_string()))
    };
    lines.into_iter().map(finding).collect()
}
