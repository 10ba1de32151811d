//! `--no-empty-passwords`: no user has an empty password that lets anyone in.

use std::fmt;

use super::access::no_findings;
use super::{Ask, Flag, Kind, Takes};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::access::FindingId;

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "no-empty-passwords",
    says: "no empty password opens anything",
    advice: None,
    flag: Some(Flag {
        takes: Takes::Nothing(|| NoEmptyPasswords.into()),
        help: "No user has an empty password that opens anything",
    }),
};

/// Findings of an empty password that lets anyone in.
const EMPTY_PASSWORDS: [FindingId; 2] = [FindingId::EmptyPassword, FindingId::EmptyPasswordOverSsh];

/// No user has an empty password that lets anyone in.
#[derive(Clone, Debug)]
pub struct NoEmptyPasswords;

impl fmt::Display for NoEmptyPasswords {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "all users")
    }
}

impl Ask for NoEmptyPasswords {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        no_findings(subject, &EMPTY_PASSWORDS, &[])
    }
}
