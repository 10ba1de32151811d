//! Assertions on users, keys and sshd as a whole.

use super::nearest::{listed, nearest};
use super::{Judgement, Subject, UserAssertion, WantedKey};
use crate::error::Result;
use crate::nixos::PasswordState;
use crate::nixos::access::{Access, Account, FindingId};
use crate::nixos::ssh::{AuthorizedKey, PublicKey};

/// Findings of an empty password that opens something.
pub(super) const EMPTY_PASSWORDS: [FindingId; 2] = [FindingId::EmptyPassword, FindingId::EmptyPasswordOverSsh];

/// Findings of which nothing can be said where a password is not known; the last one only if there is an sshd.
const OF_PASSWORDS: [FindingId; 2] = [FindingId::EmptyPassword, FindingId::PlaintextPassword];

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
    // Of a user whom only a file of keys implies, nobody knows whether he is there.
    let account = access.people.account(&wanted.name);
    if !access.people.users_known && (account.is_none() || wanted.name != "root") {
        return Ok(Judgement::fail("cannot tell: the image lists its users in no form that is known", Vec::new()));
    }
    let Some(account) = account else {
        if !wanted.exists {
            return Ok(Judgement::pass("there is no such user", Vec::new()));
        }
        let names = access.people.accounts.iter().map(|account| account.user.name.as_str());
        let near = nearest(&wanted.name, names);
        return Ok(Judgement::fail(format!("there is no such user{}", listed(&near)), Vec::new()));
    };
    let (user, mut wrong) = (&account.user, Vec::new());
    let evidence: Vec<String> = user.password.source.iter().cloned().collect();
    if !wanted.exists {
        return Ok(Judgement::fail("there is such a user", evidence));
    }
    if wanted.password.is_some() && user.password.state == PasswordState::Unknown {
        wrong.push("cannot tell: the image does not say what the password is".to_owned());
    } else if wanted.password.as_ref().is_some_and(|states| !states.contains(&user.password.state)) {
        let option = user.password.option.as_ref().map(|option| format!(" ({option})")).unwrap_or_default();
        wrong.push(format!("the password is {}{option}", user.password.state));
    }
    if wanted.shell.is_some() && wanted.shell != user.shell {
        wrong.push(format!("the shell is {}", user.shell.as_deref().unwrap_or("not declared")));
    }
    let groups = user.groups.as_deref().unwrap_or_default();
    let missing: Vec<&str> = wanted.groups.iter().filter(|group| !groups.contains(group)).map(String::as_str).collect();
    if !missing.is_empty() {
        wrong.push(match (&user.groups, groups) {
            (None, _) => "cannot tell: the image does not list its groups".to_owned(),
            (_, []) => format!("not in {}, in no group at all", missing.join(", ")),
            _ => format!("not in {}, only in {}", missing.join(", "), groups.join(", ")),
        });
    }
    Ok(match wrong.len() {
        0 => Judgement::pass(format!("{}: {}", user.name, account.sentence()), evidence),
        _ => Judgement::fail(wrong.join("; "), evidence),
    })
}

/// No key but these lets the user in, or anybody.
pub(super) fn only_keys(subject: &Subject<'_, '_>, user: Option<&str>, allowed: &[WantedKey]) -> Result<Judgement> {
    let access = match default(subject)? {
        Ok(access) => access,
        Err(none) => return Ok(none),
    };
    let (mut others, mut unknown): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
    let accounts = access.people.accounts.iter().filter(|account| user.is_none_or(|user| user == account.user.name));
    for account in accounts {
        let (name, grants) = (&account.user.name, &account.ssh);
        let may = |key: &PublicKey| allowed.iter().any(|allowed| allowed.is(key));
        let place = |key: &AuthorizedKey| format!("{}:{}", String::from_utf8_lossy(&key.file), key.number);
        for granted in grants.keys.iter().filter(|granted| !may(&granted.key.line.key)) {
            let key = &granted.key;
            match (granted.answer.opens(), granted.answer.doubts.first()) {
                (true, _) => others.push((format!("{} for {name}", key.line.key), place(key))),
                (false, Some(doubt)) => unknown.push(format!("{} is refused for {name}; {doubt}", key.line.key)),
                (false, None) => {}
            }
        }
        if grants.entrance.answer().opens() {
            for authority in grants.authorities.iter().filter(|authority| !may(&authority.key.line.key)) {
                let told = format!("any that {} certifies for {name}", authority.key.line.key);
                others.push((told, place(&authority.key)));
            }
        }
        let command = grants.entrance.command();
        unknown.extend(command.map(|command| format!("{command} of {name}")));
        if grants.entrance.answer().opens() {
            unknown.extend(grants.elsewhere.iter().map(|file| format!("{file} may hold keys of {name} at boot")));
        }
    }
    let (names, places): (Vec<String>, Vec<String>) = others.into_iter().unzip();
    Ok(match (names.first(), unknown.first()) {
        (None, None) => Judgement::pass("no other key lets anybody in", Vec::new()),
        (None, Some(first)) => Judgement::fail(format!("cannot tell: {first}"), unknown),
        (Some(first), _) if names.len() == 1 => Judgement::fail(format!("another key does: {first}"), places),
        (Some(first), _) => Judgement::fail(format!("{} other keys do, such as {first}", names.len()), places),
    })
}

