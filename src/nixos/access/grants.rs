//! Who can log in: an answer for each user and entrance, with its conditions and its cause.
//!
//! `inspect`, `access`, `check`, `policy` and `diff` read these answers and decide nothing themselves.

use super::pam::{Secret, Service};
use super::{Autologin, Facts, Rule, SshSources, Tool};
use crate::nixos::answer::{Answer, Cause, Caused, Condition, Doubt, Refusal, Verdict};
use crate::nixos::password::{Password, PasswordState, Quirk};
use crate::nixos::ssh::{Authority, PasswordMethod, Sshd, Writer};
use crate::nixos::users::User;

/// A way into a system, or to root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entrance {
    /// Logged in at boot.
    Autologin,
    /// The consoles.
    Console,
    /// sshd, with a key.
    SshKey,
    /// sshd, with a certificate of an authority.
    SshCertificate,
    /// sshd, which asks for the password itself.
    SshPassword,
    /// sshd, which lets PAM ask (keyboard-interactive).
    SshKeyboardInteractive,
    /// A logged-in user becomes root without a password, through this program.
    Root(Tool),
}

impl Entrance {
    /// Its name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Autologin => "autologin",
            Self::Console => "console",
            Self::SshKey => "ssh-key",
            Self::SshCertificate => "ssh-certificate",
            Self::SshPassword => "ssh-password",
            Self::SshKeyboardInteractive => "ssh-keyboard-interactive",
            Self::Root(tool) => tool.name(),
        }
    }

    /// Whether the entrance leads through sshd.
    #[must_use]
    pub fn is_ssh(self) -> bool {
        matches!(self, Self::SshKey | Self::SshCertificate | Self::SshPassword | Self::SshKeyboardInteractive)
    }
}

/// What somebody needs to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing at all, not even Enter at a password prompt.
    Nothing,
    /// No password: the account has an empty one.
    EmptyPassword,
    /// The password.
    Password,
    /// The key with this fingerprint. `None` if the image does not say which.
    Key(Option<String>),
    /// A certificate of the authority with this fingerprint. `None` without an authority.
    Certificate(Option<String>),
}

impl Needs {
    /// Its name in documents.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::EmptyPassword => "empty-password",
            Self::Password => "password",
            Self::Key(_) => "key",
            Self::Certificate(_) => "certificate",
        }
    }

    /// Whether it is a certain key or authority.
    fn is_known_key(&self) -> bool {
        matches!(self, Self::Key(Some(_)) | Self::Certificate(Some(_)))
    }
}

/// The answer for one user and one entrance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The entrance.
    pub entrance: Entrance,
    /// What somebody needs.
    pub needs: Needs,
    /// Whether it opens.
    pub answer: Answer,
    /// The unit of the sshd that the entrance leads through.
    pub sshd: Option<String>,
    /// The line or file that opens it.
    opened_by: Option<Cause>,
}

impl Grant {
    /// The line or file that decides: the one that refuses, else the one that opens, else the one that leaves the answer open.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        let doubted = || self.answer.doubts.iter().find_map(|doubt| doubt.cause.as_ref());
        match &self.answer.refusal {
            Some(refusal) => refusal.cause.as_ref().or_else(doubted),
            None => self.opened_by.as_ref().or_else(doubted),
        }
    }

    /// The answer in one word.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.answer.verdict()
    }
}

