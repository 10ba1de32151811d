//! Lists of files, for `ls` and `find`.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::Path;

use serde::{Serialize, Serializer};

use super::document::{self, About, Document, Messages};
#[cfg(feature = "cli")]
use super::table::{self, Layout};
use super::{escape, size};
use crate::error::{Result, Troubles};
use crate::fs::walk::Visit;
use crate::fs::{FileType, Kind, Node};
use crate::nixos::software::shown;
use crate::store::StorePath;

/// One line with the path alone; a directory is marked as such.
///
/// # Errors
/// If the writer fails.
pub fn short_line(out: &mut dyn Write, visit: &Visit) -> io::Result<()> {
    let mark = if visit.file_type == FileType::Directory { "/" } else { "" };
    writeln!(out, "{}{mark}", escape(&visit.path))
}

/// How sizes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// As bytes.
    Bytes,
    /// In binary units.
    Units,
}

/// One line as `ls -l` has it, with the owner by number and the time in UTC.
///
/// # Errors
/// If the writer fails.
pub fn long_line(out: &mut dyn Write, visit: &Visit, node: &Node, sizes: Sizes) -> io::Result<()> {
    let size = match &node.kind {
        Kind::File { size } if sizes == Sizes::Units => size::format(*size),
        Kind::File { size } => size.to_string(),
        Kind::Symlink { target } => target.len().to_string(),
        Kind::CharDevice(device) | Kind::BlockDevice(device) => format!("{}, {}", device.major, device.minor),
        _ => "-".to_owned(),
    };
    let (mode, owner) = (mode(node), format!("{}/{}", node.uid, node.gid));
    write!(out, "{mode} {owner:>7} {size:>12} {} {}", time(node.mtime), escape(&visit.path))?;
    match &node.kind {
        Kind::Symlink { target } => writeln!(out, " -> {}", escape(target)),
        _ => writeln!(out),
    }
}

/// The document of `ls`, written while the entries are read. What cannot be read is added to `troubles`, which end the document.
///
/// # Errors
/// If the writer fails.
pub fn json(
    out: &mut dyn Write,
    image: &Path,
    troubles: &mut Troubles,
    entries: impl Iterator<Item = Result<(Visit, Node)>>,
) -> serde_json::Result<()> {
    let troubles = RefCell::new(troubles);
    let entries = entries.filter_map(|entry| troubles.borrow_mut().keep(entry));
    let entries = Sequence(RefCell::new(entries.map(|(visit, node)| FileEntry::new(&visit, &node))));
    let image = image.display().to_string();
    let document = Document { schema: "nixoscope.ls.v1", image, body: Body { entries }, troubles: Late(&troubles) };
    document::line(out, &document)
}

/// The document of `find`: files, each with the store path that holds it.
///
/// # Errors
/// If the writer fails.
pub fn owned_json(out: &mut dyn Write, about: About<'_>, entries: &[(Visit, Node)]) -> serde_json::Result<()> {
    let owned = entries.iter().map(|(visit, node)| OwnedEntry {
        entry: FileEntry::new(visit, node),
        store_path: StorePath::containing(&visit.path).map(|(path, _)| path.to_string()),
    });
    document::write(out, "nixoscope.find.v1", about, &Body { entries: owned.collect::<Vec<_>>() })
}

/// A table of files with the packages that own them.
///
/// # Errors
/// If the writer fails.
#[cfg(feature = "cli")]
pub fn owned_table(out: &mut dyn Write, entries: &[(Visit, Node)], layout: Layout) -> io::Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut table = table::new(&["PACKAGE", "TYPE", "PATH"], layout);
    for (visit, node) in entries {
        let owner = StorePath::containing(&visit.path).map(|(path, _)| shown(&path)).unwrap_or_default();
        let path = match &node.kind {
            Kind::Symlink { target } => format!("{} -> {}", escape(&visit.path), escape(target)),
            _ => escape(&visit.path).into_owned(),
        };
        table.add_row([owner, type_name(visit.file_type).to_owned(), path]);
    }
    table::write(out, table)
}

/// The shape of the documents of `ls` and `find`, for their schemas.
#[cfg(test)]
pub(super) type Shape<E> = document::Shape<Body<Vec<E>>>;

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct Body<E> {
    entries: E,
}

/// Troubles that are still being collected while the entries before them are written.
struct Late<'l, 't>(&'l RefCell<&'t mut Troubles>);

impl Serialize for Late<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        Messages(&self.0.borrow()).serialize(serializer)
    }
}

/// Writes the items of an iterator, which is used up.
struct Sequence<I>(RefCell<I>);

