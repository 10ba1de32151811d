//! The fixtures, and the program itself.

#[allow(dead_code, reason = "not every test program makes discs")]
mod disc;
mod fixtures;
mod program;

#[allow(unused_imports, reason = "not every test program makes discs")]
pub(crate) use disc::{Disc, SYSTEM};
pub(crate) use fixtures::{files, fixture};
#[allow(unused_imports, reason = "not every test program names the type")]
pub(crate) use program::{Run, program, run};
