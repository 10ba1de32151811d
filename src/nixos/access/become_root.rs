//! Who becomes root, or somebody else, without a password: rules of sudo and doas, and the users whom Nix trusts.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

pub use super::entry::Condition;
use super::groups::GroupIds;
use super::last_match::Policy;
use super::pam::{Secret, Service};
use super::sudoers::{Defaults, Sudoers};
use super::{disguise, doas, please, polkit, trusted};
use crate::error::{Error, Place, Result};
use crate::nixos::answer::Verdict;
use crate::nixos::password::PasswordState;
use crate::nixos::{Root, User, Users};

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
    /// `su`, by PAM.
    Su,
    /// polkit, which `run0`, `systemctl` and desktops ask.
    Polkit,
    /// please, by `please.ini`.
    Please,
    /// Docker's group.
    Docker,
    /// Podman's group.
    Podman,
    /// libvirt's group.
    Libvirt,
    /// Incus's group.
    Incus,
    /// LXD's group.
    Lxd,
    /// The group that owns the disks.
    Disk,
    /// The group that reads the memory.
    Memory,
}

impl Tool {
    /// The name of the program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
            Self::Doas => "doas",
            Self::Nix => "nix",
            Self::Su => "su",
            Self::Polkit => "polkit",
            Self::Please => "please",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Libvirt => "libvirt",
            Self::Incus => "incus",
            Self::Lxd => "lxd",
            Self::Disk => "disk",
            Self::Memory => "kmem",
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
    let (of_sudo, of_doas) = (unasked(root, users, "sudo")?, unasked(root, users, "doas")?);
    let (tool, host) = (Tool::Sudo, host.as_deref());
    let sudo = Policy { tool, entries: &entries, defaults: &defaults, host, unasked: &of_sudo };
    let mut rules = Rules { free: sudo.free(users, &gid)?, unread, malformed: Vec::new() };
    let place = |(file, line): (Arc<str>, u64)| Malformed { tool: Tool::Sudo, file: file.to_string(), line };
    rules.malformed.extend(malformed.into_iter().map(place));
    match root.text(doas::FILE)?.map(|text| doas::read(&text, users)) {
        Some(Ok(entries)) => {
            let defaults = Defaults::default();
            let (tool, host) = (Tool::Doas, None);
            let doas = Policy { tool, entries: &entries, defaults: &defaults, host, unasked: &of_doas };
            rules.free.extend(doas.free(users, &gid)?);
        }
        Some(Err(doas::Malformed { line })) => {
            rules.malformed.push(Malformed { tool: Tool::Doas, file: doas::FILE.to_owned(), line });
        }
        None => {}
    }
    for rules_of in [su, polkit::read, please::read, disguise::read] {
        rules.free.extend(rules_of(root, users)?);
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

/// Whom PAM lets become root through `su` without root's password.
fn su(root: &Root<'_>, users: &Users) -> Result<Vec<Rule>> {
    let service = Service::of(root, "su")?;
    let becomes = User { uid: Some(0), ..User::implied("root") };
    let becomes = users.named("root").unwrap_or(&becomes);
    let mut rules: Vec<Rule> = Vec::new();
    for user in users.list.iter().filter(|user| !user.is_root()) {
        let said = service.opens_for(becomes, Secret::Nothing, Some(user));
        let (Verdict::Granted, Some((cause, _))) = (said.verdict, said.by) else { continue };
        let line = cause.line.unwrap_or(1);
        match rules.iter_mut().find(|rule| rule.line == line && *rule.source == *cause.path) {
            Some(rule) => rule.users.push(user.name.clone()),
            None => rules.push(Rule {
                tool: Tool::Su,
                who: String::new(),
                users: vec![user.name.clone()],
                target: None,
                reach: Reach::Everything,
                commands: "ALL".to_owned(),
                conditions: Vec::new(),
                source: cause.path.to_string(),
                line,
            }),
        }
    }
    let all = users.list.iter().filter(|user| !user.is_root()).count();
    for rule in &mut rules {
        rule.who = if rule.users.len() == all { "ALL".to_owned() } else { rule.users.join(", ") };
    }
    Ok(rules)
}

/// Those to whom PAM lets a program give root without asking for a password.
fn unasked(root: &Root<'_>, users: &Users, service: &str) -> Result<HashSet<String>> {
    let service = Service::of(root, service)?;
    let is_unasked = |user: &&User| {
        let empty = user.password.state == PasswordState::Empty;
        let secret = if empty { Secret::Empty } else { Secret::Nothing };
        service.opens_for(user, secret, Some(user)).verdict == Verdict::Granted
    };
    Ok(users.list.iter().filter(|user| !user.is_root()).filter(is_unasked).map(|user| user.name.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn rules_of_pam_that_ask_for_no_password_make_root() {
        for (file, text, expected) in [
            ("su", "auth sufficient pam_rootok.so\nauth required pam_unix.so\n", vec![]),
            ("su", "auth sufficient pam_permit.so\n", vec!["1 ALL (eve bob) root ALL"]),
            ("su", "auth sufficient pam_wheel.so trust\nauth required pam_unix.so\n", vec!["1 eve (eve) root ALL"]),
            ("su", "auth required pam_wheel.so\nauth required pam_unix.so\n", vec![]),
        ] {
            assert_eq!(shown(&format!("/s/etc/pam.d/{file}"), text), expected, "{text}");
        }
    }

    #[test]
    fn sudo_asks_nobody_whom_pam_asks_nothing() {
        let user = User { uid: Some(1000), groups: Some(vec!["wheel".to_owned()]), ..User::implied("eve") };
        let users = Users { known: true, list: vec![user] };
        for (pam, count) in [
            ("auth sufficient pam_permit.so\n", 1),
            ("auth sufficient pam_unix.so\nauth required pam_deny.so\n", 0),
            ("auth sufficient pam_succeed_if.so user ingroup wheel\n", 1),
            ("auth sufficient pam_succeed_if.so user ingroup users\n", 0),
        ] {
            let files = [("/s/etc/sudoers", "%wheel ALL=(ALL) ALL\n"), ("/s/etc/pam.d/sudo", pam)];
            assert_eq!(rules(&Made::of(&files).system(), &users).unwrap().free.len(), count, "{pam}");
        }
    }
}
