//! `--installed NAME[@VERSION]`: the default system has the package installed.

use std::fmt;

use super::super::packages::{chain_texts, is_beside, missing, names, query, texts};
use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
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
        let system = match subject.system()? {
            Ok(system) => system,
            Err(none) => return Ok(none),
        };
        let matching: Vec<(usize, &StorePath)> = software
            .present()
            .map(|(index, object)| (index, &object.path))
            .filter(|(_, path)| self.0.matches(path))
            .collect();
        let found: Vec<&StorePath> = matching
            .iter()
            .filter(|(index, path)| software.is_installed(*index) && !is_beside(path))
            .map(|(_, path)| *path)
            .collect();
        if !found.is_empty() {
            return Ok(Judgement::pass(names(&found), texts(&found)));
        }
        if matching.is_empty() {
            return Ok(missing(software, &self.0));
        }
        for other in subject.disc.systems.iter().filter(|other| other.present && other.path != system.path) {
            let there = software::installed(subject.disc, &software.contents, other)?;
            let found: Vec<&StorePath> =
                matching.iter().filter(|(index, _)| there.get(*index) == Some(&true)).map(|(_, path)| *path).collect();
            if !found.is_empty() {
                let name = other
                    .specialisation
                    .as_ref()
                    .map_or_else(|| other.path.to_string(), |name| format!("the specialisation {name}"));
                let message = format!("not installed in the default system, only in {name}: {}", names(&found));
                return Ok(Judgement::fail(message, texts(&found)));
            }
        }
        let paths: Vec<&StorePath> = matching.iter().map(|(_, path)| *path).collect();
        let root = software.contents.index(&system.path);
        let chain = software.contents.graph.chain(root, |object| matching.iter().any(|(index, _)| *index == object));
        let (why, evidence) = match chain {
            Some(chain) => ("a dependency, not in environment.systemPackages", chain_texts(software, &chain)),
            None => ("in the image, but the default system does not refer to it", texts(&paths)),
        };
        Ok(Judgement::fail(format!("{why}: {}", names(&paths)), evidence))
    }
}
