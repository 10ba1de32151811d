//! Whose secret it is, or what it opens: a user, a network, a host, according to the text around it.

use std::sync::LazyLock;

use memchr::memmem;
use regex::bytes::Regex;

use crate::nixos::credential::Credential;
use crate::nixos::kernel_line;

/// Bytes before and after a secret that are read for its subject. A user in `users-groups.json` takes about 600.
pub(super) const AROUND: usize = 1 << 11;

/// The longest name of a subject, in bytes.
const LONGEST: usize = 128;

/// Whose secret it is, or what it opens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A user of the system, or of a service such as nginx.
    User(String),
    /// A wireless network, by its SSID.
    Network(String),
    /// A host on the network.
    Host(String),
    /// A variable of the environment.
    Variable(String),
    /// A credential of a unit.
    Credential(String),
    /// A parameter on a kernel line.
    Parameter(String),
    /// An encrypted volume, by its name when open.
    Volume(String),
}

/// Which part of the text around a secret says whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The text does not say.
    Unsaid,
    User,
    Network,
    /// The machine of a `netrc`.
    Machine,
    /// The host in the URL.
    Url,
    Variable,
}

/// The text around a secret.
#[derive(Clone, Copy)]
pub(super) struct Around<'t> {
    /// The text before the candidate, at most [`AROUND`] bytes.
    pub(super) past: &'t [u8],
    /// From the candidate to the secret.
    pub(super) name: &'t [u8],
    pub(super) secret: &'t [u8],
    /// The text after the secret.
    pub(super) rest: &'t [u8],
}

impl Subject {
    /// The kind of subject, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Network(_) => "network",
            Self::Host(_) => "host",
            Self::Variable(_) => "variable",
            Self::Credential(_) => "credential",
            Self::Parameter(_) => "parameter",
            Self::Volume(_) => "volume",
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::User(name)
            | Self::Network(name)
            | Self::Host(name)
            | Self::Variable(name)
            | Self::Credential(name)
            | Self::Parameter(name)
            | Self::Volume(name) => name,
        }
    }

    /// A user. `None` if the text cannot be a name.
    pub(super) fn user(name: &[u8]) -> Option<Self> {
        named(Self::User, name)
    }

    /// An encrypted volume. `None` if it has no name.
    pub(super) fn volume(name: &[u8]) -> Option<Self> {
        named(Self::Volume, name)
    }

    /// The subject of a credential.
    pub(super) fn of_credential(name: &str, credential: Credential<'_>) -> Option<Self> {
        match credential {
            Credential::Password(user) | Credential::PasswordHash(user) => named(Self::User, user.as_bytes()),
            _ => named(Self::Credential, name.as_bytes()),
        }
    }

    /// The subject of a parameter of the kernel.
    pub(super) fn of_parameter(name: &str, credential: Credential<'_>) -> Option<Self> {
        match credential {
            Credential::Password(user) | Credential::PasswordHash(user) => named(Self::User, user.as_bytes()),
            _ => named(Self::Parameter, name.as_bytes()),
        }
    }
}

impl Whose {
    pub(super) fn subject(self, around: Around<'_>) -> Option<Subject> {
        match self {
            Self::Unsaid => None,
            Self::User => user(around),
            Self::Network => network(around),
            Self::Machine => machine(around.past),
            Self::Url => host(around.rest),
            Self::Variable => variable(around),
        }
    }
}

/// The subject, if its name is valid.
fn named(of: fn(String) -> Subject, name: &[u8]) -> Option<Subject> {
    let name = std::str::from_utf8(name).ok()?;
    (!name.is_empty() && name.len() <= LONGEST && !name.contains(char::is_control)).then(|| of(name.to_owned()))
}

fn user(around: Around<'_>) -> Option<Subject> {
    of_record(around).or_else(|| of_line(around)).or_else(|| of_declaration(around.past))
}

/// The user whose object in a JSON document, such as `users-groups.json`, contains the secret.
fn of_record(Around { past, name, secret, rest }: Around<'_>) -> Option<Subject> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    if !rest.starts_with(b"\"") {
        return None;
    }
    let start = opening(past)?;
    let end = closing(rest.get(1..)?)?;
    let object = [past.get(start..)?, name, secret, rest.get(..end + 2)?].concat();
    let Named { name } = serde_json::from_slice(&object).ok()?;
    named(Subject::User, name.as_bytes())
}

