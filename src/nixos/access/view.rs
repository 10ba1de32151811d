//! What one user may do under the rules of sudo or doas.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::command::{covers, may_share};
use super::entry::{Answer, Condition, Entry, Member, Name, Person, Said, Targets, on_host};
use super::last_match::{Policy, Work, shown};
use super::later::Later;
use super::sudoers::{Asks, Question};
use crate::error::Result;

/// As whom somebody might run a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Root,
    Other,
}

/// A command: the index of its entry, and the index of its member in that entry.
pub(super) type Place = (usize, usize);

/// Commands of one list that a user runs in the same way.
pub(super) struct Run {
    /// The first entry of the list.
    pub(super) group: usize,
    pub(super) target: Target,
    /// The index of the member of the user list that makes the rule match.
    pub(super) at: usize,
    pub(super) conditions: Vec<Condition>,
    /// The commands.
    pub(super) commands: Vec<Place>,
    /// The commands that a `Defaults!` frees from a password, if the rule itself asks for one.
    pub(super) freed: Vec<usize>,
}

/// A rule that matches the user on this machine.
struct Leaf<'p> {
    /// The index of the entry.
    number: usize,
    entry: &'p Entry,
    /// The index of the member of the user list that makes the rule match.
    at: usize,
    /// What the image does not say; empty if the rule surely matches.
    conditions: Vec<Condition>,
}

/// The rules that match a user.
pub(super) struct View<'p> {
    policy: &'p Policy<'p>,
    person: &'p Person<'p>,
    leaves: Vec<Leaf<'p>>,
    /// Filled when it is first needed: most rules ask for a password.
    later: OnceCell<Later<'p>>,
}

/// A command, and the target that it runs as.
#[derive(Clone, Copy)]
struct Wanted<'p> {
    target: Target,
    command: &'p Name,
}

/// How later rules change what an earlier one allows.
enum Fate {
    Stands,
    /// A later rule that depends on something else takes it back.
    Perhaps(Condition),
    Overridden,
}

impl<'p> View<'p> {
    pub(super) fn of(policy: &'p Policy<'p>, person: &'p Person<'p>, work: &mut Work) -> Result<Self> {
        let mut leaves = Vec::new();
        // Rules share lists, and most of them name one group.
        let mut known: BTreeMap<*const Member, (Said, Option<usize>)> = BTreeMap::new();
        for (number, entry) in policy.entries.iter().enumerate() {
            work.add(1, entry)?;
            let list = entry.users.as_ptr();
            let (said, at) = match known.get(&list) {
                Some(known) => *known,
                None => {
                    work.add(entry.users.len() as u64, entry)?;
                    let (said, member) = person.in_list(&entry.users);
                    let at = entry.users.iter().position(|one| member.is_some_and(|member| std::ptr::eq(one, member)));
                    known.insert(list, (said, at));
                    (said, at)
                }
            };
            let Some(at) = at.filter(|_| matches!(said, Said::Yes | Said::Unknown)) else { continue };
            work.add(entry.hosts.len() as u64, entry)?;
            if let Some(conditions) = conditions(policy, entry, (said, at)) {
                leaves.push(Leaf { number, entry, at, conditions });
            }
        }
        Ok(Self { policy, person, leaves, later: OnceCell::new() })
    }

    /// What the user can do without a password.
    pub(super) fn free(&self, work: &mut Work) -> Result<Vec<Run>> {
        let mut runs: BTreeMap<_, Vec<Place>> = BTreeMap::new();
        for (index, leaf) in self.leaves.iter().enumerate() {
            for (member, command) in leaf.entry.command.iter().enumerate().filter(|(_, member)| !member.negated) {
                for target in [Target::Root, Target::Other] {
                    work.add(1, leaf.entry)?;
                    let wanted = Wanted { target, command: &command.name };
                    let Some(answer) = self.runs_as(leaf.entry, wanted) else { continue };
                    let place = (index, member);
                    let Some((freed, conditions)) = self.unasked(place, wanted, work)? else { continue };
                    work.place(leaf.entry)?;
                    // As root, all targets of a list are alike.
                    let part = if target == Target::Root { leaf.entry.group } else { leaf.entry.part };
                    let key = (leaf.entry.group, target, leaf.at, conditions, freed, part);
                    runs.entry(key).or_default().push((leaf.number, member));
                    if answer == Answer::Yes {
                        break; // root can become anybody
                    }
                }
            }
        }
        let run = |((group, target, at, conditions, freed, _), commands)| Run {
            group,
            target,
            at,
            conditions,
            commands,
            freed,
        };
        Ok(runs.into_iter().map(run).collect())
    }

