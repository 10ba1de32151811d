//! Finished values, written out: as tables for people and as JSON for programs. Nothing is decided here.
//!
//! Tables need the feature `cli`.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports, reason = "the helpers of tables are not used"))]

pub mod access;
pub mod check;
pub mod count;
pub mod diff;
mod document;
pub mod du;
mod escape;
pub mod extract;
pub mod files;
pub mod github;
pub mod html;
pub mod inspect;
pub mod junit;
pub mod manifest;
pub mod markdown;
pub mod packages;
pub mod policy;
pub mod sarif;
pub mod sbom;
pub mod schema;
pub mod secrets;
pub mod services;
pub mod size;
mod style;
#[cfg(feature = "cli")]
mod table;
pub mod tap;
pub mod verify;
pub mod why;

pub use document::{About, unreadable};
pub use escape::{escape, unescape};
pub use style::STRONG;
#[cfg(feature = "cli")]
pub use table::Layout;
