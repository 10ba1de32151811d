//! `Defaults` of `sudoers` that decide whether to ask for a password.

use super::aliases::{Aliases, Kind};
use super::parser::Setting;
use crate::error::Result;
use crate::nixos::access::command::covers;
use crate::nixos::access::entry::{Answer, Known, List, Member, Name, Person, Said, last, on_host};

/// The settings that matter, in the order in which sudo applies them.
#[derive(Default)]
pub(in crate::nixos::access) struct Defaults {
    all: Vec<Default_>,
    /// The users that commands run as if a rule does not say and some setting names a user other than root.
    targets: Vec<Member>,
}

struct Default_ {
    scope: Scope,
    effect: Effect,
}

/// Whom or what a setting applies to.
enum Scope {
    All,
    Hosts(List),
    Users(List),
    Targets(List),
    Commands(List),
}

enum Effect {
    /// `authenticate`, or `!authenticate`.
    Asks(bool),
    /// Members of the group are not asked.
    Exempt(Option<String>),
    /// The user that commands run as if a rule does not say.
    Target(String),
}

/// Whether a password is asked for.
pub(in crate::nixos::access) enum Asks<'d> {
    Always,
    Never,
    /// Depends on whether the machine is one that a `Defaults@` names. `there`: whether sudo asks on that machine.
    OnHost {
        member: &'d Member,
        there: bool,
    },
}

/// Who runs what, and as whom.
pub(in crate::nixos::access) struct Question<'q> {
    pub(in crate::nixos::access) person: &'q Person<'q>,
    pub(in crate::nixos::access) host: Option<&'q str>,
    /// The users that the command may run as, if not root.
    pub(in crate::nixos::access) others: Option<&'q [Member]>,
    pub(in crate::nixos::access) command: &'q Name,
    pub(in crate::nixos::access) known: &'q Known<'q>,
}

impl Defaults {
    pub(super) fn of(settings: Vec<(Option<char>, Vec<Member>, Vec<Setting>)>, aliases: &mut Aliases) -> Result<Self> {
        let mut all = Vec::new();
        for (scope, whom, settings) in settings {
            for setting in settings {
                let Some(effect) = Effect::of(setting) else { continue };
                let scope = match scope {
                    None => Scope::All,
                    Some('@') => Scope::Hosts(aliases.resolve(Kind::Hosts, &whom)?),
                    Some('>') => Scope::Targets(aliases.resolve(Kind::Targets, &whom)?),
                    Some('!') => Scope::Commands(aliases.resolve(Kind::Commands, &whom)?),
                    Some(_) => Scope::Users(aliases.resolve(Kind::Users, &whom)?),
                };
                all.push(Default_ { scope, effect });
            }
        }
        // The last of all other settings counts, regardless of its scope. sudo applies settings for commands after them.
        all.sort_by_key(|default| matches!(default.scope, Scope::Commands(_)));
        let target = |default: &Default_| match &default.effect {
            Effect::Target(name) if !is_root(name) => Some(Member::new(Name::Word(name.clone()))),
            _ => None,
        };
        Ok(Self { targets: all.iter().filter_map(target).collect(), all })
    }

