//! The conditions under which a unit starts (systemd.unit(5), CONDITIONS AND ASSERTS).

use super::{Setting, Start, Unit, Units};
use crate::error::Result;

/// The result of a unit's conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conditions {
    /// They hold according to the image, or the unit has none.
    Met,
    /// This one does not hold according to the image: the unit does not start.
    Failed(String),
    /// The image does not show whether this one holds.
    Open(String),
}

/// How the keys of conditions and of assertions start.
const KINDS: [&str; 2] = ["Condition", "Assert"];

/// Whether one condition holds. `None` if the image does not show it.
type Holds = Option<bool>;

/// Conditions that need a path to exist, or more than that.
const ON_PATHS: [&str; 8] = [
    "PathExists",
    "PathIsDirectory",
    "PathIsSymbolicLink",
    "PathIsMountPoint",
    "PathIsReadWrite",
    "DirectoryNotEmpty",
    "FileNotEmpty",
    "FileIsExecutable",
];

/// Containers that systemd knows (ConditionVirtualization=). No container starts from a disc.
const CONTAINERS: [&str; 10] =
    ["container", "systemd-nspawn", "docker", "podman", "lxc", "lxc-libvirt", "openvz", "rkt", "wsl", "proot"];

impl Units<'_> {
    /// The result of the conditions and assertions of a unit, and of the unit that triggers it, if any of the menu entries
    /// starts the system.
    ///
    /// # Errors
    /// If a path that decides is in the image but cannot be read.
    pub fn conditions(&self, unit: &Unit) -> Result<Conditions> {
        let own = self.own_conditions(unit)?;
        if own == Conditions::Met
            && let Some(Start::Trigger(by)) = self.started()?.get(&unit.name)
            && let Some(trigger) = self.get(by)?.unit()
        {
            return self.own_conditions(trigger);
        }
        Ok(own)
    }

    /// The result of the conditions and assertions in the unit itself.
    pub(super) fn own_conditions(&self, unit: &Unit) -> Result<Conditions> {
        let settings: Vec<&Setting> = KINDS.iter().flat_map(|kind| unit.conditions(kind)).collect();
        if settings.is_empty() {
            return Ok(Conditions::Met); // most units
        }
        let mut lines = self.root.kernel_lines()?;
        if !settings.iter().any(|setting| setting.key.ends_with("KernelCommandLine")) {
            lines.truncate(1); // all lines have the same result
        }
        let mut best = None;
        for line in lines {
            let [conditions, assertions] = KINDS;
            let found = self.of_kind(unit, conditions, &line)?;
            let found = if found == Conditions::Met { self.of_kind(unit, assertions, &line)? } else { found };
            match (&found, &best) {
                (Conditions::Met, _) => return Ok(found),
                (Conditions::Open(_), _) | (_, None) => best = Some(found),
                (Conditions::Failed(_), Some(_)) => {}
            }
        }
        Ok(best.unwrap_or(Conditions::Met))
    }

    /// At least one of the conditions with a `|` must hold, and all conditions without it.
    fn of_kind(&self, unit: &Unit, kind: &str, line: &[String]) -> Result<Conditions> {
        let (mut open, mut choice): (Option<&Setting>, Option<(&Setting, Holds)>) = (None, None);
        for setting in unit.conditions(kind) {
            let name = setting.key.strip_prefix(kind).unwrap_or_default();
            let (is_choice, value) = prefixed(&setting.value, '|');
            let (negated, value) = prefixed(value, '!');
            let holds = self.holds(name, value, line)?.map(|holds| holds != negated);
            if is_choice {
                let before = choice.and_then(|(_, before)| before);
                let known = choice.is_some();
                let either = match (known, before, holds) {
                    (false, ..) => holds,
                    (true, Some(true), _) | (true, _, Some(true)) => Some(true),
                    (true, Some(false), Some(false)) => Some(false),
                    (true, ..) => None,
                };
                choice = Some((setting, either));
                continue;
            }
            match holds {
                Some(true) => {}
                Some(false) => return Ok(Conditions::Failed(shown(setting))),
                None => open = open.or(Some(setting)),
            }
        }
        Ok(match (choice, open) {
            (Some((setting, Some(false))), _) => Conditions::Failed(shown(setting)),
            (_, Some(setting)) | (Some((setting, None)), None) => Conditions::Open(shown(setting)),
            (Some((_, Some(true))) | None, None) => Conditions::Met,
        })
    }

    fn holds(&self, name: &str, value: &str, line: &[String]) -> Result<Holds> {
        Ok(match name {
            "PathExists" if value == "/dev/console" || value.starts_with("/dev/tty") => Some(true),
            _ if ON_PATHS.contains(&name) => self.holds_on_path(name, value)?,
            "KernelCommandLine" => Some(
                line.iter().any(|word| word == value || !value.contains('=') && word.split('=').next() == Some(value)),
            ),
            "Virtualization" if CONTAINERS.contains(&value) => Some(false),
            _ => None,
        })
    }

    /// The store is as it is in the image. The files of `/etc` in the image exist after boot, but others may be added.
    fn holds_on_path(&self, name: &str, value: &str) -> Result<Holds> {
        let place = self.root.inside(value);
        let (is_stored, is_plain) = (place.starts_with("/nix/store/"), !value.contains('%'));
        let is_of_etc = value.starts_with("/etc/");
        let is_decided = is_plain && (is_stored || is_of_etc) && (name == "PathExists" || name == "PathIsDirectory");
        if !is_decided {
            return Ok(None);
        }
        let there = self.root.find(value)?.is_some();
        Ok(match (there, is_of_etc) {
            (true, _) if name == "PathExists" => Some(true),
            (false, false) => Some(false),
            _ => None,
        })
    }
}

