//! A rule that lets somebody act as somebody else without a password.

use std::fmt;

pub use super::entry::Condition;

/// A rule that lets users run commands as somebody else without a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The program that follows the rule.
    pub tool: Tool,
    /// The rule's subject: a user, or `%wheel` for a group.
    pub who: String,
    /// The users that the rule covers, as far as the image lists users; all of them if the rule says so.
    pub users: Vec<String>,
    /// The user that the commands run as, if not root.
    pub target: Option<String>,
    /// The users of the image that `target` covers, and its groups with a `%`.
    pub becomes: Vec<String>,
    /// The user, or the group with a `%`, through whom they become root.
    pub through: Option<String>,
    /// How much the commands allow.
    pub reach: Reach,
    /// The commands, as written; `ALL` for any.
    pub commands: String,
    /// The conditions under which the rule applies.
    pub conditions: Vec<Condition>,
    /// The file, by its path in the running system.
    pub source: String,
    /// Its line, counted from 1.
    pub line: u64,
}

/// A program that runs commands as somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tool {
    /// sudo, with `sudoers`.
    Sudo,
    /// doas, with `doas.conf`.
    Doas,
    /// Nix, with `trusted-users`.
    Nix,
    /// `su`, with PAM.
    Su,
    /// polkit, used by `run0`, `systemctl` and desktops.
    Polkit,
    /// please, with `please.ini`.
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
    /// They include a shell, or a program that can run any other.
    Shell,
    /// All commands. Exceptions do not limit them (sudoers(5), SECURITY NOTES).
    Everything,
}

impl Rule {
    /// A rule that makes users root, regardless of what they run. `place`: the file and the line.
    pub(super) fn to_root(tool: Tool, who: String, users: Vec<String>, (source, line): (&str, u64)) -> Self {
        Self {
            tool,
            who,
            users,
            target: None,
            becomes: Vec::new(),
            through: None,
            reach: Reach::Everything,
            commands: "ALL".to_owned(),
            conditions: Vec::new(),
            source: source.to_owned(),
            line,
        }
    }

    /// Whether the rule makes its users root.
    #[must_use]
    pub fn makes_root(&self) -> bool {
        self.target.is_none() && self.reach != Reach::Listed
    }

    /// The conditions in parentheses; empty if the rule always applies.
    #[must_use]
    pub fn provisos(&self) -> String {
        match self.conditions.as_slice() {
            [] => String::new(),
            all => format!(" ({})", all.iter().map(Condition::to_string).collect::<Vec<_>>().join(", ")),
        }
    }

    /// The commands in words.
    #[must_use]
    pub fn told_commands(&self) -> String {
        match self.commands.strip_prefix("ALL, !") {
            _ if self.is_everything() => "everything".to_owned(),
            Some(others) => format!("everything but {}", others.replace(", !", ", ")),
            None => self.commands.clone(),
        }
    }

    /// Whether it covers all commands.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.reach == Reach::Everything
    }
}
