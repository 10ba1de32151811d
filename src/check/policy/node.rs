//! A policy file as a tree in which every part knows its place, whether it was written in TOML or in JSON.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use super::place::{Lines, Place};

/// A value, and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    /// No other part of the tree has this number.
    pub(super) id: usize,
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Whole(i64),
    Large(u64),
    Real(f64),
    Text(String),
    List(Vec<Node>),
    Table(Table),
}

/// Members in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) members: Vec<Member>,
    /// Whether a member with a mistake was removed. What the table lacks now says nothing about the file.
    pub(super) cut: bool,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: usize,
    pub(super) name: String,
    /// Where the name begins.
    pub(super) place: Place,
    pub(super) value: Node,
}

/// How far a search for a mistake came.
#[derive(PartialEq, Eq)]
enum Found {
    /// It is elsewhere.
    No,
    /// It is this node, or a value in this list. Whatever holds the node can remove it.
    Here,
    /// It was removed.
    Removed,
}

impl Node {
    /// Reads TOML. Syntax errors are in the order of the file.
    pub(super) fn toml(text: &str) -> Result<Self, Vec<Mistake>> {
        let mut builder = Builder { lines: Lines::of(text), text, next: 0, repeated: Vec::new() };
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let place = builder.lines.place(0);
            return Ok(builder.toml_table(table.into_inner(), place));
        }
        let mut mistakes: Vec<Mistake> = Vec::new();
        for error in errors {
            let place = builder.lines.place(error.span().map_or(0, |span| span.start));
            // The parser goes on after an error, and may take the rest of the line for another one.
            if mistakes.last().and_then(|last| last.place).is_none_or(|last| last.line != place.line) {
                mistakes.push(Mistake::new(error.message().to_owned(), place));
            }
        }
        Err(mistakes)
    }

    /// Reads JSON. Repeated names are mistakes, but the rest can be read.
    pub(super) fn json(text: &str) -> Result<(Self, Vec<Mistake>), Mistake> {
        let mut builder = Builder { lines: Lines::of(text), text, next: 0, repeated: Vec::new() };
        let root = serde_json::from_str::<&RawValue>(text).and_then(|raw| builder.json(raw));
        match root {
            Ok(root) => Ok((root, builder.repeated)),
            Err(error) => {
                let message = error.to_string();
                let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
                let place = builder.lines.place_in(error.line(), error.column());
                Err(Mistake::new(message.to_owned(), place))
            }
        }
    }

    /// Removes the part with a mistake, so that the rest can be read: the member of a table, or the table in a list of tables.
    /// False if nothing can be removed.
    pub(super) fn remove(&mut self, id: usize) -> bool {
        self.search(id) == Found::Removed
    }

    /// The table with this number.
    pub(super) fn table(&self, id: usize) -> Option<&Table> {
        match &self.value {
            Value::Table(table) if self.id == id => Some(table),
            Value::Table(table) => table.members.iter().find_map(|member| member.value.table(id)),
            Value::List(items) => items.iter().find_map(|item| item.table(id)),
            _ => None,
        }
    }

    fn search(&mut self, id: usize) -> Found {
        if self.id == id {
            return Found::Here;
        }
        match &mut self.value {
            Value::Table(table) => table.search(id),
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let is_table = matches!(item.value, Value::Table(_));
                    match item.search(id) {
                        Found::No => {}
                        Found::Here if is_table => {
                            items.remove(index);
                            return Found::Removed;
                        }
                        found => return found,
                    }
                }
                Found::No
            }
            _ => Found::No,
        }
    }
}

impl Table {
    fn search(&mut self, id: usize) -> Found {
        for (index, member) in self.members.iter_mut().enumerate() {
            let found = if member.id == id { Found::Here } else { member.value.search(id) };
            match found {
                Found::No => {}
                Found::Here => {
                    self.members.remove(index);
                    self.cut = true;
                    return Found::Removed;
                }
                Found::Removed => return Found::Removed,
            }
        }
        Found::No
    }
}

