//! The services and sockets of a system: who runs them, and the ports that the image says they open.

use super::firewall::Firewall;
use super::listeners;
use super::ssh::Sshd;
use super::unit::{Lookup, Port, Start, Unit, Units};
use super::{Disc, System};
use crate::error::{Result, Troubles};

/// Kinds of units that run something, or that wait for a reason to run something.
const KINDS: [&str; 4] = ["service", "socket", "timer", "path"];

/// The services of a system.
#[derive(Debug)]
pub struct Services {
    /// The units, by name.
    pub services: Vec<Service>,
    /// The firewall. `None` if its rules cannot be read.
    pub firewall: Option<Firewall>,
}

/// A service, socket, timer or path unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The unit's name: `sshd.service`.
    pub unit: String,
    /// How it starts.
    pub start: Start,
    /// The user it runs as. `None` for a unit that runs nothing itself.
    pub user: Option<String>,
    /// The program, as written in the unit.
    pub program: Option<String>,
    /// The ports that it listens on. Only those of sockets, of sshd and of a few other programs are known.
    pub ports: Vec<Port>,
}

impl Services {
    /// Reads the units of a system. Errors are added to `troubles`.
    ///
    /// # Errors
    /// If the list of units cannot be read.
    pub fn of(disc: &Disc<'_>, system: &System, troubles: &mut Troubles) -> Result<Self> {
        let root = disc.root_of(system);
        let units = Units::of(&root)?;
        let started = units.started()?;
        let mut names: Vec<&str> = units.names().chain(started.keys().map(String::as_str)).collect();
        names.retain(|name| name.rsplit_once('.').is_some_and(|(_, kind)| KINDS.contains(&kind)));
        names.sort_unstable();
        names.dedup();
        let mut services = Vec::new();
        for name in names {
            if let Some(Lookup::Loaded(unit)) = troubles.keep(units.get(name))
                && unit.name == name
            {
                let mut service = Service::of(&unit, started.get(name).cloned().unwrap_or(Start::Manual));
                service.ports = troubles.keep(listeners::ports(&root, &unit)).unwrap_or_default();
                services.push(service);
            }
        }
        if let Some(sshd) = troubles.keep(Sshd::of(&root)) {
            add_sshd(&mut services, &sshd);
        }
        let firewall = troubles.keep(Firewall::of(&root, &units));
        Ok(Self { services, firewall })
    }
}

impl Service {
    fn of(unit: &Unit, start: Start) -> Self {
        let program = unit.commands("ExecStart").into_iter().next().map(|command| command.program);
        let user = program.is_some().then(|| match unit.holds("Service", "DynamicUser") {
            Some(true) if unit.value("Service", "User").is_none() => "a dynamic user".to_owned(),
            _ => unit.user(),
        });
        Self { unit: unit.name.clone(), start, user, program, ports: Vec::new() }
    }
}

/// sshd's ports are in its configuration. With a socket, they are the socket's ports, which are already known.
fn add_sshd(services: &mut [Service], sshd: &Sshd) {
    let Some(unit) = sshd.unit.as_deref().filter(|_| !sshd.socket) else { return };
    let name = unit.rsplit('/').next().unwrap_or(unit);
    if let Some(service) = services.iter_mut().find(|service| service.unit == name) {
        service.ports = sshd.ports().into_iter().map(Port::tcp).collect();
    }
}
