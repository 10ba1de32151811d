//! `[firewall]`: which packets the firewall of NixOS lets in.

use std::fmt;

use super::port::{Range, readable};
use super::{Ask, Kind};
use crate::check::systems::{Scope, in_each};
use crate::check::{Judgement, Subject};
use crate::error::Result;
use crate::nixos::firewall::{self, Firewall};

/// The row in the table of kinds.
pub(super) const KIND: Kind =
    Kind { name: "firewall", says: "the firewall lets in what it should, and nothing else", advice: None, flag: None };

/// What is asserted about the firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// It is set up at boot, or is not.
    Enabled(bool),
    /// It lets in packets to these ports from everywhere, and to no others.
    Ports(&'static str, Vec<(u16, u16)>),
    /// It lets everything in on these interfaces at most. `lo` is always among them.
    Trusted(Vec<String>),
}

impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enabled(true) => write!(formatter, "enabled"),
            Self::Enabled(false) => write!(formatter, "not enabled"),
            Self::Ports(protocol, ranges) if ranges.is_empty() => write!(formatter, "no {protocol}"),
            Self::Ports(protocol, ranges) => write!(formatter, "{protocol} {}", listed(ranges)),
            Self::Trusted(names) if names.is_empty() => write!(formatter, "no trusted interfaces"),
            Self::Trusted(names) => write!(formatter, "trusted {}", names.join(", ")),
        }
    }
}

fn listed(ranges: &[(u16, u16)]) -> String {
    ranges.iter().map(|range| Range(*range).to_string()).collect::<Vec<_>>().join(", ")
}

impl Ask for Filter {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn judge(&self, subject: &Subject<'_, '_>) -> Result<Judgement> {
        in_each(subject, Scope::Offered, |system| {
            let services = subject.services_of(system)?;
            Ok(readable(&services).map_or_else(|unknown| unknown, |firewall| self.judge_in(firewall)))
        })
    }
}

impl Filter {
    fn judge_in(&self, firewall: &Firewall) -> Judgement {
        match (self, &firewall.unit) {
            (Self::Enabled(true), None) => Judgement::fail("NixOS sets up no firewall", Vec::new()),
            (Self::Enabled(false), None) => Judgement::pass("NixOS sets up no firewall", Vec::new()),
            (Self::Enabled(wanted), Some(unit)) => {
                let (told, evidence) = (format!("{unit} sets it up at boot"), vec![unit.clone()]);
                if *wanted { Judgement::pass(told, evidence) } else { Judgement::fail(told, evidence) }
            }
            (_, None) => Judgement::fail("NixOS sets up no firewall, so every packet comes in", Vec::new()),
            (Self::Ports(protocol, ranges), Some(_)) => ports(firewall, protocol, ranges),
            (Self::Trusted(names), Some(_)) => trusted(firewall, names),
        }
    }
}

/// The openings are these ports, and no others.
fn ports(firewall: &Firewall, protocol: &str, wanted: &[(u16, u16)]) -> Judgement {
    let mut sorted = wanted.to_vec();
    sorted.sort_unstable();
    let of_protocol = firewall.openings.iter().filter(|opening| opening.protocol == protocol && !opening.is_stock());
    let further = of_protocol.filter(|opening| {
        let range = (opening.first, opening.last);
        !firewall::covers(sorted.iter().copied(), range)
    });
    let further: Vec<String> = further.map(ToString::to_string).collect();
    let covered = |range: &&(u16, u16)| firewall::covers(firewall.for_all(protocol), **range);
    let missing: Vec<(u16, u16)> = sorted.iter().filter(|range| !covered(range)).copied().collect();
    let more = (!further.is_empty()).then(|| format!("also lets in {}", further.join(", ")));
    let less =
        (!missing.is_empty()).then(|| format!("does not let in {protocol} {} from everywhere", listed(&missing)));
    let told: Vec<String> = more.into_iter().chain(less).collect();
    match (unjudged(firewall), told.as_slice()) {
        // A rule that nobody has judged may open more, but closes nothing.
        (Some(unknown), []) => unknown,
        (Some(unknown), _) if further.is_empty() => unknown,
        (None, []) => Judgement::pass(said(protocol, wanted), Vec::new()),
        _ => Judgement::fail(told.join("; "), further),
    }
}

