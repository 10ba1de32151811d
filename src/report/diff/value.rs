//! Changes of values, in words.

use std::borrow::Cow;

use crate::diff::{Change, Pair, UnitStart, Value};

/// Digits of a hash that a line shows.
const DIGITS: usize = 12;

/// A line for each change.
pub(super) fn changes(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| line(&change.what, &change.values)).collect()
}

/// A line for a change of something that has a name.
pub(super) fn of(name: &str, change: &Change) -> String {
    line(&format!("{name}, {}", change.what), &change.values)
}

fn line(what: &str, values: &Pair<Option<Value>>) -> String {
    match values.as_ref().map(|value| value.as_ref().map(words)) {
        Pair { old: Some(old), new: Some(new) } => format!("~ {what}: {old} -> {new}"),
        Pair { old: None, new: Some(new) } => format!("+ {what}: {new}"),
        Pair { old: Some(old), new: None } => format!("- {what}: {old}"),
        Pair { old: None, new: None } => what.to_owned(),
    }
}

/// A value in words.
pub(super) fn words(value: &Value) -> Cow<'_, str> {
    let text = match value {
        value if value.is_empty() => return Cow::Borrowed("nothing"),
        Value::Text(text) => return Cow::Borrowed(text),
        Value::Flag(holds) => return Cow::Borrowed(if *holds { "yes" } else { "no" }),
        Value::Start(UnitStart::Manual, Some(condition)) => format!("does not start: {condition} does not hold"),
        Value::Start(start, Some(condition)) => format!("{} if {condition} holds", start_words(*start)),
        Value::Start(start, None) => return Cow::Borrowed(start_words(*start)),
        Value::Number(number) => number.to_string(),
        Value::List(texts) => texts.join(", "),
        Value::Entries(1) => "in 1 entry".to_owned(),
        Value::Entries(count) => format!("in {count} entries"),
        Value::File { size, sha256 } => format!("{size} bytes{}", hash(sha256.as_ref())),
        Value::Member { mode, size: 0, .. } if mode.starts_with("04") => format!("directory, mode {mode}"),
        Value::Member { mode, size: 0, .. } => format!("empty, mode {mode}"),
        Value::Member { mode, size, sha256 } => format!("{size} bytes, mode {mode}{}", hash(sha256.as_ref())),
    };
    Cow::Owned(text)
}

fn start_words(start: UnitStart) -> &'static str {
    match start {
        UnitStart::Boot => "starts at boot",
        UnitStart::Trigger => "starts when triggered",
        UnitStart::Manual => "starts on demand",
        UnitStart::Masked => "masked",
    }
}

fn hash(sha256: Option<&String>) -> String {
    sha256.map(|digits| format!(", sha256 {}", digits.get(..DIGITS).unwrap_or(digits))).unwrap_or_default()
}
