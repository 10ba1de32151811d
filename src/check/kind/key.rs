//! `--key KEY` and `[[key]]`: sshd would accept the key.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, Subject, WantedKey};
use crate::error::{Error, Place as At, Result};
use crate::fs::Tree;
use crate::nixos::answer::{Answer, Verdict, with_doubts};
use crate::nixos::ssh::{AuthorizedKey, Entrance, KeysFiles, Search, Sshd, search};
use crate::nixos::{System, User, Users};

/// The row of the table of kinds.
pub(super) const KIND: Kind = Kind { name: "key", says: "sshd accepts a key", advice: None, flag: None };

/// Names and conditions that a message shows; more of them are counted.
const SHOWN: usize = 4;

/// Places of the key, each for each user.
const MOST_PLACES: usize = 100_000;

/// Keys that are shown where the one asked for is not there.
const MOST_INSTEAD: usize = 100;

/// sshd would accept the key.
#[derive(Clone, Debug)]
pub struct Key {
    /// The key.
    pub key: WantedKey,
    /// For which user; `None` asks for any.
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
        in_each(subject, Scope::Default, |system| key(subject, system, self))
    }
}

/// Where the key stands for a user, and what sshd makes of it there.
struct Place {
    user: String,
    file: String,
    /// Whether sshd accepts it there.
    answer: Answer,
}

/// Whom the question is about.
struct Asked<'a> {
    /// None where any user will do.
    user: Option<&'a str>,
    /// What sshd makes of that user, or of root; none if there is no such user.
    entrance: Option<Entrance>,
    /// Why it turns that user away.
    why: Option<String>,
}

impl<'a> Asked<'a> {
    fn of(sshd: &Sshd, users: &Users, user: Option<&'a str>) -> Self {
        let name = user.unwrap_or("root");
        let found = users.list.iter().find(|user| user.name == name);
        let entrance = found.map(|user| sshd.entrance(users, user));
        let why = match &entrance {
            Some(entrance) => entrance.answer().refused(),
            // Where any user will do, it is no reason that there is no root.
            None if user.is_none() && sshd.unit.is_some() => None,
            None => sshd.absent(users, name).map(|refusal| refusal.to_string()),
        };
        Self { user, entrance, why }
    }

    /// A sentence that says that the key is nowhere, with all that may know it nevertheless.
    fn with_doubts(&self, sentence: String) -> String {
        match &self.entrance {
            Some(entrance) => with_doubts(sentence, entrance.doubts_of_absence()),
            None => sentence,
        }
    }

    /// The judgement if the key is nowhere that sshd reads: unknown if something outside the image may know it.
    fn absent(&self, message: String, evidence: Vec<String>) -> Judgement {
        let may_open = |entrance: &&Entrance| {
            entrance.answer().verdict() != Verdict::Denied && entrance.doubts_of_absence().next().is_some()
        };
        match self.entrance.as_ref().filter(may_open) {
            Some(_) => Judgement::unknown(message, evidence),
            None => Judgement::fail(message, evidence),
        }
    }
}

/// sshd would accept the key for the user, or for any.
fn key(subject: &Subject<'_, '_>, system: &System, asked: &Key) -> Result<Judgement> {
    let (tree, wanted, user) = (subject.disc.tree(), &asked.key, asked.user.as_deref());
    let root = subject.disc.root_of(system);
    let (sshd, mut users) = (Sshd::of(&root)?, Users::of(&root)?);
    if let Some(name) = user
        && !users.known
        && !users.list.iter().any(|user| user.name == name)
    {
        users.list.push(User::implied(name));
    }
    let of_asked = |name: &str| user.is_none_or(|user| user == name);
    let mut files = KeysFiles::new(&root);
    let (mut places, mut read): (Vec<Place>, Vec<String>) = (Vec::new(), Vec::new());
    let mut matching = HashMap::new();
    for candidate in &users.list {
        let entrance = sshd.entrance(&users, candidate);
        for file in sshd.keys(&mut files, candidate)? {
            for key in file.keys.iter().flat_map(|keys| wanted_of(keys, wanted, &mut matching)) {
                let answer = entrance.judge(&key, file.within.as_ref());
                places.push(Place { user: candidate.name.clone(), file: place(&key.file, key.number), answer });
            }
            if places.len() > MOST_PLACES {
                let at = At::File(file.path.into_bytes());
                return Err(Error::Limit { what: "100,000 places of a key", place: at });
            }
            if of_asked(&candidate.name) {
                read.push(file.path);
            }
        }
    }
    let read = unique(read);
    let own: Vec<&Place> = places.iter().filter(|place| place.answer.opens() && of_asked(&place.user)).collect();
    if !own.is_empty() {
        return Ok(accepted(&sshd, &users, &own));
    }
    let asked = Asked::of(&sshd, &users, user);
    if !places.is_empty() {
        return Ok(useless(&places, &asked));
    }
    let instead = instead(&mut files, &sshd, &users, user)?;
    Ok(unauthorized(search_for(tree, &users, wanted), &asked, &read, instead))
}

/// Looks for the key in all files that may hold keys.
fn search_for(tree: &dyn Tree, users: &Users, wanted: &WantedKey) -> Search {
    let exact = match wanted {
        WantedKey::Key(key) => Some(key),
        WantedKey::Fingerprint(_) => None,
    };
    search(tree, users, &|key| wanted.is(key), exact)
}

