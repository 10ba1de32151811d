//! A rule by which somebody acts as somebody else without a password.

use std::fmt;

pub use super::entry::Condition;

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
    /// The users of the image whom `target` means, and its groups with a `%`.
    pub becomes: Vec<String>,
    /// The user, or the group with a `%`, by way of whom they become root.
    pub through: Option<String>,
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
    /// A rule that makes root of users, whatever they run. `place`: the file and the line.
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

    /// The commands in words.
    #[must_use]
    pub fn told_commands(&self) -> String {
        match self.commands.strip_prefix("ALL, !") {
            _ if self.is_everything() => "everything".to_owned(),
            Some(others) => format!("everything but {}", others.replace(", !", ", ")),
            None => self.commands.clone(),
        }
    }

    /// Whether it is about all commands.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.reach == Reach::Everything
    }
}
