//! Lines that are valid on their own but together keep sshd from starting.

use super::config::{Config, Line, Mistake};
use crate::nixos::answer::Cause;

impl Config {
    /// Combinations of valid lines that keep sshd from starting: commands without a user to run them as, and
    /// `AuthenticationMethods` that nothing can satisfy.
    pub(super) fn contradictions(&self) -> Vec<Mistake> {
        let first = |keyword: &str| self.lines.iter().find(|line| line.keyword == keyword && self.is_global(line));
        let says = |keyword: &str, value: &str| {
            first(keyword)
                .and_then(|line| line.arguments.first())
                .is_some_and(|first| first.eq_ignore_ascii_case(value))
        };
        let mut mistakes = Vec::new();
        let mut wrong = |line: &Line, message: &str| {
            let Cause { path, line } = &line.cause;
            mistakes.push(Mistake {
                file: path.to_string(),
                line: line.unwrap_or_default(),
                message: message.to_owned(),
            });
        };
        for (command, user, message) in [
            (
                "authorizedkeyscommand",
                "authorizedkeyscommanduser",
                "AuthorizedKeysCommand needs AuthorizedKeysCommandUser",
            ),
            (
                "authorizedprincipalscommand",
                "authorizedprincipalscommanduser",
                "AuthorizedPrincipalsCommand needs AuthorizedPrincipalsCommandUser",
            ),
        ] {
            match first(command) {
                Some(line) if !says(command, "none") && first(user).is_none() => wrong(line, message),
                _ => {}
            }
        }
        let is_on = |method: &str| match method.split(':').next().unwrap_or_default() {
            "publickey" => !says("pubkeyauthentication", "no"),
            "password" => !says("passwordauthentication", "no"),
            "keyboard-interactive" => !says("kbdinteractiveauthentication", "no"),
            "hostbased" => says("hostbasedauthentication", "yes"),
            "gssapi-with-mic" => says("gssapiauthentication", "yes"),
            "none" => says("permitemptypasswords", "yes"),
            _ => true,
        };
        // Once lists are set, even a block for some users may not say `any`.
        let after = self.lines.iter().filter(|line| line.keyword == "authenticationmethods");
        let mut after = after.skip_while(|line| !self.is_global(line)).skip(1);
        let is_any = |line: &&Line| line.arguments.first().is_some_and(|list| list.eq_ignore_ascii_case("any"));
        if let Some(line) = after.find(is_any) {
            wrong(line, "any stands after other lists of AuthenticationMethods");
        }
        if let Some(line) = first("authenticationmethods")
            && !line.arguments.iter().any(|list| list.split(',').all(is_on))
        {
            wrong(line, "no list of AuthenticationMethods can be satisfied by what is on");
        }
        mistakes
    }
}