/// The last brace that opens an object and is not closed.
fn opening(past: &[u8]) -> Option<usize> {
    let mut closed = 0u32;
    past.iter().rposition(|byte| match byte {
        b'}' => {
            closed += 1;
            false
        }
        b'{' if closed == 0 => true,
        b'{' => {
            closed -= 1;
            false
        }
        _ => false,
    })
}

/// The first brace that closes an object and was not opened here.
fn closing(rest: &[u8]) -> Option<usize> {
    let mut opened = 0u32;
    rest.iter().take(AROUND).position(|byte| match byte {
        b'{' => {
            opened += 1;
            false
        }
        b'}' if opened == 0 => true,
        b'}' => {
            opened -= 1;
            false
        }
        _ => false,
    })
}

/// The user before the hash: `bob:$6$…` in `shadow`, a credential, or a parameter of the kernel.
fn of_line(Around { past, secret, .. }: Around<'_>) -> Option<Subject> {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'`' | 0);
    let start = past.iter().rposition(is_end).map_or(0, |end| end + 1);
    let word = past.get(start..)?;
    let before = std::str::from_utf8(word).ok()?;
    if let Some((name, "")) = before.strip_prefix("SetCredential=").and_then(|rest| rest.split_once(':')) {
        return Subject::of_credential(name, Credential::named(name));
    }
    if before.contains('=') {
        let parameter = [word, secret].concat();
        let secret = kernel_line::secret(std::str::from_utf8(&parameter).ok()?)?;
        return match secret.of {
            Credential::Password(user) | Credential::PasswordHash(user) => named(Subject::User, user.as_bytes()),
            _ => None,
        };
    }
    let name = before.strip_suffix(':')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'@');
    let is_field = ["pass", "hash"].iter().any(|word| name.to_ascii_lowercase().contains(word));
    (name.bytes().all(is_name) && !is_field).then(|| named(Subject::User, name.as_bytes())).flatten()
}

/// The user whose declaration in a NixOS configuration contains the secret: `users.users.bob.hashedPassword = "…"`.
fn of_declaration(past: &[u8]) -> Option<Subject> {
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r#"(?-u)users\.(?:users|extraUsers)\.(?:"([^"\n]+)"|([A-Za-z0-9_-]+))[ \t]*[.=][^}]*(?:assword)\s*=\s*"$"#,
        )
        .ok()
    });
    if !past.ends_with(b"\"") {
        return None;
    }
    let last = memmem::rfind(past, b"users.users.").max(memmem::rfind(past, b"users.extraUsers."))?;
    let captures = PATTERN.as_ref()?.captures(past.get(last..)?)?;
    named(Subject::User, captures.get(1).or_else(|| captures.get(2))?.as_bytes())
}

/// The SSID in the same block of wpa_supplicant, or in the same file of another program.
fn network(Around { past, rest, .. }: Around<'_>) -> Option<Subject> {
    let start = memmem::rfind(past, b"network={").unwrap_or(0);
    let end = rest.iter().take(AROUND).position(|byte| *byte == b'}').unwrap_or(rest.len().min(AROUND));
    let before = past.get(start..)?.rsplit(|byte| *byte == b'\n').find_map(ssid);
    let name = before.or_else(|| rest.get(..end)?.split(|byte| *byte == b'\n').find_map(ssid))?;
    named(Subject::Network, name)
}

fn ssid(line: &[u8]) -> Option<&[u8]> {
    let value = line.trim_ascii().strip_prefix(b"ssid")?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
    Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// The last machine of a `netrc`.
fn machine(past: &[u8]) -> Option<Subject> {
    let mut words = past.rsplit(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let mut name: &[u8] = &[];
    let found = words.find_map(|word| {
        let found = (word == b"machine").then_some(name);
        name = word;
        found
    });
    named(Subject::Host, found?)
}

/// The host of a URL, after the password.
fn host(rest: &[u8]) -> Option<Subject> {
    let host = rest.strip_prefix(b"@")?;
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'[' | b']');
    let length = host.iter().take(LONGEST + 1).take_while(|byte| is_host(byte)).count();
    named(Subject::Host, host.get(..length)?)
}

/// The name of a variable. It may begin before the text that was searched for.
fn variable(Around { past, name, .. }: Around<'_>) -> Option<Subject> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let begin = past.iter().rev().take(LONGEST).take_while(|byte| is_name(byte)).count();
    let end = name.iter().take_while(|byte| is_name(byte)).count();
    let name = [past.get(past.len() - begin..)?, name.get(..end)?].concat();
    named(Subject::Variable, &name)
}
