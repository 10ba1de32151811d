//! Whom sshd lets in: what its configuration says of a user, and then of a key.

use std::net::IpAddr;

use super::algorithms::accepts;
use super::config::Settings;
use super::daemon::Obstacle;
use super::key::{CERTIFICATE, PublicKey};
use super::keys_file::AuthorizedKey;
use super::options::{Options, Wrong};
use super::password::PasswordMethod;
use super::pattern::fits;
use super::sshd::Sshd;
use crate::nixos::answer::{Answer, Cause, Caused, Condition, Doubt, Refusal};
use crate::nixos::users::{User, Users};
use crate::store::version;

/// What sshd decides about a user before it looks at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The answer for any key, by the configuration alone.
    keys: Answer,
    /// The argument of `AuthorizedKeysCommand`, which may know more keys than the files.
    command: Option<Caused<Doubt>>,
    /// The line that says `PermitRootLogin forced-commands-only`: only keys with a command open.
    commands_only: Option<Cause>,
    /// The argument of `PubkeyAcceptedAlgorithms`.
    algorithms: Option<Caused<String>>,
    /// `RevokedKeys` may list the key.
    revoked: Option<Caused<Condition>>,
    /// The least length of RSA keys (`RequiredRSASize`).
    least_bits: Option<Caused<usize>>,
    /// Whether sshd accepts DSA keys by default, as it did up to OpenSSH 6.9 (release notes of 7.0, 2015).
    takes_dsa: bool,
}

/// RSA keys of fewer bits are refused whatever `RequiredRSASize` says (OpenSSH, SSH_RSA_MINIMUM_MODULUS_SIZE).
const LEAST_BITS: usize = 1024;

/// The keywords that decide whether sshd lets a user in with a key.
const DECIDING: [&str; 12] = [
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeysfile",
    "denygroups",
    "denyusers",
    "forcecommand",
    "maxauthtries",
    "permitrootlogin",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "refuseconnection",
];

impl Sshd {
    /// What sshd decides about the user.
    #[must_use]
    pub fn entrance(&self, users: &Users, user: &User) -> Entrance {
        let settings = self.settings.settings(user);
        let root = user.is_root();
        let mut conditions = Vec::new();
        let absent = self.absent(users, &user.name).or_else(|| {
            // Without PAM, sshd itself looks for the `!` of a locked account.
            let locked = user.password.disabled && !settings.says("usepam", "yes");
            locked.then(|| settings.caused(Refusal::LockedAccount(user.name.clone()), "usepam"))
        });
        // No `Match` changes that there is no sshd, no such user, or no PAM.
        let is_absent = absent.is_some();
        let (unread, unknown) = self.unread_config().filter(|_| !is_absent).unzip();
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
        let deciding = DECIDING.into_iter().filter(|keyword| !is_absent && (root || *keyword != "permitrootlogin"));
        let doubts = unknown.into_iter().chain(settings.doubts(deciding)).collect();
        let named = |keyword| {
            let value = settings.first(keyword).filter(|value| !value.eq_ignore_ascii_case("none"));
            value.map(str::to_owned)
        };
        let commands_only = root && settings.says("permitrootlogin", "forced-commands-only");
        let perhaps = settings.perhaps("authorizedkeyscommand").find_map(|(line, _)| {
            let command = line.arguments.first().filter(|command| !command.eq_ignore_ascii_case("none"))?;
            Some(Caused::by(Doubt::KeysCommand(command.clone()), line.cause.clone()))
        });
        let command = named("authorizedkeyscommand")
            .map(|command| settings.caused(Doubt::KeysCommand(command), "authorizedkeyscommand"))
            .or(perhaps);
        Entrance {
            keys: Answer { refusal, conditions, doubts },
            command: command.filter(|_| !is_absent),
            commands_only: settings.line("permitrootlogin").filter(|_| commands_only).map(|line| line.cause.clone()),
            algorithms: settings
                .first("pubkeyacceptedalgorithms")
                .map(|list| settings.caused(list.to_owned(), "pubkeyacceptedalgorithms")),
            revoked: named("revokedkeys").map(|file| settings.caused(Condition::NotRevoked(file), "revokedkeys")),
            least_bits: settings
                .first("requiredrsasize")
                .and_then(|bits| bits.parse().ok())
                .map(|bits: usize| settings.caused(bits.max(LEAST_BITS), "requiredrsasize")),
            takes_dsa: self.version.as_ref().is_none_or(|own| version::compare(own, "7").is_lt()),
        }
    }

