//! NixOS: from a disc to its systems, and what they would do after boot.

mod disc;
pub mod menu;
pub mod ssh;
mod system;
mod users;

pub mod package;
pub mod software;
pub use disc::{Disc, Medium};
pub use system::{System, in_store as systems_in_store};
pub use users::{User, Users};
