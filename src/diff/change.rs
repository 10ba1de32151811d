//! Named values that two images do not share.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::Pair;
use super::facts::UnitStart;

/// A named value that differs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// Its name.
    pub what: String,
    /// Its values. An image that lacks it has `None`.
    pub values: Pair<Option<Value>>,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A text, which may be empty.
    Text(String),
    /// A number.
    Number(u64),
    /// Whether something holds.
    Flag(bool),
    /// Several texts.
    List(Vec<String>),
    /// In how many menu entries a parameter is.
    Entries(usize),
    /// How a unit starts, and its condition. The condition of a unit that starts on demand fails.
    #[serde(serialize_with = "start")]
    Start(UnitStart, Option<String>),
    /// A member of an initrd.
    Member {
        /// Type and permission bits in octal.
        mode: String,
        /// Length in bytes.
        size: u64,
        /// SHA-256 of the part of its contents that is compared.
        sha256: Option<String>,
    },
    /// A file of the disc.
    File {
        /// Length in bytes.
        size: u64,
        /// SHA-256 of the part of its contents that is compared, if they were read.
        sha256: Option<String>,
    },
}

impl Value {
    /// Whether it says nothing: an empty text or list.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::List(texts) => texts.is_empty(),
            Self::Number(_) | Self::Flag(_) | Self::Entries(_) | Self::Start(..) => false,
            Self::Member { .. } | Self::File { .. } => false,
        }
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&Vec<String>> for Value {
    fn from(texts: &Vec<String>) -> Self {
        Self::List(texts.clone())
    }
}

impl Change {
    /// Drops an empty value that only one image has: nothing is lost or gained with it.
    pub(super) fn is_empty(&self) -> bool {
        match &self.values {
            Pair { old: Some(one), new: None } | Pair { old: None, new: Some(one) } => one.is_empty(),
            Pair { old, new } => [old, new].into_iter().flatten().all(Value::is_empty),
        }
    }
}

/// The word for how a unit starts, with its condition.
fn start<S: Serializer>(start: &UnitStart, condition: &Option<String>, out: S) -> Result<S::Ok, S::Error> {
    match (start, condition) {
        (start, None) => start.serialize(out),
        (UnitStart::Manual, Some(condition)) => out.collect_str(&format_args!("never: {condition}")),
        (start, Some(condition)) => out.collect_str(&format_args!("{} if {condition}", start.name())),
    }
}

/// Values by name.
pub(super) type Named = BTreeMap<String, Value>;

/// The values that differ, by name.
pub(super) fn changes(named: Pair<&Named>) -> Vec<Change> {
    let names: BTreeSet<&String> = named.into_iter().flat_map(BTreeMap::keys).collect();
    let change = |name: &String| {
        let values = named.map(|named| named.get(name));
        values.differs().then(|| Change { what: name.clone(), values: values.map(Option::<&Value>::cloned) })
    };
    names.into_iter().filter_map(change).collect()
}

/// Values by name. Values of the same name get a number.
pub(super) fn numbered<T>(all: impl IntoIterator<Item = (String, T)>) -> BTreeMap<String, T> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut by_name = BTreeMap::new();
    for (mut name, value) in all {
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            name = format!("{name} ({times})");
        }
        by_name.insert(name, value);
    }
    by_name
}
