//! sshd as a system would run it: whether it starts, and which key files it reads for a user.

use std::collections::BTreeMap;

use super::config::{Config, Mistake};
use super::daemon::{self, Arguments, Daemon, Obstacle};
use super::keys_file::{KeysFile, KeysFiles};
use super::modes;
use super::reader::Reader;
use super::revoked::Revoked;
use crate::error::{Error, Place, Result};
use crate::nixos::Root;
use crate::nixos::answer::{Cause, Caused, Condition, Doubt, Refusal, Unread};
use crate::nixos::unit::Units;
use crate::nixos::users::{User, Users};

/// The default configuration, without `-f`.
const CONFIG: &str = "/etc/ssh/sshd_config";

/// Arguments of `-f` for no configuration at all.
const WITHOUT: [&str; 2] = ["none", "/dev/null"];

/// Limit for key files for one user. sshd itself takes 256 patterns; NixOS writes two.
const MOST_PATTERNS: usize = 16;

/// Limit for lists of revoked keys.
const MOST_LISTS: usize = 16;

/// Limit for daemons with other arguments than the first one.
const MOST_OTHERS: usize = 16;

/// The sshd of a system.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sshd {
    /// The unit or job that runs it, by its path in the running system. `None` without sshd.
    pub unit: Option<String>,
    /// Whether that starts at boot. If not, sshd starts only by hand.
    pub starts: bool,
    /// A condition of its unit (`ConditionPathExists=/x`). If sshd does not start, the condition does not hold; otherwise
    /// it may not hold.
    pub condition: Option<String>,
    /// Its configuration.
    pub config: Option<String>,
    /// Its configuration, if the contents are unknown.
    pub unread_config: Option<Unread>,
    /// Whether a socket starts it for each connection.
    pub socket: bool,
    /// The version of OpenSSH, taken from its store path.
    pub version: Option<String>,
    /// Ports of the socket.
    pub(super) socket_ports: Vec<u16>,
    /// Why the usual unit does not run sshd, if that unit exists.
    pub obstacle: Option<Obstacle>,
    /// Further daemons that start with other arguments, each with its own configuration.
    pub others: Vec<Self>,
    /// Whether PAM refuses every password that this sshd accepts, as in NixOS with `PasswordAuthentication = false`.
    pub pam_refuses_passwords: bool,
    /// Its place among the daemons of the system.
    pub(super) rank: Rank,
    pub(super) settings: Config,
    /// The lists of `RevokedKeys` in the image, by their names in the configuration.
    pub(super) revoked: BTreeMap<String, Revoked>,
}

/// The place of an sshd among the daemons of its system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rank {
    /// The usual one, or the only one.
    #[default]
    First,
    /// It starts beside the first one.
    Further,
}

impl Sshd {
    /// Reads how a system runs sshd.
    ///
    /// # Errors
    /// If a unit or the configuration exists but cannot be read.
    pub fn of(root: &Root<'_>) -> Result<Self> {
        let (mut daemons, obstacle) = daemon::find(root)?;
        // A unit that starts takes precedence over one that does not, even with an unusual name.
        daemons.sort_by_key(|daemon| !daemon.starts);
        let mut alike: Vec<Vec<&Daemon>> = Vec::new();
        for daemon in &daemons {
            match alike.iter_mut().find(|known| known.iter().any(|known| known.arguments == daemon.arguments)) {
                Some(known) => known.push(daemon),
                None => alike.push(vec![daemon]),
            }
        }
        let Some((first, rest)) = alike.split_first() else {
            // The configuration is still of interest.
            let mut sshd = Self { obstacle, ..Self::default() };
            sshd.read(root, &Arguments::default())?;
            return Ok(sshd);
        };
        let mut sshd = Self { obstacle, ..Self::of_daemons(root, first)? };
        for daemons in rest.iter().filter(|daemons| daemons.iter().any(|daemon| daemon.starts)) {
            if sshd.others.len() >= MOST_OTHERS {
                let place = Place::File(root.toplevel().as_bytes().to_vec());
                root.cut(Error::Limit { what: "16 further units that start sshd", place });
                break;
            }
            sshd.others.push(Self { rank: Rank::Further, ..Self::of_daemons(root, daemons)? });
        }
        Ok(sshd)
    }

