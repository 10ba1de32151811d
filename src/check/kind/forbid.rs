//! `--forbid NAME[@VERSION]`: the package is not in the image.

use std::fmt;

use super::super::packages::{chain_texts, meant, names, query, texts};
use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::store::StorePath;

/// The row of the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "forbid",
    says: "a package is not in the image",
    advice: Some("The properties of the result have the chain of references that brings the package in."),
    flag: Some(Flag {
        takes: Takes::Text("NAME[@VERSION]", |text| query(text).map(|query| Forbid(query).into())),
        help: "The package is not in the image",
    }),
};

/// The package is not in the image, in none of its outputs.
#[derive(Clone, Debug)]
pub struct Forbid(pub PackageQuery);

impl fmt::Display for Forbid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

impl Ask for Forbid {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let software = subject.software()?;
        let found: Vec<(usize, &StorePath)> = software
            .present()
            .map(|(index, object)| (index, &object.path))
            .filter(|(_, path)| self.0.matches(path))
            .collect();
        if found.is_empty() {
            return Ok(Judgement::pass(format!("not in the image{}", meant(software, &self.0)), Vec::new()));
        }
        let paths: Vec<&StorePath> = found.iter().map(|(_, path)| *path).collect();
        // The default system first: what it brings in, people will look for there.
        let systems = &subject.disc.systems;
        let chain = systems.iter().find_map(|system| {
            let root = software.contents.index(&system.path)?;
            software.contents.graph.chain([root], |object| found.iter().any(|(index, _)| *index == object))
        });
        let evidence = match chain {
            Some(chain) => chain_texts(software, &chain),
            None => texts(&paths),
        };
        Ok(Judgement::fail(format!("in the image: {}", names(&paths)), evidence))
    }
}
