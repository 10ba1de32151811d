//! What a line of `sudoers` or `doas.conf` allows or denies: who, where, as whom, what.

use std::fmt;
use std::sync::Arc;

use crate::nixos::users::User;

/// Something that a list names, or excludes with a `!`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) name: Name,
    pub(super) negated: bool,
}

/// Whom, where or what a member of a list means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Name {
    All,
    /// An alias of sudoers, until it is resolved.
    Alias(String),
    /// A user, or a host.
    Word(String),
    Uid(u64),
    Group(String),
    Gid(u64),
    /// A group of a directory server, an address, a group of hosts: the image does not tell who or where that is.
    Outside(String),
    /// The user himself.
    Myself,
    Command(Command),
}

/// Programs that a rule names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Command {
    /// A path, a pattern, a directory with a slash at the end, or a regular expression between `^` and `$`.
    pub(super) path: String,
    /// `None`: whatever the user likes. Empty: none.
    pub(super) arguments: Option<String>,
    /// Whether the contents of the program must have a digest.
    pub(super) digest: bool,
    /// Whether `*` and its like stand for other letters.
    pub(super) patterns: bool,
}

/// A list, shared by all that use it. Its last member that matches decides.
pub(super) type List = Arc<[Member]>;

/// One rule for one command.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) users: List,
    pub(super) hosts: List,
    pub(super) targets: Targets,
    pub(super) command: List,
    /// Whether the rule itself says that a password is asked for.
    pub(super) asks: Option<bool>,
    /// Under which conditions it counts.
    pub(super) conditions: Arc<[Condition]>,
    /// The commands of one list have the same number.
    pub(super) group: usize,
    pub(super) file: Arc<str>,
    pub(super) line: u64,
}

/// As whom the commands run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Targets {
    /// The rule does not say.
    Default,
    /// Users, and the groups beside them.
    Users(List, List),
}

/// What must be true for a rule to count, which the image alone does not tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The machine has such a name or address.
    Host(String),
    /// The user belongs to a group that a directory server lists.
    Member(String),
    /// From this time on, as sudoers writes it.
    NotBefore(String),
    /// Until this time.
    NotAfter(String),
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(formatter, "if the host is {host}"),
            Self::Member(group) => write!(formatter, "if they belong to {group}"),
            Self::NotBefore(time) => write!(formatter, "from {time} on"),
            Self::NotAfter(time) => write!(formatter, "until {time}"),
        }
    }
}

impl Condition {
    /// Whether it is a time that has come.
    pub(super) fn is_met(&self) -> bool {
        matches!(self, Self::NotBefore(time) if time.get(..DAY).is_some_and(|day| day < today().as_str()))
    }

    /// Whether it is a time that is over.
    pub(super) fn is_past(&self) -> bool {
        matches!(self, Self::NotAfter(time) if time.get(..DAY).is_some_and(|day| day < today().as_str()))
    }
}

/// Digits of a year, month and day.
const DAY: usize = 8;

/// Today as sudoers writes it, in UTC.
fn today() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d").to_string()
}

impl Entry {
    /// A rule of a line, which says nothing yet.
    pub(super) fn at(file: &Arc<str>, line: u64) -> Self {
        let none: List = Arc::new([]);
        Self {
            users: Arc::clone(&none),
            hosts: Arc::clone(&none),
            targets: Targets::Default,
            command: none,
            asks: None,
            conditions: Arc::new([]),
            group: 0,
            file: Arc::clone(file),
            line,
        }
    }
}

/// Whether something is true, as far as the image tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    No,
    Unknown,
    Yes,
}

/// What a list says of somebody or something: nothing, or what its last match says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Yes,
    No,
    Unknown,
}

/// Who is asked about: a user of the image, or one who is only named.
pub(super) struct Person<'u> {
    pub(super) name: &'u str,
    pub(super) uid: Option<u64>,
    /// `None` if the image does not list groups.
    pub(super) groups: Option<&'u [String]>,
    pub(super) gids: Option<Vec<u64>>,
    /// A group that only a directory server lists.
    pub(super) outside: Option<&'u str>,
}

impl<'u> Person<'u> {
    pub(super) fn of(user: &'u User, gid: impl Fn(&str) -> Option<u64>) -> Self {
        let groups = user.groups.as_deref();
        // A group without a known number might have any.
        let gids = groups.and_then(|groups| groups.iter().map(|group| gid(group)).collect());
        Self { name: &user.name, uid: user.uid, groups, gids, outside: None }
    }

    /// Root, whom the image need not list.
    pub(super) fn root() -> Person<'static> {
        static GROUPS: std::sync::LazyLock<[String; 1]> = std::sync::LazyLock::new(|| ["root".to_owned()]);
        Person { name: "root", uid: Some(0), groups: Some(&*GROUPS), gids: Some(vec![0]), outside: None }
    }

    fn is(&self, name: &Name) -> Answer {
        let known = |is: bool| if is { Answer::Yes } else { Answer::No };
        match name {
            Name::All => Answer::Yes,
            Name::Word(name) => known(name.eq_ignore_ascii_case(self.name)),
            Name::Uid(uid) => self.uid.map_or(Answer::Unknown, |own| known(own == *uid)),
            Name::Group(group) => self.groups.map_or(Answer::No, |groups| known(groups.iter().any(|own| own == group))),
            Name::Gid(gid) => self.gids.as_ref().map_or(Answer::Unknown, |gids| known(gids.contains(gid))),
            Name::Outside(name) => known(self.outside == Some(name)),
            Name::Alias(_) | Name::Myself | Name::Command(_) => Answer::No,
        }
    }

    /// Whether a name means the person, as far as the image tells.
    pub(super) fn is_surely(&self, name: &Name) -> bool {
        self.is(name) == Answer::Yes
    }

    /// What a list says of the person, and the member that decides.
    pub(super) fn in_list<'l>(&self, list: &'l [Member]) -> (Said, Option<&'l Member>) {
        last(list, |name| self.is(name))
    }
}