fn said(protocol: &str, wanted: &[(u16, u16)]) -> String {
    match wanted {
        [] => format!("lets in no {protocol}"),
        _ => format!("lets in {protocol} {}, and no other", listed(wanted)),
    }
}

/// No other interface is trusted.
fn trusted(firewall: &Firewall, names: &[String]) -> Judgement {
    let further: Vec<String> =
        firewall.beyond_loopback().filter(|name| !names.iter().any(|own| own == name)).map(str::to_owned).collect();
    match unjudged(firewall) {
        _ if !further.is_empty() => Judgement::fail(format!("lets everything in on {}", further.join(", ")), further),
        Some(unknown) => unknown,
        None => Judgement::pass("no other interface lets everything in", Vec::new()),
    }
}

/// Unknown if there are rules that nobody has judged.
fn unjudged(firewall: &Firewall) -> Option<Judgement> {
    let first = firewall.further.first()?;
    let evidence = firewall.further.iter().map(|rule| format!("{}:{}: {}", rule.file, rule.line, rule.text));
    Some(Judgement::unknown(format!("the firewall has rules of its own, such as {}", first.text), evidence.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Answer;
    use crate::nixos::firewall::{Opening, Rule};

    fn firewall() -> Firewall {
        let opening = |protocol: &str, first, last, interface: Option<&str>| {
            let interface = interface.map(str::to_owned);
            Opening { protocol: protocol.to_owned(), first, last, interface, destination: None }
        };
        let openings = vec![opening("tcp", 22, 22, None), opening("tcp", 80, 90, None)];
        Firewall {
            unit: Some("nftables.service".to_owned()),
            openings: openings.into_iter().chain([opening("udp", 51820, 51820, Some("eth0"))]).collect(),
            trusted: vec!["docker0".to_owned(), "lo".to_owned()],
            further: Vec::new(),
        }
    }

    #[test]
    fn the_openings_are_those_of_the_list_and_no_others() {
        for (asked, answer, message) in [
            (Filter::Ports("tcp", vec![(22, 22), (80, 90)]), Answer::Holds, "lets in tcp 22, 80-90, and no other"),
            (
                Filter::Ports("tcp", vec![(22, 22), (80, 84), (85, 90)]),
                Answer::Holds,
                "lets in tcp 22, 80-84, 85-90, and no other",
            ),
            (Filter::Ports("tcp", vec![(22, 22)]), Answer::Fails, "also lets in tcp 80-90"),
            (
                Filter::Ports("tcp", vec![(22, 23), (80, 90)]),
                Answer::Fails,
                "does not let in tcp 22-23 from everywhere",
            ),
            (Filter::Ports("udp", vec![]), Answer::Fails, "also lets in udp 51820 on eth0"),
            (Filter::Ports("udp", vec![(51820, 51820)]), Answer::Fails, "does not let in udp 51820 from everywhere"),
            (Filter::Trusted(vec![]), Answer::Fails, "lets everything in on docker0"),
            (Filter::Trusted(vec!["docker0".to_owned()]), Answer::Holds, "no other interface lets everything in"),
            (Filter::Enabled(true), Answer::Holds, "nftables.service sets it up at boot"),
            (Filter::Enabled(false), Answer::Fails, "nftables.service sets it up at boot"),
        ] {
            let judgement = asked.judge_in(&firewall());
            assert_eq!((judgement.answer, judgement.message.as_str()), (answer, message), "{asked}");
        }
    }

    #[test]
    fn without_a_firewall_every_packet_comes_in() {
        let none = Firewall::default();
        assert_eq!(Filter::Enabled(false).judge_in(&none).answer, Answer::Holds);
        for asked in [Filter::Enabled(true), Filter::Ports("tcp", vec![]), Filter::Trusted(vec![])] {
            assert_eq!(asked.judge_in(&none).answer, Answer::Fails, "{asked}");
        }
    }

    #[test]
    fn rules_that_nobody_has_judged_leave_what_holds_unknown() {
        let rule = Rule { text: "jump mine".to_owned(), file: "/x".to_owned(), line: 7 };
        let own = Firewall { further: vec![rule], ..firewall() };
        for (ports, answer) in [
            (vec![(22, 22), (80, 90)], Answer::Unknown),
            (vec![(22, 22), (80, 90), (443, 443)], Answer::Unknown),
            (vec![(22, 22)], Answer::Fails),
        ] {
            assert_eq!(Filter::Ports("tcp", ports).judge_in(&own).answer, answer);
        }
    }
}
