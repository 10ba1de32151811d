//! Kinds of files, by their paths: some texts are secrets only in certain files.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use crate::store::StorePath;
use crate::store::name::Name;

/// A set of kinds of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::secrets) struct Places(u16);

/// `users-groups.json`, and the `userborn.json` of services.userborn.
pub(super) const ACCOUNTS: Places = Places(1);
/// User records, until 2014-02.
pub(in crate::secrets) const RECORDS: Places = Places(1 << 1);
/// `shadow`, or one password field of it.
pub(in crate::secrets) const SHADOW: Places = Places(1 << 2);
/// Network configurations of wpa_supplicant, hostapd, NetworkManager and iwd.
pub(super) const NETWORKS: Places = Places(1 << 3);
/// Units, and files of environment variables.
pub(super) const ENVIRONMENT: Places = Places(1 << 4);
/// `netrc`, for curl and Nix.
pub(super) const NETRC: Places = Places(1 << 5);
/// `nix.conf`, and the files that it includes.
pub(super) const NIX: Places = Places(1 << 6);
/// `.npmrc`
pub(super) const NPM: Places = Places(1 << 7);
/// A WireGuard key as a whole file; NixOS writes `privateKey` to one named `wg-key`.
pub(in crate::secrets) const WIREGUARD: Places = Places(1 << 8);

/// Documentation of packages. No rule applies to it specifically.
pub(super) const DOCUMENTATION: Places = Places(1 << 9);
/// Text written for this system. Packages and sources are not: their documentation is full of examples.
pub(super) const CONFIGURATION: Places = Places(1 << 10);

/// The directory of packages.
const STORE: &[u8] = b"/nix/store/";

/// Words in the names of source trees, which have no version.
const SOURCES: [&str; 3] = ["source", "nixpkgs", "nixos"];

/// Ends of files with code, in which names stand before expressions.
const CODE: [&str; 12] = [".nix", ".py", ".pl", ".pm", ".rb", ".sh", ".js", ".lua", ".c", ".h", ".go", ".rs"];

/// First words of directories that NixOS makes for one system, although their names may have a version.
const OF_A_SYSTEM: [&str; 2] = ["nixos-system-", "unit-"];

/// Kinds by the end of the path.
const ENDS: [(&str, Places); 34] = [
    ("chap-secrets", Places::CHAP),
    ("pap-secrets", Places::CHAP),
    ("davfs2/secrets", Places::DAVFS),
    // What `environment.etc."davfs2/secrets"` becomes in the store.
    ("-etc-secrets", Places::DAVFS),
    ("-users-groups.json", ACCOUNTS),
    ("-userborn.json", ACCOUNTS),
    ("-users", RECORDS),
    ("shadow", SHADOW),
    ("-password-file", SHADOW),
    (".nmconnection", NETWORKS),
    (".psk", NETWORKS),
    (".8021x", NETWORKS),
    (".service", ENVIRONMENT),
    ("/overrides.conf", ENVIRONMENT),
    ("-set-environment", ENVIRONMENT),
    (".env", ENVIRONMENT),
    ("-env", ENVIRONMENT),
    (".envrc", ENVIRONMENT),
    (".env.local", ENVIRONMENT),
    (".env.production", ENVIRONMENT),
    (".environment", ENVIRONMENT),
    ("-environment", ENVIRONMENT),
    ("/netrc", NETRC),
    ("/.netrc", NETRC),
    ("/_netrc", NETRC),
    ("-netrc", NETRC),
    (".conf", NIX),
    ("access-tokens", NIX),
    ("npmrc", NPM),
    ("wg-key", WIREGUARD),
    ("wg-psk", WIREGUARD),
    ("privatekey", WIREGUARD),
    ("private.key", WIREGUARD),
    ("presharedkey", WIREGUARD),
];

/// Kinds by a part of the path.
const PARTS: [(&str, Places); 8] = [
    ("wpa_supplicant", NETWORKS),
    ("hostapd", NETWORKS),
    ("system-connections", NETWORKS),
    ("NetworkManager", NETWORKS),
    ("/iwd/", NETWORKS),
    (".service.d/", ENVIRONMENT),
    ("wireguard", WIREGUARD),
    ("/share/doc/", DOCUMENTATION),
];

/// All parts at once, because this runs for every path of the image.
static PARTS_OF: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(PARTS.iter().map(|(part, _)| part)).ok());

/// Whether a file belongs to a package or a source tree: a directory in the store with a version, or with the name of one. Other
/// directories are written for the system, and so are single files in the store.
fn is_of_a_package(path: &[u8]) -> bool {
    let Some(below) = path.strip_prefix(STORE) else { return false };
    let Some(end) = memchr::memchr(b'/', below) else { return false };
    let path = below.get(..end).and_then(StorePath::from_base);
    path.is_none_or(|path| {
        let name = path.name();
        let is_source = || SOURCES.iter().any(|word| name.contains(word));
        !OF_A_SYSTEM.iter().any(|word| name.starts_with(word)) && (!Name::parse(name).version.is_empty() || is_source())
    })
}

impl Places {
    /// The empty set.
    pub(super) const NONE: Self = Self(0);
    /// Text written for this system that may have names and values of a login. Other rules find those of networks and of `netrc`.
    pub(in crate::secrets) const LOGINS: Self = Self(1 << 11);
    /// Secrets of pppd, by client and server.
    pub(in crate::secrets) const CHAP: Self = Self(1 << 12);
    /// Secrets of davfs2, by address.
    pub(in crate::secrets) const DAVFS: Self = Self(1 << 13);

    /// The kinds of the file at a path.
    pub(in crate::secrets) fn of(path: &[u8]) -> Self {
        let ends = ENDS.iter().filter(|(end, _)| path.ends_with(end.as_bytes())).map(|(_, place)| *place);
        let parts = PARTS_OF.iter().flat_map(|parts| parts.find_overlapping_iter(path));
        let parts = parts.filter_map(|found| PARTS.get(found.pattern().as_usize())).map(|(_, place)| *place);
        let written = if is_of_a_package(path) { Self::NONE } else { CONFIGURATION };
        let all = ends.chain(parts).fold(written, Self::and);
        let is_code = CODE.iter().any(|end| path.ends_with(end.as_bytes()));
        let has_logins = all.meet(CONFIGURATION) && !is_code && !all.meet(NETWORKS.and(NETRC).and(DOCUMENTATION));
        let all = if has_logins { all.and(Self::LOGINS) } else { all };
        // A public WireGuard key looks the same.
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if memmem::find(name, b"pub").is_some() { all.without(WIREGUARD) } else { all }
    }

    /// The union of both sets.
    pub(in crate::secrets) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the sets have a kind in common.
    pub(in crate::secrets) const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }
}
