//! Reads NixOS ISO images in place: no root, no mount, no unpacking, no Nix.

pub mod check;
pub mod diff;
pub mod error;
pub mod fs;
pub mod image;
pub mod nixos;
pub mod parse;
pub mod report;
pub mod secrets;
pub mod store;
pub mod verify;

pub use error::{Error, Place, Result};
