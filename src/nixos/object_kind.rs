//! The kind of a store object: software, or something only needed to build or configure a system.
//!
//! The listing of its directory decides. If a listing is not enough, the name decides as well. No file is opened.

use crate::error::{Error, Result};
use crate::fs::{Entry, FileType, Kind, NodeId, Tree, path};
use crate::store::StorePath;
use crate::store::contents::Place;
use crate::store::name::Name;

/// The kind of a store object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// Programs, libraries, data and documentation, as packages install them.
    Software,
    /// A derivation: how to build something.
    Derivation,
    /// A source: an archive, a patch, or a tree that something is built from.
    Source,
    /// A unit of systemd, its script, or a directory of units.
    Unit,
    /// Configuration: files of `/etc`, rules, settings.
    Configuration,
    /// A system, or a part made for only one system: the system path, an initrd.
    System,
    /// Anything else: scripts, hooks, plain data.
    Other,
}

impl ObjectKind {
    /// The word for it in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Derivation => "derivation",
            Self::Source => "source",
            Self::Unit => "unit",
            Self::Configuration => "configuration",
            Self::System => "system",
            Self::Other => "other",
        }
    }

    /// The kind of a store object. Its links resolve in the namespace `names`.
    ///
    /// # Errors
    /// If its inode or its directory cannot be read.
    pub fn of(store: &dyn Tree, names: &dyn Tree, path: &StorePath, place: Place) -> Result<Self> {
        match place.file_type {
            FileType::Symlink => link(names, path),
            file_type => kind(store, path.name(), place.id, file_type),
        }
    }
}

/// Whether an object is only the documentation or development files of its package. A version may happen to end in `-dev`.
/// The object then contains programs and no development files.
///
/// # Errors
/// If its directory cannot be read.
pub(super) fn is_beside(store: &dyn Tree, path: &StorePath, place: Place) -> Result<bool> {
    if !Name::parse(path.name()).is_beside() {
        return Ok(false);
    }
    if place.file_type != FileType::Directory {
        return Ok(true);
    }
    let entries = store.entries(place.id)?;
    let has = |wanted: &[&str]| entries.iter().any(|entry| is_one_of(&entry.name, wanted));
    Ok(!has(PROGRAMS) || has(DEVELOPMENT))
}

/// Directories of programs.
const PROGRAMS: &[&str] = &["bin", "sbin"];

/// Marks of a development output.
const DEVELOPMENT: &[&str] = &["include", "nix-support"];

/// Directories that packages install, and the files of a kernel.
const INSTALLED: &[&str] = &[
    "Applications",
    "Library",
    "System.map",
    "Image",
    "bin",
    "bzImage",
    "include",
    "lib",
    "lib32",
    "lib64",
    "libexec",
    "sbin",
    "share",
    "uImage",
    "vmlinux",
    "vmlinuz",
    "zImage",
];

/// Build files of source trees.
const BUILD_FILES: &[&str] = &[
    "CMakeLists.txt",
    "Cargo.toml",
    "Gemfile",
    "GNUmakefile",
    "Makefile",
    "Makefile.PL",
    "Makefile.am",
    "Makefile.in",
    "Rakefile",
    "build.gradle",
    "build.zig",
    "composer.json",
    "configure",
    "configure.ac",
    "configure.in",
    "default.nix",
    "dune-project",
    "flake.nix",
    "go.mod",
    "meson.build",
    "mix.exs",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "setup.cfg",
    "setup.py",
    "shell.nix",
];

/// Suffixes of archives. Archives are build inputs and are not run.
const ARCHIVES: &[&str] = &[
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz",
    ".tbz2",
    ".tar.xz",
    ".txz",
    ".tar.lz",
    ".tar.lzma",
    ".tar.zst",
    ".tar.Z",
    ".zip",
    ".7z",
    ".gz",
    ".bz2",
    ".xz",
    ".zst",
    ".crate",
    ".gem",
    ".whl",
    ".deb",
    ".rpm",
    ".cab",
    ".nupkg",
    ".bundle",
    ".patch",
    ".diff",
];

/// Suffixes of source trees, and of the files that package managers fetch for a build.
const SOURCES: &[&str] = &[
    "-source",
    "-src",
    ".src",
    "-sources",
    "-vendor",
    "-vendor-dir",
    "-cargo-deps",
    "-go-modules",
    "-npm-deps",
    "-pnpm-deps",
    "-yarn-deps",
    "-offline-cache",
    "-maven-deps",
    "-mix-deps",
    "-composer-vendor",
];

