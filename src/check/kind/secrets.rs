//! `[secrets]`: no secret is in the image.

use std::fmt;

use super::{Ask, Kind};
use crate::check::accept::Standing;
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::secrets::{self, Allow, Secret, Subject as Whose};

/// The row in the table of kinds.
pub(super) const KIND: Kind = Kind {
    name: "secrets",
    says: "no private keys, passwords, hashes or tokens are in the image",
    advice: Some(
        "Whoever has the image can read them. Keep them out of the store, with sops-nix, agenix or hashedPasswordFile, and replace those that have been handed out. Paths that are meant to hold some go into allow of [secrets].",
    ),
    flag: None,
};

/// Limit for listed places.
const SHOWN: usize = 20;

/// What to do about a secret.
const ADVICE: &str = "; keep it out of the store, or allow its path";

/// No secret is in the image, except in allowed files.
#[derive(Clone, Debug)]
pub struct NoSecrets(pub Allow);

impl fmt::Display for NoSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "none")
    }
}

impl Ask for NoSecrets {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let mut report = secrets::scan(subject.disc, &self.0, subject.progress)?;
        let (mut over, before) = (None, report.secrets.len());
        report.secrets.retain(|secret| {
            let (path, whose) = (String::from_utf8_lossy(&secret.path), secret.subject.as_ref().map(Whose::name));
            let subjects: Vec<&str> = whose.into_iter().chain([&*path]).collect();
            match subject.accepted.standing(secret.kind, &subjects) {
                Standing::Accepted(_) => return false,
                Standing::Over(why) => over = over.take().or(Some(why)),
                Standing::Counts => {}
            }
            true
        });
        report.allowed += before - report.secrets.len();
        let over = over.map(|why| format!(" {why}")).unwrap_or_default();
        if report.secrets.is_empty()
            && let Some(error) = report.troubles.into_iter().next()
        {
            // The files that could not be searched may hold secrets.
            return Err(error);
        }
        let place = |secret: &Secret| {
            let line = secret.line.map_or_else(|| format!(" at byte {}", secret.offset), |line| format!(":{line}"));
            format!("{} {}: {}{line}", secret.kind, secret.description(), String::from_utf8_lossy(&secret.path))
        };
        let places: Vec<String> = report.secrets.iter().take(SHOWN).map(place).collect();
        let allowed = match report.allowed {
            0 => String::new(),
            count => format!(", {count} allowed"),
        };
        let unused =
            report.unused.iter().fold(String::new(), |told, glob| format!("{told}; allow {glob} matched nothing"));
        Ok(match (report.secrets.len() + report.further, places.first()) {
            (0, _) | (_, None) => {
                Judgement::pass(format!("none in {} files{allowed}{unused}", report.files), Vec::new())
            }
            (1, Some(first)) => Judgement::fail(format!("{first}{over}{ADVICE}{unused}"), places),
            (many, Some(first)) => Judgement::fail(format!("{many}, such as {first}{over}{ADVICE}{unused}"), places),
        })
    }
}
