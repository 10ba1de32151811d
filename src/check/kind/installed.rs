//! `--installed NAME[@VERSION]`: the package is installed in the default system.

use std::borrow::Cow;
use std::fmt;

use super::super::hidden::{Takers, takers};
use super::super::packages::{Matches, chain_texts, installed, names, only_beside, paths, query, texts};
use super::{Ask, Flag, Kind, Takes};
use crate::check::systems::{Scope, called, in_each};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::nixos::System;
use crate::nixos::software::{self, Software, shown};
use crate::store::StorePath;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "installed",
    says: "a package is installed in the default system",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Text("NAME[@VERSION]", |text| query(text).map(|query| Installed(query).into())),
        help: "The default system has the package installed (environment.systemPackages)",
    }),
};

/// The package is installed in the default system (`environment.systemPackages`).
#[derive(Clone, Debug)]
pub struct Installed(pub PackageQuery);

impl fmt::Display for Installed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for Installed {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        // Without a store, it is unknown what is installed.
        subject.software()?;
        in_each(subject, Scope::Default, |system| self.judge_in(subject, system))
    }
}

impl Installed {
    fn judge_in(&self, subject: &Subject<'_, '_>, system: &System) -> Result<Judgement> {
        let own = flags(subject, system)?;
        let all = Matches::of(subject, &self.0)?;
        let found = installed(&own, &all.itself);
        if !found.is_empty() {
            return Ok(Judgement::pass(names(&found), texts(&found)));
        }
        let all = all.require_all()?;
        let beside = installed(&own, &all.beside);
        if !beside.is_empty() {
            return Ok(Judgement::fail(only_beside(&beside), texts(&beside)));
        }
        if all.itself.is_empty() {
            return all.missing(subject, &self.0);
        }
        if let Some(elsewhere) = in_another_system(subject, system, &all.itself)? {
            return Ok(elsewhere);
        }
        if let Some(taken) = taken(subject, system, &all.itself)? {
            return Ok(taken);
        }
        Ok(dependency(subject.software()?, system, &all.itself))
    }
}

/// For each object, whether it is installed in a system.
pub(super) fn flags<'s>(subject: &'s Subject<'_, '_>, system: &System) -> Result<Cow<'s, [bool]>> {
    let software = subject.software()?;
    if system.default {
        return Ok(Cow::Borrowed(&software.installed));
    }
    software::installed(subject.disc, &software.contents, system).map(Cow::Owned)
}

/// The judgement if the package is installed in another system.
fn in_another_system(
    subject: &Subject<'_, '_>,
    system: &System,
    matching: &[(usize, &StorePath)],
) -> Result<Option<Judgement>> {
    for other in subject.disc.systems.iter().filter(|other| other.present && other.path != system.path) {
        let found = installed(&flags(subject, other)?, matching);
        if !found.is_empty() {
            let name = other
                .specialisation
                .as_ref()
                .map_or_else(|| other.path.to_string(), |name| format!("the specialisation {name}"));
            let message = format!("not installed in {}, only in {name}: {}", called(system), names(&found));
            return Ok(Some(Judgement::fail(message, texts(&found))));
        }
    }
    Ok(None)
}

/// The judgement if the system path has all names of the package's programs, but they link to other packages.
fn taken(subject: &Subject<'_, '_>, system: &System, matching: &[(usize, &StorePath)]) -> Result<Option<Judgement>> {
    for (_, path) in matching {
        let Some(takers) = takers(subject.disc.tree(), system, path)? else { continue };
        let evidence = vec![path.to_string()];
        return Ok(Some(match takers {
            Takers::Through(others) => {
                let others: Vec<&StorePath> = others.iter().collect();
                Judgement::pass(format!("{}, through {}", shown(path), names(&others)), evidence)
            }
            Takers::Instead(others) => {
                let others: Vec<&StorePath> = others.iter().collect();
                let message = format!(
                    "{} is in the image, but the system path takes the programs of that name from {}; whether it is in \
                     environment.systemPackages too, the references do not tell",
                    shown(path),
                    names(&others)
                );
                Judgement::unknown(message, evidence)
            }
        }));
    }
    Ok(None)
}

fn dependency(software: &Software, system: &System, matching: &[(usize, &StorePath)]) -> Judgement {
    let paths = paths(matching);
    let root = software.contents.index(&system.path);
    let chain = software.contents.graph.chain(root, |object| matching.iter().any(|(index, _)| *index == object));
    let (why, evidence) = match chain {
        Some(chain) => ("a dependency, not in environment.systemPackages".to_owned(), chain_texts(software, &chain)),
        None => (format!("in the image, but {} does not refer to it", called(system)), texts(&paths)),
    };
    Judgement::fail(format!("{why}: {}", names(&paths)), evidence)
}
