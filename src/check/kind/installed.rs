//! `--installed NAME[@VERSION]`: the default system has the package installed.

use std::borrow::Cow;
use std::fmt;

use super::super::packages::{chain_texts, is_beside, missing, names, query, texts};
use super::{Ask, Flag, Kind, Takes};
use crate::check::systems::{Scope, called, in_each};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::nixos::System;
use crate::nixos::software;
use crate::store::StorePath;

/// The row of the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "installed",
    says: "a package is installed in the default system",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Text("NAME[@VERSION]", |text| query(text).map(|query| Installed(query).into())),
        help: "The default system has the package installed (environment.systemPackages)",
    }),
};

/// The default system has the package installed (`environment.systemPackages`).
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
        let software = subject.software()?;
        let matching: Vec<(usize, &StorePath)> = software
            .present()
            .map(|(index, object)| (index, &object.path))
            .filter(|(_, path)| self.0.matches(path))
            .collect();
        in_each(subject, Scope::Default, |system| self.judge_in(subject, system, &matching))
    }
}

impl Installed {
    /// `matching` are the packages that are asked for, wherever they are in the image.
    fn judge_in(
        &self,
        subject: &Subject<'_, '_>,
        system: &System,
        matching: &[(usize, &StorePath)],
    ) -> Result<Judgement> {
        let software = subject.software()?;
        let among = |installed: &[bool]| -> Vec<&StorePath> {
            matching.iter().filter(|(index, _)| installed.get(*index) == Some(&true)).map(|(_, path)| *path).collect()
        };
        let mut found = among(&installed_in(subject, system)?);
        found.retain(|path| !is_beside(path));
        if !found.is_empty() {
            return Ok(Judgement::pass(names(&found), texts(&found)));
        }
        if matching.is_empty() {
            return Ok(missing(software, &self.0));
        }
        let own = called(system);
        for other in subject.disc.systems.iter().filter(|other| other.present && other.path != system.path) {
            let found = among(&installed_in(subject, other)?);
            if !found.is_empty() {
                let name = other
                    .specialisation
                    .as_ref()
                    .map_or_else(|| other.path.to_string(), |name| format!("the specialisation {name}"));
                let message = format!("not installed in {own}, only in {name}: {}", names(&found));
                return Ok(Judgement::fail(message, texts(&found)));
            }
        }
        let paths: Vec<&StorePath> = matching.iter().map(|(_, path)| *path).collect();
        let root = software.contents.index(&system.path);
        let chain = software.contents.graph.chain(root, |object| matching.iter().any(|(index, _)| *index == object));
        let (why, evidence) = match chain {
            Some(chain) => {
                ("a dependency, not in environment.systemPackages".to_owned(), chain_texts(software, &chain))
            }
            None => (format!("in the image, but {own} does not refer to it"), texts(&paths)),
        };
        Ok(Judgement::fail(format!("{why}: {}", names(&paths)), evidence))
    }
}

/// For each object, whether a system has it installed.
pub(super) fn installed_in<'s>(subject: &'s Subject<'_, '_>, system: &System) -> Result<Cow<'s, [bool]>> {
    let software = subject.software()?;
    if system.default {
        return Ok(Cow::Borrowed(&software.installed));
    }
    software::installed(subject.disc, &software.contents, system).map(Cow::Owned)
}
