//! Compares what nixoscope reads with what the real tools read, over all fixtures.
//!
//! These tests need the tools, which `fixtures/make packages` and `.ci/run` list; so they only run when they are asked
//! for: `cargo test --test oracle`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a helper does not expect fails the test"
)]

mod bills;
mod compressed;
mod fat;
mod initrd;
mod iso;
mod listing;
mod nix;
mod reports;
mod rights;
mod squashfs;
mod ssh;
mod sshd;
mod sysusers;
mod tool;
mod units;
mod verify;
mod volume;

#[path = "../support/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;
