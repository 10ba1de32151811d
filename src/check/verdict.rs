//! The verdict on an assertion.

use super::policy::Demand;
use super::{Kind, Severity};

/// The answer to an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is true.
    Holds,
    /// It is not true.
    Fails,
    /// The image does not say, or what decides cannot be read.
    Unknown,
}

impl Answer {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Holds => "pass",
            Self::Fails => "fail",
            Self::Unknown => "unknown",
        }
    }
}

/// The verdict on one assertion.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// The same for the same assertion in every run: kind and subject.
    pub id: String,
    /// The kind of the assertion.
    pub kind: &'static Kind,
    /// What the assertion is about: a package, a path, a key.
    pub subject: String,
    /// Whether it holds.
    pub answer: Answer,
    /// One line: what was found, what is there instead, or why it cannot be decided.
    pub message: String,
    /// What the verdict rests on: store paths, files with lines, chains of references.
    pub evidence: Vec<String>,
    /// The system that decides; `None` for what is asserted of the image.
    pub system: Option<String>,
    /// What follows if it does not hold.
    pub severity: Severity,
    /// Why it is asked for.
    pub reason: Option<String>,
    /// The policy file that asks for it. `None` for a flag.
    pub policy: Option<String>,
    /// The line of the policy file that asks for it, counted from 1.
    pub line: Option<usize>,
}

impl Verdict {
    pub(super) fn new(demand: &Demand, judgement: Judgement) -> Self {
        let (kind, subject) = (demand.assertion.kind(), demand.assertion.to_string());
        let system = demand.system.as_ref().map(|system| format!(" in {system}")).unwrap_or_default();
        Self {
            id: format!("{}:{subject}{system}", kind.name),
            kind,
            subject,
            answer: judgement.answer,
            message: judgement.message,
            evidence: judgement.evidence,
            system: judgement.system,
            severity: demand.severity,
            reason: demand.reason.clone(),
            policy: demand.policy.clone(),
            line: demand.line,
        }
    }
}

/// A verdict before it knows what it is about.
#[derive(Debug)]
pub struct Judgement {
    pub(super) answer: Answer,
    pub(super) message: String,
    pub(super) evidence: Vec<String>,
    /// The system that decides; `None` for what is asserted of the image.
    pub(super) system: Option<String>,
}

impl Judgement {
    pub(super) fn pass(message: impl Into<String>, evidence: Vec<String>) -> Self {
        Self { answer: Answer::Holds, message: message.into(), evidence, system: None }
    }

    pub(super) fn fail(message: impl Into<String>, evidence: Vec<String>) -> Self {
        Self { answer: Answer::Fails, message: message.into(), evidence, system: None }
    }

    /// The message says why it cannot be decided.
    pub(super) fn unknown(message: impl Into<String>, evidence: Vec<String>) -> Self {
        Self { answer: Answer::Unknown, message: message.into(), evidence, system: None }
    }
}
