//! What follows from who gets in: the findings.

use std::collections::BTreeSet;

use super::become_root::{self, Tool};
use super::finding::{Finding, Severity};
use super::kernel_line;
use super::login::Way;
use super::{Account, Facts, Shells};
use crate::nixos::menu::MenuEntry;
use crate::nixos::password::{PasswordState, Scheme};
use crate::nixos::ssh::Obstacle;

/// Menu entries that a finding names.
const SHOWN: usize = 3;

/// What opens before anybody logs in.
pub(super) struct Doors<'m> {
    /// The menu entries that start the system.
    pub(super) entries: Vec<&'m MenuEntry>,
    pub(super) shells: Shells,
}

/// All findings, the worst first, then by what they are about.
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
    findings.extend(menu(&doors.entries));
    findings.extend(initrd(&doors.shells));
    if !facts.users.known {
        let message = "the image does not list its users in a form that is known: there may be more than are shown";
        findings.push(finding("users-unknown", Severity::Warning, "users", message.to_owned(), None));
    }
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.severity, finding.id == "login", finding.subject.clone(), finding.id);
        key(one).cmp(&key(other))
    });
    findings
}

fn finding(id: &'static str, severity: Severity, subject: &str, message: String, path: Option<&str>) -> Finding {
    Finding { id, severity, subject: subject.to_owned(), message, path: path.map(str::to_owned) }
}

/// The sentence of one user, with the file that lets him in.
fn login(account: &Account) -> Finding {
    let user = &account.user;
    let severity = if account.is_unsure() { Severity::Warning } else { Severity::Info };
    let key = account.ssh.keys.iter().find(|key| key.answer.opens());
    let key = key.map(|key| String::from_utf8_lossy(&key.key.file).into_owned());
    let path = user.password.source.clone().filter(|_| user.password.state != PasswordState::None).or(key);
    finding("login", severity, &user.name, account.sentence(), path.as_deref())
}

fn password(account: &Account, takes_old_hashes: Option<bool>) -> Vec<Finding> {
    let (user, password) = (&account.user, &account.user.password);
    let mut findings = Vec::new();
    let mut add = |id, severity, message: String| {
        findings.push(finding(id, severity, &user.name, message, password.source.as_deref()));
    };
    let option = password.option.as_deref().unwrap_or("password");
    let has = |way| account.has(way);
    match password.state {
        PasswordState::Plaintext => {
            add(
                "plaintext-password",
                Severity::Error,
                format!("the password stands in clear text in the image ({option}), for everybody to read"),
            );
        }
        PasswordState::Hashed => {
            let scheme = password.scheme.map(Scheme::name).unwrap_or_default();
            let old = password.scheme.is_some_and(|scheme| !scheme.is_current());
            if old && takes_old_hashes == Some(false) {
                let message = format!(
                    "libcrypt of NixOS takes no {scheme} hashes since 23.05: the password may open nothing ({option})"
                );
                add("old-hash", Severity::Warning, message);
            }
            add(
                "hash-in-store",
                Severity::Info,
                format!("the hash of the password ({scheme}) can be read by everybody who has the image ({option})"),
            );
        }
        PasswordState::File => {
            let file = password.source.as_deref().unwrap_or("a file");
            add(
                "password-not-in-image",
                Severity::Warning,
                format!(
                    "the password comes from {file} ({option}), which is not in the image: on a fresh boot none opens the account"
                ),
            );
        }
        _ => {}
    }
    if has(Way::SshWithoutPassword) {
        add(
            "empty-password-over-ssh",
            Severity::Error,
            format!("everybody who reaches sshd logs in without a password ({option})"),
        );
    } else if has(Way::ConsoleWithoutPassword) {
        add(
            "empty-password",
            Severity::Warning,
            format!("everybody at the console logs in without a password ({option})"),
        );
    }
    if has(Way::SshPassword) && user.is_root() {
        add(
            "root-password-over-ssh",
            Severity::Error,
            "sshd lets root in with a password (PermitRootLogin yes)".to_owned(),
        );
    }
    findings
}

