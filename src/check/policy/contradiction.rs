//! Tables of a policy that no image satisfies together.

use std::fmt;

use super::super::kind::{Range, State};
use super::file::{Checked, Policy};
use super::mistake::Mistake;
use super::network::{PortTable, PortWord, Protocol};
use super::tables::{FileTable, OneOrMany, PackageState, PackageTable, UnitTable, UserTable};
use crate::nixos::firewall::covers;

/// The mistakes: each names the line of the earlier table.
pub(super) fn find(policy: &Policy) -> Vec<Mistake> {
    let mut found = Vec::new();
    among(&policy.package, packages, &mut found);
    among(&policy.file, files, &mut found);
    among(&policy.unit, units, &mut found);
    among(&policy.user, users, &mut found);
    among(&policy.port, ports, &mut found);
    ports_and_firewall(policy, &mut found);
    for key in &policy.key {
        let gone = policy.user.iter().find(|user| {
            user.exists == Some(false) && key.user.as_ref() == Some(&user.name) && meet(&key.system, &user.system)
        });
        found.extend(gone.map(|user| {
            let what = format!("a key for {}, who must not exist", user.name);
            mistake(key.1.first.max(user.1.first), &what, key.1.first.min(user.1.first))
        }));
    }
    if let Some(params) = policy.image.as_ref().and_then(|image| image.params.as_ref()) {
        let both = params.require.iter().filter(|param| params.forbid.contains(param));
        found.extend(both.map(|param| Mistake::in_line(params.1.first, format!("{param} is required and forbidden"))));
    }
    found
}

/// Compares each table with those before it.
fn among<T>(tables: &[Checked<T>], contradict: fn(&T, &T) -> Option<String>, found: &mut Vec<Mistake>) {
    for (index, table) in tables.iter().enumerate() {
        let earlier =
            tables.iter().take(index).find_map(|earlier| Some((contradict(earlier, table)?, earlier.1.first)));
        found.extend(earlier.map(|(what, line)| mistake(table.1.first, &what, line)));
    }
}

fn mistake(line: usize, what: &str, other: usize) -> Mistake {
    Mistake::in_line(line, format!("{what}; that contradicts line {other}"))
}

/// Whether two tables ask of the same system. One that names none asks of all.
fn meet(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_none() || other.is_none() || one == other
}

fn packages(one: &PackageTable, other: &PackageTable) -> Option<String> {
    let name = one.name.as_slice().iter().find(|name| other.name.as_slice().contains(name))?;
    let same = one.version == other.version;
    let forbids = |table: &PackageTable| table.state == PackageState::Forbidden;
    let all = |table: &PackageTable| forbids(table) && table.version.is_none();
    if forbids(one) != forbids(other) && (same || all(one) || all(other)) {
        return Some(format!("{name} is required and forbidden"));
    }
    let opposite = one.installed.zip(other.installed).is_some_and(|(one, other)| one != other);
    (same && opposite && !forbids(one)).then(|| format!("{name} must be installed, and must not"))
}

fn files(one: &FileTable, other: &FileTable) -> Option<String> {
    if one.path != other.path {
        return None;
    }
    let path = &one.path;
    if (one.absent == Some(true)) != (other.absent == Some(true)) {
        return Some(format!("{path} must be there, and must not"));
    }
    let bits = |table: &FileTable| u16::from_str_radix(table.mode.as_ref()?, 8).ok();
    let digest = |table: &FileTable| Some(table.sha256.as_ref()?.to_ascii_lowercase());
    differ(one.r#type, other.r#type)
        .then(|| format!("{path} must have two types"))
        .or_else(|| differ(bits(one), bits(other)).then(|| format!("{path} must have two modes")))
        .or_else(|| differ(digest(one), digest(other)).then(|| format!("{path} must have two digests")))
}

fn units(one: &UnitTable, other: &UnitTable) -> Option<String> {
    if one.name != other.name || !meet(&one.system, &other.system) {
        return None;
    }
    let name = &one.name;
    let exists = |table: &UnitTable| match &table.state {
        Some(words) if words.as_slice().iter().all(|word| *word == State::Missing) => Some(false),
        Some(words) if words.as_slice().contains(&State::Missing) => None,
        None if table.exists.is_none() && table.enabled == Some(false) => None,
        _ => Some(table.exists != Some(false)),
    };
    if differ(exists(one), exists(other)) {
        return Some(format!("{name} must exist, and must not"));
    }
    if differ(one.enabled, other.enabled) {
        return Some(format!("{name} must start, and must not"));
    }
    apart(one.state.as_ref(), other.state.as_ref()).then(|| format!("no state of {name} is in both lists"))
}

fn ports(one: &PortTable, other: &PortTable) -> Option<String> {
    let differ = one.protocol == other.protocol && one.state != other.state && meet(&one.system, &other.system);
    let ((first, last), (start, end)) = (one.port.range().ok()?, other.port.range().ok()?);
    let both = Range((first.max(start), last.min(end)));
    (differ && both.0.0 <= both.0.1).then(|| format!("{} {both} must be open, and closed", one.protocol.name()))
}

/// A port that must be open is one that the firewall must let in.
fn ports_and_firewall(policy: &Policy, found: &mut Vec<Mistake>) {
    let Some(firewall) = &policy.firewall else { return };
    for port in policy.port.iter().filter(|port| port.state == PortWord::Open && meet(&port.system, &firewall.system)) {
        let list = match port.protocol {
            Protocol::Tcp => &firewall.tcp,
            Protocol::Udp => &firewall.udp,
        };
        let (Some(list), Ok(range)) = (list, port.port.range()) else { continue };
        let mut ranges: Vec<(u16, u16)> = list.iter().filter_map(|ports| ports.range().ok()).collect();
        ranges.sort_unstable();
        if !covers(ranges.into_iter(), range) {
            let port_text = format!("{} {}", port.protocol.name(), Range(range));
            let what = format!("{port_text} must be open, and the firewall must not let it in");
            found.push(mistake(firewall.1.first.max(port.1.first), &what, firewall.1.first.min(port.1.first)));
        }
    }
}

fn users(one: &UserTable, other: &UserTable) -> Option<String> {
    if one.name != other.name || !meet(&one.system, &other.system) {
        return None;
    }
    let name = &one.name;
    if (one.exists == Some(false)) != (other.exists == Some(false)) {
        return Some(format!("{name} must exist, and must not"));
    }
    if differ(one.shell.as_ref(), other.shell.as_ref()) {
        return Some(format!("{name} must have two shells"));
    }
    apart(one.password.as_ref(), other.password.as_ref())
        .then(|| format!("no password state of {name} is in both lists"))
}

/// Whether both are given and differ.
fn differ<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// Whether no word is in both lists.
fn apart<T: PartialEq + fmt::Debug>(one: Option<&OneOrMany<T>>, other: Option<&OneOrMany<T>>) -> bool {
    one.zip(other).is_some_and(|(one, other)| !one.as_slice().iter().any(|word| other.as_slice().contains(word)))
}
