//! A comparison as a document.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use crate::diff::{
    Change, Content, Difference, FileChange, FileFacts, KeyChange, ObjectChange, Pair, PathChanges, UserChange,
};
use crate::report::{document, files};
use crate::store::StorePath;

/// The document of `diff`. `images` are the paths of both images, or of manifests that do not name theirs.
///
/// # Errors
/// If the writer fails.
pub fn json(out: &mut dyn Write, difference: &Difference, images: Pair<&Path>) -> serde_json::Result<()> {
    let parts = &difference.parts;
    let packages = difference.packages.iter().map(|change| Package {
        pname: &change.pname,
        old_pname: change.old_pname.as_deref(),
        status: change.status.name(),
        selection: change.selection.name(),
        old: &change.versions.old,
        new: &change.versions.new,
        nar_size_delta: change.nar_size_delta,
    });
    let document = json!({
        "schema": "nixoscope.diff.v1",
        "images": paths_of(images),
        "same": difference.is_none() && difference.troubles.is_empty(),
        "packages": packages.collect::<Vec<_>>(),
        "rebuilt": rebuilt(&difference.paths),
        "paths": paths(&difference.paths),
        "narSizeDelta": difference.nar_size_delta,
        "systems": changes(&parts.systems),
        "volume": changes(&parts.volume),
        "users": parts.users.iter().map(user).collect::<Vec<_>>(),
        "keys": {
            "added": parts.keys.new.iter().map(key).collect::<Vec<_>>(),
            "removed": parts.keys.old.iter().map(key).collect::<Vec<_>>(),
        },
        "sshd": changes(&parts.sshd),
        "units": parts.units.as_ref().map(|found| changes(&found.units)),
        "ports": parts.units.as_ref().map(|found| changes(&found.ports)),
        "firewall": parts.units.as_ref().map(|found| changes(&found.firewall)),
        "findings": {"added": parts.findings.new, "removed": parts.findings.old},
        "boot": {"menu": changes(&parts.boot), "initrd": changes(&parts.initrd)},
        "files": changes(&parts.files),
        "objects": difference.objects.iter().map(object).collect::<Vec<_>>(),
        "noise": changes(&parts.noise),
        "reproducible": null,
        "troubles": difference.troubles,
    });
    document::line(out, &document)
}

/// Fields that are null in a document of `--reproducible`.
pub(super) const UNASKED: [&str; 17] = [
    "packages",
    "rebuilt",
    "paths",
    "narSizeDelta",
    "systems",
    "volume",
    "users",
    "keys",
    "sshd",
    "units",
    "ports",
    "firewall",
    "findings",
    "boot",
    "files",
    "objects",
    "noise",
];

/// The paths of both images.
pub(super) fn paths_of(images: Pair<&Path>) -> Value {
    json!({"old": images.old.display().to_string(), "new": images.new.display().to_string()})
}

pub(super) fn changes(changes: &[Change]) -> Vec<Value> {
    let change = |change: &Change| json!({"what": change.what, "old": change.values.old, "new": change.values.new});
    changes.iter().map(change).collect()
}

fn rebuilt(paths: &PathChanges) -> Vec<Value> {
    let named = paths.rebuilt.iter().filter(|rebuilt| rebuilt.pname.is_some());
    named.map(|rebuilt| json!({"pname": rebuilt.pname, "paths": rebuilt.paths})).collect()
}

fn paths(paths: &PathChanges) -> Value {
    let texts = |paths: &[StorePath]| paths.iter().map(ToString::to_string).collect::<Vec<_>>();
    let pair = |pair: &Pair<StorePath>| json!({"old": pair.old.to_string(), "new": pair.new.to_string()});
    json!({
        "added": texts(&paths.added),
        "removed": texts(&paths.removed),
        "changed": paths.changed.iter().map(pair).collect::<Vec<_>>(),
    })
}

fn user(user: &UserChange) -> Value {
    json!({"system": user.system, "name": user.name, "status": user.presence.name(), "changes": changes(&user.changes)})
}

fn key(KeyChange { system, key }: &KeyChange) -> Value {
    json!({
        "system": system,
        "user": key.user,
        "type": key.r#type,
        "fingerprint": key.fingerprint,
        "comment": key.comment,
        "options": key.options,
    })
}

fn object(object: &ObjectChange) -> Value {
    json!({
        "old": object.paths.old.to_string(),
        "new": object.paths.new.to_string(),
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
        "old": change.facts.old.as_ref().map(facts),
        "new": change.facts.new.as_ref().map(facts),
        "content": content,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'d> {
    pname: &'d str,
    old_pname: Option<&'d str>,
    status: &'static str,
    selection: &'static str,
    old: &'d [String],
    new: &'d [String],
    nar_size_delta: Option<i64>,
}
