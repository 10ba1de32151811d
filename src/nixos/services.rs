//! The services and sockets of a system: who runs them, and the ports that the image says they open.

use super::firewall::Firewall;
use super::hardening::Hardening;
use super::listeners;
use super::ssh::Sshd;
use super::unit::{Conditions, Lookup, Port, Start, Unit, Units};
use super::{Disc, Root, System};
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
    /// The unit that pulls it in at boot: a target, if there is one.
    pub wanted_by: Option<String>,
    /// Whether its conditions hold. If one fails, the unit does not start.
    pub conditions: Conditions,
    /// The user it runs as. `None` for a unit that runs nothing itself.
    pub user: Option<String>,
    /// How far systemd confines it. `None` for a unit that runs nothing itself.
    pub hardening: Option<Hardening>,
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
        Self::in_root(&disc.root_of(system), troubles)
    }

    fn in_root(root: &Root<'_>, troubles: &mut Troubles) -> Result<Self> {
        let units = Units::of(root)?;
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
                let start = started.get(name).cloned().unwrap_or(Start::Manual);
                // What cannot be read does not decide.
                let conditions = troubles.keep(units.conditions(&unit)).unwrap_or(Conditions::Met);
                let mut service = Service::of(&unit, (start, conditions));
                service.wanted_by = (service.start == Start::Boot)
                    .then(|| units.wanted_by(name).ok())
                    .flatten()
                    .flatten()
                    .map(str::to_owned);
                service.ports = troubles.keep(listeners::ports(root, &unit)).unwrap_or_default();
                services.push(service);
            }
        }
        if let Some(sshd) = troubles.keep(Sshd::of(root)) {
            sshd.all().for_each(|sshd| add_sshd(&mut services, sshd));
        }
        let firewall = troubles.keep(Firewall::of(root, &units));
        root.take_cut().into_iter().for_each(|over| troubles.push(over));
        Ok(Self { services, firewall })
    }
}

impl Service {
    /// Whether it starts without anybody's help, unless an open condition prevents that.
    #[must_use]
    pub fn starts(&self) -> bool {
        self.start != Start::Manual && !matches!(self.conditions, Conditions::Failed(_))
    }

    fn of(unit: &Unit, (start, conditions): (Start, Conditions)) -> Self {
        let program = unit.commands("ExecStart").into_iter().next().map(|command| command.program);
        let user = program.is_some().then(|| match unit.holds("Service", "DynamicUser") {
            Some(true) if unit.value("Service", "User").is_none() => "a dynamic user".to_owned(),
            _ => unit.user(),
        });
        let hardening = program.is_some().then(|| Hardening::of(unit));
        let (unit, wanted_by, ports) = (unit.name.clone(), None, Vec::new());
        Self { unit, start, wanted_by, conditions, user, hardening, program, ports }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn conditions_decide_whether_a_unit_starts() {
        let unit = |condition: &str| format!("[Unit]\n{condition}\n[Service]\nExecStart=/x/bin/a\n");
        for (condition, starts, expected) in [
            ("ConditionKernelCommandLine=quiet", true, Conditions::Met),
            ("ConditionPathExists=/var/x", true, Conditions::Open("ConditionPathExists=/var/x".to_owned())),
            ("AssertKernelCommandLine=demo", false, Conditions::Failed("AssertKernelCommandLine=demo".to_owned())),
        ] {
            let made = Made::of(&[
                ("/s/etc/systemd/system/a.service", &unit(condition)),
                ("/s/etc/systemd/system/multi-user.target.wants/a.service", "-> ../a.service"),
                ("/s/kernel-params", "quiet"),
            ]);
            let found = Services::in_root(&made.system(), &mut Troubles::default()).unwrap();
            let service = found.services.first().unwrap();
            assert_eq!((service.starts(), &service.conditions), (starts, &expected), "{condition}");
        }
    }
}