    /// Why sshd lets in nobody of that name, whatever the configuration says.
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
}

impl Sshd {
    /// What nobody can tell if the configuration is not in the image: everything else rests on it.
    pub(super) fn unread_config(&self) -> Option<(Caused<Refusal>, Caused<Doubt>)> {
        let file = self.missing_config.clone()?;
        let cause = || self.unit.as_deref().map(|unit| Cause { path: unit.into(), line: None });
        let refusal = Caused { what: Refusal::NoConfiguration(file.clone()), cause: cause() };
        Some((refusal, Caused { what: Doubt::NoConfiguration(file), cause: cause() }))
    }
}

impl Entrance {
    /// Whether the key opens, which a file lists that perhaps only a `Match` block brings.
    #[must_use]
    pub fn judge(&self, key: &AuthorizedKey, within: Option<&Caused<Condition>>) -> Answer {
        let line = key.cause();
        match self.of_line(key, &line) {
            // What the line itself gets wrong is wrong under every `Match`.
            Err(refusal) => Answer::denied(Caused::by(refusal, line)),
            Ok(own) => {
                let mut answer = self.keys.clone();
                if answer.refusal.is_none() {
                    answer.refusal = self.of_key(&key.line.key).or_else(|| {
                        let commanded = own.iter().any(|own| matches!(own.what, Condition::Command(_)));
                        let cause = self.commands_only.as_ref().filter(|_| !commanded)?;
                        Some(Caused::by(Refusal::CommandsOnly, cause.clone()))
                    });
                }
                answer.conditions.extend(within.cloned());
                answer.conditions.extend(own);
                answer.conditions.extend(self.revoked.clone());
                answer
            }
        }
    }

    /// The conditions in the line of a key.
    fn of_line(&self, key: &AuthorizedKey, line: &Cause) -> Result<Vec<Caused<Condition>>, Refusal> {
        if key.line.key.kind.ends_with(CERTIFICATE) {
            return Err(Refusal::ListedCertificate);
        }
        let options = Options::of(&key.line.options).map_err(|wrong| match wrong {
            Wrong::Unknown(name) => Refusal::UnknownOption(name),
            Wrong::Value(name) => Refusal::OptionValue(name),
        })?;
        if options.authority {
            return Err(Refusal::Authority);
        }
        if options.principals.is_some() {
            return Err(Refusal::StrayPrincipals);
        }
        let mut conditions = Vec::new();
        if let Some(hosts) = options.from {
            if hosts.split(',').any(is_bad_network) {
                return Err(Refusal::BadHosts(hosts));
            }
            conditions.push(Condition::From(hosts));
        }
        conditions.extend(options.command.map(Condition::Command));
        if let Some(time) = options.until {
            if is_past(&time) {
                return Err(Refusal::ExpiredKey(time));
            }
            conditions.push(Condition::Until(time));
        }
        Ok(conditions.into_iter().map(|condition| Caused::by(condition, line.clone())).collect())
    }

    /// Why sshd does not accept the key, by its type and length.
    fn of_key(&self, key: &PublicKey) -> Option<Caused<Refusal>> {
        let bits = key.bits().filter(|_| key.kind == "ssh-rsa");
        let least = self.least_bits.as_ref().map_or(LEAST_BITS, |least| least.what);
        if let Some(bits) = bits.filter(|bits| *bits < least) {
            let refusal = Refusal::Short { bits, least };
            return Some(Caused {
                what: refusal,
                cause: self.least_bits.as_ref().and_then(|least| least.cause.clone()),
            });
        }
        let kind = key.kind.as_str();
        match &self.algorithms {
            Some(Caused { what, cause }) => (!accepts(what, kind)).then(|| {
                let refusal = Refusal::Algorithm { kind: kind.to_owned(), accepted: what.clone() };
                Caused { what: refusal, cause: cause.clone() }
            }),
            None => (kind == "ssh-dss" && !self.takes_dsa).then(|| Caused::by_default(Refusal::Dsa)),
        }
    }

