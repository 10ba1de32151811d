//! sshd as a system would run it: whether it starts, and which files of keys it reads for a user.

use super::config::Config;
use super::key::KeyLine;
use super::pattern::listed;
use crate::error::{Error, Result};
use crate::fs::Tree;
use crate::fs::path;
use crate::nixos::users::{User, Users};

/// No configuration, unit or file of keys is longer.
const LONGEST: u64 = 4 << 20;

/// sshd of one system.
#[derive(Debug)]
pub struct Sshd {
    /// The unit or job that runs it, by its path in the system's `etc`; none if there is no sshd.
    pub unit: Option<String>,
    /// Whether that starts at boot; if not, only by hand.
    pub starts: bool,
    /// The configuration that it reads.
    pub config: Option<String>,
    toplevel: String,
    settings: Config,
}

/// A file in which sshd looks for a user's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeysFile {
    /// The path as sshd names it.
    pub path: String,
    /// Its keys; none where the image has no such file.
    pub keys: Option<Vec<AuthorizedKey>>,
}

/// A key in a file of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizedKey {
    /// The key with its options and comment.
    pub line: KeyLine,
    /// Its line, counted from 1.
    pub number: u64,
    /// The file that holds it, links resolved.
    pub file: Vec<u8>,
}

/// Units and jobs that run sshd, and the links or lines that start them at boot.
const UNITS: [(&str, &str); 4] = [
    ("systemd/system/sshd.service", "systemd/system/multi-user.target.wants/sshd.service"),
    ("systemd/system/sshd.socket", "systemd/system/sockets.target.wants/sshd.socket"),
    ("systemd/system/sshd@.service", "systemd/system/sockets.target.wants/sshd.socket"),
    // Upstart, to 2013-01.
    ("init/sshd.conf", ""),
];

impl Sshd {
    /// Looks at the system whose toplevel lies at `toplevel` in the image.
    ///
    /// # Errors
    /// Where a unit or the configuration is there but cannot be read.
    pub fn of(tree: &dyn Tree, toplevel: &str) -> Result<Self> {
        let mut sshd = Self {
            unit: None,
            starts: false,
            config: None,
            toplevel: toplevel.to_owned(),
            settings: Config::default(),
        };
        let mut config = None;
        for (unit, started_by) in UNITS {
            let Some((_, text)) = text(tree, &format!("{toplevel}/etc/{unit}"))? else { continue };
            sshd.starts |= match started_by {
                "" => text.lines().any(|line| line.trim_start().starts_with("start on")),
                link => path::find(tree, format!("{toplevel}/etc/{link}").as_bytes())?.is_some(),
            };
            sshd.unit.get_or_insert_with(|| format!("/etc/{unit}"));
            config = config.or_else(|| config_option(&text));
        }
        let place = match config {
            Some(config) => sshd.inside(&config),
            None => format!("{toplevel}/etc/ssh/sshd_config"),
        };
        if let Some((place, text)) = text(tree, &place)? {
            sshd.config = Some(place);
            sshd.settings = Config::parse(&text);
        }
        Ok(sshd)
    }

    /// Why sshd would turn the user away, or not look at keys at all; `None` where it reads them.
    #[must_use]
    pub fn refuses(&self, users: &Users, name: &str) -> Option<String> {
        if self.unit.is_none() {
            return Some("there is no sshd in this system (services.openssh.enable)".to_owned());
        }
        if users.known && !users.list.iter().any(|user| user.name == name) {
            return Some(format!("there is no user {name} in this system"));
        }
        let first = |keyword| self.settings.value(keyword, name).and_then(|arguments| arguments.first());
        let says = |keyword, value: &str| first(keyword).is_some_and(|argument| argument.eq_ignore_ascii_case(value));
        let (allowed, denied) = (self.settings.values("allowusers", name), self.settings.values("denyusers", name));
        if says("pubkeyauthentication", "no") {
            Some("sshd takes no keys (PubkeyAuthentication no)".to_owned())
        } else if name == "root" && says("permitrootlogin", "no") {
            Some("sshd lets root not in (PermitRootLogin no)".to_owned())
        } else if listed(denied.iter().copied(), name) {
            Some(format!("sshd turns {name} away (DenyUsers)"))
        } else if !allowed.is_empty() && !listed(allowed.iter().copied(), name) {
            Some(format!("sshd turns {name} away (AllowUsers names others)"))
        } else {
            None
        }
    }

