//! The methods by which a user logs in, and what else sshd demands (sshd_config(5), `AuthenticationMethods`).

use super::password::PasswordMethod;
use super::settings::Settings;
use crate::nixos::answer::{Caused, Condition, Refusal};

/// How users prove who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Key,
    Password(PasswordMethod),
}

impl Method {
    /// Its name in `AuthenticationMethods`.
    fn name(self) -> &'static str {
        match self {
            Self::Key => "publickey",
            Self::Password(PasswordMethod::Password) => "password",
            Self::Password(PasswordMethod::KeyboardInteractive) => "keyboard-interactive",
        }
    }

    /// The reason to give if no list of `AuthenticationMethods` has this method.
    fn missing(self, lists: String) -> Refusal {
        match self {
            Self::Key => Refusal::MethodsWithoutKeys(lists),
            Self::Password(_) => Refusal::MethodsWithoutPasswords(lists),
        }
    }
}

/// Whether the method satisfies `AuthenticationMethods`, alone or with others.
pub(super) fn methods(
    settings: &Settings<'_>,
    method: Method,
    conditions: &mut Vec<Caused<Condition>>,
) -> Option<Caused<Refusal>> {
    let lists = settings.value("authenticationmethods")?;
    // A method may name a device: `keyboard-interactive:pam`.
    let is_wanted = |word: &str| {
        let name = word.split(':').next().unwrap_or(word);
        name.eq_ignore_ascii_case(method.name())
    };
    if lists.iter().any(|list| is_wanted(list) || list.eq_ignore_ascii_case("any")) {
        return None;
    }
    let Some(list) = lists.iter().find(|list| list.split(',').any(is_wanted)) else {
        return Some(settings.caused(method.missing(lists.join(" ")), "authenticationmethods"));
    };
    conditions.push(settings.caused(Condition::Together(list.clone()), "authenticationmethods"));
    None
}

/// Why sshd lets nobody in (`RefuseConnection`, `MaxAuthTries`).
pub(super) fn refused(settings: &Settings<'_>) -> Option<Caused<Refusal>> {
    let refuses = settings.says("refuseconnection", "yes");
    let lists = settings.value("authenticationmethods").unwrap_or_default();
    // In the global part, this keeps sshd from starting.
    let is_any = |list: &String| list.eq_ignore_ascii_case("any");
    if lists.len() > 1 && lists.iter().any(is_any) {
        return Some(settings.caused(Refusal::BadMethods(lists.join(" ")), "authenticationmethods"));
    }
    refuses.then(|| settings.caused(Refusal::Connection, "refuseconnection")).or_else(|| {
        let none = settings.first("maxauthtries").and_then(|tries| tries.parse::<u32>().ok()) == Some(0);
        none.then(|| settings.caused(Refusal::NoTries, "maxauthtries"))
    })
}

/// The command that runs, whatever the user requests.
pub(super) fn forced(settings: &Settings<'_>) -> Option<Caused<Condition>> {
    let words = settings.value("forcecommand")?;
    let none = words.first().is_none_or(|word| word.eq_ignore_ascii_case("none"));
    (!none).then(|| settings.caused(Condition::ForcedCommand(words.join(" ")), "forcecommand"))
}
