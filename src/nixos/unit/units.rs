//! The units of a system, read on demand.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError};

use super::file::{End, follow};
use super::index::{Index, MOST_ALIASES};
use super::{FOLDER, LONGEST, Lookup, MOST_SETTINGS, Unit, name, text};
use crate::error::{Error, Place, Result};
use crate::nixos::Root;

/// Limit for the settings of one file. NixOS writes some 200 at most.
const MOST_IN_FILE: usize = 10_000;

/// Limit for all units together, including scripts, in bytes.
const MOST_BYTES: usize = 32 << 20;

/// The units of a system, read on demand.
#[derive(Clone, Copy)]
pub struct Units<'r> {
    pub(super) root: &'r Root<'r>,
    pub(super) index: &'r Index,
}

/// The suffixes of units.
const KINDS: [&str; 11] =
    ["service", "socket", "target", "device", "mount", "automount", "swap", "path", "timer", "slice", "scope"];

impl<'r> Units<'r> {
    /// The units of a system.
    ///
    /// # Errors
    /// If the units directory cannot be read, or has more names than anyone writes.
    pub fn of(root: &'r Root<'r>) -> Result<Self> {
        let cell = root.units();
        let index = match cell.get() {
            Some(index) => index,
            None => {
                let index = Index::read(root)?;
                cell.get_or_init(|| index)
            }
        };
        Ok(Self { root, index })
    }

