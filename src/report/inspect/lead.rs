//! What everybody wants to know first, in a few lines.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::count::counted;
use super::super::size;
use super::boot::ways;
use crate::nixos::access::{Finding, Severity};
use crate::nixos::firewall::{Firewall, Opening};
use crate::nixos::services::Services;
use crate::nixos::unit::Start;
use crate::nixos::{Form, Summary};

/// The first lines: one for each question that everybody has.
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Lead {
    /// What it is.
    release: String,
    /// How large it is, and what fills it.
    size: String,
    /// How it boots.
    boots: String,
    /// Who gets in.
    gets_in: String,
    /// What runs. `None` if the units cannot be read.
    services: Option<String>,
    /// What keeps the image from working.
    wrong: Vec<String>,
}

impl Lead {
    pub(super) fn of(summary: &Summary) -> Self {
        Self {
            release: release(summary),
            size: size_line(summary),
            boots: boots(summary),
            gets_in: gets_in(summary),
            services: summary.services.as_ref().map(services),
            wrong: wrong(summary),
        }
    }

    /// The lines of the page: a word, and the answer.
    #[cfg(feature = "cli")]
    pub(super) fn lines(self) -> [(&'static str, String); 6] {
        [
            ("release", self.release),
            ("size", self.size),
            ("boots", self.boots),
            ("gets in", self.gets_in),
            ("services", self.services.unwrap_or_default()),
            ("WRONG", self.wrong.join("; ")),
        ]
    }
}

fn release(summary: &Summary) -> String {
    let Some((system, description)) = summary.systems.first() else { return "no NixOS system found".to_owned() };
    let label = description.label.as_deref().or(system.title.as_deref()).unwrap_or("unknown");
    // A label contains the version; the title of a menu entry may not.
    let version = description.version.as_deref().filter(|version| !label.contains(*version));
    let kernel = description
        .kernel
        .as_deref()
        .filter(|kernel| !label.contains(*kernel))
        .map(|kernel| format!("kernel {kernel}"));
    let facts = [Some(label.to_owned()), version.map(str::to_owned), description.system.clone(), kernel];
    facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn size_line(summary: &Summary) -> String {
    // A directory has no size of an image.
    let mut parts = Vec::new();
    if summary.form != Form::Directory {
        parts.push(size::format(summary.bytes));
    }
    let Some(store) = &summary.store else { return parts.join(", ") };
    parts.extend(store.nar_size.map(|unpacked| format!("{} unpacked", size::format(unpacked))));
    let largest = store.largest.iter().map(|(path, bytes)| format!("{} {}", path.name(), size::format(*bytes)));
    let largest: Vec<String> = largest.collect();
    match largest.is_empty() {
        true => parts.join(", "),
        false => format!("{}; largest: {}", parts.join(", "), largest.join(", ")),
    }
}

fn boots(summary: &Summary) -> String {
    match summary.form {
        Form::Directory => return String::new(),
        Form::Disk => return menus(summary),
        Form::Iso9660 | Form::Squashfs => {}
    }
    match ways(summary) {
        (ways, _) if ways.is_empty() => "no boot image for BIOS or UEFI".to_owned(),
        (ways, from) => format!("{}, {from}", ways.join(" and ")),
    }
}

/// The menus of a disk.
fn menus(summary: &Summary) -> String {
    let mut menus: Vec<&str> = summary.menu.iter().map(|entry| entry.loader.menu()).collect();
    menus.dedup();
    match menus.is_empty() {
        true => "no boot menu".to_owned(),
        false => format!("through {}", menus.join(" and ")),
    }
}

/// The worst finding, and how many there are.
fn gets_in(summary: &Summary) -> String {
    let Some(access) = &summary.access else { return "unknown: no system could be read".to_owned() };
    let Some(worst) = summary.findings.first() else {
        return if access.users_known {
            "nobody".to_owned()
        } else {
            "unknown: the image does not list its users".to_owned()
        };
    };
    let count = |severity| summary.findings.iter().filter(|finding| finding.severity == severity).count();
    let counts = [(Severity::Error, "problem"), (Severity::Warning, "warning")];
    let counts = counts.map(|(severity, noun)| (count(severity), noun)).into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, noun)| counted(count, noun)).collect();
    let Finding { subject, message, .. } = worst;
    match counts.is_empty() {
        true => format!("{subject}: {message}"),
        false => format!("{}; worst: {subject}: {message}", counts.join(", ")),
    }
}

/// sshd, the other ports that are open, and the firewall.
fn services(services: &Services) -> String {
    let firewall = services.firewall.as_ref();
    let listening = |sshd: bool| {
        let started = services.services.iter().filter(|service| service.start != Start::Manual);
        let chosen = started.filter(move |service| service.unit.starts_with("sshd") == sshd);
        chosen
            .flat_map(|service| service.ports.iter())
            .map(|port| (port.protocol, port.number))
            .collect::<BTreeSet<_>>()
    };
    let (sshd, mut others) = (listening(true), listening(false));
    let is_open = |port: &(&str, u16)| firewall.is_some_and(|firewall| opens(firewall, *port));
    let mut line = match sshd.is_empty() {
        true => "sshd does not start".to_owned(),
        false => format!("sshd on {}", sshd.iter().map(|(_, port)| port.to_string()).collect::<Vec<_>>().join(", ")),
    };
    match firewall {
        None => return format!("{line}; the firewall could not be read"),
        Some(_) if sshd.is_empty() => {}
        Some(_) if sshd.iter().any(is_open) => line.push_str(", open"),
        Some(_) => line.push_str(", not opened by the firewall"),
    }
    others.retain(|port| is_open(port) && !sshd.contains(port));
    if !others.is_empty() {
        line.push_str(&format!("; {} open", counted(others.len(), "more port")));
    }
    if firewall.is_some_and(|firewall| firewall.unit.is_none()) {
        line.push_str("; no firewall");
    }
    line
}

/// Whether everybody reaches a port that something listens on.
fn opens(firewall: &Firewall, (protocol, port): (&str, u16)) -> bool {
    let everybody = |opening: &&Opening| opening.interface.is_none() && opening.destination.is_none();
    let mut openings = firewall.openings.iter().filter(everybody);
    firewall.unit.is_none()
        || openings.any(|opening| opening.protocol == protocol && (opening.first..=opening.last).contains(&port))
}

/// What keeps the image from working.
fn wrong(summary: &Summary) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(volume) = &summary.volume {
        let stated = u64::from(volume.blocks) * u64::from(volume.block_size);
        if stated > summary.bytes {
            wrong.push(format!("cut off: the volume has {stated} bytes, the image {}", summary.bytes));
        }
    }
    let missing = summary.systems.iter().filter(|(system, _)| !system.present).count();
    if missing > 0 {
        wrong.push(format!("{} of the boot menu missing from the store", counted(missing, "system")));
    }
    if let Some(store) = &summary.store
        && store.missing > 0
    {
        wrong.push(format!("{} registered but missing", counted(store.missing, "store path")));
    }
    wrong
}
