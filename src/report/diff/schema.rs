//! The shape of the document of `diff`, for its schema.

use schemars::JsonSchema;
use serde_json::Value;

/// The document of `diff`. What was not compared is null.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is of use")]
pub(in crate::report) struct Shape {
    schema: String,
    /// The paths of both images.
    images: Sides<String>,
    /// Whether nothing differs.
    same: bool,
    packages: Option<Vec<Package>>,
    /// Packages built anew in the same version.
    rebuilt: Option<Vec<Rebuilt>>,
    /// Store paths.
    paths: Option<Paths>,
    nar_size_delta: Option<i64>,
    systems: Option<Vec<Change>>,
    volume: Option<Vec<Change>>,
    users: Option<Vec<User>>,
    keys: Option<Moved<Key>>,
    sshd: Option<Vec<Change>>,
    units: Option<Vec<Change>>,
    ports: Option<Vec<Change>>,
    firewall: Option<Vec<Change>>,
    findings: Option<Moved<String>>,
    boot: Option<Boot>,
    files: Option<Vec<Change>>,
    /// Store paths whose files were compared.
    objects: Option<Vec<Object>>,
    /// What differs between two builds of the same image.
    noise: Option<Vec<Change>>,
    /// The answer of `--reproducible`.
    reproducible: Option<Reproducible>,
    troubles: Vec<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Sides<T> {
    old: T,
    new: T,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Moved<T> {
    added: Vec<T>,
    removed: Vec<T>,
}

/// A named value, null where it is not there.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Change {
    what: String,
    old: Value,
    new: Value,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is of use")]
struct Package {
    pname: String,
    old_pname: Option<String>,
    status: String,
    selection: String,
    /// The versions.
    old: Vec<String>,
    new: Vec<String>,
    nar_size_delta: Option<i64>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Rebuilt {
    pname: String,
    paths: usize,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Paths {
    added: Vec<String>,
    removed: Vec<String>,
    changed: Vec<Sides<String>>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct User {
    system: Option<String>,
    name: String,
    status: String,
    changes: Vec<Change>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Key {
    system: Option<String>,
    user: String,
    r#type: String,
    fingerprint: String,
    comment: String,
    options: String,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Boot {
    menu: Vec<Change>,
    initrd: Vec<Change>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is of use")]
struct Object {
    old: String,
    new: String,
    files: Vec<File>,
    /// Files that were not compared.
    unread: usize,
    only_hash_parts: bool,
    troubles: Vec<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "only its schema is of use")]
struct File {
    path: String,
    path_base64: Option<String>,
    old: Option<Facts>,
    new: Option<Facts>,
    content: Option<Content>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Facts {
    r#type: String,
    size: Option<u64>,
    mode: Value,
    target: Option<String>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Content {
    /// `text`, `binary`, `layout` or `secrets`.
    kind: String,
    /// Lines as `diff -u` prints them.
    lines: Vec<String>,
    /// How many more lines there are.
    further: usize,
    /// The first byte that differs.
    offset: Option<u64>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct Reproducible {
    verdict: String,
    /// The first file that differs.
    first: Option<First>,
    /// The first byte of the image that differs.
    image: Option<First>,
    files: usize,
    differences: Vec<Change>,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
struct First {
    structure: String,
    path: Option<String>,
    offset: Option<u64>,
    message: String,
}
