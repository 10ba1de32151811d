//! A finding: one thing to know about who gets in.

use std::fmt;

/// One thing to know about who gets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What sort of thing, the same in every release: `empty-password`.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// Whom or what it is about: a user, a file, a menu entry.
    pub subject: String,
    /// One sentence.
    pub message: String,
    /// The file of the image that causes it.
    pub path: Option<String>,
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Strangers get in, or a secret is out.
    Error,
    /// Likely not what was meant.
    Warning,
    /// Good to know.
    Info,
}

impl Severity {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
