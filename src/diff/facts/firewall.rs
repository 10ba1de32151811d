//! What the firewall of a system lets in.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::nixos::firewall::{Firewall, Opening};
use crate::nixos::unit::Units;
use crate::nixos::{Disc, System};

/// What the firewall lets in. Rules that nobody has judged are left out: they may name store paths, which differ in every build.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirewallFacts {
    /// The unit that sets it up. `None` if no unit of NixOS does.
    pub unit: Option<String>,
    /// Ports, in words: `tcp 22`, `udp 8000-8010 on eth0`.
    pub opens: Vec<String>,
    /// Interfaces on which it lets everything in, without `lo`.
    pub trusted: Vec<String>,
}

/// The firewall of a system.
pub(in crate::diff) fn firewall(disc: &Disc<'_>, system: &System) -> Result<FirewallFacts> {
    let root = disc.root_of(system);
    let firewall = Firewall::of(&root, &Units::of(&root)?)?;
    let opens = firewall.openings.iter().filter(|opening| !opening.is_stock());
    Ok(FirewallFacts {
        opens: opens.map(Opening::to_string).collect(),
        trusted: firewall.beyond_loopback().map(str::to_owned).collect(),
        unit: firewall.unit,
    })
}