    /// The conditions under which the user runs the command of a leaf without a password, and the commands of a `Defaults!` if
    /// only those are free. `None` if a password is asked for, or a later rule takes the command back.
    fn unasked(
        &self,
        place: Place,
        wanted: Wanted<'_>,
        work: &mut Work,
    ) -> Result<Option<(Vec<usize>, Vec<Condition>)>> {
        let Some(leaf) = self.leaves.get(place.0) else { return Ok(None) };
        let asks = self.asks(leaf, wanted);
        if matches!(asks, Asks::Always) && self.policy.defaults.free_commands().next().is_none() {
            return Ok(None); // most rules
        }
        let mut conditions = leaf.conditions.clone();
        match self.fate(place, wanted, work)? {
            Fate::Overridden => return Ok(None),
            Fate::Perhaps(condition) => conditions.push(condition),
            Fate::Stands => {}
        }
        let freed = match asks {
            Asks::Never => Vec::new(),
            Asks::OnHost { member, there } => {
                conditions.push(host(member, there));
                Vec::new()
            }
            Asks::Always => {
                let freed = self.freed(place, wanted, work)?;
                if freed.is_empty() {
                    return Ok(None);
                }
                freed
            }
        };
        Ok(Some((freed, conditions)))
    }

    /// Whether a later rule denies the whole command, or asks for a password.
    fn fate(&self, (index, member): Place, wanted: Wanted<'_>, work: &mut Work) -> Result<Fate> {
        let Some(own) = self.leaves.get(index) else { return Ok(Fate::Stands) };
        let mut fate = Fate::Stands;
        for (index, member) in self.later(work)?.after((index, member), wanted.command) {
            let Some(later) = self.leaves.get(index) else { continue };
            let Some(command) = later.entry.command.get(member) else { continue };
            work.add(command.name.work(), later.entry)?;
            if !covers(&command.name, wanted.command) {
                continue;
            }
            let (surely, perhaps) = match self.asks(later, wanted) {
                _ if command.negated => (true, true),
                Asks::Always => (true, true),
                Asks::OnHost { .. } => (false, true),
                Asks::Never => (false, false),
            };
            match self.is_for_all(later.entry, own.entry, wanted, work)? {
                Answer::Yes if surely && later.conditions.is_empty() => return Ok(Fate::Overridden),
                Answer::Yes | Answer::Unknown if perhaps => {
                    let place = format!("{}:{}", later.entry.file, later.entry.line);
                    fate = Fate::Perhaps(Condition::Unless(place));
                }
                _ => {}
            }
        }
        Ok(fate)
    }

