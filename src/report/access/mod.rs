//! Who can log in.

mod document;
#[cfg(feature = "cli")]
mod page;
mod user;

pub use document::json;
#[cfg(feature = "cli")]
pub use page::{Shown, page};
