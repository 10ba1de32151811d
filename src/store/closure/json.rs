//! `nix path-info --json` in all its forms since Nix 2.3, and similar lists.

use serde_json::{Map, Value};

use super::{Closure, EXPECTED, Member};
use crate::store::{StorePath, sha256};

/// Documents of other tools: a field that only they have, and what they are.
const OTHERS: [(&str, &str); 3] =
    [("bomFormat", "a bill of materials"), ("spdxVersion", "a bill of materials"), ("runs", "a SARIF report")];

/// Fields that hold the store paths in our own documents, and in the newest form of Nix's.
const INNER: [&str; 3] = ["info", "paths", "packages"];

pub(super) fn read(closure: &mut Closure, text: &[u8]) -> Result<(), String> {
    let document: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if let Some(what) = foreign(&document) {
        return Err(format!("this is {what}; expected {EXPECTED}"));
    }
    let inner =
        INNER.into_iter().find_map(|name| document.get(name).filter(|inner| inner.is_array() || inner.is_object()));
    match inner.unwrap_or(&document) {
        Value::Array(all) => all.iter().try_for_each(|item| match item {
            Value::String(path) => insert(closure, path, &Value::Null),
            item => insert(closure, item.get("path").and_then(Value::as_str).ok_or("an entry has no path")?, item),
        }),
        Value::Object(all) => all.iter().try_for_each(|(path, info)| insert(closure, path, info)),
        _ => Err("neither a list nor an object".to_owned()),
    }
}

/// What a document is, if it is none of these.
fn foreign(document: &Value) -> Option<String> {
    let other = OTHERS.iter().find(|(field, _)| document.get(field).is_some());
    if let Some((_, what)) = other {
        return Some((*what).to_owned());
    }
    let schema = document.get("schema").and_then(Value::as_str);
    let own = schema.and_then(|schema| schema.strip_prefix("nixoscope.")?.split('.').next());
    if let Some(command) = own.filter(|command| !matches!(*command, "manifest" | "packages")) {
        return Some(format!("a document of nixoscope {command}"));
    }
    let is_derivation = |value: &Value| value.get("outputs").is_some() && value.get("narHash").is_none();
    let mut members = document.as_object().into_iter().flat_map(Map::values);
    members.any(is_derivation).then(|| "the output of nix derivation show".to_owned())
}

fn insert(closure: &mut Closure, path: &str, info: &Value) -> Result<(), String> {
    let known = store_path(path).ok_or_else(|| format!("{path:?} is not a store path; expected {EXPECTED}"))?;
    let nar_hash = match info.get("narHash") {
        None | Some(Value::Null) => None,
        Some(hash) => Some(digest(hash).ok_or_else(|| format!("the narHash of {known} is not a SHA-256"))?),
    };
    let references = info.get("references").and_then(Value::as_array).into_iter().flatten();
    let references = references.filter_map(|reference| store_path(reference.as_str()?)).collect();
    closure.insert(known, Member { nar_hash, nar_size: info.get("narSize").and_then(Value::as_u64), references });
    Ok(())
}

/// A digest as text, or since Nix 2.33 as an object.
fn digest(hash: &Value) -> Option<[u8; 32]> {
    match hash {
        Value::String(text) => sha256::parse(text),
        Value::Object(parts) => {
            let is_sha256 = parts.get("algorithm").is_none_or(|algorithm| algorithm == "sha256");
            sha256::parse(parts.get("hash")?.as_str()?).filter(|_| is_sha256)
        }
        _ => None,
    }
}

fn store_path(text: &str) -> Option<StorePath> {
    StorePath::from_path(text.as_bytes()).or_else(|| StorePath::from_base(text.as_bytes()))
}
