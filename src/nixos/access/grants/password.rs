//! What a password opens: the consoles and sshd, as far as PAM accepts it.

use super::{Entrance, Grant, Needs};
use crate::nixos::access::Facts;
use crate::nixos::access::pam::{Secret, Service};
use crate::nixos::answer::{Answer, Cause, Caused, Doubt, Refusal, Verdict};
use crate::nixos::password::{Password, PasswordState, Quirk};
use crate::nixos::ssh::{PasswordMethod, Sshd};
use crate::nixos::users::User;

/// The consoles.
pub(super) fn console(facts: &Facts, user: &User) -> Vec<Grant> {
    let mut answer = of_password(facts, &user.password);
    if answer.opens() {
        doubt_scheme(facts, &user.password, &mut answer);
    }
    let (needs, opened_by) = (needs(&user.password), source(&user.password));
    let grant = Grant { entrance: Entrance::Console, needs, answer, sshd: None, opened_by };
    by_pam(grant, &facts.pam_of_console, user, Refusal::EmptyOnConsole)
}

/// Applies PAM to the password's answer, and adds a grant without a password if PAM may ask for none.
fn by_pam(grant: Grant, service: &Service, user: &User, no_empty: Refusal) -> Vec<Grant> {
    let without = service.opens(user, Secret::Nothing);
    match (without.verdict, without.by) {
        (Verdict::Granted, by) => {
            let opened_by = by.map(|(cause, _)| cause);
            vec![Grant { needs: Needs::Nothing, answer: Answer::default(), opened_by, ..grant }]
        }
        (Verdict::Unknown, Some((cause, module))) => {
            let doubts = vec![Caused::by(Doubt::Pam(module), cause)];
            let answer = Answer { doubts, ..Answer::default() };
            let perhaps = Grant { needs: Needs::Nothing, answer, opened_by: None, ..grant.clone() };
            vec![with_password(grant, service, user, no_empty), perhaps]
        }
        _ => vec![with_password(grant, service, user, no_empty)],
    }
}

/// Applies PAM to the password's answer.
fn with_password(mut grant: Grant, service: &Service, user: &User, no_empty: Refusal) -> Grant {
    if !grant.answer.opens() {
        return grant;
    }
    // A hash of the empty text is a password like any other.
    let empty = user.password.state == PasswordState::Empty && user.password.quirk != Some(Quirk::HashedEmpty);
    let with = service.opens(user, if empty { Secret::Empty } else { Secret::Password });
    match (with.verdict, with.by) {
        (Verdict::Denied, _) if empty => grant.answer = Answer::denied(Caused::by_default(no_empty)),
        (Verdict::Denied, Some((cause, module))) => {
            grant.answer = Answer::denied(Caused::by(Refusal::Pam(module), cause));
        }
        (Verdict::Denied, None) => {
            grant.answer = Answer::denied(Caused::by_default(Refusal::Pam("no module lets anybody in".to_owned())));
        }
        (Verdict::Unknown, Some((cause, module))) => {
            grant.answer.doubts.push(Caused::by(Doubt::Pam(module), cause));
        }
        (Verdict::Unknown, None) if empty => grant.answer.doubts.push(Caused::by_default(Doubt::EmptyByPam)),
        (Verdict::Unknown, None) | (Verdict::Granted, _) => {}
    }
    grant
}

