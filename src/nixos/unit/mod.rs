//! The units of a system as systemd would load them (systemd.unit(5)), and what starts at boot.
//!
//! NixOS puts all units, those of packages included, into `/etc/systemd/system`, and never uses `[Install]`: what is
//! enabled has a link in a `.wants` or `.requires` folder.

mod command;
mod kernel;
mod name;
mod start;
mod text;
mod upstart;

pub use command::Command;
pub(super) use command::list;
pub use start::Start;
pub use text::Setting;
pub(super) use upstart::Job;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use self::kernel::Kernel;
use super::Root;
use super::root::lexical;
use crate::error::{Error, Place, Result};
use crate::fs::{FileType, Kind, path};
use crate::store::StorePath;

/// Where NixOS has all units.
const FOLDER: &str = "/etc/systemd/system";

/// Names in that directory, folders of drop-ins and links included; NixOS has some 500.
const MOST_NAMES: usize = 20_000;

/// Bytes of one unit file; NixOS writes some 2,000.
const LONGEST: u64 = 1 << 20;

/// Limits for all units together: bytes, with those of scripts, and assignments, with links and drop-ins.
const MOST_BYTES: usize = 32 << 20;
const MOST_SETTINGS: usize = 200_000;

/// Names that one unit may have, and links from one to another.
const MOST_ALIASES: usize = 100;

/// Symbolic links between a unit's name and its file.
const MOST_LINKS: usize = 40;

/// The units of a system, read when they are asked for.
#[derive(Clone, Copy)]
pub struct Units<'r> {
    root: &'r Root<'r>,
    index: &'r Index,
}

/// What [`Units`] knows so far. It is kept in the [`Root`], so that everybody shares it.
#[derive(Default)]
pub(super) struct Index {
    /// The names in the directory, and for links the unit of the same directory that they lead to.
    names: BTreeMap<String, Option<String>>,
    /// For each unit, the other names that it has.
    aliases: HashMap<String, Vec<String>>,
    kernel: Kernel,
    loaded: Mutex<Loaded>,
    started: OnceLock<HashMap<String, Start>>,
}

#[derive(Default)]
struct Loaded {
    units: HashMap<String, Lookup>,
    bytes: usize,
    settings: usize,
}

/// What systemd finds under the name of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// A unit.
    Loaded(Arc<Unit>),
    /// A link to `/dev/null`, an empty file, or a unit that `systemd.mask=` names: it cannot be started. The file, by its
    /// path in the running system.
    Masked(String),
    /// A link to a file that is not in the image: the link, and the path that is missing.
    Dangling(String, String),
    /// Nothing.
    Missing,
}

/// A unit with its drop-ins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its own name, which for an alias is not the one that was asked for.
    pub name: String,
    /// The unit file, by its path in the running system.
    pub path: String,
    /// The assignments of the unit file, then those of the drop-ins.
    settings: Vec<Setting>,
}

impl Lookup {
    /// The unit, if it can be loaded.
    #[must_use]
    pub fn unit(&self) -> Option<&Arc<Unit>> {
        match self {
            Self::Loaded(unit) => Some(unit),
            Self::Masked(_) | Self::Dangling(..) | Self::Missing => None,
        }
    }
}

impl Unit {
    /// The last assignment of a key that is not a list. `None` if it is unset or set to nothing.
    #[must_use]
    pub fn setting(&self, section: &str, key: &str) -> Option<&Setting> {
        self.all(section, key).next_back().filter(|setting| !setting.value.is_empty())
    }

    /// As [`Unit::setting`], the value alone.
    #[must_use]
    pub fn value(&self, section: &str, key: &str) -> Option<&str> {
        self.setting(section, key).map(|setting| setting.value.as_str())
    }

    /// The assignments of a key that is a list. An empty one takes back those before it.
    #[must_use]
    pub fn list(&self, section: &str, key: &str) -> Vec<&Setting> {
        let mut list = Vec::new();
        for setting in self.all(section, key) {
            if setting.value.is_empty() {
                list.clear();
            } else {
                list.push(setting);
            }
        }
        list
    }

    /// The value of a boolean. `None` if it is not set.
    #[must_use]
    pub fn holds(&self, section: &str, key: &str) -> Option<bool> {
        self.value(section, key).map(is_true)
    }

    /// The commands of a key such as `ExecStart`.
    #[must_use]
    pub fn commands(&self, key: &str) -> Vec<Command> {
        let list = self.list("Service", key);
        list.into_iter().flat_map(|setting| command::commands(setting, &self.name)).collect()
    }

    /// The variables of a key such as `Environment`, with the assignment that sets each last.
    #[must_use]
    pub fn environment(&self, section: &str, key: &str) -> BTreeMap<String, (String, &Setting)> {
        let mut variables = BTreeMap::new();
        for setting in self.list(section, key) {
            for word in command::list(&setting.value) {
                if let Some((name, value)) = word.split_once('=') {
                    variables.insert(name.to_owned(), (value.to_owned(), setting));
                }
            }
        }
        variables
    }