    /// The sshd that units with the same arguments start.
    fn of_daemons(root: &Root<'_>, daemons: &[&Daemon]) -> Result<Self> {
        let mut sshd = Self::default();
        let Some(first) = daemons.first() else { return Ok(sshd) };
        sshd.unit = Some(first.unit.clone());
        sshd.starts = first.starts;
        sshd.condition.clone_from(&first.condition);
        sshd.version = daemons.iter().find_map(|daemon| daemon.version.clone());
        for name in daemons.iter().filter_map(|daemon| daemon.socket.as_ref()) {
            sshd.socket = true;
            if let Some(unit) = Units::of(root)?.get(name)?.unit() {
                let streams = unit.list("Socket", "ListenStream").into_iter();
                sshd.socket_ports.extend(streams.filter_map(|stream| port(&stream.value)));
            }
        }
        sshd.read(root, &first.arguments)?;
        Ok(sshd)
    }

    /// This sshd, then the further ones that start.
    pub fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(&self.others)
    }

    /// Whether it starts beside the usual sshd.
    #[must_use]
    pub fn is_further(&self) -> bool {
        self.rank == Rank::Further
    }

    /// The condition to log in through this sshd, if it is not the first one.
    pub(super) fn through(&self) -> Option<Caused<Condition>> {
        let unit = self.unit.as_deref().filter(|_| self.is_further())?;
        let name = unit.rsplit('/').next().unwrap_or(unit).to_owned();
        let ports = if self.unread_config.is_none() { self.ports() } else { Vec::new() };
        Some(Caused::by(Condition::Through { unit: name, ports }, Cause { path: unit.into(), line: None }))
    }

    fn read(&mut self, root: &Root<'_>, arguments: &Arguments) -> Result<()> {
        let unit = self.unit.clone();
        let reader = Reader::new(root).with_options(arguments, unit.as_deref().unwrap_or_default())?;
        let path = arguments.config.as_deref().unwrap_or(CONFIG);
        let found = if WITHOUT.contains(&path) { None } else { root.find(path)? };
        match found {
            Some(found) => {
                let file = String::from_utf8_lossy(&found.path).into_owned();
                match reader.read(&found.path) {
                    Ok(settings) => self.settings = settings,
                    Err(over @ Error::Limit { .. }) => {
                        root.cut(over);
                        self.unread_config = Some(Unread::OverLimit(file.clone()));
                    }
                    Err(error) => return Err(error),
                }
                self.config = Some(file);
            }
            None => {
                self.settings = reader.without_file();
                let is_named = unit.is_some() && !WITHOUT.contains(&path);
                self.unread_config = is_named.then(|| Unread::Missing(path.to_owned()));
            }
        }
        let named = self.settings.lines.iter().filter(|line| line.keyword == "revokedkeys");
        for file in named.filter_map(|line| line.arguments.first()) {
            if self.revoked.len() >= MOST_LISTS {
                break; // the rest stay unread
            }
            self.revoked.insert(file.clone(), Revoked::of(root, file, self.version.as_deref())?);
        }
        Ok(())
    }

    /// Lines of the configuration that keep sshd from starting.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.settings.mistakes
    }

    /// Files that the configuration includes but the image lacks.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.settings.unread
    }

    /// The files in which sshd would look for the user's keys, with their keys.
    ///
    /// # Errors
    /// If such a file exists but cannot be read; [`Error::Limit`] if there are more of them than anyone writes.
    pub fn keys(&self, files: &mut KeysFiles<'_>, user: &User) -> Result<Vec<KeysFile>> {
        let default = [".ssh/authorized_keys", ".ssh/authorized_keys2"].map(str::to_owned);
        let settings = self.settings.settings(user);
        let patterns = settings.value("authorizedkeysfile").unwrap_or(&default);
        if patterns.len() > MOST_PATTERNS {
            let place = self.config.clone().unwrap_or_default().into_bytes();
            return Err(Error::Limit { what: "16 files in AuthorizedKeysFile", place: Place::File(place) });
        }
        let mut found: Vec<KeysFile> = Vec::new();
        let definite = patterns.iter().map(|pattern| (pattern, None));
        let perhaps = settings.perhaps("authorizedkeysfile").take(MOST_PATTERNS);
        let perhaps: Vec<(&[String], Caused<Condition>)> =
            perhaps.map(|(line, within)| (line.arguments.as_slice(), within)).collect();
        let perhaps = perhaps.iter().flat_map(|(patterns, within)| {
            patterns.iter().take(MOST_PATTERNS).map(move |pattern| (pattern, Some(within.clone())))
        });
        for (pattern, within) in definite.chain(perhaps).filter(|(pattern, _)| !pattern.eq_ignore_ascii_case("none")) {
            let path = expand(pattern, user);
            if within.is_none() || !found.iter().any(|file| file.path == path) {
                let (keys, untold) = (files.read(&path)?, files.is_untold(&path)?);
                let refusal = modes::refusal(files.root(), &path, user, settings.strictness())?;
                let writers = files.writers_of(&path, user)?;
                found.push(KeysFile { path, keys, within, refusal, untold, writers });
            }
        }
        Ok(found)
    }
}