/// The answer of the password alone, wherever it is asked for.
fn of_password(facts: &Facts, password: &Password) -> Answer {
    let unknown = |doubt| Answer { doubts: vec![Caused { what: doubt, cause: source(password) }], ..Answer::default() };
    // The initrd, or a file that comes at boot, may give the account another password.
    let written = facts.passwords_written.first().cloned();
    let replaced = password.replaced_by.as_ref().map(|file| Doubt::PasswordReplaced(file.clone()));
    let others: Vec<_> = written.into_iter().chain(replaced.map(Caused::by_default)).collect();
    let denied = |refusal| match others.first() {
        Some(doubt) => Answer { doubts: vec![doubt.clone()], ..Answer::default() },
        None => Answer::denied(Caused { what: refusal, cause: source(password) }),
    };
    match password.state {
        PasswordState::Hashed if password.quirk == Some(Quirk::Broken) => denied(Refusal::BrokenHash),
        PasswordState::Empty | PasswordState::Plaintext | PasswordState::Hashed => {
            Answer { doubts: others, ..Answer::default() }
        }
        PasswordState::Locked => denied(Refusal::Locked),
        PasswordState::None => denied(Refusal::NoPassword),
        PasswordState::File => unknown(Doubt::PasswordFile(password.source.clone().unwrap_or_default())),
        PasswordState::Unknown => unknown(Doubt::UntoldPassword),
    }
}

/// libcrypt may refuse a hash of an old scheme.
fn doubt_scheme(facts: &Facts, password: &Password, answer: &mut Answer) {
    let old = password.scheme.filter(|scheme| !scheme.is_current());
    if let Some(scheme) = old.filter(|_| facts.takes_old_hashes != Some(true)) {
        answer.doubts.push(Caused { what: Doubt::OldScheme(scheme.name().to_owned()), cause: source(password) });
    }
}

fn needs(password: &Password) -> Needs {
    if password.state == PasswordState::Empty { Needs::EmptyPassword } else { Needs::Password }
}

/// The file that sets the password.
pub(super) fn source(password: &Password) -> Option<Cause> {
    password.source.as_deref().map(|path| Cause { path: path.into(), line: None })
}

/// sshd with a password, asked for by this method.
pub(super) fn ssh_password(
    facts: &Facts,
    user: &User,
    (sshd, pam): (&Sshd, &Service),
    method: PasswordMethod,
) -> Vec<Grant> {
    let entrance = match method {
        PasswordMethod::Password => Entrance::SshPassword,
        PasswordMethod::KeyboardInteractive => Entrance::SshKeyboardInteractive,
    };
    let mut answer = of_password(facts, &user.password);
    // A password that opens nothing does not open sshd either.
    if answer.opens() {
        // sshd checks the typed password if it asks itself; PAM checks the hash.
        let by_pam = method == PasswordMethod::KeyboardInteractive;
        let hashed = user.password.quirk == Some(Quirk::HashedEmpty) && by_pam;
        let typed = typed(user);
        let user = if hashed { &typed } else { user };
        answer = with_sshd(answer, sshd.password(&facts.users, user, method));
    }
    if answer.opens() {
        doubt_scheme(facts, &user.password, &mut answer);
    }
    let (needs, opened_by) = (needs(&user.password), source(&user.password));
    let grant = Grant { entrance, needs, answer, sshd: None, opened_by };
    if method == PasswordMethod::Password && !sshd.uses_pam(user) {
        return vec![grant];
    }
    // sshd and PAM must both accept the password. If PAM asks for none, sshd accepts any.
    let of_sshd = sshd.password(&facts.users, &typed(user), method);
    if !of_sshd.opens() {
        return vec![with_password(grant, pam, user, Refusal::EmptyByPam)];
    }
    let mut grants = by_pam(grant, pam, user, Refusal::EmptyByPam);
    for grant in grants.iter_mut().filter(|grant| grant.needs == Needs::Nothing) {
        grant.answer = with_sshd(std::mem::take(&mut grant.answer), of_sshd.clone());
    }
    grants
}

/// The user, with a password that is not empty.
fn typed(user: &User) -> User {
    User { password: Password { state: PasswordState::Hashed, ..user.password.clone() }, ..user.clone() }
}

/// An answer that sshd must also give.
fn with_sshd(mut answer: Answer, of_sshd: Answer) -> Answer {
    answer.refusal = of_sshd.refusal;
    answer.conditions.extend(of_sshd.conditions);
    match answer.refusal {
        // sshd accepts no password at all.
        Some(_) if of_sshd.doubts.is_empty() => answer.doubts.clear(),
        _ => answer.doubts.extend(of_sshd.doubts),
    }
    answer
}
