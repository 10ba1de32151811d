//! The fixtures, and the program itself.

mod fixtures;
mod program;

pub(crate) use fixtures::{files, fixture};
pub(crate) use program::{program, run};