    /// The answer for any key or certificate, as far as the configuration decides.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.keys
    }

    /// The command that may know more keys than the files, where keys let the user in at all.
    #[must_use]
    pub fn command(&self) -> Option<&Caused<Doubt>> {
        self.command.as_ref().filter(|_| self.keys.opens())
    }

    /// What may turn round that a key is in no file.
    pub fn doubts_of_absence(&self) -> impl Iterator<Item = &Caused<Doubt>> {
        self.keys.doubts.iter().chain(&self.command)
    }
}

/// Whether an entry of `from=` is a network that sshd takes for a mistake: it has bits behind its mask.
fn is_bad_network(entry: &str) -> bool {
    let Some((address, length)) = entry.trim_start_matches('!').split_once('/') else { return false };
    let (Ok(address), Ok(length)) = (address.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    let (bits, all) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    length > all || bits.trailing_zeros().min(all) < all - length
}

/// Whether the time of an `expiry-time=` is over, here and now.
fn is_past(time: &str) -> bool {
    let now = jiff::Timestamp::now().strftime("%Y%m%d%H%M%S").to_string();
    format!("{time:0<14}") <= now
}

/// What a user proves who he is with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Key,
    Password(PasswordMethod),
}

impl Method {
    /// Its name in `AuthenticationMethods`.
    fn name(self) -> &'static str {
        match self {
            Self::Key => "publickey",
            Self::Password(PasswordMethod::Password) => "password",
            Self::Password(PasswordMethod::KeyboardInteractive) => "keyboard-interactive",
        }
    }

    /// Why no list of `AuthenticationMethods` has it.
    fn missing(self, lists: String) -> Refusal {
        match self {
            Self::Key => Refusal::MethodsWithoutKeys(lists),
            Self::Password(_) => Refusal::MethodsWithoutPasswords(lists),
        }
    }
}

/// Why sshd lets nobody in (`RefuseConnection`, `MaxAuthTries`).
pub(super) fn refused(settings: &Settings<'_>) -> Option<Caused<Refusal>> {
    let refuses = settings.says("refuseconnection", "yes");
    refuses.then(|| settings.caused(Refusal::Connection, "refuseconnection")).or_else(|| {
        let none = settings.first("maxauthtries").and_then(|tries| tries.parse::<u32>().ok()) == Some(0);
        none.then(|| settings.caused(Refusal::NoTries, "maxauthtries"))
    })
}

/// The command that runs, whatever the user asks for.
pub(super) fn forced(settings: &Settings<'_>) -> Option<Caused<Condition>> {
    let words = settings.value("forcecommand")?;
    let none = words.first().is_none_or(|word| word.eq_ignore_ascii_case("none"));
    (!none).then(|| settings.caused(Condition::ForcedCommand(words.join(" ")), "forcecommand"))
}

/// Whether the method satisfies `AuthenticationMethods`, alone or with others.
pub(super) fn methods(
    settings: &Settings<'_>,
    method: Method,
    conditions: &mut Vec<Caused<Condition>>,
) -> Option<Caused<Refusal>> {
    let lists = settings.value("authenticationmethods")?;
    // A method may name a device: `keyboard-interactive:pam`.
    let is_wanted = |word: &str| {
        let name = word.split(':').next().unwrap_or(word);
        name.eq_ignore_ascii_case(method.name())
    };
    if lists.iter().any(|list| is_wanted(list) || list.eq_ignore_ascii_case("any")) {
        return None;
    }
    let Some(list) = lists.iter().find(|list| list.split(',').any(is_wanted)) else {
        return Some(settings.caused(method.missing(lists.join(" ")), "authenticationmethods"));
    };
    conditions.push(settings.caused(Condition::Together(list.clone()), "authenticationmethods"));
    None
}

