//! The files of one system, by their paths in the running system.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::Initrd;
use super::menu::MenuEntry;
use super::unit::Index;
use crate::error::{Error, Place, Result};
use crate::fs::path::{self, Found};
use crate::fs::{Entry, Tree};

/// Limit for text files, in bytes. The longest that NixOS writes are lists of users with some 100 KiB.
const LONGEST: u64 = 16 << 20;

/// Directories of a running system that lead to its toplevel.
const TOPLEVELS: [&str; 2] = ["/run/current-system", "/run/booted-system"];

/// A system as it sees itself while running: its toplevel in the tree of an image, with `/etc` where programs expect it.
///
/// All paths are those of the running system. `/etc` leads to the system's own `etc`, whichever system the tree shows there.
#[derive(Clone)]
pub struct Root<'t> {
    tree: &'t dyn Tree,
    toplevel: String,
    /// The kernel's parameters for each way to start the system. Empty if only the system's own list of them is known.
    lines: Arc<[Vec<String>]>,
    /// The units read so far, shared by all callers.
    units: Arc<OnceLock<Index>>,
    /// Files that were read in part only, since they are over a limit.
    cut: Arc<Mutex<Vec<Error>>>,
    /// The initrd, or why it cannot be read.
    initrd: Arc<OnceLock<std::result::Result<Option<Initrd>, String>>>,
}

impl<'t> Root<'t> {
    /// The system with the toplevel at the path `toplevel` in the tree.
    #[must_use]
    pub fn new(tree: &'t dyn Tree, toplevel: impl Into<String>) -> Self {
        Self {
            tree,
            toplevel: toplevel.into(),
            lines: Arc::default(),
            units: Arc::default(),
            cut: Arc::default(),
            initrd: Arc::default(),
        }
    }

