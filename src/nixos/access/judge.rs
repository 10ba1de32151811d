//! The findings that follow from who can log in.

use std::collections::BTreeSet;

use super::become_root::{self, Unread, Why};
use super::finding::{Finding, FindingId, Severity};
use super::grants::{Entrance, Needs};
use super::kernel_line;
use super::login::Way;
use super::rule::{Rule, Tool};
use super::{Account, Facts, Shells};
use crate::error::Error;
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
            over => ("limit", format!("is not read further, so what the rest opens is unknown: {over}")),
        };
        findings.push(Finding::new(FindingId::OverLimit, subject, message, None));
    }
    if !facts.users.known {
        let message = "the image does not list its users in a form that is known: there may be more than are shown";
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
    let key = account.ssh.keys.iter().find(|key| key.answer.opens());
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
    let sshd = &facts.sshd;
    let mut findings = start(sshd, accounts);
    if let Some(file) = &sshd.missing_config {
        let message = format!("reads {file}, which is not in the image: who gets in is unknown");
        findings.push(Finding::new(FindingId::SshdConfigMissing, "sshd", message, sshd.unit.as_deref()));
    }
    for unit in &sshd.others {
        let message = format!("{unit} starts another sshd, with a configuration of its own that is not checked");
        findings.push(Finding::new(FindingId::AnotherSshd, "sshd", message, Some(unit)));
    }
    for mistake in sshd.mistakes() {
        let place = format!("{}:{}", mistake.file, mistake.line);
        let message = format!("does not start because of this line: {}", mistake.message);
        findings.push(Finding::new(FindingId::MalformedSshdConfig, "sshd", message, Some(&place)));
    }
    let by_command = accounts.iter().find_map(|account| account.ssh.entrance.command());
    if let Some(command) = by_command {
        let message = command.to_string();
        findings.push(Finding::new(FindingId::KeysByCommand, "sshd", message, sshd.config.as_deref()));
    }
    for (method, cause) in sshd.further_methods().into_iter().filter(|_| sshd.unit.is_some()) {
        let message = format!("also lets in by {method}: for whom, the image does not tell");
        findings.push(Finding::new(FindingId::OtherSshMethod, "sshd", message, Some(&cause.to_string())));
    }
    findings.extend(no_key_for_root(accounts));
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
    if root?.has(Way::SshKey) || others.is_empty() {
        return None;
    }
    let message =
        format!("no key lets root in, only {}: tools that install over ssh as root cannot connect", others.join(", "));
    Some(Finding::new(FindingId::NoKeyForRoot, "root", message, None))
}

