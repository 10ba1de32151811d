//! sshd as a system would run it: whether it starts, and which files of keys it reads for a user.

use super::config::{Config, Mistake, Reader};
use super::keys_file::{KeysFile, KeysFiles};
use crate::error::{Error, Place, Result};
use crate::fs::{Kind, path};
use crate::nixos::Root;
use crate::nixos::users::User;
use crate::store::StorePath;
use crate::store::name::Name;

/// No unit is longer.
const LONGEST: u64 = 1 << 20;

/// Where the link of a masked unit leads (systemctl(1), mask).
const MASK: &[u8] = b"/dev/null";

/// Files of keys for one user; sshd itself takes 256 patterns, NixOS writes two.
const MOST_PATTERNS: usize = 16;

/// sshd of one system.
#[derive(Debug)]
pub struct Sshd {
    /// The unit or job that runs it, by its path in the system's `etc`; none if there is no sshd.
    pub unit: Option<String>,
    /// Whether that starts at boot; if not, only by hand.
    pub starts: bool,
    /// The configuration that it reads.
    pub config: Option<String>,
    /// Whether a socket starts it for each connection.
    pub socket: bool,
    /// The version of OpenSSH, by the name of its store path.
    pub version: Option<String>,
    /// Ports of the socket.
    pub(super) socket_ports: Vec<u16>,
    /// A unit that is only a link to what is not there: its path in `etc`, and the path that is missing; `/dev/null` where
    /// it is masked.
    pub dangling: Option<(String, String)>,
    pub(super) settings: Config,
}

/// Units and jobs that run sshd, and the units that a target must want for that; Upstart (to 2013-01) has a line.
const UNITS: [(&str, &str); 4] = [
    ("systemd/system/sshd.service", "sshd.service"),
    ("systemd/system/sshd.socket", "sshd.socket"),
    ("systemd/system/sshd@.service", "sshd.socket"),
    ("init/sshd.conf", ""),
];

/// Targets that every boot reaches (bootup(7)), those that NixOS uses first.
const TARGETS: [&str; 9] =
    ["multi-user", "sockets", "graphical", "default", "network-online", "network", "basic", "sysinit", "getty"];

impl Sshd {
    /// Reads how a system runs sshd.
    ///
    /// # Errors
    /// Where a unit or the configuration is there but cannot be read.
    pub fn of(root: &Root<'_>) -> Result<Self> {
        let mut sshd = Self {
            unit: None,
            starts: false,
            config: None,
            socket: false,
            version: None,
            socket_ports: Vec::new(),
            dangling: None,
            settings: Config::default(),
        };
        let mut config = None;
        for (unit, started_by) in UNITS {
            let text = match read(root, &format!("/etc/{unit}"))? {
                Unit::Text(text) => text,
                Unit::Dangling(missing) => {
                    sshd.dangling.get_or_insert_with(|| (format!("/etc/{unit}"), missing));
                    continue;
                }
                Unit::None => continue,
            };
            let starts = match started_by {
                "" => text.lines().any(|line| line.trim_start().starts_with("start on")),
                wanted => is_wanted(root, wanted)?,
            };
            sshd.starts |= starts;
            if unit.ends_with(".socket") {
                sshd.socket |= starts;
                sshd.socket_ports = socket_ports(&text);
            }
            sshd.version = sshd.version.take().or_else(|| version(&text));
            sshd.unit.get_or_insert_with(|| format!("/etc/{unit}"));
            config = config.or_else(|| config_option(&text));
        }
        if let Some(found) = root.find(config.as_deref().unwrap_or("/etc/ssh/sshd_config"))? {
            sshd.settings = Reader::new(root).read(&found.path)?;
            sshd.config = Some(String::from_utf8_lossy(&found.path).into_owned());
        }
        Ok(sshd)
    }

    /// Lines of the configuration with which sshd does not start.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.settings.mistakes
    }

    /// Files that the configuration includes and that are not in the image.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.settings.unread
    }

    /// The files in which sshd would look for the user's keys, with the keys in them.
    ///
    /// # Errors
    /// Where such a file is there but cannot be read; [`Error::Limit`] for more of them than anyone writes.
    pub fn keys(&self, files: &mut KeysFiles<'_>, user: &User) -> Result<Vec<KeysFile>> {
        let default = [".ssh/authorized_keys", ".ssh/authorized_keys2"].map(str::to_owned);
        let settings = self.settings.settings(user);
        let patterns = settings.value("authorizedkeysfile").unwrap_or(&default);
        if patterns.len() > MOST_PATTERNS {
            let place = self.config.clone().unwrap_or_default().into_bytes();
            return Err(Error::Limit { what: "16 files in AuthorizedKeysFile", place: Place::File(place) });
        }
        let named = patterns.iter().filter(|pattern| !pattern.eq_ignore_ascii_case("none"));
        named
            .map(|pattern| {
                let path = expand(pattern, user);
                let keys = files.read(&path)?;
                Ok(KeysFile { path, keys })
            })
            .collect()
    }
}

