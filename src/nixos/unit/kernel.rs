//! The kernel parameters that concern units (kernel-command-line(7)).

use std::collections::HashSet;

use crate::error::Result;
use crate::nixos::Root;
use crate::nixos::kernel_line::{self, Effect, Stage};

/// Targets that a word on the kernel line stands for.
const WORDS: [(&str, &[&str]); 4] = [
    ("emergency.target", &["emergency", "-b"]),
    ("rescue.target", &["rescue", "single", "s", "S", "1"]),
    ("multi-user.target", &["2", "3", "4"]),
    ("graphical.target", &["5"]),
];

/// The effect of the kernel lines on the units that start a system.
#[derive(Default)]
pub(super) struct Kernel {
    /// Units that every kernel line masks.
    pub(super) masks: HashSet<String>,
    /// Units that start at boot.
    pub(super) wants: Vec<String>,
    /// The units that start in place of `default.target`. `None` stands for `default.target` itself.
    pub(super) units: Vec<Option<String>>,
}

impl Kernel {
    pub(super) fn of(root: &Root<'_>) -> Result<Self> {
        let mut lines = root.kernel_lines()?.into_iter().map(|line| Self::of_line(&line));
        let mut kernel = lines.next().unwrap_or_default();
        for Self { masks, wants, units } in lines {
            kernel.masks.retain(|unit| masks.contains(unit));
            kernel.wants.extend(wants);
            kernel.units.extend(units);
        }
        Ok(kernel)
    }

    fn of_line(words: &[String]) -> Self {
        let (mut kernel, mut target) = (Self::default(), None);
        for word in words.iter().map(|word| word.replace('"', "")) {
            // systemd treats a dash like an underscore in a name.
            let (name, value) = word.split_once('=').unwrap_or((&word, ""));
            match (name.replace('-', "_").as_str(), value) {
                ("systemd.mask", unit) if !unit.is_empty() => drop(kernel.masks.insert(named(unit))),
                ("systemd.wants", unit) if !unit.is_empty() => kernel.wants.push(named(unit)),
                ("systemd.unit", unit) if !unit.is_empty() => target = Some(unit.to_owned()),
                _ if kernel_line::effect(&word) == Some(Effect::DebugShell(Stage::System)) => {
                    kernel.wants.push("debug-shell.service".to_owned());
                }
                _ => {
                    let known = WORDS.into_iter().find(|(_, words)| words.contains(&word.as_str()));
                    target = known.map(|(known, _)| known.to_owned()).or(target);
                }
            }
        }
        kernel.units.push(target);
        kernel
    }
}

/// A name without a suffix is a service.
fn named(unit: &str) -> String {
    if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") }
}
