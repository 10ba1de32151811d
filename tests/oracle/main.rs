//! Compares what nixoscope reads with what the real tools read, over all fixtures.
//!
//! These tests need the tools, which `fixtures/make packages` lists, and OpenSSH; so they only run when they are asked
//! for: `cargo test --test oracle`.

mod compressed;
mod iso;
mod listing;
mod nix;
mod squashfs;
mod ssh;
mod tool;
mod volume;

#[path = "../support/mod.rs"]
mod support;
