//! Programs that NixOS makes setuid beyond its own (`security.wrappers`).

use std::collections::BTreeMap;

use super::finding::{Finding, FindingId};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::unit::{Lookup, Units};

/// Wrappers of nixpkgs' own modules.
const STOCK: [&str; 34] = [
    "at",
    "atq",
    "atrm",
    "batch",
    "chfn",
    "chsh",
    "crontab",
    "dbus-daemon-launch-helper",
    "doas",
    "firejail",
    "fusermount",
    "fusermount3",
    "gpasswd",
    "kcheckpass",
    "kscreenlocker_greet",
    "kwin_wayland",
    "mount",
    "mount.nfs",
    "newgidmap",
    "newgrp",
    "newuidmap",
    "passwd",
    "physlock",
    "ping",
    "pkexec",
    "polkit-agent-helper-1",
    "pppd",
    "sendmail",
    "sg",
    "su",
    "sudo",
    "sudoedit",
    "umount",
    "unix_chkpwd",
];

/// The unit whose script makes the wrappers since 23.11; before, the activation script did.
const UNIT: &str = "suid-sgid-wrappers.service";

/// The findings of all scripts that make wrappers.
pub(super) fn findings(root: &Root<'_>) -> Result<Vec<Finding>> {
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    let activate = root.own("activate");
    if let Some(text) = root.text(&activate)? {
        text.lines().filter_map(wrapper).for_each(|name| _ = made.insert(name, activate.clone()));
    }
    let units = Units::of(root)?;
    if let Lookup::Loaded(unit) = units.get(UNIT)? {
        for command in unit.commands("ExecStart") {
            let Some(script) = units.script(&command.program)? else { continue };
            for (_, line) in &script.lines {
                wrapper(line).into_iter().for_each(|name| _ = made.insert(name, command.program.clone()));
            }
        }
    }
    let foreign = made.into_iter().filter(|(name, _)| !STOCK.contains(&name.as_str()));
    let finding = |(name, file): (String, String)| {
        let message = "runs as root for everyone who may run it (security.wrappers)".to_owned();
        Finding::new(FindingId::SetuidWrapper, &name, message, Some(&file))
    };
    Ok(foreign.map(finding).collect())
}

/// The name of the wrapper that a line makes setuid: `chmod "u+s,g-s,u+rx,g+x,o+x" "$wrapperDir/NAME"`.
fn wrapper(line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'', ';']));
    if words.next()? != "chmod" {
        return None;
    }
    let mode = words.next()?;
    let setuid = mode.split(',').any(|part| part == "u+s") || (mode.len() == 4 && mode.starts_with(['4', '6']));
    let name = words.next()?.strip_prefix("$wrapperDir/")?;
    setuid.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn wrappers_beyond_the_stock_ones_are_found() {
        let script = "chmod \"u+s,g-s,u+rx,g+x,o+x\" \"$wrapperDir/sudo\"\nchmod \"u+s,g-s,u+rx,g+x,o+x\" \"$wrapperDir/vim\"\n\
                      chmod \"u-s,g+s,u+rx,g+x,o+x\" \"$wrapperDir/write\"\nchmod 0755 $wrapperDir\n";
        let shown = |files: &[(&str, &str)]| -> Vec<String> {
            let found = findings(&Made::of(files).system()).unwrap();
            found.into_iter().map(|finding| format!("{} {}", finding.id.name(), finding.subject)).collect()
        };
        assert_eq!(shown(&[("/s/activate", script)]), ["setuid-wrapper vim"]);
        let path = "/nix/store/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-unit-script-suid/bin/start";
        let unit = format!("[Service]\nExecStart={path}\n");
        let text = format!("#!/bin/sh\n{script}");
        assert_eq!(
            shown(&[("/s/etc/systemd/system/suid-sgid-wrappers.service", &unit), (path, &text)]),
            ["setuid-wrapper vim"]
        );
        assert!(shown(&[]).is_empty());
    }
}
