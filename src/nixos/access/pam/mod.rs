//! PAM: whom a service lets in, and with which secret (pam.conf(5)).

mod modules;
mod stack;

use std::collections::{BTreeMap, BTreeSet};

use self::modules::{Says, Subject};
use self::stack::{Action, Control, Kind, Rule};
use crate::error::{Error, Place, Result};
use crate::nixos::answer::{Cause, Verdict};
use crate::nixos::password::{PasswordState, Quirk};
use crate::nixos::{Root, User};

/// What somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secret {
    /// Nothing at all.
    Nothing,
    /// The account has an empty password.
    Empty,
    /// The password of the account.
    Password,
}

/// The rules of one service. Without a file for it, the image does not say.
#[derive(Default)]
pub(super) struct Service {
    auth: Option<Vec<Rule>>,
    account: Option<Vec<Rule>>,
    /// Files that modules read, by path; `None` if the image does not have them.
    files: Vec<(String, Option<String>)>,
}

/// Limit for services that sshd may use for different users. Nobody writes more than one.
const MOST_SERVICES: usize = 16;

/// The services that one program may use.
#[derive(Default)]
pub(super) struct Services {
    by_name: BTreeMap<String, Service>,
    /// A service of which nothing is known.
    unread: Service,
}

impl Services {
    pub(super) fn of(root: &Root<'_>, names: &BTreeSet<&str>) -> Result<Self> {
        let mut services = Self::default();
        for name in names {
            if services.by_name.len() >= MOST_SERVICES {
                let place = Place::File(root.toplevel().as_bytes().to_vec());
                root.cut(Error::Limit { what: "16 PAM services of sshd", place });
                break;
            }
            services.by_name.insert((*name).to_owned(), Service::of(root, name)?);
        }
        Ok(services)
    }

    pub(super) fn named(&self, name: &str) -> &Service {
        self.by_name.get(name).unwrap_or(&self.unread)
    }
}

/// A service's answer, and the line that decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) verdict: Verdict,
    /// The line, with the name of the module.
    pub(super) by: Option<(Cause, String)>,
}

impl Service {
    pub(super) fn of(root: &Root<'_>, name: &str) -> Result<Self> {
        let (auth, account) = (stack::read(root, name, Kind::Auth)?, stack::read(root, name, Kind::Account)?);
        let mut files = Vec::new();
        for rule in auth.iter().chain(&account).flatten() {
            for path in rule.files() {
                files.push((path.to_owned(), root.text(path)?));
            }
        }
        Ok(Self { auth, account, files })
    }

    /// Whether a user with this secret gets in, if the program that asks PAM runs as root.
    pub(super) fn opens(&self, user: &User, secret: Secret) -> Said {
        self.opens_for(user, secret, None)
    }

    /// The same, if a logged-in user runs the program: `asker`.
    pub(super) fn opens_for(&self, user: &User, secret: Secret, asker: Option<&User>) -> Said {
        let subject = |secret, kind| Subject { user, secret, kind, asker, files: &self.files };
        let unknown = Said { verdict: Verdict::Unknown, by: None };
        let Some(auth) = &self.auth else { return unknown };
        let mut said = self.decided(auth, &subject(secret, Kind::Auth));
        if secret == Secret::Nothing && is_empty(user) && said.verdict != Verdict::Denied {
            // Everybody can give an empty password, and success may lead elsewhere.
            let with = self.decided(auth, &subject(Secret::Empty, Kind::Auth));
            if with.verdict != Verdict::Granted {
                said = with;
            }
        }
        if said.verdict != Verdict::Denied
            && let Some(account) = &self.account
            && !account.is_empty()
        {
            let of_account = self.decided(account, &subject(Secret::Password, Kind::Account));
            if of_account.verdict == Verdict::Denied
                || said.verdict == Verdict::Granted && of_account.verdict == Verdict::Unknown
            {
                said = of_account;
            }
        }
        said
    }

