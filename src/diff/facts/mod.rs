//! The facts that a comparison reads about a disc, its systems, menus and store paths. They hold no secrets, and what every build
//! changes is kept apart.

mod access;
mod disc;
mod firewall;
mod initrd;
pub(super) mod large;
mod mask;
mod masked;
mod menu;
mod noise;
mod object;
mod store_path;
mod system;
mod units;

pub use access::{AccessFacts, Key, SshdFacts, UserFacts};
pub(super) use disc::{BOOT_INFO, files, is_isolinux, is_of_store, list};
pub use disc::{DiscFile, VolumeFacts};
pub use firewall::FirewallFacts;
pub(super) use firewall::firewall;
pub use initrd::{InitrdFacts, MemberFacts};
pub(super) use mask::{masked, parameter};
pub(super) use masked::Masked;
pub use menu::MenuItem;
pub use noise::NoiseKind;
pub(super) use noise::{Noise, of as noise};
pub use object::ObjectFacts;
pub(super) use object::objects;
pub(super) use store_path::shortened;
pub use system::SystemFacts;
pub(super) use system::systems;
pub(super) use units::units;
pub use units::{UnitFacts, UnitStart};
