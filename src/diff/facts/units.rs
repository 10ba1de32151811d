//! The units of a system: how they start, and the ports of its sockets.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::nixos::unit::{Lookup, Start, Unit, Units};
use crate::nixos::{Disc, System};

/// A unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitFacts {
    /// Its name: `sshd.service`.
    pub name: String,
    /// How it starts.
    pub start: UnitStart,
    /// Ports that it listens on if it is a socket: `tcp 22`.
    #[serde(default)]
    pub listens: Vec<String>,
}

/// How a unit starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitStart {
    /// At boot.
    Boot,
    /// When a socket, timer or path unit triggers it.
    Trigger,
    /// Only if something starts it by name.
    Manual,
    /// Never.
    Masked,
}

/// Keys of `[Socket]` with addresses, and their protocols (systemd.socket(5)).
const ADDRESSES: [(&str, &str); 3] =
    [("ListenStream", "tcp"), ("ListenDatagram", "udp"), ("ListenSequentialPacket", "sctp")];

/// The units of a system, by name. Aliases are not among them.
pub(in crate::diff) fn units(disc: &Disc<'_>, system: &System) -> Result<Vec<UnitFacts>> {
    let root = disc.root_of(system);
    let units = Units::of(&root)?;
    let started = units.started()?;
    let mut names: Vec<&str> = units.names().chain(started.keys().map(String::as_str)).collect();
    names.sort_unstable();
    names.dedup();
    let mut facts = Vec::new();
    for name in names {
        let (start, listens) = match units.get(name)? {
            Lookup::Loaded(unit) if unit.name == name => {
                (started.get(name).map_or(UnitStart::Manual, how), ports(&unit))
            }
            Lookup::Masked(_) => (UnitStart::Masked, Vec::new()),
            _ => continue,
        };
        facts.push(UnitFacts { name: name.to_owned(), start, listens });
    }
    Ok(facts)
}

fn how(start: &Start) -> UnitStart {
    match start {
        Start::Boot => UnitStart::Boot,
        Start::Trigger(_) => UnitStart::Trigger,
        Start::Manual => UnitStart::Manual,
    }
}

/// The ports of a socket.
fn ports(unit: &Unit) -> Vec<String> {
    let addresses = ADDRESSES.iter().flat_map(|(key, protocol)| {
        let ports = unit.list("Socket", key).into_iter().filter_map(|setting| port(&setting.value));
        ports.map(move |port| format!("{protocol} {port}"))
    });
    let mut ports: Vec<String> = addresses.collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The port of an address: `22`, `127.0.0.1:22`, `[::1]:22`. Other addresses are files and names.
fn port(address: &str) -> Option<u16> {
    let port = match address.rsplit_once(':') {
        Some((host, port))
            if host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') =>
        {
            port
        }
        Some(_) => return None,
        None => address,
    };
    port.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_networks_have_a_port() {
        for (address, expected) in [
            ("22", Some(22)),
            ("127.0.0.1:22", Some(22)),
            ("[::1]:22", Some(22)),
            ("/run/dbus/system_bus_socket", None),
            ("@abstract:22", None),
            ("vsock:2:22", None),
            ("70000", None),
        ] {
            assert_eq!(port(address), expected, "{address}");
        }
    }
}
