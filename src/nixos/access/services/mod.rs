//! Other ways into a system: programs that let somebody in, or let somebody else decide what runs.
//!
//! To add one, add a row to [`table`].

mod table;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use table::{PROGRAMS, UNITS, base};

use super::finding::{Finding, FindingId};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::ssh::Sshd;
use crate::nixos::unit::{Command, Conditions, Lookup, Start, Unit, Units};
use crate::store::StorePath;

/// Where the systems of NixOS containers are named, today and before 22.05.
const CONTAINERS: [&str; 2] = ["/etc/nixos-containers", "/etc/containers"];

/// Names of shells.
const SHELLS: [&str; 8] = ["sh", "bash", "zsh", "fish", "dash", "ksh", "tcsh", "nu"];

/// The findings of all units that start.
pub(super) fn findings(root: &Root<'_>) -> Result<Vec<Finding>> {
    let units = Units::of(root)?;
    let mut started: Vec<(&String, &Start)> = units.started()?.iter().collect();
    started.sort();
    let mut findings: Vec<Finding> = Vec::new();
    for (name, start) in started {
        if *start == Start::Manual {
            continue;
        }
        let Lookup::Loaded(unit) = units.get(name)? else { continue };
        let condition = match units.conditions(&unit)? {
            Conditions::Failed(_) => continue,
            Conditions::Open(condition) => format!(" (only if {condition} holds)"),
            Conditions::Met => String::new(),
        };
        let mut found = of_unit(root, name, &unit)?;
        let when = match start {
            Start::Trigger(by) => format!(", which {by} starts"),
            _ => String::new(),
        };
        for finding in &mut found {
            finding.message.push_str(&when);
            finding.message.push_str(&condition);
        }
        findings.extend(found);
    }
    Ok(findings)
}

fn of_unit(root: &Root<'_>, name: &str, unit: &Unit) -> Result<Vec<Finding>> {
    let units = Units::of(root)?;
    let finding = |id, message: String| Finding::new(id, name, message, Some(&unit.path));
    let mut findings: Vec<Finding> = Vec::new();
    let mut seen: HashSet<Vec<String>> = HashSet::new();
    for command in ["ExecStart", "ExecStartPre", "ExecStartPost"].into_iter().flat_map(|key| unit.commands(key)) {
        let words = std::iter::once(&command.program).chain(&command.arguments).cloned().collect();
        if !seen.insert(words) {
            continue; // the same command again
        }
        let script = units.script(&command.program)?;
        let lines = script.iter().flat_map(|script| script.lines.iter().map(|(_, line)| line.as_str()));
        let mut script = lines.collect::<Vec<_>>().join("\n");
        // A settings file may replace arguments.
        if let Some(file) = command.option("--config-file").filter(|file| file.starts_with("/nix/store/")) {
            script.push_str(&root.text(file)?.unwrap_or_default());
        }
        let found = PROGRAMS.iter().filter(|program| program.runs(&command, &script));
        findings.extend(found.map(|program| finding(program.id, program.opens.to_owned())));
        if let Some(tty) = terminal(unit).filter(|_| is_shell(&command) && name != "debug-shell.service") {
            let message = format!("gives a shell of {} on {tty} without a password", unit.user());
            findings.push(finding(FindingId::OtherEntrance, message));
        }
    }
    if name.starts_with("docker.") {
        let network = |value: &str| value.starts_with(|first: char| first.is_ascii_digit() || first == '[');
        if unit.list("Socket", "ListenStream").iter().any(|setting| network(&setting.value)) {
            let message = "takes orders for containers over the network, which is as good as root".to_owned();
            findings.push(finding(FindingId::OtherEntrance, message));
        }
    }
    if let Some(container) = name.strip_prefix("container@").and_then(|name| name.strip_suffix(".service")) {
        findings.push(finding(FindingId::OtherEntrance, of_container(root, container)?));
    }
    let known = UNITS.iter().find(|(known, ..)| *known == name).filter(|_| findings.is_empty());
    if let Some((_, id, opens)) = known {
        findings.push(finding(*id, format!("{opens} (found by its name alone)")));
    }
    findings.dedup_by(|one, other| one.id == other.id && one.message == other.message);
    Ok(findings)
}

/// The terminal that a unit's command reads from.
fn terminal(unit: &Unit) -> Option<&str> {
    let reads = || unit.value("Service", "StandardInput").is_some_and(|input| input.starts_with("tty"));
    unit.value("Service", "TTYPath").or_else(|| reads().then_some("/dev/console"))
}

/// What a NixOS container opens, depending on whether its system runs sshd.
fn of_container(root: &Root<'_>, name: &str) -> Result<String> {
    for folder in CONTAINERS {
        let Some(text) = root.text(&format!("{folder}/{name}.conf"))? else { continue };
        let path = text.lines().find_map(|line| line.trim().strip_prefix("SYSTEM_PATH="));
        let Some(path) = path.and_then(|path| StorePath::from_path(path.trim_matches('"').as_bytes())) else {
            continue;
        };
        let sshd = Sshd::of(&Root::new(root.tree(), path.to_string()))?;
        if sshd.unit.is_some() && sshd.starts {
            let ports = sshd.ports().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Ok(format!(
                "starts a NixOS container whose sshd listens on port {ports}; its users are not checked"
            ));
        }
        return Ok("starts a NixOS container without sshd; its users are not checked".to_owned());
    }
    Ok("starts a NixOS container; its users and sshd are not checked".to_owned())
}

fn is_shell(command: &Command) -> bool {
    // With arguments it runs a script.
    let interactive = command.arguments.iter().all(|argument| argument.starts_with('-') && argument != "-c");
    SHELLS.contains(&base(&command.program)) && interactive
}
