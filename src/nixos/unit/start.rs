//! What starts at boot: the units that `default.target` leads to.

use std::collections::{HashMap, HashSet, VecDeque};

use rayon::prelude::*;

use super::file::{End, follow};
use super::index::{MOST_NAMES, Started};
use super::{Conditions, FOLDER, Lookup, Unit, Units, name, udev};
use crate::error::Result;
use crate::fs::FileType;

/// How a unit starts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Start {
    /// At boot.
    Boot,
    /// When a socket, timer or path unit starts it, which itself starts at boot, or when `udev` finds a device.
    Trigger(String),
    /// Only by hand, or by something outside the units.
    Manual,
}

/// Dependencies of systemd's own targets that hold in every release (bootup(7)).
const STANDARD: [(&str, &[&str]); 7] = [
    ("default.target", &["graphical.target", "multi-user.target"]),
    ("graphical.target", &["multi-user.target", "display-manager.service"]),
    ("multi-user.target", &["basic.target", "getty.target", "remote-fs.target"]),
    ("basic.target", &["sysinit.target", "sockets.target", "timers.target", "paths.target", "slices.target"]),
    ("sysinit.target", &["local-fs.target", "swap.target", "cryptsetup.target"]),
    ("rescue.target", &["sysinit.target"]),
    ("emergency.target", &[]),
];

/// Targets that a system reaches without a `default.target`.
const WITHOUT_DEFAULT: [&str; 2] = ["network-online.target", "network.target"];

/// Folders whose links pull units in.
const FOLDERS: [&str; 3] = ["wants", "requires", "upholds"];

/// Keys of `[Unit]` that pull units in.
const KEYS: [&str; 4] = ["Wants", "Requires", "BindsTo", "Upholds"];

/// Limit for a name, in bytes: systemd's own (src/basic/unit-name.h).
const LONGEST_NAME: usize = 255;

impl<'r> Units<'r> {
    /// How the unit with that name starts. A template starts if one of its instances does.
    ///
    /// # Errors
    /// If a unit that decides this cannot be read.
    pub fn start(&self, name: &str) -> Result<Start> {
        Ok(of(self.started()?, &self.canonical(name)).unwrap_or(Start::Manual))
    }