    fn later(&self, work: &mut Work) -> Result<&Later<'p>> {
        if let Some(later) = self.later.get() {
            return Ok(later);
        }
        let later = Later::of(self.leaves.iter().map(|leaf| leaf.entry), work)?;
        Ok(self.later.get_or_init(|| later))
    }

    /// The commands that a `Defaults!` frees from a password, in a rule that asks for one.
    fn freed(&self, place: Place, wanted: Wanted<'_>, work: &mut Work) -> Result<Vec<usize>> {
        let mut freed = Vec::new();
        let Some(leaf) = self.leaves.get(place.0) else { return Ok(freed) };
        for (number, command) in self.policy.defaults.free_commands().enumerate() {
            work.add(1, leaf.entry)?;
            let of_defaults = Wanted { command, ..wanted };
            if (covers(wanted.command, command) || may_share(wanted.command, command))
                && self.runs_as(leaf.entry, of_defaults).is_some()
                && matches!(self.asks(leaf, of_defaults), Asks::Never)
                && !matches!(self.fate(place, of_defaults, work)?, Fate::Overridden)
            {
                freed.push(number);
            }
        }
        Ok(freed)
    }

    fn asks(&self, leaf: &Leaf<'_>, Wanted { target, command }: Wanted<'_>) -> Asks<'_> {
        if self.policy.unasked.contains(self.person.name) {
            return Asks::Never;
        }
        let others = match (&leaf.entry.targets, target) {
            (_, Target::Root) => None,
            (Targets::Default, Target::Other) => Some(self.policy.defaults.targets()),
            (Targets::Users(users, _), Target::Other) => Some(&**users),
        };
        let question =
            Question { person: self.person, host: self.policy.host, others, command, known: self.policy.known };
        self.policy.defaults.asks(&question, leaf.entry.asks)
    }

    /// Whether commands of the rule run as root, or as somebody else. `None` if they do not.
    fn runs_as(&self, entry: &Entry, Wanted { target, command }: Wanted<'_>) -> Option<Answer> {
        let question =
            Question { person: self.person, host: self.policy.host, others: None, command, known: self.policy.known };
        let by_default = || self.policy.defaults.target_is_root(&question);
        match (&entry.targets, target) {
            (Targets::Default, Target::Root) => by_default().then_some(Answer::Yes),
            (Targets::Default, Target::Other) => (!by_default()).then_some(Answer::Yes),
            (Targets::Users(users, _), Target::Root) => match Person::root().in_list(users).0 {
                Said::Yes => Some(Answer::Yes),
                Said::Unknown => Some(Answer::Unknown),
                Said::No | Said::Nothing => None,
            },
            (Targets::Users(users, groups), Target::Other) => {
                let other = |member: &Member| !member.negated && !is_root(&member.name) && !self.is_self(&member.name);
                (users.iter().any(other) || !groups.is_empty()).then_some(Answer::Unknown)
            }
        }
    }

    /// Whether a rule covers all targets of a kind that another rule covers.
    fn is_for_all(&self, entry: &Entry, other: &Entry, wanted: Wanted<'_>, work: &mut Work) -> Result<Answer> {
        if wanted.target == Target::Root {
            return Ok(self.runs_as(entry, wanted).unwrap_or(Answer::No));
        }
        if entry.targets == other.targets {
            return Ok(Answer::Yes);
        }
        // A rule without targets runs as the default user, of whom there may be several under conditions.
        let by_default = self.policy.defaults.targets();
        let (users, groups) = match &entry.targets {
            Targets::Users(users, groups) => (&**users, &**groups),
            Targets::Default if by_default.len() == 1 && self.runs_as(entry, wanted).is_some() => (by_default, &[][..]),
            Targets::Default => return Ok(Answer::No),
        };
        let (others, other_groups) = match &other.targets {
            Targets::Users(users, groups) => (&**users, &**groups),
            Targets::Default => (by_default, &[][..]),
        };
        if !other_groups.is_empty() && groups != other_groups {
            return Ok(Answer::No);
        }
        let is_asked = |member: &&Member| !member.negated && !is_root(&member.name) && !self.is_self(&member.name);
        let mut all = Answer::Yes;
        for member in others.iter().filter(is_asked) {
            work.add(users.len() as u64, entry)?;
            all = all.min(self.covers_user(users, member));
        }
        // Without `-u`, sudo takes `()` before the default user.
        let is_own = |member: &Member| !member.negated && *member.name == Name::Myself;
        let may_be_own = matches!(other.targets, Targets::Default) && users.iter().any(is_own);
        Ok(if may_be_own { all.max(Answer::Unknown) } else { all })
    }

    /// Whether a list of targets includes everybody that a member of another list means.
    fn covers_user(&self, users: &[Member], member: &Member) -> Answer {
        let is_in = |other: Person<'_>| match self.policy.known.person(&member.name).unwrap_or(other).in_list(users).0 {
            Said::Yes => Answer::Yes,
            Said::Unknown => Answer::Unknown,
            Said::No | Said::Nothing => Answer::No,
        };
        let named = |name, uid| Person { name, uid, groups: Some(&[]), gids: None, outside: None };
        match &*member.name {
            Name::Word(name) => is_in(named(name, None)),
            Name::Uid(uid) => is_in(named("", Some(*uid))),
            name => {
                let has = |user: &Member| matches!(&*user.name, Name::All) || *user.name == *name;
                let all = users.iter().all(|user| !user.negated) && users.iter().any(has);
                if all { Answer::Yes } else { Answer::No }
            }
        }
    }

    fn is_self(&self, name: &Name) -> bool {
        match name {
            Name::Myself => true,
            Name::Word(name) => name == self.person.name,
            Name::Uid(uid) => self.person.uid == Some(*uid),
            _ => false,
        }
    }
}

/// What the image does not say about a rule that matches a user. `None` if the rule does not match on this machine, or no longer
/// matches.
fn conditions(policy: &Policy<'_>, entry: &Entry, (said, at): (Said, usize)) -> Option<Vec<Condition>> {
    let (on_host, member) = on_host(&entry.hosts, policy.host);
    if matches!(on_host, Said::No | Said::Nothing) || entry.conditions.iter().any(Condition::is_past) {
        return None;
    }
    let mut conditions: Vec<Condition> = entry.conditions.iter().filter(|one| !one.is_met()).cloned().collect();
    let who = entry.users.get(at)?;
    if said == Said::Unknown || matches!(*who.name, Name::Outside(_)) {
        conditions.push(Condition::Member(shown(&who.name)));
    }
    if let (Said::Unknown, Some(member)) = (on_host, member) {
        conditions.push(host(member, member.negated));
    }
    conditions.sort();
    Some(conditions)
}

/// The condition that the machine is one that a list names, or is not.
fn host(member: &Member, negated: bool) -> Condition {
    Condition::Host(format!("{}{}", if negated { "!" } else { "" }, shown(&member.name)))
}

fn is_root(name: &Name) -> bool {
    matches!(name, Name::Word(name) if name == "root") || *name == Name::Uid(0)
}
