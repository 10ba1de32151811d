//! Units that udev starts when a device appears (systemd.device(5)).

use crate::error::{Error, Place, Result};
use crate::nixos::Root;

/// The directory of all rules in NixOS.
const FOLDER: &str = "/etc/udev/rules.d";

/// The property of a device that names the units to start.
const PROPERTY: &str = "{SYSTEMD_WANTS}";

/// Limit for all rules together, in bytes. NixOS has some 500 KB.
const MOST_BYTES: usize = 16 << 20;

/// Limit for units that rules name.
const MOST_UNITS: usize = 1_000;

/// The units that the rules of a system name, each once. Names that depend on the device are left out.
pub(super) fn wanted(root: &Root<'_>) -> Result<Vec<String>> {
    let (mut units, mut bytes): (Vec<String>, usize) = (Vec::new(), 0);
    for entry in root.entries(FOLDER)? {
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        let file = format!("{FOLDER}/{name}");
        let Some(text) = (if name.ends_with(".rules") { root.text(&file)? } else { None }) else { continue };
        let over = |what| Error::Limit { what, place: Place::File(root.inside(&file).into_bytes()) };
        bytes += text.len();
        if bytes > MOST_BYTES {
            return Err(over("16 MiB of udev rules"));
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            units.extend(named(line));
        }
        units.sort();
        units.dedup();
        if units.len() > MOST_UNITS {
            return Err(over("1,000 units in udev rules"));
        }
    }
    Ok(units)
}

/// The units that one rule names: `ENV{SYSTEMD_WANTS}+="a.service b.target"`. A rule may also compare the property.
fn named(rule: &str) -> Vec<String> {
    let mut units = Vec::new();
    for (_, rest) in rule.match_indices(PROPERTY).filter_map(|(at, _)| rule.split_at_checked(at + PROPERTY.len())) {
        let rest = rest.trim_start();
        let Some(value) = ["+=", ":=", "="].iter().find_map(|sign| rest.strip_prefix(sign)) else { continue };
        let Some(value) = value.trim_start().strip_prefix('"').and_then(|value| value.split('"').next()) else {
            continue;
        };
        let plain = value.split_ascii_whitespace().filter(|unit| !unit.contains(['$', '%']));
        units.extend(plain.map(str::to_owned));
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_names_units_and_may_compare_them() {
        let guest = "SUBSYSTEM==\"virtio-ports\", ATTR{name}==\"org.qemu.guest_agent.0\", TAG+=\"systemd\" \
                     ENV{SYSTEMD_WANTS}=\"qemu-guest-agent.service\"";
        for (rule, expected) in [
            (guest, "qemu-guest-agent.service"),
            ("TAG+=\"systemd\", ENV{SYSTEMD_WANTS}+=\"a.service b.target\"", "a.service b.target"),
            ("ENV{SYSTEMD_WANTS} += \"a.service\", ENV{SYSTEMD_WANTS}:=\"b.service\"", "a.service b.service"),
            ("ENV{SYSTEMD_WANTS}==\"a.service\", RUN+=\"b\"", ""),
            ("ENV{SYSTEMD_USER_WANTS}+=\"a.service\"", ""),
            ("ENV{SYSTEMD_WANTS}+=\"systemd-backlight@backlight:$name.service\"", ""),
            ("ENV{SYSTEMD_WANTS}+=a.service", ""),
        ] {
            assert_eq!(named(rule).join(" "), expected, "{rule}");
        }
    }
}
