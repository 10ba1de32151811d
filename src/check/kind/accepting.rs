//! An assertion of a preset whose failure a policy may accept, like a finding.

use std::fmt;

use super::{Ask, Assertion, Kind};
use crate::check::accept::Standing;
use crate::check::{Answer, Judgement, Subject};
use crate::error::Result;

/// An assertion, and the name under which `[[accept]]` accepts its failure.
#[derive(Clone, Debug)]
pub struct Accepting {
    asked: Assertion,
    name: &'static str,
    /// What the failure is about.
    subject: &'static str,
}

impl Accepting {
    /// The name of sshd taking passwords.
    pub const PASSWORDS: &str = "password-authentication";

    /// sshd takes no passwords, unless that is accepted.
    #[must_use]
    pub fn no_passwords(asked: Assertion) -> Self {
        Self { asked, name: Self::PASSWORDS, subject: "sshd" }
    }
}

impl fmt::Display for Accepting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.asked.fmt(formatter)
    }
}

impl Ask for Accepting {
    fn kind(&self) -> &'static Kind {
        self.asked.kind()
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let judgement = self.asked.judge(subject)?;
        if judgement.answer != Answer::Fails {
            return Ok(judgement);
        }
        let (answer, why) = match subject.accepted.standing(self.name, &[self.subject]) {
            Standing::Counts => return Ok(judgement),
            Standing::Over(why) => (Answer::Fails, why),
            Standing::Accepted(why) => (Answer::Holds, why),
        };
        Ok(Judgement { answer, message: format!("{} {why}", judgement.message), ..judgement })
    }
}