    /// The files in which sshd would look for the user's keys, with the keys in them.
    ///
    /// # Errors
    /// Where such a file is there but cannot be read.
    pub fn keys(&self, tree: &dyn Tree, user: &User) -> Result<Vec<KeysFile>> {
        let default = [".ssh/authorized_keys", ".ssh/authorized_keys2"].map(str::to_owned);
        let patterns = self.settings.value("authorizedkeysfile", &user.name).unwrap_or(&default);
        let mut files: Vec<KeysFile> = Vec::new();
        for pattern in patterns.iter().filter(|pattern| !pattern.eq_ignore_ascii_case("none")) {
            let path = expand(pattern, user);
            let keys = text(tree, &self.inside(&path))?.map(|(place, text)| lines(&text, place.as_bytes()));
            files.push(KeysFile { path, keys });
        }
        Ok(files)
    }

    /// Where a path of the running system lies in the image: `/etc` is this system's own.
    fn inside(&self, path: &str) -> String {
        match path.strip_prefix("/etc/") {
            Some(rest) => format!("{}/etc/{rest}", self.toplevel),
            None => path.to_owned(),
        }
    }
}

/// Replaces the tokens of `AuthorizedKeysFile` (sshd_config(5), TOKENS); a relative path begins in the user's home.
fn expand(pattern: &str, user: &User) -> String {
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

/// The keys of a file; sshd passes over lines that hold none.
fn lines(text: &str, file: &[u8]) -> Vec<AuthorizedKey> {
    let numbered = (1u64..).zip(text.lines());
    numbered
        .filter_map(|(number, line)| {
            let line = KeyLine::parse(line).ok().flatten()?;
            Some(AuthorizedKey { line, number, file: file.to_vec() })
        })
        .collect()
}

/// The argument of `-f` where a unit starts sshd.
fn config_option(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.contains("/bin/sshd"))?;
    let mut words = line.split_ascii_whitespace().skip_while(|word| *word != "-f");
    words.nth(1).map(|path| path.trim_matches(['"', '\'', ';']).to_owned())
}

fn text(tree: &dyn Tree, path: &str) -> Result<Option<(String, String)>> {
    let found = match path::find(tree, path.as_bytes())? {
        Some(found) => found,
        None => return Ok(None),
    };
    match path::read(tree, &found.path, LONGEST) {
        Ok(bytes) => {
            Ok(Some((String::from_utf8_lossy(&found.path).into_owned(), String::from_utf8_lossy(&bytes).into_owned())))
        }
        Err(Error::WrongType { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_a_path_are_those_of_the_user() {
        let user = User { name: "nixos".to_owned(), uid: Some(1000), home: "/home/nixos".to_owned(), groups: None };
        for (pattern, path) in [
            ("%h/.ssh/authorized_keys", "/home/nixos/.ssh/authorized_keys"),
            ("/etc/ssh/authorized_keys.d/%u", "/etc/ssh/authorized_keys.d/nixos"),
            (".ssh/%U%%", "/home/nixos/.ssh/1000%"),
        ] {
            assert_eq!(expand(pattern, &user), path);
        }
    }

    #[test]
    fn the_configuration_is_the_one_that_the_unit_names() {
        let unit = "[Service]\nExecStart=/nix/store/e-openssh/bin/sshd -D -f /nix/store/e-sshd_config\n";
        assert_eq!(config_option(unit).as_deref(), Some("/nix/store/e-sshd_config"));
        assert_eq!(config_option("ExecStart=/nix/store/e-openssh/bin/sshd -D\n"), None);
    }
}
