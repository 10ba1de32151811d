//! `--key KEY` and `[[key]]`: sshd would accept the key.

use std::collections::HashSet;
use std::fmt;

use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, Subject, WantedKey};
use crate::error::Result;
use crate::fs::Tree;
use crate::nixos::access::{Account, Grant, Needs, People, SshSources};
use crate::nixos::answer::{Answer, Caused, Doubt, Verdict, with_doubts};
use crate::nixos::ssh::{AuthorizedKey, Search, search};
use crate::nixos::{System, Users};

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind { name: "key", says: "sshd accepts a key", advice: None, flag: None };

/// Names and conditions that a message shows. Further ones are only counted.
const SHOWN: usize = 4;

/// Limit for keys that are shown if the wanted key is not there.
const MOST_INSTEAD: usize = 100;

/// sshd would accept the key.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub key: WantedKey,
    /// The user that the key is for. `None` means any user.
    pub user: Option<String>,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.user {
            Some(user) => write!(formatter, "{} for {user}", self.key),
            None => write!(formatter, "{}", self.key),
        }
    }
}

impl Ask for Key {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        in_each(subject, Scope::Default, |system| self.judge_of(subject, system))
    }
}

/// A place where the key is listed for a user, and how sshd treats it there.
struct Place<'p> {
    user: &'p str,
    file: String,
    /// Whether sshd accepts it there.
    answer: &'p Answer,
    /// Wanted options that the line does not have.
    missing: Vec<&'static str>,
}

impl Place<'_> {
    /// Whether the key lets the user in as wanted.
    fn opens(&self) -> bool {
        self.answer.opens() && self.missing.is_empty()
    }

    /// Why it does not.
    fn refused(&self) -> Option<String> {
        let missing = || format!("its line lacks {}", listed(&self.missing));
        self.answer.refused().or_else(|| (!self.missing.is_empty()).then(missing))
    }
}

/// Who can log in, and the user that the key is wanted for.
struct Asked<'a> {
    people: &'a People,
    /// `None` means any user.
    user: Option<&'a str>,
}

impl<'a> Asked<'a> {
    fn is_for(&self, user: &str) -> bool {
        self.user.is_none_or(|asked| asked == user)
    }

    /// The accounts that the key is wanted for.
    fn accounts(&self) -> impl Iterator<Item = &'a Account> {
        self.people.accounts.iter().filter(|account| self.is_for(&account.user.name))
    }

    /// The files in which any sshd looks for their keys.
    fn files(&self) -> impl Iterator<Item = String> {
        self.accounts().flat_map(Account::all_ssh).flat_map(|sources| sources.files.iter().cloned())
    }

    /// The account to report on: the wanted user's, or root's.
    fn account(&self) -> Option<&'a Account> {
        self.people.account(self.user.unwrap_or("root"))
    }

    /// Why sshd turns that user away, whatever the key.
    fn why(&self) -> Option<String> {
        let sshd = &self.people.sshd;
        match self.account() {
            Some(account) => {
                let refused: Option<Vec<String>> =
                    account.all_ssh().map(|sources| sources.entrance.answer().refused()).collect();
                refused.and_then(|refused| refused.into_iter().next())
            }
            // If any user will do, a missing root account is not the reason.
            None if self.user.is_none() && sshd.unit.is_some() => None,
            None => {
                let nobody = Users { known: self.people.users_known, list: Vec::new() };
                sshd.absent(&nobody, self.user.unwrap_or("root")).map(|refusal| refusal.to_string())
            }
        }
    }

    /// Sources of keys that may have the key although no file of the image lists it.
    fn doubts(&self) -> Vec<Caused<Doubt>> {
        let mut doubts: Vec<Caused<Doubt>> = Vec::new();
        let may_open = |sources: &&SshSources| sources.entrance.answer().verdict() != Verdict::Denied;
        for account in self.accounts() {
            let open: Vec<&SshSources> = account.all_ssh().filter(may_open).collect();
            let is_open = |grant: &&Grant| open.iter().any(|sources| sources.unit == grant.sshd);
            let unlisted = account.entrances.iter().filter(|grant| grant.needs == Needs::Key(None)).filter(is_open);
            let unlisted = unlisted.flat_map(|grant| grant.answer.doubts.iter());
            let absent = open.iter().flat_map(|sources| sources.entrance.doubts_of_absence());
            for doubt in absent.chain(unlisted).cloned() {
                if !doubts.contains(&doubt) && doubts.len() < SHOWN {
                    doubts.push(doubt);
                }
            }
        }
        doubts
    }

    /// The judgement if the key is nowhere that sshd reads: unknown if a source outside the image may have it.
    fn absent(&self, message: String, evidence: Vec<String>) -> Judgement {
        match self.doubts().is_empty() {
            true => Judgement::fail(message, evidence),
            false => Judgement::unknown(message, evidence),
        }
    }
}