struct Builder<'t> {
    text: &'t str,
    lines: Lines<'t>,
    /// The number of the next part.
    next: usize,
    repeated: Vec<Mistake>,
}

impl<'t> Builder<'t> {
    fn id(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    fn toml_table(&mut self, table: DeTable<'_>, place: Place) -> Node {
        let mut members: Vec<Member> = table
            .into_iter()
            .map(|(name, value)| Member {
                id: self.id(),
                place: self.lines.place(name.span().start),
                name: name.into_inner().into_owned(),
                value: self.toml(value),
            })
            .collect();
        members.sort_by_key(|member| member.place);
        Node { id: self.id(), place, value: Value::Table(Table { members, cut: false }) }
    }

    fn toml(&mut self, value: Spanned<DeValue<'_>>) -> Node {
        let place = self.lines.place(value.span().start);
        let value = match value.into_inner() {
            DeValue::Table(table) => return self.toml_table(table, place),
            DeValue::Array(items) => Value::List(items.into_iter().map(|item| self.toml(item)).collect()),
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Boolean(flag) => Value::Flag(flag),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(whole) => Value::Whole(whole),
                Err(_) => Value::Real(f64::INFINITY),
            },
            DeValue::Float(number) => Value::Real(number.as_str().parse().unwrap_or(f64::INFINITY)),
            DeValue::Datetime(date) => Value::Text(date.to_string()),
        };
        Node { id: self.id(), place, value }
    }

    fn json(&mut self, raw: &'t RawValue) -> serde_json::Result<Node> {
        let text = raw.get();
        let place = self.place_of(text);
        let value = match text.as_bytes().first() {
            Some(b'{') => {
                let members = serde_json::Deserializer::from_str(text).deserialize_map(Members)?;
                Value::Table(self.json_table(members)?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                Value::List(items.into_iter().map(|item| self.json(item)).collect::<Result<_, _>>()?)
            }
            _ => match serde_json::from_str(text)? {
                serde_json::Value::Bool(flag) => Value::Flag(flag),
                serde_json::Value::String(text) => Value::Text(text),
                serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                    (Some(whole), _) => Value::Whole(whole),
                    (None, Some(large)) => Value::Large(large),
                    (None, None) => Value::Real(number.as_f64().unwrap_or(f64::INFINITY)),
                },
                _ => Value::Null,
            },
        };
        Ok(Node { id: self.id(), place, value })
    }

    fn json_table(&mut self, members: Vec<(Cow<'t, str>, &'t RawValue)>) -> serde_json::Result<Table> {
        let mut table = Table::default();
        let mut names = HashSet::new();
        for (name, raw) in members {
            let value = self.json(raw)?;
            let place = match &name {
                Cow::Borrowed(text) => self.before(text),
                // A name with escapes is a copy. Its value is not far.
                Cow::Owned(_) => value.place,
            };
            if names.insert(name.clone()) {
                table.members.push(Member { id: self.id(), name: name.into_owned(), place, value });
            } else {
                self.repeated.push(Mistake::new(format!("duplicate field `{name}`"), place));
            }
        }
        Ok(table)
    }

    /// The place of a part of the text.
    fn place_of(&self, part: &str) -> Place {
        self.lines.place(self.offset(part))
    }

    /// The place of the quotation mark before a part of the text.
    fn before(&self, part: &str) -> Place {
        self.lines.place(self.offset(part).saturating_sub(1))
    }

    fn offset(&self, part: &str) -> usize {
        part.as_ptr().addr().saturating_sub(self.text.as_ptr().addr())
    }
}

/// The members of a JSON object, repeated ones too.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// A name, borrowed from the text if it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        #[derive(Deserialize)]
        struct Text<'t>(#[serde(borrow)] Cow<'t, str>);
        Text::deserialize(deserializer).map(|text| text.0)
    }
}
