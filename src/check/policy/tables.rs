//! The tables of a policy file, as serde reads them and as its JSON Schema describes them.

#[cfg(test)]
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

use super::super::kind::{Firmware, State};
use super::file::Checked;
use super::values;
use crate::nixos::PasswordState;

/// How severe a failure is. Every table takes it.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum SeverityWord {
    /// The check fails.
    #[default]
    Error,
    /// The check reports it, and does not fail.
    Warning,
}

/// One value, or a list of them.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(untagged))]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

/// A number of bytes, or a text with a unit: `"1.5 GiB"`.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(untagged))]
pub(super) enum Size {
    Bytes(u64),
    Text(String),
}

/// `[image]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ImageTable {
    /// The most bytes that it may have.
    pub(super) max_size: Option<Size>,
    /// A glob for the name of the image file.
    #[serde(default, deserialize_with = "values::glob")]
    pub(super) file_name: Option<String>,
    /// A glob for the volume's name.
    #[serde(default, deserialize_with = "values::glob")]
    pub(super) volume_id: Option<String>,
    /// The platform of each system that a menu starts when nobody chooses: `x86_64-linux`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// The firmware that it must boot from.
    pub(super) boot: Option<OneOrMany<Firmware>>,
    /// `true`: it boots from a USB stick, by each firmware that would boot it from a CD.
    pub(super) usb: Option<bool>,
    /// `true`: each boot loader of UEFI has an intact Authenticode signature.
    pub(super) secure_boot: Option<bool>,
    /// The version of the kernel of each such system: `>=6.6`.
    #[serde(default, deserialize_with = "values::version")]
    pub(super) kernel: Option<String>,
    /// Parameters of the kernel.
    pub(super) params: Option<Checked<ParamsTable>>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[image.params]`: a parameter as it is written, its name alone, or a glob such as `console=ttyS*`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct ParamsTable {
    /// In the entry of each menu that boots by default.
    #[serde(default, deserialize_with = "values::params")]
    pub(super) require: Vec<String>,
    /// In no menu entry.
    #[serde(default, deserialize_with = "values::params")]
    pub(super) forbid: Vec<String>,
}

/// `[[package]]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PackageTable {
    /// Its name, or a glob; or a list of them.
    pub(super) name: OneOrMany<String>,
    /// `1.2`, `>=1.2`, `^1` or `1.*`.
    #[serde(default, deserialize_with = "values::version")]
    pub(super) version: Option<String>,
    /// Whether the system must have it installed: each that a menu starts when nobody chooses.
    pub(super) installed: Option<bool>,
    /// Whether it must be there, or must not.
    #[serde(default)]
    pub(super) state: PackageState,
    /// How many versions of it may be there at most.
    pub(super) max_copies: Option<usize>,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// Whether a package must be there.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum PackageState {
    /// It must be there.
    #[default]
    Required,
    /// It must not be there.
    Forbidden,
}

/// `[[command]]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct CommandTable {
    /// Its name.
    pub(super) name: CommandName,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// A name without `/`.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(transparent))]
