//! How one user can log in.

use super::{Facts, Grants};
use crate::nixos::answer::Verdict;
use crate::nixos::password::PasswordState;
use crate::nixos::users::User;

/// How one user can log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The ways in; none where there is none.
    pub ways: Vec<Way>,
    /// All of that in one sentence.
    pub sentence: String,
    /// Whether something that the image does not tell may make it otherwise.
    pub unsure: bool,
}

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Way {
    /// Logged in at boot.
    Autologin,
    /// On the console, without a password.
    ConsoleWithoutPassword,
    /// On the console, with a password.
    ConsolePassword,
    /// Through sshd, with a key.
    SshKey,
    /// Through sshd, with a certificate of an authority.
    SshCertificate,
    /// Through sshd, with a password.
    SshPassword,
    /// Through sshd, without a password.
    SshWithoutPassword,
}

impl Way {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Autologin => "autologin",
            Self::ConsoleWithoutPassword => "console-without-password",
            Self::ConsolePassword => "console-password",
            Self::SshKey => "ssh-key",
            Self::SshCertificate => "ssh-certificate",
            Self::SshPassword => "ssh-password",
            Self::SshWithoutPassword => "ssh-without-password",
        }
    }
}

/// Shells that end at once.
const NO_SHELLS: [&str; 4] = ["nologin", "false", "noshell", "true"];

impl Login {
    pub(super) fn of(facts: &Facts<'_>, user: &User, grants: &Grants) -> Self {
        let shell = user.shell.as_deref().unwrap_or_default();
        if NO_SHELLS.contains(&shell.rsplit('/').next().unwrap_or_default()) {
            let sentence = format!("cannot log in: the shell is {}", shell.rsplit('/').next().unwrap_or_default());
            return Self { ways: Vec::new(), sentence, unsure: false };
        }
        let mut login = Self { ways: Vec::new(), sentence: String::new(), unsure: false };
        let mut phrases: Vec<String> = Vec::new();
        let by: Vec<&str> =
            facts.autologin.iter().filter(|login| login.user == user.name).map(|login| login.by.as_str()).collect();
        if !by.is_empty() {
            login.ways.push(Way::Autologin);
            phrases.push(format!("is logged in at boot ({})", by.join(", ")));
        }
        login.console(facts, user, &mut phrases);
        login.ssh_with_keys(facts, grants, &mut phrases);
        login.ssh_with_password(facts, user, &mut phrases);
        login.sentence = match phrases.len() {
            0 => format!("cannot log in: {}", why_not(facts, user, grants)),
            _ => phrases.join("; "),
        };
        login.root(facts, user);
        login
    }

    fn console(&mut self, facts: &Facts<'_>, user: &User, phrases: &mut Vec<String>) {
        let scheme = || user.password.scheme.map(|scheme| format!(" ({})", scheme.name())).unwrap_or_default();
        match user.password.state {
            PasswordState::Empty => match facts.console_takes_empty {
                Some(true) => {
                    self.ways.push(Way::ConsoleWithoutPassword);
                    phrases.push("logs in on the console without a password".to_owned());
                }
                Some(false) => {}
                None => {
                    self.unsure = true;
                    self.ways.push(Way::ConsoleWithoutPassword);
                    let doubt = "the image does not tell whether PAM permits it";
                    phrases.push(format!("logs in on the console without a password ({doubt})"));
                }
            },
            PasswordState::Plaintext => {
                self.ways.push(Way::ConsolePassword);
                phrases.push("logs in on the console with a password that stands in the image".to_owned());
            }
            PasswordState::Hashed => {
                self.ways.push(Way::ConsolePassword);
                let old = user.password.scheme.is_some_and(|scheme| !scheme.is_current());
                let doubtful = old && facts.takes_old_hashes != Some(true);
                self.unsure |= doubtful;
                let doubt = if doubtful { ", if its libcrypt takes that scheme" } else { "" };
                phrases.push(format!("logs in on the console with a password{}{doubt}", scheme()));
            }
            PasswordState::Unknown => {
                self.unsure = true;
                phrases.push("the image does not tell whether a password opens the console".to_owned());
            }
            PasswordState::File | PasswordState::Locked | PasswordState::None => {}
        }
    }

