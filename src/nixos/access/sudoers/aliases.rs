//! The aliases of `sudoers`.

use std::collections::HashSet;
use std::collections::hash_map::{Entry, HashMap};
use std::sync::Arc;

use crate::error::{Error, Place, Result};
use crate::nixos::access::entry::{List, Member, Name};

/// Limit for names resolved through aliases.
const DEEPEST: usize = 128;

/// Limit for members of all lists, with aliases resolved.
const MOST_MEMBERS: usize = 1_000_000;

/// The kinds of aliases. Each kind has its own namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Users,
    Targets,
    Hosts,
    Commands,
}

impl Kind {
    /// The kind for the first letter of `User_Alias` and the like.
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
    defined: HashMap<(Kind, String), List>,
    resolved: HashMap<(Kind, String), List>,
    /// The aliases that are being resolved.
    open: Vec<String>,
    /// Aliases found again while they were being resolved.
    cycles: usize,
    members: usize,
}

impl Aliases {
    /// Adds an alias. False if it is known: sudo refuses a second definition.
    pub(super) fn define(&mut self, kind: Kind, name: String, members: Vec<Member>) -> bool {
        let place = self.defined.entry((kind, name));
        let is_new = matches!(place, Entry::Vacant(_));
        place.or_insert_with(|| members.into());
        is_new
    }

    /// A list with its aliases replaced by their members.
    pub(super) fn resolve(&mut self, kind: Kind, members: &[Member]) -> Result<List> {
        if let [member] = members
            && let (Name::Alias(name), false) = (&*member.name, member.negated)
        {
            return self.alias(kind, name);
        }
        let mut all: Vec<Member> = Vec::new();
        for member in members {
            match &*member.name {
                Name::Alias(name) => {
                    let list = self.alias(kind, name)?;
                    self.count(list.len())?;
                    all.extend(
                        list.iter().map(|inner| Member { negated: inner.negated != member.negated, ..inner.clone() }),
                    );
                }
                _ => all.push(member.clone()),
            }
        }
        let all = last_of_each(all);
        self.count(all.len())?;
        Ok(all.into())
    }

    fn count(&mut self, members: usize) -> Result<()> {
        self.members += members;
        match self.members > MOST_MEMBERS {
            true => Err(over("1,000,000 members of lists in sudoers")),
            false => Ok(()),
        }
    }

    fn alias(&mut self, kind: Kind, name: &str) -> Result<List> {
        self.count(1)?;
        let key = (kind, name.to_owned());
        if let Some(list) = self.resolved.get(&key) {
            return Ok(Arc::clone(list));
        }
        if self.open.len() == DEEPEST {
            return Err(over("128 levels of aliases in sudoers"));
        }
        // A name in capital letters may also be a user or host, but not a command.
        let itself = |name: &str| -> List {
            match kind {
                Kind::Commands => Arc::new([]),
                _ => Arc::new([Member::new(Name::Word(name.to_owned()))]),
            }
        };
        if self.open.iter().any(|open| open == name) {
            self.cycles += 1;
            return Ok(Arc::new([]));
        }
        let Some(members) = self.defined.get(&key).cloned() else { return Ok(itself(name)) };
        let cycles = self.cycles;
        self.open.push(name.to_owned());
        let list = self.resolve(kind, &members);
        self.open.pop();
        let list = list?;
        // In a cycle, the meaning of an alias depends on where resolution starts.
        if self.cycles == cycles || self.open.is_empty() {
            self.resolved.insert(key, Arc::clone(&list));
        }
        Ok(list)
    }
}

/// The last match decides, so the last of several members from the same place in the text is enough. Names are not compared: they
/// may be long.
fn last_of_each(members: Vec<Member>) -> Vec<Member> {
    if members.len() < 2 {
        return members;
    }
    let mut seen = HashSet::new();
    let mut kept: Vec<Member> =
        members.into_iter().rev().filter(|member| seen.insert(Arc::as_ptr(&member.name))).collect();
    kept.reverse();
    kept
}

fn over(what: &'static str) -> Error {
    Error::Limit { what, place: Place::File(super::FILE.as_bytes().to_vec()) }
}