fn sshd(facts: &Facts, accounts: &[Account]) -> Vec<Finding> {
    let sshd = &facts.sshd;
    let keys = accounts.iter().map(|account| account.ssh.keys.len()).sum::<usize>();
    let config = sshd.config.as_deref();
    let mut findings = Vec::new();
    match (&sshd.unit, &sshd.obstacle) {
        (None, Some(Obstacle::Masked(unit))) => {
            let message = format!("cannot start: {unit} is masked");
            findings.push(finding("sshd-masked", Severity::Info, "sshd", message, None));
        }
        (None, Some(Obstacle::NoCommand(unit))) => {
            let message = format!("cannot start: {unit} has no command that runs it");
            findings.push(finding("sshd-without-command", Severity::Warning, "sshd", message, Some(unit)));
        }
        (None, Some(Obstacle::Dangling { unit, missing })) => {
            let message = format!("cannot start: {unit} leads to {missing}, which is not in the image");
            findings.push(finding("sshd-dangling", Severity::Error, "sshd", message, None));
        }
        (None, None) => {
            let message =
                "there is none in this system: keys that were declared without services.openssh.enable were dropped";
            findings.push(finding("sshd-absent", Severity::Info, "sshd", message.to_owned(), None));
        }
        (Some(unit), _) if !sshd.starts => {
            let keys = match keys {
                0 => String::new(),
                1 => ", and a key waits for it".to_owned(),
                many => format!(", and {many} keys wait for it"),
            };
            let message = format!("is not started at boot: nothing wants {unit}{keys}");
            findings.push(finding("sshd-not-started", Severity::Warning, "sshd", message, config));
        }
        (Some(_), _) => {}
    }
    if let Some(file) = &sshd.missing_config {
        let message = format!("reads {file}, which is not in the image: who gets in is unknown");
        findings.push(finding("sshd-config-missing", Severity::Error, "sshd", message, sshd.unit.as_deref()));
    }
    for unit in &sshd.others {
        let message = format!("{unit} starts another sshd, with a configuration of its own that is not checked");
        findings.push(finding("another-sshd", Severity::Warning, "sshd", message, Some(unit)));
    }
    for mistake in sshd.mistakes() {
        let place = format!("{}:{}", mistake.file, mistake.line);
        let message = format!("does not start with such a line: {}", mistake.message);
        findings.push(finding("malformed-sshd-config", Severity::Warning, "sshd", message, Some(&place)));
    }
    let by_command = accounts.iter().find_map(|account| account.ssh.entrance.command());
    if let Some(command) = by_command {
        let message = command.to_string();
        findings.push(finding("keys-by-command", Severity::Warning, "sshd", message, config));
    }
    // Tools that install over ssh log in as root.
    let root = accounts.iter().find(|account| account.user.name == "root");
    let others: Vec<&str> = accounts
        .iter()
        .filter(|account| account.user.name != "root" && account.has(Way::SshKey))
        .map(|account| account.user.name.as_str())
        .collect();
    if let Some(root) = root
        && !root.has(Way::SshKey)
        && !others.is_empty()
    {
        let message = format!(
            "no key lets root in, only {}: tools that install over ssh as root will not get in",
            others.join(", ")
        );
        findings.push(finding("no-key-for-root", Severity::Info, "root", message, None));
    }
    findings
}

fn keys(facts: &Facts, accounts: &[Account]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for account in accounts {
        let mut seen = BTreeSet::new();
        for key in &account.ssh.keys {
            let Some(why) = key.answer.refused() else { continue };
            if account.ssh.authorities.iter().any(|authority| authority.key == key.key) {
                continue; // it is there to sign
            }
            let place = format!("{}:{}", String::from_utf8_lossy(&key.key.file), key.key.number);
            if seen.insert(place.clone()) {
                let message = format!("the key {} does not count: {why}", key.key.line.key.fingerprint());
                findings.push(finding("key-refused", Severity::Warning, &account.user.name, message, Some(&place)));
            }
        }
    }
    for account in accounts.iter().filter(|account| account.ssh.entrance.answer().opens()) {
        let mut add = |id, message: String, place: Option<&str>| {
            findings.push(finding(id, Severity::Info, &account.user.name, message, place));
        };
        for authority in account.ssh.authorities.iter().take(SHOWN) {
            let place = format!("{}:{}", String::from_utf8_lossy(&authority.key.file), authority.key.number);
            let names = if authority.unsure {
                "names that a command tells".to_owned()
            } else {
                authority.principals.join(", ")
            };
            let message =
                format!("certificates of {} for {names} let the user in", authority.key.line.key.fingerprint());
            add("certificate-authority", message, Some(&place));
        }
        for file in &account.ssh.elsewhere {
            let message =
                format!("sshd reads keys from {file}, too, which is not in the image and may be there at boot");
            add("keys-elsewhere", message, None);
        }
    }
    for (name, keys) in &facts.orphans {
        let file = keys.first().map(|key| String::from_utf8_lossy(&key.file).into_owned());
        let count = if keys.len() == 1 { "a key is".to_owned() } else { format!("{} keys are", keys.len()) };
        let message = format!("{count} authorized for {name}, and there is no such user");
        findings.push(finding("key-without-user", Severity::Warning, name, message, file.as_deref()));
    }
    for line in &facts.bad_lines {
        let place = format!("{}:{}", String::from_utf8_lossy(&line.file), line.number);
        let message = format!("the line holds no key: {}", line.error);
        findings.push(finding("malformed-key", Severity::Warning, "authorized keys", message, Some(&place)));
    }
    findings
}

