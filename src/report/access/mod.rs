//! Who can log in.

mod document;
#[cfg(feature = "cli")]
mod page;
mod user;

pub(super) use document::FindingEntry;
#[cfg(test)]
pub(super) use document::Shape;
pub use document::json;
#[cfg(feature = "cli")]
pub use page::{Shown, page, tsv};