fn keys(facts: &Facts, accounts: &[Account]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for account in accounts {
        let mut seen = BTreeSet::new();
        for key in &account.ssh.keys {
            let Some(why) = key.answer.refused() else { continue };
            if account.ssh.authorities.iter().any(|authority| authority.key == key.key) {
                continue; // it exists to sign
            }
            let place = format!("{}:{}", String::from_utf8_lossy(&key.key.file), key.key.number);
            if seen.insert(place.clone()) {
                let message = format!("the key {} does not count: {why}", key.key.line.key.fingerprint());
                findings.push(Finding::new(FindingId::KeyRefused, &account.user.name, message, Some(&place)));
            }
        }
    }
    for account in accounts.iter().filter(|account| account.ssh.entrance.answer().opens()) {
        let mut add = |id, message: String, place: Option<&str>| {
            findings.push(Finding::new(id, &account.user.name, message, place));
        };
        for authority in account.ssh.authorities.iter().take(SHOWN) {
            let place = format!("{}:{}", String::from_utf8_lossy(&authority.key.file), authority.key.number);
            let names = if authority.unsure {
                "names that a command tells".to_owned()
            } else {
                authority.principals.join(", ")
            };
            let message =
                format!("certificates signed by {} for {names} let the user in", authority.key.line.key.fingerprint());
            add(FindingId::CertificateAuthority, message, Some(&place));
        }
        for file in &account.ssh.untold {
            let message = format!("sshd reads keys from {file}, of which the image shows only a part");
            add(FindingId::KeysElsewhere, message, None);
        }
        for file in &account.ssh.elsewhere {
            let message = format!("sshd also reads keys from {file}, which is not in the image");
            add(FindingId::KeysElsewhere, message, None);
        }
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

/// Scripts and units that may write keys at boot, with each line once for all users.
fn written(accounts: &[Account]) -> Vec<Finding> {
    let mut lines: Vec<(&Writer, Vec<&str>)> = Vec::new();
    for account in accounts.iter().filter(|account| account.ssh.entrance.answer().opens()) {
        for writer in &account.ssh.writers {
            match lines.iter_mut().find(|(known, _)| *known == writer) {
                Some((_, users)) => users.push(&account.user.name),
                None => lines.push((writer, vec![&account.user.name])),
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

fn rules(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts.rules.iter().map(of_rule).collect();
    for become_root::Malformed { tool, file, line } in &facts.malformed {
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
            Why::Undecided(what) => format!("may grant more: the image does not tell {what}"),
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

/// The emergency shell of the system itself.
fn emergency(shells: &Shells) -> Option<Finding> {
    let file = shells.forced.as_ref()?;
    let message = "gives a root shell without a password if booting fails (SYSTEMD_SULOGIN_FORCE)";
    Some(Finding::new(FindingId::EmergencyShell, "emergency shell", message.to_owned(), Some(file)))
}

/// Doors in the initrd.
fn initrd(shells: &Shells) -> Vec<Finding> {
    let initrd = match &shells.initrd {
        Ok(Some(initrd)) => initrd,
        Ok(None) => return Vec::new(),
        Err(error) => {
            let message = format!("cannot be read, so what it opens is unknown: {error}");
            return vec![Finding::new(FindingId::InitrdUnreadable, "initrd", message, None)];
        }
    };
    let mut findings = Vec::new();
    let mut add = |id, message: String, inside: &str| {
        let place = format!("{} {inside}", initrd.file);
        findings.push(Finding::new(id, "initrd", message, Some(place.trim_end())));
    };
    let open = initrd.root.as_ref().is_some_and(|root| root.state == PasswordState::Empty);
    if open {
        let message = "gives a root shell without a password if booting fails (boot.initrd.systemd.emergencyAccess)";
        add(FindingId::InitrdShell, message.to_owned(), "/etc/shadow");
    } else if let Some(file) = &initrd.forced_shell {
        let message = "gives a root shell without a password if booting fails (SYSTEMD_SULOGIN_FORCE)";
        add(FindingId::InitrdShell, message.to_owned(), file);
    } else if let Some(scheme) = initrd.root.as_ref().and_then(|root| root.scheme) {
        let message =
            format!("the hash of its emergency password ({}) is readable by anyone who has the image", scheme.name());
        add(FindingId::InitrdHash, message, "/etc/shadow");
    }
    for (key, file) in &initrd.keys {
        let there = if initrd.sshd { "" } else { ", but the initrd has no sshd" };
        add(FindingId::InitrdSshKey, format!("the key {} lets root in through ssh{there}", key.fingerprint()), file);
    }
    for (file, number, error) in &initrd.malformed {
        let message = format!("not a key: {error}");
        add(FindingId::MalformedKey, message, &format!("{file}:{number}"));
    }
    for (link, target) in &initrd.unread {
        let message = match link == target {
            true => format!("reads keys from {target}, which is not in the initrd: whom it lets in is unknown"),
            false => format!("{link} links to {target}, which is not in the initrd: what it opens is unknown"),
        };
        add(FindingId::InitrdUnread, message, link);
    }
    for file in &initrd.host_keys {
        let message = "contains a private host key, readable by anyone who has the image";
        add(FindingId::InitrdHostKey, message.to_owned(), file);
    }
    findings
}

/// A key on a kernel line opens nothing without sshd.
fn without_sshd(mut finding: Finding, sshd: &Sshd) -> Finding {
    if finding.id == FindingId::KeyOnKernelLine && sshd.unit.is_none() {
        finding.message.push_str(", but the system has no sshd that can start");
    }
    finding
}

/// Doors on the kernel lines of the menu entries that start this system.
fn menu(entries: &[&MenuEntry]) -> Vec<Finding> {
    let mut findings: Vec<(Finding, Vec<String>)> = Vec::new();
    for entry in entries {
        for door in kernel_line::doors(entry) {
            let title = format!("{:?}", entry.title);
            if let Some((_, titles)) = findings.iter_mut().find(|(known, _)| known.subject == door.name) {
                if !titles.contains(&title) {
                    titles.push(title);
                }
                continue;
            }
            let file = String::from_utf8_lossy(&entry.file).into_owned();
            findings.push((Finding::new(door.id, &door.name, door.effect.clone(), Some(&file)), vec![title]));
        }
    }
    let told = |(mut finding, titles): (Finding, Vec<String>)| {
        if titles.iter().all(|title| title == "\"\"") {
            finding.message.push_str(" (the system's own kernel parameters)");
            return finding;
        }
        let shown = titles.get(..SHOWN).unwrap_or(&titles).join(", ");
        let more = titles.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let entries = if titles.len() == 1 { "entry" } else { "entries" };
        finding.message.push_str(&format!(" (menu {entries} {shown}{more})"));
        finding
    };
    findings.into_iter().map(told).collect()
}