    /// The names of all existing units, in order. Instances that only links name are not included.
    pub fn names(&self) -> impl Iterator<Item = &'r str> {
        let names = self.index.names.keys().map(String::as_str);
        names.filter(|name| KINDS.contains(&name::kind(name)))
    }

    /// As [`Units::names`], and names with only a drop-in folder: mostly instances.
    pub fn mentioned(&self) -> impl Iterator<Item = &'r str> {
        let names = self.index.names.keys().map(|name| name.strip_suffix(".d").unwrap_or(name));
        names.filter(|name| name.contains('.') && KINDS.contains(&name::kind(name)))
    }

    /// The unit with that name, which may be an alias, a template, or an instance of one.
    ///
    /// # Errors
    /// If its file or a drop-in exists but cannot be read, or a limit is reached.
    pub fn get(&self, name: &str) -> Result<Lookup> {
        let own = self.canonical(name);
        let locked = || self.index.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = locked().units.get(&own) {
            return Ok(found.clone());
        }
        let found = self.load(&own)?;
        locked().units.insert(own, found.clone());
        Ok(found)
    }

    /// The name without aliases.
    pub(super) fn canonical(&self, name: &str) -> String {
        let mut name = name.to_owned();
        for _ in 0..MOST_ALIASES {
            let file = self.file_name(&name);
            let Some(Some(target)) = file.as_ref().and_then(|file| self.index.names.get(file)) else { break };
            name = name::instance_like(target, &name);
        }
        name
    }

    /// The name of the file that a unit is loaded from: its own, or its template's.
    pub(super) fn file_name(&self, name: &str) -> Option<String> {
        let own = self.index.names.contains_key(name).then(|| name.to_owned());
        own.or_else(|| name::template(name).filter(|template| self.index.names.contains_key(template)))
    }

    /// The names of a unit: its own, then its aliases.
    pub(super) fn all_names(&self, name: &str) -> Vec<String> {
        let mut names = vec![name.to_owned()];
        let file = self.file_name(name).unwrap_or_default();
        for alias in [name, &file].into_iter().filter_map(|name| self.index.aliases.get(name)).flatten() {
            let alias = name::instance_like(alias, name);
            if !names.contains(&alias) {
                names.push(alias);
            }
        }
        names
    }

    fn load(&self, name: &str) -> Result<Lookup> {
        let Some(file) = self.file_name(name) else { return Ok(Lookup::Missing) };
        let path = format!("{FOLDER}/{file}");
        if self.index.kernel.masks.contains(name) {
            return Ok(Lookup::Masked(path));
        }
        match follow(self.root, &path)? {
            end if end.is_mask() => return Ok(Lookup::Masked(path)),
            End::File(_) => {}
            End::Missing(missing) => return Ok(Lookup::Dangling(path, missing)),
            End::Other => return Ok(Lookup::Missing),
        }
        let mut settings = Vec::new();
        for file in std::iter::once(path.clone()).chain(self.drop_ins(name)?) {
            let Some(bytes) = self.root.lines_of(&file, LONGEST)? else { continue };
            if !self.fits(bytes.len(), 0, &file) {
                break;
            }
            let mut more = text::settings(&String::from_utf8_lossy(&bytes), &file.as_str().into(), MOST_IN_FILE + 1);
            if more.len() > MOST_IN_FILE {
                more.truncate(MOST_IN_FILE);
                self.cut("10,000 lines of a unit", &file);
            }
            if !self.fits(0, more.len(), &file) {
                break;
            }
            settings.extend(more);
        }
        Ok(Lookup::Loaded(Arc::new(Unit { name: name.to_owned(), path, settings })))
    }

    /// The drop-ins of a unit in order of precedence. Of two with the same file name, the more specific counts.
    fn drop_ins(&self, name: &str) -> Result<Vec<String>> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let names = self.all_names(name);
        let mut folders: Vec<String> = names.iter().flat_map(|name| name::folders(name)).collect();
        // The folder of the type comes last, after the folders of all names.
        folders.sort_by_key(|folder| !folder.contains('.'));
        let mut seen = HashSet::new();
        for folder in folders.iter().map(|folder| format!("{folder}.d")) {
            if !self.index.names.contains_key(&folder) || !seen.insert(folder.clone()) {
                continue;
            }
            let entries = self.root.entries(&format!("{FOLDER}/{folder}"))?;
            if !self.fits(0, entries.len(), &folder) {
                break;
            }
            for entry in entries {
                let file = String::from_utf8_lossy(&entry.name).into_owned();
                if file.ends_with(".conf") && !file.starts_with('.') {
                    let path = format!("{FOLDER}/{folder}/{file}");
                    files.entry(file).or_insert(path);
                }
            }
        }
        Ok(files.into_values().collect())
    }

    /// Counts what a file contains. If it is more than the limits of all units allow, the rest of the file stays unread, and that
    /// is reported. Smaller files still fit.
    pub(super) fn fits(&self, bytes: usize, settings: usize, file: &str) -> bool {
        let mut loaded = self.index.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let (bytes, settings) = (loaded.bytes + bytes, loaded.settings + settings);
        if bytes <= MOST_BYTES && settings <= MOST_SETTINGS {
            (loaded.bytes, loaded.settings) = (bytes, settings);
            return true;
        }
        drop(loaded);
        self.cut(if bytes > MOST_BYTES { "32 MiB of units" } else { "200,000 lines of units" }, file);
        false
    }

    /// Remembers that a limit cuts off a file. What the rest says is unknown.
    pub(super) fn cut(&self, what: &'static str, file: &str) {
        self.root.cut(Error::Limit { what, place: Place::File(self.root.inside(file).into_bytes()) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    fn at(name: &str) -> String {
        format!("/s{FOLDER}/{name}")
    }

    fn made(files: &[(&str, &str)]) -> Made {
        let files: Vec<(String, &str)> = files.iter().map(|(name, text)| (at(name), *text)).collect();
        Made::of(&files.iter().map(|(name, text)| (name.as_str(), *text)).collect::<Vec<_>>())
    }

    fn shown(files: &[(&str, &str)], name: &str) -> String {
        let made = made(files);
        let root = made.system();
        match Units::of(&root).unwrap().get(name).unwrap() {
            Lookup::Loaded(unit) => {
                let commands = unit.commands("ExecStart");
                let words: Vec<_> = commands
                    .iter()
                    .map(|own| format!("{} {}", own.program, own.arguments.join(" ")).trim_end().to_owned())
                    .collect();
                format!("{}: {}", unit.name, words.join("; "))
            }
            Lookup::Masked(path) => format!("masked {path}"),
            Lookup::Dangling(path, missing) => format!("{path} leads to {missing}"),
            Lookup::Missing => "missing".to_owned(),
        }
    }

    #[test]
    fn drop_ins_add_to_a_unit_in_order_and_the_more_specific_hides_the_other() {
        let unit = "[Service]\nExecStart=/a\n";
        for (files, expected) in [
            (&[("x-y.service", unit)][..], "x-y.service: /a"),
            (
                &[("x-y.service", unit), ("x-y.service.d/b.conf", "[Service]\nExecStart=\nExecStart=/b\n")],
                "x-y.service: /b",
            ),
            (&[("x-y.service", unit), ("x-y.service.d/b", "[Service]\nExecStart=/b\n")], "x-y.service: /a"),
            (
                &[
                    ("x-y.service", unit),
                    ("service.d/a.conf", "[Service]\nExecStart=/type\n"),
                    ("x-.service.d/b.conf", "[Service]\nExecStart=/prefix\n"),
                    ("x-y.service.d/c.conf", "[Service]\nExecStart=/own\n"),
                ],
                "x-y.service: /a; /type; /prefix; /own",
            ),
            (
                &[
                    ("x-y.service", unit),
                    ("service.d/b.conf", "[Service]\nExecStart=/type\n"),
                    ("x-y.service.d/b.conf", "[Service]\nExecStart=/own\n"),
                ],
                "x-y.service: /a; /own",
            ),
            (&[("x-y.service.d/b.conf", unit)], "missing"),
        ] {
            assert_eq!(shown(files, "x-y.service"), expected, "{files:?}");
        }
    }

    #[test]
    fn instances_and_aliases_lead_to_the_unit_that_they_name() {
        let files = [
            ("getty@.service", "[Service]\nExecStart=/getty %I\n"),
            ("getty@.service.d/a.conf", "[Service]\nExecStart=/all %i\n"),
            ("getty@tty1.service.d/b.conf", "[Service]\nExecStart=/one\n"),
            ("autovt@.service", "-> getty@.service"),
            ("autovt@.service.d/c.conf", "[Service]\nExecStart=/vt\n"),
            ("dbus.service", "-> /etc/systemd/system/broker.service"),
            ("broker.service", "-> /nix/store/e-unit/broker.service"),
        ];
        for (name, expected) in [
            ("getty@tty1.service", "getty@tty1.service: /getty tty1; /all tty1; /one; /vt"),
            ("autovt@tty2.service", "getty@tty2.service: /getty tty2; /all tty2; /vt"),
            ("autovt@.service", "getty@.service: /getty; /all; /vt"),
            ("dbus.service", "/etc/systemd/system/broker.service leads to /nix/store/e-unit/broker.service"),
            ("none@a.service", "missing"),
        ] {
            assert_eq!(shown(&files, name), expected);
        }
    }

    #[test]
    fn a_masked_unit_leads_to_the_null_device_or_is_empty_or_the_kernel_line_says_so() {
        let masked = "masked /etc/systemd/system/x.service";
        for (text, expected) in [
            ("-> /dev/null", masked),
            ("-> /etc/systemd/system/y.link", masked),
            ("", masked),
            ("[Service]\nExecStart=/a\n", "x.service: /a"),
            ("-> /nix/store/e-gone/x.service", "/etc/systemd/system/x.service leads to /nix/store/e-gone/x.service"),
        ] {
            let files = [("x.service", text), ("y.link", "-> ../../../../dev/null")];
            assert_eq!(shown(&files, "x.service"), expected, "{text}");
        }
        let tree = Made::of(&[(&at("x.service"), "[Service]\n"), ("/s/kernel-params", "quiet systemd.mask=x.service")]);
        let root = tree.system();
        let found = Units::of(&root).unwrap().get("x.service").unwrap();
        assert_eq!(found, Lookup::Masked("/etc/systemd/system/x.service".to_owned()));
    }

    #[test]
    fn lines_past_a_limit_are_reported_and_the_lines_before_it_count() {
        let text = format!("[Service]\nExecStart=/a\n{}", "A=\n".repeat(MOST_IN_FILE));
        let names: Vec<String> =
            (0..=MOST_SETTINGS / MOST_IN_FILE).map(|number| format!("x{number}.service")).collect();
        let made = made(&names.iter().map(|name| (name.as_str(), text.as_str())).collect::<Vec<_>>());
        let root = made.system();
        let units = Units::of(&root).unwrap();
        let commands = |name: &String| units.get(name).unwrap().unit().unwrap().commands("ExecStart").len();
        let at = |name: &String| format!("at /s/etc/systemd/system/{name}: over the limit");
        let told = || root.take_cut().iter().map(ToString::to_string).collect::<Vec<_>>();
        for name in &names[..MOST_SETTINGS / MOST_IN_FILE] {
            assert_eq!((commands(name), told()), (1, vec![format!("10,000 lines of a unit {}", at(name))]));
        }
        let last = &names[MOST_SETTINGS / MOST_IN_FILE];
        let expected = ["10,000 lines of a unit", "200,000 lines of units"].map(|what| format!("{what} {}", at(last)));
        assert_eq!((commands(last), told()), (0, expected.to_vec()));
    }
}