impl Sshd {
    /// Why sshd lets in no user of that name, whatever the configuration says.
    #[must_use]
    pub fn absent(&self, users: &Users, name: &str) -> Option<Caused<Refusal>> {
        match (&self.unit, &self.obstacle) {
            (None, Some(obstacle)) => {
                let (refusal, unit) = match obstacle.clone() {
                    Obstacle::Masked(unit) => (Refusal::Masked(unit.clone()), unit),
                    Obstacle::Dangling { unit, missing } => (Refusal::Dangling { unit: unit.clone(), missing }, unit),
                    Obstacle::NoCommand(unit) => (Refusal::NoCommand(unit.clone()), unit),
                };
                Some(Caused::by(refusal, Cause { path: unit.into(), line: None }))
            }
            (None, None) => Some(Caused::by_default(Refusal::NoSshd)),
            (Some(_), _) if !self.settings.mistakes.is_empty() => self.settings.mistakes.first().map(|mistake| {
                let cause = Cause { path: mistake.file.as_str().into(), line: Some(mistake.line) };
                Caused::by(Refusal::Broken(mistake.message.clone()), cause)
            }),
            (Some(_), _) if users.known && !users.list.iter().any(|user| user.name == name) => {
                Some(Caused::by_default(Refusal::NoUser(name.to_owned())))
            }
            _ => users.list.iter().find(|user| user.name == name).and_then(User::refusal),
        }
    }

    /// The refusal and doubt if the contents of the configuration are unknown: everything else depends on them.
    pub(super) fn without_config(&self) -> Option<(Caused<Refusal>, Caused<Doubt>)> {
        let unread = self.unread_config.clone()?;
        let file = unread.file().to_owned();
        let cause = || self.unit.as_deref().map(|unit| Cause { path: unit.into(), line: None });
        let refusal = Caused { what: Refusal::NoConfiguration(unread), cause: cause() };
        Some((refusal, Caused { what: Doubt::NoConfiguration(file), cause: cause() }))
    }
}

/// Whether the image determines what is at a path. A file that is missing there will not exist after boot either.
pub(in crate::nixos) fn is_of_image(path: &str) -> bool {
    ["/etc/", "/nix/"].iter().any(|place| path.starts_with(place))
}

/// Expands the tokens of `AuthorizedKeysFile` (sshd_config(5), TOKENS). A relative path starts in the user's home.
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

