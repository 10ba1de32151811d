//! Methods of texts and arrays.

use std::rc::Rc;

use super::value::{Doubt, Value};

/// Limit for the memory of a regular expression, in bytes.
const LARGEST_REGEX: usize = 1 << 16;

/// Calls a method of a text. An unknown result is [`Doubt::Code`].
pub(super) fn of_text(text: &str, method: &str, arguments: &[Value]) -> Value {
    let first = match arguments.first() {
        Some(Value::Unknown(doubt)) => return Value::Unknown(*doubt),
        first => first,
    };
    match (method, first) {
        ("indexOf", Some(Value::Text(part))) => place(text.find(&**part)),
        ("lastIndexOf", Some(Value::Text(part))) => place(text.rfind(&**part)),
        ("startsWith", Some(Value::Text(part))) => Value::Bool(text.starts_with(&**part)),
        ("endsWith", Some(Value::Text(part))) => Value::Bool(text.ends_with(&**part)),
        ("includes", Some(Value::Text(part))) => Value::Bool(text.contains(&**part)),
        ("match", Some(Value::Regex(pattern, flags))) => match matches(pattern, flags, text) {
            Some(true) => Value::Array(Rc::new(vec![Value::text(text)])),
            Some(false) => Value::Undefined,
            None => Value::Unknown(Doubt::Code),
        },
        ("search", Some(Value::Regex(pattern, flags))) => match matches(pattern, flags, text) {
            Some(false) => Value::Number(-1.0),
            _ => Value::Unknown(Doubt::Code),
        },
        ("substring" | "slice" | "substr", Some(Value::Number(from))) => {
            let number = |value: Option<&Value>| match value {
                Some(Value::Number(number)) if *number >= 0.0 => Some(*number),
                _ => None,
            };
            let letters: Vec<char> = text.chars().collect();
            let from = letters.iter().enumerate().skip_while(|(at, _)| (*at as f64) < *from);
            let end = match (arguments.len(), number(arguments.get(1))) {
                (1, _) => letters.len() as f64,
                (_, Some(length)) if method == "substr" => length + number(first).unwrap_or_default(),
                (_, Some(end)) => end,
                _ => return Value::Unknown(Doubt::Code),
            };
            Value::text(&from.take_while(|(at, _)| (*at as f64) < end).map(|(_, letter)| *letter).collect::<String>())
        }
        ("toLowerCase", None) => Value::text(&text.to_lowercase()),
        ("toUpperCase", None) => Value::text(&text.to_uppercase()),
        ("trim", None) => Value::text(text.trim()),
        ("toString", None) => Value::text(text),
        ("split", Some(Value::Text(sign))) if !sign.is_empty() => {
            Value::Array(Rc::new(text.split(&**sign).map(Value::text).collect()))
        }
        _ => Value::Unknown(Doubt::Code),
    }
}

/// The position of a value in an array.
pub(super) fn of_array(all: &[Value], method: &str, arguments: &[Value]) -> Value {
    let Some(wanted) = arguments.first() else { return Value::Unknown(Doubt::Code) };
    let mut doubt = None;
    let mut at = None;
    for (index, value) in all.iter().enumerate() {
        match value.equals(wanted) {
            Value::Bool(true) => {
                at = Some(index);
                break;
            }
            Value::Unknown(own) => doubt = Some(own),
            _ => {}
        }
    }
    match (at, doubt, method) {
        (None, Some(doubt), _) => Value::Unknown(doubt),
        (at, _, "indexOf" | "lastIndexOf") => place(at),
        (at, _, "includes") => Value::Bool(at.is_some()),
        _ => Value::Unknown(Doubt::Code),
    }
}

/// Whether a regular expression matches a part of a text. `None` if the expression is not understood.
pub(super) fn matches(pattern: &str, flags: &str, text: &str) -> Option<bool> {
    let mut builder = regex::RegexBuilder::new(pattern);
    builder.size_limit(LARGEST_REGEX).case_insensitive(flags.contains('i')).multi_line(flags.contains('m'));
    builder.build().ok().map(|regex| regex.is_match(text))
}

fn place(at: Option<usize>) -> Value {
    Value::Number(at.map_or(-1.0, |at| u32::try_from(at).map_or(f64::MAX, f64::from)))
}