/// Whether a target that every boot reaches wants the unit.
fn is_wanted(root: &Root<'_>, unit: &str) -> Result<bool> {
    for target in TARGETS {
        for relation in ["wants", "requires"] {
            let link = format!("/etc/systemd/system/{target}.target.{relation}/{unit}");
            if root.find(&link)?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Replaces the tokens of `AuthorizedKeysFile` (sshd_config(5), TOKENS); a relative path begins in the user's home.
pub(super) fn expand(pattern: &str, user: &User) -> String {
    let mut path = String::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match (letter, letter == '%') {
            (_, true) => match letters.next() {
                Some('h') => path.push_str(&user.home),
                Some('u') => path.push_str(&user.name),
                Some('U') => path.push_str(&user.uid.map(|uid| uid.to_string()).unwrap_or_default()),
                Some(other) => path.push(other),
                None => {}
            },
            (other, false) => path.push(other),
        }
    }
    if path.starts_with('/') { path } else { format!("{}/{path}", user.home) }
}

/// The argument of `-f` where a unit starts sshd.
fn config_option(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains("/bin/sshd"))?;
    let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "-f");
    words.nth(1).map(|path| path.trim_matches(['"', '\'', ';']).to_owned())
}

/// The ports of `ListenStream=` (systemd.socket(5)).
fn socket_ports(unit: &str) -> Vec<u16> {
    let streams = unit.lines().filter_map(|line| line.trim().strip_prefix("ListenStream="));
    streams.filter_map(|stream| stream.rsplit(':').next()?.parse().ok()).collect()
}

/// The version in the name of the store path that a unit starts sshd from.
fn version(unit: &str) -> Option<String> {
    let words = unit.split(|letter: char| letter.is_whitespace() || matches!(letter, '=' | '@' | '"' | ':'));
    let paths = words.filter(|word| word.ends_with("/bin/sshd"));
    let mut paths = paths.filter_map(|word| StorePath::containing(word.as_bytes()));
    paths.find_map(|(path, _)| {
        let version = Name::parse(path.name()).version;
        (!version.is_empty()).then(|| version.to_owned())
    })
}

enum Unit {
    Text(String),
    /// A link to the path.
    Dangling(String),
    None,
}

fn read(root: &Root<'_>, path: &str) -> Result<Unit> {
    let (tree, path) = (root.tree(), root.inside(path));
    match path::read(tree, path.as_bytes(), LONGEST) {
        Ok(bytes) => Ok(Unit::Text(String::from_utf8_lossy(&bytes).into_owned())),
        // If the name itself is there, it is a link.
        Err(Error::NotFound { path: missing }) => match path::resolve_link(tree, path.as_bytes()) {
            Ok(found) => match tree.node(found.id)?.kind {
                Kind::Symlink { target } if target == MASK => Ok(Unit::Dangling("/dev/null".to_owned())),
                _ => Ok(Unit::Dangling(String::from_utf8_lossy(&missing).into_owned())),
            },
            Err(Error::NotFound { .. } | Error::WrongType { .. }) => Ok(Unit::None),
            Err(error) => Err(error),
        },
        Err(Error::WrongType { .. }) => Ok(Unit::None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nixos::made::Made;

    #[test]
    fn tokens_of_a_path_are_those_of_the_user() {
        let user = User { uid: Some(1000), ..User::implied("nixos") };
        for (pattern, path) in [
            ("%h/.ssh/authorized_keys", "/home/nixos/.ssh/authorized_keys"),
            ("/etc/ssh/authorized_keys.d/%u", "/etc/ssh/authorized_keys.d/nixos"),
            (".ssh/%U%%", "/home/nixos/.ssh/1000%"),
        ] {
            assert_eq!(expand(pattern, &user), path);
        }
    }

    #[test]
    fn a_user_with_more_files_than_anyone_writes_is_over_a_limit() {
        let config = |count| format!("AuthorizedKeysFile {}\n", "/keys ".repeat(count));
        for (count, expected) in [(16, Ok(16)), (17, Err("16 files in AuthorizedKeysFile at /s/etc/ssh/sshd_config"))] {
            let tree = Made::of(&[("/s/etc/ssh/sshd_config", &config(count))]);
            let keys =
                Sshd::of(&tree.system()).unwrap().keys(&mut KeysFiles::new(&tree.system()), &User::implied("root"));
            let told = keys.map(|files| files.len()).map_err(|error| error.to_string());
            assert_eq!(told, expected.map_err(|what| format!("{what}: over the limit")));
        }
    }

    #[test]
    fn what_starts_sshd_is_a_target_that_every_boot_reaches() {
        let unit = ("/s/etc/systemd/system/sshd.service", "[Service]\n");
        for (folder, starts) in [
            ("multi-user.target.wants", true),
            ("network-online.target.requires", true),
            ("rescue.target.wants", false),
        ] {
            let link = format!("/s/etc/systemd/system/{folder}/sshd.service");
            let sshd = Sshd::of(&Made::of(&[unit, (&link, "-> ../sshd.service")]).system()).unwrap();
            assert_eq!(sshd.starts, starts, "{folder}");
        }
        let masked = Sshd::of(&Made::of(&[(unit.0, "-> /dev/null")]).system()).unwrap();
        assert_eq!(masked.unit, None);
        assert_eq!(masked.dangling, Some(("/etc/systemd/system/sshd.service".to_owned(), "/dev/null".to_owned())));
    }

    #[test]
    fn the_configuration_is_the_one_that_the_unit_names() {
        let unit = "[Service]\nExecStart=/nix/store/e-openssh/bin/sshd -D -f /nix/store/e-sshd_config\n";
        assert_eq!(config_option(unit).as_deref(), Some("/nix/store/e-sshd_config"));
        assert_eq!(config_option("ExecStart=/nix/store/e-openssh/bin/sshd -D\n"), None);
    }
}
