//! Who becomes root, or somebody else, without a password: rules of sudo and doas, and the users whom Nix trusts.

use std::fmt;
use std::sync::Arc;

pub use super::entry::Condition;
use super::groups::GroupIds;
use super::last_match::Policy;
use super::sudoers::{Defaults, Sudoers};
use super::{doas, trusted};
use crate::error::{Error, Place, Result};
use crate::nixos::{Root, Users};

/// Limit for rules that ask for no password; NixOS writes a few.
pub(super) const MOST_RULES: usize = 10_000;

/// A rule by which users run commands as somebody else without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The program that follows the rule.
    pub tool: Tool,
    /// Whom the rule names: a user, or `%wheel` for a group.
    pub who: String,
    /// The users who are meant, as far as the image lists users; all of them where the rule says so.
    pub users: Vec<String>,
    /// As whom the commands are run, if not as root.
    pub target: Option<String>,
    /// How much the commands allow.
    pub reach: Reach,
    /// The commands, as written; `ALL` for any.
    pub commands: String,
    /// Under which conditions the rule counts.
    pub conditions: Vec<Condition>,
    /// The file, as the running system has it.
    pub source: String,
    /// Its line, counted from 1.
    pub line: u64,
}

/// A program that runs commands as somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// sudo, by `sudoers`.
    Sudo,
    /// doas, by `doas.conf`.
    Doas,
    /// Nix, by `trusted-users`.
    Nix,
}

impl Tool {
    /// The name of the program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
            Self::Doas => "doas",
            Self::Nix => "nix",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// How much the commands of a rule allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// The commands alone.
    Listed,
    /// A shell is among them, or a program that runs any other.
    Shell,
    /// All commands. Those that are taken away again take away nothing (sudoers(5), SECURITY NOTES).
    Everything,
}

impl Rule {
    /// Whether the rule makes root of them.
    #[must_use]
    pub fn makes_root(&self) -> bool {
        self.target.is_none() && self.reach != Reach::Listed
    }

    /// The conditions in parentheses; empty if it always counts.
    #[must_use]
    pub fn provisos(&self) -> String {
        match self.conditions.as_slice() {
            [] => String::new(),
            all => format!(" ({})", all.iter().map(Condition::to_string).collect::<Vec<_>>().join(", ")),
        }
    }

    /// Whether it is about all commands.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.reach == Reach::Everything
    }
}

/// What the files of a system say of those who become somebody else.
#[derive(Default)]
pub(super) struct Rules {
    /// The rules that ask for no password.
    pub(super) free: Vec<Rule>,
    /// Files that are included and not in the image.
    pub(super) unread: Vec<String>,
    /// Lines that break the rules of their file, and what follows from that.
    pub(super) malformed: Vec<Malformed>,
}

/// A line that breaks the rules of its file.
pub(super) struct Malformed {
    pub(super) tool: Tool,
    pub(super) file: String,
    pub(super) line: u64,
}

/// Reads the rules of sudo, doas and Nix.
pub(super) fn rules(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let ids = GroupIds::of(root)?;
    let gid = |name: &str| ids.number(name);
    let Sudoers { entries, defaults, host, unread, malformed } = Sudoers::read(root)?;
    let sudo = Policy { tool: Tool::Sudo, entries: &entries, defaults: &defaults, host: host.as_deref() };
    let mut rules = Rules { free: sudo.free(users, &gid)?, unread, malformed: Vec::new() };
    let place = |(file, line): (Arc<str>, u64)| Malformed { tool: Tool::Sudo, file: file.to_string(), line };
    rules.malformed.extend(malformed.into_iter().map(place));
    match root.text(doas::FILE)?.map(|text| doas::read(&text, users)) {
        Some(Ok(entries)) => {
            let defaults = Defaults::default();
            let doas = Policy { tool: Tool::Doas, entries: &entries, defaults: &defaults, host: None };
            rules.free.extend(doas.free(users, &gid)?);
        }
        Some(Err(doas::Malformed { line })) => {
            rules.malformed.push(Malformed { tool: Tool::Doas, file: doas::FILE.to_owned(), line });
        }
        None => {}
    }
    let (trusted, unread) = trusted::read(root, users)?;
    rules.free.extend(trusted.into_iter().filter(|rule| rule.who != "root"));
    rules.unread.extend(unread);
    if rules.free.len() > MOST_RULES {
        let place = Place::File(root.own("etc").into_bytes());
        return Err(Error::Limit { what: "10,000 rules without a password", place });
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::User;
    use crate::nixos::made::Made;

    /// Rules that are left, of users in `wheel` and in `users`.
    fn shown(file: &str, text: &str) -> Vec<String> {
        let user = |name: &str, uid: u64, group: &str| User {
            uid: Some(uid),
            groups: Some(vec![group.to_owned()]),
            ..User::implied(name)
        };
        let list = vec![user("root", 0, "root"), user("eve", 1000, "wheel"), user("bob", 1001, "users")];
        let users = Users { known: true, list };
        let rules = rules(&Made::of(&[(file, text)]).system(), &users).unwrap();
        assert!(rules.unread.is_empty());
        let show = |Rule { line, who, users, target, commands, .. }: &Rule| {
            format!("{line} {who} ({}) {} {commands}", users.join(" "), target.as_deref().unwrap_or("root"))
        };
        rules.free.iter().map(show).collect()
    }

    #[test]
    fn rules_of_doas_without_a_password_are_found() {
        let text = "permit :wheel\npermit nopass keepenv setenv { A B=c } :wheel # c\npermit nopass bob as root cmd reboot args now\n\
                    permit nopass bob as eve\n";
        assert_eq!(
            shown("/s/etc/doas.conf", text),
            ["2 %wheel (eve) root ALL", "3 bob (bob) root reboot now", "4 bob (bob) eve ALL"]
        );
        let text = "permit nopass eve\npermit nopass bob\ndeny bob\npermit persist :wheel\n";
        assert!(shown("/s/etc/doas.conf", text).is_empty());
    }

    #[test]
    fn trusted_users_are_those_of_the_last_line_and_of_what_adds_to_it() {
        let text = "trusted-users = root old\ntrusted-users = root @wheel * # all\nextra-trusted-users = eve\n";
        assert_eq!(
            shown("/s/etc/nix/nix.conf", text),
            ["2 %wheel (eve) root ALL", "2 ALL (root eve bob) root ALL", "3 eve (eve) root ALL"]
        );
    }

    #[test]
    fn a_rule_tells_the_users_that_it_means() {
        let text = "%wheel ALL=(ALL) NOPASSWD: ALL\nALL, !bob ALL=(ALL) NOPASSWD: /bin/x\n#1001 ALL=NOPASSWD: ALL\n\
                    gone ALL=NOPASSWD: ALL\nroot ALL=NOPASSWD: ALL\n";
        assert_eq!(
            shown("/s/etc/sudoers", text),
            ["1 %wheel (eve) root ALL", "2 ALL (eve) root /bin/x", "3 #1001 (bob) root ALL", "4 gone () root ALL"]
        );
    }

    #[test]
    fn a_later_rule_that_asks_for_a_password_counts() {
        let text = "%wheel ALL=(ALL) NOPASSWD: ALL\nbob ALL=(ALL) NOPASSWD: ALL\neve ALL=(ALL) ALL\n";
        assert_eq!(shown("/s/etc/sudoers", text), ["2 bob (bob) root ALL"]);
        let text = "eve ALL=(ALL) ALL\n%wheel ALL=(ALL) NOPASSWD: ALL\n";
        assert_eq!(shown("/s/etc/sudoers", text), ["2 %wheel (eve) root ALL"]);
    }
}