/// Suffixes of units, and of the directories beside them (systemd.unit(5)).
const UNITS: &[&str] = &[
    ".service",
    ".socket",
    ".target",
    ".timer",
    ".mount",
    ".automount",
    ".path",
    ".slice",
    ".scope",
    ".swap",
    ".device",
];
const BESIDE_UNITS: &[&str] = &[".wants", ".requires", ".upholds", ".d"];

/// Suffixes of configuration files.
const CONFIGURATION: &[&str] = &[
    ".conf",
    ".config",
    ".cfg",
    ".cnf",
    ".ini",
    ".json",
    ".toml",
    ".yaml",
    ".yml",
    ".xml",
    ".rules",
    ".pam",
    ".policy",
    ".network",
    ".netdev",
    ".link",
    ".preset",
    ".desktop",
    ".conf-final",
    "_config",
    "authorized_keys",
    "known_hosts",
];

/// Configuration files of NixOS without a suffix.
const CONFIGURATION_NAMES: &[&str] = &["etc", "sudoers", "pam-environment", "system-environment"];

/// Suffixes of scripts that something else runs.
const SCRIPTS: &[&str] = &[".sh", ".bash", ".pl", ".py", ".rb", ".awk", ".sed", ".nix", ".tcl", ".el", ".lua"];

/// Parts of a system that look like software, because they are made of its files.
const SYSTEM_PARTS: &[&str] = &["system-path", "user-environment", "kernel-modules", "firmware"];

/// Prefixes of units, and of the scripts that they run.
const UNIT_PREFIX: &str = "unit-";
const UNIT_SCRIPT_PREFIX: &str = "unit-script-";

fn link(names: &dyn Tree, path: &StorePath) -> Result<ObjectKind> {
    if path.name().starts_with(UNIT_PREFIX) {
        // A masked unit leads to /dev/null.
        return Ok(ObjectKind::Unit);
    }
    match path::resolve(names, path.to_string().as_bytes()) {
        Ok(found) => kind(names, path.name(), found.id, names.node(found.id)?.kind.file_type()),
        Err(Error::NotFound { .. } | Error::WrongType { .. } | Error::LinkLoop { .. }) => Ok(ObjectKind::Other),
        Err(error) => Err(error),
    }
}

fn kind(tree: &dyn Tree, name: &str, id: NodeId, file_type: FileType) -> Result<ObjectKind> {
    match file_type {
        FileType::File => {
            let node = tree.node(id)?;
            let runs = matches!(node.kind, Kind::File { size: 1.. }) && node.mode & 0o111 != 0;
            Ok(file(name, runs))
        }
        FileType::Directory => Ok(directory(name, &tree.entries(id)?)),
        _ => Ok(ObjectKind::Other),
    }
}

/// The kind of a file. `runs` says whether it is executable.
fn file(name: &str, runs: bool) -> ObjectKind {
    match () {
        () if name.ends_with(".drv") => ObjectKind::Derivation,
        () if ends_in(name, ARCHIVES) => ObjectKind::Source,
        () if ends_in(name, UNITS) => ObjectKind::Unit,
        () if is_configuration(name) => ObjectKind::Configuration,
        () if runs && !ends_in(name, SCRIPTS) => ObjectKind::Software,
        () => ObjectKind::Other,
    }
}

