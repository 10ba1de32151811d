//! The rules that NixOS writes for nftables.

use super::effect::{Effect, range};

/// Parses a line of an nftables ruleset.
pub(super) fn nftables(line: &str) -> Effect {
    let text = line.trim();
    let text = text.split_once(" comment ").map_or(text, |(rule, _)| rule);
    let Some(rule) = text.strip_suffix("accept").map(str::trim) else {
        // A verdict map, or a chain with a policy other than NixOS's own.
        let opens = text.contains("policy accept") && text.contains("hook input") || text.contains(": accept,");
        let replies = text.starts_with("established") || text.starts_with("related");
        return if opens && !replies { Effect::Unclear } else { Effect::Nothing };
    };
    // The rules of every NixOS firewall: ports opened later by hand, pings, and DHCP.
    let stock =
        ["meta l4proto . th dport @temp-ports", "icmp ", "icmpv6 ", "ip protocol icmp", "fib ", "ct status dnat"];
    if stock.iter().any(|start| rule.starts_with(start)) || rule.contains("udp sport . udp dport") {
        return Effect::Nothing;
    }
    let (mut interface, mut destination) = (None, None);
    let mut rest = rule;
    loop {
        if let Some((name, after)) = operand(rest, "iifname") {
            if after.is_empty() {
                return Effect::Trusts(name);
            }
            let [name] = name.as_slice() else { return Effect::Unclear };
            (interface, rest) = (Some(name.clone()), after);
        } else if let Some((address, after)) = operand(rest, "ip6 daddr").or_else(|| operand(rest, "ip daddr")) {
            let [address] = address.as_slice() else { return Effect::Unclear };
            (destination, rest) = (Some(address.clone()), after);
        } else {
            break;
        }
    }
    let Some((protocol, ports)) = ["tcp", "udp"].iter().find_map(|protocol| {
        let (ports, after) = operand(rest, &format!("{protocol} dport"))?;
        after.is_empty().then_some((*protocol, ports))
    }) else {
        return Effect::Unclear;
    };
    let ranges: Option<Vec<(u16, u16)>> = ports.iter().map(|ports| range(ports, '-')).collect();
    ranges.map_or(Effect::Unclear, |ranges| {
        Effect::opens(protocol, &ranges, interface.as_deref(), destination.as_deref())
    })
}

/// The words after a key: a set in braces or a single word. Also returns the text after them.
fn operand<'t>(text: &'t str, key: &str) -> Option<(Vec<String>, &'t str)> {
    let rest = text.strip_prefix(key)?.strip_prefix(' ')?.trim_start();
    let (set, after) = match rest.strip_prefix('{') {
        Some(inside) => inside.split_once('}')?,
        None => rest.split_once(' ').unwrap_or((rest, "")),
    };
    let words = set.split(',').map(|word| word.trim().trim_matches('"').to_owned()).filter(|word| !word.is_empty());
    Some((words.collect(), after.trim_start()))
}
