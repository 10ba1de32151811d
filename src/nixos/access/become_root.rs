//! Who becomes root, or somebody else, without a password.

use std::sync::Arc;

use super::entry::Known;
use super::groups::GroupIds;
use super::last_match::Policy;
use super::rule::{Rule, Tool};
use super::su::{self, unasked};
use super::sudoers::{self, Defaults, Sudoers};
use super::{chain, disguise, doas, please, polkit, trusted};
use crate::error::{Error, Place, Result};
use crate::nixos::{Root, Users};

/// Limit for rules that ask for no password; NixOS writes a few.
pub(super) const MOST_RULES: usize = 10_000;

/// What files say about users who become somebody else.
#[derive(Default)]
pub(super) struct Rules {
    /// The rules that ask for no password.
    pub(super) free: Vec<Rule>,
    /// Groups whose members are root, whether or not they have any.
    pub(super) root_groups: Vec<String>,
    /// Files that may grant more.
    pub(super) unread: Vec<Unread>,
    /// Lines that break the syntax of their file.
    pub(super) malformed: Vec<Malformed>,
}

/// A file whose grants are unknown.
pub(super) struct Unread {
    pub(super) file: String,
    pub(super) why: Why,
}

/// Why it is unknown.
pub(super) enum Why {
    /// It is included, but is not in the image.
    Missing,
    /// It exceeds a limit.
    Limit(Error),
    /// It is code, and its answer depends on more than the image.
    Undecided(String),
}

/// A line that breaks the syntax of its file.
pub(super) struct Malformed {
    pub(super) tool: Tool,
    pub(super) file: String,
    pub(super) line: u64,
}

/// Reads the rules of one tool.
type Reader = fn(&Root<'_>, &Users) -> Result<Rules>;

/// Reads the rules of all tools.
pub(super) fn rules(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let readers: [(&str, Reader); 7] = [
        (sudoers::FILE, of_sudo),
        (doas::FILE, of_doas),
        (su::FILE, su::read),
        (polkit::FOLDER, polkit::read),
        (please::FILE, please::read),
        (disguise::FILE, disguise::read),
        (trusted::FILE, trusted::read),
    ];
    let mut all = Rules::default();
    for (file, read) in readers {
        all.add(file, read(root, users))?;
    }
    let chained = chain::of(&all);
    all.free.extend(chained);
    if all.free.len() > MOST_RULES {
        all.free.truncate(MOST_RULES);
        let place = Place::File(root.own("etc").into_bytes());
        root.cut(Error::Limit { what: "10,000 rules without a password", place });
    }
    Ok(all)
}

impl Rules {
    /// Adds the rules of one tool. Anything past a limit is unknown; the rest still counts.
    fn add(&mut self, file: &str, read: Result<Self>) -> Result<()> {
        match read {
            Ok(read) => {
                self.free.extend(read.free);
                self.root_groups.extend(read.root_groups);
                self.unread.extend(read.unread);
                self.malformed.extend(read.malformed);
            }
            Err(limit @ Error::Limit { .. }) => {
                self.unread.push(Unread { file: file.to_owned(), why: Why::Limit(limit) });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl From<Vec<Rule>> for Rules {
    fn from(free: Vec<Rule>) -> Self {
        Self { free, ..Self::default() }
    }
}

impl Unread {
    pub(super) fn missing(file: String) -> Self {
        Self { file, why: Why::Missing }
    }
}

fn of_sudo(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let ids = GroupIds::of(root)?;
    let Sudoers { entries, defaults, host, unread, malformed } = Sudoers::read(root)?;
    let unasked = unasked(root, users, "sudo")?;
    let (tool, host, known) = (Tool::Sudo, host.as_deref(), Known::of(users));
    let policy = Policy { tool, entries: &entries, defaults: &defaults, host, known: &known, unasked: &unasked };
    let place = |(file, line): (Arc<str>, u64)| Malformed { tool, file: file.to_string(), line };
    Ok(Rules {
        free: policy.free(&|name| ids.number(name))?,
        unread: unread.into_iter().map(Unread::missing).collect(),
        malformed: malformed.into_iter().map(place).collect(),
        ..Rules::default()
    })
}

fn of_doas(root: &Root<'_>, users: &Users) -> Result<Rules> {
    let Some(text) = root.text(doas::FILE)? else { return Ok(Rules::default()) };
    let ids = GroupIds::of(root)?;
    match doas::read(&text, users) {
        Ok(entries) => {
            let (defaults, known, unasked) = (Defaults::default(), Known::of(users), unasked(root, users, "doas")?);
            let policy = Policy {
                tool: Tool::Doas,
                entries: &entries,
                defaults: &defaults,
                host: None,
                known: &known,
                unasked: &unasked,
            };
            Ok(policy.free(&|name| ids.number(name))?.into())
        }
        Err(doas::Malformed { line }) => {
            let malformed = vec![Malformed { tool: Tool::Doas, file: doas::FILE.to_owned(), line }];
            Ok(Rules { malformed, ..Rules::default() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::User;
    use crate::nixos::made::Made;

    /// The remaining rules, for users in `wheel` and in `users`.
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
            [
                "2 %wheel (eve) root ALL",
                "3 bob (bob) root reboot now",
                "4 bob (bob) eve ALL",
                "4 bob (bob) root ALL", // through eve
            ]
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
