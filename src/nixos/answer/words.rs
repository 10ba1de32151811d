//! How answers read in English.

use std::fmt::{self, Display, Formatter};

use super::{Answer, Cause, Caused, Condition, Doubt, Refusal, Unread, Verdict};

impl Verdict {
    /// Its name in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

impl Display for Cause {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(out, "{}:{line}", self.path),
            None => out.write_str(&self.path),
        }
    }
}

impl<T: Display> Display for Caused<T> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.what.fmt(out)
    }
}

impl Display for Unread {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(file) => write!(out, "{file}, which is not in the image"),
            Self::OverLimit(file) => write!(out, "{file}, which is over a limit"),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(hosts) => write!(out, "only from {hosts:?} (from= in its line)"),
            Self::Until(time) => write!(out, "only until {time} (expiry-time= in its line)"),
            Self::AccountUntil(day) => write!(out, "only before {day}, when the account expires"),
            Self::Command(command) => write!(out, "only to run {command:?} (command= in its line)"),
            Self::ForcedCommand(command) => write!(out, "only to run {command:?} (ForceCommand)"),
            Self::Together(list) => write!(out, "only together with the rest of AuthenticationMethods {list}"),
            Self::NotFromHosts(pattern) => write!(out, "not from hosts in DenyUsers {pattern}"),
            Self::OnlyFromHosts(pattern) => write!(out, "only from hosts in AllowUsers {pattern}"),
            Self::Within(criteria) => write!(out, "only under `Match {criteria}`"),
            Self::CertificateCommand => {
                out.write_str("only with a certificate that has a command (PermitRootLogin forced-commands-only)")
            }
            Self::UnlistedGroups => {
                out.write_str("unless AllowGroups or DenyGroups say otherwise: the image does not list groups")
            }
            Self::NotRevoked(file) => write!(out, "unless RevokedKeys {file} lists the key"),
            Self::Rule(condition) => condition.fmt(out),
            Self::NoShell(shell) => write!(out, "no shell ({shell}); port forwarding and sftp work"),
            Self::Holds(condition) => write!(out, "only if {condition} holds"),
            Self::Through { unit, ports } => {
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                let word = if ports.len() == 1 { "port" } else { "ports" };
                write!(out, "only through the sshd of {unit}")?;
                if ports.is_empty() { Ok(()) } else { write!(out, " on {word} {}", ports.join(", ")) }
            }
            Self::OfUnit(condition) => write!(out, "only if sshd starts, which needs {condition}"),
            Self::StartedByHand => out.write_str("once somebody starts sshd: nothing does at boot"),
        }
    }
}

