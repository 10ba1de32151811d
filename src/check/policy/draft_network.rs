//! What a draft asserts about ports and the firewall.

use std::collections::BTreeSet;

use crate::nixos::firewall::{Firewall, Opening, Passage};
use crate::nixos::services::Services;

/// The firewall of a system, and the ports on which it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftNetwork {
    /// Whether NixOS sets up a firewall.
    pub firewall: bool,
    /// The TCP ports that it lets packets in to. `None` if a policy cannot name them.
    pub tcp: Option<Vec<(u16, u16)>>,
    /// The same for UDP.
    pub udp: Option<Vec<(u16, u16)>>,
    /// The interfaces that let everything in, without `lo`.
    pub trusted: Vec<String>,
    /// The ports that are open: protocol and number.
    pub open: BTreeSet<(&'static str, u16)>,
}

impl DraftNetwork {
    /// The facts of a system that a policy can assert. `None` if its services or the rules of its firewall are not known.
    #[must_use]
    pub fn of(services: &Services) -> Option<Self> {
        let firewall = services.firewall.as_ref().filter(|_| !services.services.is_empty())?;
        let started = services.services.iter().filter(|service| service.starts());
        let ports = started.flat_map(|service| &service.ports).filter(|port| !port.loopback);
        let is_named = |protocol: &str| ["tcp", "udp"].contains(&protocol);
        let open = ports
            .filter(|port| is_named(port.protocol))
            .filter(|port| firewall.passage(port.protocol, (port.number, port.number)) == Passage::Open);
        Some(Self {
            firewall: firewall.unit.is_some(),
            tcp: openings(firewall, "tcp"),
            udp: openings(firewall, "udp"),
            trusted: firewall.beyond_loopback().map(str::to_owned).collect(),
            open: open.map(|port| (port.protocol, port.number)).collect(),
        })
    }
}

/// The ports that a firewall opens for everyone. `None` if it also opens some in part, or has rules that nobody has judged.
fn openings(firewall: &Firewall, protocol: &str) -> Option<Vec<(u16, u16)>> {
    let mut own = firewall.openings.iter().filter(|opening| opening.protocol == protocol && !opening.is_stock());
    let plain = firewall.unit.is_some() && firewall.further.is_empty() && own.all(Opening::is_for_all);
    plain.then(|| firewall.for_all(protocol).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::services::Service;
    use crate::nixos::unit::{Conditions, Port, Start};

    #[test]
    fn a_port_of_a_unit_that_never_starts_is_not_asserted() {
        let service = |number, conditions| Service {
            unit: "web.service".to_owned(),
            start: Start::Boot,
            wanted_by: None,
            conditions,
            user: None,
            hardening: None,
            program: None,
            ports: vec![Port { protocol: "tcp", number, loopback: false }],
        };
        let failed = Conditions::Failed("ConditionPathExists=/x".to_owned());
        let services = vec![service(80, failed), service(81, Conditions::Met)];
        let draft = DraftNetwork::of(&Services { services, firewall: Some(Firewall::default()) }).unwrap();
        assert_eq!(draft.open, BTreeSet::from([("tcp", 81)]));
    }
}
