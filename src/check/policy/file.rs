//! The policy file: how it is read, checked and described by a JSON Schema.

#[cfg(test)]
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;

#[cfg(test)]
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::accept::AcceptTable;
use super::budget::SizeTable;
use super::closure::ClosureTable;
use super::contradiction;
use super::menu::MenuTable;
use super::mistake::Mistake;
use super::network::{FirewallTable, PortTable};
use super::node::Node;
use super::place::Lines;
use super::preset::Preset;
use super::reader::WITH_LINES;
use super::tables::{
    CommandTable, FileTable, ImageTable, IntegrityTable, KeyTable, OneOrMany, PackageTable, SecretsTable, SshTable,
    UnitTable, UserTable,
};
use super::trouble::{PolicyError, PolicyErrors, with_advice};

/// Mistakes that are reported in one file.
const MOST: usize = 100;

/// What an image must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(test, derive(JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(test, schemars(title = "nixoscope policy", extend("$id" = "urn:nixoscope:policy:v1")))]
pub struct Policy {
    /// Sets of assertions with a name.
    #[serde(default)]
    pub(super) preset: Option<Placed<OneOrMany<Preset>>>,
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
    /// Ports that the network must reach, or must not.
    #[serde(default)]
    pub(super) port: Vec<Checked<PortTable>>,
    /// The firewall.
    #[serde(default)]
    pub(super) firewall: Option<Checked<FirewallTable>>,
    /// Secrets that must not be there.
    #[serde(default)]
    pub(super) secrets: Option<Checked<SecretsTable>>,
    /// Findings that are accepted.
    #[serde(default)]
    pub(super) accept: Vec<Checked<AcceptTable>>,
    /// Whether the store must match its registered hashes.
    #[serde(default)]
    pub(super) integrity: Option<Checked<IntegrityTable>>,
}

/// A value that knows its lines in the file.
#[derive(Clone, Debug)]
pub(super) struct Placed<T>(pub(super) T, pub(super) ItsLines);

/// A table that asserts something, and nothing that cannot be meant. It is checked while it is read, so that a mistake has a line.
#[derive(Clone, Debug)]
pub(super) struct Checked<T>(pub(super) T, pub(super) ItsLines);

/// The lines of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct ItsLines {
    /// Where it begins.
    pub(super) first: usize,
    /// Where each member begins, by name.
    members: BTreeMap<String, usize>,
}

impl ItsLines {
    /// The line that asserts something of a kind.
    pub(super) fn of_kind(&self, kind: &str) -> usize {
        let member = match kind {
            "param" | "no-param" => "params",
            kind => kind,
        };
        self.members.get(member).copied().unwrap_or(self.first)
    }
}

impl<T> Deref for Checked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The schema of a value does not speak of lines.
#[cfg(test)]
macro_rules! schema_of_what_is_inside {
    ($outer:ident) => {
        impl<T: JsonSchema> JsonSchema for $outer<T> {
            fn schema_name() -> Cow<'static, str> {
                T::schema_name()
            }

            fn schema_id() -> Cow<'static, str> {
                T::schema_id()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                T::json_schema(generator)
            }

            fn inline_schema() -> bool {
                T::inline_schema()
            }
        }
    };
}

#[cfg(test)]
schema_of_what_is_inside!(Checked);
#[cfg(test)]
schema_of_what_is_inside!(Placed);

/// The rules for a table beyond the types of its members.
pub(super) trait Check {
    /// # Errors
    /// The rule that the table breaks.
    fn check(&self) -> Result<(), String>;
}

impl<'de, T: Deserialize<'de> + Check> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (table, lines) = deserializer.deserialize_newtype_struct(WITH_LINES, WithLines(TableSeed(PhantomData)))?;
        Ok(Self(table, lines))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Placed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let inside = WithLines(PhantomData::<T>);
        let (value, lines) = deserializer.deserialize_newtype_struct(WITH_LINES, inside)?;
        Ok(Self(value, lines))
    }
}