fn directory(name: &str, entries: &[Entry]) -> ObjectKind {
    let has = |wanted: &[&str]| entries.iter().any(|entry| is_one_of(&entry.name, wanted));
    let all = |accepts: &dyn Fn(&str, FileType) -> bool| {
        let accepts = |entry: &Entry| std::str::from_utf8(&entry.name).is_ok_and(|name| accepts(name, entry.file_type));
        !entries.is_empty() && entries.iter().all(accepts)
    };
    let marks = entries.iter().filter(|entry| is_one_of(&entry.name, BUILD_FILES)).count();
    match () {
        () if has(&["activate"]) && has(&["etc", "init"]) => ObjectKind::System,
        () if all(&|entry, _| entry.starts_with("initrd")) => ObjectKind::System,
        () if SYSTEM_PARTS.contains(&name) => ObjectKind::System,
        () if name.starts_with(UNIT_SCRIPT_PREFIX) || all(&is_of_units) => ObjectKind::Unit,
        () if name.starts_with(UNIT_PREFIX) && all(&|entry, _| entry.ends_with(".conf")) => ObjectKind::Unit,
        () if all(&|entry, file_type| file_type != FileType::Directory && is_configuration(entry)) => {
            ObjectKind::Configuration
        }
        () if name == "etc" || !is_versioned(name) && all(&|entry, _| entry == "etc") => ObjectKind::Configuration,
        () if name == "source" || ends_in(name, SOURCES) => ObjectKind::Source,
        // A channel: the sources of NixOS itself.
        () if all(&|entry, _| matches!(entry, "nixos" | "nixpkgs")) => ObjectKind::Source,
        // Sources may have a `bin` or `lib`. Software rarely has one of these files, and never several.
        () if marks > usize::from(has(PROGRAMS)) && !name.starts_with("vimplugin-") => ObjectKind::Source,
        () if has(INSTALLED) => ObjectKind::Software,
        // Firmware, fonts, boot loaders and plugins are at the top of their package.
        () if is_versioned(name) && !all(&|entry, _| entry == "nix-support") && !entries.is_empty() => {
            ObjectKind::Software
        }
        () => ObjectKind::Other,
    }
}

/// Whether a directory entry is a unit, or belongs to one.
fn is_of_units(entry: &str, file_type: FileType) -> bool {
    match file_type {
        FileType::Directory => ends_in(entry, BESIDE_UNITS),
        _ => ends_in(entry, UNITS),
    }
}

fn is_configuration(name: &str) -> bool {
    name.starts_with("etc-") || ends_in(name, CONFIGURATION) || CONFIGURATION_NAMES.contains(&name)
}

fn is_versioned(name: &str) -> bool {
    Name::parse(name).version.starts_with(|letter: char| letter.is_ascii_digit())
}

fn ends_in(name: &str, endings: &[&str]) -> bool {
    endings.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending))
}

