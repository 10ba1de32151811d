//! Who runs what without a password. Of all matching rules of sudo or doas, the last decides.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::entry::{Condition, Entry, Known, Member, Name, Person, Said, Targets};
use super::rule::{Reach, Rule, Tool};
use super::sudoers::Defaults;
use super::view::{Place, Run, Target, View};
use crate::error::{self, Error, Result};
use crate::nixos::{User, Users};

/// Limit for comparisons of rules with each other and with users.
const MOST_WORK: u64 = 20_000_000;

/// Limit for commands that users run without a password, each counted once per user and rule.
const MOST_PLACES: u64 = 1_000_000;

/// Limit for users named in all rules, and for bytes of their commands.
const MOST_NAMES: usize = 100_000;
const MOST_COMMANDS: usize = 4 << 20;

/// The rules of one tool.
pub(super) struct Policy<'p> {
    pub(super) tool: Tool,
    pub(super) entries: &'p [Entry],
    pub(super) defaults: &'p Defaults,
    pub(super) host: Option<&'p str>,
    pub(super) known: &'p Known<'p>,
    /// The users whom PAM asks for no password.
    pub(super) unasked: &'p HashSet<String>,
}

/// The properties shared by users of one [`Rule`].
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    group: usize,
    target: Target,
    /// The index of the member in the user list.
    at: usize,
    who: String,
    conditions: Vec<Condition>,
    commands: Vec<Place>,
    /// Commands that a `Defaults!` frees from a password.
    freed: Vec<usize>,
}

impl Policy<'_> {
    /// The rules that let users do what they may do without a password.
    pub(super) fn free(&self, gid: &dyn Fn(&str) -> Option<u64>) -> Result<Vec<Rule>> {
        let users = self.known.users;
        let mut work = Work::default();
        let mut found: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        let mut keys = |person: &Person<'_>| -> Result<Vec<Key>> {
            let runs = View::of(self, person, &mut work)?.free(&mut work)?;
            Ok(runs.into_iter().map(|run| self.key(run)).collect())
        };
        // Root needs no permission.
        let people = users.list.iter().filter(|user| user.uid != Some(0) && user.name != "root");
        for user in people {
            let person = Person::of(user, gid);
            for key in keys(&person)? {
                found.entry(key).or_default().push(user.name.clone());
            }
        }
        for member in self.nobodies(users, gid) {
            let name = &*member.name;
            let groups: Vec<String> = match name {
                Name::Group(group) => vec![group.clone()],
                _ => Vec::new(),
            };
            let gids = if let Name::Gid(gid) = name { vec![*gid] } else { Vec::new() };
            let uid = if let Name::Uid(uid) = name { *uid } else { u64::MAX };
            let word = if let Name::Word(name) = name { name.as_str() } else { "" };
            let outside = if let Name::Outside(name) = name { Some(name.as_str()) } else { None };
            let person = Person { name: word, uid: Some(uid), groups: Some(&groups), gids: Some(gids), outside };
            for key in keys(&person)? {
                // A statement about everybody says nothing about a user who does not exist.
                if key.who == shown(name) {
                    found.entry(key).or_default();
                }
            }
        }
        self.rules(found, users)
    }

    fn key(&self, Run { group, target, at, conditions, commands, freed }: Run) -> Key {
        let member = self.entries.get(group).and_then(|entry| entry.users.get(at));
        let who = member.map(|member| shown(&member.name)).unwrap_or_default();
        Key { group, target, at, who, conditions, commands, freed }
    }

    fn rules(&self, found: BTreeMap<Key, Vec<String>>, users: &Users) -> Result<Vec<Rule>> {
        let (mut names, mut bytes) = (0, 0);
        let mut rules = Vec::new();
        for (key, meant) in found {
            let Some(rule) = self.rule(&key, (meant, users)) else { continue };
            names += rule.users.len() + rule.becomes.len();
            bytes += rule.commands.len();
            let over = |what| {
                let place = error::Place::Line { file: rule.source.clone(), line: rule.line };
                Err(Error::Limit { what, place })
            };
            if names > MOST_NAMES {
                return over("100,000 users of rules");
            }
            if bytes > MOST_COMMANDS {
                return over("4 MiB of commands in rules");
            }
            rules.push(rule);
        }
        Ok(rules)
    }

    fn rule(&self, key: &Key, (meant, users): (Vec<String>, &Users)) -> Option<Rule> {
        let first = self.entries.get(key.commands.first()?.0)?;
        let names = self.names(key);
        // Commands that are taken away again are shown too.
        let of_group = self.entries.iter().skip(key.group).take_while(|entry| entry.group == key.group);
        let denied = of_group.flat_map(|entry| entry.command.iter()).filter(|member| member.negated);
        let denied = denied.filter(|_| key.freed.is_empty()).map(|member| format!("!{}", shown(&member.name)));
        let mut seen = HashSet::new();
        let commands = names.iter().map(|name| shown(name)).chain(denied);
        let commands: Vec<String> = commands.filter(|name| seen.insert(name.clone())).collect();
        let reach = |name: &&Name| match name {
            Name::All => Reach::Everything,
            Name::Command(command) if command.is_shell() => Reach::Shell,
            _ => Reach::Listed,
        };
        let target = match (key.target, &first.targets) {
            (Target::Root, _) => None,
            (Target::Other, Targets::Default) => Some(targets(self.defaults.targets(), &[])),
            (Target::Other, Targets::Users(users, groups)) => Some(targets(users, groups)),
        };
        Some(Rule {
            tool: self.tool,
            who: key.who.clone(),
            users: meant,
            becomes: if target.is_some() { self.becomes(&first.targets, users) } else { Vec::new() },
            target,
            through: None,
            reach: names.iter().map(reach).max().unwrap_or(Reach::Listed),
            commands: commands.join(", "),
            conditions: key.conditions.clone(),
            source: first.file.to_string(),
            line: first.line,
        })
    }

    /// The commands of a rule, without duplicates.
    fn names(&self, key: &Key) -> Vec<&Name> {
        if !key.freed.is_empty() {
            let freed: Vec<&Name> = self.defaults.free_commands().collect();
            return key.freed.iter().filter_map(|at| freed.get(*at).copied()).collect();
        }
        let mut seen: HashSet<*const Name> = HashSet::new();
        let allowed = key.commands.iter().filter_map(|(entry, at)| self.entries.get(*entry)?.command.get(*at));
        allowed.map(|member| &*member.name).filter(|name| seen.insert(std::ptr::from_ref(*name))).collect()
    }

    /// The users of the image that commands run as, and groups with a `%`.
    fn becomes(&self, targets: &Targets, users: &Users) -> Vec<String> {
        let (list, groups) = match targets {
            Targets::Default => (self.defaults.targets(), &[][..]),
            Targets::Users(users, groups) => (&**users, &**groups),
        };
        let is_meant = |user: &&User| Person::of(user, |_| None).in_list(list).0 == Said::Yes;
        let meant = users.list.iter().filter(|user| !user.is_root()).filter(is_meant).map(|user| user.name.clone());
        let group = |member: &Member| match &*member.name {
            Name::Word(group) if !member.negated => Some(format!("%{group}")),
            _ => None,
        };
        meant.chain(groups.iter().filter_map(group)).collect()
    }
}

