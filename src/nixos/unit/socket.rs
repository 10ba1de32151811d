//! The ports that sockets listen on (systemd.socket(5)).

use std::fmt;

use super::Unit;

/// Keys of `[Socket]` that hold addresses, and their protocols.
const ADDRESSES: [(&str, &str); 3] =
    [("ListenStream", "tcp"), ("ListenDatagram", "udp"), ("ListenSequentialPacket", "sctp")];

/// A port that something listens on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    /// `tcp`, `udp` or `sctp`.
    pub protocol: &'static str,
    /// The port number.
    pub number: u16,
    /// Whether only the machine itself reaches it, because its address is a loopback address.
    pub loopback: bool,
}

impl Port {
    /// A TCP port on every address.
    #[must_use]
    pub fn tcp(number: u16) -> Self {
        Self { protocol: "tcp", number, loopback: false }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.protocol, self.number)
    }
}

impl Unit {
    /// The ports of a socket. Files and other addresses are left out.
    #[must_use]
    pub fn ports(&self) -> Vec<Port> {
        let addresses = ADDRESSES.iter().flat_map(|&(key, protocol)| {
            let numbers = self.list("Socket", key).into_iter().filter_map(|setting| port(&setting.value));
            numbers.map(move |(number, loopback)| Port { protocol, number, loopback })
        });
        let mut ports: Vec<Port> = addresses.collect();
        // A port of a loopback address and of others is one of others.
        ports.sort_unstable();
        ports.dedup_by_key(|port| (port.protocol, port.number));
        ports
    }
}

/// The port of an address, and whether that is a loopback address: `22`, `127.0.0.1:22`, `[::1]:22`. Other addresses are
/// files and names.
fn port(address: &str) -> Option<(u16, bool)> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port))
            if host.starts_with('[') || host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') =>
        {
            (host, port)
        }
        Some(_) => return None,
        None => ("", address),
    };
    Some((port.parse().ok()?, host.starts_with("127.") || host == "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_networks_have_a_port() {
        for (address, expected) in [
            ("22", Some((22, false))),
            ("0.0.0.0:22", Some((22, false))),
            ("127.0.0.1:22", Some((22, true))),
            ("[::1]:22", Some((22, true))),
            ("/run/dbus/system_bus_socket", None),
            ("@abstract:22", None),
            ("vsock:2:22", None),
            ("70000", None),
        ] {
            assert_eq!(port(address), expected, "{address}");
        }
    }
}
