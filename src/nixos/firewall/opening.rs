//! Ports that a firewall opens.

use std::fmt;

/// Ports that are open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening {
    /// `tcp`, `udp` or another word of the rule.
    pub protocol: String,
    /// The first port.
    pub first: u16,
    /// The last port. For a single port, the same as the first.
    pub last: u16,
    /// The interface, if the rule names one. In iptables a `+` at its end matches any suffix.
    pub interface: Option<String>,
    /// The destination address, if the rule names one.
    pub destination: Option<String>,
}

impl Opening {
    /// Whether it is open from everywhere.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.interface.is_none() && self.destination.is_none()
    }

    /// Whether every firewall of NixOS has it: replies to the client of DHCPv6 (RFC 8415, section 7.2).
    #[must_use]
    pub fn is_stock(&self) -> bool {
        (self.protocol.as_str(), self.first, self.last) == ("udp", 546, 546)
            && self.destination.as_deref() == Some("fe80::/64")
    }
}

/// An opening in words: `tcp 22`, `udp 8000-8010 on eth0`.
impl fmt::Display for Opening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, first, last, interface, destination } = self;
        write!(formatter, "{protocol} {first}")?;
        if first != last {
            write!(formatter, "-{last}")?;
        }
        interface.iter().try_for_each(|name| write!(formatter, " on {name}"))?;
        destination.iter().try_for_each(|address| write!(formatter, " to {address}"))
    }
}

/// Whether ranges of ports, sorted, leave no gap between two ports.
pub(crate) fn covers(ranges: impl Iterator<Item = (u16, u16)>, (first, last): (u16, u16)) -> bool {
    let mut next = u32::from(first);
    for (start, end) in ranges {
        if u32::from(start) <= next {
            next = next.max(u32::from(end) + 1);
        }
    }
    next > u32::from(last)
}
