//! The units of a system as systemd would load them (systemd.unit(5)), and what starts at boot.
//!
//! NixOS puts all units, those of packages included, into `/etc/systemd/system`, and never uses `[Install]`: what is
//! enabled has a link in a `.wants` or `.requires` folder.

mod command;
mod file;
mod index;
mod kernel;
mod loaded;
mod name;
mod script;
mod start;
mod text;
mod units;
mod upstart;

pub use command::Command;
pub(super) use command::list;
pub(super) use index::Index;
pub use loaded::{Lookup, Unit};
pub use script::Script;
pub use start::Start;
pub use text::Setting;
pub use units::Units;
pub(super) use upstart::Job;

/// Where NixOS has all units.
const FOLDER: &str = "/etc/systemd/system";

/// Bytes of one unit file or script; NixOS writes some 2,000.
const LONGEST: u64 = 1 << 20;

/// Limit for assignments in all units together, with links and drop-ins.
const MOST_SETTINGS: usize = 200_000;

/// Reads a text that is not a unit but has the same form, such as `system.conf`.
pub(super) fn settings(text: &str, file: &str) -> Vec<Setting> {
    text::settings(text, &file.into(), MOST_SETTINGS)
}

/// Whether a value is one of the words for yes (systemd.syntax(7)).
pub(super) fn is_true(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}
