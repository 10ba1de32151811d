//! The command line as its users see it: what it prints, and how it ends.

mod access;
mod assertion;
mod document;
mod image;
mod namespace;
mod output;
mod truncation;
mod usage;

#[path = "../support/mod.rs"]
mod support;