    /// All units that start, and how. Instances of templates have their own names.
    ///
    /// # Errors
    /// If a unit that decides this cannot be read.
    pub fn started(&self) -> Result<&'r HashMap<String, Start>> {
        Ok(&self.all_started()?.units)
    }

    /// The unit that pulls in one that starts at boot: a target, if there is one. `None` if the kernel line names the unit.
    ///
    /// # Errors
    /// If a unit that decides this cannot be read.
    pub fn wanted_by(&self, name: &str) -> Result<Option<&'r str>> {
        Ok(self.all_started()?.wanted_by.get(name).map(String::as_str))
    }

    fn all_started(&self) -> Result<&'r Started> {
        if let Some(started) = self.index.started.get() {
            return Ok(started);
        }
        // Each unit is a small file in a block of its own. Errors are reported below.
        self.reached(Texts::Closed)?.units.par_iter().for_each(|(name, _)| drop(self.get(name)));
        let started = self.reached(Texts::Open)?;
        Ok(self.index.started.get_or_init(|| started))
    }

    /// Follows what starts units. A unit with missing requirements starts all the same, unless it is started by hand.
    fn reached(&self, texts: Texts) -> Result<Started> {
        let Started { units: mut reached, mut wanted_by } = Started::default();
        let mut queue = Waiting::default();
        queue.extend(self.seeds().map(str::to_owned), &Start::Boot);
        // Triggered units wait until all units that start at boot are known.
        let mut triggered = Waiting::default();
        triggered.extend(udev::wanted(self.root)?.into_iter(), &Start::Trigger("udev".to_owned()));
        while let Some((name, start)) = queue.units.pop_front().or_else(|| triggered.units.pop_front()) {
            let name = self.canonical(&name);
            if reached.contains_key(&name) || name.len() > LONGEST_NAME || !self.can_start(&name)? {
                continue;
            }
            if reached.len() == MOST_NAMES {
                self.cut("20,000 units that start", FOLDER);
                break;
            }
            reached.insert(name.clone(), start.clone());
            let (linked, mut unit) = (self.linked(&name)?, None);
            if texts == Texts::Open
                && let Lookup::Loaded(loaded) = self.get(&name)?
            {
                // If its condition fails, it still pulls in its requirements, but triggers nothing.
                if !matches!(self.own_conditions(&loaded)?, Conditions::Failed(_)) {
                    triggered.extend(triggers(&loaded), &Start::Trigger(name.clone()));
                }
                unit = Some(loaded);
            }
            let standard = STANDARD.iter().filter(|(target, _)| *target == name);
            let standard = standard.flat_map(|(_, next)| next.iter().map(|name| (*name).to_owned()));
            let next = linked.into_iter().chain(standard).chain(unit.iter().flat_map(|unit| pulled(unit)));
            if start == Start::Boot {
                let next: Vec<String> = next.collect();
                next.iter().for_each(|next| note(&mut wanted_by, self.canonical(next), &name));
                queue.extend(next.into_iter(), &start);
            } else {
                triggered.extend(next, &start);
            }
        }
        Ok(Started { units: reached, wanted_by })
    }

    /// The units that systemd starts because the kernel line or `default.target` names them.
    fn seeds(&self) -> impl Iterator<Item = &str> {
        let units = &self.index.kernel.units;
        let has_default = self.index.names.contains_key("default.target");
        let without = !has_default && (units.is_empty() || units.contains(&None));
        let targets = units.iter().map(|unit| unit.as_deref().unwrap_or("default.target"));
        targets
            .chain(std::iter::once("default.target").filter(|_| units.is_empty()))
            .chain(WITHOUT_DEFAULT.into_iter().filter(move |_| without))
            .chain(self.index.kernel.wants.iter().map(String::as_str))
    }

    /// Whether a unit with that name exists and is not masked. Images with few units leave out systemd's own targets.
    fn can_start(&self, name: &str) -> Result<bool> {
        if self.index.kernel.masks.contains(name) {
            return Ok(false);
        }
        Ok(match self.file_name(name) {
            Some(file) => {
                !matches!(follow(self.root, &format!("{FOLDER}/{file}"))?, End::File(0) | End::Missing(_) | End::Other)
            }
            None => {
                let is_standard = |(target, next): &(&str, &[&str])| *target == name || next.contains(&name);
                let is_of_device = !["service", "socket", "target", "timer", "path"].contains(&name::kind(name));
                STANDARD.iter().any(is_standard) || WITHOUT_DEFAULT.contains(&name) || is_of_device
            }
        })
    }

    /// The units that the links in a folder name.
    fn links(&self, folder: &str, owner: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let entries = self.root.entries(&format!("{FOLDER}/{folder}"))?;
        if !self.fits(0, entries.len(), folder) {
            return Ok(names);
        }
        for entry in entries {
            let Ok(name) = String::from_utf8(entry.name) else { continue };
            // A link to a masked unit does not count (systemd, src/core/load-dropin.c).
            let end = follow(self.root, &format!("{FOLDER}/{folder}/{name}"))?;
            if entry.file_type == FileType::Symlink && end.is_mask() {
                continue;
            }
            names.push(if name::is_template(&name) { name::instance_like(&name, owner) } else { name });
        }
        Ok(names)
    }

    /// The units that the links of a unit name.
    fn linked(&self, name: &str) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut seen = HashSet::new();
        for own in self.all_names(name) {
            for owner in std::iter::once(own.clone()).chain(name::template(&own)) {
                for folder in FOLDERS.map(|kind| format!("{owner}.{kind}")) {
                    if self.index.names.contains_key(&folder) && seen.insert(folder.clone()) {
                        names.extend(self.links(&folder, name)?);
                    }
                }
            }
        }
        Ok(names)
    }
}

/// Notes what pulls a unit in. A target says more than a service that needs it.
fn note(wanted_by: &mut HashMap<String, String>, name: String, owner: &str) {
    let is_target = |name: &str| name::kind(name) == "target";
    match wanted_by.get_mut(&name) {
        Some(known) if is_target(owner) && !is_target(known) => owner.clone_into(known),
        Some(_) => {}
        None => drop(wanted_by.insert(name, owner.to_owned())),
    }
}

/// Whether the dependencies in the texts of units are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Texts {
    Closed,
    Open,
}

/// Units to look at, each once: many units may require the same one.
#[derive(Default)]
struct Waiting {
    units: VecDeque<(String, Start)>,
    seen: HashSet<String>,
}

impl Waiting {
    fn extend(&mut self, names: impl Iterator<Item = String>, start: &Start) {
        for name in names {
            if !self.seen.contains(&name) {
                self.seen.insert(name.clone());
                self.units.push_back((name, start.clone()));
            }
        }
    }
}

fn of(reached: &HashMap<String, Start>, name: &str) -> Option<Start> {
    if !name::is_template(name) {
        return reached.get(name).cloned();
    }
    let is_instance = |own: &String| own == name || name::template(own).as_deref() == Some(name);
    reached.iter().filter(|(own, _)| is_instance(own)).map(|(_, start)| start.clone()).min()
}

/// The units that the text of a unit pulls in.
fn pulled(unit: &Unit) -> impl Iterator<Item = String> {
    let settings = KEYS.into_iter().flat_map(|key| unit.list("Unit", key));
    let words = settings.flat_map(|setting| setting.value.split_ascii_whitespace());
    words.map(|word| name::expand(word, &unit.name))
}