/// What the last match of a list says.
pub(super) fn last(list: &[Member], is: impl Fn(&Name) -> Answer) -> (Said, Option<&Member>) {
    let mut said = (Said::Nothing, None);
    for member in list {
        let own = if member.negated { Said::No } else { Said::Yes };
        match is(&member.name) {
            Answer::No => {}
            Answer::Yes => said = (own, Some(member)),
            Answer::Unknown if said.0 == own || (own == Said::No && said.0 == Said::Nothing) => {}
            Answer::Unknown => said = (Said::Unknown, Some(member)),
        }
    }
    said
}

/// Whether the machine is among the hosts. Its name is `None` if the image does not tell it.
pub(super) fn on_host<'l>(hosts: &'l [Member], own: Option<&str>) -> (Said, Option<&'l Member>) {
    last(hosts, |name| match (name, own) {
        (Name::All, _) => Answer::Yes,
        (Name::Outside(address), _) if address.starts_with("127.") || address == "::1" => Answer::No,
        (Name::Outside(_), _) | (Name::Word(_), None) => Answer::Unknown,
        (Name::Word(host), Some(own)) if is_pattern(host) => match glob(&host.to_lowercase(), &own.to_lowercase()) {
            true => Answer::Yes,
            false => Answer::No,
        },
        (Name::Word(host), Some(own)) if host.eq_ignore_ascii_case(own) => Answer::Yes,
        // The domain comes from the network.
        (Name::Word(host), Some(own)) if host.split('.').next().is_some_and(|host| host.eq_ignore_ascii_case(own)) => {
            Answer::Unknown
        }
        _ => Answer::No,
    })
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

/// Whether a pattern of fnmatch(3) matches the whole text.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern = pattern.replace('{', "\\{").replace('}', "\\}");
    let glob = globset::GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(true).build();
    glob.is_ok_and(|glob| glob.compile_matcher().is_match(text))
}

/// Memory that a regular expression may take, in bytes.
const LARGEST_REGEX: usize = 1 << 18;

impl Command {
    /// A path that stands for one program.
    fn is_literal(&self) -> bool {
        !self.patterns || !(self.path.starts_with('^') || self.path.ends_with('/') || is_pattern(&self.path))
    }

    /// How much work it is to compare it, a path being 1.
    pub(super) fn work(&self) -> u64 {
        match self.is_literal() {
            true => 1,
            false if self.path.starts_with('^') => 50_000,
            false => 500,
        }
    }

    /// Whether the path of a program matches.
    fn matches(&self, program: &str) -> bool {
        if self.is_literal() {
            return self.path == program;
        }
        if let Some(directory) = self.path.strip_suffix('/') {
            return program.rsplit_once('/').is_some_and(|(parent, _)| parent == directory);
        }
        if self.path.starts_with('^') {
            let regex = regex::bytes::RegexBuilder::new(&self.path).unicode(false).size_limit(LARGEST_REGEX).build();
            return regex.is_ok_and(|regex| regex.is_match(program.as_bytes()));
        }
        glob(&self.path, program)
    }

    /// Whether it covers all that another one does.
    fn covers(&self, other: &Self) -> bool {
        if self == other || self.is_anything() {
            return true;
        }
        let arguments = self.arguments.is_none() || self.arguments == other.arguments;
        !self.digest
            && arguments
            && (self.path == other.path || (other.is_literal() && !self.is_literal() && self.matches(&other.path)))
    }

    /// Whether it is a regular expression that matches every path.
    fn is_anything(&self) -> bool {
        self.patterns && !self.digest && self.arguments.is_none() && matches!(self.path.as_str(), "^.*$" | "^/.*$")
    }

    /// Whether it is as good as any command: a shell, or whatever is in a directory where one is.
    pub(super) fn is_shell(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let is_one = self.is_literal() && self.path.starts_with('/') && SHELL_NAMES.contains(&name);
        self.arguments.is_none() && (is_one || SHELLS.iter().any(|shell| self.matches(shell)))
    }
}

/// Programs of a NixOS that run any other.
const SHELLS: [&str; 8] = [
    "/bin/sh",
    "/usr/bin/env",
    "/run/current-system/sw/bin/sh",
    "/run/current-system/sw/bin/bash",
    "/run/wrappers/bin/su",
    "/run/wrappers/bin/sudo",
    "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-bash-5.2/bin/bash",
    "/nix/var/nix/profiles/system/sw/bin/bash",
];

const SHELL_NAMES: [&str; 12] = ["sh", "bash", "dash", "ash", "ksh", "zsh", "fish", "tcsh", "csh", "env", "su", "sudo"];

/// Whether one name of commands covers all that another does.
pub(super) fn covers(name: &Name, other: &Name) -> bool {
    match (name, other) {
        (Name::All, _) => true,
        (Name::Command(command), Name::All) => command.is_anything(),
        (Name::Command(one), Name::Command(other)) => one.covers(other),
        _ => false,
    }
}
