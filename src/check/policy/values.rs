//! Values in a policy's tables. They are checked while they are read, so that a mistake has its own line and column.

use std::fmt;
use std::marker::PhantomData;

use globset::Glob;
use serde::de::value::StrDeserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::size;
use super::tables::{OneOrMany, RootLogin, RootLoginWord, Size};
use crate::store::version::Requirement;

/// A requirement for a version.
pub(super) fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, |text| requirement(text).map(drop))
}

pub(super) fn requirement(text: &str) -> Result<Requirement, String> {
    Requirement::parse(text).ok_or_else(|| format!("{text:?} is not a version: write 1.2, >=1.2, ^1 or 1.*"))
}

/// A mode. A number would be decimal in JSON and TOML, and nobody means that.
pub(super) fn mode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct ModeVisitor;
    impl Visitor<'_> for ModeVisitor {
        type Value = String;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a mode such as \"0644\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
            Err(E::custom(format!("a mode is text; write mode = \"{number:04}\"")))
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
            Err(E::custom(format!("a mode is text; write mode = \"{number:04}\"")))
        }
    }
    deserializer.deserialize_any(ModeVisitor).map(Some)
}

/// A glob.
pub(super) fn glob<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, |text| Glob::new(text).map(drop).map_err(|_| format!("{text:?} is not a glob")))
}

/// A name of a user or a platform, if one is given.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    checked(deserializer, word)
}

/// A name that must be given.
pub(super) fn needed_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    word(&text).map_err(Error::custom)?;
    Ok(text)
}

/// Parameters of a kernel line.
pub(super) fn params<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let all = Vec::<String>::deserialize(deserializer)?;
    all.iter().try_for_each(|text| word(text)).map_err(Error::custom)?;
    Ok(all)
}

/// Whether a policy can name something so: an empty text, or one with blanks, is taken for a mistake.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

fn word(text: &str) -> Result<(), String> {
    if !is_name(text) {
        return Err(format!("{text:?} is not a name: it is empty, or has blanks"));
    }
    Ok(())
}

fn checked<'de, D: Deserializer<'de>>(
    deserializer: D,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.as_deref().map_or(Ok(()), check).map_err(Error::custom)?;
    Ok(text)
}

/// The rest of a list, which must not be empty.
fn list<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(mut items: A) -> Result<Vec<T>, A::Error> {
    let mut all = Vec::new();
    while let Some(item) = items.next_element()? {
        all.push(item);
    }
    if all.is_empty() { Err(Error::custom("an empty list asserts nothing; give at least one")) } else { Ok(all) }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a word, or a list of words")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(StrDeserializer::new(text)).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        list(items).map(OneOrMany::Many)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number of bytes, or a text such as \"1.5 GiB\"")
    }

    fn visit_u64<E: Error>(self, bytes: u64) -> Result<Size, E> {
        Ok(Size::Bytes(bytes))
    }

    fn visit_i64<E: Error>(self, bytes: i64) -> Result<Size, E> {
        u64::try_from(bytes).map(Size::Bytes).map_err(|_| E::custom(format!("{bytes} is not a size")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Size, E> {
        size::parse(text).map_err(E::custom)?;
        Ok(Size::Text(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

struct RootLoginVisitor;

impl<'de> Visitor<'de> for RootLoginVisitor {
    type Value = RootLogin;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("true, false, a value of PermitRootLogin or a list of such")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<RootLogin, E> {
        Ok(RootLogin::Flag(flag))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RootLogin, E> {
        RootLoginWord::deserialize(StrDeserializer::new(text)).map(RootLogin::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<RootLogin, A::Error> {
        list(items).map(RootLogin::Many)
    }
}

impl<'de> Deserialize<'de> for RootLogin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RootLoginVisitor)
    }
}