fn is_one_of(name: &[u8], wanted: &[&str]) -> bool {
    wanted.iter().any(|wanted| name == wanted.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    const DIGEST: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    /// A store with one object: its files below its own directory, or the text that it is.
    fn object(name: &str, files: &[&str]) -> (Made, StorePath) {
        let path = StorePath::from_base(format!("{DIGEST}-{name}").as_bytes()).unwrap();
        let files: Vec<String> = files.iter().map(|file| format!("{path}{file}")).collect();
        let texts: Vec<(&str, &str)> = files.iter().map(|file| (file.as_str(), "text")).collect();
        (Made::of(&texts), path)
    }

    fn place(tree: &dyn Tree, path: &StorePath) -> Place {
        let id = path::resolve_link(tree, path.to_string().as_bytes()).unwrap().id;
        Place { id, file_type: tree.node(id).unwrap().kind.file_type() }
    }

    fn kind_of(name: &str, files: &[&str]) -> ObjectKind {
        let (tree, path) = object(name, files);
        ObjectKind::of(&tree, &tree, &path, place(&tree, &path)).unwrap()
    }

    #[test]
    fn an_object_is_what_its_listing_and_its_name_tell() {
        use ObjectKind::{Configuration, Derivation, Other, Software, Source, System, Unit};
        for (name, files, kind) in [
            ("hello-2.12.2", &["/bin/hello"][..], Software),
            ("glibc-2.40-66", &["/lib/libc.so.6"], Software),
            ("nixos-install-tools", &["/bin/nixos-install"], Software),
            ("nss-cacert-3.117", &["/etc/ssl/certs/ca-bundle.crt"], Software),
            ("linux-6.12.57", &["/bzImage", "/System.map"], Software),
            ("OVMF-202411-fd", &["/FV/OVMF.fd"], Software),
            ("vimplugin-fzf-2025-01-01", &["/plugin/fzf.vim", "/Makefile"], Software),
            ("ruby-3.3.1", &["/bin/ruby", "/package.json"], Software),
            ("hello-2.12.2.drv", &[""], Derivation),
            ("hello-2.12.2.tar.gz", &[""], Source),
            ("firefox-145.0.source.tar.xz", &[""], Source),
            ("CVE-2014-8139.diff", &[""], Source),
            ("vim-9.1-src", &["/README"], Source),
            ("source", &["/lib/default.nix"], Source),
            ("nixpkgs-25.11", &["/lib/x", "/default.nix"], Source),
            ("rails-8.0", &["/bin/setup", "/Gemfile", "/Rakefile"], Source),
            ("nixos-25.11.1234.abcdef", &["/nixos/nixpkgs/default.nix"], Source),
            ("cargo-vendor-dir", &["/serde/Cargo.toml"], Source),
            ("unit-sshd.service", &["/sshd.service"], Unit),
            ("unit-getty-.service", &["/overrides.conf"], Unit),
            ("unit-script-nix-gc-start", &["/bin/nix-gc-start"], Unit),
            (
                "system-units",
                &["/sshd.service", "/multi-user.target.wants/sshd.service", "/getty@.service.d/x.conf"],
                Unit,
            ),
            ("dbus-1", &["/system.conf", "/session.conf"], Configuration),
            ("polkit-1.pam", &[""], Configuration),
            ("etc-10-nixos.rules", &[""], Configuration),
            ("sshd.conf-final", &[""], Configuration),
            ("root-authorized_keys", &[""], Configuration),
            ("etc", &["/etc/hostname"], Configuration),
            ("udev-rules", &["/60-x.rules", "/99-local.rules"], Configuration),
            ("nixos-system-rescue-18-25.11", &["/activate", "/etc/hostname", "/init", "/sw/bin/x"], System),
            ("initrd-linux-6.12.57", &["/initrd"], System),
            ("system-path", &["/bin/sh"], System),
            ("setup-hook-1.0.sh", &[""], Other),
            ("set-environment", &[""], Other),
            ("make-wrapper-hook-1.0", &["/nix-support/setup-hook"], Other),
            ("stdenv-linux", &["/setup"], Other),
        ] {
            assert_eq!(kind_of(name, files), kind, "{name} {files:?}");
        }
    }

    #[test]
    fn a_file_that_runs_is_software_and_a_script_of_a_build_is_not() {
        assert_eq!(file("rescue-tool-1.2", true), ObjectKind::Software);
        assert_eq!(file("rescue-tool-1.2", false), ObjectKind::Other);
        assert_eq!(file("stage-2-init.sh", true), ObjectKind::Other);
        assert_eq!(file("hello.drv", true), ObjectKind::Derivation);
        assert_eq!(file(".drv", false), ObjectKind::Derivation);
    }

    #[test]
    fn a_link_is_what_it_leads_to() {
        let base = |letter: &str, name: &str| format!("/nix/store/{}-{name}", letter.repeat(32));
        let (hello, alias) = (base("b", "hello-1.0"), base("a", "greeter-1.0"));
        let (gone, masked) = (base("c", "gone-1.0"), base("d", "unit-x.service"));
        let tree = Made::of(&[
            (&format!("{hello}/bin/hello"), "x"),
            (&alias, &format!("-> {hello}")),
            (&gone, "-> /nix/store/nothing"),
            (&masked, "-> /dev/null"),
        ]);
        for (text, kind) in [(alias, ObjectKind::Software), (gone, ObjectKind::Other), (masked, ObjectKind::Unit)] {
            let path = StorePath::from_path(text.as_bytes()).unwrap();
            assert_eq!(ObjectKind::of(&tree, &tree, &path, place(&tree, &path)).unwrap(), kind, "{text}");
        }
    }

    #[test]
    fn documentation_and_development_files_are_beside_a_package_and_a_version_that_ends_in_dev_is_not() {
        for (name, files, beside) in [
            ("openssl-3.5.4-dev", &["/include/x.h", "/bin/c_rehash"][..], true),
            ("openssl-3.5.4-dev", &["/nix-support/propagated-build-inputs"], true),
            ("gcc-14.3.0-man", &["/share/man/man1/gcc.1.gz"], true),
            ("w-5.0-dev", &["/bin/w"], false),
            ("openssl-3.5.4-bin", &["/bin/openssl"], false),
            ("curl-8.17.0-debug", &["/lib/debug/x"], true),
        ] {
            let (tree, path) = object(name, files);
            assert_eq!(is_beside(&tree, &path, place(&tree, &path)).unwrap(), beside, "{name} {files:?}");
        }
    }
}
