//! What opens before anybody logs in: emergency shells, the initrd, and kernel lines.

use super::SHOWN;
use crate::nixos::access::finding::{Finding, FindingId};
use crate::nixos::access::{Shells, kernel_line};
use crate::nixos::menu::MenuEntry;
use crate::nixos::password::PasswordState;
use crate::nixos::ssh::Sshd;

/// The emergency shell of the system itself.
pub(super) fn emergency(shells: &Shells) -> Option<Finding> {
    let file = shells.forced.as_ref()?;
    let message = "gives a root shell without a password if booting fails (SYSTEMD_SULOGIN_FORCE)";
    Some(Finding::new(FindingId::EmergencyShell, "emergency shell", message.to_owned(), Some(file)))
}

/// Doors in the initrd.
pub(super) fn initrd(shells: &Shells) -> Vec<Finding> {
    let initrd = match &shells.initrd {
        Ok(Some(initrd)) => initrd,
        Ok(None) => return Vec::new(),
        Err(error) => {
            let message = format!("cannot be read, so what it opens is unknown: {error}");
            return vec![Finding::new(FindingId::InitrdUnreadable, "initrd", message, None)];
        }
    };
    let mut findings = Vec::new();
    let mut add = |id, message: String, inside: &str| {
        let place = format!("{} {inside}", initrd.file);
        findings.push(Finding::new(id, "initrd", message, Some(place.trim_end())));
    };
    let open = initrd.root.as_ref().is_some_and(|root| root.state == PasswordState::Empty);
    if open {
        let message = "gives a root shell without a password if booting fails (boot.initrd.systemd.emergencyAccess)";
        add(FindingId::InitrdShell, message.to_owned(), "/etc/shadow");
    } else if let Some(file) = &initrd.forced_shell {
        let message = "gives a root shell without a password if booting fails (SYSTEMD_SULOGIN_FORCE)";
        add(FindingId::InitrdShell, message.to_owned(), file);
    } else if let Some(scheme) = initrd.root.as_ref().and_then(|root| root.scheme) {
        let message =
            format!("the hash of its emergency password ({}) is readable by anyone who has the image", scheme.name());
        add(FindingId::InitrdHash, message, "/etc/shadow");
    }
    for (key, file) in &initrd.keys {
        let there = if initrd.sshd { "" } else { ", but the initrd has no sshd" };
        add(FindingId::InitrdSshKey, format!("the key {} lets root in through ssh{there}", key.fingerprint()), file);
    }
    for (file, number, error) in &initrd.malformed {
        let message = format!("not a key: {error}");
        add(FindingId::MalformedKey, message, &format!("{file}:{number}"));
    }
    for (link, target) in &initrd.unread {
        let message = match link == target {
            true => format!("reads keys from {target}, which is not in the initrd: whom it lets in is unknown"),
            false => format!("{link} links to {target}, which is not in the initrd: what it opens is unknown"),
        };
        add(FindingId::InitrdUnread, message, link);
    }
    for file in &initrd.host_keys {
        let message = "contains a private host key, readable by anyone who has the image";
        add(FindingId::InitrdHostKey, message.to_owned(), file);
    }
    findings
}

/// A key on a kernel line opens nothing without sshd.
pub(super) fn without_sshd(mut finding: Finding, sshd: &Sshd) -> Finding {
    if finding.id == FindingId::KeyOnKernelLine && sshd.unit.is_none() {
        finding.message.push_str(", but the system has no sshd that can start");
    }
    finding
}

/// Doors on the kernel lines of the menu entries that start this system.
pub(super) fn menu(entries: &[&MenuEntry]) -> Vec<Finding> {
    let mut findings: Vec<(Finding, Vec<String>)> = Vec::new();
    for entry in entries {
        for door in kernel_line::doors(entry) {
            let title = format!("{:?}", entry.title);
            if let Some((_, titles)) = findings.iter_mut().find(|(known, _)| known.subject == door.name) {
                if !titles.contains(&title) {
                    titles.push(title);
                }
                continue;
            }
            let file = String::from_utf8_lossy(&entry.file).into_owned();
            findings.push((Finding::new(door.id, &door.name, door.effect.clone(), Some(&file)), vec![title]));
        }
    }
    let told = |(mut finding, titles): (Finding, Vec<String>)| {
        if titles.iter().all(|title| title == "\"\"") {
            finding.message.push_str(" (the system's own kernel parameters)");
            return finding;
        }
        let shown = titles.get(..SHOWN).unwrap_or(&titles).join(", ");
        let more = titles.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let entries = if titles.len() == 1 { "entry" } else { "entries" };
        finding.message.push_str(&format!(" (menu {entries} {shown}{more})"));
        finding
    };
    findings.into_iter().map(told).collect()
}