/// The port of a `ListenStream=` (systemd.socket(5)).
fn port(stream: &str) -> Option<u16> {
    stream.rsplit(':').next()?.parse().ok()
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

    const UNIT: &str = "/s/etc/systemd/system/sshd.service";
    const WANTED: (&str, &str) = ("/s/etc/systemd/system/multi-user.target.wants/sshd.service", "-> ../sshd.service");

    #[test]
    fn a_configuration_that_is_not_in_the_image_is_not_replaced_by_defaults() {
        let config = ("/s/etc/ssh/sshd_config", "PermitRootLogin yes\n");
        for (arguments, missing, permit) in [
            ("-D", None, "yes"),
            ("-D -f /etc/ssh/sshd_config", None, "yes"),
            ("-D -f /nix/store/e-sshd_config", Some("/nix/store/e-sshd_config"), "prohibit-password"),
            ("-D -f none", None, "prohibit-password"),
        ] {
            let unit = format!("[Service]\nExecStart=/x/bin/sshd {arguments}\n");
            let sshd = Sshd::of(&Made::of(&[(UNIT, &unit), config]).system()).unwrap();
            assert_eq!(
                (sshd.unread_config.as_ref().map(Unread::file), sshd.permit_root_login().as_str()),
                (missing, permit)
            );
        }
    }

    #[test]
    fn options_of_the_command_line_count_before_the_configuration() {
        let unit = "[Service]\nExecStart=/x/bin/sshd -D -oPermitRootLogin=no -p 2200 -o \"PermitEmptyPasswords yes\"\n";
        let config = ("/s/etc/ssh/sshd_config", "PermitRootLogin yes\nPort 22\nPermitEmptyPasswords no\n");
        let sshd = Sshd::of(&Made::of(&[(UNIT, unit), config]).system()).unwrap();
        assert_eq!((sshd.permit_root_login().as_str(), sshd.ports()), ("no", vec![2200]));
        let empty = sshd.settings.global("permitemptypasswords").next().unwrap();
        assert_eq!(empty, ["yes"]);
    }

    #[test]
    fn an_sshd_that_starts_with_other_arguments_is_another_sshd() {
        let unit = (UNIT, "[Service]\nExecStart=/x/bin/sshd -D -f /etc/a\n");
        let wanted = ("/s/etc/systemd/system/multi-user.target.wants/rescue.service", "");
        let configs = [("/s/etc/a", "Port 22\n"), ("/s/etc/b", "Port 2222\n")];
        let shown = |sshd: &Sshd| (sshd.unit.clone().unwrap(), sshd.ports(), sshd.is_further());
        let first = ("/etc/systemd/system/sshd.service".to_owned(), vec![22], false);
        let second = |port| ("/etc/systemd/system/rescue.service".to_owned(), vec![port], true);
        for (command, others) in [
            ("/x/bin/sshd -D -f /etc/a", vec![]),
            ("/x/bin/sshd -D -f /etc/b", vec![second(2222)]),
            ("/x/bin/sshd -D -f /etc/a -p 23", vec![second(23)]),
        ] {
            let text = format!("[Service]\nExecStart={command}\n");
            let files = [unit, WANTED, ("/s/etc/systemd/system/rescue.service", &text), configs[0], configs[1]];
            let sshd = Sshd::of(&Made::of(&[&files[..], &[wanted]].concat()).system()).unwrap();
            let all: Vec<_> = sshd.all().map(shown).collect();
            assert_eq!(all, [vec![first.clone()], others].concat(), "{command}");
            // Nothing starts the second one.
            let by_hand = Sshd::of(&Made::of(&files).system()).unwrap();
            assert_eq!(by_hand.all().map(shown).collect::<Vec<_>>(), std::slice::from_ref(&first), "{command}");
        }
    }

    #[test]
    fn more_daemons_than_anyone_starts_are_over_a_limit() {
        let units: Vec<(String, String)> = (0..18)
            .flat_map(|number| {
                let folder = "/s/etc/systemd/system";
                let unit = format!("[Service]\nExecStart=/x/bin/sshd -D -p {}\n", 1000 + number);
                let wanted = format!("{folder}/multi-user.target.wants/{number:02}.service");
                [(format!("{folder}/{number:02}.service"), unit), (wanted, String::new())]
            })
            .collect();
        let tree = Made::of(&units.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect::<Vec<_>>());
        let root = tree.system();
        assert_eq!(Sshd::of(&root).unwrap().all().count(), 17);
        let over: Vec<String> = root.take_cut().iter().map(ToString::to_string).collect();
        assert_eq!(over, ["16 further units that start sshd at /s: over the limit"]);
    }

    #[test]
    fn a_masked_unit_is_no_sshd() {
        let masked = Sshd::of(&Made::of(&[(UNIT, "-> /dev/null"), WANTED]).system()).unwrap();
        assert_eq!((masked.unit, masked.starts), (None, false));
        assert_eq!(masked.obstacle, Some(Obstacle::Masked("/etc/systemd/system/sshd.service".to_owned())));
    }

    #[test]
    fn files_that_a_match_on_the_connection_brings_are_read_under_its_condition() {
        let config = "AuthorizedKeysFile /keys\nMatch User eve Address 10.0.0.0/8\nAuthorizedKeysFile /keys /more\n\
                      Match User bob\nAuthorizedKeysFile /else\n";
        let tree = Made::of(&[("/s/etc/ssh/sshd_config", config)]);
        let root = tree.system();
        let sshd = Sshd::of(&root).unwrap();
        let files = |name| {
            let files = sshd.keys(&mut KeysFiles::new(&root), &User::implied(name)).unwrap().into_iter();
            files.map(|file| (file.path, file.within.map(|within| within.to_string()))).collect::<Vec<_>>()
        };
        let plain = |path: &str| (path.to_owned(), None);
        let more = ("/more".to_owned(), Some("only under `Match User eve Address 10.0.0.0/8`".to_owned()));
        assert_eq!(files("eve"), [plain("/keys"), more]);
        assert_eq!(files("bob"), [plain("/else")]);
        assert_eq!(files("zoe"), [plain("/keys")]);
    }
}