fn rules(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in &facts.rules {
        let place = format!("{}:{}", rule.source, rule.line);
        let users = match rule.users.as_slice() {
            [] => "nobody here".to_owned(),
            users if rule.who.starts_with('%') || rule.who == "ALL" => users.join(", "),
            _ => rule.who.clone(),
        };
        let (id, message) = match (rule.tool, &rule.target) {
            (Tool::Nix, _) => ("trusted-user", format!("Nix trusts them, which makes them root ({users})")),
            (tool, None) if rule.is_everything() => {
                ("passwordless-root", format!("{tool} makes them root without a password ({users})"))
            }
            (tool, None) if rule.makes_root() => {
                let commands = &rule.commands;
                (
                    "passwordless-root",
                    format!("{tool} makes them root without a password, through {commands} ({users})"),
                )
            }
            (tool, target) => {
                let target = target.as_ref().map(|target| format!(" as {target}")).unwrap_or_default();
                let commands = if rule.is_everything() { "everything" } else { &rule.commands };
                ("passwordless-command", format!("{tool} runs {commands}{target} without a password ({users})"))
            }
        };
        let message = format!("{message}{}", rule.provisos());
        findings.push(finding(id, Severity::Warning, &rule.who, message, Some(&place)));
    }
    for become_root::Malformed { tool, file, line } in &facts.malformed {
        let message = match tool {
            Tool::Sudo => "sudo ignores this malformed line",
            _ => "doas refuses everybody, because this line is malformed",
        };
        let place = format!("{file}:{line}");
        findings.push(finding("malformed-rule", Severity::Warning, tool.name(), message.to_owned(), Some(&place)));
    }
    for file in &facts.unread {
        let message = "is included and not in the image: what it says of who gets in, nobody can tell";
        findings.push(finding("unread-file", Severity::Warning, file, message.to_owned(), None));
    }
    for login in &facts.autologin {
        let message = format!("is logged in at boot by {}", login.by);
        findings.push(finding("autologin", Severity::Warning, &login.user, message, Some(&login.source)));
    }
    findings
}

/// The emergency shell of the system itself.
fn emergency(shells: &Shells) -> Option<Finding> {
    let file = shells.forced.as_ref()?;
    let message = "gives a root shell without a password if booting fails (SYSTEMD_SULOGIN_FORCE)";
    Some(finding("emergency-shell", Severity::Warning, "emergency shell", message.to_owned(), Some(file)))
}

/// Doors in the initrd.
fn initrd(shells: &Shells) -> Vec<Finding> {
    let initrd = match &shells.initrd {
        Ok(Some(initrd)) => initrd,
        Ok(None) => return Vec::new(),
        Err(error) => {
            let message = format!("cannot be read, so that nobody can tell what it opens: {error}");
            return vec![finding("initrd-unreadable", Severity::Warning, "initrd", message, None)];
        }
    };
    let mut findings = Vec::new();
    let mut add = |id, severity, message: String, inside: &str| {
        let place = format!("{} {inside}", initrd.file);
        findings.push(finding(id, severity, "initrd", message, Some(place.trim_end())));
    };
    let open = initrd.root.as_ref().is_some_and(|root| root.state == PasswordState::Empty);
    if open {
        let message =
            "its emergency shell is one of root and asks for no password (boot.initrd.systemd.emergencyAccess)";
        add("initrd-shell", Severity::Info, message.to_owned(), "/etc/shadow");
    } else if let Some(file) = &initrd.forced_shell {
        let message = "its emergency shell is one of root and asks for no password (SYSTEMD_SULOGIN_FORCE)";
        add("initrd-shell", Severity::Info, message.to_owned(), file);
    } else if let Some(scheme) = initrd.root.as_ref().and_then(|root| root.scheme) {
        let message =
            format!("its emergency shell asks for a password whose hash ({}) everybody can read", scheme.name());
        add("initrd-hash", Severity::Info, message, "/etc/shadow");
    }
    for (key, file) in &initrd.keys {
        let there = if initrd.sshd { "" } else { ", and no sshd is in it" };
        add(
            "initrd-ssh-key",
            Severity::Info,
            format!("the key {} lets root in through ssh{there}", key.fingerprint()),
            file,
        );
    }
    for (file, number, error) in &initrd.malformed {
        let message = format!("the line holds no key: {error}");
        add("malformed-key", Severity::Warning, message, &format!("{file}:{number}"));
    }
    for (link, target) in &initrd.unread {
        let message = format!("{link} leads to {target}, which is not in it: nobody can tell what it opens");
        add("initrd-unread", Severity::Warning, message, link);
    }
    for file in &initrd.host_keys {
        let message = "a private key of the host is in it, for everybody who has the image to read";
        add("initrd-host-key", Severity::Error, message.to_owned(), file);
    }
    findings
}

/// Doors on the kernel lines of the entries that start this system.
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
            let (id, severity) = match door.password {
                true => ("password-on-kernel-line", Severity::Error),
                false => ("shell-on-kernel-line", Severity::Info),
            };
            let file = String::from_utf8_lossy(&entry.file).into_owned();
            findings.push((finding(id, severity, &door.name, door.effect.clone(), Some(&file)), vec![title]));
        }
    }
    let told = |(mut finding, titles): (Finding, Vec<String>)| {
        let shown = titles.get(..SHOWN).unwrap_or(&titles).join(", ");
        let more = titles.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        finding.message.push_str(&format!(" (menu entry {shown}{more})"));
        finding
    };
    findings.into_iter().map(told).collect()
}