impl Key {
    /// sshd would accept the key for the user, or for any user. If it does not, what is past a limit may say otherwise.
    fn judge_of(&self, subject: &Subject<'_, '_>, system: &System) -> Result<Judgement> {
        let judgement = self.judge_read(subject, system)?;
        Ok(match subject.access_of(system)?.over_limits.first() {
            Some(over) if judgement.answer == crate::check::Answer::Fails => {
                Judgement::unknown(format!("{}; not everything is read: {over}", judgement.message), judgement.evidence)
            }
            _ => judgement,
        })
    }

    fn judge_read(&self, subject: &Subject<'_, '_>, system: &System) -> Result<Judgement> {
        let (people, user) = (&subject.access_of(system)?.people, self.user.as_deref());
        // A system that does not list its users may have a user of that name.
        let unlisted = user.filter(|name| !people.users_known && people.account(name).is_none());
        let with_user = unlisted.map(|name| People::with_user(&subject.disc.root_of(system), name)).transpose()?;
        let asked = Asked { people: with_user.as_ref().unwrap_or(people), user };
        let places = self.places(asked.people);
        let own: Vec<&Place> = places.iter().filter(|place| place.opens() && asked.is_for(place.user)).collect();
        if !own.is_empty() {
            return Ok(accepted(asked.people, &own));
        }
        if !places.is_empty() {
            return Ok(useless(&places, &asked));
        }
        let users = Users { known: true, list: asked.people.accounts.iter().map(|one| one.user.clone()).collect() };
        let found = search_for(subject.disc.tree(), &users, &self.key);
        Ok(unauthorized(found, &asked))
    }

    /// All places that list the key: as itself, or as an authority if that is wanted.
    fn places<'p>(&self, people: &'p People) -> Vec<Place<'p>> {
        let mut places = Vec::new();
        for account in &people.accounts {
            let keys = account.keys().map(|granted| (&granted.key, &granted.answer));
            let authorities = account.all_ssh().flat_map(|sources| &sources.authorities);
            let authorities = authorities.map(|authority| (&authority.key, &authority.answer));
            let is_authority = self.key.is_authority();
            let listed: Vec<_> = if is_authority { authorities.collect() } else { keys.collect() };
            for (key, answer) in listed.into_iter().filter(|(key, _)| self.key.is(&key.line.key)) {
                let mut missing = self.key.missing_in(&key.line);
                // Keys of TrustedUserCAKeys have no options and need none.
                missing.retain(|name| !is_authority || *name != "cert-authority");
                let file = place(&key.file, key.number);
                places.push(Place { user: &account.user.name, file, answer, missing });
            }
        }
        places
    }
}

/// Looks for the key in all files that may hold keys.
fn search_for(tree: &dyn Tree, users: &Users, wanted: &WantedKey) -> Search {
    let exact = match wanted {
        WantedKey::Key(line) => Some(&line.key),
        WantedKey::Fingerprint(_) => None,
    };
    search(tree, users, &|key| wanted.is(key), exact)
}

/// The judgement if no file that sshd reads has the key.
fn unauthorized(found: Search, asked: &Asked<'_>) -> Judgement {
    let unread = match found.troubles.first() {
        Some(error) => format!("; {} of what should be searched cannot be read: {error}", found.troubles.len()),
        None => String::new(),
    };
    let read = || listed(&unique(asked.files()));
    let with_doubts = |sentence| with_doubts(sentence, &asked.doubts());
    let sighted: Vec<String> = found.sightings.iter().map(|sighting| place(&sighting.file, sighting.line)).collect();
    if let Some(first) = sighted.first() {
        let why = asked.why().unwrap_or_else(|| with_doubts(format!("sshd reads {}", read())));
        return asked.absent(format!("found in {first}, which does not count: {why}{unread}"), sighted);
    }
    let nowhere = "not found in any key or configuration file";
    if let Some(why) = asked.why() {
        return asked.absent(format!("{nowhere}; {why}{unread}"), Vec::new());
    }
    let instead = instead(asked);
    let message = match instead.len() {
        0 => format!("{nowhere}; no key is authorized in {}", read()),
        _ => format!("{nowhere}; authorized instead: {}", listed(&instead)),
    };
    asked.absent(format!("{}{unread}", with_doubts(message)), instead)
}

