//! `--forbid NAME[@VERSION]`: the package is not in the image.

use std::fmt;

use super::super::packages::{Matches, chain_to, meant, names, only, query};
use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, PackageQuery, Subject};
use crate::error::Result;
use crate::nixos::ObjectKind;
use crate::store::StorePath;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "forbid",
    says: "a package is not in the image",
    advice: Some("The properties of the result have the chain of references that brings the package in."),
    flag: Some(Flag {
        takes: Takes::Text("NAME[@VERSION]", |text| query(text).map(|query| Forbid(query).into())),
        help: "The package is not in the image",
    }),
};

/// No output of the package is in the image. Derivations and sources of that name do not run, so they are accepted.
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
        let found = Matches::of(subject, &self.0)?;
        // A name may mean scripts and data, and a full name may mean anything.
        let counts = |kind: ObjectKind, path: &StorePath| kind == ObjectKind::Other || path.name() == self.0.name();
        let named = found.others.iter().filter(|(kind, path)| counts(*kind, path)).map(|(_, path)| *path);
        let paths: Vec<&StorePath> = found.software().chain(named).collect();
        if !paths.is_empty() {
            let chain = chain_to(subject.disc, software, &paths)?;
            return Ok(Judgement::fail(format!("in the image: {}", names(&paths)), chain));
        }
        let relatives = Matches::such(subject, &|path| self.0.is_relative(path))?;
        let paths: Vec<&StorePath> = relatives.software().collect();
        if !paths.is_empty() {
            let chain = chain_to(subject.disc, software, &paths)?;
            let message = format!("in the image under another name, in the same version: {}", names(&paths));
            return Ok(Judgement::fail(message, chain));
        }
        relatives.require_all()?;
        let found = found.require_all()?;
        let message = match found.others.as_slice() {
            [] => format!("not in the image{}", meant(software, &self.0)),
            others => format!("not in the image as software; {}", only(others)),
        };
        Ok(Judgement::pass(message, Vec::new()))
    }
}
