//! A comparison as a document.

use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::diff::{Change, Content, Difference, FileChange, FileFacts, KeyChange, ObjectChange};
use crate::report::files;

/// The document of `diff`.
///
/// # Errors
/// What the writer meets.
pub fn json(out: &mut dyn Write, difference: &Difference) -> serde_json::Result<()> {
    let parts = &difference.parts;
    let packages = difference.packages.iter().map(|change| Package {
        pname: &change.pname,
        status: change.status.name(),
        selection: change.selection.name(),
        old: &change.old,
        new: &change.new,
        nar_size_delta: change.nar_size_delta,
    });
    let changed: Vec<Value> = difference.changed.iter().map(|(old, new)| json!({"old": old, "new": new})).collect();
    let rebuilt: Vec<Value> = difference
        .rebuilt
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, count)| json!({"pname": name, "paths": count}))
        .collect();
    let users: Vec<Value> = parts
        .users
        .iter()
        .map(|user| json!({"system": user.system, "name": user.name, "changes": told(&user.changes)}))
        .collect();
    let key = |KeyChange { system, key }: &KeyChange| {
        json!({
            "system": system,
            "user": key.user,
            "type": key.r#type,
            "fingerprint": key.fingerprint,
            "comment": key.comment,
            "options": key.options,
        })
    };
    let document = json!({
        "schema": "nixoscope.diff.v1",
        "same": difference.is_none() && difference.troubles.is_empty(),
        "packages": packages.collect::<Vec<_>>(),
        "rebuilt": rebuilt,
        "paths": {"added": difference.added, "removed": difference.removed, "changed": changed},
        "narSizeDelta": difference.nar_size_delta,
        "systems": told(&parts.systems),
        "volume": told(&parts.volume),
        "users": users,
        "keys": {
            "added": parts.keys_added.iter().map(key).collect::<Vec<_>>(),
            "removed": parts.keys_removed.iter().map(key).collect::<Vec<_>>(),
        },
        "sshd": told(&parts.sshd),
        "findings": {"added": parts.findings_added, "removed": parts.findings_removed},
        "boot": {"menu": told(&parts.boot), "initrd": told(&parts.initrd)},
        "files": told(&parts.files),
        "objects": difference.objects.iter().map(object).collect::<Vec<_>>(),
        "noise": told(&parts.noise),
        "reproducible": null,
        "troubles": difference.troubles,
    });
    serde_json::to_writer(&mut *out, &document)?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

/// What a document has where only builds were compared: nobody asked for the rest.
pub(super) const UNASKED: [&str; 14] = [
    "packages",
    "rebuilt",
    "paths",
    "narSizeDelta",
    "systems",
    "volume",
    "users",
    "keys",
    "sshd",
    "findings",
    "boot",
    "files",
    "objects",
    "noise",
];

pub(super) fn told(changes: &[Change]) -> Vec<Value> {
    changes.iter().map(|Change { what, old, new }| json!({"what": what, "old": old, "new": new})).collect()
}

fn object(object: &ObjectChange) -> Value {
    json!({
        "old": object.old,
        "new": object.new,
        "files": object.files.iter().map(file).collect::<Vec<_>>(),
        "unread": object.unread,
        "onlyHashParts": object.only_hash_parts,
        "troubles": object.troubles.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn file(change: &FileChange) -> Value {
    let facts = |facts: &FileFacts| {
        json!({
            "type": files::type_name(facts.file_type),
            "size": facts.size,
            "mode": facts.mode,
            "target": facts.target,
        })
    };
    let content = change.content.as_ref().map(|content| match content {
        Content::Text { lines, further } => json!({"kind": "text", "lines": lines, "further": further, "offset": null}),
        Content::Binary { offset } => json!({"kind": "binary", "lines": [], "further": 0, "offset": offset}),
        Content::Layout => json!({"kind": "layout", "lines": [], "further": 0, "offset": null}),
        Content::Secrets => json!({"kind": "secrets", "lines": [], "further": 0, "offset": null}),
    });
    json!({
        "path": files::text(&change.path),
        "pathBase64": files::raw(&change.path),
        "old": change.old.as_ref().map(facts),
        "new": change.new.as_ref().map(facts),
        "content": content,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'d> {
    pname: &'d str,
    status: &'static str,
    selection: &'static str,
    old: &'d [String],
    new: &'d [String],
    nar_size_delta: Option<i64>,
}
