//! Assertions on users, keys and sshd as a whole.

use super::nearest::{listed, nearest};
use super::{Judgement, Subject, UserAssertion, WantedKey};
use crate::error::Result;
use crate::nixos::access::Access;

/// Findings of an empty password that opens something.
pub(super) const EMPTY_PASSWORDS: [&str; 2] = ["empty-password", "empty-password-over-ssh"];

/// The default system's access, or the verdict where there is none.
fn default<'s>(subject: &'s Subject<'_, '_>) -> Result<std::result::Result<&'s Access, Judgement>> {
    if let Err(none) = subject.system()? {
        return Ok(Err(none));
    }
    let default = subject.access()?.iter().find(|(system, _)| system.default);
    let none = || Judgement::fail("the default system is not in the store", Vec::new());
    Ok(default.map(|(_, access)| access).ok_or_else(none))
}

/// The user is as he should be.
pub(super) fn user(subject: &Subject<'_, '_>, wanted: &UserAssertion) -> Result<Judgement> {
    let access = match default(subject)? {
        Ok(access) => access,
        Err(none) => return Ok(none),
    };
    let Some(account) = access.account(&wanted.name) else {
        if !access.users_known {
            return Ok(Judgement::fail("cannot tell: the image lists its users in no form that is known", Vec::new()));
        }
        if !wanted.exists {
            return Ok(Judgement::pass("there is no such user", Vec::new()));
        }
        let names = access.accounts.iter().map(|account| account.user.name.as_str());
        let near = nearest(&wanted.name, names);
        return Ok(Judgement::fail(format!("there is no such user{}", listed(&near)), Vec::new()));
    };
    let (user, mut wrong) = (&account.user, Vec::new());
    let evidence: Vec<String> = user.password.source.iter().cloned().collect();
    if !wanted.exists {
        return Ok(Judgement::fail("there is such a user", evidence));
    }
    if wanted.password.as_ref().is_some_and(|states| !states.contains(&user.password.state)) {
        let option = user.password.option.as_ref().map(|option| format!(" ({option})")).unwrap_or_default();
        wrong.push(format!("the password is {}{option}", user.password.state));
    }
    if wanted.shell.is_some() && wanted.shell != user.shell {
        wrong.push(format!("the shell is {}", user.shell.as_deref().unwrap_or("not declared")));
    }
    let groups = user.groups.as_deref().unwrap_or_default();
    let missing: Vec<&str> = wanted.groups.iter().filter(|group| !groups.contains(group)).map(String::as_str).collect();
    if !missing.is_empty() {
        wrong.push(format!("not in {}, only in {}", missing.join(", "), groups.join(", ")));
    }
    Ok(match wrong.len() {
        0 => Judgement::pass(format!("{}: {}", user.name, account.login.sentence), evidence),
        _ => Judgement::fail(wrong.join("; "), evidence),
    })
}

/// No key but these lets the user in, or anybody.
pub(super) fn only_keys(subject: &Subject<'_, '_>, user: Option<&str>, allowed: &[WantedKey]) -> Result<Judgement> {
    let access = match default(subject)? {
        Ok(access) => access,
        Err(none) => return Ok(none),
    };
    let mut others = Vec::new();
    let accounts = access.accounts.iter().filter(|account| user.is_none_or(|user| user == account.user.name));
    for account in accounts {
        for granted in account.keys.iter().filter(|granted| granted.judged.is_ok()) {
            let key = &granted.key.line.key;
            if !allowed.iter().any(|allowed| allowed.is(key)) {
                let file = String::from_utf8_lossy(&granted.key.file);
                others.push((format!("{key} for {}", account.user.name), format!("{file}:{}", granted.key.number)));
            }
        }
    }
    let (names, places): (Vec<String>, Vec<String>) = others.into_iter().unzip();
    Ok(match names.first() {
        None => Judgement::pass("no other key lets anybody in", Vec::new()),
        Some(first) if names.len() == 1 => Judgement::fail(format!("another key does: {first}"), places),
        Some(first) => Judgement::fail(format!("{} other keys do, such as {first}", names.len()), places),
    })
}