    /// The system as started by any one of these menu entries.
    #[must_use]
    pub fn started_by<'m>(self, entries: impl IntoIterator<Item = &'m MenuEntry>) -> Self {
        let mut lines: Vec<Vec<String>> = entries.into_iter().map(|entry| entry.params.clone()).collect();
        lines.sort();
        lines.dedup();
        Self { lines: lines.into(), units: Arc::default(), cut: Arc::default(), ..self }
    }

    /// The kernel's parameters for each way to start the system: by menu entries, or with the system's own list.
    ///
    /// # Errors
    /// If that list exists but cannot be read.
    pub(super) fn kernel_lines(&self) -> Result<Vec<Vec<String>>> {
        if !self.lines.is_empty() {
            return Ok(self.lines.to_vec());
        }
        let own = self.text(&self.own("kernel-params"))?.unwrap_or_default();
        Ok(vec![own.split_ascii_whitespace().map(str::to_owned).collect()])
    }

    /// The tree that holds the system.
    #[must_use]
    pub fn tree(&self) -> &'t dyn Tree {
        self.tree
    }

    /// The path of the toplevel in the tree.
    #[must_use]
    pub fn toplevel(&self) -> &str {
        &self.toplevel
    }

    pub(super) fn units(&self) -> &OnceLock<Index> {
        &self.units
    }

    /// The initrd of the system, read once. `None` if the system has none.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) fn initrd(&self) -> std::result::Result<Option<&Initrd>, &str> {
        let read = self.initrd.get_or_init(|| {
            let initrd = Initrd::of(self).map_err(|error| error.to_string())?;
            for (what, path) in initrd.iter().flat_map(|initrd| &initrd.over_limits) {
                self.cut(Error::Limit { what, place: Place::File(path.as_bytes().to_vec()) });
            }
            Ok(initrd)
        });
        read.as_ref().map(Option::as_ref).map_err(String::as_str)
    }

    /// Remembers that a file was read in part only.
    pub(super) fn cut(&self, over: Error) {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        // Two threads may read the same file.
        if !cut.iter().any(|known| known.to_string() == over.to_string()) {
            cut.push(over);
        }
    }

    /// Takes the limits that files read so far are over. What depends on the rest of these files is unknown.
    #[must_use]
    pub fn take_cut(&self) -> Vec<Error> {
        std::mem::take(&mut self.cut.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The path of a file of the toplevel itself, such as `activate`.
    #[must_use]
    pub fn own(&self, name: &str) -> String {
        format!("{}/{name}", self.toplevel)
    }

    /// The path in the tree for a path of the running system. In the store, links decide where `..` leads.
    #[must_use]
    pub fn inside(&self, path: &str) -> String {
        if path.starts_with("/nix/") {
            return path.to_owned();
        }
        let path = lexical(path);
        let below =
            |directory: &str| path.strip_prefix(directory).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        if let Some(rest) = below("/etc/static").or_else(|| below("/etc")) {
            return format!("{}/etc{rest}", self.toplevel);
        }
        match TOPLEVELS.into_iter().find_map(below) {
            Some(rest) => format!("{}{rest}", self.toplevel),
            None => path,
        }
    }

    /// Resolves a path, including links. `None` if nothing exists there.
    ///
    /// # Errors
    /// If a directory or link on the way cannot be read.
    pub fn find(&self, path: &str) -> Result<Option<Found>> {
        path::find(self.tree, self.inside(path).as_bytes())
    }

    /// The bytes of a file. `None` if it does not exist.
    ///
    /// # Errors
    /// If the file exists but cannot be read; [`Error::Limit`] if it is longer than `limit` bytes.
    pub fn bytes(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        match path::read(self.tree, self.inside(path).as_bytes(), limit) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(Error::NotFound { .. } | Error::WrongType { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The whole lines in the first `limit` bytes of a file. `None` if it does not exist. A longer file counts as cut.
    ///
    /// # Errors
    /// If the file exists but cannot be read.
    pub(super) fn lines_of(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        match path::beginning(self.tree, self.inside(path).as_bytes(), limit) {
            Ok((bytes, None)) => Ok(Some(bytes)),
            Ok((bytes, Some(over))) => {
                self.cut(over);
                Ok(Some(whole_lines(&bytes).to_vec()))
            }
            Err(Error::NotFound { .. } | Error::WrongType { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The text of a file, with replacement characters for invalid UTF-8. `None` if it does not exist.
    ///
    /// # Errors
    /// As [`Root::bytes`].
    pub fn text(&self, path: &str) -> Result<Option<String>> {
        Ok(self.bytes(path, LONGEST)?.map(path::text))
    }

    /// The release, such as `25.11`: `VERSION_ID` of os-release(5). `nixos-version` only states it if `system.nixos.label`
    /// is not set. `None` if neither states it.
    ///
    /// # Errors
    /// As [`Root::bytes`].
    pub fn release(&self) -> Result<Option<String>> {
        if let Some(text) = self.text("/etc/os-release")? {
            let value = text.lines().find_map(|line| line.trim().strip_prefix("VERSION_ID="));
            let value = value.map(|value| value.trim_matches(['"', '\'']).to_owned());
            if value.as_deref().is_some_and(|value| numbers(value) == Some(value)) {
                return Ok(value);
            }
        }
        let version = self.text(&self.own("nixos-version"))?.unwrap_or_default();
        Ok(numbers(version.trim()).map(str::to_owned))
    }

    /// The entries of a directory, by name. Empty if it does not exist.
    ///
    /// # Errors
    /// If the directory exists but cannot be read.
    pub fn entries(&self, path: &str) -> Result<Vec<Entry>> {
        let Some(found) = self.find(path)? else { return Ok(Vec::new()) };
        match self.tree.entries(found.id) {
            Err(Error::WrongType { .. }) => Ok(Vec::new()),
            entries => entries,
        }
    }
}

/// The year and month at the start of a version: `25.11` of `25.11.1234.abcdef`.
fn numbers(version: &str) -> Option<&str> {
    let release = version.get(..5)?;
    let is_release =
        release.char_indices().all(|(at, letter)| if at == 2 { letter == '.' } else { letter.is_ascii_digit() });
    let ends = version.get(5..).is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_ascii_digit()));
    (is_release && ends).then_some(release)
}

/// The path without repeated slashes, `.` and `..`, as if it contained no link. Directories such as homes exist only on the
/// running system, so the image cannot show where `..` leads there.
pub(super) fn lexical(path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}

/// The bytes up to the last end of a line.
pub(super) fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::nixos::made::Made;

    #[test]
    fn paths_of_the_running_system_lead_into_its_own_toplevel() {
        let tree = Made::of(&[]);
        let root = tree.system();
        for (path, place) in [
            ("/etc/passwd", "/s/etc/passwd"),
            ("/etc", "/s/etc"),
            ("/etc/static/passwd", "/s/etc/passwd"),
            ("/etcetera/passwd", "/etcetera/passwd"),
            ("//etc/./ssh/../passwd", "/s/etc/passwd"),
            ("/home/eve/../../etc/keys", "/s/etc/keys"),
            ("/run/current-system/sw/bin/sh", "/s/sw/bin/sh"),
            ("/run/secrets/key", "/run/secrets/key"),
            ("/nix/store/e-link/../e-file", "/nix/store/e-link/../e-file"),
        ] {
            assert_eq!(root.inside(path), place, "{path}");
        }
    }

    #[test]
    fn the_release_is_that_of_os_release_and_not_of_the_label() {
        let os = |id: &str| format!("NAME=NixOS\nVERSION_ID={id}\n");
        for (os, version, expected) in [
            (os("\"18.03\""), "stable", Some("18.03")),
            (os("25.11"), "gnome-25.05.1234.abcdef", Some("25.11")),
            (os("\"0.2\""), "23.05pre.abcdef", Some("23.05")),
            (String::new(), "13.10.35455.abcdef", Some("13.10")),
            (String::new(), "gnome-25.11", None),
            (String::new(), "25.111", None),
        ] {
            let tree = Made::of(&[("/s/etc/os-release", &os), ("/s/nixos-version", version)]);
            assert_eq!(tree.system().release().unwrap().as_deref(), expected, "{os} {version}");
        }
    }

    #[test]
    fn a_missing_file_and_a_directory_have_no_text() {
        let tree = Made::of(&[("/s/etc/motd", "hello"), ("/s/etc/ssh/moduli", ""), ("/s/etc/gone", "-> /nowhere")]);
        let root = tree.system();
        assert_eq!(root.text("/etc/motd").unwrap().as_deref(), Some("hello"));
        for path in ["/etc/gone", "/etc/none", "/etc/ssh", "/etc/motd/x"] {
            assert_eq!(root.text(path).unwrap(), None, "{path}");
        }
        let names = |path| root.entries(path).unwrap().into_iter().map(|entry| entry.name).collect::<Vec<_>>();
        assert_eq!(names("/etc/ssh"), [b"moduli"]);
        assert!(names("/etc/none").is_empty());
        assert_eq!(
            root.bytes("/etc/motd", 4).unwrap_err().to_string(),
            "length of a text file at /s/etc/motd: over the limit"
        );
    }
}
