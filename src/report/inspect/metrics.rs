//! The numbers that people chart: sizes, counts and findings.

use std::io::{self, Write};

use crate::nixos::Summary;
use crate::nixos::access::Severity;
use crate::nixos::unit::Start;

/// A number with its name. The label tells numbers of one name apart.
struct Metric {
    name: &'static str,
    help: &'static str,
    label: Option<(&'static str, &'static str)>,
    value: u64,
}

/// Writes the text format of Prometheus.
///
/// # Errors
/// If the writer fails.
pub fn prometheus(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let image = label(&summary.path);
    let mut last = "";
    for Metric { name, help, label, value } in metrics(summary) {
        if last != name {
            writeln!(out, "# HELP nixoscope_{name} {help}\n# TYPE nixoscope_{name} gauge")?;
            last = name;
        }
        let own = label.map(|(key, value)| format!(",{key}=\"{value}\"")).unwrap_or_default();
        writeln!(out, "nixoscope_{name}{{image=\"{image}\"{own}}} {value}")?;
    }
    Ok(())
}

/// Writes one number a line.
///
/// # Errors
/// If the writer fails.
pub fn csv(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    writeln!(out, "metric,label,value")?;
    for Metric { name, label, value, .. } in metrics(summary) {
        writeln!(out, "{name},{},{value}", label.map_or("", |(_, label)| label))?;
    }
    Ok(())
}

/// Escapes the value of a label (Prometheus, exposition formats).
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// The numbers. What is unknown is left out.
fn metrics(summary: &Summary) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let mut add = |name, help, value: Option<u64>| {
        metrics.extend(value.map(|value| Metric { name, help, label: None, value }));
    };
    let store = summary.store.as_ref();
    add("image_bytes", "Length of the image.", Some(summary.bytes));
    add("store_bytes", "Length of the squashfs with the store.", store.and_then(|store| store.bytes));
    add("nar_bytes", "Registered NAR sizes of all store paths.", store.and_then(|store| store.nar_size));
    add("store_paths", "Store paths in the image.", store.map(|store| count(store.paths)));
    add("registered_paths", "Registered store paths.", store.map(|store| count(store.registered)));
    add(
        "installed_packages",
        "Packages that the default system has installed.",
        store.map(|store| count(store.installed)),
    );
    add("systems", "NixOS systems in the image.", Some(count(summary.systems.len())));
    add("menu_entries", "Entries of the boot menus.", Some(count(summary.menu.len())));
    if let Some(services) = &summary.services {
        let started = || services.services.iter().filter(|service| service.start != Start::Manual);
        let ports = started().map(|service| service.ports.len()).sum();
        add("started_units", "Units that start at boot or are triggered.", Some(count(started().count())));
        add("listening_ports", "Ports that these units are known to open.", Some(count(ports)));
    }
    if summary.access.is_some() {
        for (severity, name) in [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Info, "info")] {
            let all = summary.findings.iter().chain(summary.modes.iter().flatten());
            let found = all.filter(|finding| finding.severity == severity).count();
            let label = Some(("severity", name));
            let help = "Findings about who can log in.";
            metrics.push(Metric { name: "findings", help, label, value: count(found) });
        }
    }
    metrics
}
