//! A store path's name → package name, version, output.

/// Outputs other than `out`, which Nix appends to the name. A version may happen to end in such a word, so an output alone
/// decides nothing.
const OUTPUTS: &[&str] = &[
    "bin", "data", "debug", "dev", "devdoc", "devman", "dist", "dnsutils", "doc", "getent", "host", "info", "lib",
    "lib32", "libgcc", "login", "man", "modules", "mount", "out", "pam", "py", "python", "scripts", "static", "su",
    "swap", "terminfo", "tools",
];

/// Outputs that are of no use without the package itself.
const BESIDE: &[&str] = &["data", "debug", "dev", "devdoc", "devman", "doc", "info", "man"];

/// The parts of a store path's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'n> {
    /// Package name: everything before the version.
    pub pname: &'n str,
    /// Version; may be empty.
    pub version: &'n str,
    /// The output, if the name ends in one after a version.
    pub output: Option<&'n str>,
}

impl<'n> Name<'n> {
    /// Splits a name. A known output is removed only if a version remains.
    #[must_use]
    pub fn parse(name: &'n str) -> Self {
        let (pname, version) = parse_drv_name(name);
        let output =
            version.rsplit_once('-').filter(|(version, output)| !version.is_empty() && OUTPUTS.contains(output));
        match output {
            Some((version, output)) => Self { pname, version, output: Some(output) },
            None => Self { pname, version, output: None },
        }
    }

    /// The version without the ABI that nixpkgs appends when it builds a version once for each: `2.50.3+abi=4.1`.
    #[must_use]
    pub fn release(&self) -> &'n str {
        self.version.split_once("+abi=").map_or(self.version, |(release, _)| release)
    }

    /// Whether the output is one of documentation, debug symbols or development files.
    #[must_use]
    pub fn is_beside(&self) -> bool {
        self.output.is_some_and(|output| BESIDE.contains(&output))
    }
}

/// `builtins.parseDrvName`: the version begins after the first dash that is not followed by a letter (Nix, `libstore/names.cc`).
#[must_use]
pub fn parse_drv_name(name: &str) -> (&str, &str) {
    let bytes = name.as_bytes();
    let dash = bytes.windows(2).position(|pair| matches!(pair, [b'-', next] if !next.is_ascii_alphabetic()));
    match dash.and_then(|at| Some((name.get(..at)?, name.get(at + 1..)?))) {
        Some(split) => split,
        None => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_split_as_builtins_parse_drv_name_splits_them() {
        for (name, pname, version) in [
            ("apache-httpd-2.0.48", "apache-httpd", "2.0.48"),
            ("nixos-system-nixos-25.05.1234.abcdef", "nixos-system-nixos", "25.05.1234.abcdef"),
            ("python3.11-numpy-1.26.4", "python3.11-numpy", "1.26.4"),
            ("xf86-video-intel-2021-01-15", "xf86-video-intel", "2021-01-15"),
            ("7zip-24.09", "7zip", "24.09"),
            ("2048-in-terminal-0.1", "2048-in-terminal", "0.1"),
            ("unit-sshd.service", "unit-sshd.service", ""),
            ("a-", "a-", ""),
            ("foo-+1", "foo", "+1"),
            ("-1", "", "1"),
            ("a--b", "a", "-b"),
        ] {
            assert_eq!(parse_drv_name(name), (pname, version), "{name}");
        }
    }

    #[test]
    fn an_output_is_taken_off_where_a_version_remains() {
        for (name, pname, version, output) in [
            ("gcc-13.3.0-lib", "gcc", "13.3.0", Some("lib")),
            ("glibc-2.40-66-bin", "glibc", "2.40-66", Some("bin")),
            ("linux-firmware-20250311-zstd", "linux-firmware", "20250311-zstd", None),
            ("git-doc", "git-doc", "", None),
            ("x-1-dev-man", "x", "1-dev", Some("man")),
        ] {
            assert_eq!(Name::parse(name), Name { pname, version, output }, "{name}");
        }
    }

    #[test]
    fn two_abis_of_a_version_are_one_release() {
        for (name, release) in [
            ("webkitgtk-2.50.3+abi=4.0", "2.50.3"),
            ("webkitgtk-2.50.3+abi=4.1-dev", "2.50.3"),
            ("libsoup-3.6.5", "3.6.5"),
            ("linux-6.12+deb12", "6.12+deb12"),
        ] {
            assert_eq!(Name::parse(name).release(), release, "{name}");
        }
    }
}