    /// Whether the account rules let in a user who has authenticated in another way, such as with a key.
    pub(super) fn admits(&self, user: &User) -> Said {
        match self.account.as_deref() {
            // Without such rules the image does not say, but every NixOS system has them.
            None | Some([]) => Said { verdict: Verdict::Granted, by: None },
            Some(account) => self.decided(
                account,
                &Subject { user, secret: Secret::Password, kind: Kind::Account, asker: None, files: &self.files },
            ),
        }
    }

    /// The answer of all rules. If a module's answer is unknown, each is tried; if the results differ, the answer is unknown.
    fn decided(&self, rules: &[Rule], subject: &Subject<'_>) -> Said {
        let run = |unknown| {
            let mut run = Run { subject, unknown, doubted: None };
            let (success, by) = run.all(rules);
            (success, by, run.doubted)
        };
        let (first, by, doubted) = run(Says::Failure);
        let place = |rule: &Rule| {
            let cause = Cause { path: std::sync::Arc::clone(&rule.file), line: Some(rule.line) };
            (cause, rule.module.clone())
        };
        let others = [Says::Success, Says::Ignore].map(|unknown| run(unknown).0);
        match others.iter().all(|other| *other == first) {
            true => {
                let verdict = if first { Verdict::Granted } else { Verdict::Denied };
                Said { verdict, by: by.map(place) }
            }
            false => Said { verdict: Verdict::Unknown, by: doubted.map(place) },
        }
    }
}

/// Whether Enter is the password of the account, as pam_unix sees it.
fn is_empty(user: &User) -> bool {
    user.password.state == PasswordState::Empty && user.password.quirk != Some(Quirk::HashedEmpty)
}

/// One way through the rules.
struct Run<'r> {
    subject: &'r Subject<'r>,
    /// The assumed answer of modules whose answer the image does not give.
    unknown: Says,
    /// The first of these modules.
    doubted: Option<&'r Rule>,
}

impl<'r> Run<'r> {
    /// Whether the rules succeed, and the rule that decides.
    fn all(&mut self, rules: &'r [Rule]) -> (bool, Option<&'r Rule>) {
        let (mut state, mut decider): (Option<bool>, Option<&Rule>) = (None, None);
        let mut rest = rules.iter();
        while let Some(rule) = rest.next() {
            match self.action(rule) {
                Action::Ignore => {}
                Action::Ok if state.is_none() => (state, decider) = (Some(true), Some(rule)),
                Action::Ok => {}
                Action::Done if state != Some(false) => return (true, Some(rule)),
                Action::Done => {}
                Action::Bad if state != Some(false) => (state, decider) = (Some(false), Some(rule)),
                Action::Bad => {}
                Action::Die => return (false, if state == Some(false) { decider } else { Some(rule) }),
                Action::Reset => (state, decider) = (None, None),
                Action::Skip(count) => {
                    for _ in 0..count {
                        if rest.next().is_none() {
                            return (false, Some(rule)); // more than there are
                        }
                    }
                }
            }
        }
        (state == Some(true), decider)
    }

    fn action(&mut self, rule: &'r Rule) -> Action {
        let (success, failure, ignore) = match &rule.control {
            Control::Module { success, failure, ignore } => (*success, *failure, *ignore),
            Control::Substack(rules) => {
                return match rules.is_empty() {
                    true => Action::Ignore,
                    false if self.all(rules).0 => Action::Ok,
                    false => Action::Bad,
                };
            }
            Control::Unknown => (Action::Ok, Action::Bad, Action::Ignore),
        };
        let says = match &rule.control {
            Control::Unknown => Says::Unknown,
            _ => self.subject.ask(&rule.module, &rule.arguments),
        };
        let says = match says {
            Says::Unknown => {
                self.doubted.get_or_insert(rule);
                self.unknown
            }
            says => says,
        };
        match says {
            Says::Success => success,
            Says::Failure => failure,
            Says::Ignore | Says::Unknown => ignore,
        }
    }
}
