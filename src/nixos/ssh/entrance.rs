//! Whom sshd lets in: what its configuration decides about a user, before anybody shows a key.

use super::algorithms::leaves_nothing;
use super::lists::lists;
use super::methods::{Method, forced, methods, refused};
use super::revoked::Revoked;
use super::settings::Settings;
use super::sshd::Sshd;
use crate::nixos::answer::{Answer, Cause, Caused, Condition, Doubt, Refusal};
use crate::nixos::users::{User, Users};
use crate::store::version;

/// What sshd decides about a user before it looks at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The answer for any key, from the configuration alone.
    pub(super) keys: Answer,
    /// The argument of `AuthorizedKeysCommand`. The command may return keys that are not in the files.
    command: Option<Caused<Doubt>>,
    /// The line with `PermitRootLogin forced-commands-only`: only keys with a command let root in.
    pub(super) commands_only: Option<Cause>,
    /// The argument of `PubkeyAcceptedAlgorithms`.
    pub(super) algorithms: Option<Caused<String>>,
    /// Whether that list leaves no algorithm at all.
    pub(super) no_algorithms: bool,
    /// The list of revoked keys.
    pub(super) revoked: Option<(Caused<String>, Revoked)>,
    /// The minimum length of RSA keys (`RequiredRSASize`).
    pub(super) least_bits: Option<Caused<usize>>,
    /// Whether sshd accepts DSA keys by default, as it did up to OpenSSH 6.9 (release notes of 7.0, 2015).
    pub(super) takes_dsa: bool,
}

/// sshd refuses shorter RSA keys whatever `RequiredRSASize` says (OpenSSH, SSH_RSA_MINIMUM_MODULUS_SIZE).
pub(super) const LEAST_BITS: usize = 1024;

/// The keywords that decide whether sshd lets a user in with a key.
const DECIDING: [&str; 14] = [
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeysfile",
    "denygroups",
    "denyusers",
    "forcecommand",
    "maxauthtries",
    "pamservicename",
    "permitrootlogin",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "refuseconnection",
    "revokedkeys",
];

impl Sshd {
    /// What sshd decides about the user.
    #[must_use]
    pub fn entrance(&self, users: &Users, user: &User) -> Entrance {
        let settings = self.settings.settings(user);
        let root = user.is_root();
        let mut conditions: Vec<Caused<Condition>> = self.through().into_iter().collect();
        let absent = self.absent(users, &user.name).or_else(|| {
            // Without PAM, sshd itself checks for the `!` of a locked account.
            let locked = user.password.disabled && !settings.says("usepam", "yes") && self.unread_config.is_none();
            locked.then(|| settings.caused(Refusal::LockedAccount(user.name.clone()), "usepam"))
        });
        // No `Match` changes the absence of sshd, of the user, or of PAM.
        let is_absent = absent.is_some();
        let (unread, unknown) = self.without_config().filter(|_| !is_absent).unzip();
        let refusal = absent
            .or(unread)
            .or_else(|| {
                let off = settings.says("pubkeyauthentication", "no");
                off.then(|| settings.caused(Refusal::KeysOff, "pubkeyauthentication"))
            })
            .or_else(|| {
                let off = root && settings.says("permitrootlogin", "no");
                off.then(|| settings.caused(Refusal::RootOff(user.name.clone()), "permitrootlogin"))
            })
            .or_else(|| refused(&settings))
            .or_else(|| methods(&settings, Method::Key, &mut conditions))
            .or_else(|| lists(&settings, user, &mut conditions));
        conditions.extend(forced(&settings));
        let deciding = DECIDING.into_iter().filter(|keyword| match *keyword {
            _ if is_absent => false,
            "permitrootlogin" => root,
            "pamservicename" => settings.says("usepam", "yes"),
            _ => true,
        });
        let doubts = unknown.into_iter().chain(settings.doubts(deciding)).collect();
        let commands_only = root && settings.says("permitrootlogin", "forced-commands-only");
        let command = keys_command(&settings);
        Entrance {
            keys: Answer { refusal, conditions, doubts },
            command: command.filter(|_| !is_absent),
            commands_only: settings.line("permitrootlogin").filter(|_| commands_only).map(|line| line.cause.clone()),
            algorithms: settings
                .first("pubkeyacceptedalgorithms")
                .map(|list| settings.caused(list.to_owned(), "pubkeyacceptedalgorithms")),
            no_algorithms: settings.line("pubkeyacceptedalgorithms").is_some_and(|line| {
                line.block.is_some() && line.arguments.first().is_some_and(|list| leaves_nothing(list))
            }),
            revoked: settings.file("revokedkeys").map(|file| {
                let list = self.revoked.get(file).cloned().unwrap_or(Revoked::Unread);
                (settings.caused(file.to_owned(), "revokedkeys"), list)
            }),
            least_bits: settings
                .first("requiredrsasize")
                .and_then(|bits| bits.parse().ok())
                .map(|bits: usize| settings.caused(bits.max(LEAST_BITS), "requiredrsasize")),
            takes_dsa: self.version.as_ref().is_none_or(|own| version::compare(own, "7").is_lt()),
        }
    }
}

/// The program that sshd asks for keys, or may ask on some connections.
fn keys_command(settings: &Settings<'_>) -> Option<Caused<Doubt>> {
    let keyword = "authorizedkeyscommand";
    let is_program = |command: &&str| !command.eq_ignore_ascii_case("none");
    let always = settings.first(keyword).filter(is_program);
    let always = always.map(|command| settings.caused(Doubt::KeysCommand(command.to_owned()), keyword));
    always.or_else(|| {
        settings.perhaps(keyword).find_map(|(line, _)| {
            let command = line.arguments.first().filter(|command| is_program(&command.as_str()))?;
            Some(Caused::by(Doubt::KeysCommand(command.clone()), line.cause.clone()))
        })
    })
}

impl Entrance {
    /// The answer for any key or certificate, from the configuration alone.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.keys
    }

    /// The command that may return keys that are not in the files. `None` if no key lets the user in.
    #[must_use]
    pub fn command(&self) -> Option<&Caused<Doubt>> {
        self.command.as_ref().filter(|_| self.keys.opens())
    }

    /// Doubts that matter when a key is in no file: it may be accepted after all.
    pub fn doubts_of_absence(&self) -> impl Iterator<Item = &Caused<Doubt>> {
        self.keys.doubts.iter().chain(&self.command)
    }
}
