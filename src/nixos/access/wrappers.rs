//! Programs beyond NixOS's own that NixOS makes setuid, or gives capabilities as good as root (`security.wrappers`).

use std::collections::BTreeMap;

use super::capability::is_as_good_as_root;
use super::finding::{Finding, FindingId};
use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::unit::{Lookup, Units};

/// Wrappers of nixpkgs' own modules.
const STOCK: [&str; 56] = [
    "VBoxHeadless",
    "VBoxNetAdpCtl",
    "VBoxNetDHCP",
    "VBoxNetNAT",
    "VBoxSDL",
    "VirtualBoxVM",
    "__chromium-suid-sandbox",
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
    "fping",
    "fusermount",
    "fusermount3",
    "gpasswd",
    "i3lock",
    "i3lock-color",
    "kbdlight",
    "kcheckpass",
    "kscreenlocker_greet",
    "kwin_wayland",
    "light",
    "lxc-user-nic",
    "mount",
    "mount.ecryptfs_private",
    "mount.nfs",
    "newgidmap",
    "newgrp",
    "newuidmap",
    "passwd",
    "physlock",
    "ping",
    "pkexec",
    "please",
    "polkit-agent-helper-1",
    "pppd",
    "qemu-bridge-helper",
    "screen",
    "sendmail",
    "sg",
    "slock",
    "spice-client-glib-usb-acl-helper",
    "su",
    "sudo",
    "sudoedit",
    "udevil",
    "umount",
    "umount.ecryptfs_private",
    "unix_chkpwd",
    "wshowkeys",
];

/// The unit whose script creates the wrappers since 23.11. Before, the activation script did.
const UNIT: &str = "suid-sgid-wrappers.service";

/// Wrappers of nixpkgs' own modules with a capability that would let them do everything root does.
const STOCK_CAPABLE: [&str; 4] = ["bandwhich", "gpu-screen-recorder", "gsr-kms-server", "sunshine"];

/// What a wrapper gives to whoever runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Power {
    Setuid,
    Capabilities(Vec<String>),
}

/// The findings of all scripts that create wrappers.
pub(super) fn findings(root: &Root<'_>) -> Result<Vec<Finding>> {
    let mut made: BTreeMap<String, (Power, String)> = BTreeMap::new();
    let mut take = |line: &str, file: &str| {
        if let Some((name, power)) = wrapper(line) {
            made.insert(name, (power, file.to_owned()));
        }
    };
    let activate = root.own("activate");
    if let Some(text) = root.text(&activate)? {
        text.lines().for_each(|line| take(line, &activate));
    }
    let units = Units::of(root)?;
    if let Lookup::Loaded(unit) = units.get(UNIT)? {
        for command in unit.commands("ExecStart") {
            let Some(script) = units.script(&command.program)? else { continue };
            script.lines.iter().for_each(|(_, line)| take(line, &command.program));
        }
    }
    let finding = |(name, (power, file)): (String, (Power, String))| {
        let message = match power {
            Power::Setuid if STOCK.contains(&name.as_str()) => return None,
            Power::Capabilities(_) if STOCK_CAPABLE.contains(&name.as_str()) => return None,
            Power::Setuid => "runs as root for everyone who may run it (security.wrappers)".to_owned(),
            Power::Capabilities(all) => {
                let all = all.join(" and ");
                format!("runs with {all}, which is as good as root, for everyone who may run it (security.wrappers)")
            }
        };
        Some(Finding::new(FindingId::SetuidWrapper, &name, message, Some(&file)))
    };
    Ok(made.into_iter().filter_map(finding).collect())
}

/// The name of the wrapper to which a line gives power:
/// `chmod "u+s,g-s,u+rx,g+x,o+x" "$wrapperDir/NAME"`, or `setcap "cap_setpcap,cap_net_raw+ep" "$wrapperDir/NAME"`.
fn wrapper(line: &str) -> Option<(String, Power)> {
    let mut words = line.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'', ';']));
    let tool = words.next()?;
    let power = match tool.rsplit('/').next()? {
        "chmod" => {
            let mode = words.next()?;
            let is_setuid =
                mode.split(',').any(|part| part == "u+s") || (mode.len() == 4 && mode.starts_with(['4', '6']));
            is_setuid.then_some(Power::Setuid)?
        }
        "setcap" => {
            let given = words.next()?.to_ascii_lowercase();
            let (names, flags) = given.split_once(['+', '=']).unwrap_or((&given, ""));
            let all: Vec<String> =
                names.split(',').filter(|name| is_as_good_as_root(name)).map(str::to_owned).collect();
            (flags.contains('p') && !all.is_empty()).then_some(Power::Capabilities(all))?
        }
        _ => return None,
    };
    let name = words.next()?.strip_prefix("$wrapperDir/")?;
    Some((name.to_owned(), power))
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
        let script = "/nix/store/eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee-libcap/bin/setcap \"cap_setpcap,cap_setuid,cap_sys_admin+ep\" \
                      \"$wrapperDir/python\"\nsetcap \"cap_setpcap,cap_net_raw+p\" \"$wrapperDir/ping\"\n\
                      setcap \"cap_setpcap,cap_sys_nice+ep\" \"$wrapperDir/game\"\nsetcap \"cap_sys_admin+i\" \"$wrapperDir/x\"\n";
        let found = findings(&Made::of(&[("/s/activate", script)]).system()).unwrap();
        let found: Vec<String> =
            found.iter().map(|finding| format!("{} {}", finding.subject, finding.message)).collect();
        assert_eq!(
            found,
            ["python runs with cap_setuid and cap_sys_admin, which is as good as root, for everyone who may run it \
              (security.wrappers)"]
        );
    }
}
