//! NixOS: from a disc to its systems, and what they would do after boot.

pub mod access;
pub mod answer;
mod authenticode;
pub mod bill;
pub(crate) mod credential;
mod disc;
pub mod du;
pub mod firewall;
pub mod hardening;
pub mod hints;
pub(crate) mod initrd;
mod initrds;
pub(crate) mod kernel_line;
pub(crate) mod listeners;
#[cfg(test)]
mod made;
mod medium;
pub mod menu;
pub mod netboot;
mod object_kind;
mod password;
mod root;
pub mod services;
pub mod ssh;
mod summary;
mod system;
pub mod tree;
pub mod unit;
mod users;
pub mod why;

pub mod package;
pub mod software;
pub use authenticode::Authenticode;
pub(crate) use authenticode::machine;
pub use disc::Disc;
pub use initrd::{Initrd, IntoSystem};
pub use medium::{Form, Medium};
pub use object_kind::ObjectKind;
pub use password::{Password, PasswordState, Quirk, Scheme};
pub use root::Root;
pub use summary::{BootFacts, StoreFacts, Summary, VolumeFacts};
pub use system::{Description, System, toplevel};
pub use users::{User, Users};