/// sshd starts at boot, or does not.
pub(super) fn ssh_enabled(subject: &Subject<'_, '_>, wanted: bool) -> Result<Judgement> {
    let access = match default(subject)? {
        Ok(access) => access,
        Err(none) => return Ok(none),
    };
    let sshd = &access.people.sshd;
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
    let evidence: Vec<String> = access.people.sshd.config.iter().cloned().collect();
    let blocks = access.people.sshd.password_blocks();
    let (takes, told) = match (&access.people.sshd.unit, access.people.sshd.password_authentication(), blocks.first()) {
        (None, ..) => (false, "there is no sshd in the default system".to_owned()),
        (Some(_), true, _) => (true, "sshd takes passwords".to_owned()),
        (Some(_), false, Some(block)) => (true, format!("sshd takes passwords under `Match {block}`")),
        (Some(_), false, None) => (false, "sshd takes no passwords".to_owned()),
    };
    Ok(if takes == wanted { Judgement::pass(told, evidence) } else { Judgement::fail(told, evidence) })
}

/// `PermitRootLogin` has one of the values.
pub(super) fn permit_root_login(subject: &Subject<'_, '_>, values: &[String]) -> Result<Judgement> {
    let access = match default(subject)? {
        Ok(access) => access,
        Err(none) => return Ok(none),
    };
    let evidence: Vec<String> = access.people.sshd.config.iter().cloned().collect();
    if access.people.sshd.unit.is_none() {
        return Ok(Judgement::pass("there is no sshd in the default system", evidence));
    }
    let own = access.people.sshd.permit_root_login();
    let other = access.people.sshd.permit_root_login_blocks().into_iter().find(|(value, _)| !values.contains(value));
    let told = format!("PermitRootLogin {own}");
    Ok(match other {
        _ if !values.contains(&own) => Judgement::fail(told, evidence),
        Some((value, block)) => {
            Judgement::fail(format!("{told}; PermitRootLogin {value} under `Match {block}`"), evidence)
        }
        None => Judgement::pass(told, evidence),
    })
}

/// No system has such a finding, but of those whom it is accepted of.
pub(super) fn no_findings(subject: &Subject<'_, '_>, ids: &[FindingId], except: &[String]) -> Result<Judgement> {
    if let Err(none) = subject.system()? {
        return Ok(none);
    }
    // What cannot be read may hold anything.
    let of_initrd = ids.iter().any(|id| id.is_of_initrd());
    let of_rules = ids.contains(&FindingId::PasswordlessRoot);
    let unread = [
        (FindingId::InitrdUnreadable, of_initrd),
        (FindingId::InitrdUnread, of_initrd),
        (FindingId::UnreadFile, of_rules),
    ];
    let unread = unread.into_iter().filter(|(_, asked)| *asked).map(|(id, _)| id);
    let ids: Vec<FindingId> = ids.iter().copied().chain(unread).collect();
    let of_passwords = |access: &Access| {
        ids.iter().any(|id| {
            OF_PASSWORDS.contains(id) || *id == FindingId::EmptyPasswordOverSsh && access.people.sshd.unit.is_some()
        })
    };
    let (mut told, mut places) = (Vec::new(), Vec::new());
    for (system, access) in subject.access()? {
        if !access.people.users_known {
            return Ok(Judgement::fail("cannot tell: the image lists its users in no form that is known", Vec::new()));
        }
        let unknown = |account: &&Account| account.user.password.state == PasswordState::Unknown && account.is_unsure();
        let unknown =
            access.people.accounts.iter().filter(|account| !except.contains(&account.user.name)).find(unknown);
        if let Some(account) = unknown.filter(|_| of_passwords(access)) {
            let message = format!("cannot tell: the image does not say what the password of {} is", account.user.name);
            return Ok(Judgement::fail(message, Vec::new()));
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
