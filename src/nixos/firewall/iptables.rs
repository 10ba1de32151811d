//! The rules that NixOS writes for iptables.

use super::effect::{Effect, range};

/// Parses a line of the script that sets up iptables.
pub(super) fn iptables(line: &str) -> Effect {
    let mut words = line.split_whitespace().peekable();
    if !matches!(words.next(), Some("ip46tables" | "iptables" | "ip6tables")) {
        // Other commands, and loops over rules. Those that accept are worth a look.
        let accepts = line.contains("tables") && (line.contains("ACCEPT") || line.contains("nixos-fw-accept"));
        return if accepts && !line.contains("-D ") { Effect::Unclear } else { Effect::Nothing };
    }
    let (mut chain, mut target, mut protocol, mut ports) = (None, None, None, None);
    let (mut interface, mut destination, mut unknown) = (None, None, false);
    while let Some(word) = words.next() {
        let mut value = || words.next();
        match word {
            "-A" | "-I" | "--append" | "--insert" => chain = value(),
            "-j" | "--jump" => target = value(),
            "-p" | "--protocol" => protocol = value(),
            "--dport" | "--destination-port" | "--dports" => ports = value(),
            "-i" | "--in-interface" => interface = value(),
            "-d" | "--destination" => destination = value(),
            "-t" | "--table" => match value() {
                Some("filter") => {}
                _ => return Effect::Nothing,
            },
            // These remove rules and chains, or create empty chains.
            "-D" | "-F" | "-X" | "-N" | "-P" => return Effect::Nothing,
            "--ctstate" => match value() {
                Some("ESTABLISHED,RELATED") => return Effect::Nothing, // replies
                _ => unknown = true,
            },
            "--icmp-type" | "--icmpv6-type" => protocol = protocol.or(Some("icmp")),
            "-m" | "--match" => {
                unknown |= !matches!(value(), Some("tcp" | "udp" | "multiport" | "conntrack" | "limit"));
            }
            "-w" | "--wait" => {}
            number if chain.is_some() && number.bytes().all(|byte| byte.is_ascii_digit()) => {}
            _ => unknown = true,
        }
    }
    let accepts = matches!(target, Some("nixos-fw-accept" | "ACCEPT"));
    match (chain, protocol, ports) {
        (Some("nixos-fw-accept"), ..) => Effect::Nothing, // in the chain that accepts, not a rule that leads to it
        _ if !accepts => Effect::Nothing,
        (Some("FORWARD" | "OUTPUT"), ..) | (_, Some("icmp" | "icmpv6" | "ipv6-icmp"), _) => Effect::Nothing,
        (Some("nixos-fw" | "INPUT"), Some(protocol), Some(ports)) if !unknown => {
            let ranges: Option<Vec<(u16, u16)>> = ports.split(',').map(|ports| range(ports, ':')).collect();
            ranges.map_or(Effect::Unclear, |ranges| Effect::opens(protocol, &ranges, interface, destination))
        }
        (Some("nixos-fw" | "INPUT"), None, None) if !unknown && destination.is_none() => {
            interface.map_or(Effect::Unclear, |interface| Effect::Trusts(vec![interface.to_owned()]))
        }
        _ => Effect::Unclear,
    }
}
