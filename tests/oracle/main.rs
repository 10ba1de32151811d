//! Compares nixoscope with the real tools, over all fixtures.
//!
//! These tests need the tools that `fixtures/make packages` and `.ci/run` list, so they only run on
//! request: `cargo test --test oracle`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a helper does not expect fails the test"
)]

mod action;
mod appended;
mod bills;
mod builds;
mod compressed;
mod fat;
mod initrd;
mod iso;
mod listing;
mod nix;
mod reports;
mod rights;
mod secrets;
mod squashfs;
mod ssh;
mod sshd;
mod stores;
mod sysusers;
mod tool;
mod units;
mod verify;
mod volume;

#[path = "../support/random.rs"]
mod random;
#[path = "../support/mod.rs"]
mod support;
