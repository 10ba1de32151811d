//! The texts of an initrd: which files are read, and what they say.

use crate::nixos::ssh::declared;
use crate::nixos::unit;

/// Where an initrd mounts the system that it starts: under systemd, and in the scripts of stage 1.
pub(super) const MOUNTS: [&str; 4] = ["/sysroot", "/mnt-root", "$targetRoot", "${targetRoot}"];

/// A file of the initrd that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    Shadow,
    AuthorizedKeys,
    Stage1,
    /// A unit of the emergency shell, or the configuration of systemd itself.
    Environment,
    /// A unit, its drop-in, or its script.
    Unit,
    /// Rules of systemd-tmpfiles.
    Rules,
}

impl Text {
    pub(super) fn of(path: &str) -> Option<Self> {
        let units = ["/emergency.service", "/rescue.service"];
        match path {
            "/etc/shadow" => Some(Self::Shadow),
            "/root/.ssh/authorized_keys" => Some(Self::AuthorizedKeys),
            path if path == declared::file_of("root") => Some(Self::AuthorizedKeys),
            "/init" => Some(Self::Stage1),
            "/etc/systemd/system.conf" => Some(Self::Environment),
            _ if path.ends_with("-stage-1-init.sh") => Some(Self::Stage1),
            _ if units.iter().any(|unit| path.ends_with(unit) || path.contains(&format!("{unit}.d/"))) => {
                Some(Self::Environment)
            }
            _ if path.ends_with(".service") || path.contains(".service.d/") || path.contains("-unit-script-") => {
                Some(Self::Unit)
            }
            _ if path.contains("/tmpfiles.d/") && path.ends_with(".conf") => Some(Self::Rules),
            _ => None,
        }
    }
}

/// The files that a stage 1 appends to root's list of keys: `cat FILE >> /root/.ssh/authorized_keys`.
pub(super) fn appended(script: &str) -> Vec<String> {
    let mut files = Vec::new();
    for (command, list) in script.lines().filter_map(|line| line.split_once(">>")) {
        let mut words = command.split_ascii_whitespace().map(|word| word.trim_matches(['"', '\'']));
        if list.contains("authorized_keys")
            && !MOUNTS.iter().any(|mount| list.contains(mount))
            && words.any(|word| word == "cat" || word.ends_with("/cat"))
        {
            files.extend(words.filter(|word| word.starts_with('/')).map(str::to_owned));
        }
    }
    files
}

/// The variable that makes emergency shells ask for no password (systemd, docs/ENVIRONMENT.md).
pub(in crate::nixos) const FORCE: &str = "SYSTEMD_SULOGIN_FORCE";

/// Whether a unit, or systemd's own configuration, sets [`FORCE`].
pub(in crate::nixos) fn forces_shell(text: &str) -> bool {
    let settings = unit::settings(text, "");
    let environment = settings.iter().filter(|setting| setting.key.ends_with("Environment"));
    let mut words = environment.flat_map(|setting| unit::list(&setting.value));
    words.any(|word| word.split_once('=').is_some_and(|(name, value)| name == FORCE && unit::is_true(value)))
}

/// The target of a link in an initrd, as an absolute path.
pub(crate) fn target(link: &str, text: &str) -> String {
    let (folder, _) = link.rsplit_once('/').unwrap_or_default();
    let whole = if text.starts_with('/') { text.to_owned() } else { format!("{folder}/{text}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
