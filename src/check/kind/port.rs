//! `[[port]]`: a port can be reached from the network, or cannot.

use std::fmt;

use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::firewall::{Firewall, Passage};
use crate::nixos::services::{Service, Services};

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "port", says: "a port can be reached from the network, or cannot", advice: None, flag: None };

/// Ports, and whether the network reaches them after boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    /// The first and the last port.
    pub range: (u16, u16),
    /// What is asserted.
    pub state: PortState,
}

/// Whether the network reaches a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortState {
    /// Something listens on it, and the firewall lets packets to it in.
    Open,
    /// The firewall lets no packet to it in.
    Closed,
}

impl fmt::Display for Port {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            PortState::Open => "open",
            PortState::Closed => "closed",
        };
        write!(formatter, "{} {} {state}", self.protocol, Range(self.range))
    }
}

/// A range of ports in words: `22`, `8000-8010`.
pub(in crate::check) struct Range(pub(in crate::check) (u16, u16));

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            (first, last) if first == last => write!(formatter, "{first}"),
            (first, last) => write!(formatter, "{first}-{last}"),
        }
    }
}

impl Ask for Port {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        let scope = match self.state {
            PortState::Open => Scope::Default,
            PortState::Closed => Scope::Offered,
        };
        in_each(subject, scope, |system| {
            let services = subject.services_of(system)?;
            Ok(match readable(&services) {
                Ok(firewall) => self.judge_in(&services.services, firewall),
                Err(unknown) => unknown,
            })
        })
    }
}

/// The firewall of a system. Without rules that can be read, the judgement of all that depends on it.
pub(super) fn readable(services: &Services) -> std::result::Result<&Firewall, Judgement> {
    if services.services.is_empty() {
        return Err(Judgement::unknown("the system has no units of systemd", Vec::new()));
    }
    services.firewall.as_ref().ok_or_else(|| Judgement::unknown("the rules of the firewall cannot be read", Vec::new()))
}

impl Port {
    fn judge_in(&self, services: &[Service], firewall: &Firewall) -> Judgement {
        let listeners = Listeners::of(services, self);
        let passage = firewall.passage(self.protocol, self.range);
        match self.state {
            PortState::Open => open(&listeners, passage, firewall),
            PortState::Closed => closed(&listeners, passage, firewall),
        }
    }
}

/// The units that are known to listen on a port of the range.
#[derive(Default)]
struct Listeners<'s> {
    /// On an address that the network reaches.
    reached: Vec<&'s str>,
    /// On loopback addresses only.
    loopback: Vec<&'s str>,
}

impl<'s> Listeners<'s> {
    fn of(services: &'s [Service], port: &Port) -> Self {
        let (first, last) = port.range;
        let mut listeners = Self::default();
        for service in services.iter().filter(|service| service.starts()) {
            let own = || {
                let of_protocol = service.ports.iter().filter(|own| own.protocol == port.protocol);
                of_protocol.filter(|own| (first..=last).contains(&own.number))
            };
            if own().any(|own| !own.loopback) {
                listeners.reached.push(&service.unit);
            } else if own().next().is_some() {
                listeners.loopback.push(&service.unit);
            }
        }
        listeners
    }

    fn names(&self) -> Vec<String> {
        self.reached.iter().chain(&self.loopback).map(|&name| name.to_owned()).collect()
    }

    /// Who listens, as the beginning of a sentence.
    fn told(&self) -> String {
        match (self.reached.as_slice(), self.loopback.as_slice()) {
            ([], []) => "no unit is known to listen".to_owned(),
            ([], own) => format!("{} listens on a loopback address only", own.join(", ")),
            ([one], _) => format!("{one} listens"),
            (many, _) => format!("{} listen", many.join(", ")),
        }
    }
}

/// How far packets come in, as the end of a sentence.
fn told(passage: Passage<'_>, firewall: &Firewall) -> String {
    match (passage, &firewall.unit) {
        (Passage::Open, None) => "NixOS sets up no firewall".to_owned(),
        (Passage::Open, Some(unit)) => format!("the firewall ({unit}) lets packets in"),
        (Passage::Partly(opening), _) => format!("the firewall lets packets in to {opening}"),
        (Passage::Unclear(rule), _) => format!("the firewall may let packets in: {}", rule.text),
        (Passage::Trusted(interface), _) => format!("the firewall lets everything in on {interface}"),
        (Passage::Closed, _) => "the firewall lets no packets in".to_owned(),
    }
}

fn open(listeners: &Listeners<'_>, passage: Passage<'_>, firewall: &Firewall) -> Judgement {
    let (message, evidence) = (format!("{}; {}", listeners.told(), told(passage, firewall)), listeners.names());
    let nobody = listeners.reached.is_empty();
    match passage {
        Passage::Open if !nobody => Judgement::pass(message, evidence),
        // Services may read their ports from files of their own.
        Passage::Open if listeners.loopback.is_empty() => Judgement::unknown(message, evidence),
        Passage::Unclear(_) if !nobody || listeners.loopback.is_empty() => Judgement::unknown(message, evidence),
        _ => Judgement::fail(message, evidence),
    }
}

