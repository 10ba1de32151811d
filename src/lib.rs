//! Reads NixOS images in place: no root, no mount, no unpacking, no Nix.
//!
//! The library behind the command line `nixoscope`, for other programs that have questions about an image.
//!
//! # Example
//!
//! Open an image, list its packages, and ask whether a key lets its owner in:
//!
//! ```
//! use std::path::Path;
//!
//! use nixoscope::nixos::package;
//! use nixoscope::{Assertion, Disc, Image, Software, Troubles, WantedKey, check};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let image = Image::open(Path::new("fixtures/today/result"), &|_done, _of| {})?;
//! let disc = Disc::open(&image)?;
//!
//! let mut troubles = Troubles::default();
//! let software = Software::of(&disc, &mut troubles)?;
//! let packages = package::list(&disc, &software, &[], &mut troubles)?;
//! let installed = packages.rows.iter().filter(|package| package.installed);
//! assert!(installed.map(|package| package.path.name()).any(|name| name == "git-2.51.2"));
//!
//! let key = WantedKey::parse(include_str!("../fixtures/keys/root.pub"))?;
//! let assertion = Assertion::from(check::kind::Key { key, user: Some("root".to_owned()) });
//! let report = check::run(&disc, &[assertion.into()], &|_done, _of| {});
//! assert_eq!((report.passed(), report.failed()), (1, 0));
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//!
//! A module uses those below it, and never one above or beside it (`tests/layers.rs`):
//!
//! ```text
//!   report            findings, written as a table, JSON, SARIF, JUnit, …
//!     │
//!   check             assertions and policies, judged
//!     │
//!   diff   verify     two images compared; one image against its registration
//!     │
//!   secrets           keys, passwords and tokens, in the bytes of every file
//!     │
//!   nixos             systems, boot menus, users, sshd: who gets in
//!     │
//!   store             store paths, references, NARs
//!     │
//!   fs                a Tree: ISO 9660, squashfs, FAT, cpio, and the namespace that joins them
//!     │
//!   image             the file behind an image; a Region of its bytes
//!     │
//!   parse, error      what all parsers share; an Error names its place
//! ```
//!
//! [`Image`] finds and maps the file. [`Disc`] finds the store and the systems in it, and joins everything into one
//! [`Tree`](fs::Tree) with the paths of the running system. Most questions start from a [`Disc`].
//!
//! # Errors and limits
//!
//! Every image is treated as hostile. An [`Error`] says which structure, which field and which byte could not be read. Parts that are
//! broken do not hide the rest: a function that can go on returns what it read, and lists the errors as troubles. A limit that is
//! reached is such a trouble, too.
//!
//! # Features
//!
//! `cli` (on by default) adds what only the program needs, and `remote` (on by default) images at `http://` and `https://`
//! addresses. Use `default-features = false` for the library alone.

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

pub use check::{Assertion, PackageQuery, Policy, WantedKey};
pub use error::{Error, Place, Result, Troubles};
pub use image::Image;
pub use nixos::access::Access;
pub use nixos::software::Software;
pub use nixos::{Disc, System};
pub use store::StorePath;
