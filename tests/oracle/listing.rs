//! Listings of files. Each program prints them differently.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nixoscope::fs::walk::Walk;
use nixoscope::fs::{FileType, Tree};
use sha2::{Digest, Sha256};

use crate::support;

/// A file, without its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The letter of the type, as in `ls -l`.
    pub(crate) letter: char,
    /// The twelve permission bits.
    pub(crate) mode: u16,
    /// Owner and group.
    pub(crate) owner: (u32, u32),
    /// Length in bytes of a regular file.
    pub(crate) size: Option<u64>,
    /// Modification time: in seconds since 1970, or as precise as the tool prints it.
    pub(crate) time: String,
    /// A symbolic link's target.
    pub(crate) target: Option<Vec<u8>>,
}

/// Files by path.
pub(crate) type Listing = Vec<(Vec<u8>, Row)>;

/// The output of `ls -R --json` below a path of the image, without that path. Times are in a format of `strftime`.
pub(crate) fn listed(image: &Path, arguments: &[&str], below: &str, times: &str) -> Listing {
    let output = support::program().args(["ls", "-R", "--json"]).args(arguments).arg(image).arg(below).output();
    let output = output.expect("nixoscope starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), &*errors), (Some(0), ""), "{}", image.display());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a JSON document");
    let entries = document["entries"].as_array().expect("entries");
    let below = below.trim_end_matches('/').len();
    entries.iter().map(|entry| (bytes(entry, "path")[below..].to_vec(), row(entry, times))).collect()
}

fn row(entry: &serde_json::Value, times: &str) -> Row {
    let number = |field: &str| u32::try_from(entry[field].as_u64().expect(field)).expect(field);
    let time = jiff::Timestamp::from_second(entry["mtime"].as_i64().expect("mtime")).expect("a time");
    let letter = match entry["type"].as_str().expect("type") {
        "file" => '-',
        "directory" => 'd',
        "symlink" => 'l',
        "char-device" => 'c',
        "block-device" => 'b',
        "fifo" => 'p',
        "socket" => 's',
        other => panic!("{other} is no type"),
    };
    Row {
        letter,
        mode: u16::try_from(number("mode")).expect("mode"),
        owner: (number("uid"), number("gid")),
        size: entry["size"].as_u64(),
        time: time.strftime(times).to_string(),
        target: (!entry["target"].is_null()).then(|| bytes(entry, "target")),
    }
}

fn bytes(entry: &serde_json::Value, field: &str) -> Vec<u8> {
    match entry[format!("{field}Base64")].as_str() {
        Some(base64) => data_encoding::BASE64.decode(base64.as_bytes()).expect("base64"),
        None => entry[field].as_str().expect(field).as_bytes().to_vec(),
    }
}

/// The permission bits for the nine letters of `ls -l`.
pub(crate) fn mode(letters: &[u8]) -> u16 {
    let mut mode = 0;
    for (index, letter) in letters.iter().enumerate() {
        let bit = 0o400 >> index;
        let special = 0o4000 >> (index / 3);
        mode |= match letter {
            b'-' => 0,
            b's' | b't' => bit | special,
            b'S' | b'T' => special,
            _ => bit,
        };
    }
    mode
}

/// Asserts that two listings are the same, and prints only the differences.
pub(crate) fn same(image: &Path, ours: &[(Vec<u8>, Row)], theirs: &[(Vec<u8>, Row)]) {
    let differing = |one: &[(Vec<u8>, Row)], other: &[(Vec<u8>, Row)]| -> Vec<String> {
        let all: std::collections::HashMap<_, _> = other.iter().map(|(path, row)| (path, row)).collect();
        let rows = one.iter().filter(|(path, row)| all.get(path) != Some(&row));
        rows.map(|(path, row)| format!("{} {row:?}", path.escape_ascii())).collect()
    };
    let (left, right) = (differing(ours, theirs), differing(theirs, ours));
    assert_eq!(left, right, "{}: nixoscope's listing, and the tool's", image.display());
    assert_eq!(ours.len(), theirs.len(), "{}: number of files", image.display());
}

/// Asserts that every regular file of the tree has the same bytes as the file extracted below `folder`.
pub(crate) fn same_bytes(image: &Path, tree: &dyn Tree, folder: &Path) {
    let mut files = 0;
    for visit in Walk::new(tree, tree.root(), b"/") {
        let visit = visit.unwrap_or_else(|error| panic!("{}: {error}", image.display()));
        if visit.file_type != FileType::File {
            continue;
        }
        let extracted = below(folder, &visit.path);
        let theirs = digest(File::open(&extracted).unwrap_or_else(|error| panic!("{}: {error}", extracted.display())));
        let ours = tree.open(visit.id).map_err(io::Error::from).map(digest);
        let ours = ours.unwrap_or_else(|error| panic!("{}: {error}", image.display()));
        assert_eq!(ours, theirs, "{}: bytes of {}", image.display(), visit.path.escape_ascii());
        files += 1;
    }
    assert!(files > 0, "{}: no file was compared", image.display());
}

/// The path below a folder of the host for a path of the image.
pub(crate) fn below(folder: &Path, path: &[u8]) -> PathBuf {
    folder.join(std::ffi::OsStr::from_bytes(&path[1..]))
}

fn digest(mut reader: impl Read) -> (u64, [u8; 32]) {
    let (mut hash, mut length, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        let filled = reader.read(&mut buffer).expect("the contents of a file");
        if filled == 0 {
            return (length, hash.finalize().into());
        }
        hash.update(&buffer[..filled]);
        length += filled as u64;
    }
}

/// A folder that is removed after the test, even if the files in it have unusual permissions.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("nixoscope-oracle-").tempdir().expect("a temporary folder")
}

/// The only file in a folder.
pub(crate) fn only_file(folder: &Path) -> PathBuf {
    let mut listing = fs::read_dir(folder).expect("a folder");
    let file = listing.next().expect("a file").expect("a file").path();
    assert!(listing.next().is_none(), "{} holds several files", folder.display());
    file
}
