//! What the kernel's own parameters say of units (kernel-command-line(7)).

use std::collections::HashSet;

use crate::error::Result;
use crate::nixos::Root;

/// Targets that a word on the kernel line stands for.
const WORDS: [(&str, &[&str]); 4] = [
    ("emergency.target", &["emergency", "-b"]),
    ("rescue.target", &["rescue", "single", "s", "S", "1"]),
    ("multi-user.target", &["2", "3", "4"]),
    ("graphical.target", &["5"]),
];

/// What `boot.kernelParams` of a system says of its units. Entries of a menu may add to it.
#[derive(Default)]
pub(super) struct Kernel {
    /// Units that cannot start.
    pub(super) masks: HashSet<String>,
    /// Units that start at boot.
    pub(super) wants: Vec<String>,
    /// The unit that stands in for `default.target`.
    pub(super) unit: Option<String>,
}

impl Kernel {
    pub(super) fn of(root: &Root<'_>) -> Result<Self> {
        let text = root.text(&root.own("kernel-params"))?.unwrap_or_default();
        let mut kernel = Self::default();
        for word in text.split_ascii_whitespace().map(|word| word.replace('"', "")) {
            // systemd takes a dash for an underscore in a name.
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            match (name.replace('-', "_").as_str(), value) {
                ("systemd.mask", unit) if !unit.is_empty() => drop(kernel.masks.insert(named(unit))),
                ("systemd.wants", unit) if !unit.is_empty() => kernel.wants.push(named(unit)),
                ("systemd.unit", unit) if !unit.is_empty() => kernel.unit = Some(unit.to_owned()),
                ("systemd.debug_shell", "0" | "no" | "n" | "false" | "f" | "off") => {}
                ("systemd.debug_shell", _) => kernel.wants.push("debug-shell.service".to_owned()),
                _ => {
                    let target = WORDS.into_iter().find(|(_, words)| words.contains(&word.as_str()));
                    kernel.unit = target.map(|(target, _)| target.to_owned()).or(kernel.unit);
                }
            }
        }
        Ok(kernel)
    }
}

/// A name without a suffix is that of a service.
fn named(unit: &str) -> String {
    if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") }
}