    fn ssh_with_keys(&mut self, facts: &Facts<'_>, grants: &Grants, phrases: &mut Vec<String>) {
        let once = once(facts);
        let (keys, entrance) = (&grants.keys, &grants.entrance);
        let accepted: Vec<Vec<String>> =
            keys.iter().filter(|key| key.answer.opens()).map(|key| key.answer.phrases()).collect();
        if !accepted.is_empty() {
            self.ways.push(Way::SshKey);
            let count = if accepted.len() == 1 { "a key".to_owned() } else { format!("{} keys", accepted.len()) };
            let bound = accepted.iter().filter(|conditions| !conditions.is_empty()).count();
            let conditions = match accepted.iter().flat_map(|conditions| conditions.iter()).next() {
                Some(first) if bound == accepted.len() => format!(" ({first})"),
                Some(_) => format!(" ({bound} of them under conditions)"),
                None => String::new(),
            };
            phrases.push(format!("through ssh with {count}{conditions}{once}"));
        } else if let Some(doubt) = keys.iter().find_map(|key| key.answer.doubts.first()) {
            self.unsure = true;
            phrases.push(format!("perhaps through ssh with a key ({doubt}){once}"));
        }
        if let Some(first) = grants.authorities.first().filter(|_| entrance.answer().opens()) {
            self.ways.push(Way::SshCertificate);
            self.unsure |= grants.authorities.iter().all(|authority| authority.unsure);
            let condition = entrance.answer().phrases().first().map(|first| format!(" ({first})")).unwrap_or_default();
            let authority = first.key.line.key.fingerprint();
            phrases.push(format!("through ssh with a certificate of {authority}{condition}{once}"));
        }
        if let Some(command) = entrance.command() {
            self.unsure = true;
            phrases.push(format!("perhaps through ssh with a key: {command}{once}"));
        }
        self.unsure |= !grants.elsewhere.is_empty() && entrance.answer().opens();
    }

    fn ssh_with_password(&mut self, facts: &Facts<'_>, user: &User, phrases: &mut Vec<String>) {
        // With a password from elsewhere nothing can be said.
        let state = user.password.state;
        if matches!(state, PasswordState::File | PasswordState::Unknown) {
            return;
        }
        let once = once(facts);
        let by_pam = facts.sshd.uses_pam(user);
        let answer = facts.sshd.password(&facts.users, user);
        match answer.verdict() {
            // sshd and PAM must both accept an empty one.
            Verdict::Granted if state == PasswordState::Empty && by_pam && facts.sshd_takes_empty == Some(false) => {}
            Verdict::Granted => {
                let condition = answer.phrases().first().map(|first| format!(" ({first})")).unwrap_or_default();
                let (way, what) = match state {
                    PasswordState::Empty => (Way::SshWithoutPassword, "without a password"),
                    _ => (Way::SshPassword, "with the password"),
                };
                self.unsure |= state == PasswordState::Empty && by_pam && facts.sshd_takes_empty.is_none();
                self.ways.push(way);
                phrases.push(format!("through ssh {what}{condition}{once}"));
            }
            Verdict::Unknown if user.password.opens() => {
                let doubt = answer.doubts.first().map(|doubt| format!(" ({doubt})")).unwrap_or_default();
                self.unsure = true;
                phrases.push(format!("perhaps through ssh with the password{doubt}{once}"));
            }
            Verdict::Unknown | Verdict::Denied => {}
        }
    }

    /// What a user who is in may do besides.
    fn root(&mut self, facts: &Facts<'_>, user: &User) {
        if user.name == "root" || self.ways.is_empty() {
            return;
        }
        let rule = facts.rules.iter().find(|rule| rule.makes_root() && rule.users.contains(&user.name));
        if let Some(rule) = rule {
            self.sentence.push_str(&format!("; becomes root without a password ({})", rule.tool));
        }
    }
}

/// What must be done before anything goes through ssh.
fn once(facts: &Facts<'_>) -> &'static str {
    if facts.sshd.starts { "" } else { ", once sshd is started by hand" }
}

/// Why there is no way in.
fn why_not(facts: &Facts<'_>, user: &User, grants: &Grants) -> String {
    let password = match user.password.state {
        PasswordState::Locked => "the password is locked".to_owned(),
        PasswordState::Empty => "the console takes no empty passwords".to_owned(),
        PasswordState::File => match &user.password.source {
            Some(file) => format!("the password comes from {file}, which is not in the image"),
            None => "the password comes from a file that is not in the image".to_owned(),
        },
        _ => "no password".to_owned(),
    };
    let refused = grants.keys.iter().find_map(|key| key.answer.refused());
    match (refused, grants.elsewhere.first()) {
        (Some(why), _) => format!("{password}, and of the keys none counts: {why}"),
        (None, _) if facts.sshd.unit.is_none() => format!("{password}, no sshd"),
        (None, Some(file)) => format!("{password}, no key, as long as there is no {file}, which sshd would read"),
        (None, None) => format!("{password}, no key"),
    }
}