pub(super) struct CommandName(#[cfg_attr(test, schemars(regex(pattern = "^[^/]+$")))] pub(super) String);

/// `[[file]]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct FileTable {
    /// Its path in the running system.
    pub(super) path: String,
    /// Its type, links followed; `symlink` asks of the path itself.
    pub(super) r#type: Option<FileWord>,
    /// Its permission bits: `"0644"`.
    #[serde(default, deserialize_with = "values::mode")]
    pub(super) mode: Option<String>,
    /// The SHA-256 of its contents, in hexadecimal digits.
    pub(super) sha256: Option<String>,
    /// A text that it must contain.
    pub(super) contains: Option<String>,
    /// A text that it must not contain.
    pub(super) not_contains: Option<String>,
    /// A regular expression that a part of it must match. `^` and `$` match at the ends of lines.
    pub(super) matches: Option<String>,
    /// Its owner: a user, or a user and a group as `root:wheel`; names or numbers.
    pub(super) owner: Option<String>,
    /// A glob for the path that its links lead to, step by step or at the end.
    pub(super) target: Option<String>,
    /// Whether there must be no such file.
    pub(super) absent: Option<bool>,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// A type of file.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "lowercase")]
pub(super) enum FileWord {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
}

/// `[[unit]]`: without more than a name, the unit exists and starts.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct UnitTable {
    /// Its name: `sshd`, which is `sshd.service`, or `sshd.socket`.
    pub(super) name: String,
    /// Whether there must be such a unit.
    pub(super) exists: Option<bool>,
    /// Whether it must start at boot, or when something triggers it.
    pub(super) enabled: Option<bool>,
    /// States that it may be in.
    pub(super) state: Option<OneOrMany<State>>,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[[user]]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct UserTable {
    /// Login name.
    #[serde(deserialize_with = "values::needed_name")]
    pub(super) name: String,
    /// Whether there must be such a user.
    pub(super) exists: Option<bool>,
    /// States that the password may be in on a fresh boot.
    pub(super) password: Option<OneOrMany<PasswordState>>,
    /// Login shell.
    pub(super) shell: Option<String>,
    /// Groups that the user must be in.
    pub(super) groups: Option<Vec<String>>,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[[key]]`: exactly one of `key`, `file` and `fingerprint`.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct KeyTable {
    /// The user whom it must let in. Without one, any user.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) user: Option<String>,
    /// A public key line.
    pub(super) key: Option<String>,
    /// A file with public key lines, relative to the policy.
    pub(super) file: Option<String>,
    /// As `ssh-keygen -l` prints it.
    pub(super) fingerprint: Option<String>,
    /// Options that it must be listed with: `restrict`, `from="10.0.0.0/8"`.
    pub(super) options: Option<OneOrMany<String>>,
    /// Whether no other keys may let that user in. Without a user, anybody.
    pub(super) only: Option<bool>,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[ssh]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SshTable {
    /// Whether sshd starts at boot.
    pub(super) enabled: Option<bool>,
    /// Whether it takes passwords.
    pub(super) password_authentication: Option<bool>,
    /// Values that `PermitRootLogin` may have. `true` and `false` mean `yes` and `no`.
    pub(super) permit_root_login: Option<RootLogin>,
    /// The only system that it is about: the name of a specialisation, or `default`.
    #[serde(default, deserialize_with = "values::name")]
    pub(super) system: Option<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// Values of `PermitRootLogin`.
#[derive(Clone, Debug)]
#[cfg_attr(test, derive(JsonSchema))]
#[cfg_attr(test, schemars(untagged))]
pub(super) enum RootLogin {
    Flag(bool),
    One(RootLoginWord),
    Many(Vec<RootLoginWord>),
}

/// A value of `PermitRootLogin` (sshd_config(5)).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub(super) enum RootLoginWord {
    /// With a key or a password.
    Yes,
    /// Not at all.
    No,
    /// With a key.
    #[serde(alias = "without-password")]
    ProhibitPassword,
    /// With a key that has a command.
    ForcedCommandsOnly,
}

/// `[secrets]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SecretsTable {
    /// Whether there must be no secrets.
    pub(super) deny: Option<bool>,
    /// Globs for files in which secrets are ignored.
    #[serde(default)]
    pub(super) allow: Vec<String>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[integrity]`
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct IntegrityTable {
    /// Whether the store must match its registered hashes.
    pub(super) verify: Option<bool>,
    /// Shown if it fails.
    pub(super) reason: Option<String>,
    /// What a failure means for the check.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

impl<'de> Deserialize<'de> for CommandName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() || name.contains('/') {
            return Err(de::Error::custom("a command is a name without /; ask for a path with [[file]]"));
        }
        Ok(Self(name))
    }
}
