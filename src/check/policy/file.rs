//! The policy file: its tables, as serde reads them and as its JSON Schema describes them.

use std::borrow::Cow;
use std::path::Path;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};

use super::preset::Preset;
use super::trouble::{PolicyError, position, with_advice};

/// What an image must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "nixoscope policy")]
pub struct Policy {
    /// Sets of assertions with a name.
    #[serde(default)]
    pub(super) preset: Option<OneOrMany<Preset>>,
    /// The image as a whole.
    #[serde(default)]
    pub(super) image: Option<Checked<ImageTable>>,
    /// Packages that must be there, or must not.
    #[serde(default)]
    pub(super) package: Vec<Checked<PackageTable>>,
    /// Commands that must run.
    #[serde(default)]
    pub(super) command: Vec<CommandTable>,
    /// Files.
    #[serde(default)]
    pub(super) file: Vec<Checked<FileTable>>,
    /// Users.
    #[serde(default)]
    pub(super) user: Vec<Checked<UserTable>>,
    /// Keys that sshd must accept.
    #[serde(default)]
    pub(super) key: Vec<Checked<KeyTable>>,
    /// sshd.
    #[serde(default)]
    pub(super) ssh: Option<Checked<SshTable>>,
    /// Secrets that must not be there.
    #[serde(default)]
    pub(super) secrets: Option<Checked<SecretsTable>>,
    /// Whether every byte must be what is registered of it.
    #[serde(default)]
    pub(super) integrity: Option<Checked<IntegrityTable>>,
}

/// What every table takes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SeverityWord {
    /// The check fails.
    #[default]
    Error,
    /// The check says so, and does not fail.
    Warning,
}

/// One value, or a list of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
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
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Size {
    Bytes(u64),
    Text(String),
}

/// `[image]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ImageTable {
    /// The most bytes that it may have.
    pub(super) max_size: Option<Size>,
    /// A glob for the volume's name.
    pub(super) volume_id: Option<String>,
    /// The platform of the default system: `x86_64-linux`.
    pub(super) system: Option<String>,
    /// The firmware that it must boot from.
    pub(super) boot: Option<Vec<Firmware>>,
    /// The version of the default system's kernel: `>=6.6`.
    pub(super) kernel: Option<String>,
    /// Parameters of the kernel.
    pub(super) params: Option<Checked<ParamsTable>>,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[image.params]`: a parameter as it is written, or its name alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ParamsTable {
    /// In the menu entry that boots by default.
    #[serde(default)]
    pub(super) require: Vec<String>,
    /// In no menu entry.
    #[serde(default)]
    pub(super) forbid: Vec<String>,
}

/// A kind of firmware.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// The BIOS of a PC.
    Bios,
    /// UEFI.
    Uefi,
}

/// `[[package]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct PackageTable {
    /// Its name, or a glob.
    pub(super) name: String,
    /// `1.2`, `>=1.2`, `^1` or `1.*`.
    pub(super) version: Option<String>,
    /// Whether the default system must have it installed.
    pub(super) installed: Option<bool>,
    /// Whether it must be there, or must not.
    #[serde(default)]
    pub(super) state: PackageState,
    /// The most versions of it that may be there.
    pub(super) max_copies: Option<usize>,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// Whether a package must be there.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum PackageState {
    #[default]
    Required,
    Forbidden,
}

/// `[[command]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CommandTable {
    /// Its name.
    pub(super) name: CommandName,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// A name without `/`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(transparent)]
pub(super) struct CommandName(#[schemars(regex(pattern = "^[^/]+$"))] pub(super) String);

/// `[[file]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FileTable {
    /// Its path in the running system.
    pub(super) path: String,
    /// Its type, links followed; `symlink` asks of the path itself.
    pub(super) r#type: Option<FileWord>,
    /// Its permission bits: `"0644"`.
    pub(super) mode: Option<String>,
    /// The SHA-256 of its contents, in hexadecimal digits.
    pub(super) sha256: Option<String>,
    /// A text that it must contain.
    pub(super) contains: Option<String>,
    /// Whether there must be no such file.
    pub(super) absent: Option<bool>,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// A type of file.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum FileWord {
    File,
    Directory,
    Symlink,
}

/// `[[user]]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserTable {
    /// Login name.
    pub(super) name: String,
    /// Whether there must be such a user.
    pub(super) exists: Option<bool>,
    /// States that the password may be in on a fresh boot.
    pub(super) password: Option<OneOrMany<PasswordWord>>,
    /// Login shell.
    pub(super) shell: Option<String>,
    /// Groups that the user must be in.
    pub(super) groups: Option<Vec<String>>,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// A state of a password.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum PasswordWord {
    Empty,
    Locked,
    None,
    Plaintext,
    Hashed,
    File,
}