    /// The user whom the commands run as; root if it does not say.
    #[must_use]
    pub fn user(&self) -> String {
        self.value("Service", "User").map_or_else(|| "root".to_owned(), |user| name::expand(user, &self.name))
    }

    fn all<'u, 'k>(
        &'u self,
        section: &'k str,
        key: &'k str,
    ) -> impl DoubleEndedIterator<Item = &'u Setting> + use<'u, 'k> {
        self.settings.iter().filter(move |setting| &*setting.section == section && setting.key == key)
    }
}

/// Reads a text that is not a unit but has the same form, such as `system.conf`.
pub(super) fn settings(text: &str, file: &str) -> Vec<Setting> {
    text::settings(text, &file.into(), MOST_SETTINGS)
}

/// Whether a value is one of the words for yes (systemd.syntax(7)).
pub(super) fn is_true(value: &str) -> bool {
    ["1", "yes", "y", "true", "t", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
}

impl<'r> Units<'r> {
    /// The units of a system.
    ///
    /// # Errors
    /// If the directory of units cannot be read, or has more names than anyone writes.
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

    /// The names of all units that are there, in order. Instances that only links name are not among them.
    pub fn names(&self) -> impl Iterator<Item = &'r str> {
        let names = self.index.names.keys().map(String::as_str);
        names.filter(|name| KINDS.contains(&name::kind(name)))
    }

    /// As [`Units::names`], with those that only have a folder of drop-ins: instances, for the most part.
    pub fn mentioned(&self) -> impl Iterator<Item = &'r str> {
        let names = self.index.names.keys().map(|name| name.strip_suffix(".d").unwrap_or(name));
        names.filter(|name| name.contains('.') && KINDS.contains(&name::kind(name)))
    }

    /// The unit of that name, which may be an alias, a template, or an instance of one.
    ///
    /// # Errors
    /// If its file or a drop-in is there but cannot be read, or a limit is reached.
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

    /// The lines of a script in the store that a command runs, continued ones joined and comments left out. NixOS makes
    /// one of `systemd.services.NAME.script`. `None` if the program is no script.
    ///
    /// # Errors
    /// If the program is there but cannot be read, or a limit is reached.
    pub fn script(&self, command: &Command) -> Result<Option<Vec<String>>> {
        // Others are programs of packages, large and many.
        let made = StorePath::containing(command.program.as_bytes()).filter(|(path, _)| path.name().contains("script"));
        if made.is_none() {
            return Ok(None);
        }
        let Some(bytes) = self.root.bytes(&command.program, LONGEST)? else { return Ok(None) };
        self.count(bytes.len(), 0, &command.program)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.starts_with("#!").then(|| upstart::joined(&text).into_iter().map(|(_, line)| line).collect());
        Ok(lines)
    }

    /// The name without aliases.
    fn canonical(&self, name: &str) -> String {
        let mut name = name.to_owned();
        for _ in 0..MOST_ALIASES {
            let file = self.file_name(&name);
            let Some(Some(target)) = file.as_ref().and_then(|file| self.index.names.get(file)) else { break };
            name = name::instance_like(target, &name);
        }
        name
    }

    /// The name of the file that a unit is loaded from: its own, or that of its template.
    fn file_name(&self, name: &str) -> Option<String> {
        let own = self.index.names.contains_key(name).then(|| name.to_owned());
        own.or_else(|| name::template(name).filter(|template| self.index.names.contains_key(template)))
    }

    /// The names that a unit has: its own, then its aliases.
    fn all_names(&self, name: &str) -> Vec<String> {
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
        match self.follow(&path)? {
            end if end.is_mask() => return Ok(Lookup::Masked(path)),
            End::File(_) => {}
            End::Missing(missing) => return Ok(Lookup::Dangling(path, missing)),
            End::Other => return Ok(Lookup::Missing),
        }
        let mut settings = Vec::new();
        for file in std::iter::once(path.clone()).chain(self.drop_ins(name)?) {
            let Some(bytes) = self.root.bytes(&file, LONGEST)? else { continue };
            self.count(bytes.len(), 0, &file)?;
            let more = text::settings(&String::from_utf8_lossy(&bytes), &file.as_str().into(), MOST_SETTINGS);
            self.count(0, more.len(), &file)?;
            settings.extend(more);
        }
        Ok(Lookup::Loaded(Arc::new(Unit { name: name.to_owned(), path, settings })))
    }

    /// The drop-ins of a unit in the order in which they count. Of two with the same file name, the more specific counts.
    fn drop_ins(&self, name: &str) -> Result<Vec<String>> {
        let mut files: BTreeMap<String, String> = BTreeMap::new();
        let names = self.all_names(name);
        let mut folders: Vec<String> = names.iter().flat_map(|name| name::folders(name)).collect();
        // The folder of the type comes last, after those of all names.
        folders.sort_by_key(|folder| !folder.contains('.'));
        let mut seen = HashSet::new();
        for folder in folders.iter().map(|folder| format!("{folder}.d")) {
            if !self.index.names.contains_key(&folder) || !seen.insert(folder.clone()) {
                continue;
            }
            let entries = self.root.entries(&format!("{FOLDER}/{folder}"))?;
            self.count(0, entries.len(), &folder)?;
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

    fn count(&self, bytes: usize, settings: usize, file: &str) -> Result<()> {
        let mut loaded = self.index.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        loaded.bytes += bytes;
        loaded.settings += settings;
        let over = match () {
            () if loaded.bytes > MOST_BYTES => "32 MiB of units",
            () if loaded.settings > MOST_SETTINGS => "200,000 lines of units",
            () => return Ok(()),
        };
        Err(Error::Limit { what: over, place: Place::File(self.root.inside(file).into_bytes()) })
    }

    /// Follows the links of a path one by one: one that leads to `/dev/null` does so in no image.
    fn follow(&self, path: &str) -> Result<End> {
        let mut path = self.root.inside(path);
        for _ in 0..MOST_LINKS {
            let found = match path::resolve_link(self.root.tree(), path.as_bytes()) {
                Ok(found) => found,
                Err(Error::NotFound { .. } | Error::WrongType { .. }) => return Ok(End::Missing(lexical(&path))),
                Err(error) => return Err(error),
            };
            match self.root.tree().node(found.id)?.kind {
                Kind::File { size } => return Ok(End::File(size)),
                Kind::Symlink { target } => {
                    let target = String::from_utf8_lossy(&target).into_owned();
                    let folder = String::from_utf8_lossy(&found.path).into_owned();
                    let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
                    path = match target.starts_with('/') {
                        true => self.root.inside(&target),
                        false => format!("{folder}/{target}"),
                    };
                }
                Kind::CharDevice(_) => return Ok(End::File(0)),
                _ => return Ok(End::Other),
            }
        }
        Err(Error::LinkLoop { path: path.into_bytes() })
    }
}

/// Where the links of a unit file end.
enum End {
    /// A file of that many bytes.
    File(u64),
    Missing(String),
    Other,
}

impl End {
    /// Whether this masks a unit: nothing, or the null device.
    fn is_mask(&self) -> bool {
        match self {
            Self::File(bytes) => *bytes == 0,
            Self::Missing(path) => path == "/dev/null",
            Self::Other => false,
        }
    }
}

/// The suffixes of units.
const KINDS: [&str; 11] =
    ["service", "socket", "target", "device", "mount", "automount", "swap", "path", "timer", "slice", "scope"];

impl Index {
    fn read(root: &Root<'_>) -> Result<Self> {
        let mut index = Self { kernel: Kernel::of(root)?, ..Self::default() };
        let entries = root.entries(FOLDER)?;
        if entries.len() > MOST_NAMES {
            let place = Place::File(root.inside(FOLDER).into_bytes());
            return Err(Error::Limit { what: "20,000 names of units", place });
        }
        for entry in entries {
            let Ok(name) = String::from_utf8(entry.name) else { continue };
            let alias = match entry.file_type {
                FileType::Symlink => match root.tree().node(entry.id)?.kind {
                    Kind::Symlink { target } => alias(&name, &target),
                    _ => None,
                },
                _ => None,
            };
            if let Some(target) = &alias {
                index.aliases.entry(target.clone()).or_default().push(name.clone());
            }
            index.names.insert(name, alias);
        }
        for names in index.aliases.values_mut() {
            names.truncate(MOST_ALIASES);
        }
        Ok(index)
    }
}

/// The unit that a link in the directory is another name of. A link that leads elsewhere is a unit of its own.
fn alias(name: &str, target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok()?;
    let target = target.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('/')).unwrap_or(target);
    let target = target.strip_prefix("./").unwrap_or(target);
    let is_alias = !target.contains('/') && target != name && name::kind(target) == name::kind(name);
    is_alias.then(|| target.to_owned())
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
    fn values_are_the_last_and_an_empty_one_takes_back() {
        let text = "[Service]\nUser=a\nUser=%p\nGroup=a\nGroup=\nEnvironment=A=1 \"B=2 3\"\nEnvironment=A=4\nX=1\n[Other]\nX=2\n";
        let made = made(&[("x.service", text)]);
        let root = made.system();
        let found = Units::of(&root).unwrap().get("x.service").unwrap();
        let unit = found.unit().unwrap();
        assert_eq!(
            (unit.user().as_str(), unit.value("Service", "Group"), unit.value("Service", "X")),
            ("x", None, Some("1"))
        );
        let environment = unit.environment("Service", "Environment");
        let shown: Vec<_> =
            environment.iter().map(|(name, (value, own))| format!("{name}={value} {}", own.line)).collect();
        assert_eq!(shown, ["A=4 7", "B=2 3 6"]);
    }

    #[test]
    fn more_lines_than_anyone_writes_are_over_a_limit() {
        let text = format!("[Service]\n{}", "A=\n".repeat(MOST_SETTINGS / 2 + 1));
        let made = made(&[("x.service", &text), ("y.service", &text)]);
        let root = made.system();
        let units = Units::of(&root).unwrap();
        units.get("x.service").unwrap();
        let error = units.get("y.service").unwrap_err().to_string();
        assert_eq!(error, "200,000 lines of units at /s/etc/systemd/system/y.service: over the limit");
    }
}
