//! Sizes in binary units.

pub use crate::check::size::format;