/// The four lists, in the order in which sshd asks them.
pub(super) fn lists(
    settings: &Settings<'_>,
    user: &User,
    conditions: &mut Vec<Caused<Condition>>,
) -> Option<Caused<Refusal>> {
    users(settings, user, conditions).or_else(|| groups(settings, user, conditions))
}

/// `DenyUsers` and `AllowUsers`.
fn users(settings: &Settings<'_>, user: &User, conditions: &mut Vec<Caused<Condition>>) -> Option<Caused<Refusal>> {
    let name = &user.name;
    let (denied, allowed) = (settings.values("denyusers"), settings.values("allowusers"));
    let plain = |(pattern, _): &&(&str, &Cause)| !pattern.contains('@') && fits(pattern, name);
    // `user@host` decides for some hosts.
    let from =
        |(pattern, _): &&(&str, &Cause)| pattern.rsplit_once('@').is_some_and(|(pattern, _)| fits(pattern, name));
    if let Some((_, cause)) = denied.iter().find(plain) {
        return Some(Caused::by(Refusal::DenyUsers(name.clone()), (*cause).clone()));
    }
    if let Some((pattern, cause)) = denied.iter().find(from) {
        conditions.push(Caused::by(Condition::NotFromHosts((*pattern).to_owned()), (*cause).clone()));
    }
    if allowed.is_empty() || allowed.iter().any(|pattern| plain(&pattern)) {
        return None;
    }
    let Some((pattern, cause)) = allowed.iter().find(from) else {
        return Some(settings.caused(Refusal::AllowUsers(name.clone()), "allowusers"));
    };
    conditions.push(Caused::by(Condition::OnlyFromHosts((*pattern).to_owned()), (*cause).clone()));
    None
}

