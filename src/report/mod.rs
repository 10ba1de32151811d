//! Finished values, written out: as tables for people and as JSON for programs. No reckoning happens here.

pub mod access;
pub mod check;
mod escape;
pub mod files;
pub mod inspect;
pub mod packages;
pub mod size;
mod table;
pub mod verify;

pub use escape::escape;