/// sshd starts at boot, or does not.
pub(super) fn ssh_enabled(subject: &Subject<'_, '_>, wanted: bool) -> Result<Judgement> {
    let access = match default(subject)? {
        Ok(access) => access,
        Err(none) => return Ok(none),
    };
    let sshd = &access.sshd;
    let evidence: Vec<String> = sshd.unit.iter().cloned().collect();
    let told = match (&sshd.unit, sshd.starts) {
        (Some(_), true) => "sshd starts at boot",
        (Some(_), false) => "sshd is there, and nothing starts it at boot",
        (None, _) => "there is no sshd in the default system",
    };
    let starts = sshd.unit.is_some() && sshd.starts;
    Ok(if starts == wanted { Judgement::pass(told, evidence) } else { Judgement::fail(told, evidence) })
}

/// sshd takes passwords, or does not.
pub(super) fn ssh_passwords(subject: &Subject<'_, '_>, wanted: bool) -> Result<Judgement> {
    let access = match default(subject)? {
        Ok(access) => access,
        Err(none) => return Ok(none),
    };
    let evidence: Vec<String> = access.sshd.config.iter().cloned().collect();
    let (takes, told) = match (&access.sshd.unit, access.sshd.password_authentication()) {
        (None, _) => (false, "there is no sshd in the default system"),
        (Some(_), true) => (true, "sshd takes passwords"),
        (Some(_), false) => (false, "sshd takes no passwords"),
    };
    Ok(if takes == wanted { Judgement::pass(told, evidence) } else { Judgement::fail(told, evidence) })
}

/// `PermitRootLogin` has one of the values.
pub(super) fn permit_root_login(subject: &Subject<'_, '_>, values: &[String]) -> Result<Judgement> {
    let access = match default(subject)? {
        Ok(access) => access,
        Err(none) => return Ok(none),
    };
    let evidence: Vec<String> = access.sshd.config.iter().cloned().collect();
    if access.sshd.unit.is_none() {
        return Ok(Judgement::pass("there is no sshd in the default system", evidence));
    }
    let own = access.sshd.permit_root_login();
    let told = format!("PermitRootLogin {own}");
    Ok(if values.contains(&own) { Judgement::pass(told, evidence) } else { Judgement::fail(told, evidence) })
}

/// No system has such a finding, but of those whom it is accepted of.
pub(super) fn no_findings(subject: &Subject<'_, '_>, ids: &[&str], except: &[String]) -> Result<Judgement> {
    if let Err(none) = subject.system()? {
        return Ok(none);
    }
    // What cannot be read may hold anything.
    let unread = ids.iter().any(|id| id.starts_with("initrd-")).then_some("initrd-unreadable");
    let ids: Vec<&str> = ids.iter().copied().chain(unread).collect();
    let (mut told, mut places) = (Vec::new(), Vec::new());
    for (system, access) in subject.access()? {
        if !access.users_known {
            return Ok(Judgement::fail("cannot tell: the image lists its users in no form that is known", Vec::new()));
        }
        for finding in access.findings.iter().filter(|finding| ids.contains(&finding.id)) {
            if except.contains(&finding.subject) {
                continue;
            }
            let place =
                system.specialisation.as_ref().map(|name| format!(" (specialisation {name})")).unwrap_or_default();
            let text = format!("{}: {}", finding.subject, finding.message);
            if !told.contains(&text) {
                let path = finding.path.clone().unwrap_or_else(|| format!("{text}{place}"));
                if !places.contains(&path) {
                    places.push(path);
                }
                told.push(text);
            }
        }
    }
    Ok(match told.first() {
        None => Judgement::pass("none", Vec::new()),
        Some(first) if told.len() == 1 => Judgement::fail(first.clone(), places),
        Some(first) => Judgement::fail(format!("{first}; and {} more", told.len() - 1), places),
    })
}