    /// Whether sudo asks for a password. A rule's own `tag` overrides `authenticate`, but not exemptions.
    pub(in crate::nixos::access) fn asks(&self, question: &Question<'_>, tag: Option<bool>) -> Asks<'_> {
        let elsewhere = self.all.iter().find_map(|default| match &default.scope {
            Scope::Hosts(list) => match on_host(list, question.host) {
                (Said::Unknown, Some(member)) => Some(member),
                _ => None,
            },
            _ => None,
        });
        let here = self.asks_if(question, tag, false);
        match elsewhere {
            Some(member) if here != self.asks_if(question, tag, true) => Asks::OnHost { member, there: !here },
            _ if here => Asks::Always,
            _ => Asks::Never,
        }
    }

    /// The same, assuming an answer to whether the machine is one that the image does not settle.
    fn asks_if(&self, question: &Question<'_>, tag: Option<bool>, elsewhere: bool) -> bool {
        let (mut asks, mut exempt) = (true, None);
        for default in &self.all {
            // A setting for some targets leaves the other targets unchanged.
            let frees = matches!(default.effect, Effect::Asks(false) | Effect::Exempt(Some(_)));
            let counts = match default.scope.counts(question) {
                Answer::Yes => frees || default.scope.is_for_all_targets(question.others),
                Answer::Unknown => elsewhere || !matches!(default.scope, Scope::Hosts(_)),
                Answer::No => false,
            };
            match &default.effect {
                Effect::Asks(own) if counts => asks = *own,
                Effect::Exempt(group) if counts => exempt = group.as_deref(),
                _ => {}
            }
        }
        let is_member = |group: &str| question.person.groups.is_some_and(|own| own.iter().any(|own| own == group));
        tag.unwrap_or(asks) && !exempt.is_some_and(is_member)
    }

    /// Whether the command of a rule that names no target runs as root.
    pub(in crate::nixos::access) fn target_is_root(&self, question: &Question<'_>) -> bool {
        let target = |default: &Default_| match (&default.effect, default.scope.counts(question)) {
            (Effect::Target(name), Answer::Yes) => Some(name.clone()),
            _ => None,
        };
        self.all.iter().rev().find_map(target).is_none_or(|name| is_root(&name))
    }

    /// The users that commands run as if a rule does not say and some setting names a user other than root.
    pub(in crate::nixos::access) fn targets(&self) -> &[Member] {
        &self.targets
    }

    /// Commands that need no password although the rules that allow them ask for one.
    pub(in crate::nixos::access) fn free_commands(&self) -> impl Iterator<Item = &Name> {
        let lists = self.all.iter().filter_map(|default| match (&default.scope, &default.effect) {
            (Scope::Commands(list), Effect::Asks(false) | Effect::Exempt(Some(_))) => Some(list),
            _ => None,
        });
        lists.flat_map(|list| list.iter()).filter(|member| !member.negated).map(|member| &*member.name)
    }
}

/// Whether a name, or a number after `#`, is root's.
fn is_root(name: &str) -> bool {
    name == "root" || name.strip_prefix('#').is_some_and(|number| number.parse() == Ok(0u64))
}

impl Effect {
    fn of(Setting { name, negated, value }: Setting) -> Option<Self> {
        match (name.as_str(), value) {
            ("authenticate", None) => Some(Self::Asks(!negated)),
            ("exempt_group", None) if negated => Some(Self::Exempt(None)),
            ("exempt_group", Some(group)) => Some(Self::Exempt(Some(group))),
            ("runas_default", Some(user)) => Some(Self::Target(user)),
            _ => None,
        }
    }
}

impl Scope {
    fn counts(&self, Question { person, host, others, command, known }: &Question<'_>) -> Answer {
        let answer = |said| match said {
            Said::Yes => Answer::Yes,
            Said::Unknown => Answer::Unknown,
            Said::No | Said::Nothing => Answer::No,
        };
        match self {
            Self::All => Answer::Yes,
            Self::Hosts(list) => answer(on_host(list, *host).0),
            Self::Users(list) => answer(person.in_list(list).0),
            Self::Targets(list) => match others {
                None => answer(Person::root().in_list(list).0),
                Some(others) => share(list, others, known),
            },
            Self::Commands(list) => {
                answer(last(list, |name| if covers(name, command) { Answer::Yes } else { Answer::No }).0)
            }
        }
    }
}

impl Scope {
    /// Whether it covers all users that a rule names, if they are not root.
    fn is_for_all_targets(&self, others: Option<&[Member]>) -> bool {
        let (Self::Targets(list), Some(others)) = (self, others) else { return true };
        let has = |other: &Member| list.iter().any(|one| matches!(*one.name, Name::All) || one.name == other.name);
        list.iter().all(|one| !one.negated) && others.iter().filter(|other| !other.negated).all(has)
    }
}

/// Whether a setting for targets applies to some of the users that a rule names.
fn share(list: &[Member], others: &[Member], known: &Known<'_>) -> Answer {
    let is_wide = |name: &Name| !matches!(name, Name::Word(_) | Name::Uid(_));
    // A name that means several users may mean one whom the other means, too.
    let may_be = |one: &Name, other: &Name| {
        is_wide(one) && known.person(other).is_none_or(|person| person.is(one) != Answer::No)
    };
    let both = |one: &Member, other: &Member| {
        one.name == other.name || may_be(&one.name, &other.name) || may_be(&other.name, &one.name)
    };
    let mut answer = Answer::No;
    for member in list {
        if others.iter().any(|other| !other.negated && both(member, other)) {
            answer = if member.negated { Answer::No } else { Answer::Yes };
        }
    }
    answer
}