impl Policy<'_> {
    /// The names in rules that match no user of the image.
    fn nobodies(&self, users: &Users, gid: &dyn Fn(&str) -> Option<u64>) -> Vec<&Member> {
        let mut seen: HashSet<&Name> = HashSet::new();
        let lists: BTreeMap<*const Member, &Arc<[Member]>> =
            self.entries.iter().map(|entry| (entry.users.as_ptr(), &entry.users)).collect();
        let names: HashSet<&str> = users.list.iter().map(|user| user.name.as_str()).collect();
        let groups: HashSet<&str> =
            users.list.iter().filter_map(|user| user.groups.as_ref()).flatten().map(String::as_str).collect();
        let gids: HashSet<u64> = groups.iter().filter_map(|group| gid(group)).collect();
        let uids: HashSet<u64> = users.list.iter().filter_map(|user| user.uid).collect();
        let is_nobody = |name: &Name| match name {
            Name::Word(name) => !names.contains(name.as_str()),
            Name::Group(group) => !groups.contains(group.as_str()),
            Name::Gid(gid) => !gids.contains(gid),
            Name::Uid(uid) => *uid != 0 && !uids.contains(uid),
            Name::Outside(_) => true,
            _ => false,
        };
        let members = lists.into_values().flat_map(|list| list.iter()).filter(|member| !member.negated);
        members.filter(|member| is_nobody(&member.name) && seen.insert(&*member.name)).collect()
    }
}

/// Counts comparisons and found commands.
#[derive(Default)]
pub(super) struct Work {
    comparisons: u64,
    places: u64,
}

impl Work {
    pub(super) fn add(&mut self, count: u64, entry: &Entry) -> Result<()> {
        self.comparisons += count;
        if self.comparisons <= MOST_WORK { Ok(()) } else { over("20,000,000 comparisons of rules", entry) }
    }

    /// A command that somebody runs without a password.
    pub(super) fn place(&mut self, entry: &Entry) -> Result<()> {
        self.places += 1;
        if self.places <= MOST_PLACES { Ok(()) } else { over("1,000,000 commands of users", entry) }
    }
}

fn over(what: &'static str, entry: &Entry) -> Result<()> {
    let place = error::Place::Line { file: entry.file.to_string(), line: entry.line };
    Err(Error::Limit { what, place })
}

/// A name in the notation of a rules file.
pub(super) fn shown(name: &Name) -> String {
    match name {
        Name::All => "ALL".to_owned(),
        Name::Alias(name) | Name::Word(name) | Name::Outside(name) => name.clone(),
        Name::Uid(uid) => format!("#{uid}"),
        Name::Group(group) => format!("%{group}"),
        Name::Gid(gid) => format!("%#{gid}"),
        Name::Myself => String::new(),
        Name::Command(command) => match &command.arguments {
            None => command.path.clone(),
            Some(none) if none.is_empty() => format!("{} \"\"", command.path),
            Some(arguments) => format!("{} {arguments}", command.path),
        },
    }
}

fn targets(users: &[Member], groups: &[Member]) -> String {
    let list = |members: &[Member]| {
        let names =
            members.iter().map(|member| format!("{}{}", if member.negated { "!" } else { "" }, shown(&member.name)));
        names.collect::<Vec<_>>().join(", ")
    };
    match (users, groups) {
        (users, []) => list(users),
        ([], groups) => format!(":{}", list(groups)),
        ([one], groups) if matches!(*one.name, Name::Myself) => format!(":{}", list(groups)),
        (users, groups) => format!("{}:{}", list(users), list(groups)),
    }
}