/// The unit that a socket, timer, path or automount unit starts.
fn triggers(unit: &Unit) -> impl Iterator<Item = String> {
    let (stem, kind) = unit.name.rsplit_once('.').unwrap_or((&unit.name, ""));
    let own = |kind| format!("{stem}.{kind}");
    let named = |section, key| unit.value(section, key).map(|value| name::expand(value, &unit.name));
    let started = match kind {
        "socket" if unit.holds("Socket", "Accept") == Some(true) => Some(format!("{stem}@.service")),
        "socket" => named("Socket", "Service").or_else(|| Some(own("service"))),
        "timer" => named("Timer", "Unit").or_else(|| Some(own("service"))),
        "path" => named("Path", "Unit").or_else(|| Some(own("service"))),
        "automount" => Some(own("mount")),
        _ => None,
    };
    started.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;
    use crate::nixos::menu::MenuEntry;

    /// How the unit starts: in one word, or the unit that triggers it.
    fn shown(files: &[(&str, &str)], name: &str) -> String {
        let place = |name: &str| match name.strip_prefix('/') {
            Some(own) => format!("/s/{own}"),
            None => format!("/s{FOLDER}/{name}"),
        };
        let files: Vec<(String, &str)> = files.iter().map(|(name, text)| (place(name), *text)).collect();
        let made = Made::of(&files.iter().map(|(name, text)| (name.as_str(), *text)).collect::<Vec<_>>());
        match Units::of(&made.system()).unwrap().start(name).unwrap() {
            Start::Boot => "boot".to_owned(),
            Start::Trigger(by) => by,
            Start::Manual => "manual".to_owned(),
        }
    }

    const UNIT: &str = "[Service]\nExecStart=/a\n";

    #[test]
    fn a_unit_that_many_others_require_waits_once() {
        let mut waiting = Waiting::default();
        for _ in 0..1_000 {
            waiting.extend(["a.service", "b.service"].map(str::to_owned).into_iter(), &Start::Boot);
        }
        assert_eq!(waiting.units.len(), 2);
    }

    #[test]
    fn a_unit_starts_at_boot_if_links_lead_to_it_from_the_default_target() {
        let default = ("default.target", "-> graphical.target");
        for (files, expected) in [
            (&[("multi-user.target.wants/x.service", "-> ../x.service")][..], "boot"),
            (&[("multi-user.target.wants/x.service", "-> nowhere")], "boot"),
            (&[("sysinit.target.requires/x.service", "-> ../x.service")], "boot"),
            (&[("default.target.upholds/x.service", "-> ../x.service")], "boot"),
            (&[("network-online.target.wants/x.service", "-> ../x.service")], "boot"),
            (&[default, ("network-online.target.wants/x.service", "-> ../x.service")], "manual"),
            (&[default, ("graphical.target.wants/x.service", "-> ../x.service")], "boot"),
            (&[("rescue.target.wants/x.service", "-> ../x.service")], "manual"),
            (
                &[("y.service", UNIT), ("multi-user.target.wants/y.service", ""), ("y.service.wants/x.service", "")],
                "boot",
            ),
            (
                &[
                    ("y.service", "-> /dev/null"),
                    ("multi-user.target.wants/y.service", ""),
                    ("y.service.wants/x.service", ""),
                ],
                "manual",
            ),
            (&[("multi-user.target.wants/y.service", ""), ("y.service.wants/x.service", "")], "manual"),
            (&[("multi-user.target", "-> /dev/null"), ("multi-user.target.wants/x.service", "")], "manual"),
            (&[("multi-user.target.wants/x.service", ""), ("x.service.requires/y.service", "")], "boot"),
            (&[("/kernel-params", "systemd.wants=x.service")], "boot"),
            (&[("/kernel-params", "systemd.unit=rescue.target"), ("rescue.target.wants/x.service", "")], "boot"),
            (&[("/kernel-params", "systemd.unit=rescue.target"), ("multi-user.target.wants/x.service", "")], "manual"),
            (&[("/kernel-params", "systemd.mask=x.service"), ("multi-user.target.wants/x.service", "")], "manual"),
        ] {
            let unit = [("x.service", UNIT)];
            assert_eq!(shown(&[&unit, files].concat(), "x.service"), expected, "{files:?}");
        }
    }

    #[test]
    fn a_unit_starts_at_boot_if_a_unit_that_does_says_so() {
        for (key, expected) in [
            ("Wants", "boot"),
            ("Requires", "boot"),
            ("BindsTo", "boot"),
            ("Upholds", "boot"),
            ("After", "manual"),
            ("PartOf", "manual"),
        ] {
            let text = format!("[Unit]\n{key}=x@%p.service\n[Service]\nExecStart=/a\n");
            let files = [("x@.service", UNIT), ("y.service", &text), ("multi-user.target.wants/y.service", "")];
            assert_eq!(shown(&files, "x@y.service"), expected, "{key}");
            assert_eq!(shown(&files, "x@.service"), expected, "{key}");
            assert_eq!(shown(&files, "x@other.service"), "manual", "{key}");
        }
    }

    #[test]
    fn a_unit_starts_if_any_menu_entry_starts_it() {
        let place = |name: &str| format!("/s{FOLDER}/{name}");
        let (unit, wanted, rescue) =
            (place("x.service"), place("multi-user.target.wants/x.service"), place("rescue.target"));
        let made = Made::of(&[(&unit, UNIT), (&wanted, ""), (&rescue, "[Unit]\n")]);
        for (lines, expected) in [
            (&["quiet"][..], Start::Boot),
            (&["systemd.mask=x.service"], Start::Manual),
            (&["systemd.mask=x.service", "quiet"], Start::Boot),
            (&["systemd.mask=x.service", "quiet systemd.mask=x.service"], Start::Manual),
            (&["systemd.unit=rescue.target"], Start::Manual),
            (&["systemd.unit=rescue.target", "quiet"], Start::Boot),
            (&["systemd.unit=rescue.target", "rescue systemd.wants=x"], Start::Boot),
        ] {
            let entry = |line: &&str| MenuEntry {
                params: line.split(' ').map(str::to_owned).collect(),
                ..MenuEntry::default()
            };
            let entries: Vec<MenuEntry> = lines.iter().map(entry).collect();
            let root = made.system().started_by(&entries);
            assert_eq!(Units::of(&root).unwrap().start("x.service").unwrap(), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_template_that_wants_ever_more_instances_comes_to_an_end() {
        let text = "[Unit]\nWants=t@%i%i.service t@%ia.service t@%ib.service\n[Service]\nExecStart=/a\n";
        let place = |name: &str| format!("/s{FOLDER}/{name}");
        let made = Made::of(&[(&place("t@.service"), text), (&place("multi-user.target.wants/t@x.service"), "")]);
        let root = made.system();
        assert_eq!(Units::of(&root).unwrap().started().unwrap().len(), MOST_NAMES);
        let over: Vec<String> = root.take_cut().iter().map(ToString::to_string).collect();
        assert_eq!(over, ["20,000 units that start at /s/etc/systemd/system: over the limit"]);
    }

    #[test]
    fn a_unit_may_be_triggered_by_one_that_starts_at_boot() {
        for (by, text, service) in [
            ("x.socket", "[Socket]\nListenStream=22\n", "x.service"),
            ("x.socket", "[Socket]\nListenStream=22\nAccept=yes\n", "x@.service"),
            ("x.socket", "[Socket]\nListenStream=22\nService=y.service\n", "y.service"),
            ("x.timer", "[Timer]\nOnBootSec=1\n", "x.service"),
            ("x.path", "[Path]\nPathExists=/a\nUnit=y.service\n", "y.service"),
        ] {
            let wanted = format!("sockets.target.wants/{by}");
            let files = [(by, text), (service, UNIT), (&wanted, "")];
            assert_eq!(shown(&files, service), by, "{text}");
            assert_eq!(shown(&[(by, text), (service, UNIT)], service), "manual", "{text}");
            let both = [(by, text), (service, UNIT), (&wanted, ""), ("multi-user.target.wants/x.service", "")];
            assert_eq!(shown(&both, service), if service == "x.service" { "boot" } else { by }, "{text}");
        }
    }

    #[test]
    fn a_target_is_named_before_a_service_that_pulls_the_same_unit_in() {
        let files = [
            ("/s/etc/systemd/system/default.target", "[Unit]\nWants=a.service multi-user.target\n"),
            ("/s/etc/systemd/system/multi-user.target", "[Unit]\nWants=b.service\n"),
            ("/s/etc/systemd/system/a.service", "[Unit]\nWants=b.service c.service\n[Service]\nExecStart=/x\n"),
            ("/s/etc/systemd/system/b.service", "[Service]\nExecStart=/x\n"),
            ("/s/etc/systemd/system/c.service", "[Service]\nExecStart=/x\n"),
            ("/s/etc/systemd/system/d.service", "[Service]\nExecStart=/x\n"),
        ];
        let made = Made::of(&files);
        let root = made.system();
        let units = Units::of(&root).unwrap();
        let by = |name: &str| units.wanted_by(name).unwrap();
        assert_eq!(
            ["a", "b", "c", "d"].map(|name| by(&format!("{name}.service"))),
            [Some("default.target"), Some("multi-user.target"), Some("a.service"), None]
        );
    }
}
