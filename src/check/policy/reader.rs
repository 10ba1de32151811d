//! Reads the tables of a policy from its tree, with serde.

use std::slice;

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::mistake::Mistake;
use super::node::{Member, Node, Value};

/// A newtype of this name is read as a list of two: its lines by the names of the members, its own without a name; and what it is.
pub(super) const WITH_LINES: &str = "$lines";

impl<'de> Deserializer<'de> for &'de Node {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let found = match &self.value {
            Value::Null => visitor.visit_unit(),
            Value::Flag(flag) => visitor.visit_bool(*flag),
            Value::Whole(number) => visitor.visit_i64(*number),
            Value::Large(number) => visitor.visit_u64(*number),
            Value::Real(number) => visitor.visit_f64(*number),
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter())),
            Value::Table(table) => visitor.visit_map(Members { rest: table.members.iter(), value: None }),
        };
        found.map_err(|mistake| mistake.of(self.id, self.place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let found = match &self.value {
            Value::Text(text) => visitor.visit_enum(StrDeserializer::<Mistake>::new(text)),
            other => Err(Mistake::invalid_type(other.kind(), &"a word")),
        };
        found.map_err(|mistake| mistake.of(self.id, self.place))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        let found = match name {
            WITH_LINES => visitor.visit_seq(WithLines { node: self, given: 0 }),
            _ => visitor.visit_newtype_struct(self),
        };
        found.map_err(|mistake| mistake.of(self.id, self.place))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'n> IntoDeserializer<'n, Mistake> for &'n Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Value {
    /// What serde calls it in messages.
    fn kind(&self) -> Unexpected<'_> {
        match self {
            Self::Null => Unexpected::Unit,
            Self::Flag(flag) => Unexpected::Bool(*flag),
            Self::Whole(number) => Unexpected::Signed(*number),
            Self::Large(number) => Unexpected::Unsigned(*number),
            Self::Real(number) => Unexpected::Float(*number),
            Self::Text(text) => Unexpected::Str(text),
            Self::List(_) => Unexpected::Seq,
            Self::Table(_) => Unexpected::Map,
        }
    }
}

struct Members<'n> {
    rest: slice::Iter<'n, Member>,
    /// The value of the last name.
    value: Option<&'n Node>,
}

impl<'n> MapAccess<'n> for Members<'n> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        let Some(member) = self.rest.next() else { return Ok(None) };
        self.value = Some(&member.value);
        let name = seed.deserialize(StrDeserializer::<Mistake>::new(&member.name));
        name.map(Some).map_err(|mistake| mistake.of(member.id, member.place))
    }

    fn next_value_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<S::Value, Mistake> {
        let value = self.value.take().ok_or_else(|| Mistake::custom("a value without a name"))?;
        // Some values are refused only after serde has read them.
        seed.deserialize(value).map_err(|mistake| mistake.of(value.id, value.place))
    }
}

/// The lines of a node, then the node.
struct WithLines<'n> {
    node: &'n Node,
    given: usize,
}

impl<'n> SeqAccess<'n> for WithLines<'n> {
    type Error = Mistake;

    fn next_element_seed<S: DeserializeSeed<'n>>(&mut self, seed: S) -> Result<Option<S::Value>, Mistake> {
        self.given += 1;
        match self.given {
            1 => {
                let members = match &self.node.value {
                    Value::Table(table) => table.members.as_slice(),
                    _ => &[],
                };
                let lines = members.iter().map(|member| (member.name.as_str(), member.place.line));
                let all = lines.chain([("", self.node.place.line)]);
                seed.deserialize(MapDeserializer::<_, Mistake>::new(all)).map(Some)
            }
            2 => seed.deserialize(self.node).map(Some),
            _ => Ok(None),
        }
    }
}
