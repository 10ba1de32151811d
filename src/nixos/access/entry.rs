//! What a line of `sudoers` or `doas.conf` allows or denies: who, where, as whom, and which commands.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::command::{Command, glob, is_pattern};
use crate::nixos::users::{User, Users};

/// Something that a list names, or excludes with a `!`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// Shared by all lists that include an alias.
    pub(super) name: Arc<Name>,
    pub(super) negated: bool,
}

impl Member {
    pub(super) fn new(name: Name) -> Self {
        Self { name: Arc::new(name), negated: false }
    }
}

/// The user, host or target that a member of a list means.
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
    /// A group of a directory server, an address, or a group of hosts. The image does not say who or where that is.
    Outside(String),
    /// The same user who runs the command.
    Myself,
    Command(Command),
}

/// A list, shared by all its users. Its last matching member decides.
pub(super) type List = Arc<[Member]>;

/// One rule for one command.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) users: List,
    pub(super) hosts: List,
    pub(super) targets: Targets,
    pub(super) command: List,
    /// Whether the rule itself says to ask for a password.
    pub(super) asks: Option<bool>,
    /// The conditions under which the rule applies.
    pub(super) conditions: Arc<[Condition]>,
    /// Commands of the same list share this number.
    pub(super) group: usize,
    /// Neighbours in a list that run as the same users share this number.
    pub(super) part: usize,
    pub(super) file: Arc<str>,
    pub(super) line: u64,
}

/// The users and groups that commands run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Targets {
    /// The rule does not say.
    Default,
    /// Users, and the groups listed with them.
    Users(List, List),
}

/// A condition for a rule to apply that the image alone does not settle.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// The machine has this name or address.
    Host(String),
    /// The user belongs to a group that a directory server lists.
    Member(String),
    /// From this time on, in the notation of sudoers.
    NotBefore(String),
    /// Until this time.
    NotAfter(String),
    /// The user is at the machine itself, not logged in over the network.
    Local,
    /// The rule applies to some details of the action, such as one unit.
    Details,
    /// sudo finds the command in this root directory, or in the one that the user chooses (`*`).
    Chroot(String),
    /// The later rule at this index depends on something else and may take it back.
    Unless(String),
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(formatter, "if the host is {host}"),
            Self::Member(group) => write!(formatter, "if they belong to {group}"),
            Self::NotBefore(time) => write!(formatter, "from {time} on"),
            Self::NotAfter(time) => write!(formatter, "until {time}"),
            Self::Local => write!(formatter, "if at the machine itself"),
            Self::Details => write!(formatter, "depending on the details of the action"),
            Self::Chroot(root) => write!(formatter, "if sudo finds it under CHROOT={root}"),
            Self::Unless(place) => write!(formatter, "unless {place} overrides it"),
        }
    }
}

impl Condition {
    /// Whether it is a start time that has passed.
    pub(super) fn is_met(&self) -> bool {
        matches!(self, Self::NotBefore(time) if time.get(..DAY).is_some_and(|day| day < today().as_str()))
    }

    /// Whether it is an end time that has passed.
    pub(super) fn is_past(&self) -> bool {
        matches!(self, Self::NotAfter(time) if time.get(..DAY).is_some_and(|day| day < today().as_str()))
    }
}

/// Digits of a year, month and day.
const DAY: usize = 8;

/// Today in the notation of sudoers, in UTC.
fn today() -> String {
    jiff::Timestamp::now().strftime("%Y%m%d").to_string()
}

impl Entry {
    /// A rule for a line, still empty.
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
            part: 0,
            file: Arc::clone(file),
            line,
        }
    }
}

/// The users of the image, by name and by id.
pub(super) struct Known<'u> {
    pub(super) users: &'u Users,
    by_name: HashMap<&'u str, &'u User>,
    by_uid: HashMap<u64, &'u User>,
}

impl<'u> Known<'u> {
    pub(super) fn of(users: &'u Users) -> Self {
        let by_name = users.list.iter().map(|user| (user.name.as_str(), user)).collect();
        let by_uid = users.list.iter().filter_map(|user| Some((user.uid?, user))).collect();
        Self { users, by_name, by_uid }
    }

    /// The user that a name or a number means. `None` if it means several, or nobody of the image.
    pub(super) fn person(&self, name: &Name) -> Option<Person<'u>> {
        let user = match name {
            Name::Word(name) => self.by_name.get(name.as_str()),
            Name::Uid(uid) => self.by_uid.get(uid),
            _ => None,
        };
        user.map(|user| Person::of(user, |_| None))
    }
}

/// Whether something is true, as far as the image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answer {
    No,
    Unknown,
    Yes,
}

/// What a list says about somebody or something: nothing, or the result of its last match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    Yes,
    No,
    Unknown,
}

/// The person in question: a user of the image, or one known only by name.
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
        // A group without a known number might have any number.
        let gids = groups.and_then(|groups| groups.iter().map(|group| gid(group)).collect());
        Self { name: &user.name, uid: user.uid, groups, gids, outside: None }
    }

    /// Root. The image need not list it.
    pub(super) fn root() -> Person<'static> {
        static GROUPS: std::sync::LazyLock<[String; 1]> = std::sync::LazyLock::new(|| ["root".to_owned()]);
        Person { name: "root", uid: Some(0), groups: Some(&*GROUPS), gids: Some(vec![0]), outside: None }
    }

    pub(super) fn is(&self, name: &Name) -> Answer {
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

    /// Whether a name means the person, as far as the image says.
    pub(super) fn is_surely(&self, name: &Name) -> bool {
        self.is(name) == Answer::Yes
    }

    /// What a list says about the person, and the member that decides.
    pub(super) fn in_list<'l>(&self, list: &'l [Member]) -> (Said, Option<&'l Member>) {
        last(list, |name| self.is(name))
    }
}

/// The result of the last match in a list.
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

/// Whether the machine is among the hosts. Its name is `None` if the image does not give it.
pub(super) fn on_host<'l>(hosts: &'l [Member], own: Option<&str>) -> (Said, Option<&'l Member>) {
    last(hosts, |name| match (name, own) {
        (Name::All, _) => Answer::Yes,
        (Name::Outside(address), _) if address.starts_with("127.") || address == "::1" => Answer::No,
        (Name::Outside(_), _) | (Name::Word(_), None) => Answer::Unknown,
        (Name::Word(host), Some(own)) if is_pattern(host) => match glob(&host.to_lowercase(), &own.to_lowercase()) {
            Some(true) => Answer::Yes,
            Some(false) => Answer::No,
            None => Answer::Unknown,
        },
        (Name::Word(host), Some(own)) if host.eq_ignore_ascii_case(own) => Answer::Yes,
        // The network provides the domain.
        (Name::Word(host), Some(own)) if host.split('.').next().is_some_and(|host| host.eq_ignore_ascii_case(own)) => {
            Answer::Unknown
        }
        _ => Answer::No,
    })
}