impl Display for Refusal {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSshd => out.write_str("there is no sshd in this system (services.openssh.enable)"),
            Self::Masked(unit) => write!(out, "sshd cannot start: {unit} is masked"),
            Self::Dangling { unit, missing } => {
                write!(out, "sshd cannot start: {unit} links to {missing}, which is not in the image")
            }
            Self::NoCommand(unit) => write!(out, "sshd cannot start: {unit} has no command that runs it"),
            Self::NoConfiguration(file) => write!(out, "sshd reads {file}"),
            Self::Broken(mistake) => write!(out, "sshd does not start with its configuration: {mistake}"),
            Self::NoUser(name) => write!(out, "there is no user {name} in this system"),
            Self::NoAccount { user, file } => {
                write!(out, "userborn does not make the account {user}: {file} is not in the image")
            }
            Self::Expired(day) => write!(out, "the account expired on {day}"),
            Self::KeysOff => out.write_str("sshd does not accept keys (PubkeyAuthentication no)"),
            Self::PasswordsOff => out.write_str("sshd does not accept passwords (PasswordAuthentication no)"),
            Self::EmptyPasswordsOff => out.write_str("sshd does not accept empty passwords (PermitEmptyPasswords no)"),
            Self::RootOff(user) => write!(out, "sshd does not let {user} in (PermitRootLogin no)"),
            Self::RootPassword { user, permit } => {
                write!(out, "sshd does not let {user} in with a password (PermitRootLogin {permit})")
            }
            Self::CommandsOnly => out.write_str(
                "sshd lets root in only to run a command, and the line has none (PermitRootLogin forced-commands-only)",
            ),
            Self::Connection => out.write_str("sshd refuses the connection (RefuseConnection yes)"),
            Self::MethodsWithoutKeys(lists) => write!(out, "sshd does not accept keys (AuthenticationMethods {lists})"),
            Self::MethodsWithoutPasswords(lists) => {
                write!(out, "sshd does not accept passwords (AuthenticationMethods {lists})")
            }
            Self::NoTries => out.write_str("sshd lets nobody try (MaxAuthTries 0)"),
            Self::LockedAccount(user) => {
                write!(
                    out,
                    "sshd does not let {user} in: a `!` locks the account, and sshd works without PAM (UsePAM no)"
                )
            }
            Self::DenyUsers(user) => write!(out, "sshd does not let {user} in (DenyUsers)"),
            Self::AllowUsers(user) => write!(out, "sshd does not let {user} in (not in AllowUsers)"),
            Self::DenyGroups(user) => write!(out, "sshd does not let {user} in (DenyGroups)"),
            Self::AllowGroups(user) => write!(out, "sshd does not let {user} in (in no group of AllowGroups)"),
            Self::Algorithm { kind, accepted } => {
                write!(out, "sshd does not accept {kind} keys (PubkeyAcceptedAlgorithms {accepted})")
            }
            Self::Dsa => out.write_str("OpenSSH 7.0 and later do not accept ssh-dss keys"),
            Self::ListedCertificate => out.write_str("sshd does not accept certificates in a file of keys"),
            Self::Authority => {
                out.write_str("the line says cert-authority: it lets in keys that this key signed, not the key itself")
            }
            Self::StrayPrincipals => out.write_str("sshd ignores the line: principals= without cert-authority"),
            Self::UnknownOption(name) => write!(out, "sshd ignores the line: unknown option {name}"),
            Self::OptionValue(name) => write!(out, "sshd ignores the line: bad value or repeated option {name}"),
            Self::BadHosts(hosts) => {
                write!(out, "sshd ignores the line: from={hosts:?} has a network with bits after its mask")
            }
            Self::ExpiredKey(time) => write!(out, "the key has expired (expiry-time={time:?} in its line)"),
            Self::Short { bits, least } => {
                write!(out, "sshd does not accept RSA keys of {bits} bits, only from {least} on")
            }
            Self::NoAlgorithm(list) => {
                write!(out, "sshd accepts no keys: PubkeyAcceptedAlgorithms {list} leaves no algorithm")
            }
            Self::BadMethods(lists) => {
                write!(out, "sshd ends the connection: AuthenticationMethods {lists} has any beside lists")
            }
            Self::Revoked(file) => write!(out, "RevokedKeys {file} lists the key"),
            Self::NoRevokedKeys(file) => {
                write!(out, "sshd refuses every key: RevokedKeys {file} is not in the image")
            }
            Self::BrokenRevokedKeys { file, line } => {
                write!(out, "sshd refuses every key: line {line} of RevokedKeys {file} is no key")
            }
            Self::BrokenKrl(file) => {
                write!(out, "sshd refuses every key: RevokedKeys {file} is a malformed KRL")
            }
            Self::UnreadableKeys { file, mode } => {
                write!(out, "sshd cannot read {file} as the user: its mode is {mode:04o} and it belongs to another")
            }
            Self::LooseMode { file, path } => {
                write!(out, "sshd ignores {file}: others than the owner may write to {path}")
            }
            Self::ForeignOwner { file, path } => {
                write!(out, "sshd ignores {file}: {path} belongs to neither root nor the user")
            }
            Self::NoPassword => out.write_str("no password"),
            Self::BrokenHash => out.write_str("no password has such a hash"),
            Self::Locked => out.write_str("the password is locked"),
            Self::EmptyOnConsole => out.write_str("the console does not accept empty passwords"),
            Self::EmptyByPam => out.write_str("PAM does not let sshd accept empty passwords"),
            Self::Pam(module) => write!(out, "PAM refuses the user ({module})"),
            Self::KeyboardInteractiveOff(line) => write!(out, "sshd does not offer keyboard-interactive ({line})"),
            Self::NoKey => out.write_str("no key"),
            Self::NoAuthority => out.write_str("no certificate authority"),
            Self::MissingShell(shell) => write!(out, "the shell {shell} is not in the image"),
            Self::Shell(shell) => write!(out, "the shell is {shell}"),
        }
    }
}

impl Display for Doubt {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match(criterion) => write!(out, "a `Match {criterion}` block may say otherwise"),
            Self::NoConfiguration(file) => write!(out, "what {file} says is unknown"),
            Self::KeysCommand(command) => write!(out, "AuthorizedKeysCommand {command} may know more keys"),
            Self::KeysFile(file) => write!(out, "sshd also reads keys from {file}, which is not in the image"),
            Self::KeysPart(file) => write!(out, "{file} may hold more keys: the image shows only a part of it"),
            Self::KeysWritten { by, path } => write!(out, "{by} may write keys to {path} at boot"),
            Self::Principals => out.write_str("a command says which names its certificates must have"),
            Self::PrincipalsFile(file) => {
                write!(out, "{file}, which is not in the image, says which names its certificates must have")
            }
            Self::AuthoritiesFile(file) => {
                write!(out, "sshd reads certificate authorities from {file}, which is not in the image")
            }
            Self::EmptyByPam => out.write_str("the image does not say whether PAM accepts empty passwords"),
            Self::Pam(module) => write!(out, "the image does not say whom {module} of PAM lets in"),
            Self::OldScheme(scheme) => write!(out, "libcrypt may refuse {scheme} hashes"),
            Self::PasswordReplaced(file) => {
                write!(out, "{file}, which is not in the image, replaces the password if it exists at boot")
            }
            Self::PasswordFile(file) => write!(out, "the password comes from {file}, which is not in the image"),
            Self::PasswordsWritten(file) => write!(out, "{file} of the initrd may set passwords"),
            Self::UntoldPassword => out.write_str("the image does not say what the password is"),
        }
    }
}

impl Answer {
    /// The conditions and doubts of a granted answer, one phrase each.
    #[must_use]
    pub fn phrases(&self) -> Vec<String> {
        self.conditions.iter().map(Caused::to_string).chain(self.doubts.iter().map(Caused::to_string)).collect()
    }

    /// Why the entrance is refused, with what may reverse that. `None` if it opens.
    #[must_use]
    pub fn refused(&self) -> Option<String> {
        self.refusal.as_ref().map(|refusal| with_doubts(refusal.to_string(), &self.doubts))
    }
}

/// A sentence, followed by what may reverse it.
#[must_use]
pub fn with_doubts<'d>(sentence: String, doubts: impl IntoIterator<Item = &'d Caused<Doubt>>) -> String {
    doubts.into_iter().fold(sentence, |sentence, doubt| format!("{sentence}; {doubt}"))
}