/// The judgement if sshd accepts the key at all these places, as far as the image shows.
fn accepted(people: &People, places: &[&Place<'_>]) -> Judgement {
    let mut message = format!("sshd accepts it for {}", names(places.iter().copied()));
    if !people.users_known {
        message.push_str("; whether there is such a user is not known: the image has no users-groups.json");
    }
    // If one place has no conditions, those of the same user's other places do not matter.
    let free = |user: &str| places.iter().any(|place| place.user == user && place.answer.is_free());
    let bound = places.iter().filter(|place| !free(place.user));
    let message = unless(message, bound.flat_map(|place| place.answer.phrases()));
    let files = unique(places.iter().map(|place| place.file.clone()));
    match places.iter().any(|place| place.answer.verdict() == Verdict::Granted) {
        true => Judgement::pass(message, files),
        false => Judgement::unknown(message, files),
    }
}

/// The judgement if sshd reads the key, but does not accept it for the wanted user, or for any user.
fn useless(places: &[Place<'_>], asked: &Asked<'_>) -> Judgement {
    let own_places = || places.iter().filter(|place| asked.is_for(place.user));
    let own = own_places().next();
    let refusals = unique(own_places().filter_map(Place::refused));
    let refusal = if refusals.is_empty() { asked.why() } else { Some(refusals.join("; ")) };
    let with_doubts = |sentence| with_doubts(sentence, &asked.doubts());
    let accepted = names(places.iter().filter(|place| place.opens()));
    let message = match (asked.user, refusal) {
        (_, Some(why)) => format!("authorized for {}, which does not count: {why}", names(places)),
        (Some(user), None) if !accepted.is_empty() => {
            with_doubts(format!("sshd accepts it for {accepted}, not for {user}"))
        }
        _ => with_doubts(format!("authorized for {}, whom sshd turns away", names(places))),
    };
    let files = unique(places.iter().map(|place| place.file.clone()));
    let may_open = |place: &Place<'_>| place.answer.verdict() == Verdict::Unknown && place.missing.is_empty();
    match own {
        Some(_) if !own_places().any(may_open) => Judgement::fail(message, files),
        Some(_) => Judgement::unknown(message, files),
        None => asked.absent(message, files),
    }
}

/// The authorized keys, as hints when the wanted key is not among them.
fn instead(asked: &Asked<'_>) -> Vec<String> {
    let keys = asked.accounts().flat_map(|account| account.keys().map(move |granted| (account, &granted.key)));
    let told = keys.take(MOST_INSTEAD).map(|(account, AuthorizedKey { line, .. })| {
        let comment = if line.comment.is_empty() { String::new() } else { format!(" {}", line.comment) };
        format!("{}{comment} for {}", line.key, account.user.name)
    });
    told.collect()
}

/// A sentence, and the conditions on which it depends.
fn unless(sentence: String, conditions: impl IntoIterator<Item = String>) -> String {
    let conditions = unique(conditions);
    if conditions.is_empty() { sentence } else { format!("{sentence}; {}", conditions.join("; ")) }
}

fn names<'p>(places: impl IntoIterator<Item = &'p Place<'p>>) -> String {
    let names = unique(places.into_iter().map(|place| place.user.to_owned()));
    if names.is_empty() { String::new() } else { listed(&names) }
}

fn unique(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

fn listed<T: AsRef<str>>(items: &[T]) -> String {
    let shown: Vec<&str> = items.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let shown = shown.join(", ");
    match items.len().saturating_sub(SHOWN) {
        0 if items.is_empty() => "no file".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn place(file: &[u8], line: u64) -> String {
    format!("{}:{line}", String::from_utf8_lossy(file))
}