/// All entrances of a user. An entrance appears once for each key, authority, rule or unit that may open it, and once as denied
/// if the usual sshd does not open it. The keys and authorities get the answers of their entrances.
pub(super) fn of(facts: &Facts, user: &User, sources: &mut [SshSources], rules: &[&Rule]) -> Vec<Grant> {
    let logins = facts.autologin.iter().filter(|login| login.user == user.name).map(autologin);
    let mut grants: Vec<Grant> = logins.collect();
    grants.extend(console(facts, user));
    for ((sshd, pam), sources) in facts.sshd.all().zip(&facts.pam_of_sshd).zip(&*sources) {
        let pam = pam.named(sshd.pam_service(user));
        let mut own = through_sshd(facts, user, (sshd, pam), sources);
        if sshd.is_further() {
            // Without a key, only what it opens is of interest.
            own.retain(|grant| grant.verdict() != Verdict::Denied || grant.needs.is_known_key());
        }
        grants.extend(own);
    }
    grants.extend(root(user, rules));
    // A service needs no shell to run sudo.
    let logins = grants.iter_mut().filter(|grant| !matches!(grant.entrance, Entrance::Root(_)));
    let missing = user.shell.as_ref().filter(|shell| facts.missing_shells.contains(*shell));
    let missing = missing.map(|shell| Caused::by_default(Refusal::MissingShell(shell.clone())));
    match (user.refusal().or(missing), user.shell.as_deref().filter(|shell| ends_at_once(shell))) {
        (Some(refusal), _) => logins.for_each(|grant| grant.answer = Answer::denied(refusal.clone())),
        (None, Some(shell)) => logins.for_each(|grant| without_shell(grant, shell)),
        (None, None) => {}
    }
    if let Some(day) = &user.expires {
        let until = Caused { what: Condition::AccountUntil(day.clone()), cause: source(&user.password) };
        let open = grants.iter_mut().filter(|grant| grant.verdict() != Verdict::Denied);
        open.for_each(|grant| grant.answer.conditions.push(until.clone()));
    }
    for own in sources {
        let unit = own.unit.clone();
        let of = |entrance| {
            let grants = grants.iter().filter(|grant| grant.sshd == unit);
            grants.filter(move |grant| grant.entrance == entrance).map(|grant| &grant.answer)
        };
        let keys = own.keys.iter_mut().map(|key| &mut key.answer).zip(of(Entrance::SshKey));
        let authorities =
            own.authorities.iter_mut().map(|authority| &mut authority.answer).zip(of(Entrance::SshCertificate));
        keys.chain(authorities).for_each(|(own, answer)| own.clone_from(answer));
    }
    grants
}

/// The entrances that lead through an sshd.
fn through_sshd(facts: &Facts, user: &User, (sshd, pam): (&Sshd, &Service), sources: &SshSources) -> Vec<Grant> {
    let mut grants = keys(sources);
    grants.extend(certificates(sources));
    if sshd.uses_pam(user) {
        by_account(&mut grants, pam, user);
    }
    for method in [PasswordMethod::Password, PasswordMethod::KeyboardInteractive] {
        grants.extend(ssh_password(facts, user, (sshd, pam), method));
    }
    if let Some(condition) = of_start(sshd) {
        for grant in grants.iter_mut().filter(|grant| grant.verdict() != Verdict::Denied) {
            grant.answer.conditions.push(condition.clone());
        }
    }
    grants.iter_mut().for_each(|grant| grant.sshd.clone_from(&sshd.unit));
    grants
}

/// Applies PAM's account rules to keys and certificates.
fn by_account(grants: &mut [Grant], service: &Service, user: &User) {
    let said = service.admits(user);
    for grant in grants.iter_mut().filter(|grant| grant.answer.opens()) {
        match (said.verdict, said.by.clone()) {
            (Verdict::Denied, Some((cause, module))) => {
                grant.answer.refusal = Some(Caused::by(Refusal::Pam(module), cause));
            }
            (Verdict::Unknown, Some((cause, module))) => {
                grant.answer.doubts.push(Caused::by(Doubt::Pam(module), cause));
            }
            (Verdict::Granted | Verdict::Denied | Verdict::Unknown, _) => {}
        }
    }
}

/// A shell that ends at once closes an entrance, but sshd can forward ports and serve its internal sftp without a shell.
fn without_shell(grant: &mut Grant, shell: &str) {
    let name = shell.rsplit('/').next().unwrap_or(shell).to_owned();
    if !grant.entrance.is_ssh() {
        grant.answer = Answer::denied(Caused::by_default(Refusal::Shell(name)));
    } else if grant.verdict() != Verdict::Denied {
        grant.answer.conditions.push(Caused::by_default(Condition::NoShell(name)));
    }
}

/// Whether the shell ends a session at once.
pub(super) fn ends_at_once(shell: &str) -> bool {
    /// Names of programs that end at once.
    const PROGRAMS: [&str; 4] = ["nologin", "false", "noshell", "true"];
    shell.rsplit('/').next().is_some_and(|name| PROGRAMS.contains(&name))
}

fn autologin(login: &Autologin) -> Grant {
    let cause = Cause { path: login.source.as_str().into(), line: None };
    let conditions = login.condition.iter().map(|condition| Caused::by_default(Condition::Holds(condition.clone())));
    let answer = Answer { conditions: conditions.collect(), ..Answer::default() };
    Grant { entrance: Entrance::Autologin, needs: Needs::Nothing, answer, sshd: None, opened_by: Some(cause) }
}

