//! The sections of a comparison, line by line.

use super::{Detail, inside, packages, value};
use crate::diff::{Difference, KeyChange, Presence, UserChange};

/// A section.
pub(in super::super) struct Section {
    pub(in super::super) heading: String,
    pub(in super::super) lines: Vec<String>,
    pub(super) length: Length,
}

/// How many lines of a section a page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Length {
    /// All of them: packages are what people came for, and files they asked for.
    Whole,
    /// Some, unless all are asked for.
    Short,
}

/// The sections that have lines.
pub(in super::super) fn sections(difference: &Difference, detail: Detail) -> Vec<Section> {
    let mut all = packages::sections(&difference.packages);
    all.extend(short("Rebuilt, same version", packages::rebuilt(&difference.paths, detail)));
    all.extend(parts(difference));
    all.extend(difference.objects.iter().filter_map(|object| inside::section_of(object, detail)));
    all.extend(short("Could not be compared", difference.troubles.clone()));
    if detail == Detail::All {
        all.extend(short("Store paths", packages::paths(&difference.paths)));
        all.extend(short("Differs in every build", value::changes(&difference.parts.noise)));
    }
    all
}

fn parts(difference: &Difference) -> impl Iterator<Item = Section> {
    let parts = &difference.parts;
    let keys = parts.keys.new.iter().map(|key| ('+', key)).chain(parts.keys.old.iter().map(|key| ('-', key)));
    let findings = parts.findings.new.iter().map(|finding| format!("+ {finding}"));
    let findings = findings.chain(parts.findings.old.iter().map(|finding| format!("- {finding}")));
    let (units, ports, firewall) = match &parts.units {
        Some(found) => (value::changes(&found.units), value::changes(&found.ports), value::changes(&found.firewall)),
        None if difference.is_none() => (Vec::new(), Vec::new(), Vec::new()),
        None => (vec!["not compared: a manifest does not list them".to_owned()], Vec::new(), Vec::new()),
    };
    let sections = [
        ("Systems", value::changes(&parts.systems)),
        ("Volume", value::changes(&parts.volume)),
        ("Users", parts.users.iter().flat_map(user).collect()),
        ("Keys", keys.map(key).collect()),
        ("sshd", value::changes(&parts.sshd)),
        ("Units", units),
        ("Ports", ports),
        ("Firewall", firewall),
        ("Findings", findings.collect()),
        ("Boot menu", value::changes(&parts.boot)),
        ("Initrd", value::changes(&parts.initrd)),
        ("Files of the disc", value::changes(&parts.files)),
    ];
    sections.into_iter().filter_map(|(heading, lines)| short(heading, lines))
}

fn short(heading: &str, lines: Vec<String>) -> Option<Section> {
    section(heading.to_owned(), lines, Length::Short)
}

pub(super) fn section(heading: String, lines: Vec<String>, length: Length) -> Option<Section> {
    (!lines.is_empty()).then_some(Section { heading, lines, length })
}

/// A user who was added or removed is one line with everything that is known. A user who changed has a line for each change.
fn user(user: &UserChange) -> Vec<String> {
    let name = of_system(&user.name, user.system.as_ref());
    let sign = match user.presence {
        Presence::Added => '+',
        Presence::Removed => '-',
        Presence::Kept => return user.changes.iter().map(|change| value::of(&name, change)).collect(),
    };
    let facts = user.changes.iter().filter_map(|change| {
        let value = change.values.as_ref().into_iter().flatten().next()?;
        Some(format!("{} {}", change.what, value::words(value)))
    });
    vec![format!("{sign} {name}: {}", facts.collect::<Vec<_>>().join("; "))]
}

fn key((sign, KeyChange { system, key }): (char, &KeyChange)) -> String {
    let user = of_system(&key.user, system.as_ref());
    let line = format!("{sign} {user} {} {} {}", key.r#type, key.fingerprint, key.comment);
    match key.options.as_str() {
        "" => line.trim_end().to_owned(),
        options => format!("{} ({options})", line.trim_end()),
    }
}

/// A name, with the system that it belongs to unless that is the default one.
fn of_system(name: &str, system: Option<&String>) -> String {
    system.map_or_else(|| name.to_owned(), |system| format!("{name} ({system})"))
}
