//! `inspect`: one page, or one document.

mod access;
pub(super) mod boot;
mod document;
mod lead;
mod metrics;
#[cfg(feature = "cli")]
mod page;

#[cfg(test)]
pub(super) use document::Shape;
pub use document::json;
pub use metrics::{csv, prometheus};
#[cfg(feature = "cli")]
pub use page::page;

use crate::fs::iso9660::Extension;

fn names(extensions: &[Extension]) -> Vec<String> {
    extensions.iter().map(Extension::to_string).collect()
}
