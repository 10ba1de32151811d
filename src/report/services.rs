//! What runs on a system.

use std::io::{self, Write};

use serde::Serialize;

use super::document::{self, About};
use super::escape;
#[cfg(feature = "cli")]
use super::table::{self, Layout};
use crate::nixos::firewall::{Firewall, Opening, Rule};
use crate::nixos::hardening::{Confinement, Hardening};
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
    let (shown, hidden): (Vec<&Service>, Vec<&Service>) =
        services.services.iter().partition(|service| rows == Rows::All || service.starts());
    let wide = wide(&shown, layout);
    // On a terminal, conditions have lines of their own: they are longer than all the rest.
    let apart = matches!(layout, Layout::Columns(_)) && !wide.fits();
    if !shown.is_empty() {
        table::write(out, if apart { narrow(&shown, layout) } else { wide })?;
        if layout == Layout::Tabs {
            return Ok(());
        }
        writeln!(out)?;
    }
    if apart {
        conditions(out, &shown)?;
    }
    if !hidden.is_empty() {
        match hidden.len() {
            1 => writeln!(out, "1 more unit does not start by itself, --all shows it")?,
            more => writeln!(out, "{more} more units do not start by themselves, --all shows them")?,
        }
    }
    match &services.firewall {
        Some(firewall) => self::firewall(out, firewall),
        None => writeln!(out, "firewall: could not be read"),
    }
}

/// A column for each fact.
#[cfg(feature = "cli")]
fn wide(shown: &[&Service], layout: Layout) -> table::Table {
    let mut table = table::new(&["UNIT", "STARTED BY", "AS", "HARDENING", "LISTENS", "RUNS"], layout);
    for service in shown {
        let started_by = match &service.conditions {
            Conditions::Met => started_by(service),
            Conditions::Open(condition) => format!("{} if {condition}", started_by(service)),
            Conditions::Failed(condition) => format!("never: {condition} does not hold"),
        };
        table.add_row([
            escape(service.unit.as_bytes()).into_owned(),
            escape(started_by.as_bytes()).into_owned(),
            user(service),
            service.hardening.as_ref().map(Hardening::word).unwrap_or_default().to_owned(),
            ports(&service.ports),
            service.program.as_deref().map(short).unwrap_or_default(),
        ]);
    }
    table
}

/// The columns for a terminal of 80 columns.
#[cfg(feature = "cli")]
fn narrow(shown: &[&Service], layout: Layout) -> table::Table {
    let mut table = table::new(&["UNIT", "STARTED BY", "LISTENS", "RUNS"], layout);
    for service in shown {
        let more = match service.conditions {
            Conditions::Met => "",
            Conditions::Open(_) => " if …",
            Conditions::Failed(_) => " never",
        };
        let program = service.program.as_deref().map(short).unwrap_or_default();
        let hardening = service.hardening.as_ref().map(Hardening::word).unwrap_or_default();
        let runs =
            if program.is_empty() { program } else { format!("{program} as {}, hardening {hardening}", user(service)) };
        table.add_row([
            escape(service.unit.as_bytes()).into_owned(),
            format!("{}{more}", escape(started_by(service).as_bytes())),
            ports(&service.ports),
            runs,
        ]);
    }
    table
}

/// The conditions of units, for a table without them.
#[cfg(feature = "cli")]
fn conditions(out: &mut dyn Write, shown: &[&Service]) -> io::Result<()> {
    for service in shown {
        let line = match &service.conditions {
            Conditions::Met => continue,
            Conditions::Open(condition) => format!("{} starts if {condition}", service.unit),
            Conditions::Failed(condition) => {
                format!("{} does not start: {condition} does not hold", service.unit)
            }
        };
        writeln!(out, "{}", escape(line.as_bytes()))?;
    }
    Ok(())
}

/// The unit that starts it.
#[cfg(feature = "cli")]
fn started_by(service: &Service) -> String {
    match &service.start {
        Start::Boot => service.wanted_by.clone().unwrap_or_else(|| "the kernel line".to_owned()),
        Start::Trigger(unit) => unit.clone(),
        Start::Manual => "hand".to_owned(),
    }
}

#[cfg(feature = "cli")]
fn user(service: &Service) -> String {
    service.user.as_deref().map(|user| escape(user.as_bytes()).into_owned()).unwrap_or_default()
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

/// The shape of the document, for its schema.
#[cfg(test)]
pub(super) type Shape = document::Shape<Body<'static>>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Body<'s> {
    services: Vec<ServiceEntry<'s>>,
    firewall: Option<FirewallEntry<'s>>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ServiceEntry<'s> {
    unit: &'s str,
    /// `boot`, `trigger` or `manual`.
    start: &'static str,
    triggered_by: Option<&'s str>,
    /// The unit that pulls it in at boot.
    wanted_by: Option<&'s str>,
    /// A condition that fails, or that the image leaves open.
    condition: Option<&'s str>,
    /// Whether its conditions hold. `null` if the image leaves one open.
    conditions_hold: Option<bool>,
    user: Option<&'s str>,
    hardening: Option<HardeningEntry>,
    program: Option<&'s str>,
    ports: Vec<PortEntry>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
struct HardeningEntry {
    /// `none`, `low`, `medium` or `high`.
    level: &'static str,
    /// The settings that confine it.
    settings: Vec<&'static str>,
}

impl HardeningEntry {
    fn of(hardening: &Hardening) -> Self {
        Self {
            level: hardening.word(),
            settings: hardening.0.iter().map(|setting| Confinement::name(*setting)).collect(),
        }
    }
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
            wanted_by: service.wanted_by.as_deref(),
            condition,
            conditions_hold,
            user: service.user.as_deref(),
            hardening: service.hardening.as_ref().map(HardeningEntry::of),
            program: service.program.as_deref(),
            ports: service.ports.iter().map(PortEntry::of).collect(),
        }
    }
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
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

#[cfg_attr(test, derive(schemars::JsonSchema))]
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

#[cfg_attr(test, derive(schemars::JsonSchema))]
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

#[cfg_attr(test, derive(schemars::JsonSchema))]
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
