//! What one rule lets in.

use super::Opening;

/// The effect of one rule on incoming packets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Opens ports.
    Opens(Vec<Opening>),
    /// Trusts interfaces.
    Trusts(Vec<String>),
    /// Lets in nothing that matters: replies, pings, or nothing at all.
    Nothing,
    /// May let something in.
    Unclear,
}

impl Effect {
    /// Opens ranges of ports.
    pub(super) fn opens(
        protocol: &str,
        ranges: &[(u16, u16)],
        interface: Option<&str>,
        destination: Option<&str>,
    ) -> Self {
        let opening = |&(first, last): &(u16, u16)| Opening {
            protocol: protocol.to_owned(),
            first,
            last,
            interface: interface.map(str::to_owned),
            destination: destination.map(str::to_owned),
        };
        Self::Opens(ranges.iter().map(opening).collect())
    }
}

/// A port, or the first and last port of a range.
pub(super) fn range(ports: &str, between: char) -> Option<(u16, u16)> {
    let (first, last) = ports.split_once(between).unwrap_or((ports, ports));
    Some((first.parse().ok()?, last.parse().ok()?))
}
