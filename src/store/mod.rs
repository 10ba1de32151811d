//! The Nix store of an image: its paths, their names, the registration and the reference graph.

pub mod graph;
pub mod name;
pub mod nix32;
mod path;
pub mod registration;
pub mod version;

pub use path::{STORE, StorePath};
