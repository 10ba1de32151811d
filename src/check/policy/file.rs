//! The policy file: how it is read, checked and described by a JSON Schema.

#[cfg(test)]
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

#[cfg(test)]
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::budget::SizeTable;
use super::closure::ClosureTable;
use super::menu::MenuTable;
use super::preset::Preset;
use super::tables::{
    CommandTable, FileTable, ImageTable, IntegrityTable, KeyTable, OneOrMany, PackageTable, SecretsTable, SshTable,
    UnitTable, UserTable,
};
use super::trouble::{PolicyError, position, with_advice};

/// What an image must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, schemars(title = "nixoscope policy"))]
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
    /// Closures that must be there.
    #[serde(default)]
    pub(super) closure: Vec<Checked<ClosureTable>>,
    /// Entries of the boot menus.
    #[serde(default)]
    pub(super) menu: Vec<Checked<MenuTable>>,
    /// Budgets for the store.
    #[serde(default)]
    pub(super) size: Option<Checked<SizeTable>>,
    /// Commands that must run.
    #[serde(default)]
    pub(super) command: Vec<Checked<CommandTable>>,
    /// Files.
    #[serde(default)]
    pub(super) file: Vec<Checked<FileTable>>,
    /// Units of systemd.
    #[serde(default)]
    pub(super) unit: Vec<Checked<UnitTable>>,
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

/// A table that asserts something, and nothing that cannot be meant. Checked while it is read, so that a mistake is told with
/// its line.
#[derive(Clone, Debug)]
pub(super) struct Checked<T>(pub(super) T);

/// That of the table itself.
#[cfg(test)]
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
        let table = deserializer.deserialize_map(TableVisitor(PhantomData::<T>))?;
        table.check().map_err(de::Error::custom)?;
        Ok(Self(table))
    }
}

/// A table is never read from a list of its values, as serde would.
struct TableVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for TableVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

impl Policy {
    /// Reads a policy. It is JSON where its name says so or its first character is `{`, TOML elsewhere; `file` stands for it in messages.
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
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let named_json = file.extension().is_some_and(|extension| extension == "json");
        let policy: Self = if named_json || text.trim_start().starts_with('{') {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            let policy = deserializer.deserialize_map(TableVisitor(PhantomData));
            policy.and_then(|policy| deserializer.end().map(|()| policy)).map_err(|wrong| {
                let message = wrong.to_string();
                let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
                error((wrong.line().max(1), wrong.column().max(1)), message)
            })?
        } else {
            toml::from_str(text).map_err(|wrong: toml::de::Error| {
                let start = wrong.span().map_or(0, |span| span.start);
                let name =
                    text.get(start..).and_then(|rest| rest.strip_prefix('[')?.split_once(']')).map(|(name, _)| name);
                let message = match name {
                    Some(name) if wrong.message().starts_with("invalid type: map, expected a sequence") => {
                        format!("[{name}] is one table of a list; write [[{name}]]")
                    }
                    _ => wrong.message().to_owned(),
                };
                error(position(text, start), &message)
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
            self.closure.is_empty(),
            self.menu.is_empty(),
            self.command.is_empty(),
            self.file.is_empty(),
            self.unit.is_empty(),
            self.user.is_empty(),
            self.key.is_empty(),
        ];
        let tables = [
            self.preset.as_ref().is_none_or(|presets| presets.as_slice().is_empty()),
            self.image.is_none(),
            self.size.is_none(),
            self.ssh.is_none(),
            self.secrets.is_none(),
            self.integrity.is_none(),
        ];
        lists.into_iter().chain(tables).all(|empty| empty)
    }
}

/// The JSON Schema of a policy (draft 2020-12), as text. A test makes it from the tables and compares.
pub const SCHEMA: &str = include_str!("schema.json");

#[cfg(test)]
mod tests {
    use super::*;

    /// Set this variable to write the schema instead.
    const WRITE: &str = "NIXOSCOPE_WRITE_SCHEMA";

    #[test]
    fn the_published_schema_is_that_of_the_tables() {
        let mut made = serde_json::to_string_pretty(&schemars::schema_for!(Policy)).unwrap();
        made.push('\n');
        if std::env::var_os(WRITE).is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/check/policy/schema.json"), &made).unwrap();
        }
        assert_eq!(SCHEMA, made, "{WRITE}=1 cargo test schema writes it");
    }
}
