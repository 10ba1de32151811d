//! Units that were added, removed or start differently, and the ports that the system listens on.

use std::collections::BTreeMap;

use super::change::{Change, Named, Value, changes};
use super::facts::{FirewallFacts, UnitStart};
use super::{Manifest, Pair};

/// How the units of the default systems differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitChanges {
    /// Units, by name.
    pub units: Vec<Change>,
    /// Ports on which sockets and sshd listen once the system has started, with the units.
    pub ports: Vec<Change>,
    /// What the firewall lets in. Empty unless both are known: older manifests lack it.
    pub firewall: Vec<Change>,
}

impl UnitChanges {
    /// Compares the units of the default systems. `None` if they are not known: manifests of 0.1.0 lack them.
    pub(super) fn between(manifests: Pair<&Manifest>) -> Option<Self> {
        if manifests.old.has_system_of(manifests.new) {
            return Some(Self::default());
        }
        let units = Pair { old: units(manifests.old)?, new: units(manifests.new)? };
        let ports = manifests.map(ports);
        let firewalls = match manifests.map(|manifest| manifest.firewall.as_ref()) {
            Pair { old: Some(old), new: Some(new) } => Pair { old: firewall(old), new: firewall(new) },
            _ => Pair { old: Named::new(), new: Named::new() },
        };
        Some(Self {
            units: changes(units.as_ref()),
            ports: changes(ports.as_ref()),
            firewall: changes(firewalls.as_ref()),
        })
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.units.is_empty() && self.ports.is_empty() && self.firewall.is_empty()
    }
}

fn units(manifest: &Manifest) -> Option<Named> {
    let units = manifest.units.as_ref()?;
    Some(units.iter().map(|unit| (unit.name.clone(), Value::Start(unit.start, unit.condition.clone()))).collect())
}

fn firewall(facts: &FirewallFacts) -> Named {
    let text = |text: &str| Value::Text(text.to_owned());
    let unit = facts.unit.iter().map(|unit| ("set up by".to_owned(), text(unit)));
    let opens = facts.opens.iter().map(|ports| (ports.clone(), text("let in")));
    let trusted = facts.trusted.iter().map(|name| (format!("everything on {name}"), text("let in")));
    unit.chain(opens).chain(trusted).collect()
}

fn ports(manifest: &Manifest) -> Named {
    let mut ports: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let starts = |start| matches!(start, UnitStart::Boot | UnitStart::Trigger);
    for unit in manifest.units.iter().flatten().filter(|unit| starts(unit.start)) {
        for port in &unit.listens {
            ports.entry(port.clone()).or_default().push(unit.name.clone());
        }
    }
    if let Some(sshd) = manifest.access.sshd.as_ref().filter(|sshd| sshd.starts_at_boot) {
        for port in &sshd.ports {
            ports.entry(format!("tcp {port}")).or_default().push("sshd".to_owned());
        }
    }
    ports.into_iter().map(|(port, units)| (port, Value::List(units))).collect()
}
