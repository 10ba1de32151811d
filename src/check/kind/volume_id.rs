//! `volume-id`: the name of the volume matches.

use std::fmt;

use globset::GlobMatcher;

use super::{Ask, Kind};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::Medium;

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "volume-id", says: "the volume is called as it was asked for", advice: None, flag: None };

/// The name of the volume matches the glob.
#[derive(Clone, Debug)]
pub struct VolumeId(pub GlobMatcher);

impl fmt::Display for VolumeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.glob())
    }
}

impl Ask for VolumeId {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let Medium::Volume(volume) = &subject.disc.carrier else {
            return Ok(Judgement::fail("only an ISO image has a volume id", Vec::new()));
        };
        let id = &volume.descriptors().primary.volume;
        let told = format!("the volume is called {id}");
        Ok(if self.0.is_match(id) { Judgement::pass(told, Vec::new()) } else { Judgement::fail(told, Vec::new()) })
    }
}