impl<I: Iterator<Item: Serialize>> Serialize for Sequence<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(&mut *self.0.borrow_mut())
    }
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
pub(super) struct OwnedEntry {
    #[serde(flatten)]
    entry: FileEntry,
    #[serde(rename = "storePath")]
    store_path: Option<String>,
}

#[cfg_attr(test, derive(schemars::JsonSchema))]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileEntry {
    path: String,
    path_base64: Option<String>,
    r#type: &'static str,
    size: Option<u64>,
    mode: u16,
    uid: u32,
    gid: u32,
    mtime: i64,
    target: Option<String>,
    target_base64: Option<String>,
}

impl FileEntry {
    fn new(visit: &Visit, node: &Node) -> Self {
        let (size, target) = match &node.kind {
            Kind::File { size } => (Some(*size), None),
            Kind::Symlink { target } => (None, Some(target.as_slice())),
            _ => (None, None),
        };
        Self {
            path: text(&visit.path),
            path_base64: raw(&visit.path),
            r#type: type_name(visit.file_type),
            size,
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            mtime: node.mtime,
            target: target.map(text),
            target_base64: target.and_then(raw),
        }
    }
}

/// The bytes as a text, in which bytes that are not UTF-8 are escaped. JSON escapes the rest itself.
pub(super) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => escape(bytes).into_owned(),
    }
}

pub(super) fn raw(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).is_err().then(|| data_encoding::BASE64.encode(bytes))
}

pub(super) fn type_name(file_type: FileType) -> &'static str {
    match file_type {
        FileType::File => "file",
        FileType::Directory => "directory",
        FileType::Symlink => "symlink",
        FileType::CharDevice => "char-device",
        FileType::BlockDevice => "block-device",
        FileType::Fifo => "fifo",
        FileType::Socket => "socket",
    }
}

/// Type and permissions in ten letters, as `ls -l` writes them.
fn mode(node: &Node) -> String {
    let kind = match node.kind.file_type() {
        FileType::File => '-',
        FileType::Directory => 'd',
        FileType::Symlink => 'l',
        FileType::CharDevice => 'c',
        FileType::BlockDevice => 'b',
        FileType::Fifo => 'p',
        FileType::Socket => 's',
    };
    let mut letters = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = node.mode >> shift;
        letters.push(if bits & 4 != 0 { 'r' } else { '-' });
        letters.push(if bits & 2 != 0 { 'w' } else { '-' });
        letters.push(match (bits & 1 != 0, node.mode & special != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    letters
}

fn time(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => format!("{seconds:>16}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::fs::NodeId;

    fn file(path: &[u8], kind: Kind, mode: u16) -> (Visit, Node) {
        let visit = Visit { path: path.to_vec(), id: NodeId(0), file_type: kind.file_type() };
        (visit, Node { kind, mode, uid: 0, gid: 30_000, mtime: 315_532_800 })
    }

    #[test]
    fn a_long_line_reads_as_that_of_ls() {
        for ((visit, node), line) in [
            (file(b"/a b", Kind::File { size: 7 }, 0o4555), "-r-sr-xr-x 0/30000            7 1980-01-01 00:00 /a b\n"),
            (
                file(b"/l", Kind::Symlink { target: b"x\n".to_vec() }, 0o777),
                "lrwxrwxrwx 0/30000            2 1980-01-01 00:00 /l -> x\\n\n",
            ),
            (file(b"/t", Kind::Directory, 0o1777), "drwxrwxrwt 0/30000            - 1980-01-01 00:00 /t\n"),
        ] {
            let mut out = Vec::new();
            long_line(&mut out, &visit, &node, Sizes::Bytes).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), line);
        }
    }

    #[test]
    fn a_name_that_is_no_utf8_is_given_raw_too() {
        let mut out = Vec::new();
        let entries =
            [Ok(file(b"/caf\xe9", Kind::File { size: 0 }, 0o444)), Err(Error::NotFound { path: b"/b".to_vec() })];
        json(&mut out, Path::new("a.iso"), &mut Troubles::default(), entries.into_iter()).unwrap();
        let expected = r#"{"schema":"nixoscope.ls.v1","image":"a.iso","entries":[{"path":"/caf\\xe9","pathBase64":"L2NhZuk=","type":"file","size":0,"mode":292,"uid":0,"gid":30000,"mtime":315532800,"target":null,"targetBase64":null}],"troubles":["/b: no such file in the image"]}"#;
        assert_eq!(String::from_utf8(out).unwrap().trim_end(), expected);
    }
}