/// No file that sshd reads has the key. `read` are those files, `instead` the keys in them.
fn unauthorized(found: Search, asked: &Asked, read: &[String], instead: Vec<String>) -> Judgement {
    let unread = match found.troubles.first() {
        Some(error) => format!("; {} of what should be searched cannot be read: {error}", found.troubles.len()),
        None => String::new(),
    };
    let sighted: Vec<String> = found.sightings.iter().map(|sighting| place(&sighting.file, sighting.line)).collect();
    if let Some(first) = sighted.first() {
        let why = asked.why.clone().unwrap_or_else(|| asked.with_doubts(format!("sshd reads {}", listed(read))));
        return asked.absent(format!("found in {first}, which does not count: {why}{unread}"), sighted);
    }
    let nowhere = "not found in any key or configuration file";
    if let Some(why) = &asked.why {
        return asked.absent(format!("{nowhere}; {why}{unread}"), Vec::new());
    }
    let message = match instead.len() {
        0 => format!("{nowhere}; no key is authorized in {}", listed(read)),
        _ => format!("{nowhere}; authorized instead: {}", listed(&instead)),
    };
    let message = format!("{}{unread}", asked.with_doubts(message));
    asked.absent(message, instead)
}

/// The keys of a file that are the wanted one; found once for all users who share the file.
fn wanted_of(
    keys: &Arc<[AuthorizedKey]>,
    wanted: &WantedKey,
    matching: &mut HashMap<*const AuthorizedKey, Vec<AuthorizedKey>>,
) -> Vec<AuthorizedKey> {
    let find = || keys.iter().filter(|key| wanted.is(&key.line.key)).cloned().collect();
    matching.entry(keys.as_ptr()).or_insert_with(find).clone()
}

/// The key is accepted at all these places, as far as the image tells.
fn accepted(sshd: &Sshd, users: &Users, places: &[&Place]) -> Judgement {
    let mut message = format!("sshd accepts it for {}", names(places.iter().copied()));
    if !sshd.starts {
        message.push_str(", once sshd is started by hand: nothing starts it at boot");
    }
    if !users.known {
        message.push_str("; whether there is such a user is not known: the image has no users-groups.json");
    }
    // A place without conditions makes those of the same user's other places void.
    let free = |user: &str| places.iter().any(|place| place.user == user && place.answer.is_free());
    let bound = places.iter().filter(|place| !free(&place.user));
    let message = unless(message, bound.flat_map(|place| place.answer.phrases()));
    let files = unique(places.iter().map(|place| place.file.clone()));
    match places.iter().any(|place| place.answer.verdict() == Verdict::Granted) {
        true => Judgement::pass(message, files),
        false => Judgement::unknown(message, files),
    }
}

/// sshd reads the key, but does not accept it for the user asked for, or for any.
fn useless(places: &[Place], asked: &Asked<'_>) -> Judgement {
    let own_places = || places.iter().filter(|place| asked.user.is_none_or(|user| user == place.user));
    let own = own_places().next();
    let refusal = own.and_then(|place| place.answer.refused()).or_else(|| asked.why.clone());
    let accepted = names(places.iter().filter(|place| place.answer.opens()));
    let message = match (asked.user, refusal) {
        (_, Some(why)) => format!("authorized for {}, which does not count: {why}", names(places)),
        (Some(user), None) if places.iter().any(|place| place.answer.opens()) => {
            asked.with_doubts(format!("sshd accepts it for {accepted}, not for {user}"))
        }
        _ => asked.with_doubts(format!("authorized for {}, whom sshd turns away", names(places))),
    };
    let files = unique(places.iter().map(|place| place.file.clone()));
    match own {
        Some(_) if !own_places().any(|place| place.answer.verdict() == Verdict::Unknown) => {
            Judgement::fail(message, files)
        }
        Some(_) => Judgement::unknown(message, files),
        None => asked.absent(message, files),
    }
}

/// The keys that are authorized: the nearest thing there is to the one that is not.
fn instead(files: &mut KeysFiles<'_>, sshd: &Sshd, users: &Users, user: Option<&str>) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for candidate in users.list.iter().filter(|candidate| user.is_none_or(|user| user == candidate.name)) {
        for file in sshd.keys(files, candidate)?.into_iter().filter_map(|file| file.keys) {
            for AuthorizedKey { line, .. } in file.iter().take(MOST_INSTEAD.saturating_sub(keys.len())) {
                let comment = if line.comment.is_empty() { String::new() } else { format!(" {}", line.comment) };
                keys.push(format!("{}{comment} for {}", line.key, candidate.name));
            }
        }
    }
    Ok(keys)
}

/// A sentence, and the conditions under which it holds or does not.
fn unless(sentence: String, conditions: impl IntoIterator<Item = String>) -> String {
    let conditions = unique(conditions);
    if conditions.is_empty() { sentence } else { format!("{sentence}; {}", conditions.join("; ")) }
}

fn names<'p>(places: impl IntoIterator<Item = &'p Place>) -> String {
    listed(&unique(places.into_iter().map(|place| place.user.clone())))
}

fn unique(items: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    items.into_iter().filter(|item| seen.insert(item.clone())).collect()
}

fn listed(items: &[String]) -> String {
    let shown = items.get(..SHOWN).unwrap_or(items).join(", ");
    match items.len().saturating_sub(SHOWN) {
        0 if items.is_empty() => "no file".to_owned(),
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn place(file: &[u8], line: u64) -> String {
    format!("{}:{line}", String::from_utf8_lossy(file))
}
