//! The command line as its users see it: what it prints, and how it ends.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what a helper does not expect fails the test"
)]

mod access;
mod assertion;
mod cases;
mod closure;
mod damage;
mod diff;
mod diff_trouble;
mod disks;
mod document;
mod du;
mod examples;
mod extract;
mod image;
mod inspect;
mod login;
mod manners;
mod modes;
mod namespace;
mod output;
mod packages;
mod policy;
mod readme;
mod remote;
mod report;
mod reports;
mod reproducible;
mod sbom;
mod schema;
mod secrets;
mod services;
mod several;
mod surroundings;
mod truncation;
mod usage;
mod why;

#[path = "../support/mod.rs"]
mod support;
