//! Whom sshd lets in: what its configuration decides about a user, then about a key.

use super::algorithms::{accepts, leaves_nothing};
use super::key::{CERTIFICATE, PublicKey};
use super::keys_file::{AuthorizedKey, KeysFile};
use super::lists::lists;
use super::methods::{Method, forced, methods, refused};
use super::options::{Options, Wrong};
use super::revoked::Revoked;
use super::settings::Settings;
use super::sshd::{Sshd, is_of_image};
use crate::nixos::answer::{Answer, Cause, Caused, Condition, Doubt, Refusal};
use crate::nixos::users::{User, Users};
use crate::store::version;

/// What sshd decides about a user before it looks at a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entrance {
    /// The answer for any key, from the configuration alone.
    keys: Answer,
    /// The argument of `AuthorizedKeysCommand`. The command may return keys that are not in the files.
    command: Option<Caused<Doubt>>,
    /// The line with `PermitRootLogin forced-commands-only`: only keys with a command let root in.
    commands_only: Option<Cause>,
    /// The argument of `PubkeyAcceptedAlgorithms`.
    algorithms: Option<Caused<String>>,
    /// Whether that list leaves no algorithm at all.
    no_algorithms: bool,
    /// The list of revoked keys.
    revoked: Option<(Caused<String>, Revoked)>,
    /// The minimum length of RSA keys (`RequiredRSASize`).
    least_bits: Option<Caused<usize>>,
    /// Whether sshd accepts DSA keys by default, as it did up to OpenSSH 6.9 (release notes of 7.0, 2015).
    takes_dsa: bool,
}

