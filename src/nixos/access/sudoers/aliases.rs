//! The aliases of `sudoers`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::error::{Error, Place, Result};
use crate::nixos::access::entry::{List, Member, Name};

/// Names behind names of aliases.
const DEEPEST: usize = 128;

/// Members of all lists, aliases resolved.
const MOST_MEMBERS: usize = 1_000_000;

/// What an alias stands for. Each kind has names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Users,
    Targets,
    Hosts,
    Commands,
}

impl Kind {
    /// The kind by the first letter of `User_Alias` and its like.
    pub(super) fn of(letter: char) -> Self {
        match letter {
            'U' => Self::Users,
            'R' => Self::Targets,
            'H' => Self::Hosts,
            _ => Self::Commands,
        }
    }
}

/// The aliases by kind and name.
#[derive(Default)]
pub(super) struct Aliases {
    defined: HashMap<(Kind, String), Vec<Member>>,
    resolved: HashMap<(Kind, String), List>,
    /// Those that are being resolved.
    open: Vec<String>,
    members: usize,
}

impl Aliases {
    /// The first definition counts; sudo refuses others.
    pub(super) fn define(&mut self, kind: Kind, name: String, members: Vec<Member>) {
        self.defined.entry((kind, name)).or_insert(members);
    }

    /// A list with what its aliases stand for in their place.
    pub(super) fn resolve(&mut self, kind: Kind, members: &[Member]) -> Result<List> {
        if let [Member { name: Name::Alias(name), negated: false }] = members {
            return self.alias(kind, name);
        }
        let mut all: Vec<Member> = Vec::new();
        for member in members {
            match &member.name {
                Name::Alias(name) => {
                    let list = self.alias(kind, name)?;
                    all.extend(
                        list.iter()
                            .map(|inner| Member { name: inner.name.clone(), negated: inner.negated != member.negated }),
                    );
                }
                _ => all.push(member.clone()),
            }
            if all.len() > MOST_MEMBERS {
                return Err(over("1,000,000 members of lists in sudoers"));
            }
        }
        let all = last_of_each(all);
        self.members += all.len();
        match self.members > MOST_MEMBERS {
            true => Err(over("1,000,000 members of lists in sudoers")),
            false => Ok(all.into()),
        }
    }

    fn alias(&mut self, kind: Kind, name: &str) -> Result<List> {
        let key = (kind, name.to_owned());
        if let Some(list) = self.resolved.get(&key) {
            return Ok(Arc::clone(list));
        }
        if self.open.len() == DEEPEST {
            return Err(over("128 levels of aliases in sudoers"));
        }
        // A name in capital letters may be that of a user or host. No command has one.
        let itself = |name: &str| -> List {
            match kind {
                Kind::Commands => Arc::new([]),
                _ => Arc::new([Member { name: Name::Word(name.to_owned()), negated: false }]),
            }
        };
        if self.open.iter().any(|open| open == name) {
            return Ok(Arc::new([]));
        }
        let Some(members) = self.defined.get(&key).cloned() else { return Ok(itself(name)) };
        self.open.push(name.to_owned());
        let list = self.resolve(kind, &members);
        self.open.pop();
        let list = list?;
        self.resolved.insert(key, Arc::clone(&list));
        Ok(list)
    }
}

/// The last match decides, so that of members that name the same the last is enough.
fn last_of_each(members: Vec<Member>) -> Vec<Member> {
    if members.len() < 2 {
        return members;
    }
    let mut seen = HashSet::new();
    let mut kept: Vec<Member> = members.into_iter().rev().filter(|member| seen.insert(member.name.clone())).collect();
    kept.reverse();
    kept
}

fn over(what: &'static str) -> Error {
    Error::Limit { what, place: Place::File(super::FILE.as_bytes().to_vec()) }
}