fn console(facts: &Facts, user: &User) -> Vec<Grant> {
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

fn source(password: &Password) -> Option<Cause> {
    password.source.as_deref().map(|path| Cause { path: path.into(), line: None })
}

fn keys(sources: &SshSources) -> Vec<Grant> {
    let grant = |key, answer, opened_by| Grant {
        entrance: Entrance::SshKey,
        needs: Needs::Key(key),
        answer,
        sshd: None,
        opened_by,
    };
    let granted = sources.keys.iter().map(|granted| {
        let key = &granted.key;
        grant(Some(key.line.key.fingerprint()), granted.answer.clone(), Some(key.cause()))
    });
    let mut grants: Vec<Grant> = granted.collect();
    let of_any = sources.entrance.answer();
    if of_any.opens() {
        let elsewhere = sources.elsewhere.iter().map(|file| Caused::by_default(Doubt::KeysFile(file.clone())));
        let untold = sources.untold.iter().map(|file| Caused::by_default(Doubt::KeysPart(file.clone())));
        let written = |writer: &Writer| {
            Caused::by(Doubt::KeysWritten { by: writer.by.clone(), path: writer.path.clone() }, writer.cause.clone())
        };
        let written = sources.writers.iter().map(written);
        let doubts = sources.entrance.command().cloned().into_iter().chain(elsewhere).chain(untold).chain(written);
        grants.extend(doubts.map(|doubt| grant(None, Answer { doubts: vec![doubt], ..of_any.clone() }, None)));
    }
    // A configuration that is not in the image may name any file of keys.
    if grants.is_empty() && of_any.doubts.iter().any(|doubt| matches!(doubt.what, Doubt::NoConfiguration(_))) {
        grants.push(grant(None, of_any.clone(), None));
    }
    if grants.is_empty() {
        let refusal = of_any.refusal.clone().filter(|_| of_any.verdict() == Verdict::Denied);
        let refusal = refusal.unwrap_or_else(|| Caused::by_default(Refusal::NoKey));
        grants.push(grant(None, Answer::denied(refusal), None));
    }
    grants
}

fn certificates(sources: &SshSources) -> Vec<Grant> {
    let entrance = Entrance::SshCertificate;
    let of_authority = |authority: &Authority| {
        let answer = authority.answer.clone();
        let needs = Needs::Certificate(Some(authority.key.line.key.fingerprint()));
        Grant { entrance, needs, answer, sshd: None, opened_by: Some(authority.key.cause()) }
    };
    let mut grants: Vec<Grant> = sources.authorities.iter().map(of_authority).collect();
    let of_any = sources.entrance.answer();
    let elsewhere = sources.authorities_elsewhere.iter().filter(|_| of_any.opens());
    grants.extend(elsewhere.map(|doubt| {
        let answer = Answer { doubts: vec![doubt.clone()], ..of_any.clone() };
        Grant { entrance, needs: Needs::Certificate(None), answer, sshd: None, opened_by: None }
    }));
    if grants.is_empty() {
        let answer = Answer::denied(Caused::by_default(Refusal::NoAuthority));
        grants.push(Grant { entrance, needs: Needs::Certificate(None), answer, sshd: None, opened_by: None });
    }
    grants
}

fn ssh_password(facts: &Facts, user: &User, (sshd, pam): (&Sshd, &Service), method: PasswordMethod) -> Vec<Grant> {
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

/// Nothing starts sshd at boot, or only under a condition.
fn of_start(sshd: &Sshd) -> Option<Caused<Condition>> {
    let unit = sshd.unit.as_deref()?;
    let what = match &sshd.condition {
        Some(condition) if sshd.starts => Condition::OfUnit(condition.clone()),
        _ if sshd.starts => return None,
        _ => Condition::StartedByHand,
    };
    Some(Caused::by(what, Cause { path: unit.into(), line: None }))
}

/// The programs that make a logged-in user root, each with the rule that requires least.
fn root(user: &User, rules: &[&Rule]) -> Vec<Grant> {
    let mut grants: Vec<Grant> = Vec::new();
    for rule in rules.iter().filter(|_| !user.is_root()) {
        let entrance = Entrance::Root(rule.tool);
        let conditions = rule.conditions.iter();
        let conditions = conditions.map(|what| Caused::by(Condition::Rule(what.clone()), cause(rule))).collect();
        let answer = Answer { conditions, ..Answer::default() };
        let grant = Grant { entrance, needs: Needs::Nothing, answer, sshd: None, opened_by: Some(cause(rule)) };
        match grants.iter_mut().find(|known| known.entrance == entrance) {
            None => grants.push(grant),
            Some(known) if grant.answer.conditions.len() < known.answer.conditions.len() => *known = grant,
            Some(_) => {}
        }
    }
    grants
}

fn cause(rule: &Rule) -> Cause {
    Cause { path: rule.source.as_str().into(), line: Some(rule.line) }
}