fn closed(listeners: &Listeners<'_>, passage: Passage<'_>, firewall: &Firewall) -> Judgement {
    let (message, evidence) = (format!("{}; {}", listeners.told(), told(passage, firewall)), listeners.names());
    let nobody = listeners.reached.is_empty();
    match passage {
        Passage::Closed => Judgement::pass(told(passage, firewall), evidence),
        Passage::Unclear(_) => Judgement::unknown(message, evidence),
        Passage::Open if nobody && firewall.unit.is_none() => Judgement::unknown(message, evidence),
        Passage::Trusted(_) if nobody => Judgement::unknown(message, evidence),
        Passage::Open | Passage::Partly(_) | Passage::Trusted(_) => Judgement::fail(message, evidence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Answer;
    use crate::nixos::firewall::{Opening, Rule};
    use crate::nixos::unit::{self, Start};

    fn service(name: &str, number: u16, loopback: bool, start: Start) -> Service {
        let ports = vec![unit::Port { protocol: "tcp", number, loopback }];
        let (unit, conditions) = (name.to_owned(), unit::Conditions::Met);
        Service { unit, start, wanted_by: None, conditions, user: None, hardening: None, program: None, ports }
    }

    fn opening(first: u16, last: u16, interface: Option<&str>) -> Opening {
        let interface = interface.map(str::to_owned);
        Opening { protocol: "tcp".to_owned(), first, last, interface, destination: None }
    }

    fn firewall(openings: &[Opening]) -> Firewall {
        Firewall { unit: Some("firewall.service".to_owned()), openings: openings.to_vec(), ..Firewall::default() }
    }

    fn services() -> Vec<Service> {
        vec![
            service("cups.socket", 631, true, Start::Boot),
            service("sshd.service", 22, false, Start::Boot),
            service("telnet.socket", 23, false, Start::Manual),
        ]
    }

    /// The answers to whether ports are open, and whether they are closed.
    fn answers(range: (u16, u16), firewall: &Firewall) -> [Answer; 2] {
        [PortState::Open, PortState::Closed]
            .map(|state| Port { protocol: "tcp", range, state }.judge_in(&services(), firewall).answer)
    }

    #[test]
    fn a_port_is_open_if_a_unit_listens_and_the_firewall_lets_packets_in() {
        use Answer::{Fails, Holds, Unknown};
        let none = Firewall::default();
        let some = firewall(&[opening(22, 22, None), opening(80, 90, None), opening(9000, 9000, Some("wg0"))]);
        for (range, without, with) in [
            ((22, 22), [Holds, Fails], [Holds, Fails]),
            // A socket that nothing starts does not listen; other services may.
            ((23, 23), [Unknown, Unknown], [Fails, Holds]),
            ((631, 631), [Fails, Unknown], [Fails, Holds]),
            ((85, 90), [Unknown, Unknown], [Unknown, Fails]),
            ((90, 91), [Unknown, Unknown], [Fails, Fails]),
            ((9000, 9000), [Unknown, Unknown], [Fails, Fails]),
        ] {
            assert_eq!(answers(range, &none), without, "{range:?} without a firewall");
            assert_eq!(answers(range, &some), with, "{range:?} with a firewall");
        }
    }

    #[test]
    fn rules_that_nobody_has_judged_leave_a_port_unknown_and_trusted_interfaces_open_it() {
        let rule = Rule { text: "iptables -A INPUT -j mine".to_owned(), file: "/x".to_owned(), line: 1 };
        let unclear = Firewall { further: vec![rule], ..firewall(&[]) };
        assert_eq!(answers((22, 22), &unclear), [Answer::Unknown, Answer::Unknown]);
        let trusted = |name: &str| Firewall { trusted: vec![name.to_owned()], ..firewall(&[]) };
        assert_eq!(answers((22, 22), &trusted("lo")), [Answer::Fails, Answer::Holds]);
        assert_eq!(answers((22, 22), &trusted("docker0")), [Answer::Fails, Answer::Fails]);
        assert_eq!(answers((80, 80), &trusted("docker0")), [Answer::Fails, Answer::Unknown]);
    }

    #[test]
    fn a_verdict_names_who_listens_and_what_the_firewall_does() {
        let port = Port { protocol: "tcp", range: (20, 30), state: PortState::Closed };
        let judgement = port.judge_in(&services(), &firewall(&[opening(22, 22, Some("eth0"))]));
        assert_eq!(judgement.message, "sshd.service listens; the firewall lets packets in to tcp 22 on eth0");
        assert_eq!(port.to_string(), "tcp 20-30 closed");
        let stock = Opening { destination: Some("fe80::/64".to_owned()), ..opening(546, 546, None) };
        let stock = firewall(&[Opening { protocol: "udp".to_owned(), ..stock }]);
        let dhcp = Port { protocol: "udp", range: (546, 546), state: PortState::Closed };
        assert_eq!(dhcp.judge_in(&services(), &stock).answer, Answer::Holds);
    }
}