/// `[[key]]`: exactly one of `key`, `file` and `fingerprint`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyTable {
    /// Whom it must let in; any user where none is named.
    pub(super) user: Option<String>,
    /// A public key line.
    pub(super) key: Option<String>,
    /// A file with public key lines, from the policy's own folder on.
    pub(super) file: Option<String>,
    /// As `ssh-keygen -l` prints it.
    pub(super) fingerprint: Option<String>,
    /// Whether no other keys may let that user in, or anybody.
    pub(super) only: Option<bool>,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[ssh]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct SshTable {
    /// Whether sshd starts at boot.
    pub(super) enabled: Option<bool>,
    /// Whether it takes passwords.
    pub(super) password_authentication: Option<bool>,
    /// Values that `PermitRootLogin` may have; `true` and `false` stand for `yes` and `no`.
    pub(super) permit_root_login: Option<RootLogin>,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// Values of `PermitRootLogin`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum RootLogin {
    Flag(bool),
    One(RootLoginWord),
    Many(Vec<RootLoginWord>),
}

/// A value of `PermitRootLogin` (sshd_config(5)).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RootLoginWord {
    Yes,
    No,
    #[serde(alias = "without-password")]
    ProhibitPassword,
    ForcedCommandsOnly,
}

/// `[secrets]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretsTable {
    /// Whether there must be none.
    pub(super) deny: Option<bool>,
    /// Globs for paths of files that may hold some.
    #[serde(default)]
    pub(super) allow: Vec<String>,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// `[integrity]`
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IntegrityTable {
    /// Whether the store must be what is registered of it.
    pub(super) verify: Option<bool>,
    /// Shown where it fails.
    pub(super) reason: Option<String>,
    /// What follows where it fails.
    #[serde(default)]
    pub(super) severity: SeverityWord,
}

/// A table that asserts something, and nothing that cannot be meant. Checked while it is read, so that a mistake is told with
/// its line.
#[derive(Clone, Debug)]
pub(super) struct Checked<T>(pub(super) T);

/// That of the table itself.
impl<T: JsonSchema> JsonSchema for Checked<T> {
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// What a table must be beyond what its type says.
pub(super) trait Check {
    /// # Errors
    /// What is wrong.
    fn check(&self) -> Result<(), String>;
}

impl<'de, T: Deserialize<'de> + Check> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = T::deserialize(deserializer)?;
        table.check().map_err(de::Error::custom)?;
        Ok(Self(table))
    }
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

impl Policy {
    /// Reads a policy. It is JSON where its first character is `{`, TOML elsewhere; `file` stands for it in messages.
    ///
    /// # Errors
    /// Where and why it is none.
    pub fn parse(text: &str, file: &Path) -> Result<Self, PolicyError> {
        let error = |(line, column): (usize, usize), message: &str| PolicyError {
            file: file.to_path_buf(),
            line,
            column,
            message: with_advice(message),
        };
        let policy: Self = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|wrong| {
                let message = wrong.to_string();
                let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
                error((wrong.line().max(1), wrong.column().max(1)), message)
            })?
        } else {
            toml::from_str(text).map_err(|wrong: toml::de::Error| {
                error(position(text, wrong.span().map_or(0, |span| span.start)), wrong.message())
            })?
        };
        if policy.is_empty() {
            let advice =
                "the policy asserts nothing; begin with [[package]], [[key]], [[user]] or preset = \"appliance\"";
            return Err(error((1, 1), advice));
        }
        Ok(policy)
    }

    fn is_empty(&self) -> bool {
        let lists = [
            self.package.is_empty(),
            self.command.is_empty(),
            self.file.is_empty(),
            self.user.is_empty(),
            self.key.is_empty(),
        ];
        let tables = [
            self.preset.as_ref().is_none_or(|presets| presets.as_slice().is_empty()),
            self.image.is_none(),
            self.ssh.is_none(),
            self.secrets.is_none(),
            self.integrity.is_none(),
        ];
        lists.into_iter().chain(tables).all(|empty| empty)
    }
}

/// The JSON Schema of a policy (draft 2020-12), as text.
///
/// # Errors
/// Where it cannot be written as JSON.
pub fn schema() -> serde_json::Result<String> {
    let mut text = serde_json::to_string_pretty(&schemars::schema_for!(Policy))?;
    text.push('\n');
    Ok(text)
}
