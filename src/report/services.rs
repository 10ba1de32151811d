//! What runs on a system.

use std::io::{self, Write};

use serde::Serialize;

use super::document::{self, About};
use super::escape;
#[cfg(feature = "cli")]
use super::table::{self, Layout};
use crate::nixos::firewall::{Firewall, Opening, Rule};
use crate::nixos::services::{Service, Services};
use crate::nixos::unit::{Conditions, Port, Start};
use crate::store::StorePath;

/// Which units a table shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All.
    All,
    /// Those that start at boot or are triggered.
    Started,
}

/// A table of units, and below it what the firewall lets in.
///
/// # Errors
/// What the writer meets.
#[cfg(feature = "cli")]
pub fn table(out: &mut dyn Write, services: &Services, rows: Rows, layout: Layout) -> io::Result<()> {
    let mut table = table::new(&["UNIT", "STARTS", "AS", "LISTENS", "RUNS"], layout);
    let mut hidden = 0;
    for service in &services.services {
        if rows == Rows::Started && !service.starts() {
            hidden += 1;
            continue;
        }
        table.add_row([
            escape(service.unit.as_bytes()).into_owned(),
            start(service),
            service.user.as_deref().map(|user| escape(user.as_bytes()).into_owned()).unwrap_or_default(),
            ports(&service.ports),
            service.program.as_deref().map(short).unwrap_or_default(),
        ]);
    }
    if table.row_count() > 0 {
        table::write(out, table)?;
        if layout == Layout::Tabs {
            return Ok(());
        }
        writeln!(out)?;
    }
    if hidden > 0 {
        writeln!(out, "{hidden} more units do not start by themselves, --all shows them")?;
    }
    match &services.firewall {
        Some(firewall) => self::firewall(out, firewall),
        None => writeln!(out, "firewall: could not be read"),
    }
}

fn firewall(out: &mut dyn Write, firewall: &Firewall) -> io::Result<()> {
    let Some(unit) = &firewall.unit else {
        return writeln!(out, "firewall: NixOS sets up none");
    };
    let (mut open, mut limited): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for opening in &firewall.openings {
        if opening.is_for_all() {
            open.push(opening.to_string());
        } else {
            limited.push(opening.to_string());
        }
    }
    let nothing = if open.is_empty() { "no port open to everyone".to_owned() } else { open.join(", ") };
    writeln!(out, "firewall: {unit}; open: {nothing}")?;
    for (what, rules) in [("open in part", &limited), ("trusted interfaces", &firewall.trusted)] {
        if !rules.is_empty() {
            writeln!(out, "  {what}: {}", escape(rules.join(", ").as_bytes()))?;
        }
    }
    for rule in &firewall.further {
        writeln!(out, "  not judged: {}", escape(rule.text.as_bytes()))?;
        writeln!(out, "    {}:{}", escape(rule.file.as_bytes()), rule.line)?;
    }
    Ok(())
}

pub(super) fn start(service: &Service) -> String {
    let start = match &service.start {
        Start::Boot => "at boot".to_owned(),
        Start::Trigger(unit) => format!("by {unit}"),
        Start::Manual => "by hand".to_owned(),
    };
    let text = match &service.conditions {
        Conditions::Met => start,
        Conditions::Open(condition) => format!("{start} if {condition}"),
        Conditions::Failed(condition) => format!("never: {condition} does not hold"),
    };
    escape(text.as_bytes()).into_owned()
}

pub(super) fn ports(ports: &[Port]) -> String {
    let shown = |port: &Port| if port.loopback { format!("{port} on loopback") } else { port.to_string() };
    ports.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// A program without the store and the digest: `openssh-10.2p1/bin/sshd`.
pub(super) fn short(program: &str) -> String {
    let short = StorePath::containing(program.as_bytes())
        .map(|(path, rest)| format!("{}{}", path.name(), String::from_utf8_lossy(rest)));
    escape(short.as_deref().unwrap_or(program).as_bytes()).into_owned()
}

/// The document of `services`.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, about: About<'_>, services: &Services) -> serde_json::Result<()> {
    let body = Body {
        services: services.services.iter().map(ServiceEntry::of).collect(),
        firewall: services.firewall.as_ref().map(FirewallEntry::of),
    };
    document::write(out, "nixoscope.services.v1", about, &body)
}

#[derive(Serialize)]
struct Body<'s> {
    services: Vec<ServiceEntry<'s>>,
    firewall: Option<FirewallEntry<'s>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceEntry<'s> {
    unit: &'s str,
    /// `boot`, `trigger` or `manual`.
    start: &'static str,
    triggered_by: Option<&'s str>,
    /// A condition that fails, or that the image leaves open.
    condition: Option<&'s str>,
    /// Whether its conditions hold. `null` if the image leaves one open.
    conditions_hold: Option<bool>,
    user: Option<&'s str>,
    program: Option<&'s str>,
    ports: Vec<PortEntry>,
}

impl<'s> ServiceEntry<'s> {
    fn of(service: &'s Service) -> Self {
        let (start, triggered_by) = match &service.start {
            Start::Boot => ("boot", None),
            Start::Trigger(unit) => ("trigger", Some(unit.as_str())),
            Start::Manual => ("manual", None),
        };
        let (condition, conditions_hold) = match &service.conditions {
            Conditions::Met => (None, Some(true)),
            Conditions::Open(condition) => (Some(condition.as_str()), None),
            Conditions::Failed(condition) => (Some(condition.as_str()), Some(false)),
        };
        Self {
            unit: &service.unit,
            start,
            triggered_by,
            condition,
            conditions_hold,
            user: service.user.as_deref(),
            program: service.program.as_deref(),
            ports: service.ports.iter().map(PortEntry::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct PortEntry {
    protocol: &'static str,
    port: u16,
    /// Whether only the machine itself reaches it.
    loopback: bool,
}

impl PortEntry {
    fn of(port: &Port) -> Self {
        Self { protocol: port.protocol, port: port.number, loopback: port.loopback }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FirewallEntry<'f> {
    unit: Option<&'f str>,
    open: Vec<OpeningEntry<'f>>,
    trusted_interfaces: &'f [String],
    /// Rules that are not judged.
    further: Vec<RuleEntry<'f>>,
}

impl<'f> FirewallEntry<'f> {
    fn of(firewall: &'f Firewall) -> Self {
        Self {
            unit: firewall.unit.as_deref(),
            open: firewall.openings.iter().map(OpeningEntry::of).collect(),
            trusted_interfaces: &firewall.trusted,
            further: firewall.further.iter().map(RuleEntry::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct OpeningEntry<'f> {
    protocol: &'f str,
    first: u16,
    last: u16,
    interface: Option<&'f str>,
    destination: Option<&'f str>,
}

impl<'f> OpeningEntry<'f> {
    fn of(opening: &'f Opening) -> Self {
        Self {
            protocol: &opening.protocol,
            first: opening.first,
            last: opening.last,
            interface: opening.interface.as_deref(),
            destination: opening.destination.as_deref(),
        }
    }
}

#[derive(Serialize)]
struct RuleEntry<'f> {
    text: &'f str,
    path: &'f str,
    line: u64,
}

impl<'f> RuleEntry<'f> {
    fn of(rule: &'f Rule) -> Self {
        Self { text: &rule.text, path: &rule.file, line: rule.line }
    }
}