/// Reads the lines of something, then the thing itself.
struct WithLines<S>(S);

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for WithLines<S> {
    type Value = (S::Value, ItsLines);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a part of a policy")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut both: A) -> Result<Self::Value, A::Error> {
        let mut members: BTreeMap<String, usize> = both.next_element()?.unwrap_or_default();
        let first = members.remove("").unwrap_or(1);
        let Some(value) = both.next_element_seed(self.0)? else { return Err(de::Error::missing_field("table")) };
        Ok((value, ItsLines { first, members }))
    }
}

/// Reads a table, and checks it.
struct TableSeed<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Check> DeserializeSeed<'de> for TableSeed<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        let table: T = deserializer.deserialize_map(TableVisitor(PhantomData))?;
        table.check().map_err(de::Error::custom)?;
        Ok(table)
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
    /// Reads a policy. It is JSON if its name says so or if it begins with `{`, otherwise TOML. `file` names it in messages.
    ///
    /// # Errors
    /// All mistakes, in the order of the file.
    pub fn parse(text: &str, file: &Path) -> Result<Self, PolicyErrors> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let named_json = file.extension().is_some_and(|extension| extension == "json");
        let read = match named_json || text.trim_start().starts_with('{') {
            true => Node::json(text).map_err(|mistake| vec![mistake]),
            false => Node::toml(text).map(|root| (root, Vec::new())),
        };
        let policy = read.and_then(|(root, repeated)| Self::read(root, repeated));
        policy.map_err(|mut mistakes| {
            let lines = Lines::of(text);
            mistakes.sort_by_key(|mistake| mistake.place);
            let error = |mistake: Mistake| {
                let place = mistake.place.unwrap_or(lines.place(0));
                let message = with_advice(&one_of_a_list(text, place.byte, &mistake.message));
                PolicyError { file: file.to_path_buf(), line: place.line, column: lines.column(place), message }
            };
            PolicyErrors(mistakes.into_iter().map(error).collect())
        })
    }

    /// Reads the tables. A part with a mistake is removed, and the rest is read again, until nothing is wrong any more.
    fn read(mut root: Node, mut mistakes: Vec<Mistake>) -> Result<Self, Vec<Mistake>> {
        let policy = loop {
            let mistake = match Self::deserialize_table(&root) {
                Ok(policy) => break policy,
                Err(mistake) => mistake,
            };
            let id = mistake.id.unwrap_or(root.id);
            // A table without the part that was removed may break other rules, but the file does not.
            if !root.table(id).is_some_and(|table| table.cut) {
                mistakes.push(mistake);
            }
            if mistakes.len() >= MOST || !root.remove(id) {
                return Err(mistakes);
            }
        };
        match mistakes.is_empty() {
            false => Err(mistakes),
            true if policy.is_empty() => Err(vec![Mistake::of_file(
                "the policy asserts nothing; begin with [[package]], [[key]], [[user]] or preset = \"appliance\"",
            )]),
            true => match contradiction::find(&policy) {
                found if found.is_empty() => Ok(policy),
                found => Err(found),
            },
        }
    }

    fn deserialize_table(root: &Node) -> Result<Self, Mistake> {
        root.deserialize_map(TableVisitor(PhantomData))
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
            self.port.is_empty(),
            self.accept.is_empty(),
        ];
        let tables = [
            self.preset.as_ref().is_none_or(|presets| presets.0.as_slice().is_empty()),
            self.image.is_none(),
            self.size.is_none(),
            self.ssh.is_none(),
            self.firewall.is_none(),
            self.secrets.is_none(),
            self.integrity.is_none(),
        ];
        lists.into_iter().chain(tables).all(|empty| empty)
    }
}

/// `[package]` is a table where a list of tables is expected.
fn one_of_a_list(text: &str, byte: usize, message: &str) -> String {
    let name = text.get(byte..).and_then(|rest| rest.strip_prefix('[')?.split_once(']')).map(|(name, _)| name);
    match name {
        Some(name) if message.starts_with("invalid type: map, expected a sequence") => {
            format!("[{name}] is one table of a list; write [[{name}]]")
        }
        _ => message.to_owned(),
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
