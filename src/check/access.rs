//! Assertions on keys.

use super::{Judgement, Subject, WantedKey};
use crate::error::Result;
use crate::nixos::Users;
use crate::nixos::ssh::{AuthorizedKey, Sshd, search};

/// sshd would accept the key for the user, or for any.
pub(super) fn key(subject: &Subject<'_, '_>, wanted: &WantedKey, user: Option<&str>) -> Result<Judgement> {
    let tree = subject.disc.tree();
    let system = match subject.system()? {
        Ok(system) => system,
        Err(none) => return Ok(none),
    };
    let toplevel = system.path.to_string();
    let (sshd, users) = (Sshd::of(tree, &toplevel)?, Users::of(tree, &toplevel)?);
    // Where the key stands, and for whom that does not count.
    let mut accepted: Vec<(String, AuthorizedKey)> = Vec::new();
    let mut useless: Vec<(String, AuthorizedKey)> = Vec::new();
    let mut authorities: Vec<AuthorizedKey> = Vec::new();
    let mut read: Vec<String> = Vec::new();
    for candidate in &users.list {
        let asked = user.is_none_or(|user| user == candidate.name);
        let refused = sshd.refuses(&users, &candidate.name);
        for file in sshd.keys(tree, candidate)? {
            if asked {
                read.push(file.path);
            }
            for key in file.keys.into_iter().flatten().filter(|key| wanted.is(&key.line.key)) {
                if !key.line.lets_in_its_holder() {
                    authorities.push(key);
                    continue;
                }
                let list = if asked && refused.is_none() { &mut accepted } else { &mut useless };
                list.push((candidate.name.clone(), key));
            }
        }
    }
    if !accepted.is_empty() {
        let names: Vec<&str> = accepted.iter().map(|(name, _)| name.as_str()).collect();
        let started = if sshd.starts { "" } else { ", once sshd is started by hand: nothing starts it at boot" };
        let message = format!("sshd accepts it for {}{started}", names.join(", "));
        return Ok(Judgement::pass(message, accepted.iter().map(|(_, key)| place(&key.file, key.number)).collect()));
    }
    let why = match user {
        Some(name) => sshd.refuses(&users, name),
        None => users.list.iter().find(|user| user.name == "root").and_then(|root| sshd.refuses(&users, &root.name)),
    };
    if !useless.is_empty() {
        let names: Vec<&str> = useless.iter().map(|(name, _)| name.as_str()).collect();
        let message = match (user, &why) {
            (Some(user), None) => format!("sshd accepts it for {}, not for {user}", names.join(", ")),
            (_, Some(why)) => format!("authorized for {}, which does not count: {why}", names.join(", ")),
            (None, None) => format!("authorized for {}, whom sshd turns away", names.join(", ")),
        };
        return Ok(Judgement::fail(message, useless.iter().map(|(_, key)| place(&key.file, key.number)).collect()));
    }
    if let Some(first) = authorities.first() {
        let place = |key: &AuthorizedKey| place(&key.file, key.number);
        let message = format!("found in {}, which does not count: it stands there for certificates", place(first));
        return Ok(Judgement::fail(message, authorities.iter().map(place).collect()));
    }
    let exact = match wanted {
        WantedKey::Key(key) => Some(key),
        WantedKey::Fingerprint(_) => None,
    };
    let sightings = search(tree, &|key| wanted.is(key), exact)?;
    if !sightings.is_empty() {
        let first = sightings.first().map(|sighting| place(&sighting.file, sighting.line)).unwrap_or_default();
        let why = why.unwrap_or_else(|| format!("sshd reads {}", listed(&read)));
        let message = format!("found in {first}, which does not count: {why}");
        return Ok(Judgement::fail(
            message,
            sightings.iter().map(|sighting| place(&sighting.file, sighting.line)).collect(),
        ));
    }
    if let Some(why) = why {
        return Ok(Judgement::fail(format!("not in the image; {why}"), Vec::new()));
    }
    let instead = instead(subject, &sshd, &users, user)?;
    let message = match instead.len() {
        0 => format!("not in the image; no key is authorized in {}", listed(&read)),
        _ => format!("not in the image; authorized instead: {}", instead.join(", ")),
    };
    Ok(Judgement::fail(message, instead))
}

/// The keys that are authorized: the nearest thing there is to the one that is not.
fn instead(subject: &Subject<'_, '_>, sshd: &Sshd, users: &Users, user: Option<&str>) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for candidate in users.list.iter().filter(|candidate| user.is_none_or(|user| user == candidate.name)) {
        let found = sshd.keys(subject.disc.tree(), candidate)?.into_iter().filter_map(|file| file.keys).flatten();
        for key in found.filter(|key| key.line.lets_in_its_holder()) {
            let comment = if key.line.comment.is_empty() { String::new() } else { format!(" {}", key.line.comment) };
            keys.push(format!("{}{comment} for {}", key.line.key, candidate.name));
        }
    }
    Ok(keys)
}

fn listed(files: &[String]) -> String {
    if files.is_empty() { "no file".to_owned() } else { files.join(" and ") }
}

fn place(file: &[u8], line: u64) -> String {
    format!("{}:{line}", String::from_utf8_lossy(file))
}
