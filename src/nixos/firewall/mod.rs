//! The packets that the firewall of NixOS lets in, by the rules that `networking.firewall` writes for iptables and
//! nftables.

mod effect;
mod iptables;
mod nftables;
mod opening;

pub use opening::Opening;
pub(crate) use opening::covers;

use effect::Effect;
use iptables::iptables;
use nftables::nftables;

use super::Root;
use super::unit::{Command, Start, Units};
use crate::error::{Error, Place, Result};

/// Limit for rules that are kept. `networking.firewall` writes one per port.
const MOST_RULES: usize = 10_000;

/// The firewall of a system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    /// The unit that sets it up. `None` if no unit of NixOS does: then all ports with a listener are open.
    pub unit: Option<String>,
    /// The ports that are open to everyone, or through one interface only.
    pub openings: Vec<Opening>,
    /// Interfaces that let everything in.
    pub trusted: Vec<String>,
    /// Other rules that may let something in, as written. They were added by hand, and are not judged.
    pub further: Vec<Rule>,
}

/// How far a firewall lets packets to a port in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage<'f> {
    /// From everywhere, to each port of the range.
    Open,
    /// To some ports of the range, or from some places only, by this rule.
    Partly(&'f Opening),
    /// Perhaps: nobody has judged this rule.
    Unclear(&'f Rule),
    /// Only through this interface, which lets everything in.
    Trusted(&'f str),
    /// From nowhere.
    Closed,
}

/// A rule as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The text.
    pub text: String,
    /// The file that contains it.
    pub file: String,
    /// Its line, counted from 1.
    pub line: u64,
}

/// The units that set up a firewall, and the parsers for their rules.
const UNITS: [(&str, Reader); 2] = [("firewall.service", iptables), ("nftables.service", nftables)];

/// Parses one line.
type Reader = fn(&str) -> Effect;

impl Firewall {
    /// Reads the scripts of the units that set up the firewall at boot.
    pub(crate) fn of(root: &Root<'_>, units: &Units<'_>) -> Result<Self> {
        let mut firewall = Self::default();
        for (name, effect) in UNITS {
            let lookup = units.get(name)?;
            let Some(unit) = lookup.unit() else { continue };
            if units.start(name)? != Start::Boot {
                continue;
            }
            firewall.unit = Some(name.to_owned());
            for command in unit.commands("ExecStart") {
                firewall.read(root, units, &command, effect)?;
            }
            break;
        }
        firewall.openings.sort();
        firewall.openings.dedup();
        firewall.trusted.sort();
        firewall.trusted.dedup();
        Ok(firewall)
    }

    /// Reads the rules of a command. One without a script that can be read may let anything in.
    fn read(&mut self, root: &Root<'_>, units: &Units<'_>, command: &Command, effect: Reader) -> Result<()> {
        let scripts = units.scripts(command)?;
        if scripts.is_empty() {
            let text = [std::slice::from_ref(&command.program), &command.arguments].concat().join(" ");
            self.add(Effect::Unclear, &text, (&command.file, command.line))?;
        }
        for script in scripts {
            for (number, line) in &script.lines {
                self.add(effect(line), line, (&script.path, *number))?;
                // The script includes a ruleset in a file of its own.
                let Some(file) = included(line) else { continue };
                match root.text(file)? {
                    Some(text) => {
                        for (number, line) in (1u64..).zip(text.lines()) {
                            self.add(effect(line), line, (file, number))?;
                        }
                    }
                    None => self.add(Effect::Unclear, line, (&script.path, *number))?,
                }
            }
        }
        Ok(())
    }

    /// How far packets to the ports from `first` to `last` come in. Without a firewall, they all do.
    #[must_use]
    pub fn passage(&self, protocol: &str, (first, last): (u16, u16)) -> Passage<'_> {
        let of_protocol = || self.openings.iter().filter(|opening| opening.protocol == protocol && !opening.is_stock());
        if self.unit.is_none() || covers(self.for_all(protocol), (first, last)) {
            return Passage::Open;
        }
        let partly = of_protocol().find(|opening| opening.first <= last && first <= opening.last).map(Passage::Partly);
        let unclear = || self.further.first().map(Passage::Unclear);
        let trusted = || self.beyond_loopback().next().map(Passage::Trusted);
        partly.or_else(unclear).or_else(trusted).unwrap_or(Passage::Closed)
    }

    /// The ports that are open from everywhere, as sorted ranges.
    pub fn for_all<'f>(&'f self, protocol: &'f str) -> impl Iterator<Item = (u16, u16)> + 'f {
        let openings = self.openings.iter().filter(move |opening| opening.protocol == protocol && opening.is_for_all());
        openings.map(|opening| (opening.first, opening.last))
    }

    /// The trusted interfaces but `lo`, which only the machine itself uses.
    pub fn beyond_loopback(&self) -> impl Iterator<Item = &str> {
        self.trusted.iter().map(String::as_str).filter(|name| *name != "lo")
    }

    fn add(&mut self, effect: Effect, text: &str, (file, line): (&str, u64)) -> Result<()> {
        match effect {
            Effect::Opens(openings) => self.openings.extend(openings),
            Effect::Trusts(interfaces) => self.trusted.extend(interfaces),
            Effect::Unclear => {
                self.further.push(Rule { text: text.trim().to_owned(), file: file.to_owned(), line });
            }
            Effect::Nothing => {}
        }
        if self.openings.len() + self.trusted.len() + self.further.len() > MOST_RULES {
            return Err(Error::Limit { what: "10,000 rules of the firewall", place: Place::File(file.into()) });
        }
        Ok(())
    }
}

