//! `[[port]]` and `[firewall]`: what the network reaches.

use std::fmt;

#[cfg(test)]
use schemars::JsonSchema;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::kind::{Assertion, Filter, Port, PortState};
use super::demands::nothing;
use super::file::Check;
use super::tables::SeverityWord;
use super::values;

/// `[[port]]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct PortTable {
    /// The port, or a range: `"8000-8010"`.
    pub(super) port: Ports,
    /// The protocol.
    #[serde(default)]
    pub(super) protocol: Protocol,
    /// Whether the network must reach it.
    #[serde(default)]
    pub(super) state: PortWord,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[firewall]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct FirewallTable {
    /// Whether NixOS sets one up at boot.
    pub(super) enabled: Option<bool>,
    /// The TCP ports that it lets packets in to, from everywhere; no others may be open, not even on one interface.
    pub(super) tcp: Option<Vec<Ports>>,
    /// The same for UDP.
    pub(super) udp: Option<Vec<Ports>>,
    /// The interfaces that may let everything in. If `tcp` or `udp` is given, none but these and `lo` may.
    pub(super) trusted: Option<Vec<String>>,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Whether the network reaches a port.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum PortWord {
    /// A unit listens on it, and the firewall lets packets in.
    #[default]
    Open,
    /// The firewall lets no packets in.
    Closed,
}

/// A port, or a range of ports: `"8000-8010"`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(untagged))]
pub(super) enum Ports {
    One(#[cfg_attr(test, schemars(range(min = 1, max = 65535)))] u16),
    Range(#[cfg_attr(test, schemars(regex(pattern = "^[0-9]+(-[0-9]+)?$")))] String),
}

impl Ports {
    /// The first and the last port.
    pub(super) fn range(&self) -> Result<(u16, u16), String> {
        let bounds = match self {
            Self::One(port) => Some((*port, *port)),
            Self::Range(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                first.parse().ok().zip(last.parse().ok())
            }
        };
        let right = bounds.filter(|(first, last)| *first > 0 && first <= last);
        right.ok_or_else(|| match self {
            Self::One(port) => format!("{port} is not a port"),
            Self::Range(text) => format!("{text:?} is not a port or a range: write 22 or \"8000-8010\""),
        })
    }
}

struct PortsVisitor;

impl Visitor<'_> for PortsVisitor {
    type Value = Ports;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a port, or a range such as \"8000-8010\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Ports, E> {
        let port = u16::try_from(number).ok().filter(|port| *port > 0);
        port.map(Ports::One).ok_or_else(|| E::custom(format!("{number} is not a port")))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Ports, E> {
        Err(E::custom(format!("{number} is not a port")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Ports, E> {
        let ports = Ports::Range(text.to_owned());
        ports.range().map_err(E::custom)?;
        Ok(ports)
    }
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortsVisitor)
    }
}

impl PortTable {
    pub(super) fn assertion(&self) -> Result<Assertion, String> {
        let state = match self.state {
            PortWord::Open => PortState::Open,
            PortWord::Closed => PortState::Closed,
        };
        Ok(Port { protocol: self.protocol.name(), range: self.port.range()?, state }.into())
    }
}

impl Check for PortTable {
    fn check(&self) -> Result<(), String> {
        self.assertion().map(|_| ())
    }
}

impl FirewallTable {
    pub(super) fn assertions(&self) -> Result<Vec<Assertion>, String> {
        let mut all: Vec<Assertion> = self.enabled.map(|enabled| Filter::Enabled(enabled).into()).into_iter().collect();
        for (protocol, ports) in [("tcp", &self.tcp), ("udp", &self.udp)] {
            if let Some(ports) = ports {
                let ranges = ports.iter().map(Ports::range).collect::<Result<_, _>>()?;
                all.push(Filter::Ports(protocol, ranges).into());
            }
        }
        if self.tcp.is_some() || self.udp.is_some() || self.trusted.is_some() {
            all.push(Filter::Trusted(self.trusted.clone().unwrap_or_default()).into());
        }
        Ok(all)
    }
}

impl Check for FirewallTable {
    fn check(&self) -> Result<(), String> {
        let lists = [self.tcp.is_some(), self.udp.is_some(), self.trusted.is_some()];
        nothing(&[self.enabled.is_some(), lists.contains(&true)], "enabled, tcp, udp or trusted")?;
        if self.enabled == Some(false) && lists.contains(&true) {
            return Err("without a firewall, every packet comes in: enabled = false allows no lists".to_owned());
        }
        self.assertions().map(|_| ())
    }
}