/// A text without the letter before it, and whether it had that letter.
fn prefixed(text: &str, letter: char) -> (bool, &str) {
    text.strip_prefix(letter).map_or((false, text), |rest| (true, rest.trim_start()))
}

fn shown(setting: &Setting) -> String {
    format!("{}={}", setting.key, setting.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;
    use crate::nixos::menu::MenuEntry;

    fn found(conditions: &str, lines: &[&str]) -> Conditions {
        let unit = format!("[Unit]\n{}\n[Service]\nExecStart=/a\n", conditions.replace("; ", "\n"));
        let made =
            Made::of(&[("/s/etc/systemd/system/x.service", &unit), ("/s/etc/hosts", ""), ("/nix/store/e-there", "")]);
        let entry =
            |line: &&str| MenuEntry { params: line.split(' ').map(str::to_owned).collect(), ..MenuEntry::default() };
        let root = made.system().started_by(&lines.iter().map(entry).collect::<Vec<_>>());
        let units = Units::of(&root).unwrap();
        units.conditions(units.get("x.service").unwrap().unit().unwrap()).unwrap()
    }

    #[test]
    fn what_the_image_says_of_a_condition_decides() {
        let failed = |text: &str| Conditions::Failed(text.to_owned());
        let open = |text: &str| Conditions::Open(text.to_owned());
        for (conditions, expected) in [
            ("", Conditions::Met),
            ("ConditionPathExists=/nix/store/e-there", Conditions::Met),
            ("ConditionPathExists=/nix/store/e-gone", failed("ConditionPathExists=/nix/store/e-gone")),
            ("ConditionPathExists=!/nix/store/e-there", failed("ConditionPathExists=!/nix/store/e-there")),
            ("ConditionPathExists=!/nix/store/e-gone", Conditions::Met),
            ("ConditionPathExists=/etc/hosts", Conditions::Met),
            ("ConditionPathExists=/etc/more", open("ConditionPathExists=/etc/more")),
            ("ConditionPathExists=/var/lib/x", open("ConditionPathExists=/var/lib/x")),
            ("ConditionPathExists=/dev/tty0", Conditions::Met),
            ("ConditionPathExists=|/nix/store/e-gone; ConditionPathExists=|/etc/hosts", Conditions::Met),
            (
                "ConditionPathExists=|/nix/store/e-gone; ConditionPathExists=|/var/x",
                open("ConditionPathExists=|/var/x"),
            ),
            ("ConditionPathExists=|/nix/store/e-gone", failed("ConditionPathExists=|/nix/store/e-gone")),
            ("ConditionPathExists=/nix/store/e-gone; ConditionVirtualization=", Conditions::Met),
            ("AssertPathExists=/nix/store/e-gone", failed("AssertPathExists=/nix/store/e-gone")),
            ("AssertPathExists=/nix/store/e-gone; ConditionPathExists=", failed("AssertPathExists=/nix/store/e-gone")),
            ("ConditionVirtualization=container", failed("ConditionVirtualization=container")),
            ("ConditionVirtualization=!container", Conditions::Met),
            ("ConditionVirtualization=kvm", open("ConditionVirtualization=kvm")),
            ("ConditionPathExists=/var/x; ConditionVirtualization=lxc", failed("ConditionVirtualization=lxc")),
        ] {
            assert_eq!(found(conditions, &[]), expected, "{conditions}");
        }
    }

    #[test]
    fn a_unit_that_is_triggered_needs_the_conditions_of_its_trigger() {
        let own = |conditions: &str, of_trigger: &str| {
            let unit = format!("[Unit]\n{conditions}\n[Service]\nExecStart=/a\n");
            let socket = format!("[Unit]\n{of_trigger}\n[Socket]\nListenStream=1\n");
            let made = Made::of(&[
                ("/s/etc/systemd/system/x.service", &unit),
                ("/s/etc/systemd/system/x.socket", &socket),
                ("/s/etc/systemd/system/sockets.target.wants/x.socket", "-> ../x.socket"),
            ]);
            let root = made.system();
            let units = Units::of(&root).unwrap();
            let unit = units.get("x.service").unwrap();
            (units.start("x.service").unwrap(), units.conditions(unit.unit().unwrap()).unwrap())
        };
        let (open, failing) = ("ConditionPathExists=/var/x", "ConditionPathExists=/nix/store/e-gone");
        let by_socket = Start::Trigger("x.socket".to_owned());
        assert_eq!(own("", ""), (by_socket.clone(), Conditions::Met));
        assert_eq!(own("", open), (by_socket.clone(), Conditions::Open(open.to_owned())));
        assert_eq!(own(failing, open), (by_socket, Conditions::Failed(failing.to_owned())));
        assert_eq!(own("", failing), (Start::Manual, Conditions::Met));
    }

    #[test]
    fn a_parameter_that_one_menu_entry_has_lets_a_unit_start() {
        let failed = Conditions::Failed("ConditionKernelCommandLine=rescue".to_owned());
        for (lines, expected) in
            [(&["quiet"][..], failed.clone()), (&["quiet", "rescue=1 quiet"], Conditions::Met), (&["rescuer"], failed)]
        {
            assert_eq!(found("ConditionKernelCommandLine=rescue", lines), expected, "{lines:?}");
        }
        assert_eq!(found("ConditionKernelCommandLine=!a=1", &["a=1", "a=2"]), Conditions::Met);
    }
}