/// `DenyGroups` and `AllowGroups`.
fn groups(settings: &Settings<'_>, user: &User, conditions: &mut Vec<Caused<Condition>>) -> Option<Caused<Refusal>> {
    let (denied, allowed) = (settings.values("denygroups"), settings.values("allowgroups"));
    let (_, first) = denied.first().or(allowed.first())?;
    let Some(groups) = &user.groups else {
        conditions.push(Caused::by(Condition::UnlistedGroups, (*first).clone()));
        return None;
    };
    let member = |(pattern, _): &&(&str, &Cause)| groups.iter().any(|group| fits(pattern, group));
    if let Some((_, cause)) = denied.iter().find(member) {
        return Some(Caused::by(Refusal::DenyGroups(user.name.clone()), (*cause).clone()));
    }
    let shut_out = !allowed.is_empty() && !allowed.iter().any(|pattern| member(&pattern));
    shut_out.then(|| settings.caused(Refusal::AllowGroups(user.name.clone()), "allowgroups"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::key::KeyLine;
    use super::*;
    use crate::nixos::made::Made;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

    /// What becomes of root's key with these options under this configuration.
    fn judge(config: &str, options: &str) -> Result<String, String> {
        let unit = ("/s/etc/systemd/system/sshd.service", "[Service]\nExecStart=/x/bin/sshd -D\n");
        let sshd = Sshd::of(&Made::of(&[unit, ("/s/etc/ssh/sshd_config", config)]).system()).unwrap();
        let groups = Some(vec!["root".to_owned(), "wheel".to_owned()]);
        let root = User { uid: Some(0), groups, ..User::implied("root") };
        let users = Users { known: true, list: vec![root.clone()] };
        let line = KeyLine::parse(&format!("{options} {KEY}")).unwrap().unwrap();
        let key = AuthorizedKey { line: Arc::new(line), number: 1, file: b"/keys".as_slice().into() };
        let answer = sshd.entrance(&users, &root).judge(&key, None);
        answer.refused().map_or_else(|| Ok(answer.phrases().join("; ")), Err)
    }

    #[test]
    fn each_keyword_that_shuts_root_out_does() {
        for (config, refusal) in [
            ("PubkeyAuthentication no", "sshd does not accept keys (PubkeyAuthentication no)"),
            ("PermitRootLogin no", "sshd does not let root in (PermitRootLogin no)"),
            ("Match User root\nRefuseConnection yes", "sshd refuses the connection (RefuseConnection yes)"),
            (
                "PermitRootLogin forced-commands-only",
                "sshd lets root in only to run a command, and the line has none (PermitRootLogin forced-commands-only)",
            ),
            ("AllowUsers eve nix*", "sshd does not let root in (not in AllowUsers)"),
            ("DenyUsers r*", "sshd does not let root in (DenyUsers)"),
            ("AllowGroups users", "sshd does not let root in (in no group of AllowGroups)"),
            ("DenyGroups wheel", "sshd does not let root in (DenyGroups)"),
            ("AuthenticationMethods password", "sshd does not accept keys (AuthenticationMethods password)"),
            (
                "PubkeyAcceptedKeyTypes rsa-*,ssh-rsa",
                "sshd does not accept ssh-ed25519 keys (PubkeyAcceptedAlgorithms rsa-*,ssh-rsa)",
            ),
            ("Match Group wheel\nPermitRootLogin no", "sshd does not let root in (PermitRootLogin no)"),
            (
                "PermitRootLogin no\nMatch Address 10.0.0.0/8\nPermitRootLogin yes",
                "sshd does not let root in (PermitRootLogin no); a `Match Address` block may say otherwise",
            ),
        ] {
            assert_eq!(judge(config, ""), Err(refusal.to_owned()), "{config}");
        }
        for (options, refusal) in [
            ("no-ptty", "sshd ignores the line: unknown option no-ptty"),
            ("principals=\"ops\"", "sshd ignores the line: principals= without cert-authority"),
            ("command=true", "sshd ignores the line: bad value or repeated option command"),
            ("expiry-time=\"20200101\"", "the key has expired (expiry-time=\"20200101\" in its line)"),
            (
                "from=\"10.1.2.3/8\"",
                "sshd ignores the line: from=\"10.1.2.3/8\" has a network with bits after its mask",
            ),
            (
                "cert-authority",
                "the line says cert-authority: it lets in keys that this key signed, not the key itself",
            ),
        ] {
            assert_eq!(judge("", options), Err(refusal.to_owned()), "{options}");
        }
    }

    #[test]
    fn what_the_image_cannot_tell_is_a_condition() {
        for (config, options, conditions) in [
            ("", "", ""),
            ("AllowGroups wh*\nDenyUsers eve", "restrict", ""),
            ("PermitRootLogin forced-commands-only", "command=\"ls\"", "only to run \"ls\" (command= in its line)"),
            ("ForceCommand internal-sftp -R", "", "only to run \"internal-sftp -R\" (ForceCommand)"),
            ("RevokedKeys /etc/ssh/revoked", "", "unless RevokedKeys /etc/ssh/revoked lists the key"),
            ("AuthenticationMethods password publickey", "", ""),
            (
                "AuthenticationMethods publickey,password",
                "",
                "only together with the rest of AuthenticationMethods publickey,password",
            ),
            ("Match Address 10.0.0.0/8\nPermitRootLogin no", "", "a `Match Address` block may say otherwise"),
            ("Match Address 10.0.0.0/8\nX11Forwarding no", "", ""),
            ("AllowUsers root@10.0.0.1", "", "only from hosts in AllowUsers root@10.0.0.1"),
            ("", "from=\"10.0.0.1\"", "only from \"10.0.0.1\" (from= in its line)"),
            ("", "expiry-time=\"20990101\"", "only until 20990101 (expiry-time= in its line)"),
            ("Match Address 10.0.0.0/8\nAuthorizedKeysFile /else", "", "a `Match Address` block may say otherwise"),
        ] {
            assert_eq!(judge(config, options), Ok(conditions.to_owned()), "{config} {options}");
        }
    }

    #[test]
    fn a_unit_that_leads_nowhere_is_not_taken_for_none() {
        let unit = ("/s/etc/systemd/system/sshd.service", "-> /nix/store/e-unit-sshd/sshd.service");
        let sshd = Sshd::of(&Made::of(&[unit]).system()).unwrap();
        let why = "sshd cannot start: /etc/systemd/system/sshd.service links to /nix/store/e-unit-sshd/sshd.service, which is not in the image";
        assert_eq!(sshd.absent(&Users::default(), "root").unwrap().to_string(), why);
    }
}