/// sshd refuses shorter RSA keys whatever `RequiredRSASize` says (OpenSSH, SSH_RSA_MINIMUM_MODULUS_SIZE).
const LEAST_BITS: usize = 1024;

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
    /// Whether the key lets the user in. Its file may be set only by a `Match` block.
    #[must_use]
    pub fn judge(&self, key: &AuthorizedKey, file: &KeysFile) -> Answer {
        let line = key.cause();
        let options = match of_line(key) {
            Ok(options) => options,
            // A mistake in the line itself is a mistake under every `Match`.
            Err(refusal) => return Answer::denied(Caused::by(refusal, line)),
        };
        let mut answer = self.keys.clone();
        let of_file = file.refusal.clone().map(Caused::by_default);
        answer.refusal = answer.refusal.or(of_file).or_else(|| self.of_key(&key.line.key)).or_else(|| {
            let cause = self.commands_only.clone().filter(|_| options.command.is_none())?;
            Some(Caused::by(Refusal::CommandsOnly, cause))
        });
        answer.conditions.extend(file.within.clone());
        answer.conditions.extend(options.conditions().map(|condition| Caused::by(condition, line.clone())));
        self.revoke(&key.line.key, &mut answer);
        answer
    }

    /// Takes revoked keys into account.
    fn revoke(&self, key: &PublicKey, answer: &mut Answer) {
        let Some((Caused { what: file, cause }, list)) = &self.revoked else { return };
        let file = file.clone();
        let refusal = match list {
            Revoked::Missing if is_of_image(&file) || !file.starts_with('/') => Refusal::NoRevokedKeys(file),
            Revoked::Broken(line) => Refusal::BrokenRevokedKeys { file, line: *line },
            Revoked::BrokenKrl => Refusal::BrokenKrl(file),
            Revoked::Keys(keys) if keys.contains(key) => Refusal::Revoked(file),
            Revoked::Krl(list) if list.lists(key) == Some(true) => Refusal::Revoked(file),
            Revoked::Krl(list) if list.lists(key) == Some(false) => return,
            Revoked::Keys(_) => return,
            Revoked::Missing | Revoked::Unread | Revoked::Krl(_) => {
                answer.conditions.push(Caused { what: Condition::NotRevoked(file), cause: cause.clone() });
                return;
            }
        };
        answer.refusal.get_or_insert(Caused { what: refusal, cause: cause.clone() });
    }

    /// Takes revoked authorities into account. The keys of certificates may be revoked as well.
    fn revoke_signer(&self, key: &PublicKey, answer: &mut Answer) {
        self.revoke(key, answer);
        if let Some((Caused { what: file, cause }, list)) = &self.revoked
            && answer.opens()
            && list.may_revoke_certificates_of(key)
        {
            answer.conditions.push(Caused { what: Condition::NotRevoked(file.clone()), cause: cause.clone() });
        }
    }

    /// Whether `PubkeyAcceptedAlgorithms` leaves no algorithm.
    pub(super) fn accepts_nothing(&self) -> bool {
        self.no_algorithms
    }

    /// Whether certificates of an authority listed in a key file let the user in.
    pub(super) fn judge_authority(&self, key: &AuthorizedKey, options: &Options, file: &KeysFile) -> Answer {
        let line = key.cause();
        if let Some(refusal) = options.refusal() {
            return Answer::denied(Caused::by(refusal, line));
        }
        let mut answer = match options.command {
            Some(_) => self.keys.clone(),
            None => self.of_certificate(),
        };
        answer.conditions.extend(file.within.clone());
        answer.conditions.extend(options.conditions().map(|condition| Caused::by(condition, line.clone())));
        answer.refusal = answer.refusal.or_else(|| file.refusal.clone().map(Caused::by_default));
        self.revoke_signer(&key.line.key, &mut answer);
        answer
    }

    /// Whether certificates of an authority of `TrustedUserCAKeys` let the user in.
    pub(super) fn judge_signer(&self, key: &AuthorizedKey) -> Answer {
        let mut answer = self.of_certificate();
        self.revoke_signer(&key.line.key, &mut answer);
        answer
    }

    /// The answer for certificates. A certificate may have a command of its own.
    fn of_certificate(&self) -> Answer {
        let mut answer = self.keys.clone();
        let commanded = self.commands_only.clone().map(|cause| Caused::by(Condition::CertificateCommand, cause));
        answer.conditions.extend(commanded);
        answer
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
        if let Some(Caused { what, cause }) = self.algorithms.as_ref().filter(|_| self.no_algorithms) {
            return Some(Caused { what: Refusal::NoAlgorithm(what.clone()), cause: cause.clone() });
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

/// The options of a key's line, or why the line itself makes sshd refuse the key.
fn of_line(key: &AuthorizedKey) -> Result<Options, Refusal> {
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
    match options.refusal() {
        Some(refusal) => Err(refusal),
        None => Ok(options),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::key::KeyLine;
    use super::*;
    use crate::nixos::made::Made;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII7ljl4JdLSt+CD7YkmrwvG1TaPi0sfs9pBOFKBqfUvP";

    /// The result for root's key with these options under this configuration.
    fn judge(config: &str, options: &str) -> Result<String, String> {
        judge_line(&[("/s/etc/ssh/sshd_config", config)], &format!("{options} {KEY}"))
    }

    /// The result for this line of root's in a system with these files.
    fn judge_line(files: &[(&str, &str)], line: &str) -> Result<String, String> {
        let unit = ("/s/etc/systemd/system/sshd.service", "[Service]\nExecStart=/x/bin/sshd -D\n");
        let files = [&[unit], files].concat();
        let sshd = Sshd::of(&Made::of(&files).system()).unwrap();
        let groups = Some(vec!["root".to_owned(), "wheel".to_owned()]);
        let root = User { uid: Some(0), groups, ..User::implied("root") };
        let users = Users { known: true, list: vec![root.clone()] };
        let line = KeyLine::parse(line).unwrap().unwrap();
        let key = AuthorizedKey { line: Arc::new(line), number: 1, file: b"/keys".as_slice().into() };
        let file = KeysFile {
            path: String::new(),
            keys: None,
            within: None,
            refusal: None,
            untold: false,
            writers: Vec::new(),
        };
        let answer = sshd.entrance(&users, &root).judge(&key, &file);
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
            (
                "Match all\nPubkeyAcceptedAlgorithms -*",
                "sshd accepts no keys: PubkeyAcceptedAlgorithms -* leaves no algorithm",
            ),
            (
                "RevokedKeys /etc/ssh/revoked",
                "sshd refuses every key: RevokedKeys /etc/ssh/revoked is not in the image",
            ),
            ("Match User root\nRevokedKeys none", "sshd refuses every key: RevokedKeys none is not in the image"),
            (
                "Match User root\nAuthenticationMethods publickey any",
                "sshd ends the connection: AuthenticationMethods publickey any has any beside lists",
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
            ("RevokedKeys /run/revoked", "", "unless RevokedKeys /run/revoked lists the key"),
            ("RevokedKeys none", "", ""),
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
    fn a_krl_refuses_what_it_revokes_and_every_key_if_it_is_malformed() {
        let listed = format!("\0\0\0\x0bssh-ed25519\0\0\0\x20{}", "a".repeat(32));
        let line = format!("ssh-ed25519 {}", data_encoding::BASE64.encode(listed.as_bytes()));
        let header = format!("SSHKRL\n\0\0\0\0\x01{}", "\0".repeat(32));
        let whole = format!("{header}\x02\0\0\0\x37\0\0\0\x33{listed}");
        let sha1 = format!("{header}\x03\0\0\0\x18\0\0\0\x14{}", "a".repeat(20));
        let judged = |list: &str, line| {
            let config = ("/s/etc/ssh/sshd_config", "RevokedKeys /etc/ssh/krl\n");
            judge_line(&[config, ("/s/etc/ssh/krl", list)], line)
        };
        let malformed = Err("sshd refuses every key: RevokedKeys /etc/ssh/krl is a malformed KRL".to_owned());
        assert_eq!(judged(&header, &line), Ok(String::new()));
        assert_eq!(judged(&whole, &line), Err("RevokedKeys /etc/ssh/krl lists the key".to_owned()));
        assert_eq!(judged(&whole, KEY), Ok(String::new()));
        assert_eq!(judged(&sha1, KEY), Ok("unless RevokedKeys /etc/ssh/krl lists the key".to_owned()));
        assert_eq!(judged(whole.trim_end_matches('a'), KEY), malformed);
    }

    #[test]
    fn a_unit_that_leads_nowhere_is_not_taken_for_none() {
        let unit = ("/s/etc/systemd/system/sshd.service", "-> /nix/store/e-unit-sshd/sshd.service");
        let sshd = Sshd::of(&Made::of(&[unit]).system()).unwrap();
        let why = "sshd cannot start: /etc/systemd/system/sshd.service links to /nix/store/e-unit-sshd/sshd.service, which is not in the image";
        assert_eq!(sshd.absent(&Users::default(), "root").unwrap().to_string(), why);
    }
}