/// The store file that a ruleset includes.
fn included(line: &str) -> Option<&str> {
    let file = line.trim().strip_prefix("include")?.trim().trim_matches('"');
    file.starts_with("/nix/store/").then_some(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn opening(protocol: &str, first: u16, last: u16) -> Opening {
        Opening { protocol: protocol.to_owned(), first, last, interface: None, destination: None }
    }

    /// A system whose firewall unit runs this script.
    fn firewall(unit: &str, text: &str) -> Firewall {
        let script = format!("/nix/store/{}-firewall-start/bin/firewall-start", "a".repeat(32));
        let service = format!("[Service]\nExecStart=@{script} firewall-start\n");
        let wanted = format!("/s/etc/systemd/system/multi-user.target.wants/{unit}");
        let made =
            Made::of(&[(&format!("/s/etc/systemd/system/{unit}"), &service), (&wanted, &service), (&script, text)]);
        let root = made.system();
        Firewall::of(&root, &Units::of(&root).unwrap()).unwrap()
    }

    #[test]
    fn rules_of_iptables_open_ports_ranges_and_interfaces() {
        let text = "#!/bin/sh -e
ip46tables -D INPUT -j nixos-fw 2> /dev/null || true
ip46tables -A nixos-fw-accept -j ACCEPT
ip46tables -A nixos-fw-refuse -j DROP
ip46tables -t mangle -A nixos-fw-rpfilter -m rpfilter --validmark  -j RETURN
iptables -t mangle -A nixos-fw-rpfilter -p udp --sport 67 --dport 68 -j RETURN
ip46tables -A nixos-fw -i lo -j nixos-fw-accept
ip46tables -A nixos-fw -m conntrack --ctstate ESTABLISHED,RELATED -j nixos-fw-accept
ip46tables -A nixos-fw -p tcp --dport 22 -j nixos-fw-accept
ip46tables -A nixos-fw -p tcp --dport 8000:8010 -j nixos-fw-accept
ip46tables -A nixos-fw -p udp --dport 5353 -j nixos-fw-accept -i eth0
iptables -w -A nixos-fw -p icmp --icmp-type echo-request -j nixos-fw-accept
ip6tables -A nixos-fw -p icmpv6 -j nixos-fw-accept
ip6tables -A nixos-fw -d fe80::/64 -p udp --dport 546 -j nixos-fw-accept
iptables -A nixos-fw -s 10.0.0.0/8 -p tcp --dport 9100 -j nixos-fw-accept
ip46tables -A nixos-fw -j nixos-fw-log-refuse
ip46tables -A INPUT -j nixos-fw
";
        let found = firewall("firewall.service", text);
        let dhcp = Opening { destination: Some("fe80::/64".to_owned()), ..opening("udp", 546, 546) };
        let multicast = Opening { interface: Some("eth0".to_owned()), ..opening("udp", 5353, 5353) };
        assert_eq!(found.unit.as_deref(), Some("firewall.service"));
        assert_eq!(found.openings, [opening("tcp", 22, 22), opening("tcp", 8000, 8010), dhcp, multicast]);
        assert_eq!(found.trusted, ["lo"]);
        let further: Vec<(&str, u64)> = found.further.iter().map(|rule| (rule.text.as_str(), rule.line)).collect();
        assert_eq!(further, [("iptables -A nixos-fw -s 10.0.0.0/8 -p tcp --dport 9100 -j nixos-fw-accept", 15)]);
    }

    #[test]
    fn rules_of_nftables_open_ports_ranges_and_interfaces() {
        let text = "#! /nix/store/nft -f
table inet nixos-fw {
  chain rpfilter {
    type filter hook prerouting priority mangle + 10; policy drop;
    meta nfproto ipv4 udp sport . udp dport { 67 . 68, 68 . 67 } accept comment \"DHCPv4 client/server\"
    fib saddr . mark . iif oif exists accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname { \"lo\", \"wg0\" } accept comment \"trusted interfaces\"
    ct state vmap {
      invalid : drop,
      established : accept,
      related : accept,
      new : jump input-allow,
    }
  }
  chain input-allow {
    tcp dport { 22, 8000-8010 } accept
    iifname eth0 udp dport { 5353 } accept
    meta l4proto . th dport @temp-ports accept
    icmp type echo-request  accept comment \"allow ping\"
    icmpv6 type != { nd-redirect, 139 } accept comment \"see RFC 4890\"
    ip6 daddr fe80::/64 udp dport 546 accept comment \"DHCPv6 client\"
    ip saddr 10.0.0.0/8 tcp dport 9100 accept
  }
}
";
        let found = firewall("nftables.service", text);
        let dhcp = Opening { destination: Some("fe80::/64".to_owned()), ..opening("udp", 546, 546) };
        let multicast = Opening { interface: Some("eth0".to_owned()), ..opening("udp", 5353, 5353) };
        assert_eq!(found.openings, [opening("tcp", 22, 22), opening("tcp", 8000, 8010), dhcp, multicast]);
        assert_eq!(found.trusted, ["lo", "wg0"]);
        let further: Vec<&str> = found.further.iter().map(|rule| rule.text.as_str()).collect();
        assert_eq!(further, ["ip saddr 10.0.0.0/8 tcp dport 9100 accept"]);
    }

    #[test]
    fn rules_that_cannot_be_read_are_not_taken_for_none() {
        let rules = |script: &str| {
            let service = format!("[Service]\nExecStart={script} start\n");
            let wanted = "/s/etc/systemd/system/multi-user.target.wants/firewall.service";
            let made = Made::of(&[("/s/etc/systemd/system/firewall.service", &service), (wanted, &service)]);
            let root = made.system();
            let found = Firewall::of(&root, &Units::of(&root).unwrap()).unwrap();
            found
                .further
                .into_iter()
                .map(|rule| format!("{}:{}: {}", rule.file, rule.line, rule.text))
                .collect::<Vec<_>>()
        };
        let script = format!("/nix/store/{}-firewall-start/bin/firewall-start", "a".repeat(32));
        for script in [script.as_str(), "/run/current-system/sw/bin/firewall-start"] {
            assert_eq!(rules(script), [format!("/etc/systemd/system/firewall.service:2: {script} start")]);
        }
    }

    #[test]
    fn without_a_unit_that_starts_there_is_no_firewall() {
        let made = Made::of(&[("/s/etc/systemd/system/firewall.service", "[Service]\nExecStart=/x\n")]);
        let root = made.system();
        assert_eq!(Firewall::of(&root, &Units::of(&root).unwrap()).unwrap(), Firewall::default());
    }
}
