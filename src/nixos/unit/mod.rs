//! The units of a system as systemd would load them (systemd.unit(5)), and what starts at boot.
//!
//! NixOS puts all units, including those of packages, into `/etc/systemd/system`, and never uses `[Install]`: an enabled
//! unit has a link in a `.wants` or `.requires` folder.

mod command;
mod condition;
mod file;
mod index;
mod kernel;
mod loaded;
mod name;
mod script;
mod socket;
mod start;
mod text;
mod udev;
mod units;
mod upstart;

pub use command::Command;
pub(super) use command::list;
pub use condition::Conditions;
pub(super) use index::Index;
pub use loaded::{Lookup, Unit};
pub use script::Script;
pub use socket::Port;
pub use start::Start;
pub use text::Setting;
pub use units::Units;
pub(super) use upstart::Job;

/// The directory of all NixOS units.
const FOLDER: &str = "/etc/systemd/system";

/// Limit for one unit file or script, in bytes. NixOS writes some 2,000.
const LONGEST: u64 = 1 << 20;

/// Limit for assignments in all units together, including links and drop-ins.
const MOST_SETTINGS: usize = 200_000;

/// Reads a text that has the form of a unit, such as `system.conf`.
pub(super) fn settings(text: &str, file: &str) -> Vec<Setting> {
    text::settings(text, &file.into(), MOST_SETTINGS)
}

/// Whether a value means yes (systemd.syntax(7)).
pub(super) fn is_true(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}
