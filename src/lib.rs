//! Reads NixOS ISO images in place: no root, no mount, no unpacking, no Nix.

pub mod error;
pub mod fs;
pub mod image;
pub mod parse;
pub mod store;

pub use error::{Error, Place, Result};
