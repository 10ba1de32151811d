//! The part of JavaScript that polkit rules are written in: enough to trace their decisions.
//!
//! Nothing queries the machine. A value that only the running system has is unknown, and each way through a function that depends
//! on one is followed.

mod expression;
mod lexer;
mod methods;
mod parser;
mod run;
mod value;
mod ways;

pub(super) use self::value::Doubt;
pub(super) use self::ways::{Answer, Question, Script};

/// The text has a syntax error, or something that is not understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotUnderstood {
    /// The line, counted from 1.
    pub(super) line: u64,
}
